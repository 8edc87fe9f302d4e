"""Weights alone as integers in blocks: the numbers, and how the runtime reads them."""

"""Quantization-aware training: steps that learn, and the integer graph that has them."""

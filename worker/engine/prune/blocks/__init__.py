"""Whole residual blocks."""

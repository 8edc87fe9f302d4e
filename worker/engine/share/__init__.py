"""Weights that share their values."""

"""Whole attention heads."""

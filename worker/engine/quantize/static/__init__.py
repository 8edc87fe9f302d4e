"""Integers with calibrated ranges."""

"""Removing single weights."""

"""Layers one by one: where their weights stand, what they multiply with, errors fed back."""

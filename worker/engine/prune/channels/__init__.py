"""Removing channels and neurons with all that is coupled to them."""

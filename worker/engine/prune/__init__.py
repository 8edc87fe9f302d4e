"""Removing channels together with everything that is coupled to them."""

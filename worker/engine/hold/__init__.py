"""Weights that training must keep in a form: masks, shared values, multiples of a step."""

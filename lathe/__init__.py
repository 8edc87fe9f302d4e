"""Lathe's words: the job spec, the techniques, the views and the errors that every room speaks."""

__version__ = "0.1.0"

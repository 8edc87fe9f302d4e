"""The words every room speaks: job spec, techniques, views, errors; and the client."""

__version__ = "0.1.0"

"""`make docs`: the pages of docs/techniques, from specs, docstrings and measured results."""

"""The pages of docs/reference that come from code."""

"""Rows, statements and blobs: the only room that speaks SQL or touches the object store."""

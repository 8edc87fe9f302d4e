"""`make bench-transfer`: large bodies in and out, against the bare server underneath."""

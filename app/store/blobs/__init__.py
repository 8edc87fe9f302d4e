"""Bytes: written, hashed, read and listed, in a folder or in an S3 bucket. Knows no rows."""

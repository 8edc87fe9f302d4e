"""Resumable uploads: where their bytes are kept until they are whole, and what is made of them.

`Staging` is the one entrance; `in_folder` and `in_bucket` are its two places.
"""

"""The heads of typical models, from which a mixer learns before the first token."""

PRESET = b""

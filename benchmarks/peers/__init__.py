"""Lathe beside its peers on the same models, data and calibration: `make bench-peers`.

`cases` says what is compressed and how it is judged, `contenders` who compresses it and how.
Every peer is a script of `tools/` in an environment of its own, .venv-peers.
"""

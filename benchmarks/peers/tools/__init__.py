"""One script a peer. Run in .venv-peers, where none of Lathe's packages are: `python -m
benchmarks.peers.tools.<name>` as its docstring says. Each is a fresh process, measured whole.
"""

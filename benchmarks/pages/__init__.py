"""How long each page takes with a full database: `python -m benchmarks.pages`."""

"""How fast the service answers the reads that clients repeat: `python -m benchmarks.api`."""

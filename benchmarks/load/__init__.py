"""Whether a loaded API still answers at once: `python -m benchmarks.load`."""

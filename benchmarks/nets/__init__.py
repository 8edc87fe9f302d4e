"""Published networks that benchmarks compress: torch and their weights, nothing of Lathe."""

"""Side-by-side measurements; every target exits 1 when a figure is missed."""

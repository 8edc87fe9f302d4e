"""Rate against distortion after training: grids and codes from a few inputs, or none."""

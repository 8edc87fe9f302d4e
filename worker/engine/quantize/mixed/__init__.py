"""quantize.mixed: integers of as many bits as each layer needs."""

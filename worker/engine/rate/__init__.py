"""Rate against distortion: weights on a grid whose codes cost few bits."""

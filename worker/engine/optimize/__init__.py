"""Clean-up of the ONNX graph that keeps its function and its names."""

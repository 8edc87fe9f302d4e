"""Units that lie along axes of an ONNX graph's values, found and cut on the graph itself."""

"""The head of a packed file: the ONNX file without its tensors, and how each is coded."""

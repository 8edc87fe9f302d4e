"""Reading an ONNX graph: its doors, tensors, layers, shapes and costs. Nothing here runs it."""

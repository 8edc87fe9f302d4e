"""The service: HTTP routes, settings, auth, page. Never torch, onnx or onnxruntime."""

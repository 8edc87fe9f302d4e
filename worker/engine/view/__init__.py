"""The torch view of an ONNX model: real modules to train and prune, written back by name."""

from worker.engine.view.torch_view import TorchView, blocking_operators, torch_view
from worker.engine.view.write_back import write_back

forward = TorchView.forward

__all__ = ["TorchView", "blocking_operators", "forward", "torch_view", "write_back"]

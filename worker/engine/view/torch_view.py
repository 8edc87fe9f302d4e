"""A model as torch modules, with what is needed to write them back into its file."""

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from lathe.errors import StepImpossible
from worker.engine.context import Arrays
from worker.engine.view.binding import AttributeBinding, Binding
from worker.engine.view.importer import build, graph_module
from worker.engine.view.modules import Free
from worker.engine.view.recurrent import Recurrent

WEIGHTED = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
    nn.ConvTranspose3d, nn.Linear, nn.Embedding, Recurrent,
)  # fmt: skip


@dataclass
class TorchView:
    """`module` takes the model's inputs in order and gives a tuple of its outputs.

    Floats are float32 whatever the file holds. `layers` maps a layer id (its weight's name in
    the ONNX graph) to a module path. Train, prune or move `module` as any other; nothing in
    it refers to a device or, where the file's batch axis is symbolic, to a batch size.
    """

    module: fx.GraphModule
    layers: dict[str, str]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    bindings: tuple[Binding, ...]
    attributes: tuple[AttributeBinding, ...]
    dropped: tuple[tuple[str, int], ...]

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Outputs by ONNX name, from inputs by ONNX name; gradients flow."""
        return dict(zip(self.output_names, self.module(*self.arguments(inputs)), strict=True))

    def arguments(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        """What `module` takes, from inputs by ONNX name."""
        tensors = (inputs[name] for name in self.input_names)
        return [tensor.float() if tensor.is_floating_point() else tensor for tensor in tensors]

    def outputs(self, inputs: Arrays) -> Arrays:
        """`forward` on arrays without gradients, where the module lies, in its present mode."""
        device = self.device
        tensors = {name: _tensor(array).to(device) for name, array in inputs.items()}
        with torch.no_grad():
            results = self.forward(tensors)
        return {name: tensor.detach().cpu().numpy() for name, tensor in results.items()}

    @property
    def device(self) -> torch.device:
        """Where the module lies."""
        tensors = (*self.module.parameters(), *self.module.buffers())
        return tensors[0].device if tensors else torch.device("cpu")

    def free_parameters(self) -> dict[str, nn.Parameter]:
        """Trained tensors that belong to no layer, by the path of the Free that holds them."""
        return {
            path: module.value
            for path, module in self.module.named_modules()
            if isinstance(module, Free)
        }

    def output_modules(self) -> tuple[str, ...]:
        """Paths of the layers that reach an output with no other layer between: their output
        channels are the model's own and have to stay."""
        found: dict[str, None] = {}
        seen: set[fx.Node] = set()
        waiting = [node for node in self.module.graph.nodes if node.op == "output"]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            if node.op == "call_module" and self._weighted(node):
                found[str(node.target)] = None
            else:
                waiting.extend(node.all_input_nodes)
        return tuple(sorted(found))

    def _weighted(self, node: fx.Node) -> bool:
        return isinstance(self.module.get_submodule(str(node.target)), WEIGHTED)


def _tensor(array: NDArray[np.generic]) -> Tensor:
    """A copy: the array may be a read-only map. Bfloat16, which numpy lacks, as float32."""
    return torch.from_numpy(array.copy() if array.dtype.kind in "fiub" else array.astype("f4"))


def torch_view(model: onnx.ModelProto) -> TorchView:
    """The view of `model`, on the CPU and in eval mode; `model` is not changed.

    Raises StepImpossible, naming the operators, where some have no form in torch.
    """
    builder, blocking = build(model)
    if blocking:
        raise StepImpossible(
            f"the model cannot be trained or pruned: no torch form for {', '.join(blocking)}; "
            "steps that work on the graph alone are still possible"
        )
    module = graph_module(builder)
    paths = {path for path, _ in module.named_modules()}
    return TorchView(
        module=module,
        layers={name: path for name, path in builder.layers.items() if path in paths},
        input_names=tuple(builder.source.inputs),
        output_names=tuple(builder.source.outputs),
        bindings=tuple(b for b in builder.bindings if b.path in paths),
        attributes=tuple(a for a in builder.attributes if a.path in paths),
        dropped=tuple(builder.dropped),
    )


def blocking_operators(model: onnx.ModelProto) -> tuple[str, ...]:
    """Operators that keep `model` from having a view: `Op`, `Op(why)` or `domain::Op`, sorted.

    It is empty exactly where `torch_view` succeeds: both build the same way.
    """
    return build(model, weightless=True)[1]

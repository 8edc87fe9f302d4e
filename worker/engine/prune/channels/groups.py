"""Which channels are coupled: the one place that asks torch-pruning.

Dependency graph: Fang, Ma, Song, Mi and Wang, "DepGraph: Towards Any Structural Pruning",
CVPR 2023, arXiv:2301.12900. torch-pruning reads it off one forward pass's autograd graph
and takes every operator it does not know for an elementwise one, so what it finds is a
guess until `proof` has cut it. Only its groups are used; scores, budget and cutting are ours.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import torch
import torch_pruning
from torch import fx, nn

from worker.engine.prune.channels.anatomy import side_of, strips
from worker.engine.prune.coupling import ELSEWHERE, Group, LeftAlone, Member
from worker.engine.view import TorchView
from worker.engine.view.modules import Free

NO_WEIGHTS = (
    torch_pruning.ops.OPTYPE.CONCAT,
    torch_pruning.ops.OPTYPE.SPLIT,
    torch_pruning.ops.OPTYPE.UNBIND,
    torch_pruning.ops.OPTYPE.RESHAPE,
    torch_pruning.ops.OPTYPE.EXPAND,
    torch_pruning.ops.OPTYPE.SLICE,
    torch_pruning.ops.OPTYPE.ELEMENTWISE,
)


class _NotCuttable(Exception):  # noqa: N818 - a reason, caught in this file
    """Why a group is left alone."""


def coupled(
    view: TorchView, inputs: dict[str, torch.Tensor], protected: Mapping[str, str]
) -> tuple[list[Group], list[LeftAlone]]:
    """Every group of coupled channels that may be cut, and the layers that may not.

    `inputs` are example inputs by name; `protected` maps module paths to the reason their
    output channels stay. The view's weights are only read.
    """
    with warnings.catch_warnings():
        # an unrolled GRU is deeper than it looks; what it gives up on is left unmapped
        warnings.filterwarnings("ignore", "Maximum recursive depth")
        graph = torch_pruning.DependencyGraph().build_dependency(
            view.module,
            example_inputs=inputs,
            forward_fn=lambda _, example: _with_gradient(view.forward(example)),
            verbose=False,
        )
        guesses = list(graph.get_all_groups())
    reader = _Reader(view.module, protected)
    groups: list[Group] = []
    alone: list[LeftAlone] = []
    for found in guesses:
        try:
            groups.append(reader.group(graph, found))
        except _NotCuttable as reason:
            alone.extend(LeftAlone(path, str(reason)) for path in reader.outputs(graph, found))
    return groups, alone


def _with_gradient(outputs: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
    return [tensor for tensor in outputs.values() if tensor.grad_fn is not None]


class _Reader:
    def __init__(self, module: fx.GraphModule, protected: Mapping[str, str]) -> None:
        self.paths = {m: path for path, m in module.named_modules() if path}
        self.owners = {
            id(m.value): path for m, path in self.paths.items() if isinstance(m, Free)
        }
        self.protected = protected
        self.module = module
        self.holders: dict[int, set[str]] = {}
        for path, part in module.named_modules():
            for tensor in part.parameters(recurse=False):
                self.holders.setdefault(id(tensor), set()).add(path)
        self.called = Counter(
            str(node.target) for node in module.graph.nodes if node.op == "call_module"
        )

    def group(self, graph: torch_pruning.DependencyGraph, found: torch_pruning.Group) -> Group:
        """Our form of a group; raises _NotCuttable."""
        root = found[0].dep.target.module
        units = graph.get_out_channels(root)
        members = [
            self.member(graph, item, units)
            for item in found
            if item.dep.target.type not in NO_WEIGHTS
        ]
        for member in members:
            self.shared_alike(member, members)
        return Group(units, tuple(members))

    def shared_alike(self, member: Member, members: list[Member]) -> None:
        """Raises _NotCuttable unless all that share a tensor are cut alike, so that they can
        go on sharing it."""
        module = self.module.get_submodule(member.path)
        alike = {m.path for m in members if np.array_equal(m.unit, member.unit)}
        for strip in strips(module, member.side):
            others = self.holders.get(id(getattr(module, strip.name)), set()) - alike
            if others:
                raise _NotCuttable(f"{member.path} shares its {strip.name} with {min(others)}")

    def outputs(
        self, graph: torch_pruning.DependencyGraph, found: torch_pruning.Group
    ) -> Iterator[str]:
        """Paths of the modules that make the group's channels or pass them on."""
        for item in found:
            module = item.dep.target.module
            if isinstance(module, nn.Module) and module in self.paths:
                output = graph.is_out_channel_pruning_fn(item.dep.handler)
                if side_of(module, output=output) != "in":
                    yield self.paths[module]

    def member(
        self,
        graph: torch_pruning.DependencyGraph,
        item: torch_pruning.dependency.group._helpers.GroupItem,
        units: int,
    ) -> Member:
        target = item.dep.target
        if target.type == torch_pruning.ops.OPTYPE.OUTPUT:
            raise _NotCuttable("its channels are a model output")
        path, module = self.place(target.module)
        side = side_of(module, output=graph.is_out_channel_pruning_fn(item.dep.handler))
        if side == "out" and path in self.protected:
            raise _NotCuttable(self.protected[path])
        along = strips(module, side)
        if not along:
            raise _NotCuttable(f"{path} ({type(module).__name__}) cannot be narrowed")
        if self.called[path] > 1:
            raise _NotCuttable(f"{path} is used in several places")
        length = getattr(module, along[0].name).shape[along[0].axis]
        unit = np.full(length, ELSEWHERE, np.int64)
        strayed = max(item.idxs, default=0) >= length  # a shortcut that pads channels
        if strayed or any(root is None for root in item.root_idxs):
            raise _NotCuttable(f"the channels of {path} cannot be traced to their layer")
        unit[np.asarray(item.idxs, np.int64)] = np.asarray(item.root_idxs, np.int64)
        if unit.max() >= units:
            raise _NotCuttable(f"the channels of {path} cannot be traced to their layer")
        return Member(path, side, unit)

    def place(self, target: nn.Module | nn.Parameter) -> tuple[str, nn.Module]:
        """Where a module or a free tensor lives in the view."""
        if isinstance(target, nn.Parameter):
            path = self.owners.get(id(target))
            if path is None:
                raise _NotCuttable("a tensor on the way belongs to no known layer")
            return path, next(m for m, known in self.paths.items() if known == path)
        return self.paths[target], target

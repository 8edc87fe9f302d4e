"""When enough blocks are gone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx

from lathe.errors import BudgetUnreachable, StepImpossible
from lathe.techniques.prune import PruneBlocks
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.prune.blocks.bypass import Block, without

Cost = Callable[[onnx.ModelProto], int | None]


@dataclass(frozen=True, slots=True)
class Goal:
    """`remove` blocks gone; or where that is None, a model that costs at most `most`. `param`
    is the field that asks for it."""

    param: str
    remove: int | None = None
    most: float = 0.0
    cost: Cost = parameters

    def met(self, model: onnx.ModelProto, gone: int) -> bool:
        """Whether `model`, from which `gone` blocks are gone, is small enough."""
        if self.remove is not None:
            return gone >= self.remove
        cost = self.cost(model)
        return cost is not None and cost <= self.most

    def tries(self, blocks: int) -> int:
        """How many times one of `blocks` blocks is left out at most, each time anew."""
        gone = blocks if self.remove is None else self.remove
        return sum(range(blocks - gone + 1, blocks + 1))


def goal_of(spec: PruneBlocks, model: onnx.ModelProto, blocks: Sequence[Block]) -> Goal:
    """The goal of `spec`; raises BudgetUnreachable where `model` without all of `blocks` does
    not meet it, StepImpossible where its MACs cannot be counted."""
    if spec.remove is not None:
        if spec.remove > len(blocks):
            raise BudgetUnreachable(
                f"remove {spec.remove} cannot be reached: {len(blocks)} blocks can go",
                param="remove",
            )
        return Goal("remove", remove=spec.remove)
    param, keep, cost = _asked(spec)
    total, least = cost(model), cost(without(model, blocks))
    if total is None or least is None or not total:
        raise StepImpossible(
            "the MACs of this model cannot be counted, because a shape in it is unknown; give "
            "keep_parameters or remove instead",
            param=param,
        )
    if least > keep * total:
        raise BudgetUnreachable(
            f"{param} {keep:g} cannot be reached: without any of {len(blocks)} blocks "
            f"{least / total:.4f} is left",
            param=param,
        )
    return Goal(param, most=keep * total, cost=cost)


def _asked(spec: PruneBlocks) -> tuple[str, float, Cost]:
    if spec.keep_parameters is not None:
        return "keep_parameters", spec.keep_parameters, parameters
    return "keep_macs", spec.keep_macs or 0.0, macs

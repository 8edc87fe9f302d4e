"""Which residual blocks go."""

from collections.abc import Sequence

import onnx

from lathe.errors import BudgetUnreachable
from worker.engine.context import Arrays, Context
from worker.engine.pace import Pace
from worker.engine.prune.blocks.bypass import Block, without
from worker.engine.prune.blocks.goal import Goal
from worker.engine.prune.blocks.influence import answers, change, influences

CHOSEN = 0.9  # fraction of the step when blocks are chosen


class Chooser:
    """Takes `blocks` out of `model` until `goal` is met, looking at `batches`. `wanted` is what
    the whole model answers to them."""

    def __init__(
        self,
        model: onnx.ModelProto,
        blocks: Sequence[Block],
        goal: Goal,
        batches: Sequence[Arrays],
        context: Context,
    ) -> None:
        self._model, self._blocks, self._goal = model, blocks, goal
        self._batches, self._context = batches, context
        self.wanted = answers(model, batches, context.threads)

    def in_order(self) -> list[Block]:
        """Those of least influence, as it is before any goes. Raises BudgetUnreachable."""
        found = influences(self._model, self._blocks, self._batches, self._context.threads)
        order = sorted(zip(found, self._blocks, strict=True), key=lambda pair: pair[0])
        gone: list[Block] = []
        for _, block in order:
            left = without(self._model, gone)
            if self._goal.met(left, len(gone)):
                break
            if block.stands(left.graph):
                gone.append(block)
        return self._enough(gone)

    def one_by_one(self) -> list[Block]:
        """Each time the one without which the answers are least far from those of the whole
        model; the first of equal ones. Raises BudgetUnreachable."""
        tries = self._goal.tries(len(self._blocks))
        pace = Pace(self._context.progress, tries, "blocks tried", last=CHOSEN)
        gone: list[Block] = []
        while not self._goal.met(left := without(self._model, gone), len(gone)):
            changes: list[tuple[float, Block]] = []
            for block in self._blocks:
                if block.stands(left.graph):
                    changes.append((self._change([*gone, block]), block))
                    pace.add(1)
            if not changes:
                break
            gone.append(min(changes, key=lambda pair: pair[0])[1])
        pace.finish()
        return self._enough(gone)

    def _change(self, gone: Sequence[Block]) -> float:
        tried = without(self._model, gone)
        return change(self.wanted, answers(tried, self._batches, self._context.threads))

    def _enough(self, gone: list[Block]) -> list[Block]:
        if not self._goal.met(without(self._model, gone), len(gone)):
            raise BudgetUnreachable(
                f"{self._goal.param} cannot be reached: {len(gone)} blocks are all that can go "
                "one by one, as others stand inside them",
                param=self._goal.param,
            )
        return gone

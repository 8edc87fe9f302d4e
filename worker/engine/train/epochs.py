"""One epoch at a time: which examples are read, learnt from and judged.

Weights may be held in a form (see `hold`): the model then computes, is judged and is kept
with their effective values, while the optimiser moves latent ones.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from lathe.errors import StepImpossible, TrainingDiverged
from lathe.techniques.train import Training
from worker.engine.context import Context, Samples
from worker.engine.hold.held import Held
from worker.engine.pace import Pace
from worker.engine.train.augmentation import augmentation
from worker.engine.train.batches import Batch, Rows, batches
from worker.engine.train.hold_out import hold_out
from worker.engine.train.lesson import Lesson
from worker.engine.train.optimizer import optimizer
from worker.engine.train.schedule import rate_factor
from worker.engine.train.state import (
    Parts,
    fits,
    generators,
    optimizer_tensors,
    restore_generators,
    restore_optimizer,
)

Forward = Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
JUDGED_TOGETHER = 256  # examples a forward pass of the held-out part, where a batch is smaller


class Epochs:
    """Of one run over the train split of `context`; `module` is trained in place.

    Raises StepImpossible for data or a model that cannot be trained with.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        forward: Forward,
        spec: Training,
        lesson: Lesson,
        context: Context,
        held: Held,
    ) -> None:
        if context.train is None:
            raise StepImpossible("training needs a train split", param="data.train")
        self.samples: Samples = context.train
        if lesson.reads_labels and not self.samples.has_labels:
            raise StepImpossible("the train split has no labels", param="data.train")
        self.module, self.forward, self.spec, self.lesson = module, forward, spec, lesson
        self.held, self.device, self.seed = held, context.device, context.seed
        self.rows = hold_out(self.samples.count, spec.hold_out, context.hold_out_seed)
        self.augmentation = augmentation(spec.augment, self.samples, context.seed)
        self.a_epoch = min(len(self.rows.train), spec.max_samples or len(self.rows.train))
        self.steps = spec.epochs * math.ceil(self.a_epoch / spec.batch_size)
        train, judged = len(self.rows.train), len(self.rows.held)
        shown = min(train, judged) + judged + spec.epochs * (self.a_epoch + judged)
        self.pace = Pace(context.progress, total=shown, unit="examples")
        self.lone_too = not self._has_batch_norm()
        if not self.lone_too and min(spec.batch_size, self.a_epoch) == 1:
            raise StepImpossible(
                "BatchNormalization cannot learn from a batch of 1; raise batch_size",
                param="batch_size",
            )

    def _has_batch_norm(self) -> bool:
        norms = torch.nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the family's only root
        return any(isinstance(m, norms) for m in self.module.modules())

    def begin(self) -> None:
        """To the device, with an optimiser; raises StepImpossible where nothing can learn."""
        self.module.to(self.device)
        self.optimizer = optimizer(self.spec.optimizer, self._weights(), self.held.own())
        self.step = 0

    def _weights(self) -> list[torch.nn.Parameter]:
        """What the optimiser may move in the module; raises StepImpossible where it has
        nothing at all to move."""
        taken = {id(parameter) for parameter in self.held.taken()}
        trained = [p for p in self.module.parameters() if p.requires_grad]
        free = [p for p in trained if id(p) not in taken]
        if not trained:
            raise StepImpossible("the model has no float weights to train")
        if not free and not self.held.own():
            raise StepImpossible("every weight of the model is held as it is by earlier steps")
        return free

    @contextmanager
    def effective(self) -> Iterator[None]:
        """With the weights that the model computes with."""
        self.held.before()
        try:
            yield
        finally:
            self.held.after()

    def learn(self, epoch: int) -> float | None:
        """One epoch; its mean loss, or None where a step's loss was not finite."""
        order = self._order(epoch)
        self.lesson.prepare(order, self._tick)
        self.module.train()
        total, seen = 0.0, 0
        for batch in self._read(order, self.spec.batch_size, lone_too=self.lone_too):
            factor = rate_factor(self.spec.schedule, self.step, self.steps, self.spec.warmup)
            for group in self.optimizer.param_groups:
                group["lr"] = self.spec.optimizer.lr * factor * group["lr_factor"]
            self.held.hear(self.step, self.steps)
            with self.effective():
                value = self._pass_back(batch)
            if value is None:
                return None
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.held.settle()
            self.step += 1
            total, seen = total + value * batch.examples, seen + batch.examples
        return total / seen

    def _pass_back(self, batch: Batch) -> float | None:
        """A batch's loss, its gradients in place; None where it is not finite."""
        loss = self.lesson.loss(self.forward(batch.inputs), batch)
        value = loss.item()
        if not math.isfinite(value):
            if self.step == 0:
                raise TrainingDiverged(
                    f"the very first training loss is {value}; look for values in the "
                    "train split that are missing or far out of range",
                    param="data.train",
                )
            return None
        if not loss.requires_grad:
            raise StepImpossible("no float weight reaches the trained output")
        torch.autograd.backward(loss)
        return value

    def _order(self, epoch: int) -> Rows:
        """This epoch's rows, drawn anew from the seed and the epoch."""
        shuffled = np.random.default_rng((self.seed, epoch)).permutation(self.rows.train)
        chosen = shuffled[: self.a_epoch]
        return self.augmentation.choose(chosen, epoch) if self.augmentation else chosen

    def judge(self, rows: Rows) -> tuple[float, float]:
        """Mean loss and score over `rows`, in eval mode."""
        self.lesson.prepare(rows, self._tick)
        self.module.eval()
        loss, score = 0.0, 0.0
        with torch.no_grad():
            for batch in self._read(rows, max(self.spec.batch_size, JUDGED_TOGETHER)):
                outputs = self.forward(batch.inputs)
                share = batch.examples / len(rows)
                loss += self.lesson.loss(outputs, batch).item() * share
                score += self.lesson.score(outputs, batch) * share
        return loss, score

    def _tick(self) -> None:
        self.pace.add(0)

    def _read(self, rows: Rows, size: int, *, lone_too: bool = True) -> Iterator[Batch]:
        labels = self.lesson.reads_labels
        for batch in batches(
            self.samples,
            rows,
            size,
            self.device,
            labels=labels,
            lone_too=lone_too,
            augmentation=self.augmentation,
        ):
            yield batch
            self.pace.add(batch.examples)

    def state(self) -> Parts:
        """Everything that the next epoch depends on, but for its number."""
        return {
            "module": self.module.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "random": generators(self.device),
        }

    def resume(self, parts: Parts, step: int, epochs: int) -> bool:
        """Go on from `parts` after `epochs` and `step` steps of the optimiser; False, and
        nothing is changed, where they are of another model."""
        if not fits(parts["module"], self.module.state_dict()):
            return False
        self.module.load_state_dict(parts["module"])
        restore_optimizer(self.optimizer, parts.get("optimizer", {}))
        restore_generators(self.device, parts["random"])
        self.step = step
        held_out = len(self.rows.held)
        self.pace.add(min(len(self.rows.train), held_out) + held_out)
        self.pace.add(epochs * (self.a_epoch + held_out))
        return True

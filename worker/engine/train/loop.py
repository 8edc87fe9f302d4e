"""The training loop: epochs over shuffled batches, judged on a held-out part of train.

Epoch 0 is the model as it came. The weights that stay are those of the best epoch by the
held-out score, epoch 0 included. A loss that is not finite ends the run with the best so
far; only a run whose first step already has none is refused as diverged.

Weights may be held in a form (see `hold`): the model then computes, is judged and is kept
with their effective values, while the optimiser moves latent ones. An epoch that the holder
is not ready for, because a schedule of its own still runs, is never the best.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from lathe.errors import StepImpossible, TrainingDiverged
from lathe.techniques.train import Training
from worker.engine.context import Context, Samples
from worker.engine.hold.held import Held
from worker.engine.pace import Pace
from worker.engine.threads import torch_threads
from worker.engine.train.augmentation import augmentation
from worker.engine.train.batches import Batch, Rows, batches
from worker.engine.train.best import Best
from worker.engine.train.hold_out import hold_out
from worker.engine.train.lesson import Lesson
from worker.engine.train.optimizer import optimizer
from worker.engine.train.schedule import rate_factor

Forward = Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
Stopped = Literal["epochs", "patience", "loss_not_finite"]
JUDGED_TOGETHER = 256  # examples a forward pass of the held-out part, where a batch is smaller


@dataclass(frozen=True, slots=True)
class Fitted:
    """How a run went; `curve` is a row an epoch: epoch, train loss, held-out score."""

    curve: tuple[tuple[float, ...], ...]
    best_epoch: int
    stopped: Stopped
    train_examples: int
    held_out_examples: int

    @property
    def facts(self) -> dict[str, float | int | str]:
        """The run as flat facts; a score is higher when better."""
        return {
            "epochs_run": len(self.curve) - 1,
            "best_epoch": self.best_epoch,
            "stopped_by": self.stopped,
            "train_examples": self.train_examples,
            "held_out_examples": self.held_out_examples,
            "held_out_score_before": self.curve[0][2],
            "held_out_score_after": self.curve[self.best_epoch][2],
        }


def fit(
    module: torch.nn.Module,
    forward: Forward,
    spec: Training,
    lesson: Lesson,
    context: Context,
    held: Held | None = None,
) -> Fitted:
    """Train `module` in place; it is left in eval mode on the CPU with its best weights.

    `forward` runs it on inputs by name. `held` was made of its parameters as they are now,
    on the device where they are trained; None leaves all weights free. The same seed gives
    the same weights on a CPU.
    Raises StepImpossible for data or a model that cannot be trained with, before any step,
    and TrainingDiverged.
    """
    run = _Run(module, forward, spec, lesson, context, held or Held())
    devices = [context.device] if context.device.type == "cuda" else []
    with torch_threads(context.threads), torch.random.fork_rng(devices):
        torch.manual_seed(context.seed)
        try:
            return run.fit()
        finally:
            module.to("cpu").eval()


class _Run:
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
        self.best = Best(spec.early_stopping)
        self.lone_too = not self.has_batch_norm()
        if not self.lone_too and min(spec.batch_size, self.a_epoch) == 1:
            raise StepImpossible(
                "BatchNormalization cannot learn from a batch of 1; raise batch_size",
                param="batch_size",
            )

    def has_batch_norm(self) -> bool:
        norms = torch.nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the family's only root
        return any(isinstance(m, norms) for m in self.module.modules())

    def fit(self) -> Fitted:
        self.module.to(self.device)
        self.optimizer = optimizer(self.spec.optimizer, self.weights(), self.held.own())
        self.step = 0
        with self.effective():
            before, _ = self.judge(self.rows.train[: len(self.rows.held)])
            loss, score = self.judge(self.rows.held)
            self.offer(0, score, loss)
        curve: list[tuple[float, ...]] = [(0.0, before, score)]
        stopped: Stopped = "epochs"
        for epoch in range(1, self.spec.epochs + 1):
            train_loss = self.learn(epoch)
            if train_loss is None:
                stopped = "loss_not_finite"
                break
            with self.effective():
                loss, score = self.judge(self.rows.held)
                if not math.isfinite(loss):
                    stopped = "loss_not_finite"
                    break
                curve.append((float(epoch), train_loss, score))
                if self.offer(epoch, score, loss):
                    stopped = "patience" if epoch < self.spec.epochs else "epochs"
                    break
        if not self.best.state:
            raise TrainingDiverged(
                "the model's held-out score is not a number, before and after training"
                if self.held.ready
                else "the loss was no longer finite before the schedule had ended; lower "
                "optimizer.lr"
            )
        self.module.load_state_dict(self.best.state)
        self.held.finish()
        self.pace.finish()
        return Fitted(
            curve=tuple(curve),
            best_epoch=self.best.epoch,
            stopped=stopped,
            train_examples=len(self.rows.train),
            held_out_examples=len(self.rows.held),
        )

    def weights(self) -> list[torch.nn.Parameter]:
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

    def offer(self, epoch: int, score: float, loss: float) -> bool:
        """Let the weights of now be the best if they may and are; whether to stop."""
        if not self.held.ready:
            return False
        stop = self.best.offer(epoch, score, loss, self.module)
        if self.best.epoch == epoch:
            self.held.keep()
        return stop

    def learn(self, epoch: int) -> float | None:
        """One epoch; its mean loss, or None where a step's loss was not finite."""
        order = self.order(epoch)
        self.lesson.prepare(order, self.tick)
        self.module.train()
        total, seen = 0.0, 0
        for batch in self.read(order, self.spec.batch_size, lone_too=self.lone_too):
            factor = rate_factor(self.spec.schedule, self.step, self.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = self.spec.optimizer.lr * factor * group["lr_factor"]
            self.held.hear(self.step, self.steps)
            with self.effective():
                value = self.pass_back(batch)
            if value is None:
                return None
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.held.settle()
            self.step += 1
            total, seen = total + value * batch.examples, seen + batch.examples
        return total / seen

    def pass_back(self, batch: Batch) -> float | None:
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

    def order(self, epoch: int) -> Rows:
        """This epoch's rows, drawn anew from the seed and the epoch."""
        shuffled = np.random.default_rng((self.seed, epoch)).permutation(self.rows.train)
        chosen = shuffled[: self.a_epoch]
        return self.augmentation.choose(chosen, epoch) if self.augmentation else chosen

    def judge(self, rows: Rows) -> tuple[float, float]:
        """Mean loss and score over `rows`, in eval mode."""
        self.lesson.prepare(rows, self.tick)
        self.module.eval()
        loss, score = 0.0, 0.0
        with torch.no_grad():
            for batch in self.read(rows, max(self.spec.batch_size, JUDGED_TOGETHER)):
                outputs = self.forward(batch.inputs)
                share = batch.examples / len(rows)
                loss += self.lesson.loss(outputs, batch).item() * share
                score += self.lesson.score(outputs, batch) * share
        return loss, score

    def tick(self) -> None:
        self.pace.add(0)

    def read(self, rows: Rows, size: int, *, lone_too: bool = True) -> Iterator[Batch]:
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

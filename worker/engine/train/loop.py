"""The training loop: epochs over shuffled batches, judged on a held-out part of train.

Epoch 0 is the model as it came. The weights that stay are those of the best epoch by the
held-out score, epoch 0 included. A loss that is not finite ends the run with the best so
far; only a run whose first step already has none is refused as diverged. An epoch that the
holder of weights is not ready for, because a schedule of its own still runs, is never the
best.

After an epoch everything that the next one depends on may be written down (see state.py). A
run that begins with such a state goes on behind that epoch, and on a CPU ends with the very
weights that it would have had.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from lathe.errors import TrainingDiverged
from lathe.techniques.train import Training
from worker.engine.context import Context
from worker.engine.hold.held import Held
from worker.engine.threads import torch_threads
from worker.engine.train.best import Best
from worker.engine.train.epochs import Epochs, Forward
from worker.engine.train.lesson import Lesson
from worker.engine.train.state import State, Trainings, fits

Stopped = Literal["epochs", "patience", "loss_not_finite"]


@dataclass(frozen=True, slots=True)
class Fitted:
    """How a run went; `curve` is a row an epoch: epoch, train loss, held-out score.

    Of `train_examples` every epoch reads all or `max_samples`; one counts in `examples_seen`
    as often as it was read.
    """

    curve: tuple[tuple[float, ...], ...]
    best_epoch: int
    stopped: Stopped
    train_examples: int
    examples_seen: int
    held_out_examples: int
    resumed_after: int | None = None

    @property
    def facts(self) -> dict[str, float | int | str | None]:
        """The run as flat facts; a score is higher when better. `resumed_after_epoch` is set
        where an earlier attempt had got so far."""
        return {
            "epochs_run": len(self.curve) - 1,
            "best_epoch": self.best_epoch,
            "stopped_by": self.stopped,
            "train_examples": self.train_examples,
            "examples_seen": self.examples_seen,
            "held_out_examples": self.held_out_examples,
            "held_out_score_before": self.curve[0][2],
            "held_out_score_after": self.curve[self.best_epoch][2],
            "resumed_after_epoch": self.resumed_after,
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
    epochs = Epochs(module, forward, spec, lesson, context, held or Held())
    run = _Run(epochs, spec, context.trainings)
    devices = [context.device] if context.device.type == "cuda" else []
    with torch_threads(context.threads), torch.random.fork_rng(devices):
        torch.manual_seed(context.seed)
        try:
            return run.fitted()
        finally:
            module.to("cpu").eval()


class _Run:
    def __init__(self, epochs: Epochs, spec: Training, trainings: Trainings) -> None:
        self.epochs, self.spec, self.trainings = epochs, spec, trainings
        self.best = Best(spec.early_stopping)
        self.curve: list[tuple[float, ...]] = []
        self.stopped: Stopped = "epochs"
        self.ended = False

    def fitted(self) -> Fitted:
        self.epochs.begin()
        found = self.trainings.begin()
        resumed = found is not None and self.resume(found)
        after = len(self.curve) - 1 if resumed else None
        if not resumed:
            self.look()
        if not self.ended:
            self.run()
        self.trainings.end(self.result)
        self.epochs.module.load_state_dict(self.best.state)
        self.epochs.held.finish()
        self.epochs.pace.finish()
        return Fitted(
            curve=tuple(self.curve),
            best_epoch=self.best.epoch,
            stopped=self.stopped,
            train_examples=len(self.epochs.rows.train),
            examples_seen=(len(self.curve) - 1) * self.epochs.a_epoch,
            held_out_examples=len(self.epochs.rows.held),
            resumed_after=after,
        )

    def look(self) -> None:
        """Epoch 0: the model as it came."""
        rows = self.epochs.rows
        with self.epochs.effective():
            before, _ = self.epochs.judge(rows.train[: len(rows.held)])
            loss, score = self.epochs.judge(rows.held)
            self.offer(0, score, loss)
        self.curve.append((0.0, before, score))

    def run(self) -> None:
        """The epochs that are left."""
        for epoch in range(len(self.curve), self.spec.epochs + 1):
            if self.stops(epoch):
                break
            self.trainings.offer(self.state)
        if not self.best.state:
            raise TrainingDiverged(
                "the model's held-out score is not a number, before and after training"
                if self.epochs.held.ready
                else "the loss was no longer finite before the schedule had ended; lower "
                "optimizer.lr"
            )

    def stops(self, epoch: int) -> bool:
        """One epoch; whether it is the last one, and `stopped` says why."""
        train_loss = self.epochs.learn(epoch)
        if train_loss is None:
            self.stopped = "loss_not_finite"
            return True
        with self.epochs.effective():
            loss, score = self.epochs.judge(self.epochs.rows.held)
            if not math.isfinite(loss):
                self.stopped = "loss_not_finite"
                return True
            self.curve.append((float(epoch), train_loss, score))
            if self.offer(epoch, score, loss):
                self.stopped = "patience" if epoch < self.spec.epochs else "epochs"
                return True
        return False

    def offer(self, epoch: int, score: float, loss: float) -> bool:
        """Let the weights of now be the best if they may and are; whether to stop."""
        held = self.epochs.held
        if not held.ready:
            return False
        stop = self.best.offer(epoch, score, loss, self.epochs.module)
        if self.best.epoch == epoch:
            held.keep()
        return stop

    def state(self) -> State:
        """After an epoch."""
        return State(self.parts() | self.epochs.state(), self.told())

    def result(self) -> State:
        """After the last one."""
        return State(self.parts(), self.told(), ended=True)

    def parts(self) -> dict[str, dict[str, torch.Tensor]]:
        return {"best": self.best.state, "held": self.epochs.held.state()}

    def told(self) -> dict[str, object]:
        return {
            "epoch": len(self.curve) - 1,
            "step": self.epochs.step,
            "curve": self.curve,
            "stopped": self.stopped,
            "best": self.best.told(),
        }

    def resume(self, found: State) -> bool:
        """Go on behind what was `found`; False, and nothing is changed, where that is of
        another model."""
        told, best = found.told, found.parts.get("best", {})
        if found.ended and not fits(best, self.epochs.module.state_dict()):
            return False
        if not found.ended and not self.epochs.resume(found.parts, told["step"], told["epoch"]):
            return False
        self.epochs.held.restore(found.parts.get("held", {}))
        self.best = Best(self.spec.early_stopping, state=best, **told["best"])
        self.curve = [tuple(row) for row in told["curve"]]
        self.stopped, self.ended = told["stopped"], found.ended
        return True

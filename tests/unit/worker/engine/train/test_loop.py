"""The training loop on nets of a few weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from lathe.errors import StepImpossible, TrainingDiverged
from lathe.techniques.train import Adam, EarlyStopping, Recover, Sgd
from lathe.views import Progress
from worker.engine.context import Context
from worker.engine.hold.held import Held, OwnParameters
from worker.engine.train import epochs
from worker.engine.train.batches import Batch, Rows
from worker.engine.train.hold_out import hold_out
from worker.engine.train.loop import Fitted, fit
from worker.engine.train.objective import Objective, Outputs


@dataclass
class Scripted:
    """Scores by a script: one entry an epoch, epoch 0 first; the loss is the weight itself."""

    scores: list[float]
    module: nn.Module
    judged: int = 0
    reads_labels: bool = False

    def prepare(self, rows: Rows, tick: Callable[[], None]) -> None:
        self.shown = rows

    def loss(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        return outputs["y"].mean()

    def score(self, outputs: Outputs, batch: Batch) -> float:
        # the first judgement is the train loss of epoch 0
        self.judged += 1
        return self.scores[max(self.judged - 2, 0)]


class Constant(nn.Module):
    """y = w for every example; each step of plain SGD at rate 1 lowers w by 1."""

    def __init__(self, start: float = 10.0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(start))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w.expand(len(x))


PLAIN = Sgd(lr=1, momentum=0, weight_decay=0)


def spec(**changes: object) -> Recover:
    usual = {
        "epochs": 3, "batch_size": 1000, "optimizer": PLAIN, "schedule": "constant",
    }  # fmt: skip
    return Recover.model_validate(usual | changes)


def run(
    module: nn.Module,
    scores: list[float],
    context: Context,
    held: Held | None = None,
    **changes: object,
) -> Fitted:
    return fit(
        module,
        lambda inputs: {"y": module(inputs["x"])},
        spec(**changes),
        Scripted(scores, module),
        context,
        held or Held(),
    )


def test_the_weights_of_the_best_epoch_are_the_ones_that_stay(context: Context) -> None:
    module = Constant()
    fitted = run(module, [0.1, 0.5, 0.9, 0.2], context, epochs=3)
    assert (fitted.best_epoch, module.w.item()) == (2, 8.0)
    assert [row[0] for row in fitted.curve] == [0, 1, 2, 3]
    assert [row[2] for row in fitted.curve] == [0.1, 0.5, 0.9, 0.2]
    assert [row[1] for row in fitted.curve] == [10, 10, 9, 8]
    assert not module.training


def test_training_that_only_hurts_gives_the_model_as_it_came(context: Context) -> None:
    module = Constant()
    fitted = run(module, [0.9, 0.5, 0.6, 0.2], context)
    assert (fitted.best_epoch, module.w.item()) == (0, 10.0)
    assert fitted.facts["held_out_score_after"] == 0.9


def test_patience_ends_the_run_early(context: Context) -> None:
    module = Constant()
    fitted = run(
        module, [0.1, 0.5, 0.4, 0.3, 0.9], context,
        epochs=9, early_stopping=EarlyStopping(patience=2),
    )  # fmt: skip
    assert (fitted.stopped, fitted.facts["epochs_run"], module.w.item()) == ("patience", 3, 9.0)


def test_a_loss_that_breaks_later_keeps_the_best_so_far(context: Context) -> None:
    module = Constant()

    def forward(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        y = module(inputs["x"])
        return {"y": y.sqrt()}  # not a number once w is below 0

    module.w.data.fill_(0.3)
    fitted = fit(module, forward, spec(epochs=5), Scripted([0.1] * 9, module), context)
    assert fitted.stopped == "loss_not_finite"
    assert (fitted.best_epoch, module.w.item()) == (0, pytest.approx(0.3))


def test_a_loss_that_is_broken_from_the_first_step_is_refused(context: Context) -> None:
    with pytest.raises(TrainingDiverged, match="very first training loss is nan"):
        run(Constant(math.nan), [0.1] * 9, context)


def test_the_schedule_reaches_the_optimiser_step_by_step(context: Context) -> None:
    # 180 of 200 rows train, 100 a batch: 2 steps an epoch, 4 in all: factors 1 .854 .5 .146
    module = Constant()
    run(module, [0.1, 0.2, 0.3], context, epochs=2, batch_size=100, schedule="cosine")
    root = 2**0.5
    steps = 1 + (2 + root) / 4 + 1 / 2 + (2 - root) / 4
    assert module.w.item() == pytest.approx(10 - steps)


def test_an_epoch_sees_at_most_max_samples_other_ones_each_time(context: Context) -> None:
    shown: list[list[int]] = []
    module = Constant()
    lesson = Scripted([0.1, 0.2, 0.3], module)
    lesson.prepare = lambda rows, tick: shown.append(rows.tolist())  # type: ignore[method-assign]
    fit(
        module, lambda i: {"y": module(i["x"])}, spec(epochs=2, max_samples=30), lesson, context
    )  # fmt: skip
    first, held, one, held_again, two, _ = shown
    assert len(one) == len(two) == 30
    assert set(one) != set(two)
    assert held == held_again
    assert not set(held) & (set(first) | set(one) | set(two))


def test_progress_ends_at_one(context: Context) -> None:
    said: list[Progress] = []
    run(Constant(), [0.1, 0.5, 0.9, 0.2], replace(context, progress=said.append))
    assert said[0].fraction < 1.0
    assert (said[-1].fraction, said[-1].total) == (1.0, 20 + 20 + 3 * 200)
    assert said[-1].unit == "examples"


def test_batch_norm_refuses_batches_of_one_and_skips_a_lone_last_example(
    context: Context,
) -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    lesson = Objective("logits", "y")
    with pytest.raises(StepImpossible, match="batch of 1"):
        fit(module, lambda i: {"y": module(i["x"])}, spec(batch_size=1), lesson, context)
    # 180 train rows in batches of 179 leave one over
    fitted = fit(
        module, lambda i: {"y": module(i["x"])}, spec(batch_size=179, epochs=1), lesson, context
    )
    assert fitted.stopped == "epochs"


def test_the_same_seed_gives_the_same_weights_and_leaves_torchs_generator_alone(
    context: Context,
) -> None:
    def trained(seed: int) -> list[float]:
        torch.manual_seed(1)
        module = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 3))
        fit(
            module, lambda i: {"y": module(i["x"])},
            spec(batch_size=16, optimizer=Adam(lr=0.01)),
            Objective("logits", "y"), replace(context, seed=seed),
        )  # fmt: skip
        return [p.sum().item() for p in module.parameters()]

    assert trained(1) == trained(1)
    assert trained(1) != trained(2)
    torch.manual_seed(1)
    wanted = torch.rand(1).item()
    torch.manual_seed(1)
    run(Constant(), [0.1, 0.5, 0.9, 0.2], context)
    assert torch.rand(1).item() == wanted


def test_a_model_without_weights_is_refused(context: Context) -> None:
    with pytest.raises(StepImpossible, match="no float weights"):
        fit(nn.ReLU(), lambda i: {"y": i["x"]}, spec(), Objective("logits", "y"), context)


def test_an_output_that_no_weight_reaches_is_refused(context: Context) -> None:
    module = Constant()
    with pytest.raises(StepImpossible, match="no float weight reaches"):
        fit(
            module, lambda i: {"y": i["x"].mean(1, keepdim=True).expand(-1, 3)}, spec(),
            Objective("logits", "y"), context,
        )  # fmt: skip


def test_held_out_scores_weigh_batches_by_their_size(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "JUDGED_TOGETHER", 1)  # 170 held rows in batches of 100 and 70
    torch.manual_seed(1)
    module = nn.Linear(2, 3)
    assert context.train is not None
    held = hold_out(200, 0.85, context.hold_out_seed).held
    said = module(torch.from_numpy(context.train.inputs(held)["x"])).argmax(1).numpy()
    hits = int((said == context.train.labels(held)).sum())
    fitted = fit(
        module,
        lambda i: {"y": module(i["x"])},
        spec(epochs=1, hold_out=0.85, batch_size=100),
        Objective("logits", "y"),
        context,
    )
    assert fitted.curve[0][2] == pytest.approx(hits / 170)


def test_a_loss_over_several_batches_is_their_mean(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "JUDGED_TOGETHER", 1)
    fitted = run(Constant(), [0.5] * 20, context, epochs=1, hold_out=0.5, batch_size=64)
    # before: 100 rows in batches of 64 and 36; then 100 rows more, w falling from 10 to 9
    assert [row[1] for row in fitted.curve] == pytest.approx([10.0, (64 * 10 + 36 * 9) / 100])


class Doubled(Held):
    """The model computes with twice the latent weight; ready after `ready_at` steps."""

    def __init__(self, module: Constant, ready_at: int = 0) -> None:
        self.w, self.ready_at = module.w, ready_at
        self.heard: list[tuple[int, int]] = []
        self.kept: list[float] = []
        self.settled: list[float] = []
        self.seen_without_gradient = 0
        self.finished_with = 0.0

    @property
    def ready(self) -> bool:
        return len(self.settled) >= self.ready_at

    def hear(self, step: int, steps: int) -> None:
        self.heard.append((step, steps))

    def before(self) -> None:
        self.w.data = self.w.data * 2

    def after(self) -> None:
        self.w.data = self.w.data / 2
        if self.w.grad is None:
            self.seen_without_gradient += 1

    def settle(self) -> None:
        self.settled.append(self.w.item())

    def keep(self) -> None:
        self.kept.append(self.w.item())

    def finish(self) -> None:
        self.finished_with = self.w.item()


def test_effective_weights_are_judged_and_kept_while_latent_ones_learn(
    context: Context,
) -> None:
    # latent 10, 9, 8; the model computes with 20, 18, 16, and the second epoch is the best
    module = Constant()
    held = Doubled(module)
    fitted = run(module, [0.1, 0.5, 0.9, 0.2], context, held, epochs=3)
    assert held.heard == [(0, 3), (1, 3), (2, 3)]
    assert held.settled == [9, 8, 7]
    assert [row[1] for row in fitted.curve] == [20, 20, 18, 16]
    assert held.kept == [20, 18, 16]
    assert (module.w.item(), held.finished_with) == (16, 16)
    assert held.seen_without_gradient == 4  # the looks at the held-out part


def test_an_epoch_that_the_holder_is_not_ready_for_is_never_the_best(context: Context) -> None:
    module = Constant()
    held = Doubled(module, ready_at=2)
    fitted = run(module, [0.9, 0.8, 0.1, 0.2], context, held, epochs=3)
    assert fitted.best_epoch == 3
    assert held.kept == [16, 14]
    module = Constant()
    patience = EarlyStopping(patience=1)
    held = Doubled(module, ready_at=2)
    fitted = run(module, [0.9, 0.8, 0.2, 0.1], context, held, epochs=9, early_stopping=patience)
    assert (fitted.best_epoch, len(fitted.curve)) == (2, 4)


def test_a_run_that_ends_before_the_holder_is_ready_has_diverged(context: Context) -> None:
    module = Constant()
    rising = Sgd(lr=10, momentum=0, weight_decay=0.999_999)  # w -> -9 w - 10
    with pytest.raises(TrainingDiverged, match="before the schedule had ended"):
        run(module, [0.5] * 99, context, Doubled(module, 99), epochs=60, optimizer=rising)


class Taken(Held):
    """Keeps the module's own weight from the optimiser and brings another."""

    def __init__(self, module: Constant, lr_factor: float) -> None:
        self.w, self.lr_factor = module.w, lr_factor
        self.value = nn.Parameter(torch.tensor(4.0))

    def taken(self) -> tuple[nn.Parameter, ...]:
        return (self.w,)

    def own(self) -> tuple[OwnParameters, ...]:
        return (OwnParameters((self.value,), lr_factor=self.lr_factor),)

    def before(self) -> None:
        self.w.data.copy_(self.value.data)

    def after(self) -> None:
        self.value.grad, self.w.grad = self.w.grad, None


def test_a_holder_s_own_parameters_learn_at_their_own_rate(context: Context) -> None:
    module = Constant()
    held = Taken(module, 0.25)
    decays = Sgd(lr=1, momentum=0, weight_decay=0.5)  # not the holder's own parameters
    run(module, [0.1, 0.2, 0.3], context, held, epochs=2, optimizer=decays)
    assert held.value.item() == 4 - 2 * 0.25
    assert module.w.item() == 3.5

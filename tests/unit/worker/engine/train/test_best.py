"""Which epoch is kept and when the search ends."""

import math

import torch
from torch import nn

from lathe.techniques.train import EarlyStopping
from worker.engine.train.best import Best


def offer_all(best: Best, scores: list[float], losses: list[float] | None = None) -> list[bool]:
    module = nn.Linear(1, 1, bias=False)
    stops = []
    for epoch, score in enumerate(scores):
        with torch.no_grad():
            module.weight.fill_(epoch)
        stops.append(best.offer(epoch, score, (losses or [1.0] * len(scores))[epoch], module))
    return stops


def test_the_weights_kept_are_those_of_the_best_epoch_not_the_last() -> None:
    best = Best()
    offer_all(best, [0.2, 0.9, 0.7])
    assert (best.epoch, best.score, best.state["weight"].item()) == (1, 0.9, 1.0)


def test_the_model_as_it_came_is_kept_when_training_only_hurts() -> None:
    best = Best()
    offer_all(best, [0.8, 0.5, 0.7])
    assert (best.epoch, best.state["weight"].item()) == (0, 0.0)


def test_among_equal_scores_the_lower_loss_is_kept_and_then_the_earlier_epoch() -> None:
    best = Best()
    offer_all(best, [0.5, 0.5, 0.5, 0.5], [0.9, 0.3, 0.4, 0.3])
    assert best.epoch == 1


def test_patience_counts_epochs_without_a_better_score_and_starts_over_after_one() -> None:
    best = Best(EarlyStopping(patience=2))
    stops = offer_all(best, [0.5, 0.4, 0.6, 0.6, 0.59])
    assert stops == [False, False, False, False, True]


def test_a_gain_of_min_delta_or_less_is_kept_but_does_not_reset_the_patience() -> None:
    best = Best(EarlyStopping(patience=2, min_delta=0.125))
    stops = offer_all(best, [0.5, 0.625, 0.75, 0.875])
    # 0.625 gains exactly 0.125 over 0.5: not more; 0.75 gains 0.25 and resets; 0.875 does not
    assert stops == [False, False, False, False]
    assert best.waited == 1
    best = Best(EarlyStopping(patience=2, min_delta=0.25))
    assert offer_all(best, [0.5, 0.625, 0.75]) == [False, False, True]
    assert best.epoch == 2


def test_a_score_that_is_not_a_number_is_never_the_best() -> None:
    best = Best()
    offer_all(best, [0.1, math.nan])
    assert best.epoch == 0

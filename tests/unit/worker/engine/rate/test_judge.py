"""The held-out score of a model and of its teacher."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from lathe.techniques.rate import ShareRateDistortion
from lathe.techniques.train import Teacher
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.rate.curvature import curvature, some
from worker.engine.rate.judge import held_out_score
from worker.engine.session import open_session, run
from worker.engine.train.course import Course, course


@pytest.fixture
def taken(untrained: onnx.ModelProto, taught: Context) -> Course:
    """The untrained net, with the dense one as its teacher."""
    spec = ShareRateDistortion(teachers=(Teacher(),))
    return course(Checkpoint(untrained), spec, taught)


def test_scores_are_the_accuracies_of_whom_was_asked(
    taken: Course, untrained: onnx.ModelProto, dense: onnx.ModelProto, taught: Context
) -> None:
    assert taught.train is not None
    rows = np.arange(40, 100)
    for model, asked in ((untrained, taken.view), (dense, taken.lesson.teachers[0])):
        said = run(open_session(model), taught.train.inputs(rows))["y"]
        wanted = (said.argmax(1) == taught.train.labels(rows)).mean()
        score = held_out_score(asked, taken.lesson, taught.train, rows, taught)
        assert score == pytest.approx(wanted)


def test_curvature_follows_the_loss_s_weights(taken: Course, taught: Context) -> None:
    assert taught.train is not None
    parameters = list(taken.view.module.parameters())
    rows = some(np.arange(128), 100, seed=1)
    assert len(set(rows.tolist())) == 100

    def mean(hard: float, soft: float) -> float:
        lesson = replace(
            taken.lesson,
            hard=hard,
            soft=taken.lesson.soft.model_copy(update={"weight": soft, "temperature": 1.0}),
        )
        found = curvature(taken.view, lesson, parameters, taught.train, rows, taught)
        return sum(float(one.sum()) for one in found)

    hard = mean(1.0, 0.0)
    assert mean(2.0, 0.0) == pytest.approx(2 * hard, rel=1e-5)
    assert mean(0.0, 1.0) == pytest.approx(hard, rel=0.5)  # other draws, the same curvature
    assert mean(1.0, 1.0) == pytest.approx(2 * hard, rel=0.5)

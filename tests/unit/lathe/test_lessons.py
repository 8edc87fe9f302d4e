"""Which trainings a step brings."""

from lathe.techniques.lessons import reads_labels, taught, trainings
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.prune import PruneChannels
from lathe.techniques.train import Distill, DistillLoss, Recover


def test_a_training_is_found_where_it_stands() -> None:
    distill, recover = Distill(), Recover()
    inside = PruneChannels(keep_macs=0.5, recover=distill)
    assert list(trainings(distill)) == [("", distill)]
    assert list(trainings(inside)) == [("recover.", distill)]
    assert list(taught(inside)) == [("recover.", distill)]
    assert list(taught(recover)) == []
    assert list(trainings(recover)) == [("", recover)]
    assert list(trainings(PruneChannels(keep_macs=0.5))) == []
    assert list(trainings(OptimizeGraph())) == []


def test_a_teacher_alone_needs_no_label() -> None:
    assert reads_labels(Recover())
    assert reads_labels(Distill())
    assert not reads_labels(Distill(loss=DistillLoss(hard=0)))


def test_the_key_is_stored_only_where_it_is_used() -> None:
    assert "recover" not in PruneChannels(keep_macs=0.5).model_dump()
    assert "recover" in PruneChannels(keep_macs=0.5, recover=Recover()).model_dump()

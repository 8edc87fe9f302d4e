"""Steps that the model, its layers or the task do not allow."""

from lathe.facts import ModelFacts
from tests.unit.app.fit.facts import GOOD, OTHER, RECOVER, data, found, model, only, spec, split


def test_a_similarity_task_cannot_be_trained_on() -> None:
    pair = {"a__image": GOOD["image"], "b__image": GOOD["image"], "label": ("float32", ())}
    body = spec(RECOVER, purposes="train evaluation", task={"kind": "similarity"})
    code, param, _ = only(body, data(split("s", **pair)))
    assert (code, param) == ("step_impossible", "pipeline.0.technique")


def test_a_layer_that_is_not_there_is_told_with_the_closest() -> None:
    prune = {"technique": "prune.channels", "keep_macs": 0.5}
    body = spec(prune | {"protect": ["conv1.weight", "conv2.wieght"]}, purposes="")
    code, param, detail = only(body)
    assert (code, param) == ("unknown_layer", "pipeline.0.protect.1")
    assert "'conv2.weight'" in detail
    body = spec({"technique": "quantize.dynamic", "exclude": ["fc"]}, purposes="")
    assert only(body)[1] == "pipeline.0.exclude.0"
    body = spec({"technique": "quantize.dynamic", "exclude": ["conv*", "cnv*"]}, purposes="")
    assert only(body)[1] == "pipeline.0.exclude.1"
    body = spec(prune | {"protect": ["conv*"]}, purposes="")
    assert only(body)[1] == "pipeline.0.protect.0"


def test_a_step_that_trains_needs_a_torch_view() -> None:
    net = model(torch_view=False, blocking_operators=["Loop", "NonZero"])
    body = spec({"technique": "prune.channels", "keep_parameters": 0.5}, purposes="")
    code, param, detail = only(body, net=net)
    assert (code, param) == ("step_impossible", "pipeline.0.technique")
    assert "'Loop', 'NonZero'" in detail
    assert found(spec(), net=net) == []


def test_weights_shared_without_training_need_neither_a_torch_view_nor_labels() -> None:
    net = model(torch_view=False, blocking_operators=["Loop"])
    bare = data(split("s", image=GOOD["image"]))
    share = {"technique": "share.rate_distortion"}
    assert found(spec(share, purposes="calibration"), bare, net) == []
    fed_back = share | {"assignment": "feedback"}
    assert found(spec(fed_back, purposes="train", task=None), bare, net) == []
    told = only(spec(share | {"loss": {"hard": 0}}, purposes="train", task=None), bare, net)
    assert told[:2] == ("step_impossible", "pipeline.0.technique")
    rounds = share | {"assignment": "rounds", "loss": {"hard": 0}}
    assert only(spec(rounds, purposes=""), net=net)[:2] == told[:2]


def test_a_budget_in_macs_needs_known_macs() -> None:
    body = spec({"technique": "prune.channels", "keep_macs": 0.5}, purposes="")
    assert only(body, net=model(macs=None))[1] == "pipeline.0.keep_macs"
    rank = {"by": "budget", "keep_macs": 0.5}
    body = spec({"technique": "decompose.svd", "rank": rank}, purposes="")
    assert only(body, net=model(macs=None))[1] == "pipeline.0.rank.keep_macs"
    assert found(body) == []


def test_a_model_without_a_trainable_form_may_teach_a_student_that_has_one() -> None:
    teach = {"technique": "train.distill", "student": OTHER, "loss": {"hard": 0}}
    unseen = model(torch_view=False, blocking_operators=["Det"])
    assert found(spec(teach, purposes="train"), net=unseen) == []


def test_later_steps_find_the_layers_of_the_student() -> None:
    teach = {"technique": "train.distill", "student": OTHER, "loss": {"hard": 0}}
    cut = {"technique": "prune.channels", "keep_parameters": 0.5, "protect": ["only.weight"]}
    known = model().model_dump()
    known["stats"]["layers"] = [known["stats"]["layers"][0] | {"id": "only.weight"}]
    student = ModelFacts.model_validate(known)
    body = spec(teach, cut, purposes="train")
    assert found(body, other=student) == []
    assert only(body, net=student)[1] == "pipeline.1.protect.0"

"""What fits, and what is not known, is refused by nobody."""

from app.fit.check import refusals
from app.fit.known import KnownFacts
from lathe.job import JobSpec
from tests.unit.app.fit.facts import MODEL, QUANTIZE, RECOVER, found, model, spec


def test_what_fits_is_not_refused() -> None:
    task = {"kind": "classification"}
    body = spec(RECOVER, QUANTIZE, purposes="train calibration evaluation", task=task)
    assert found(body) == []


def test_facts_that_are_not_known_are_not_looked_at() -> None:
    assert refusals(JobSpec.model_validate(spec()), KnownFacts()) == []
    only_the_model = KnownFacts(models={MODEL: model()})
    assert refusals(JobSpec.model_validate(spec()), only_the_model) == []

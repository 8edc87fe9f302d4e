"""Every check of a spec against facts, in the order of its fields."""

from app.fit.augment import augment_refusals
from app.fit.inputs import input_refusals
from app.fit.io import io_refusals
from app.fit.known import KnownFacts
from app.fit.labels import label_refusals
from app.fit.pipeline import pipeline_refusals
from app.fit.tables import table_refusals
from app.fit.task import task_refusals
from lathe.errors import Refused
from lathe.job import JobSpec


def refusals(spec: JobSpec, known: KnownFacts) -> list[Refused]:
    """Every reason why the job cannot work; empty when it may be queued."""
    model = known.models.get(spec.model)
    if model is None:  # said already: it is missing, pending or rejected
        return []
    return [
        *io_refusals(spec, known, model.io),
        *input_refusals(spec, known, model.io),
        *table_refusals(spec, known, model),
        *task_refusals(spec, model.io),
        *label_refusals(spec, known, model.io),
        *pipeline_refusals(spec, known.models.get(spec.student or spec.model, model)),
        *augment_refusals(spec, model.io),
    ]

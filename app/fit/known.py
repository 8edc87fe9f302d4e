"""What the checks know: the facts of every model and data set that a spec names."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lathe.facts import DatasetFacts, ModelFacts
from lathe.job import JobSpec
from lathe.techniques.lessons import students, taught


@dataclass(frozen=True)
class KnownFacts:
    """Facts by id. An id that is not there was refused already and is not looked at again."""

    models: Mapping[str, ModelFacts] = field(default_factory=dict)
    datasets: Mapping[str, DatasetFacts] = field(default_factory=dict)


def named_models(spec: JobSpec) -> dict[str, str]:
    """The id of every model that the spec names, by the field that names it."""
    named = {"model": spec.model}
    if spec.baseline is not None:
        named["baseline"] = spec.baseline
    for index, step in enumerate(spec.pipeline):
        for inner, training in taught(step):
            for place, teacher in enumerate(training.teachers):
                if teacher.model != "baseline":
                    named[f"pipeline.{index}.{inner}teachers.{place}.model"] = teacher.model
        named |= {f"pipeline.{index}.{field}": model for field, model in students(step)}
    return named


def named_datasets(spec: JobSpec) -> dict[str, str]:
    """The id of every data set that the spec names, by the field that names it."""
    return {f"data.{purpose}.dataset": split.dataset for purpose, split in spec.data.splits()}

"""A job spec as it is submitted: its names are looked at, which a spec at rest is spared."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from lathe.job import JobSpec
from lathe.names import unfit


def _well_named(spec: JobSpec) -> JobSpec:
    wrong = [
        InitErrorDetails(
            type=PydanticCustomError("unfit_name", "{why}", {"why": why}), loc=place, input=text
        )
        for place, text in _names(spec)
        if (why := unfit(text)) is not None
    ]
    if wrong:
        raise ValidationError.from_exception_data("JobSpec", wrong)
    return spec


def _names(spec: JobSpec) -> Iterator[tuple[tuple[str, ...], str]]:
    if spec.name is not None:
        yield ("name",), spec.name
    for label, value in spec.labels.items():
        yield ("labels", label), value


Submitted = Annotated[JobSpec, AfterValidator(_well_named)]
SUBMITTED: TypeAdapter[JobSpec] = TypeAdapter(Submitted)

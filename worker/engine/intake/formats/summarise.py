"""The summary of a data set, from what was seen while it was written."""

from collections import Counter
from collections.abc import Mapping

from lathe.facts import SplitFacts
from lathe.summary import (
    ClassSummary,
    DatasetSummary,
    FieldSummary,
    SampleSummary,
    SplitSummary,
)
from worker.engine.intake.formats.content import SAMPLES, Content
from worker.engine.intake.formats.seen import Seen

LISTED_CLASSES = 1000


def summary_of(
    content: Content, splits: tuple[SplitFacts, ...], seen: Mapping[str, Seen]
) -> DatasetSummary:
    """What the written arrays hold; call it when all pieces have passed."""
    classes = _classes(content, splits, seen)
    return DatasetSummary(
        splits=tuple(_split(content, split, seen) for split in splits),
        classes=tuple(classes[:LISTED_CLASSES]),
        classes_left_out=max(0, len(classes) - LISTED_CLASSES),
        missing=content.missing,
    )


def _split(content: Content, split: SplitFacts, seen: Mapping[str, Seen]) -> SplitSummary:
    fields = tuple(
        FieldSummary(
            name=field.name,
            dtype=field.dtype,
            shape=field.shape,
            minimum=field.minimum,
            maximum=field.maximum,
            mean=seen[f"{split.name}/{field.name}"].mean,
            std=seen[f"{split.name}/{field.name}"].std,
        )
        for field in split.fields
    )
    return SplitSummary(
        name=split.name,
        examples=split.examples,
        fields=fields,
        samples=_samples(content, split, seen),
    )


def _samples(
    content: Content, split: SplitFacts, seen: Mapping[str, Seen]
) -> tuple[SampleSummary, ...]:
    known = content.notes.samples.get(split.name, [])
    samples = []
    for row in range(min(SAMPLES, split.examples)):
        origin = known[row] if row < len(known) else SampleSummary()
        values = {
            field.name: tuple(seen[f"{split.name}/{field.name}"].first[row])
            for field in split.fields
        }
        samples.append(origin.model_copy(update={"values": values}))
    return tuple(samples)


def _classes(
    content: Content, splits: tuple[SplitFacts, ...], seen: Mapping[str, Seen]
) -> list[ClassSummary]:
    """Of whole-numbered `label` arrays; classes that have a name are there at 0, too."""
    by_split: dict[str, Counter[int]] = {
        split.name: seen[f"{split.name}/label"].labels
        for split in splits
        if f"{split.name}/label" in seen
    }
    occurring = {label for counts in by_split.values() for label in counts}
    named = dict(enumerate(content.classes))
    return [
        ClassSummary(
            label=label,
            name=named.get(label),
            examples={split: counts[label] for split, counts in by_split.items()},
        )
        for label in sorted(occurring | named.keys())
    ]

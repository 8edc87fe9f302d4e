"""What is judged where nobody says: classes, where data and network have them."""

from typing import Any

from lathe.cli.say import note
from lathe.views import DatasetView, ModelView

_ROWS_AND_CLASSES = 2  # axes of what a classifier answers


def classified(model: ModelView, dataset: DatasetView | None) -> str | None:
    """`classification`, said on stderr, where the labels are classes and the network's one
    output has a number for each; None where they are not."""
    if dataset is None or dataset.summary is None or model.io is None:
        return None
    known = dataset.summary.classes
    outputs = model.io.outputs
    if not known or dataset.summary.classes_left_out or len(outputs) != 1:
        return None
    shape = outputs[0].shape
    answers = shape[-1] if len(shape) == _ROWS_AND_CLASSES else None
    if not isinstance(answers, int) or max(known, key=lambda each: each.label).label >= answers:
        return None
    note(
        f"labels are classes and the network answers with {answers} numbers: it is judged as "
        "a classification; --task says otherwise (none: by the original's answers)"
    )
    return "classification"


def warned(data: dict[str, Any]) -> None:
    """Say on stderr that the examples which judge have been looked at, where they have."""
    judged = data.get("evaluation")
    seen = [name for name in ("calibration", "train") if data.get(name, {}).get("split")]
    if judged and any(data[name]["split"] == judged["split"] for name in seen):
        note(
            f"the split {judged['split']} is the only one: it judges what has seen it, so the "
            "score may flatter; data with a train and a test split tell more"
        )

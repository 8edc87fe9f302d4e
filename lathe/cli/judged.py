"""What is judged where nobody says: classes, where data and network have them."""

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

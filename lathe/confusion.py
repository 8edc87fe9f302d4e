"""What a classifier answers in place of what, before and after."""

from pydantic import Field

from lathe.spec import Fact

Matrix = tuple[tuple[int, ...], ...]


class ConfusedPair(Fact):
    """How often examples of the class `label` were answered as the class `answer`."""

    label: str
    answer: str
    baseline: int
    candidate: int

    @property
    def change(self) -> int:
        """How many more there are after."""
        return self.candidate - self.baseline


class Confusions(Fact):
    """Answers counted by label, for baseline and candidate, on the same examples."""

    classes: tuple[str, ...] = Field(
        (), description="Of the matrices' rows and columns; empty with more than 20 classes."
    )
    baseline: Matrix = Field((), description="Counts: a row a label, a column an answer.")
    candidate: Matrix = ()
    pairs: tuple[ConfusedPair, ...] = Field(
        (), description="Wrong answers whose number changed most, the largest growth first."
    )

"""What one should look at before a data set is used: what it holds, what is odd about it."""

from pydantic import Field

from lathe.spec import Fact


class FieldSummary(Fact):
    """One stored array of a split; `shape` is that of one example."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None


class SampleSummary(Fact):
    """One of the first examples: where it came from, and what its arrays begin with."""

    source: str | None = Field(None, description="File in the archive, or line of the table.")
    texts: tuple[str, ...] = ()
    values: dict[str, tuple[float, ...]] = Field(default_factory=dict)


class SplitSummary(Fact):
    """One split."""

    name: str
    examples: int
    fields: tuple[FieldSummary, ...]
    samples: tuple[SampleSummary, ...] = ()


class ClassSummary(Fact):
    """One class: its number, its name where it has one, its examples by split."""

    label: int
    name: str | None = None
    examples: dict[str, int]


class MissingSummary(Fact):
    """Values that a column lacks; `handled` is what was done about them."""

    column: str
    values: int
    handled: str


class DatasetSummary(Fact):
    """Of a data set that passed its inspection."""

    splits: tuple[SplitSummary, ...]
    classes: tuple[ClassSummary, ...] = ()
    classes_left_out: int = Field(0, description="Classes beyond those that are listed.")
    missing: tuple[MissingSummary, ...] = ()

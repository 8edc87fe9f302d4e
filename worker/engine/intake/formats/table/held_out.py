"""A table of one split as one of two."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from worker.engine.intake.formats.holdout import HELD, Draw, check_both, only_split
from worker.engine.intake.formats.table.batch import Batch, Column, Mask, Table

ROWS = 1 << 20  # drawn at once


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows of `table`, of which about `fraction` are of the split `test`."""

    table: Table
    fraction: float

    @property
    def format(self) -> Literal["csv", "parquet"]:
        """How it is stored."""
        return self.table.format

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns."""
        return self.table.names

    def profiled(self, names: Sequence[str], listed: set[str]) -> dict[str, Column]:
        """As the table's own."""
        return self.table.profiled(names, listed)

    def counts(self) -> dict[str, int]:
        """Rows by split, once it was profiled; raises InvalidSpec for several splits."""
        if not self.table.counts():
            return {}
        split = only_split(self.table.counts())
        draw, total = Draw(self.fraction), self.table.counts()[split]
        held = sum(
            int(draw.next(min(ROWS, total - start)).sum()) for start in range(0, total, ROWS)
        )
        counts = {split: total - held, HELD: held}
        check_both(counts)
        return counts

    def batches(self, columns: Mapping[str, Column]) -> Iterator[Batch]:
        """Each batch as two."""
        draw = Draw(self.fraction)
        for batch in self.table.batches(columns):
            held = draw.next(batch.count)
            for split, keep in ((batch.split, ~held), (HELD, held)):
                if keep.any():
                    yield _part(batch, split, keep)


def _part(batch: Batch, split: str, keep: Mask) -> Batch:
    columns = {name: values.where(keep) for name, values in batch.columns.items()}
    return Batch(split, int(keep.sum()), columns, batch.places[keep], batch.file)

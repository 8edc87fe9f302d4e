"""One finished file a row: kept in the build folder as soon as it is there, so that a long
table can be made in pieces."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from benchmarks.deep_compression.wilson import wilson
from lathe.report import Environment


@dataclass(frozen=True, slots=True)
class Row:
    """`score` and `dense_score` on test data, of the decoded file and of the upload;
    `held_out_score` is what the job chose by. `dense_bytes` are 4 a parameter."""

    subject: str
    case: str
    seed: int
    size_bytes: int
    huffman_bytes: int | None
    dense_bytes: int
    score: float
    examples: int
    right: int | None
    dense_score: float
    held_out_score: float | None
    exact: bool
    wall_s: float
    encode_s: float
    decode_s: float
    parts: dict[str, int]
    pipeline: list[str]
    at: str
    environment: dict[str, object]

    @property
    def smaller(self) -> float:
        """How many times smaller than the dense parameters."""
        return self.dense_bytes / self.size_bytes

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % of the test error in percent, where answers were right or wrong."""
        if self.right is None:
            return None
        low, high = wilson(self.examples - self.right, self.examples)
        return 100 * low, 100 * high

    def save(self, folder: Path) -> None:
        """Under the row's own name; an earlier one is replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.subject}.{self.case}.{self.seed}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def plain(self) -> dict[str, object]:
        """For the stored result, without what all rows share."""
        row = asdict(self) | {"smaller": self.smaller, "test_error_95": self.interval}
        del row["environment"]
        return row


def kept(folder: Path) -> list[Row]:
    """Every row in the folder, by subject, case and seed."""
    rows = [Row.load(path) for path in folder.glob("*.json")]
    return sorted(rows, key=lambda row: (row.subject, row.case, row.seed))


def environment_of(rows: list[Row]) -> Environment:
    """That of the latest row."""
    return Environment.model_validate(max(rows, key=lambda row: row.at).environment)

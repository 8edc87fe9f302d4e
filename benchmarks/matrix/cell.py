"""One cell of the matrix: a technique on a network, and which of the allowed ends it had."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, Self

from benchmarks.matrix.allowed_refusals import allowed

End = Literal["realised", "packed", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Cell:
    """`realised`: the file is smaller or faster. `packed`: it is neither, and `packed_bytes`
    says what it takes entropy-coded. `refused`: by a code that is allowed here. `failed`:
    anything else, for `why`. Bytes and scores are of the upload and of the result; `options`
    are those of the technique."""

    technique: str
    network: str
    end: End
    options: dict[str, object]
    metric: str | None = None
    code: str | None = None
    why: str = ""
    realised: str | None = None
    bytes_before: int | None = None
    bytes_after: int | None = None
    packed_bytes: int | None = None
    latency_ratio: float | None = None
    score_before: float | None = None
    score_after: float | None = None
    wall_s: float = 0.0
    at: str = ""
    environment: dict[str, object] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Under the cell's own name; an earlier one is replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.technique}@{self.network}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def plain(self) -> dict[str, object]:
        """For the stored result, without what all cells share."""
        cell = asdict(self)
        del cell["environment"]
        return cell


def kept(folder: Path) -> dict[tuple[str, str], Cell]:
    """Every cell in the folder, by technique and network."""
    cells = (Cell.load(path) for path in sorted(folder.glob("*.json")))
    return {(cell.technique, cell.network): cell for cell in cells}


def refusal_end(technique: str, network: str, code: str) -> End:
    """`refused` where the list allows this code for this cell, else `failed`."""
    may = allowed(technique, network)
    return "refused" if may is not None and code in may.codes else "failed"

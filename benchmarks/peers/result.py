"""What is known of one contender at the end, and what is stored of earlier runs."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, Line


@dataclass(slots=True)
class Result:
    """One row of the table. None where it was not measured; `error` where there is no file.

    `packed_bytes` is Lathe's own packed file, or the peer's file through zstd -19. `wall_s`
    are a fresh process of the peer, or all a client does with a running service: upload,
    wait, download. `peak_bytes` is the largest process of that work.
    """

    case: str
    name: str
    file: Path | None = None
    raw_bytes: int | None = None
    packed_bytes: int | None = None
    score: float | None = None
    latency_ms: float | None = None
    latency_contended: bool | None = None
    wall_s: float | None = None
    peak_bytes: int | None = None
    ours: bool = False
    error: str | None = None
    notes: list[str] = field(default_factory=list)

    def stored(self) -> dict[str, object]:
        """As JSON, without the path of a file that is gone by then."""
        names = [name for name in self.__slots__ if name != "file"]
        return {name: getattr(self, name) for name in names}


def stored(but: Collection[str]) -> tuple[list[Line], list[dict[str, Any]]]:
    """Lines and rows of the stored result, without the cases `but`."""
    path = RESULTS / "peers.json"
    if not path.exists():
        return [], []
    result = json.loads(path.read_text())
    lines = [
        Line(line["what"], line["value"], line["target"], at_least=line["at_least"])
        for line in result["lines"]
        if line["what"].split(":")[0] not in but
    ]
    return lines, [row for row in result["rows"] if row["case"] not in but]

"""Work that is done once: its result lies beside the files that it made."""

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec

Rest = ParamSpec("Rest")
Work = Callable[Concatenate[Path, Path, str, Rest], float]


def once(work: Work[Rest]) -> Work[Rest]:
    """`work(data, out, name, ...)` writes files under `name` in the folder `out` and returns
    a number. Where `out`/`name`.json holds that number already it is not done again; seconds
    are written beside it."""

    @functools.wraps(work)
    def done(data: Path, out: Path, name: str, *rest: Rest.args, **more: Rest.kwargs) -> float:
        note = out / f"{name}.json"
        if not note.exists():
            begun_s = time.perf_counter()
            found = work(data, out, name, *rest, **more)
            took_s = round(time.perf_counter() - begun_s, 1)
            note.write_text(json.dumps({"result": found, "seconds": took_s}) + "\n")
        return float(json.loads(note.read_text())["result"])

    return done

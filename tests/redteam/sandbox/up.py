"""`python -m tests.redteam.sandbox.up`: the embedded service with an engine taken over.

All else is as in production: uploads come over HTTP, a real worker bears a real child for each,
behind the walls that its settings ask for.
"""

import sys
from dataclasses import replace
from functools import partial
from typing import Any

from app.up import __main__ as embedded
from app.up.tree import Child

_children = embedded._children
WORKER = (sys.executable, "-m", "tests.redteam.sandbox.hands", "--queue", "intake")


def _taken_over(*arguments: Any) -> list[Child]:
    """Without the worker that nobody asks here."""
    return [
        replace(child, command=WORKER) if child.name == "worker-intake" else child
        for child in _children(*arguments)
        if child.name not in {"worker-cpu", "deliver"}
    ]


if __name__ == "__main__":
    embedded._children = partial(_taken_over)
    sys.exit(embedded.main())

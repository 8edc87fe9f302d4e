"""Where the server's packages are, if they are here."""

import importlib.util
import os
import sys
from pathlib import Path

import lathe

_NEEDED = ("fastapi", "celery", "torch", "onnxruntime")
HOW_TO_GET_IT = (
    "The server's packages are not here. Clone the repository and run `make up`, or "
    "install them with `pip install '.[embedded]'` inside a clone."
)


def server_command() -> list[str] | None:
    """How to start the embedded service; None where it is not installed."""
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        return None
    if importlib.util.find_spec("app") is None and not (_tree() / "app" / "up").is_dir():
        return None
    return [sys.executable, "-m", "app.up"]


def server_environment() -> dict[str, str]:
    """This environment, in which the tree that this package lies in can be imported."""
    paths = [str(_tree()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _tree() -> Path:
    return Path(lathe.__file__).resolve().parent.parent

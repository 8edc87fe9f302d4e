"""A kernel without walls, pretended: what a worker and a child find on one that is too old.

python -m tests.services.worker.bare_kernel      a real worker on such a machine
tests.services.worker.bare_kernel:perform        the acts in a nursery on such a machine
"""

import os
import runpy

from tests.services.worker.acts import perform
from worker.sandbox import walls

__all__ = ["perform"]


def pretend() -> None:
    """From here on this process finds neither landlock nor seccomp."""
    walls.landlock_abi = lambda: 0
    walls.HAS_SECCOMP = False


if __name__ == "__main__":
    pretend()
    runpy.run_module("tests.services.worker.stand_in", run_name="__main__")
elif os.environ.get("USER") == "lathe":  # in a nursery, whose environment is the clean one
    pretend()

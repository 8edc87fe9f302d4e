"""Which walls around a job this machine can raise, before tests of the sandbox skip for one.

`python -m tests.unit.stack.kernel` says so, and ends with 1 where the kernel lists what a
process here cannot have: then the kernel does not lack the wall, but something around this
process takes it away, as a container's own filter does or a missing libseccomp, and tests
would skip that could run.
"""

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from worker.sandbox.walls import Confinement, available

LSM = Path("/sys/kernel/security/lsm")  # the modules that were turned on; often not mounted
ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")  # of filters; there where these are


def withheld(machine: Confinement, modules: str | None, actions: str | None) -> Iterator[str]:
    """Each wall that the kernel lists and a process here cannot have, in a sentence. What the
    kernel does not say is None, and proves nothing."""
    if machine.landlock_abi == 0 and "landlock" in (modules or "").split(","):
        yield (
            f"{LSM} lists landlock, but a process here may not use it: let the seccomp profile "
            "of its container allow it"
        )
    if not machine.seccomp and actions is not None:
        yield f"{ACTIONS} is there, but no filter can be set here: install libseccomp2"


def _read(path: Path) -> str | None:
    return path.read_text().strip() if path.exists() else None


def main() -> int:
    """0 where nothing is withheld, whatever the kernel has."""
    machine = available()
    filters = "seccomp filters" if machine.seccomp else "no seccomp filters"
    sys.stdout.write(
        f"Linux {platform.release()}: landlock {machine.landlock_abi}, {filters}\n"
    )
    for wall in machine.missing:
        sys.stderr.write(f"MISSING: {wall}; the tests of the sandbox skip\n")
    found = list(withheld(machine, _read(LSM), _read(ACTIONS)))
    sys.stderr.writelines(f"{sentence}\n" for sentence in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

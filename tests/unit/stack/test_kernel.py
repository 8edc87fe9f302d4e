"""What is said of a machine's walls: only what the kernel itself lists is held against it."""

from pathlib import Path

import pytest

from tests.unit.stack import kernel
from tests.unit.stack.kernel import withheld
from worker.sandbox.walls import Confinement

WHOLE = Confinement(landlock_abi=6, seccomp=True)
NO_LANDLOCK = Confinement(landlock_abi=0, seccomp=True)
NO_SECCOMP = Confinement(landlock_abi=6, seccomp=False)
LISTED, FILTERS = "capability,landlock,yama", "kill_process errno allow"


@pytest.mark.parametrize(
    ("machine", "modules", "actions", "said"),
    [
        (WHOLE, LISTED, FILTERS, []),
        (WHOLE, None, None, []),
        (NO_LANDLOCK, "capability,yama", FILTERS, []),
        (NO_LANDLOCK, "landlocked", FILTERS, []),
        (NO_LANDLOCK, None, FILTERS, []),
        (NO_LANDLOCK, LISTED, FILTERS, ["landlock"]),
        (NO_SECCOMP, LISTED, None, []),
        (NO_SECCOMP, LISTED, FILTERS, ["libseccomp"]),
        (
            Confinement(landlock_abi=0, seccomp=False),
            LISTED,
            FILTERS,
            ["landlock", "libseccomp"],
        ),
    ],
)
def test_a_wall_is_withheld_only_where_the_kernel_lists_it(
    machine: Confinement, modules: str | None, actions: str | None, said: list[str]
) -> None:
    found = list(withheld(machine, modules, actions))
    assert len(found) == len(said)
    assert all(word in sentence for word, sentence in zip(said, found, strict=True))


@pytest.mark.parametrize(("modules", "ends"), [("landlock,bpf\n", 1), ("bpf\n", 0)])
def test_a_missing_wall_is_said_and_a_withheld_one_ends_the_run(
    modules: str,
    ends: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "lsm").write_text(modules)
    monkeypatch.setattr(kernel, "LSM", tmp_path / "lsm")
    monkeypatch.setattr(kernel, "available", lambda: NO_LANDLOCK)
    assert kernel.main() == ends
    said = capsys.readouterr()
    assert "landlock 0, seccomp filters" in said.out
    assert "MISSING: landlock" in said.err
    assert ("may not use it" in said.err) == bool(ends)

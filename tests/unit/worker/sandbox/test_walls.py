import resource
from pathlib import Path

import pytest

from lathe.errors import Unavailable
from worker.sandbox import walls
from worker.sandbox.walls import Confinement, Policy, confine

POLICY = Policy(
    mode="required",
    read=(Path("/in"),),
    write=(Path("/out"),),
    memory_bytes=1 << 30,
    cpu_s=9,
    file_bytes=50,
)


@pytest.mark.parametrize(
    ("abi", "seccomp", "words"),
    [
        (7, True, []),
        (1, True, []),  # seccomp covers what an old landlock lacks
        (6, False, ["seccomp"]),
        (5, False, ["landlock's signal scope", "seccomp"]),
        (0, True, ["landlock (files"]),
    ],
)
def test_what_a_machine_lacks_is_named(abi: int, seccomp: bool, words: list[str]) -> None:
    missing = Confinement(landlock_abi=abi, seccomp=seccomp).missing
    assert len(missing) == len(words)
    for gap, word in zip(missing, words, strict=True):
        assert gap.startswith(word)


def test_a_switched_off_sandbox_lacks_every_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Confinement(landlock_abi=7, seccomp=True)
    monkeypatch.setattr(walls, "available", lambda: there)
    assert walls.lacking("required") == ()
    assert walls.lacking("auto") == ()
    assert walls.lacking("off") == ("all of them (LATHE_SANDBOX=off)",)


@pytest.mark.parametrize(
    ("library", "kernel", "seccomp"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_seccomp_needs_its_library_and_a_kernel_that_takes_filters(
    library: bool, kernel: bool, seccomp: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walls, "HAS_SECCOMP", library)
    monkeypatch.setattr(walls, "_has_filters", lambda: kernel)
    assert walls.available().seccomp is seccomp


def test_required_walls_that_are_missing_refuse_before_anything_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = resource.getrlimit(resource.RLIMIT_CPU)
    lacking = Confinement(landlock_abi=0, seccomp=True)
    monkeypatch.setattr(walls, "available", lambda: lacking)
    with pytest.raises(Unavailable, match="landlock"):
        confine(POLICY)
    assert resource.getrlimit(resource.RLIMIT_CPU) == before


def test_staged_files_may_be_mapped_on_top_of_what_may_be_allocated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (-1, -1))
    monkeypatch.setattr(walls, "_mapped_already", lambda: 500)
    off = POLICY.model_copy(update={"mode": "off"})
    confine(off.with_staged(7_000))
    assert limits[resource.RLIMIT_DATA] == (1 << 30, 1 << 30)
    most = (1 << 30) + 28_000 + 500  # four maps, and the libraries
    assert limits[resource.RLIMIT_AS] == (most, most)
    limits.clear()
    confine(off.model_copy(update={"gpu": True}))
    assert limits.keys().isdisjoint({resource.RLIMIT_DATA, resource.RLIMIT_AS})


def test_what_the_libraries_have_mapped_is_counted_in_bytes() -> None:
    status = Path("/proc/self/status").read_text()
    kib = int(
        next(line for line in status.splitlines() if line.startswith("VmSize")).split()[1]
    )
    assert walls._mapped_already() == pytest.approx(kib * 1024, rel=0.01)

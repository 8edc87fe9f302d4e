"""Filling disks to the last byte."""

from tests.chaos.arena import Arena
from tests.chaos.mounts import Disk


def fill_work(arena: Arena, kind: str) -> None:
    """The disk of the job folders is full for some seconds."""
    _fill(arena, kind, arena.stack.work)


def fill_objects(arena: Arena, kind: str) -> None:
    """The disk of the stored objects is full for some seconds."""
    _fill(arena, kind, arena.stack.objects)


def _fill(arena: Arena, kind: str, disk: Disk | None) -> None:
    if disk is None:
        arena.diary.missed(kind, "THIS MACHINE LETS US MOUNT NO DISK TO FILL")
        return
    if not arena.breaks(kind, kind):
        return
    for_s = arena.dice.uniform(1.5, 4.0)
    taken = disk.fill()
    arena.diary.did(kind, f"{taken >> 20} MiB taken for {for_s:.1f} s")
    arena.mended(kind, for_s, disk.free)

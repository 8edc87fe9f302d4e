"""Taking the object store away: S3 misbehaves, or the folder is no folder any more."""

from tests.chaos.arena import Arena
from tests.chaos.stack import S3Door

_MOODS = ("busy", "reset", "slow", "cut")


def outage(arena: Arena, kind: str) -> None:
    """Some seconds of 503, of resets, of cut or slow answers; or no folder."""
    if not arena.breaks("objects", kind):
        return
    for_s = arena.dice.uniform(2.0, 6.0)
    if arena.stack.door is None:
        _remove(arena, kind, for_s)
    else:
        _misbehave(arena, arena.stack.door, kind, for_s)


def _misbehave(arena: Arena, door: S3Door, kind: str, for_s: float) -> None:
    before = sum(entry.kind == kind for entry in arena.diary.entries)
    mood = _MOODS[before % len(_MOODS)]
    door.turn(mood)
    arena.diary.did(kind, f"S3 {mood} for {for_s:.1f} s")
    arena.mended("objects", for_s, lambda: door.turn("pass"))


def _remove(arena: Arena, kind: str, for_s: float) -> None:
    """Root may write everywhere, so the folder goes, and a file takes its place."""
    folder = arena.stack.objects_dir
    away = folder.with_name("objects-away")
    folder.rename(away)
    folder.touch()
    arena.diary.did(kind, f"no folder of objects for {for_s:.1f} s")

    def mend() -> None:
        folder.unlink()
        away.rename(folder)

    arena.mended("objects", for_s, mend)

"""Taking the hints away."""

from tests.chaos.arena import Arena


def flush(arena: Arena, kind: str) -> None:
    """FLUSHALL: every queue is empty and unknown."""
    if "broker" in arena.broken:
        arena.diary.missed(kind, "the broker is down")
        return
    arena.stack.valkey.flush()
    arena.diary.did(kind, "FLUSHALL")


def restart(arena: Arena, kind: str) -> None:
    """Stop the broker for some seconds; it comes back empty."""
    if not arena.breaks("broker", kind):
        return
    for_s = arena.dice.uniform(1.0, 4.0)
    arena.stack.valkey.stop()
    arena.diary.did(kind, f"down for {for_s:.1f} s")
    arena.mended("broker", for_s, arena.stack.valkey.begin)

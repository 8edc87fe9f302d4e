"""From findings to the lines that a campaign is judged by."""

import sys
from collections.abc import Sized

from benchmarks.harness import Line
from tests.chaos.audit.findings import Findings
from tests.chaos.schedule import scaled

KILLS, LEASES, TOO_LATE = 20, 10, 3  # in 200 jobs
_SHOWN = 8


def lines(found: Findings, jobs: int) -> list[Line]:
    """What must hold."""
    wanted = [
        ("jobs", found.chains, jobs),
        ("kills of a running child", found.causes["child died"], scaled(KILLS, jobs)),
        ("leases lost", found.causes["lease lost"], scaled(LEASES, jobs)),
        ("fenced completions refused", found.too_late, scaled(TOO_LATE, jobs)),
    ]
    forbidden: list[tuple[str, Sized]] = [
        ("lost", found.lost),
        ("twice", found.twice),
        ("failed jobs", found.failed),
        ("customers turned away", found.broke),
        ("attempts unexplained", found.unexplained),
        ("files damaged", found.damaged),
        ("models that do not run", found.unusable),
        ("named objects missing", found.missing),
        ("processes or folders left", found.orphans),
        ("processes that ended", found.ended),
        ("answers that mislead", found.wrong_answers),
        ("kinds of fault that never hit", found.idle_faults),
    ]
    return [Line(what, count, least, at_least=True) for what, count, least in wanted] + [
        Line(what, len(cases), 0, at_least=False) for what, cases in forbidden
    ]


def show(found: Findings, table: list[Line]) -> None:
    """Print the table of one stack, and the first cases of what must not be."""
    put = sys.stdout.write
    put(f"\n{found.stack}: {dict(found.jobs)}, {found.attempts} attempts, ")
    put(f"{found.spent_s:.0f} s\n")
    put(f"  faults    {found.faults}\n")
    put(f"  repeats   {dict(found.causes)}\n")
    put(f"  answers   {dict(found.answered)}, {found.broken_connections} broken connections\n")
    put(f"  files     {found.artifacts} artifacts, {found.blobs} objects; ")
    put(f"{found.unnamed} unnamed ({found.unnamed_bytes / 1e6:.1f} MB)\n")
    for line in table:
        relation = ">=" if line.at_least else "<="
        mark = "PASS" if line.kept else "MISS"
        put(f"  {line.what:<32}{line.value:>6.0f}  {relation} {line.target:<5.0f}{mark}\n")
    put(f"  lost={len(found.lost)} twice={len(found.twice)}\n")
    for name in (
        "lost",
        "twice",
        "failed",
        "broke",
        "unexplained",
        "damaged",
        "unusable",
        "missing",
        "orphans",
        "ended",
        "wrong_answers",
        "idle_faults",
    ):
        cases: list[str] = getattr(found, name)
        for case in cases[:_SHOWN]:
            put(f"    {name}: {case}\n")
        if len(cases) > _SHOWN:
            put(f"    {name}: ... {len(cases) - _SHOWN} more\n")

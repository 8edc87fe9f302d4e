"""`make mutants`: does a test notice a wrong sign in a technique's maths?

    python -m tests.mutants [--only worker/engine/prune/lamp.py] [--most 40] [--table]

Each mutant of each module of modules.py runs against the module's own tests, in a process of
its own. Fates are kept as they come, so that a run goes on where it was stopped; a module is
done when all its mutants have one. It is not run again until it or its tests change. The
result says which mutants survived. mutmut leaves decorated functions and constants of modules
alone, which half of the maths here is, and cosmic-ray starts Python and torch once a mutant:
therefore a mutator of our own. Exit status 1 when fewer than 90 % of all have died, or
when a module has no result of its present state, unless --only named some.
"""

import argparse
import ast
import sys
from itertools import islice

from tests.mutants.modules import ROOT, Module, modules
from tests.mutants.mutations import mutations
from tests.mutants.record import Record, digest, fates_so_far, keep, records, store
from tests.mutants.trial import apart, fate, limit_of, load_before, now

TARGET = 0.9
say = sys.stdout.write


def main() -> int:
    """Run what is missing; 0 when enough have died."""
    options = _options()
    chosen = [m for m in modules() if not options.only or str(m.source) in options.only]
    for module in [] if options.table else chosen:
        known = records().get(str(module.source))
        if known is None or known.digest != digest(module):
            with apart() as process:
                process.submit(_run, module, options.most).result()
    return _table(chosen, whole=not options.only)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--only", action="append", default=[], metavar="FILE")
    parser.add_argument("--most", type=int, help="stop after so many mutants of a module")
    parser.add_argument("--table", action="store_true", help="show what is there, run nothing")
    options = parser.parse_args()
    known = {str(module.source) for module in modules()}
    for name in options.only:
        if name not in known:
            parser.error(f"{name} is not in tests/mutants/modules.py")
    return options


def _run(module: Module, most: int | None) -> None:
    """Every mutant without a fate; at most so many."""
    source, state = ROOT / module.source, digest(module)
    every = list(mutations(source.read_text(), module.tuning))
    fates = fates_so_far(module, state)
    left = [mutant for mutant in every if mutant.key not in fates]
    if left:
        load_before(module.dotted, module.tests)
    limit_s = _limit(module) if left else 0
    for mutant in islice(left, most):
        fates[mutant.key], took_s = fate(
            module.dotted, source, mutant.tree, module.tests, limit_s
        )
        keep(module, state, fates)
        if fates[mutant.key] != "died":
            say(f"  {fates[mutant.key]:<12}{module.source}:{mutant.key} ({took_s:.1f} s)\n")
            sys.stdout.flush()
    if len(fates) == len(every):
        in_order = {mutant.key: fates[mutant.key] for mutant in every}
        store(records() | {str(module.source): Record.of(module, state, in_order, now())})


def _limit(module: Module) -> int:
    """Raises RuntimeError where the tests fail without any mutation."""
    source = ROOT / module.source
    tree = ast.parse(source.read_text())
    lived, took_s = fate(module.dotted, source, tree, module.tests, limit_s=600)
    if lived != "survived":
        raise RuntimeError(f"the tests of {module.source} fail as it is")
    say(f"{module.source}: its tests take {took_s:.1f} s\n")
    return limit_of(took_s)


def _table(chosen: list[Module], *, whole: bool) -> int:
    known, died, mutants, missing = records(), 0, 0, 0
    for module in chosen:
        one = known.get(str(module.source))
        if one is None:
            state, missing = "not run", missing + 1
        elif one.digest != digest(module):
            state, missing = "it or its tests have changed since", missing + 1
        else:
            state = f"{one.died:>4} of {one.mutants:>4} died  {one.killed:7.1%}"
            died, mutants = died + one.died, mutants + one.mutants
        say(f"{module.source!s:<48}{state}\n")
    share = died / mutants if mutants else 0.0
    say(f"{'all':<48}{died:>4} of {mutants:>4} died  {share:7.1%}  >= {TARGET:.0%}\n")
    if missing:
        say(f"{missing} without a result of their present state\n")
    return int(share < TARGET or (whole and missing > 0))


if __name__ == "__main__":
    sys.exit(main())

"""The version of what a job's row asks of a worker, so that releases can run side by side.

The service writes it on each job; a worker claims only what lies in its range, and the rest
waits for a worker of a newer release. Raise `NEWEST` in the release that makes a row say
something which an older worker would refuse or misread: a new key or technique in the spec, or
a new form of the stored files that the job reads. Raise `OLDEST` only when no row of that
version can be left in any database.

A row gets the oldest version that understands it, so a job that uses nothing new waits for
nobody. A new key that is left at its default must not be stored for that (`exclude_if`).

    1  the first release
    2  techniques for packed files; `augment` of training steps and `betas` of Adam
"""

from lathe.job import JobSpec
from lathe.techniques import AnyStep

OLDEST = 1
NEWEST = 2
INSPECTION = 1  # of an upload; its row has no spec

_OF_VERSION_1 = frozenset(
    {"optimize.graph", "prune.channels", "train.recover", "train.distill"}
    | {"quantize.static", "quantize.dynamic", "quantize.float"}
)
_NEW_KEYS = {"augment", "betas", "recover"}


def version_of(spec: JobSpec) -> int:
    """The oldest version whose workers understand `spec`."""
    new = any(
        step.technique not in _OF_VERSION_1 or _NEW_KEYS & _keys(step) for step in spec.pipeline
    )
    return 2 if new else 1


def _keys(step: AnyStep) -> set[str]:
    """Those that are stored, of the step and of its optimizer."""
    stored = step.model_dump(mode="json")
    return {*stored, *stored.get("optimizer", ())}

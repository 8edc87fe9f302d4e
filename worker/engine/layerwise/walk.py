"""Through a net layer by layer: what every layer reads once those before it have changed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from worker.engine.context import Arrays
from worker.engine.layerwise.calibration import words
from worker.engine.layerwise.rows import inputs_of, rows
from worker.engine.layerwise.site import Floats, Site
from worker.engine.layerwise.stages import Stages, Weights

ROWS = 32_768  # of a layer's inputs, about, over all examples
FEWEST_ROWS = 64  # of a batch


class Sums(Protocol):
    """What is added up over the rows of one layer's inputs."""

    def add(self, rows: Floats, coded: Floats) -> None:
        """Rows of the original and of the changed net for the same examples, (groups, rows,
        columns)."""


S = TypeVar("S", bound=Sums)


def walk(
    stages: Stages,
    original: Weights,
    present: Weights,
    batches: Sequence[Arrays],
    sums: Callable[[int, int], S],
) -> Iterator[list[tuple[Site, S | None]]]:
    """The layers that can be treated after each stage, with `sums(groups, columns)` over
    their inputs; None for a layer whose inputs cannot be looked at.

    The caller changes `present` before it asks for the next stage, which computes with it;
    where it is `original` itself, nothing changes and every stage runs once.
    """
    alone = present is original
    before, after = list(batches), list(batches)
    masks = [words(batch) for batch in batches]
    for stage in stages.stages:
        before = [stages.run(stage, values, original) for values in before]
        reached = before if alone else [stages.run(stage, values, present) for values in after]
        seen: dict[object, S | None] = {}
        for site in stage.sites:
            if (key := _same_rows(site)) not in seen:
                seen[key] = _added_up(site, before, reached, masks, sums)
        yield [(site, seen[_same_rows(site)]) for site in stage.sites]
        if not alone and any(
            site.first < stage.end for site in stage.sites
        ):  # a state that it reads itself
            reached = [stages.run(stage, values, present) for values in after]
        after = reached


def _same_rows(site: Site) -> object:
    """Layers with the same key read the same rows."""
    node = site.readers[0].node
    window = (site.shape[2:], site.groups, tuple(map(str, node.attribute)))
    return inputs_of(site), site.form, window if site.form == "convolution" else site.groups


def _added_up(
    site: Site,
    before: Sequence[Arrays],
    after: Sequence[Arrays],
    masks: Sequence[NDArray[np.bool_] | None],
    sums: Callable[[int, int], S],
) -> S | None:
    if not inputs_of(site):
        return None
    most = max(ROWS // len(after), FEWEST_ROWS)
    total: S | None = None
    for number, (old, new, mask) in enumerate(zip(before, after, masks, strict=True)):
        x = rows(site, old, most, number, mask)
        changed = x if new is old else rows(site, new, most, number, mask)
        if total is None:
            total = sums(x.shape[0], x.shape[2])
        total.add(x, changed)
    return total

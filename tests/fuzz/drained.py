"""Reading the content of a data set to its end, as the data set's writer does."""

import math
from collections import Counter

from worker.engine.intake.dataset import _check_size, _looked_at, _seen, _split_facts, _splits
from worker.engine.intake.formats.content import Content
from worker.engine.intake.formats.summarise import summary_of
from worker.engine.intake.tensor_file import ITEM_BYTES
from worker.wire import Limits

SMALL = Limits(max_bytes=1 << 20, max_members=64, max_ratio=200)


def drain(content: Content, limits: Limits = SMALL) -> None:
    """Look at every piece; each array must come just as large as it was declared."""
    splits = _splits(content.arrays)
    _check_size(content.arrays, limits)
    seen = {name: _seen(name, each) for name, each in content.arrays.items()}
    came = Counter[str]()
    for name, piece in _looked_at(content.pieces(), seen):
        came[name] += len(piece)
    for name, each in content.arrays.items():
        assert came[name] == math.prod(each.shape) * ITEM_BYTES[each.dtype], name
    summary_of(content, tuple(_split_facts(*item, seen) for item in splits.items()), seen)

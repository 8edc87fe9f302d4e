"""Pads of convolutions and pools: fixed, uneven, or worked out from the input's size."""

from torch import Tensor
from torch.nn import functional

from worker.engine.view.op import Op

FIRST_SPATIAL = 2


def fixed_pads(op: Op, spatial: int) -> tuple[list[int], list[int]] | None:
    """Pads before and after each spatial axis; None where auto_pad asks for SAME."""
    match op.text("auto_pad", "NOTSET"):
        case "NOTSET":
            pads = op.integers("pads", [0] * 2 * spatial)
            return pads[:spatial], pads[spatial:]
        case "VALID":
            return [0] * spatial, [0] * spatial
        case _:
            return None


def pad_spatial(x: Tensor, before: list[int], after: list[int], value: float = 0.0) -> Tensor:
    """Pad the axes from 2 on with `value`."""
    return functional.pad(x, _torch_order(before, after), value=value)


def pad_same(
    x: Tensor,
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    *,
    upper: bool,
    value: float = 0.0,
) -> Tensor:
    """ONNX SAME_UPPER or SAME_LOWER: as many pads as give ceil(size / stride) outputs; the odd
    one goes after the axis (upper) or before it."""
    before, after = [], []
    for axis, size in enumerate(x.shape[FIRST_SPATIAL:]):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        total = max((-(-size // strides[axis]) - 1) * strides[axis] + reach - size, 0)
        less, more = total // 2, total - total // 2
        before.append(less if upper else more)
        after.append(more if upper else less)
    return pad_spatial(x, before, after, value)


def _torch_order(before: list[int], after: list[int]) -> list[int]:
    """Torch lists the last axis first."""
    pairs = zip(reversed(before), reversed(after), strict=True)
    return [size for pair in pairs for size in pair]

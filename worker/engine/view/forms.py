"""Every operator that has a form in torch."""

from collections.abc import Callable

from worker.engine.view import (
    activation,
    attention,
    convolution,
    elementwise,
    grid,
    indexing,
    joining,
    linear,
    making,
    norm,
    pool,
    quantized,
    recurrent,
    reduction,
    reshape,
    resize,
)
from worker.engine.view.builder import Builder
from worker.engine.view.op import Op

Form = Callable[[Builder, Op], None]

FORMS: dict[str, Form] = {
    **activation.FORMS,
    **attention.FORMS,
    **convolution.FORMS,
    **elementwise.FORMS,
    **grid.FORMS,
    **indexing.FORMS,
    **joining.FORMS,
    **linear.FORMS,
    **making.FORMS,
    **norm.FORMS,
    **pool.FORMS,
    **quantized.FORMS,
    **recurrent.FORMS,
    **reduction.FORMS,
    **resize.FORMS,
    **reshape.FORMS,
}

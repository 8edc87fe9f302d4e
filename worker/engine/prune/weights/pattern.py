"""Where the blocks of a pattern of `keep` of `of` weights lie in a layer.

A block is `of` neighbours along the layer's inputs, at one place of a convolution's kernel:

    convolution (O, I/g, k...)    I/g, for each place in the kernel
    Gemm, MatMul, LSTM ...        the inputs that one output adds up

which are the blocks that sparse matrix units read: Mishra et al., "Accelerating Sparse Deep
Neural Networks", arXiv:2104.08378, section 3. In the matrices of a site (groups, rows,
columns) a convolution's kernel runs faster than its inputs, so columns are put in another
order first.
"""

import math

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats, Site
from worker.engine.prune.weights.selection import Fall, of_each_block

Order = NDArray[np.int64]


def inputs(site: Site) -> int:
    """How many inputs one output of the layer has, a convolution's at one place."""
    match site.form:
        case "convolution":
            return site.shape[1]
        case "columns":
            return site.shape[0]
        case _:
            return site.shape[-1]


def why_not(site: Site, of: int) -> str | None:
    """Why blocks of `of` do not fit the layer; None where they do."""
    if site.form == "plain":
        return "where its inputs lie is not known"
    if inputs(site) % of:
        return f"{inputs(site)} inputs are no multiple of {of}"
    return None


def by_input(site: Site) -> Order:
    """The order of the site's columns in which neighbours are neighbouring inputs."""
    if site.form != "convolution":
        return np.arange(inputs(site))
    places = math.prod(site.shape[2:])
    return np.arange(site.shape[1] * places).reshape(-1, places).T.reshape(-1)


def fallen(site: Site, scores: Floats, keep: int, of: int) -> Fall:
    """Which weights fall, (groups, rows, columns), from scores in that shape: of each block
    all but `keep`."""
    order = by_input(site)
    falls: Fall = np.empty(scores.shape, np.bool_)
    falls[..., order] = of_each_block(scores[..., order], keep, of)
    return falls


def block_numbers(site: Site, of: int) -> NDArray[np.int64]:
    """The block of each weight, laid out as the file's tensor."""
    order = by_input(site)
    rows = site.elements // site.groups // len(order)
    numbers = np.empty((site.groups, rows, len(order)), np.int64)
    numbers[..., order] = (np.arange(site.elements) // of).reshape(numbers.shape)
    return site.tensor(numbers)

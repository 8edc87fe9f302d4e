"""share.dictionary: a layer as atoms and sparse codes, two layers in a row.

    operator          matrix (out, in)      atoms first             codes first
    Gemm, MatMul      W                     K x in, then out x K    the same
    Conv              (O, I * k...)         k..., then 1 x 1        the same

Where a layer has more outputs than inputs an output's code adds up atoms of inputs: W = S D,
the atoms compute first. Otherwise W^T = S D: sparse sums of inputs weigh atoms of outputs, and
the codes compute first. So there are as many codes, and as few numbers in an atom, as can be.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lathe.errors import StepImpossible
from lathe.techniques.share import ShareDictionary
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.decompose.layer import Layer, Left, decomposable
from worker.engine.decompose.names import factor_name
from worker.engine.decompose.row import Factor
from worker.engine.decompose.swap import Swap
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.site import Floats, Site, sites
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import FactValue, Outcome
from worker.engine.pace import Pace
from worker.engine.prune.coupling import LeftAlone
from worker.engine.prune.facts import named, what_is_left
from worker.engine.prune.weights.written import sparse_from_now
from worker.engine.share.dictionary_size import dictionary_sizes
from worker.engine.share.sparse_code import Coded, sparse_code

TRIED_ROUNDS = 3  # to tell which number of atoms is best
NAMED = 24  # layers that the facts name one by one


@dataclass(frozen=True, slots=True)
class _Replaced:
    """`sparse` is the name of the codes."""

    layer: str
    sparse: str
    coded: Coded
    weights: int


def share_dictionary(
    checkpoint: Checkpoint, spec: ShareDictionary, context: Context
) -> Outcome:
    """Two layers for each Conv, Gemm and MatMul of a copy of the checkpoint's model, where that
    saves products; the codes are `sparse` from then on.

    Raises UnknownLayer, and StepImpossible where no layer is replaced.
    """
    layers, left = decomposable(checkpoint, spec.protect)
    done = replace(checkpoint, model=checkpoint.private())
    model, tensors = done.model, initializers(done.model)
    places = {site.name: site for site in sites(model)}
    pace = Pace(context.progress, len(layers), "layers")
    replaced: list[_Replaced] = []
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        swap = Swap(model, spill)
        for layer in layers:
            site = places[layer.name]
            weight = np.asarray(array(tensors[layer.name]), np.float32)
            coded = _coded(layer, weight, spec)
            if isinstance(coded, Left):
                left.append(coded)
            else:
                early = factor_name(model.graph, site.name, 1)
                swap.put(site, _factors(site, coded))
                sparse = site.name if _atoms_first(site) else early
                replaced.append(_Replaced(layer.name, sparse, coded, site.elements))
            pace.add(1)
        swap.finish()
    pace.finish()
    if not replaced:
        raise StepImpossible(f"no layer becomes atoms and codes: {_reasons(left)}")
    done = sparse_from_now(done, (one.sparse for one in replaced))
    return Outcome(done, what_is_left(checkpoint, done) | _facts(replaced, left))


def _coded(layer: Layer, weight: Floats, spec: ShareDictionary) -> Coded | Left:
    """The best of the sizes that may be tried."""
    if layer.site.groups > 1:
        return Left(layer.name, "it convolves in groups")
    matrix = layer.site.matrices(weight)[0]
    upright = matrix if _atoms_first(layer.site) else matrix.T
    rows, columns = upright.shape
    sizes = dictionary_sizes(rows, columns, spec.keep_nonzero)
    if not sizes:
        return Left(layer.name, "no number of atoms saves anything")
    tried = [
        sparse_code(upright, size.atoms, size.nonzeros, min(TRIED_ROUNDS, spec.iterations))
        for size in sizes
    ]
    best = sizes[int(np.argmax([one.energy for one in tried]))]
    coded = sparse_code(upright, best.atoms, best.nonzeros, spec.iterations)
    if coded.energy < spec.min_energy:
        return Left(layer.name, f"only {coded.energy:.4f} of its energy would be kept")
    return coded


def _atoms_first(site: Site) -> bool:
    """Whether the matrix is taller than wide, or square."""
    rows, columns = _shape(site)
    return rows >= columns


def _shape(site: Site) -> tuple[int, int]:
    """(outputs, inputs of one output)"""
    outputs = site.shape[1 if site.form == "columns" else 0]
    return outputs, site.elements // outputs


def _factors(site: Site, coded: Coded) -> tuple[Factor, Factor]:
    """In the order in which they compute, laid out as the file has them."""
    first, second = coded.atoms, coded.codes  # (K, in), (out, K)
    if not _atoms_first(site):
        first, second = coded.codes.T, coded.atoms.T
    if site.form == "convolution":
        kernel = site.shape[2:]
        axes = tuple(range(len(kernel)))
        return (
            Factor(np.ascontiguousarray(first).reshape(-1, *site.shape[1:]), axes),
            Factor(np.ascontiguousarray(second).reshape(*second.shape, *(1 for _ in kernel))),
        )
    if site.form == "columns":
        first, second = first.T, second.T
    return Factor(np.ascontiguousarray(first)), Factor(np.ascontiguousarray(second))


def _facts(replaced: Sequence[_Replaced], left: Sequence[Left]) -> dict[str, FactValue]:
    """Energies are fractions of squared weights kept; `nonzero_left` counts atoms and codes."""
    numbers = [np.count_nonzero(r.coded.atoms) + _nonzeros(r) for r in replaced]
    more = f" and {len(replaced) - NAMED} more" if len(replaced) > NAMED else ""
    return {
        "layers_coded": len(replaced),
        "nonzero_left": float(sum(numbers) / sum(r.weights for r in replaced)),
        "least_energy_kept": min(r.coded.energy for r in replaced),
        "mean_energy_kept": sum(r.coded.energy for r in replaced) / len(replaced),
        "by_layer": "; ".join(_line(r) for r in replaced[:NAMED]) + more,
        "layers_left": len(left),
        "left": _reasons(left) or None,
    }


def _line(one: _Replaced) -> str:
    codes = one.coded.codes
    return (
        f"{one.layer} {len(one.coded.atoms)} atoms, {_nonzeros(one)} of {codes.size} codes, "
        f"energy {one.coded.energy:.4f}"
    )


def _nonzeros(one: _Replaced) -> int:
    return int(np.count_nonzero(one.coded.codes))


def _reasons(left: Sequence[Left]) -> str:
    return named([LeftAlone(one.name, one.reason) for one in left])

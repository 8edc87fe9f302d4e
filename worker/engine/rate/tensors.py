"""Which tensors of a view are put on a grid: weights and biases of its layers.

Norms keep their floats: a factor near one is no multiple of anything coarse, and there are
few of them.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from torch import nn

from lathe.errors import StepImpossible, UnknownLayer
from lathe.facts import IoSpec
from worker.engine.checkpoint import Checkpoint
from worker.engine.rate.density import Image
from worker.engine.view import TorchView
from worker.engine.view.binding import Binding, Same, Transposed, WithAxes
from worker.engine.view.recurrent import SUFFIXES, Recurrent, Stacked
from worker.engine.view.torch_view import WEIGHTED

IMAGE_RANK = 4  # (N, C, H, W)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the file and the parameters that hold it in the view, each with its outputs
    (or its embedded words) as the first axis. They share a step.

    `image` is (height, width) where columns are the pixels of an input image.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    image: Image | None = None

    @property
    def is_matrix(self) -> bool:
        """Whether it has columns; a bias has none."""
        return self.parameters[0].dim() > 1


def tensors(view: TorchView, io: IoSpec, protect: Collection[str] = ()) -> list[Tensor]:
    """In the order of the graph, a shared one once; without those of the layers `protect`.

    Raises UnknownLayer for a protected layer that the view does not have.
    """
    for layer in protect:
        if layer not in view.layers:
            raise UnknownLayer(
                f"the model has no layer {layer!r}; it has {', '.join(sorted(view.layers))}",
                param="protect",
            )
    spared = {view.layers[layer] for layer in protect}
    pixels = dict(_pixels(io))
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    for binding in view.bindings:
        if binding.path in spared or not _weighted(view, binding):
            continue
        held = [p for p in _parameters(view, binding) if id(p) not in taken]
        taken.update(id(parameter) for parameter in held)
        if held:
            found[binding.initialiser] = Tensor(
                binding.initialiser, tuple(held), _image(held[0], pixels)
            )
    return list(found.values())


def on_grid(
    view: TorchView, checkpoint: Checkpoint, io: IoSpec, protect: Collection[str]
) -> list[Tensor]:
    """The tensors of `view` that may lie on a grid with one step; those that share a codebook
    keep it.

    Raises UnknownLayer, and StepImpossible where none is left or one has a step for each
    channel.
    """
    found = []
    for tensor in tensors(view, io, protect):
        trait = checkpoint.traits.get(tensor.name)
        if trait is not None and trait.codebook is not None:
            continue
        if trait is not None and trait.multiples and trait.multiples.axis is not None:
            raise StepImpossible(
                f"{tensor.name!r} already has a step for each channel; this technique gives "
                "a tensor one step, so it has to come first"
            )
        found.append(tensor)
    if not any(tensor.is_matrix for tensor in found):
        raise StepImpossible("the model has no layer left whose weights could be put on a grid")
    return found


def _weighted(view: TorchView, binding: Binding) -> bool:
    module = view.module.get_submodule(binding.path)
    return isinstance(module, WEIGHTED) or binding.initialiser in view.layers


def _parameters(view: TorchView, binding: Binding) -> Iterator[nn.Parameter]:
    module = view.module.get_submodule(binding.path)
    match binding.read:
        case Same(attribute) | Transposed(attribute) | WithAxes(attribute):
            yield getattr(module, attribute)
        case Stacked(names) if isinstance(module, Recurrent):
            suffixes = SUFFIXES if module.rnn.bidirectional else SUFFIXES[:1]
            for name in names:
                for suffix in suffixes:
                    yield getattr(module.rnn, name + suffix)


def _pixels(io: IoSpec) -> Iterator[tuple[int, Image]]:
    """How many numbers an input image has, and its height and width."""
    for door in io.inputs:
        match door.shape:
            case (_, int(channels), int(height), int(width)):
                yield channels * height * width, (height, width)


def _image(parameter: nn.Parameter, pixels: Mapping[int, Image]) -> Image | None:
    """The image that a matrix reads pixel by pixel, judged by how many there are."""
    return pixels.get(parameter.shape[1]) if parameter.dim() == 2 else None  # noqa: PLR2004

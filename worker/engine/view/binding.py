"""How a tensor of the file and a tensor of the view correspond."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

Reader = Callable[[nn.Module], Tensor]


@dataclass(frozen=True, slots=True)
class Binding:
    """`read` takes the module at `path` and gives the tensor as the ONNX file lays it out.

    The node that makes `output` reads it at `place`; a free tensor has no such node.
    """

    initialiser: str
    path: str
    read: Reader
    output: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class AttributeBinding:
    """`attribute` of the node that makes `output` follows `field` of the module at `path`."""

    output: str
    attribute: str
    path: str
    field: str


@dataclass(frozen=True, slots=True)
class Same:
    """The attribute as it is."""

    attribute: str

    def __call__(self, module: nn.Module) -> Tensor:
        """(...)."""
        return _tensor(module, self.attribute)


@dataclass(frozen=True, slots=True)
class Transposed:
    """A matrix that torch keeps the other way round."""

    attribute: str

    def __call__(self, module: nn.Module) -> Tensor:
        """(in, out) from (out, in)."""
        return _tensor(module, self.attribute).t()


@dataclass(frozen=True, slots=True)
class WithAxes:
    """A vector that the file keeps with axes of size 1 around it."""

    attribute: str
    before: int = 0
    after: int = 0

    def __call__(self, module: nn.Module) -> Tensor:
        """(1, ..., n, ..., 1) from (n,)."""
        shape = (*[1] * self.before, -1, *[1] * self.after)
        return _tensor(module, self.attribute).reshape(shape)


def _tensor(module: nn.Module, attribute: str) -> Tensor:
    tensor = getattr(module, attribute)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{attribute} of {module} is no tensor")
    return tensor

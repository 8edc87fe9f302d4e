"""The content of a file whose arrays are named `<split>/<field>` already."""

from collections.abc import Iterator, Mapping

from lathe.facts import DataFormat
from worker.engine.intake.array_source import ArraySource
from worker.engine.intake.formats.content import Content, Declared, Piece
from worker.engine.intake.npy_header import BadArrayError


def content_of_arrays(data_format: DataFormat, sources: Mapping[str, ArraySource]) -> Content:
    """The arrays one after the other, as they are."""

    def pieces() -> Iterator[Piece]:
        for name, source in sources.items():
            yield from named_pieces(name, source)

    arrays = {name: Declared(each.dtype, each.shape) for name, each in sources.items()}
    return Content(data_format, arrays, pieces)


def named_pieces(name: str, source: ArraySource, place: str = "") -> Iterator[Piece]:
    """One array's elements; what is wrong with it is said with its name and `place`."""
    try:
        for values in source.values():
            yield name, values
    except BadArrayError as error:
        raise BadArrayError(f"{place}the array {name!r} {error}") from error

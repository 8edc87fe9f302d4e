"""The plan of a cut out of the tokens of a head."""

from collections.abc import Iterator
from dataclasses import dataclass

from lathe.errors import CorruptPacked
from lathe.packed.dtypes import bits_of, size_of
from lathe.packed.head.ask import ask_number
from lathe.packed.head.mixer import mixed
from lathe.packed.head.plan import (
    Codebook,
    Coding,
    Constant,
    Cut,
    Grid,
    Integers,
    Layout,
    Plan,
    Plane,
    Planes,
    Same,
    Spelled,
    Squeezed,
    Stored,
)
from lathe.packed.head.tokens import Tokens
from lathe.packed.head.wire import unfolded

MOST_SPELLED = 4096  # bytes of a tensor in the head
MOST_ENTRIES = 1 << 16  # of a codebook
STEPS_IN_HEAD = 4
STEP_BYTES = 4  # of a float32
WIDEST_BYTES = 8  # of a codebook's entry
IN_HEAD = 8  # added to the bytes kept of each step where the steps are tokens
CONTINUES = 0  # instead of a stream's size plus one
PIECES = 9  # instead of a coding: a tensor comes in pieces, each with its own
PLAN = 112  # kinds of token from here on, one for each part of a plan
_WITH_SYMBOLS = {Coding.PLANES, Coding.GRID, Coding.CODEBOOK, Coding.INTEGERS}


@dataclass(frozen=True, slots=True)
class _About:
    """What is known of a cut before its plan."""

    size_bytes: int
    data_type: int
    dims: tuple[int, ...]
    context: int


class PlanReader:
    """Reads the plans of one head in order: each helps to guess the next."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._last: dict[tuple[int, int], int] = {}  # a part's last value, by kind of tensor
        self._coding = 0
        self._cuts: list[int] = []  # sizes

    def cuts(
        self, size_bytes: int, data_type: int, dims: tuple[int, ...], place: int
    ) -> Iterator[Cut]:
        """The next cuts, together of `size_bytes`: a tensor may come in pieces of so many rows.

        Raises CorruptPacked where a plan is none.
        """
        about = _About(size_bytes, data_type, dims, mixed(place, data_type, len(dims)))
        number = self._coded(about)
        if number != PIECES:
            yield self._cut(about, number)
            return
        rows = self._ask(about, 15)
        row_bytes = size_of(data_type, (rows, *dims[1:]))
        if (
            not dims
            or not 0 < rows < dims[0]
            or not row_bytes
            or row_bytes * dims[0] != size_bytes * rows
        ):
            raise CorruptPacked(f"a tensor of {dims} in pieces of {rows} rows")
        for begin in range(0, dims[0], rows):
            shape = (min(rows, dims[0] - begin), *dims[1:])
            piece = _About(row_bytes * shape[0] // rows, data_type, shape, about.context)
            yield self._cut(piece, self._coded(piece))

    def _coded(self, about: _About) -> int:
        return self._token(about, 0, min(about.size_bytes, 64))

    def _cut(self, about: _About, number: int) -> Cut:
        try:
            coding = Coding(number)
        except ValueError:
            raise CorruptPacked(f"a coding {number} is not known") from None
        self._coding = number
        stream_bytes = None
        if coding in _WITH_SYMBOLS:
            if bits_of(about.data_type) is None:
                raise CorruptPacked("symbols for bytes that are no numbers")
            opened = self._ask(about, 1)
            stream_bytes = None if opened == CONTINUES else opened - 1
        plan = self._plan(coding, about)
        self._cuts.append(about.size_bytes)
        return Cut(about.size_bytes, about.data_type, about.dims, plan, stream_bytes)

    def _plan(self, coding: Coding, about: _About) -> Plan:  # noqa: C901, PLR0911 - one case a coding
        match coding:
            case Coding.STORED:
                return Stored()
            case Coding.SQUEEZED:
                return Squeezed(self._ask(about, 2))
            case Coding.SPELLED:
                if about.size_bytes > MOST_SPELLED:
                    raise CorruptPacked("a tensor too large for the head is spelled there")
                return Spelled(self._bytes(about, about.size_bytes))
            case Coding.SAME:
                return self._same(about)
            case Coding.CONSTANT:
                period = max(bits_of(about.data_type) or 8, 8) // 8
                return Constant(self._bytes(about, period))
            case Coding.PLANES:
                return self._planes(about)
            case Coding.GRID:
                return self._grid(about)
            case Coding.CODEBOOK:
                return self._codebook(about)
            case Coding.INTEGERS:
                return Integers(self._layout(about), self._signed(about, 3))

    def _same(self, about: _About) -> Same:
        back = self._ask(about, 4) + 1
        if back > len(self._cuts) or self._cuts[-back] != about.size_bytes:
            raise CorruptPacked("a tensor is the same as one that is not there")
        return Same(back)

    def _planes(self, about: _About) -> Planes:
        layout, planes = self._layout(about), []
        for place in range((bits_of(about.data_type) or 0) // 8):
            mode = self._token(about, 5, place)
            if mode > Plane.CONSTANT:
                raise CorruptPacked(f"a plane of kind {mode} is not known")
            value = 0 if mode == Plane.STORED else self._token(about, 6, place)
            planes.append((Plane(mode), value))
        return Planes(layout, tuple(planes))

    def _grid(self, about: _About) -> Grid:
        layout = self._layout(about)
        axis = self._token(about, 7) - 1
        if axis >= len(about.dims):
            raise CorruptPacked("steps along an axis that is not there")
        kept = self._token(about, 8)
        count = about.dims[axis] if axis >= 0 else 1
        steps, base = None, 0
        in_head, kept = divmod(kept, IN_HEAD)
        if not 1 <= kept <= STEP_BYTES or in_head > 1 or (in_head and count > STEPS_IN_HEAD):
            raise CorruptPacked("steps of an unknown form")
        if in_head:
            steps = tuple(self._pattern(about, 9, kept) for _ in range(count))
        else:
            base = self._pattern(about, 9, kept)
        return Grid(layout, axis if axis >= 0 else None, kept, steps, base)

    def _codebook(self, about: _About) -> Codebook:
        layout = self._layout(about)
        entries, zero = self._ask(about, 10), self._ask(about, 11)
        kept = self._token(about, 12)
        if not zero < entries <= MOST_ENTRIES or not 1 <= kept <= WIDEST_BYTES:
            raise CorruptPacked(f"a codebook of {entries} entries, {zero} of them below zero")
        return Codebook(layout, entries, zero, kept)

    def _layout(self, about: _About) -> Layout:
        split = self._token(about, 13)
        if split > len(about.dims):
            raise CorruptPacked("rows of more axes than the tensor has")
        return Layout(split)

    def _token(self, about: _About, part: int, detail: int = 0) -> int:
        known = part, about.context
        last = self._last.get(known, 0)
        token = self._tokens.take(
            PLAN + part,
            (
                (part, detail),
                (part, self._coding, detail),
                (part, about.context, detail),
                (part, about.context, last, detail),
                (part, last, self._coding),
                (part, detail, about.data_type, self._coding),
            ),
        )
        self._last[known] = token
        return token

    def _ask(self, about: _About, part: int) -> int:
        contexts = (mixed(part), mixed(part, about.context), mixed(part, self._coding), part)
        return ask_number(self._tokens, PLAN + part, contexts)

    def _signed(self, about: _About, part: int) -> int:
        folded = self._ask(about, part)
        if folded >> 64:
            raise CorruptPacked("an offset beyond 64 bits")
        whole = unfolded(folded)
        return whole - (1 << 64) if whole >> 63 else whole

    def _pattern(self, about: _About, part: int, kept: int) -> int:
        """The `kept` high bytes of four, the highest first."""
        pattern = 0
        for place in range(kept):
            pattern = pattern << 8 | self._token(about, part, mixed(place, pattern))
        return pattern << 8 * (4 - kept)

    def _bytes(self, about: _About, count: int) -> bytes:
        """Tokens of elements: each has the same byte of the element before as a context."""
        width = max(bits_of(about.data_type) or 8, 8) // 8
        data = bytearray()
        for index in range(count):
            over = data[-width] if index >= width else 0
            last = data[-1] if index else 0
            place = index % width
            data.append(
                self._tokens.take(
                    PLAN + 14,
                    (
                        (place, width),
                        (place, width, last),
                        (place, width, over),
                        (about.context, index, last),
                        (place, width, last, over),
                        (about.context, place, last == over, last),
                    ),
                )
            )
        return bytes(data)

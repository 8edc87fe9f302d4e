"""How numbers are written for people, the same in the verdict and on the page.

Fractions of 1 such as accuracy are shown in percent and their changes in points.
"""

from lathe.limits import bare

PERCENT = frozenset(
    {"accuracy", "f1", "f1_macro", "precision", "precision_macro", "recall", "recall_macro"}
    | {"agreement"}
)
_KIB = 1024
_LARGE = 1000
_CLOSE = 1.1  # below this factor one decimal would read "1.0x"


def in_percent(metric: str) -> bool:
    """Whether it is shown so, whichever task it is of."""
    return bare(metric) in PERCENT


def times(factor: float) -> str:
    """A factor of at least 1: 12.4x, 1.03x."""
    return f"{factor:.2f}x" if factor < _CLOSE else f"{factor:,.1f}x"


def number(value: float) -> str:
    """Four significant digits, whole numbers with separators: 0.8203, 41.02, 10,000."""
    if abs(value) >= _LARGE or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def signed(value: float) -> str:
    """As `number`, with a sign; what rounds to nothing is +0."""
    text = number(abs(value))
    return f"{'-' if value < 0 and float(text.replace(',', '')) else '+'}{text}"


def score(metric: str, value: float) -> str:
    """A quality score: 98.95 (a percentage) or 0.8203."""
    return f"{100 * value:.2f}" if in_percent(metric) else number(value)


def unit(metric: str) -> str:
    """What stands behind a score, with its space: " %" or nothing."""
    return " %" if in_percent(metric) else ""


def change(metric: str, value: float) -> str:
    """A change of a score: -0.17 (points) or -0.0013."""
    if not in_percent(metric):
        return signed(value)
    text = f"{100 * value:+.2f}"
    return "+0.00" if text == "-0.00" else text


def size(size_bytes: float) -> str:
    """Bytes with the binary unit that fits: 812 B, 35.1 KiB, 4.20 MiB."""
    value, units = size_bytes, ("B", "KiB", "MiB", "GiB")
    for name in units:
        if value < _KIB or name == units[-1]:
            break
        value /= _KIB
    return f"{value:.0f} {name}" if name == "B" else f"{_three(value)} {name}"


def count(value: float) -> str:
    """A large whole number with the unit that fits: 812, 66.4 k, 2.29 M, 1.23 G."""
    units = ("", "k", "M", "G", "T")
    for name in units:
        if value < _LARGE or name == units[-1]:
            break
        value /= _LARGE
    return f"{_three(value)} {name}" if name else f"{value:,.0f}"


def milliseconds(value: float) -> str:
    """A latency with three significant digits: 0.100 ms, 12.3 ms, 1,240 ms."""
    return f"{_three(value)} ms"


def duration(seconds: float) -> str:
    """A time span: 41 ms, 2.3 s, 4 min 10 s."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _three(value: float) -> str:
    """Three significant digits, trailing zeros kept: 0.100, 5.30, 508, 1,240."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"  # noqa: PLR2004

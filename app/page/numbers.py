"""Numbers and moments as people read them."""

from datetime import datetime

_SIZES = ("B", "kB", "MB", "GB", "TB")
_COUNTS = ("", " k", " M", " G", " T")
_STEP = 1000
_SHORTEST_S = 0.05
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
SHARES = frozenset({"accuracy", "f1_macro", "precision_macro", "recall_macro", "agreement"})


def size(count: float | None) -> str:
    """Bytes: `1.73 MB`, by thousands."""
    return "" if count is None else _scaled(float(count), _SIZES, " ")


def count(number: float | None) -> str:
    """Parameters, multiply-accumulates: `11.7 M`."""
    return "" if number is None else _scaled(float(number), _COUNTS, "")


_WRITTEN = {
    "size_bytes": size,
    "peak_memory_bytes": size,
    "parameters": count,
    "macs": count,
}


def duration(seconds: float | None) -> str:
    """`0.4 s`, `48 s`, `2 min 10 s`, `3 h 5 min`, `2 d 4 h`."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004 - where tenths still say something
        return f"{seconds:.1f} s" if seconds >= _SHORTEST_S else "0 s"
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    for large, small, unit, rest in (
        (_MINUTE_S, 1, "min", "s"),
        (_HOUR_S, _MINUTE_S, "h", "min"),
        (_DAY_S, _HOUR_S, "d", "h"),
    ):
        if whole < large * (_DAY_S if unit == "d" else {"min": 60, "h": 24}[unit]):
            left = whole % large // small
            return f"{whole // large} {unit}" + (f" {left} {rest}" if left else "")
    return f"{whole // _DAY_S} d"


def moment(at: datetime | None) -> str:
    """`2031-05-07 09:08` in UTC."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def metric(value: float | None, name: str) -> str:
    """The value of a metric in its unit: `99.40 %`, `1.73 MB`, `0.143 ms`."""
    bare = name.rpartition(".")[2]
    if value is None:
        return ""
    if bare in SHARES:
        return f"{value * 100:.2f} %"
    if bare.endswith("_db"):
        return f"{value:.1f} dB"
    if bare == "latency_ms":
        return f"{value:.3g} ms" if value < _STEP else f"{value / _STEP:.3g} s"
    if bare == "throughput_per_s":
        return f"{value:,.0f}" if value >= _STEP else f"{value:.3g}"
    written = _WRITTEN.get(bare)
    return written(value) if written else f"{value:.4g}"


def words(name: str) -> str:
    """A field's name as a label: `keep_macs` becomes `Keep MACs`."""
    said = name.rpartition(".")[2].replace("_", " ")
    for short, long in (("macs", "MACs"), ("sqnr", "SQNR"), ("lr", "learning rate")):
        said = " ".join(long if word == short else word for word in said.split(" "))
    return said[:1].upper() + said[1:]


def _scaled(value: float, units: tuple[str, ...], gap: str) -> str:
    for unit in units:
        if abs(value) < _STEP - 0.5 or unit == units[-1]:
            break
        value /= _STEP
    shown = f"{value:.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
    return f"{shown}{gap}{unit}"

"""How many atoms and nonzeros a layer's dictionary may have.

Of a matrix (rows, columns), K atoms and N nonzero codes:

    K columns + N <= keep rows columns      what the spec leaves
    K (rows + columns) < rows columns       what saves products, and bytes with the zeros in

The second bounds K alone. Between few atoms with dense codes (a truncated singular value
decomposition) and many with sparse ones no rule of thumb holds for all layers, so a few K are
offered to be tried.
"""

from dataclasses import dataclass

EIGHTHS = (3, 4, 5, 6, 7, 8)  # of the most atoms


@dataclass(frozen=True, slots=True)
class DictionarySize:
    """K atoms, and N nonzeros in the codes."""

    atoms: int
    nonzeros: int


def dictionary_sizes(rows: int, columns: int, keep: float) -> list[DictionarySize]:
    """Those that may be tried, by rising atoms; none where nothing can be saved."""
    budget = int(keep * rows * columns)
    most = min((rows * columns - 1) // (rows + columns), columns)
    tried = sorted({max(1, most * part // 8) for part in EIGHTHS}) if most else []
    found = [DictionarySize(k, min(budget - k * columns, rows * k)) for k in tried]
    return [size for size in found if size.nonzeros >= size.atoms]

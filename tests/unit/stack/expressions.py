"""The parts of a PromQL expression that can be wrong without anybody noticing."""

import re
from dataclasses import dataclass, field

_WORDS = {
    "absent", "and", "bool", "by", "count", "histogram_quantile", "ignoring", "increase", "max",
    "min", "on", "or", "rate", "sum", "unless", "vector",
}  # fmt: skip
_MATCHER = re.compile(r'([a-zA-Z_]\w*)(=~|!~|!=|=)"([^"]*)"')


@dataclass
class Asked:
    """What an expression reads."""

    metrics: set[str] = field(default_factory=set)
    labels: set[tuple[str, str]] = field(default_factory=set)  # of a metric
    grouped: set[str] = field(default_factory=set)
    values: set[tuple[str, str]] = field(default_factory=set)  # label, value or alternative


def read(expression: str) -> Asked:
    """Take an expression apart; every word that is none of PromQL's is a metric."""
    asked = Asked()
    for name, matchers in re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expression):
        for label, operator, value in _MATCHER.findall(matchers):
            asked.labels.add((name, label))
            if operator in {"=", "=~"}:
                asked.values |= {(label, each) for each in value.split("|")}
    left = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", expression)
    for listed in re.findall(r"\b(?:by|on|ignoring)\s*\(([^)]*)\)", left):
        asked.grouped |= set(re.findall(r"\w+", listed))
    left = re.sub(r"\b(by|on|ignoring)\s*\([^)]*\)", " ", left)
    asked.metrics = set(re.findall(r"(?<![\w.])[a-zA-Z_:][\w:]*", left)) - _WORDS
    return asked

"""Forms that are almost right: a few fields of one that a browser sends are changed."""

from collections.abc import Mapping, Sequence

from tests.fuzz.script import Script

VALUES = (
    "", "0", "1", "-1", "2", "0,5", "1e400", "nan", "9" * 400, "9" * 5000, "\u00b2", "\u0663",
    "a", "\0", "\ufffd", "\u00e9\u202e", " ,;\n", "a\r\nb", "null", "{}", "[]", '{"a": 1}',
    '{"a": 1, "a": 2}', '{"a": "\\ud800"}', '"\\ud800"', "NaN", "-Infinity", "[" * 3000,
    '{"a":' * 400 + "1" + "}" * 400,
)  # fmt: skip
_MARKS = ("?", ".#", ".0", ".1", ".2.metric", ".kind", ".technique", ".recipe", ".model", ".x")
_ACTIONS = ("add", "remove", "up", "down", "swap")
_MOST_CHANGES = 6


def edited(
    forms: Sequence[Mapping[str, str]], script: Script, values: Sequence[str] = ()
) -> dict[str, str]:
    """One of the forms with as many changes as the script has, 6 at most;
    `values` are tried beside those that break things everywhere."""
    form = dict(forms[script.below(len(forms))])
    tried = (*VALUES, *values)
    for _ in range(_MOST_CHANGES):
        if script.left < 1 or not form:
            break
        _change(form, list(form), script, tried)
    return form


def _change(
    form: dict[str, str], names: Sequence[str], script: Script, tried: Sequence[str]
) -> None:
    operation = script.below(8)
    name = names[script.below(len(names))]
    match operation:
        case 0 | 1:
            form[name] = tried[script.below(len(tried))]
        case 2:
            form[name] = script.piece().decode("utf-8", "replace")
        case 3:
            del form[name]
        case 4:
            form[name] = form[names[script.below(len(names))]]
        case 5 | 6:
            above = _above(name, script)
            form[above + _MARKS[script.below(len(_MARKS))]] = tried[script.below(len(tried))]
        case _:
            action = _ACTIONS[script.below(len(_ACTIONS))]
            form["do"] = f"{action}:{_above(name, script)}{script.piece().decode('latin-1')}"


def _above(name: str, script: Script) -> str:
    """The path of something that the field is in."""
    parts = name.split(".")
    return ".".join(parts[: 1 + script.below(len(parts))])

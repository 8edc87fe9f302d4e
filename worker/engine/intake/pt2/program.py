"""The graph of a .pt2 program, looked through before torch makes objects of it.

torch looks names up in its own modules, evaluates expressions of sizes as Python (sympy's
sympify) and writes source code with the names of values in it. So only operators of aten and
arithmetic, sizes made of symbols and whole numbers, and plain names go through; what is not
needed to run the graph (metadata, guards, calls of submodules) is left out. Guards, which torch
compiles when the program is called, are looked at all the same: one that reaches for Python
itself shows what the file is for.
"""

import json
import re
from collections.abc import Iterator
from keyword import iskeyword
from typing import Any

from lathe.errors import CorruptModel, UnsupportedModel

MAX_EXPRESSION = 500  # letters
OPERATORS = re.compile(
    r"torch\.ops\.aten\.(?!from_file\b)[a-z0-9_]+\.[A-Za-z0-9_]+"
    r"|torch\.sym_(max|min|int|float|not|sqrt)"
    r"|math\.(ceil|floor|trunc)"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|neg|eq|ne|lt|le|gt|ge|and_|or_)"
)
NUMBER = r"Integer\(-?\d{1,18}\)"
SYMBOL = (
    r"Symbol\('(?:s|u|zuf|zf)\d{1,9}'(?:, (?:positive|integer|nonnegative)=(?:True|False))*\)"
)
FUNCTIONS = (
    "Add|Mul|CeilDiv|CeilToInt|CleanDiv|FloatTrueDiv|FloorDiv|FloorToInt|IntTrueDiv|Max|Min|"
    "Mod|ModularIndexing|PythonMod|RoundToInt|ToFloat|TruncToInt|Equality|Unequality|LessThan|"
    "StrictLessThan|GreaterThan|StrictGreaterThan"
)
EXPRESSION = re.compile(  # as sympy's srepr writes them
    rf"(?:{SYMBOL}|{NUMBER}|Pow\({SYMBOL}, Integer\(-?\d\)\)|(?:{FUNCTIONS})\(|[), ])+"
)
NAMES = {"name", "as_name"}
PATHS = {"parameter_name", "buffer_name", "tensor_constant_name"}
PATH = re.compile(r"[A-Za-z0-9_.]{1,1000}")
REFUSED = {
    "as_custom_obj": "a custom object",
    "as_operator": "an operator as a value",
    "as_graph": "a graph inside the graph",
    "custom_obj": "a custom object",
    "token": "an effect",
}
CALLS = re.compile(r"__\w+__|\b(eval|exec|compile|open|getattr|setattr|globals|vars|input)\b")
TREES = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}


def checked_program(text: bytes) -> dict[str, Any]:
    """The program without what is not needed to run it.

    Raises CorruptModel for text that is no program and UnsupportedModel for what Lathe does
    not let through, by its name.
    """
    try:
        return _checked(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptModel(
            f"the .pt2 program's graph cannot be read ({type(error).__name__}: {error}); save "
            "it again with torch.export.save"
        ) from error


def _checked(program: dict[str, Any]) -> dict[str, Any]:
    module = program["graph_module"]
    called = module["module_call_graph"][0]["signature"]
    _check_guards(program.get("guards_code", []))
    program["guards_code"] = []
    module["metadata"], module["treespec_namedtuple_fields"] = {}, {}
    module["module_call_graph"] = module["module_call_graph"][:1]
    for node in module["graph"]["nodes"]:
        node["metadata"] = {}
        _check_operator(node.get("target"))
    for key, value in _fields(program):
        _check_field(key, value)
    for tree in (called["in_spec"], called["out_spec"]):
        _check_tree(json.loads(tree)[1])
    for name in [*(called["forward_arg_names"] or ()), *program["range_constraints"]]:
        _check_name(name)
    return program


def output_names(program: dict[str, Any]) -> list[str]:
    """What the program calls its outputs where it answers with a flat dict, else `output`, or
    `output_0`, `output_1` and so on."""
    called = program["graph_module"]["module_call_graph"][0]["signature"]
    tree = json.loads(called["out_spec"])[1]
    flat = all(child["type"] is None for child in tree["children_spec"])
    if flat and tree["type"] in ("builtins.dict", "collections.OrderedDict"):
        keys = json.loads(tree["context"])
        if all(isinstance(key, str) for key in keys):
            return list(keys)
    count = len(program["graph_module"]["signature"]["output_specs"])
    return ["output"] if count == 1 else [f"output_{place}" for place in range(count)]


def _fields(value: object) -> Iterator[tuple[str, object]]:
    """Every key with its value, however deep."""
    left = [value]
    while left:
        match left.pop():
            case dict() as fields:
                yield from fields.items()
                left.extend(fields.values())
            case list() as items:
                left.extend(items)


def _check_guards(guards: list[object]) -> None:
    for guard in guards:
        if CALLS.search(str(guard)):
            raise _refused(f"the guard {str(guard)[:100]!r}")


def _check_operator(target: object) -> None:
    if not isinstance(target, str) or not OPERATORS.fullmatch(target):
        raise _refused(f"the operator {str(target)[:100]!r}")


def _check_field(key: str, value: object) -> None:
    if key in REFUSED and value is not None:
        raise _refused(REFUSED[key])
    if key in NAMES and isinstance(value, str) and value:
        _check_name(value)
    if key in PATHS and not (isinstance(value, str) and PATH.fullmatch(value)):
        raise _refused(f"the name {str(value)[:100]!r}")
    if key == "expr_str":
        _check_expression(value)


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise _refused(f"the name {str(name)[:100]!r}")


def _check_expression(text: object) -> None:
    if (
        not isinstance(text, str)
        or len(text) > MAX_EXPRESSION
        or not EXPRESSION.fullmatch(text)
    ):
        raise _refused(f"the size {str(text)[:100]!r}")


def _check_tree(tree: dict[str, Any]) -> None:
    """How inputs and outputs are nested: tuples, lists and dicts alone."""
    left = [tree]
    while left:
        one = left.pop()
        if one["type"] not in TREES:
            raise _refused(f"inputs or outputs of the type {str(one['type'])[:100]!r}")
        left.extend(one["children_spec"])


def _refused(what: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"the .pt2 program holds {what}, which Lathe does not run; export the model to ONNX "
        "where you trust it: torch.onnx.export(model, args, 'model.onnx', dynamo=True)"
    )

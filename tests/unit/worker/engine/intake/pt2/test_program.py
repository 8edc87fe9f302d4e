"""What of a .pt2 program's graph goes through."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lathe.errors import CorruptModel, UnsupportedModel
from worker.engine.intake.pt2.program import checked_program, output_names

Change = Callable[[dict[str, Any]], None]


def text(program: dict[str, Any]) -> bytes:
    return json.dumps(program).encode()


def nodes(program: dict[str, Any]) -> list[dict[str, Any]]:
    return list(program["graph_module"]["graph"]["nodes"])


def call(program: dict[str, Any]) -> dict[str, Any]:
    return dict(program["graph_module"]["module_call_graph"][0])


def retarget(name: object) -> Change:
    return lambda program: nodes(program)[0].update(target=name)


def rename(name: str) -> Change:
    return lambda program: nodes(program)[0]["outputs"][0]["as_tensor"].update(name=name)


def guarded(code: str) -> Change:
    return lambda program: program.update(guards_code=["L['image'].ndim == 4", code])


def resize(expression: object) -> Change:
    def change(program: dict[str, Any]) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        values["image"]["sizes"][0] = {"as_expr": {"expr_str": expression, "hint": None}}

    return change


def argument(**value: object) -> Change:
    return lambda program: nodes(program)[0]["inputs"][0].update(arg=value)


def nested(tree: str) -> Change:
    def change(program: dict[str, Any]) -> None:
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        signature["in_spec"] = signature["in_spec"].replace("builtins.dict", tree)

    return change


def nested_as(tree: str) -> Change:
    def change(program: dict[str, Any]) -> None:
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        signature["in_spec"] = f"[1, {tree}]"

    return change


def called(name: str) -> Change:
    def change(program: dict[str, Any]) -> None:
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        signature["forward_arg_names"] = [name]

    return change


def ranged(name: str) -> Change:
    return lambda program: program["range_constraints"].update({name: {"min_val": 0}})


def parameter(path: str) -> Change:
    def change(program: dict[str, Any]) -> None:
        first = program["graph_module"]["signature"]["input_specs"][0]
        first["parameter"]["parameter_name"] = path

    return change


def test_what_runs_the_graph_stays_and_the_rest_goes(program: dict[str, Any]) -> None:
    before = json.loads(text(program))
    assert any(node["metadata"] for node in nodes(program))
    guards = ["L['image'].size()[1] == 1", "L['image'].ndim != 3"]
    done = checked_program(text(program | {"guards_code": guards}))
    assert done["guards_code"] == []
    assert not any(node["metadata"] for node in nodes(done))
    assert [n["target"] for n in nodes(done)] == [n["target"] for n in nodes(before)]
    assert done["graph_module"]["signature"] == before["graph_module"]["signature"]
    assert len(done["graph_module"]["module_call_graph"]) == 1
    assert output_names(done) == ["scores", "sum"]


def test_outputs_without_names_are_numbered(program: dict[str, Any]) -> None:
    signature = program["graph_module"]["module_call_graph"][0]["signature"]
    signature["out_spec"] = signature["out_spec"].replace("builtins.dict", "builtins.tuple")
    assert output_names(program) == ["output_0", "output_1"]
    program["graph_module"]["signature"]["output_specs"].pop()
    assert output_names(program) == ["output"]


SYMBOL = "Symbol('s40', positive=True, integer=True)"


@pytest.mark.parametrize(
    "expression",
    [
        SYMBOL,
        f"Mul(Integer(2), {SYMBOL})",
        f"Add(Integer(-1), Pow({SYMBOL}, Integer(2)))",
        f"FloorDiv({SYMBOL}, Integer(4))",
    ],
)
def test_sizes_of_symbols_and_numbers_go_through(
    program: dict[str, Any], expression: str
) -> None:
    resize(expression)(program)
    checked_program(text(program))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (retarget("torch.os.system"), "the operator 'torch.os.system'"),
        (retarget("torch.hub.load"), "the operator 'torch.hub.load'"),
        (retarget("torch.ops.aten.from_file.default"), "the operator"),
        (retarget("torch.ops.aten.relu.default.__class__"), "the operator"),
        (retarget("torch.ops.higher_order.cond"), "the operator"),
        (retarget("_operator.methodcaller"), "the operator"),
        (retarget("#namespace:op"), "the operator"),
        (retarget(None), "the operator 'None'"),
        (rename("x\nimport os"), "the name 'x"),
        (rename("class"), "the name 'class'"),
        (called("x, y=__import__('os').system('id')"), 'the name "x, y'),
        (ranged("s0'"), 'the name "s0\'"'),
        (parameter("a b"), "the name 'a b'"),
        (resize("__import__('os').system('id')"), 'the size "__import__'),
        (resize("Pow(Integer(9), Pow(Integer(9), Integer(9)))"), "the size 'Pow(Integer(9)"),
        (resize("Symbol('__import__')"), "the size"),
        (resize("Lambda(1)"), "the size"),
        (resize("Add(" * 200), "the size"),
        (resize(None), "the size 'None'"),
        (argument(as_custom_obj={"name": "x", "class_fqn": "y"}), "a custom object"),
        (argument(as_operator="torch.os.system"), "an operator as a value"),
        (argument(as_graph={"name": "x", "graph": {}}), "a graph inside the graph"),
        (guarded("__import__('os').system('id')"), 'the guard "__import__'),
        (guarded("L['image'].__class__.__mro__"), "the guard"),
        (guarded("getattr(L, 'x')"), "the guard"),
        (nested("collections.defaultdict"), "the type 'collections.defaultdict'"),
    ],
)
def test_what_torch_would_run_is_refused_by_its_name(
    program: dict[str, Any], change: Change, told: str
) -> None:
    change(program)
    with pytest.raises(UnsupportedModel) as caught:
        checked_program(text(program))
    assert told in caught.value.detail
    assert "export the model to ONNX" in caught.value.detail


def without(*path: str | int) -> Change:
    def change(program: dict[str, Any]) -> None:
        *steps, last = path
        place: Any = program
        for step in steps:
            place = place[step]
        del place[last]

    return change


@pytest.mark.parametrize(
    "change",
    [
        without("range_constraints"),
        without("graph_module", "graph", "nodes"),
        without("graph_module", "module_call_graph", 0),
        without("graph_module", "module_call_graph", 0, "signature", "out_spec"),
        nested_as("{}"),
        nested_as('{"type": null, "children_spec": 3}'),
    ],
)
def test_a_program_that_lacks_a_part_is_called_damaged(
    program: dict[str, Any], change: Change
) -> None:
    change(program)
    with pytest.raises(CorruptModel, match="cannot be read"):
        checked_program(text(program))


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"graph_module": 3}', b"[" * 99_999])
def test_what_is_no_program_is_called_damaged(damaged: bytes) -> None:
    with pytest.raises(CorruptModel, match="cannot be read"):
        checked_program(damaged)

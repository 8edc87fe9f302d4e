"""Programs of torch.export: the graph, looked through before torch makes objects of it, and the
tensors that it names."""

import json
from collections.abc import Iterator

import atheris

with atheris.instrument_imports(include=["worker.engine.intake.pt2"]):
    from worker.engine.intake.pt2.program import checked_program, output_names
    from worker.engine.intake.pt2.weights import tensors

from tests.fuzz import json_edits
from tests.fuzz.scratch import held
from tests.fuzz.target import Target
from worker.engine.intake.export_failure import refusing_to_export
from worker.engine.onnx_file.place import Place

_LEAF = '{"type": null, "context": null, "children_spec": []}'
_ARGS = f'{{"type": "builtins.tuple", "context": "null", "children_spec": [{_LEAF}]}}'
_NONE = '{"type": "builtins.dict", "context": "[]", "children_spec": []}'
_TREE = (
    f'[1, {{"type": "builtins.tuple", "context": "null", "children_spec": [{_ARGS}, {_NONE}]}}]'
)
_OUT = f'[1, {{"type": "builtins.dict", "context": "[\\"y\\"]", "children_spec": [{_LEAF}]}}]'
_SIZES = [{"as_expr": {"expr_str": "Symbol('s0', positive=True, integer=True)", "hint": None}}]
_PROGRAM = json.dumps(
    {
        "graph_module": {
            "graph": {
                "inputs": [{"as_tensor": {"name": "x"}}],
                "outputs": [{"as_tensor": {"name": "relu"}}],
                "nodes": [
                    {
                        "target": "torch.ops.aten.relu.default",
                        "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "x"}}}],
                        "outputs": [{"as_tensor": {"name": "relu"}}],
                        "metadata": {"stack_trace": "here"},
                    }
                ],
                "tensor_values": {"x": {"dtype": 7, "sizes": [*_SIZES, {"as_int": 3}]}},
                "sym_int_values": {},
            },
            "signature": {
                "input_specs": [{"user_input": {"arg": {"as_tensor": {"name": "x"}}}}],
                "output_specs": [{"user_output": {"arg": {"as_tensor": {"name": "relu"}}}}],
            },
            "module_call_graph": [
                {
                    "fqn": "",
                    "signature": {
                        "in_spec": _TREE, "out_spec": _OUT, "forward_arg_names": ["x"],
                    },
                }
            ],
            "metadata": {"a": "b"},
            "treespec_namedtuple_fields": {},
        },
        "opset_version": {"aten": 10},
        "range_constraints": {"s0": {"min_val": 2, "max_val": 100}},
        "guards_code": ["x"],
    }
)  # fmt: skip
_META = {
    "dtype": 7, "sizes": [{"as_int": 2}, {"as_int": 3}], "storage_offset": {"as_int": 0},
    "strides": [{"as_int": 3}, {"as_int": 1}], "requires_grad": False,
}  # fmt: skip
_WEIGHTS = json.dumps(
    {
        "config": {
            "w": {
                "path_name": "weight_0", "is_param": True, "use_pickle": False,
                "tensor_meta": _META,
            },
            "v": {
                "path_name": "weight_1", "is_param": False, "use_pickle": False,
                "tensor_meta": {**_META, "dtype": 5},
            },
        }
    }
)  # fmt: skip
_WORDS = [
    "torch.ops.aten.add.Tensor", "_operator.getitem", "os.system", "torch.ops.aten.from_file.x",
    "Add(Symbol('s0'), Integer(1))", "__import__('os')", "class", "s0", "as_custom_obj",
    "builtins.list", "weight_0", "weight_1", "../x", "as_int", "as_expr",
]  # fmt: skip


def _one(data: bytes) -> None:
    if data[:1] < b"\x80":
        program = checked_program(json_edits.text([_PROGRAM], data[1:], _WORDS))
        names = output_names(program)
        assert all(isinstance(name, str) for name in names)
        return
    config = json_edits.text([_WEIGHTS], data[1:], _WORDS)
    upload = held(bytes(64) + config)
    files = {
        "weight_0": Place(upload, 0, 24),
        "weight_1": Place(upload, 24, 40),
        "c.json": Place(upload, 64, len(config)),
    }
    with refusing_to_export("it cannot be exported", "export it yourself"):  # as in load.py
        for tensor in tensors(files, "", "c.json").values():
            tensor.sum()


def _seeds() -> Iterator[bytes]:
    for mode, document in ((b"\0", _PROGRAM), (b"\x80", _WEIGHTS)):
        for seed in json_edits.seeds([document]):
            yield mode + seed


TARGET = Target("programs of torch.export", _one, _seeds, longest=512)

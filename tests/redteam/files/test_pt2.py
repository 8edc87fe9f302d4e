"""Programs of torch.export: `torch.export.load` runs what is planted in them."""

import json
from pathlib import Path

import torch

from tests.redteam.files.programs import EXAMPLES, GRAPH, WEIGHTS, graph, members, packed
from tests.redteam.planted import pickled
from tests.redteam.rejected import Rejected
from tests.redteam.throwaway import outcome
from worker.engine.intake.pt2 import load, program
from worker.engine.intake.zip_archive import unpack_zip
from worker.wire import Limits


def _load(path: Path) -> None:
    torch.export.load(path).module()(torch.zeros(2, 3))


class _Program(Rejected):
    """What all of them have in common: torch's own loader runs the payload."""

    code = "unsupported_model"
    instead: str | None = (
        "`torch.export.load`: without the refusal the service would still open no pickle, and "
        "compile no guard"
    )

    def test_torch_runs_it_without_the_guard(self, tmp_path: Path) -> None:
        path = tmp_path / "net.pt2"
        path.write_bytes(self.content(tmp_path))
        outcome(_load, path)  # it may well fail when the harm is done
        assert (tmp_path / "ran").exists()


class TestPickledWeight(_Program):
    """A `.pt2` one of whose weights is a pickle (`use_pickle`)"""

    told = "'fc.weight' of the .pt2 program is a pickle"
    guard = "weights are mapped as numbers; torch's loader is never called"

    def content(self, folder: Path) -> bytes:
        files = members()
        config = json.loads(files[WEIGHTS])
        entry = config["config"]["fc.weight"]
        entry["use_pickle"] = True
        files[WEIGHTS] = json.dumps(config).encode()
        files[f"data/weights/{entry['path_name']}"] = pickled(folder / "ran")
        return packed(files)


class TestPickledExamples(_Program):
    """A `.pt2` whose example inputs are a pickle that torch opens after refusing it once"""

    told = "example inputs"
    guard = "example inputs are never opened; what they would run is read from the opcodes"

    def content(self, folder: Path) -> bytes:
        return packed(members() | {EXAMPLES: pickled(folder / "ran")})


class TestPickledConstant(_Program):
    """A `.pt2` with a constant that is an opaque pickled object"""

    told = "opaque"
    guard = "constants are mapped as numbers; pickles among them are refused by name"

    def content(self, folder: Path) -> bytes:
        name = "data/constants/model_constants_config.json"
        files = members()
        config = json.loads(files[name])
        config["config"]["opaque"] = {
            "path_name": "opaque_obj_0",
            "is_param": False,
            "use_pickle": True,
            "tensor_meta": None,
        }
        files[name] = json.dumps(config).encode()
        return packed(files | {"data/constants/opaque_obj_0": pickled(folder / "ran")})


class TestCodeAsASize(_Program):
    """A `.pt2` one of whose sizes is Python, which torch evaluates with sympy"""

    told = "the size"
    guard = "sizes are symbols, whole numbers and arithmetic, by an allow-list"
    instead = None

    def content(self, folder: Path) -> bytes:
        code = f"__import__('pathlib').Path({str(folder / 'ran')!r}).touch()"
        program = graph()
        values = program["graph_module"]["graph"]["tensor_values"]
        values["rows"]["sizes"][0] = {"as_expr": {"expr_str": code, "hint": None}}
        return packed(members() | {GRAPH: json.dumps(program).encode()})

    def test_our_reader_runs_it_without_the_guard(self, tmp_path: Path) -> None:
        path = tmp_path / "net.pt2"
        path.write_bytes(self.content(tmp_path))
        assert outcome(_exported, path, tmp_path / "a", False) == 1
        assert not (tmp_path / "ran").exists()
        outcome(_exported, path, tmp_path / "b", True)
        assert (tmp_path / "ran").exists()


def _exported(path: Path, folder: Path, any_size: bool) -> None:
    """What the service does with a program; without looking at its sizes, if that is wanted."""
    if any_size:
        program._check_expression = lambda _text: None
    files = unpack_zip(path, folder / "in", Limits())
    load.exported(files, folder / "out")


class TestCodeAsAGuard(_Program):
    """A `.pt2` whose guards, which torch compiles into a function, are Python of their own"""

    told = "guard"
    guard = "guards are never compiled; a program with guards of another kind is refused"

    def content(self, folder: Path) -> bytes:
        code = f"__import__('pathlib').Path({str(folder / 'ran')!r}).touch() or True"
        program = graph() | {"guards_code": [code]}
        return packed(members() | {GRAPH: json.dumps(program).encode()})

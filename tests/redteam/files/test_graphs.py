"""Networks that never end, never begin, or are deeper than a stack."""

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import CorruptModel
from tests.redteam.conftest import INSPECT_S
from tests.redteam.door import Door
from tests.redteam.files.test_shapes import network
from tests.redteam.rejected import Rejected
from tests.redteam.throwaway import outcome
from worker.engine.intake import model as intake
from worker.engine.intake import runtime
from worker.engine.intake.runtime import LOAD_ERRORS
from worker.engine.intake.tensors import every_tensor
from worker.engine.session import open_session
from worker.wire import Limits

DEPTH = 10_000


class TestCycle(Rejected):
    """An ONNX graph in which two nodes need each other's answer"""

    code, told = "corrupt_model", "not valid"
    guard = "every node's inputs are made before it"

    def content(self, folder: Path) -> bytes:
        return network(
            [
                helper.make_node("Add", ["x", "b"], ["a"]),
                helper.make_node("Relu", ["a"], ["b"]),
                helper.make_node("Neg", ["b"], ["y"]),
            ]
        )

    def test_onnxruntime_refuses_it_even_where_onnx_is_not_asked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runtime, "check_model", lambda _model: None)
        with pytest.raises(CorruptModel, match="not acyclic"):
            self.inspected(tmp_path)

    def test_inspecting_it_breaks_without_the_guard(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runtime, "check_model", lambda _model: None)
        monkeypatch.setattr(intake, "check_loadable", lambda _model: None)
        with pytest.raises(LOAD_ERRORS, match="not acyclic"):  # a bug, and no refusal
            self.inspected(tmp_path)

    def inspected(self, folder: Path) -> None:
        """Do what the service does with it."""
        upload = folder / "upload"
        upload.write_bytes(self.content(folder))
        intake.inspect_model(upload, folder / "canonical.onnx", Limits())

    def test_following_its_inputs_never_ends_without_the_guard(self, tmp_path: Path) -> None:
        graph = onnx.ModelProto.FromString(self.content(tmp_path)).graph
        maker = {name: node for node in graph.node for name in node.output}

        def depth(name: str) -> int:
            return 1 + max((depth(n) for n in maker[name].input if n in maker), default=0)

        with pytest.raises(RecursionError):
            depth("y")


def nested(depth: int) -> bytes:
    """An ONNX file in which each node holds a graph with the next (field numbers of onnx.proto:
    ModelProto.graph 7, GraphProto.node 1, NodeProto.attribute 5, AttributeProto.g 6)."""
    inner = b""
    for _ in range(depth):
        attribute = b"\x0a\x01b\xa0\x01\x05" + _field(6, inner)
        node = b"\x12\x01y\x22\x02If" + _field(5, attribute)
        inner = _field(1, node)
    return b"\x08\x0a\x42\x02\x10\x12" + _field(7, inner)


def _field(number: int, content: bytes) -> bytes:
    length, left = b"", len(content)
    while left > 0x7F:
        length += bytes([0x80 | left & 0x7F])
        left >>= 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content


class TestDeepGraph(Rejected):
    """An ONNX file with 10,000 graphs, each inside the one before"""

    code, told = "corrupt_model", "damaged"
    guard = "protobuf goes a hundred levels deep, and no reader of ours recurses before it"
    instead = (
        "our own reader of tensors on such a graph, which is built in place: protobuf's parser "
        "cannot be told to go deeper"
    )

    def content(self, folder: Path) -> bytes:
        return nested(DEPTH)

    def test_a_reader_that_recurses_runs_out_of_stack_without_the_guard(self) -> None:
        model = onnx.ModelProto()
        graph = model.graph
        for _ in range(DEPTH):  # built in place, which no parser limits
            attribute = graph.node.add(op_type="If").attribute.add(name="b")
            attribute.type = onnx.AttributeProto.GRAPH
            graph = attribute.g
        with pytest.raises(RecursionError):
            list(every_tensor(model))


def endless(trips: int | None) -> bytes:
    """y = x, after a loop whose condition stays true."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Identity", ["v"], ["w"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    first = "" if trips is None else "trips"
    held = [] if trips is None else [numpy_helper.from_array(np.array(trips), "trips")]
    return network(
        [helper.make_node("Loop", [first, "true", "x"], ["y"], body=body)],
        numpy_helper.from_array(np.array(True), "true"),
        *held,
    )


def _run(content: bytes) -> None:
    session = open_session(onnx.ModelProto.FromString(content), optimise=False)
    session.run(None, {"x": np.ones((1, 4), np.float32)})


class _Endless:
    """A network that never answers."""

    seen = "model rejected, `run_timeout`"
    guard = "an inspection's time limit (`LATHE_INSPECT_MAX_RUN_S`)"
    trips: int | None

    def test_the_upload_is_rejected_by_name(self, door: Door) -> None:
        begun = time.monotonic()
        view = door.sent("models", endless(self.trips))
        assert (view["state"], view["failure"]["code"]) == ("rejected", "run_timeout"), view
        assert time.monotonic() - begun < 2 * INSPECT_S

    def test_it_is_still_running_without_the_guard(self) -> None:
        assert outcome(_run, endless(self.trips), patience_s=8) is None


class TestEndlessLoop(_Endless):
    """An ONNX Loop without a trip count whose condition is always true"""

    trips = None


class TestLongLoop(_Endless):
    """An ONNX Loop of 2^62 trips"""

    trips = 1 << 62

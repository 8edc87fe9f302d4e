"""Whether onnxruntime can load the model, and if not, which operator is the obstacle."""

import re

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from lathe.errors import CorruptModel, UnsupportedOperator
from worker.engine.graph.operators import every_node
from worker.engine.onnx_file.check import check_model
from worker.engine.session import open_session

LOAD_ERRORS = (
    runtime.Fail,
    runtime.InvalidGraph,
    runtime.InvalidArgument,
    runtime.InvalidProtobuf,
    runtime.NotImplemented,
    runtime.RuntimeException,
)
MOST_VERSIONS = 1 << 31  # onnx's own type for them
KNOWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
NAMED = (  # how onnxruntime 1.31 names what it cannot load
    re.compile(r"Fatal error: (?:(?P<domain>[^:\s]*):)?(?P<op>\w+)\(-?\d+\)"),
    re.compile(r"No Op registered for (?P<op>\w+)"),
    re.compile(r"implementation for (?P<op>\w+)\(\d+\)"),
    re.compile(r"Node, \(\"[^\"]*\", (?P<op>\w+), \"(?P<domain>[^\"]*)\", -?\d+\)"),
)


def check_structure(model: onnx.ModelProto) -> None:
    """Raise UnsupportedOperator for an unknown operator, CorruptModel for a broken graph.

    Local functions must have been inlined before.
    """
    imported = {entry.domain: entry.version for entry in model.opset_import}
    if not imported:
        raise CorruptModel("the model does not say which opset it uses; export it again")
    for domain, version in imported.items():
        if not 0 < version < MOST_VERSIONS:
            raise CorruptModel(
                f"the model says that it uses opset {version} of {domain or 'ai.onnx'!r}, "
                "which cannot be; export it again"
            )
    for node in every_node(model.graph):
        version = imported.get(node.domain or "", imported.get("ai.onnx"))
        if node.domain in {"", "ai.onnx"} and version is not None:
            if not onnx.defs.has(node.op_type, version, ""):
                raise unsupported(node, f"is not in opset {version}")
        elif node.domain not in imported:
            raise unsupported(node, "belongs to a domain that the model does not import")
    try:
        check_model(model)
    except onnx.checker.ValidationError as error:
        raise CorruptModel(
            f"the graph is not valid: {_first_line(error)}; export the model again"
        ) from error


def check_loadable(model: onnx.ModelProto) -> None:
    """Raise UnsupportedOperator or CorruptModel where onnxruntime refuses the model."""
    try:
        open_session(model, optimise=False)
    except LOAD_ERRORS as error:
        raise _why(model, str(error)) from error


def unsupported(node: onnx.NodeProto, why: str) -> UnsupportedOperator:
    """The refusal that names operator, domain and node."""
    domain = node.domain or "ai.onnx"
    name = f"node {node.name!r}" if node.name else f"the node that makes {node.output[0]!r}"
    return UnsupportedOperator(
        f"the operator {node.op_type!r} of the domain {domain!r} ({name}) {why}; export the "
        "model with standard ONNX operators"
    )


def _why(model: onnx.ModelProto, said: str) -> UnsupportedOperator | CorruptModel:
    if "opset" in said and "ValidateOpsetForDomain" in said:
        versions = ", ".join(f"{e.domain or 'ai.onnx'} {e.version}" for e in model.opset_import)
        return UnsupportedOperator(
            f"the runtime does not read these opsets yet: {versions}; export the model at "
            "opset 18 to 23"
        )
    for pattern in NAMED:
        if (found := pattern.search(said)) is None:
            continue
        domain = found.groupdict().get("domain")
        for node in every_node(model.graph):
            if node.op_type == found["op"] and domain in {None, node.domain}:
                return unsupported(node, "cannot be run by onnxruntime")
    foreign = (n for n in every_node(model.graph) if n.domain not in KNOWN_DOMAINS)
    for node in foreign:
        return unsupported(node, "cannot be run by onnxruntime")
    return CorruptModel(
        f"onnxruntime cannot load the model: {_shortened(said)}; mend it and export it again"
    )


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split("\n\n")[0].split())[:300]


def _shortened(said: str) -> str:
    """The runtime's message without its code, source places and line breaks."""
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", said)
    text = re.sub(r"/\S+\.(?:cc|h):\d+ [^)]*\)\s*", "", text)
    return " ".join(text.split())[:300]

"""From the members of a .pt2 archive to an ONNX file, by torch's own exporter."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch._export.serde.schema import ExportedProgram as Serialized
from torch._export.serde.serialize import ExportedProgramDeserializer, _bytes_to_dataclass

from lathe.errors import CorruptModel, NotAModel, UnsupportedModel
from worker.engine.intake.export_failure import refusing_to_export
from worker.engine.intake.pt2.examples import check_examples
from worker.engine.intake.pt2.program import checked_program, output_names
from worker.engine.intake.pt2.weights import content, tensors
from worker.engine.onnx_file.place import Place, whole
from worker.engine.onnx_file.write import write_model

FORMAT = "archive_format"
GRAPHS, WEIGHTS, CONSTANTS = "models/", "data/weights/", "data/constants/"
EXAMPLES = "data/sample_inputs/"
SHOWN_BATCH = 2  # of an axis that may have any size: 0 and 1 would be taken for fixed ones


def is_pt2(files: Mapping[str, Place]) -> bool:
    """Whether the archive says that it is a program of torch.export."""
    return any(
        PurePosixPath(name).name == FORMAT and content(files, name).strip() == b"pt2"
        for name in files
    )


def exported(files: Mapping[str, Place], folder: Path) -> dict[str, Place]:
    """Write the program as ONNX; the file by its name.

    No pickle of the archive is opened. Raises NotAModel, CorruptModel or UnsupportedModel.
    """
    root, name = _the_only(files)
    program = checked_program(content(files, f"{root}{GRAPHS}{name}.json"))
    check_examples(files, f"{root}{EXAMPLES}{name}.pt")
    with refusing_to_export(
        "torch cannot export the .pt2 program to ONNX",
        f"it was read by torch {torch.__version__}: save it with that release, or export it to "
        "ONNX yourself",
    ):
        weights = tensors(files, f"{root}{WEIGHTS}", f"{name}_weights_config.json")
        constants = tensors(files, f"{root}{CONSTANTS}", f"{name}_constants_config.json")
        opened = _opened(program, weights, constants)
        path = _written(opened, output_names(program), folder)
    return {path.name: whole(path)}


def _the_only(files: Mapping[str, Place]) -> tuple[str, str]:
    """Where the archive's folders begin, and the name of its one model."""
    found = [PurePosixPath(name) for name in files if name.endswith(".json")]
    graphs = [path for path in found if path.parent.name == GRAPHS.rstrip("/")]
    if len(graphs) != 1:
        raise NotAModel(
            f"the .pt2 archive holds {len(graphs)} programs; upload one with exactly one"
        )
    root = graphs[0].parent.parent
    return ("" if root == PurePosixPath() else f"{root}/"), graphs[0].stem


def _opened(
    program: dict[str, Any],
    weights: dict[str, torch.Tensor],
    constants: dict[str, torch.Tensor],
) -> torch.export.ExportedProgram:
    """The program with example inputs of zeros, which the exporter wants."""
    plain = _bytes_to_dataclass(Serialized, json.dumps(program).encode())
    opened = ExportedProgramDeserializer(None).deserialize(plain, weights, constants, b"")
    if opened.graph_signature.buffers_to_mutate or opened.graph_signature.user_inputs_to_mutate:
        raise UnsupportedModel(
            "the .pt2 program changes its own state when it runs; export the model in eval mode"
        )
    asked = set(opened.graph_signature.user_inputs)
    values = [
        node.meta["val"]
        for node in opened.graph.nodes
        if node.op == "placeholder" and node.name in asked
    ]
    if not all(isinstance(value, torch.Tensor) for value in values):
        raise UnsupportedModel("every input of the .pt2 program must be a tensor")
    examples = [torch.zeros([_shown(n) for n in v.shape], dtype=v.dtype) for v in values]
    tree = opened.call_spec.in_spec
    if tree is None:
        raise CorruptModel("the .pt2 program does not say how it is called; save it again")
    args, kwargs = torch.utils._pytree.tree_unflatten(examples, tree)  # noqa: SLF001
    opened.example_inputs = (args, kwargs)
    return opened


def _shown(size: int | torch.SymInt) -> int:
    return size if isinstance(size, int) else SHOWN_BATCH


def _written(program: torch.export.ExportedProgram, names: list[str], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "program.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's, about its own calls
        done = torch.onnx.export(program, (), dynamo=True, verbose=False, output_names=names)
    if done is None:
        raise CorruptModel("torch exported nothing")
    # its own save() renames files from folder to folder, which the sandbox refuses
    write_model(done.model_proto, path)
    return path

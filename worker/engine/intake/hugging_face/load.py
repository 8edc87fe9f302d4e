"""From a model folder to an ONNX file that answers as the network of transformers does."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lathe.errors import UnsupportedModel
from worker.engine.context import Arrays
from worker.engine.gate import distance
from worker.engine.intake.export_failure import refusing_to_export
from worker.engine.intake.hugging_face.config import EXPORT, checked_config, without_head
from worker.engine.intake.hugging_face.doors import Doors, doors
from worker.engine.intake.hugging_face.folder import as_file, model_folder
from worker.engine.intake.hugging_face.sentences import SentenceNetwork
from worker.engine.intake.hugging_face.weights import stored
from worker.engine.onnx_file.place import Place, whole
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.write import write_model
from worker.engine.session import open_session, run

Tensors = dict[str, torch.Tensor]


def exported(files: Mapping[str, Place], folder: Path) -> dict[str, Place]:
    """Write the folder's network as ONNX; the file by its name.

    No code and no pickle of the archive is opened. Raises NotAModel, CorruptModel or
    UnsupportedModel.
    """
    chosen = model_folder(files)
    paths = {name: as_file(place, folder, name) for name, place in chosen.weights.items()}
    held = stored(paths, chosen.shard_of)
    config = checked_config(chosen.config, held)
    if chosen.sentences is not None:
        config = without_head(config)
    os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported
    from worker.engine.intake.hugging_face.network import build  # noqa: PLC0415 - 4 s of CPU

    with refusing_to_export(
        "no ONNX can be made of the network that config.json describes", EXPORT
    ):
        network = build(config, held)
        if chosen.sentences is not None:
            network = SentenceNetwork(network, chosen.sentences)
        path = _written(network, doors(network.config, chosen.images), folder)
    return {path.name: whole(path)}


@torch.no_grad()
def _written(network: Any, ways: Doors, folder: Path) -> Path:
    inputs = ways.values(0)
    outputs = list(answers(network, inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's and transformers', about their own calls
        done = torch.onnx.export(
            network,
            (),
            kwargs=inputs,
            dynamo=True,
            verbose=False,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=ways.axes,
        )
    if done is None:
        raise UnsupportedModel(f"torch exported nothing; {EXPORT}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "network.onnx"
    write_model(done.model_proto, path)
    check_answers(network, path, ways.values(1))
    return path


def answers(network: Any, inputs: Tensors) -> Tensors:
    """What the network says in tensors, by the names of its outputs."""
    said = network(**inputs)
    return {name: value for name, value in said.items() if isinstance(value, torch.Tensor)}


def check_answers(network: Any, path: Path, inputs: Tensors) -> None:
    """Raise UnsupportedModel unless the ONNX file `path` answers as the network does."""
    wanted: Arrays = {name: value.numpy() for name, value in answers(network, inputs).items()}
    session = open_session(read_model(path))
    far = distance(
        wanted, run(session, {name: value.numpy() for name, value in inputs.items()})
    )
    if not far <= 1.0:
        raise UnsupportedModel(
            "the exported network answers otherwise than the one of transformers "
            f"({far:.3g} times as far as rounding explains); {EXPORT} and compare them"
        )

"""How large a packed file would be."""

from pathlib import Path

import onnx

from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.encode.pack import pack
from worker.engine.onnx_file.write import write_model
from worker.engine.rate.file_size import packed_bytes
from worker.engine.run.slim import slim


def test_it_is_the_size_of_the_file_and_nothing_is_left_behind(
    untrained: onnx.ModelProto, context: Context, tmp_path: Path
) -> None:
    said = packed_bytes(Checkpoint(untrained), context, "fast")
    assert list(context.folder.iterdir()) == []
    write_model(slim(untrained), tmp_path / "model.onnx")
    pack(tmp_path / "model.onnx", tmp_path / "model.packed", hints={}, profile="fast")
    assert said == (tmp_path / "model.packed").stat().st_size

"""What a list of tensors may say of their files."""

import json
from pathlib import Path
from typing import Any

import pytest

from lathe.errors import CorruptModel
from worker.engine.intake.pt2.weights import tensors
from worker.engine.onnx_file.place import whole

META = {
    "dtype": 7, "sizes": [{"as_int": 2}, {"as_int": 3}], "storage_offset": {"as_int": 0},
    "strides": [{"as_int": 3}, {"as_int": 1}], "requires_grad": False,
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"sizes": [{"as_int": 1 << 40}, {"as_int": 3}], "strides": [{"as_int": [0]}] * 2},
        {"strides": [{"as_int": 3.0}, {"as_int": 1}]},
        {"storage_offset": {"as_int": True}},
    ],
)
def test_a_shape_is_in_whole_numbers_before_anything_is_made_of_it(
    wrong: dict[str, Any], tmp_path: Path
) -> None:
    said = {"w": {"path_name": "w", "is_param": True, "use_pickle": False}}
    said["w"]["tensor_meta"] = {**META, **wrong}  # type: ignore[assignment]
    (tmp_path / "c.json").write_text(json.dumps({"config": said}))
    (tmp_path / "w").write_bytes(bytes(24))
    files = {name: whole(tmp_path / name) for name in ("c.json", "w")}
    with pytest.raises(CorruptModel, match="'w' is not in whole numbers"):
        tensors(files, "", "c.json")

import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from lathe import ids
from lathe.errors import InvalidSpec, NotADataset, Refused
from lathe.facts import DatasetFacts, FieldSpec, IoSpec, TensorSpec, Transform
from lathe.job import Split
from worker.engine.data import SplitSamples
from worker.engine.intake.dataset import inspect_dataset
from worker.engine.intake.tensor_file import read_header
from worker.wire import Limits

LIMITS = Limits(max_bytes=1 << 24, max_members=8)
Arrays = dict[str, np.ndarray]


def _npz(arrays: Mapping[str, Any], *, packed: bool = False) -> bytes:
    held = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(held, **arrays)
    return held.getvalue()


def _inspect(
    folder: Path,
    data: bytes,
    transforms: dict[str, Transform] | None = None,
    limits: Limits = LIMITS,
) -> DatasetFacts:
    """Inspect `data` and check that a refusal leaves nothing behind."""
    upload, out = folder / "upload", folder / "out" / "data.safetensors"
    upload.write_bytes(data)
    out.parent.mkdir(exist_ok=True)
    try:
        return inspect_dataset(upload, out, transforms or {}, limits)
    except Refused:
        assert list(out.parent.iterdir()) == []
        raise


def _good() -> Arrays:
    return {
        "train/image": np.arange(24, dtype=np.uint8).reshape(3, 2, 4),
        "train/label": np.array([4, -1, 9], np.int64),
        "test/image": np.full((2, 2, 4), 200, np.uint8),
        "test/label": np.array([0, 1]),
    }


@pytest.mark.parametrize("kind", ["npz", "npz packed", "safetensors"])
def test_arrays_become_one_file_with_facts_a_field(kind: str, tmp_path: Path) -> None:
    arrays = _good()
    data = (
        safetensors.numpy.save(arrays)
        if kind == "safetensors"
        else _npz(arrays, packed=kind == "npz packed")
    )
    facts = _inspect(tmp_path, data)
    assert facts.format == kind.split(maxsplit=1)[0]
    train = facts.split("train")
    assert train is not None
    assert train.examples == 3
    assert train.fields == (
        FieldSpec(name="image", dtype="uint8", shape=(2, 4), minimum=0, maximum=23),
        FieldSpec(name="label", dtype="int64", shape=(), minimum=-1, maximum=9),
    )
    written = safetensors.numpy.load_file(tmp_path / "out" / "data.safetensors")
    assert written.keys() == arrays.keys()
    assert all(np.array_equal(written[name], array) for name, array in arrays.items())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["data.safetensors"]


def test_no_file_moves_to_another_folder_for_the_sandbox_forbids_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[tuple[Path, Path]] = []
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        moved.append((self.parent, target.parent))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    _inspect(tmp_path, _npz(_good()))
    assert moved
    assert all(before == after for before, after in moved)


def test_every_array_is_aligned_to_its_elements(tmp_path: Path) -> None:
    arrays = {
        "t/a": np.ones(3, np.uint8),
        "t/b": np.ones(3, np.float64),
        "t/c": np.ones(3, np.int16),
    }
    _inspect(tmp_path, _npz(arrays))
    header = read_header(tmp_path / "out" / "data.safetensors")
    assert header["t/b"].offset % 64 == 0
    assert [header[n].offset - header["t/b"].offset for n in ("t/b", "t/c", "t/a")] == [
        0,
        24,
        30,
    ]


def test_the_written_file_feeds_a_split(tmp_path: Path) -> None:
    facts = _inspect(tmp_path, _npz(_good()), {"image": Transform(scale=0.5, mean=(1,))})
    io_spec = IoSpec(
        inputs=(TensorSpec(name="image", dtype="float32", shape=("n", 2, 4)),), outputs=()
    )
    split = Split(dataset=ids.new("dat"), split="train")
    samples = SplitSamples.open(
        tmp_path / "out" / "data.safetensors", facts, split, io_spec, seed=0
    )
    assert samples.inputs(np.array([2]))["image"][0, 1, 3] == 23 * 0.5 - 1
    assert samples.labels(np.array([1])).item() == -1


@pytest.mark.parametrize("order", ["big endian", "fortran"])
def test_other_byte_and_axis_orders_are_turned(order: str, tmp_path: Path) -> None:
    values = np.arange(30, dtype=np.float32).reshape(5, 3, 2)
    stored = values.astype(">f4") if order == "big endian" else np.asfortranarray(values)
    facts = _inspect(tmp_path, _npz({"train/x": stored}))
    written = safetensors.numpy.load_file(tmp_path / "out" / "data.safetensors")
    assert np.array_equal(written["train/x"], values)
    assert facts.splits[0].fields[0].maximum == 29


def _words(value: object) -> str:
    """The expected words as the id of a case, not the bytes."""
    return value if isinstance(value, str) else ""


def _npy(header: str, data: bytes = b"") -> bytes:
    line = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + data


def _zip(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def _objects() -> bytes:
    return _npz({"train/x": np.array([{"a": 1}, None], dtype=object)})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"I am data\n", "the table has no rows"),
        (b"%PDF-1.7", "kind pdf"),
        (b"\x80\x04K\x01.", "pickle"),
        (_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", bytes(8)), "single"),
        (_objects(), "'train/x' holds Python objects"),
        (_npz({"x": np.ones(3)}), "'x' is not named '<split>/<input>'"),
        (_npz({"tr ain/x": np.ones(3)}), "not named"),
        (_npz({"train/x": np.array(1.0)}), r"the shape \(\)"),
        (_npz({"train/x": np.ones((0, 2))}), r"the shape \(0, 2\)"),
        (_npz({"train/x": np.ones(3), "train/label": np.ones(4)}), "3 and 4 examples"),
        (_npz({"train/x": np.array([1, np.nan, 2])}), "'train/x' holds 1 .* NaN or infinite"),
        (_npz({"train/x": np.array([1, np.inf], np.float16)}), "NaN or infinite"),
        (_npz({"train/x": np.array([1j])}), "holds complex128"),
        (_npz({"train/x": np.array(["a"])}), "holds str"),
        (_npz({"train/x": np.zeros(2, "f4,i4")}), "holds records"),
        (
            _zip({"train/x.npy": _npy("{'descr': '2u<', 'fortran_order': 0, 'shape': ()}")}),
            "unknown element type '2u<'",
        ),
        (_npz({}), "holds no arrays"),
        (_zip({"train/x.npy": b"nothing"}), "'train/x' is not in NumPy's"),
        (_zip({"../x.npy": b""}), "points outside"),
        (
            _zip(
                {
                    "train/x.npy": _npy(
                        "{'descr': '<f8', 'fortran_order': False, 'shape': (1 << 40,)}"
                    )
                }
            ),
            "cannot be read",
        ),
        (
            _zip(
                {
                    "train/x.npy": _npy(
                        f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({1 << 40},)}}"
                    )
                }
            ),
            "declares",
        ),
        (
            _zip(
                {
                    "train/x.npy": _npy(
                        "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", b"abc"
                    )
                }
            ),
            "more data than it declares",
        ),
        (_npz({"train/x": np.zeros(1 << 19)}, packed=True), "200 times"),
        (_npz(_good())[:-30], "to its end"),
        (_npz({f"train/{k}": np.ones(2) for k in range(9)}), "9 members"),
    ],
    ids=_words,
)
def test_a_bad_file_is_refused_with_what_to_do(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotADataset, match=said):
        _inspect(tmp_path, data)


def _tensors(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_tensors({"t/x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}), "0 bytes"),
        (
            _tensors({"t/x": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, bytes(8)),
            "lie",
        ),
        (
            _tensors(
                {"t/x": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}, bytes(12)
            ),
            "lie",
        ),
        (
            _tensors(
                {"t/x": {"dtype": "F32", "shape": [1 << 50], "data_offsets": [0, 8]}}, bytes(8)
            ),
            "lie",
        ),
        (
            _tensors(
                {"t/x": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}, bytes(8)
            ),
            "BF16",
        ),
        (
            _tensors({"t/x": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}),
            "negative",
        ),
        (_tensors({"t/x": 3}), "no list of tensors"),
        (struct.pack("<Q", 1 << 20) + b"{}", "claims 1048576 bytes"),
    ],
    ids=_words,
)
def test_a_safetensors_header_is_not_believed(data: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotADataset, match=said):
        _inspect(tmp_path, data)


def test_a_size_limit_holds_for_what_is_unpacked(tmp_path: Path) -> None:
    data = _npz({"train/x": np.ones(100), "train/y": np.ones(100)})
    with pytest.raises(NotADataset, match="more than 1500 bytes"):
        _inspect(tmp_path, data, limits=Limits(max_bytes=1500))


@pytest.mark.parametrize(
    ("transforms", "said"),
    [
        ({"picture": Transform()}, "no array of that name"),
        ({"image": Transform(std=(0.0,))}, "a std that is not 0"),
    ],
)
def test_a_transform_that_fits_no_array_is_an_invalid_spec(
    transforms: dict[str, Transform], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidSpec, match=said) as refusal:
        _inspect(tmp_path, _npz(_good()), transforms)
    assert refusal.value.param == f"transforms.{next(iter(transforms))}"


def test_pairs_share_the_transform_of_their_input(tmp_path: Path) -> None:
    arrays = {"test/a/x": np.ones((2, 3)), "test/b/x": np.ones((2, 3))}
    facts = _inspect(tmp_path, _npz(arrays), {"x": Transform(scale=2)})
    assert [field.name for field in facts.splits[0].fields] == ["a/x", "b/x"]


def test_a_large_array_streams_through_little_memory(tmp_path: Path) -> None:
    data = _npz({"train/x": np.random.default_rng(0).random((1 << 20, 1))})
    upload, out = tmp_path / "upload", tmp_path / "out"
    upload.write_bytes(data)
    del data
    inspect_dataset(upload, out, {}, LIMITS)  # whatever is loaded once is loaded now
    tracemalloc.start()
    inspect_dataset(upload, out, {}, LIMITS)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 4 << 20  # of 8 MiB in the file: pieces of 1 MiB and their copies

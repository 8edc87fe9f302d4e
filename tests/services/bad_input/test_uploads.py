"""Uploads that inspection rejects."""

import gzip
import tarfile

import numpy as np
import pytest

from tests.services.bad_input.crafted import (
    DYNAMIC,
    MIB,
    WEIGHT,
    beside,
    net,
    npz,
    tarred,
    zipped,
)
from tests.services.bad_input.stand import Stand
from tests.services.worker.nets import examples, perceptron
from tests.unit.worker.engine.intake.formats.parquet_files import (
    INT64,
    Written,
    numbers,
    page,
    parquet_file,
)

MODELS: dict[str, tuple[bytes, str, str]] = {  # content, code, what the detail says
    "text": (b"I am a model", "not_a_model", "upload the binary .onnx file"),
    "noise": (bytes(range(200, 256)) * 9, "not_a_model", "upload an .onnx file"),
    "a data set": (examples(5), "not_a_model", "upload it as a data set"),
    "truncated": (perceptron(3)[:-300], "corrupt_model", "upload it again"),
    "an unknown operator": (net("Frobnicate"), "unsupported_operator", "'Frobnicate'"),
    "an unknown domain": (net("Foo", domain="my.ops"), "unsupported_operator", "'my.ops'"),
    "NaN": (net(weight=WEIGHT * np.nan), "non_finite_weights", "'w' holds 64 NaN"),
    "NUL in a node's name": (net(name="a\0b"), "corrupt_model", "NUL character"),
    "external data alone": (beside("w.bin"), "unsafe_external_data", "upload a zip"),
    "external data above": (
        zipped(**{"m.onnx": beside("../../w.bin")}), "unsafe_external_data", "'../../w.bin'"
    ),
    "external data at the root": (
        zipped(**{"m.onnx": beside("/etc/passwd")}), "unsafe_external_data", "'/etc/passwd'"
    ),
    "a symbolic link": (tarred(tarfile.SYMTYPE, "/etc/passwd"), "unsafe_archive", "a link"),
    "a hard link": (tarred(tarfile.LNKTYPE, "m.onnx"), "unsafe_archive", "a link"),
    "a member above": (
        zipped(**{"m.onnx": net(), "../evil": b"x"}), "unsafe_archive", "'../evil'"
    ),
    "a bomb": (zipped(**{"m.onnx": bytes(30 * MIB)}), "unsafe_archive", "200 times"),
    "a bomb of gzip": (
        gzip.compress(tarred(tarfile.SYMTYPE, "x") + bytes(30 * MIB)),
        "unsafe_archive",
        "pack only the model's own files",
    ),
    "half an archive": (zipped(**{"m.onnx": net()})[:-60], "corrupt_model", "upload it again"),
}  # fmt: skip
PIXEL = bytes.fromhex(  # a PNG of one white pixel
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c63f80f0001010100b138f614"
    "0000000049454e44ae426082"
)
GIANT = Written(INT64, 8, (page(bytes(64), 8, says={2: 1_472_023_808}),))
DATASETS: dict[str, tuple[bytes, str]] = {
    "text": (b"I am data", "the table has no rows"),
    "a table with ragged rows": (b"a,b\n1,2\n3,4,5\n", "line 3 has 3 values"),
    "a broken picture": (
        zipped(**{"a/1.png": PIXEL, "b/2.png": PIXEL[:40]}),
        "'b/2.png' cannot be read",
    ),
    "a tokenizer without a vocabulary": (
        zipped(**{"train.csv": b"text\nhello\n", "tokenizer.json": b"{}"}),
        "has no vocabulary",
    ),
    "a damaged parquet table": (b"PAR1" + bytes(40) + b"PAR1", "cannot be read"),
    "a parquet page of gigabytes": (
        parquet_file({"x": GIANT, "label": numbers(8)}, 8),
        "the pages of its column 'x' say that one unfolds to 1472023808 bytes",
    ),
    "a shard that is cut": (
        zipped(**{"train-0.npz": examples(9), "train-1.npz": examples(9)[:-50]}),
        "the shard 'train-1.npz' cannot be used",
    ),
    "Python objects": (npz(x=np.array([{}] * 20, dtype=object)), "store numbers"),
    "strings": (npz(x=np.array(["a"] * 20)), "store numbers"),
    "counts that differ": (npz(label=np.arange(19)), "one row an example"),
    "no examples": (npz(x=np.ones((0, 16), np.float32)), "none may be empty"),
    "NaN": (npz(x=np.full((20, 16), np.nan, np.float32)), "remove or replace"),
    "truncated": (examples(64)[:-200], "upload it again"),
    "a bomb": (zipped(**{"t/x.npy": bytes(30 * MIB)}), "200 times"),
}


@pytest.mark.parametrize("what", MODELS)
def test_a_bad_model_is_rejected_with_what_to_do(stand: Stand, what: str) -> None:
    content, code, told = MODELS[what]
    before = stand.objects()
    view = stand.uploaded("models", content)
    assert (view["state"], view["failure"]["code"]) == ("rejected", code), view
    assert view["failure"]["class"] == "unsupported_model"
    assert told in view["failure"]["detail"]
    refused = stand.http.get(f"/v1/models/{view['id']}/content")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert len(stand.objects() - before) <= 1  # the upload at most, and nothing made of it
    used = stand.http.post("/v1/jobs", json={"model": view["id"], "pipeline": [DYNAMIC]})
    assert (used.status_code, used.json()["param"]) == (422, "model")


@pytest.mark.parametrize("what", DATASETS)
def test_a_bad_data_set_is_rejected_with_what_to_do(stand: Stand, what: str) -> None:
    content, told = DATASETS[what]
    before = stand.objects()
    view = stand.uploaded("datasets", content)
    assert (view["state"], view["failure"]["code"]) == ("rejected", "not_a_dataset"), view
    assert told in view["failure"]["detail"]
    assert len(stand.objects() - before) <= 1

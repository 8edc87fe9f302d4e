"""Random damage to good files is read or refused, never an error of ours."""

import io
import random
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lathe.errors import Refused
from tests.unit.worker.engine.intake.formats.conftest import (
    Intake,
    npz,
    picture,
    tarred,
    zipped,
)
from tests.unit.worker.engine.intake.formats.test_tokens import REVIEWS, tokenizer

TRIES = 60


def photo(kind: str) -> bytes:
    held = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(held, kind)
    return held.getvalue()


def table() -> bytes:
    held = io.BytesIO()
    columns = {"a": range(60), "v": [[1.0, 2.0]] * 60, "label": ["x", "y"] * 30}
    pq.write_table(pa.table({name: list(c) for name, c in columns.items()}), held)
    return held.getvalue()


def shards() -> bytes:
    return tarred({f"{split}/0.npz": npz(x=np.ones((4, 2))) for split in ("train", "test")})


def beside_another(data: bytes) -> bytes:
    return zipped({"a/1.png": data, "b/2.png": picture(3, (16, 16))}, stored=True)


def beside_reviews(data: bytes) -> bytes:
    return zipped({"train.csv": REVIEWS, "tokenizer.json": data})


def as_it_is(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize(
    ("good", "packed"),
    [
        *((photo(kind), beside_another) for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP")),
        (b"a,b,label\n" + b"".join(b"%d,%.3f,x\n" % (i, i / 7) for i in range(40)), as_it_is),
        (tokenizer(), beside_reviews),
        (table(), as_it_is),
        (shards(), as_it_is),
    ],
    ids=["PNG", "JPEG", "GIF", "TIFF", "WebP", "csv", "tokenizer", "Parquet", "shards"],
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_damaged_file_is_read_or_refused(
    good: bytes, packed: Callable[[bytes], bytes], intake: Intake
) -> None:
    rng, refused = random.Random(7), 0
    for _ in range(TRIES):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            at, how = rng.randrange(len(data)), rng.random()
            if how < 0.5:
                data[at] = rng.randrange(256)
            elif how < 0.8:
                del data[at : at + rng.randint(1, 20)]
            else:
                data[at:at] = rng.randbytes(9)
        try:
            intake(packed(bytes(data)), {"pictures": {"size": [8, 8]}})
        except Refused:
            refused += 1
    assert refused > 0

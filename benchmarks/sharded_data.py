"""A made-up data set in shards of any size, written as a tar while it is sent.

Images as in `benchmarks.large_data`, so that the same net learns them: class c of 4 is noise
around 40 + 50 c. Each shard is a deflated .npz of 256 images with noise of its own.
"""

import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from benchmarks.large_data import CHANNELS, CLASSES, IMAGE_BYTES, SIDE

SHARD_IMAGES = 256
NOISE = 16
PIECE_BYTES = 1 << 20


@contextmanager
def sharded_tar(train_shards: int, test_shards: int) -> Iterator[Iterator[bytes]]:
    """The archive in pieces, made by a thread: it never lies on a disk, nor whole in memory."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        maker = threading.Thread(target=_write, args=(writing, train_shards, test_shards))
        maker.start()
        try:
            yield iter(lambda: pipe.read(PIECE_BYTES), b"")
        finally:
            pipe.close()  # the maker then ends, too, if nobody read to the end
            maker.join()


def _write(descriptor: int, train_shards: int, test_shards: int) -> None:
    try:
        with (
            os.fdopen(descriptor, "wb") as file,
            tarfile.open(fileobj=file, mode="w|") as archive,
        ):
            for number in range(train_shards + test_shards):
                split = "train" if number < train_shards else "test"
                held = io.BytesIO()
                _shard(held, number)
                info = tarfile.TarInfo(f"{split}/part-{number:05}.npz")
                info.size = held.tell()
                held.seek(0)
                archive.addfile(info, held)
    except BrokenPipeError:
        return


def _shard(file: BinaryIO, seed: int) -> None:
    labels = np.arange(SHARD_IMAGES, dtype=np.int64) % CLASSES
    declared = {
        "descr": "|u1",
        "fortran_order": False,
        "shape": (SHARD_IMAGES, CHANNELS, SIDE, SIDE),
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("label.npy", "w") as member:
            npy.write_array(member, labels)
        with archive.open("image.npy", "w") as member:
            npy.write_array_header_1_0(member, declared)
            for image in _images(labels, seed):
                member.write(image)


def _images(labels: NDArray[np.int64], seed: int) -> Iterator[bytes]:
    noise = np.random.default_rng(seed).integers(0, NOISE, IMAGE_BYTES, dtype=np.uint8)
    classes = [(noise + np.uint8(40 + 50 * c)).tobytes() for c in range(CLASSES)]
    for label in labels:
        yield classes[label]

"""Make mnist.npz, the data set that the demo uploads, from the four original MNIST files.

python -m examples.mnist.make_data <folder with the idx .gz files>

Arrays: train/image uint8 (15000, 1, 28, 28), train/label int64 (15000,), and all 10,000 test
images as test/image, test/label. The train part is the first 15,000 of the original order.
"""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
TRAIN = 15_000


def read_idx(path: Path) -> NDArray[np.uint8]:
    """One idx file: magic with the number of axes, the sizes, then the bytes."""
    raw = gzip.decompress(path.read_bytes())
    axes = raw[3]
    shape = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)


def load(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """The four original files: (60000, 28, 28), (60000,), (10000, 28, 28), (10000,)."""
    names = {
        "train/image": "train-images-idx3-ubyte.gz",
        "train/label": "train-labels-idx1-ubyte.gz",
        "test/image": "t10k-images-idx3-ubyte.gz",
        "test/label": "t10k-labels-idx1-ubyte.gz",
    }
    return {field: read_idx(folder / name) for field, name in names.items()}


def main() -> None:
    """Write mnist.npz beside this file."""
    data = load(Path(sys.argv[1]))
    train, test = slice(0, TRAIN), slice(None)
    np.savez_compressed(
        HERE / "mnist.npz",
        **{
            "train/image": data["train/image"][train, None],
            "train/label": data["train/label"][train].astype(np.int64),
            "test/image": data["test/image"][test, None],
            "test/label": data["test/label"][test].astype(np.int64),
        },
    )


if __name__ == "__main__":
    main()

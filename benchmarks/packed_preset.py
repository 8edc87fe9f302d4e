"""Makes lathe/packed/head/preset_data.py: heads of typical nets that the packed format knows.

    python -m benchmarks.packed_preset

The nets are made here, in the ways people write them, exported and brought into the form in
which Lathe hands over its artifacts, their weights random and on a grid. The preset is a part
of the format: making another one means another version of it. Run again it gives other bytes,
because heads tell how long their streams are and the encoder has learnt since.
"""

import base64
import lzma
import tempfile
import textwrap
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from lathe.outputs import OnnxOutput
from lathe.packed.squeeze import FILTERS
from worker.engine.encode.pack import tokens_and_body
from worker.engine.graph.io_spec import io_spec
from worker.engine.intake.canonical import canonicalise
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.spill import Spill
from worker.engine.run.artifact import write_artifact

TARGET = Path(__file__).parent.parent / "lathe" / "packed" / "head" / "preset_data.py"
_SMALL = 256  # tensors of fewer elements get few values
_TEMPLATE = '''\
"""Made by benchmarks/packed_preset.py: a part of the format, changed only with its version."""

SIZES = ({sizes})
DATA = """
{data}
"""
'''


def mlp() -> nn.Module:
    """Three linear layers in a row."""
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(64, 48),
            relu1=nn.ReLU(),
            fc2=nn.Linear(48, 24),
            relu2=nn.ReLU(),
            fc3=nn.Linear(24, 5),
        )
    )


class Convolutional(nn.Module):
    """Two convolutions and two linear layers, named by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3)
        self.fc1 = nn.Linear(24 * 7 * 7, 40)
        self.fc2 = nn.Linear(40, 6)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, 32, 32) to (batch, 6)."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        logits: Tensor = self.fc2(functional.relu(self.fc1(torch.flatten(x, 1))))
        return logits


def sequential() -> nn.Module:
    """A plain convolutional net, its layers numbered."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(8, 16, 5), nn.MaxPool2d(2),
        nn.ReLU(), nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 4),
    )  # fmt: skip


class Residual(nn.Module):
    """Two residual blocks with batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(_Block(16, 16, 1))
        self.layer2 = nn.Sequential(_Block(16, 32, 2))
        self.fc = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, 16, 16) to (batch, 10)."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.adaptive_avg_pool2d(self.layer2(self.layer1(x)), 1)
        logits: Tensor = self.fc(torch.flatten(x, 1))
        return logits


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = nn.Sequential()
        if stride > 1:
            conv = nn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        total: Tensor = self.bn2(self.conv2(y)) + self.downsample(x)
        return functional.relu(total)


class Encoder(nn.Module):
    """One layer of a transformer over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 32)
        self.query, self.key, self.value = (nn.Linear(32, 32) for _ in range(3))
        self.dense = nn.Linear(32, 32)
        self.norm1, self.norm2 = nn.LayerNorm(32), nn.LayerNorm(32)
        self.intermediate, self.output = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(batch, sequence) to (batch, 32)."""
        x: Tensor = self.embedding(input_ids)
        heads = [
            part(x).view(x.shape[0], -1, 4, 8).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        ]
        scores = heads[0] @ heads[1].transpose(2, 3) / 8**0.5
        mixed = (scores.softmax(-1) @ heads[2]).transpose(1, 2).reshape(x.shape)
        x = self.norm1(x + self.dense(mixed))
        x = self.norm2(x + self.output(functional.gelu(self.intermediate(x))))
        return x.mean(1)


class Recurrent(nn.Module):
    """An LSTM and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 12, batch_first=True)
        self.fc = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, 6) to (batch, 3)."""
        hidden, _ = self.lstm(x)
        last: Tensor = self.fc(hidden[:, -1])
        return last


def main() -> None:
    """Write the preset and print how large it is."""
    torch.manual_seed(1)
    warnings.simplefilter("ignore")  # the exporters', about themselves
    heads = [
        _head(Recurrent(), torch.zeros(2, 9, 6), "input", "output", dynamo=True),
        _head(
            Encoder(), torch.zeros(2, 7, dtype=torch.long), "input_ids", "sentence", dynamo=True
        ),
        _head(Residual(), torch.zeros(2, 3, 16, 16), "input", "output", dynamo=True),
        _head(Convolutional(), torch.zeros(2, 3, 32, 32), "input", "logits", dynamo=False),
        _head(sequential(), torch.zeros(2, 1, 28, 28), "image", "y", dynamo=True),
        _head(mlp(), torch.zeros(2, 1, 8, 8), "x", "logits", dynamo=True),
    ]
    squeezed = lzma.compress(b"".join(heads), lzma.FORMAT_RAW, filters=FILTERS)
    data = textwrap.fill(base64.b85encode(squeezed).decode(), 92)
    sizes = ", ".join(str(len(head)) for head in heads)
    TARGET.write_text(_TEMPLATE.format(sizes=sizes, data=data))
    print(f"{sizes} tokens, {len(squeezed)} bytes squeezed")


def _head(model: nn.Module, example: Tensor, door: str, result: str, *, dynamo: bool) -> bytes:
    """The tokens of the head of a net in the form of an artifact."""
    with tempfile.TemporaryDirectory() as scratch:
        exported = Path(scratch) / "exported.onnx"
        axes = {0: "batch"} if dynamo else None
        torch.onnx.export(
            model.eval(),
            (example,),
            exported,
            input_names=[door],
            output_names=[result],
            dynamo=dynamo,
            external_data=False,
            dynamic_shapes=(axes,) if dynamo else None,
            dynamic_axes=None if dynamo else {door: {0: "batch"}, result: {0: "batch"}},
            verbose=False,
        )
        upload = read_model(exported)
        artifact = Path(scratch) / "artifact.onnx"
        with Spill(Path(scratch) / "spill") as spill:
            canonical = canonicalise(upload, spill).model
            for tensor in canonical.graph.initializer:
                _put_on_grid(tensor)
            write_artifact(canonical, io_spec(upload), OnnxOutput(), artifact)
        return tokens_and_body(artifact.read_bytes(), "small")[0]


def _put_on_grid(tensor: onnx.TensorProto) -> None:
    """Sparse multiples of a step instead of a float tensor's values, in place."""
    if tensor.data_type != onnx.TensorProto.FLOAT or not tensor.dims:
        return
    rng = np.random.default_rng(len(tensor.name) + tensor.dims[0])
    step = np.array(rng.uniform(0.02, 0.4), np.float32).view(np.uint32) & 0xFFFF0000
    spread = 2.0 if np.prod(tensor.dims) < _SMALL else 0.6
    codes = np.rint(rng.laplace(0, spread, tensor.dims)).astype(np.float32)
    values = codes * np.array(step, np.uint32).view(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


if __name__ == "__main__":
    main()

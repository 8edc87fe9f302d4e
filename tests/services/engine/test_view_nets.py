"""Twelve nets, exported as people export them, through the torch view and back."""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxslim
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody gives it
from torch import Tensor, nn

from worker.engine import gate
from worker.engine.probe import random_inputs
from worker.engine.session import open_session, run
from worker.engine.view import blocking_operators, torch_view, write_back

pytestmark = pytest.mark.services


class LeNet300(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Flatten(), nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 10), nn.ReLU(),
            nn.Linear(10, 5),
        )  # fmt: skip


class LeNet5(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32, 20), nn.ReLU(), nn.Linear(20, 5),
        )  # fmt: skip


class Basic(nn.Module):
    def __init__(self, i: int, o: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
            nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o),
        )  # fmt: skip
        same = stride == 1 and i == o
        self.side = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))
        )

    def forward(self, x: Tensor) -> Any:
        return F.relu(self.main(x) + self.side(x))


class ResNet(nn.Module):
    def __init__(self, blocks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 4, 3, 1, 1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
        ]
        width = 4
        for out, stride in ((4, 1), (6, 2), (8, 2)):
            for k in range(blocks):
                layers.append(Basic(width, out, stride if k == 0 else 1))
                width = out
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Any:
        return self.head(torch.flatten(F.adaptive_avg_pool2d(self.body(x), 1), 1))


class Inverted(nn.Module):
    def __init__(self, i: int, o: int, stride: int, wider: int) -> None:
        super().__init__()
        h = i * wider
        self.skip = stride == 1 and i == o
        self.body = nn.Sequential(
            nn.Conv2d(i, h, 1, bias=False), nn.BatchNorm2d(h), nn.ReLU6(),
            nn.Conv2d(h, h, 3, stride, 1, groups=h, bias=False), nn.BatchNorm2d(h), nn.ReLU6(),
            nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Any:
        return x + self.body(x) if self.skip else self.body(x)


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU6(),
            Inverted(6, 4, 1, 1), Inverted(4, 6, 2, 3), Inverted(6, 6, 1, 3),
            Inverted(6, 8, 2, 3),
        )  # fmt: skip
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.body(x).mean([2, 3]))


class AlexNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(8, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(12, 10, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Dropout(), nn.Linear(90, 24), nn.ReLU(), nn.Dropout(), nn.Linear(24, 5)
        )

    def forward(self, x: Tensor) -> Any:
        return self.head(torch.flatten(self.features(x), 1))


class Attention(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))
        self.heads = heads

    def split(self, t: Tensor) -> Tensor:
        return torch.unflatten(t, -1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor) -> Any:
        q, k, v = self.split(self.q(x)), self.split(self.k(x)), self.split(self.v(x))
        y = F.scaled_dot_product_attention(q, k, v)
        return self.o(y.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention = Attention(d, heads)
        self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x: Tensor) -> Any:
        x = x + self.attention(self.n1(x))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, 12, 4, 4)
        self.position = nn.Parameter(torch.randn(1, 9, 12) * 0.1)
        self.blocks = nn.Sequential(Block(12, 3), Block(12, 3))
        self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Any:
        x = self.patch(x).flatten(2).transpose(1, 2) + self.position
        return self.head(self.norm(self.blocks(x)).mean(1))


class Bert(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(50, 12), nn.LayerNorm(12)
        self.position = nn.Parameter(torch.randn(1, 9, 12) * 0.1)
        self.blocks = nn.Sequential(Block(12, 3), Block(12, 3))
        self.head = nn.Linear(12, 2)

    def forward(self, ids: Tensor) -> Any:
        x = self.norm(self.words(ids) + self.position[:, : ids.shape[1]])
        return self.head(torch.tanh(self.blocks(x)[:, 0]))


class Reader(nn.Module):
    def __init__(
        self, rnn: Callable[..., nn.Module], *, both: bool = False, layers: int = 1
    ) -> None:
        super().__init__()
        self.rnn = rnn(7, 6, num_layers=layers, batch_first=True, bidirectional=both)
        self.head = nn.Linear(12 if both else 6, 5)

    def forward(self, x: Tensor) -> Any:
        y, _ = self.rnn(x)
        return self.head(y[:, -1])


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()

        def pair(i: int, o: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(i, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
                nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
            )  # fmt: skip

        self.d1, self.d2, self.middle = pair(1, 4), pair(4, 6), pair(6, 10)
        self.u2, self.x2 = nn.ConvTranspose2d(10, 6, 2, 2), pair(12, 6)
        self.u1, self.x1 = nn.ConvTranspose2d(6, 4, 2, 2), pair(8, 4)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Any:
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        y = self.x2(torch.cat([self.u2(self.middle(F.max_pool2d(b, 2))), b], 1))
        return self.out(self.x1(torch.cat([self.u1(y), a], 1)))


def images(*shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randn(2, *shape)


NETS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "lenet300": (LeNet300, images(1, 8, 8)),
    "lenet5": (LeNet5, images(1, 16, 16)),
    "resnet20": (lambda: ResNet(3), images(3, 8, 8)),
    "resnet56": (lambda: ResNet(9), images(3, 8, 8)),
    "mobilenetv2": (MobileNet, images(3, 8, 8)),
    "alexnet": (AlexNet, images(3, 32, 32)),
    "vit": (ViT, images(1, 12, 12)),
    "bert": (Bert, lambda: torch.randint(0, 50, (2, 9))),
    "lstm": (lambda: Reader(nn.LSTM), images(4, 7)),
    "gru": (lambda: Reader(nn.GRU), images(4, 7)),
    "bilstm2": (lambda: Reader(nn.LSTM, both=True, layers=2), images(4, 7)),
    "unet": (UNet, images(1, 8, 8)),
}


def exported(name: str, path: Path, *, dynamo: bool) -> onnx.ModelProto:
    """The net with random weights and, as if trained, no tensor that equals another."""
    torch.manual_seed(17)
    make, example = NETS[name]
    net, x = make(), example()
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor) * 0.1)
    axes: dict[str, Any] = {"dynamic_axes": {"x": {0: "batch"}, "y": {0: "batch"}}}
    if dynamo:
        axes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "verbose": False}
        axes["external_data"] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(
            net.eval(), (x,), path, dynamo=dynamo, opset_version=18, input_names=["x"],
            output_names=["y"], **axes,
        )  # fmt: skip
    slim: onnx.ModelProto = onnxslim.slim(onnx.load(path))
    return slim


DYNAMO = ("resnet20", "mobilenetv2", "vit", "bert", "lstm", "bilstm2")  # 2 to 5 s each
EXPORTS = [(name, False) for name in NETS] + [(name, True) for name in DYNAMO]


@pytest.mark.parametrize(("name", "dynamo"), EXPORTS)
def test_a_net_is_the_same_in_torch_trains_a_step_and_comes_back(
    tmp_path: Path, name: str, dynamo: bool
) -> None:
    model = exported(name, tmp_path / "net.onnx", dynamo=dynamo)
    assert blocking_operators(model) == ()
    view = torch_view(model)
    inputs = random_inputs(model, 3, seed=1)
    expected: Any = run(open_session(model), inputs)["y"]
    found: Any = view.outputs(inputs)["y"]
    assert np.abs(expected - found).max() <= 1e-5 * np.abs(expected).max()

    trained = copy.deepcopy(view)
    optimiser = torch.optim.SGD(trained.module.parameters(), lr=0.01)
    x = torch.from_numpy(inputs["x"])
    trained.forward({"x": x})["y"].square().mean().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    result = write_back(trained, model)
    assert [t.name for t in result.graph.initializer] == [
        t.name for t in model.graph.initializer
    ]
    gate.view_matches(trained, result, inputs)
    assert gate.distance({"y": expected}, trained.outputs(inputs)) > 1.0
    assert write_back(view, model).SerializeToString() == model.SerializeToString()

"""Train lenet5.onnx, the model that the demo compresses, from scratch on MNIST.

python -m examples.mnist.train_lenet5 <folder with the idx .gz files>

The network is LeNet-5 in the form that Han et al. (ICLR 2016) compress: two 5x5 convolutions
(20 and 50 channels), each with 2x2 max pooling, then 800-500-10; 431,080 parameters. All
60,000 train images, shifted by up to two pixels; Adam, one-cycle learning rate. The last
epoch is taken: no choice looks at the test images.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.mnist.make_data import load

HERE = Path(__file__).parent
EPOCHS = 12
BATCH = 128
MEAN, STD = 0.1307, 0.3081


def lenet5() -> nn.Sequential:
    """(batch, 1, 28, 28) float32 to (batch, 10) logits."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


def normalised(images: Tensor) -> Tensor:
    """(n, 28, 28) uint8 to (n, 1, 28, 28) float32."""
    return (images[:, None].float() / 255 - MEAN) / STD


def shifted(images: Tensor) -> Tensor:
    """The whole batch moved by the same -2 to 2 pixels each way; the border repeats."""
    dx, dy = torch.randint(0, 5, (2,)).tolist()
    padded = functional.pad(images, (2, 2, 2, 2), mode="replicate")
    return padded[:, :, dy : dy + 28, dx : dx + 28]


def main() -> None:
    """Train, print the test error of each epoch, write lenet5.onnx beside this file."""
    torch.manual_seed(0)
    arrays = load(Path(sys.argv[1]))
    data = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    images, labels = normalised(data["train/image"]), data["train/label"].long()
    test_images, test_labels = normalised(data["test/image"]), data["test/label"].long()
    model = lenet5()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        model.train()
        order = torch.randperm(len(images))
        for batch in order[: len(order) // BATCH * BATCH].split(BATCH):
            loss = functional.cross_entropy(model(shifted(images[batch])), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            answers = torch.cat([model(part).argmax(1) for part in test_images.split(1000)])
        wrong = int((answers != test_labels).sum())
        print(f"epoch {epoch + 1}: {wrong / 100:.2f} % test error", flush=True)
    export(model)


def export(model: nn.Module) -> None:
    """Write lenet5.onnx: input `image` (batch, 1, 28, 28), output `digit` (batch, 10)."""
    program = torch.onnx.export(
        model,
        (torch.zeros(2, 1, 28, 28),),
        dynamo=True,
        opset_version=18,
        input_names=["image"],
        output_names=["digit"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    network = program.model_proto
    for node in network.graph.node:
        del node.metadata_props[:]  # where on the author's disk each line of code lay
    (HERE / "lenet5.onnx").write_bytes(network.SerializeToString())


if __name__ == "__main__":
    main()

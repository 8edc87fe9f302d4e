"""AlexNet, whole for 224 x 224 images and narrow for those of CIFAR-10.

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", NIPS 2012, without its two towers as in Krizhevsky, "One weird trick for
parallelizing convolutional neural networks", arXiv:1404.5997: five convolutions, three
poolings, three fully connected layers, the first two behind dropout. No responses are
normalised; the narrow one has a BatchNorm behind each convolution, which its export merges.
"""

from collections import OrderedDict

from torch import nn

CLASSES = 10
Layers = list[tuple[str, nn.Module]]


class AlexNet(nn.Sequential):
    """(batch, 3, 224, 224) to (batch, 10) logits: 57,044,810 parameters."""

    def __init__(self) -> None:
        pool = nn.MaxPool2d(3, 2)
        layers: Layers = [
            ("conv1", nn.Conv2d(3, 64, 11, 4, 2)),
            ("relu1", nn.ReLU()),
            ("pool1", pool),
            ("conv2", nn.Conv2d(64, 192, 5, 1, 2)),
            ("relu2", nn.ReLU()),
            ("pool2", pool),
            ("conv3", nn.Conv2d(192, 384, 3, 1, 1)),
            ("relu3", nn.ReLU()),
            ("conv4", nn.Conv2d(384, 256, 3, 1, 1)),
            ("relu4", nn.ReLU()),
            ("conv5", nn.Conv2d(256, 256, 3, 1, 1)),
            ("relu5", nn.ReLU()),
            ("pool5", pool),
            *_connected(256 * 6 * 6, 4096, 4096),
        ]
        super().__init__(OrderedDict(layers))


class AlexNet32(nn.Sequential):
    """(batch, 3, 32, 32) to (batch, 10) logits: 1,748,138 parameters with the norms merged,
    nine tenths of them in the fully connected layers, as in the whole one."""

    def __init__(self) -> None:
        pool = nn.MaxPool2d(2)
        layers: Layers = [
            *_normed("1", 3, 32, 5),
            ("pool1", pool),
            *_normed("2", 32, 64, 3),
            ("pool2", pool),
            *_normed("3", 64, 96, 3),
            *_normed("4", 96, 64, 3),
            *_normed("5", 64, 64, 3),
            ("pool5", pool),
            *_connected(64 * 4 * 4, 1024, 512),
        ]
        super().__init__(OrderedDict(layers))


def _normed(number: str, before: int, after: int, side: int) -> Layers:
    """A convolution that keeps height and width."""
    convolution = nn.Conv2d(before, after, side, 1, side // 2, bias=False)
    return [
        (f"conv{number}", convolution),
        (f"norm{number}", nn.BatchNorm2d(after)),
        (f"relu{number}", nn.ReLU()),
    ]


def _connected(features: int, first: int, second: int) -> Layers:
    return [
        ("flat", nn.Flatten()),
        ("drop1", nn.Dropout()),
        ("fc1", nn.Linear(features, first)),
        ("relu6", nn.ReLU()),
        ("drop2", nn.Dropout()),
        ("fc2", nn.Linear(first, second)),
        ("relu7", nn.ReLU()),
        ("fc3", nn.Linear(second, CLASSES)),
    ]

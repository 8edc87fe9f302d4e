"""The thirteen networks. A new one is one entry here."""

from benchmarks.deep_compression.networks import LeNet5, LeNet300
from benchmarks.matrix.networks.convolutional import (
    AlexNet,
    MobileNetV2,
    ResNet,
    TwoDoors,
    UNet,
)
from benchmarks.matrix.networks.network import Network
from benchmarks.matrix.networks.recurrent import BiGru, Lstm
from benchmarks.matrix.networks.tabular import Mlp, Recommender
from benchmarks.matrix.networks.tasks import (
    digits,
    discs,
    gratings,
    parcels,
    ratings,
    rhythms,
    table,
    topics,
)
from benchmarks.matrix.networks.transformers import Bert, Vit

CLASSES, NUMBERS = {"kind": "classification"}, {"kind": "regression"}
IMAGE, SERIES, SCORES = ("image",), ("series",), ("scores",)

NETWORKS = {
    net.name: net
    for net in (
        Network("lenet-300-100", LeNet300, digits, IMAGE, SCORES, CLASSES),
        Network("lenet-5", LeNet5, digits, IMAGE, SCORES, CLASSES),
        Network("resnet", ResNet, gratings, IMAGE, SCORES, CLASSES),
        Network("mobilenet-v2", MobileNetV2, gratings, IMAGE, SCORES, CLASSES),
        Network("alexnet", AlexNet, gratings, IMAGE, SCORES, CLASSES, lr=1e-3),
        Network("vit", Vit, gratings, IMAGE, SCORES, CLASSES),
        Network("bert", Bert, topics, ("words", "mask"), SCORES, CLASSES),
        Network("lstm", Lstm, rhythms, SERIES, SCORES, CLASSES, lr=5e-3, epochs=8),
        Network("bi-gru", BiGru, rhythms, SERIES, SCORES, CLASSES, lr=5e-3),
        Network("u-net", UNet, discs, IMAGE, ("mask",), CLASSES),
        Network("mlp", Mlp, table, ("features",), ("value",), NUMBERS, epochs=12),
        Network(
            "two-in-two-out",
            TwoDoors,
            parcels,
            ("image", "size"),
            ("kind", "price"),
            CLASSES | {"output": "kind"},
            epochs=8,
        ),
        Network(
            "recommender",
            Recommender,
            ratings,
            ("user", "item"),
            ("rating",),
            NUMBERS,
            lr=3e-3,
            epochs=16,
        ),
    )
}

"""Every network takes what its task draws, and its labels fit what it answers."""

import numpy as np
import pytest
import torch

from benchmarks.matrix.networks import NETWORKS
from benchmarks.matrix.networks.tasks import discs, topics


@pytest.mark.parametrize("name", NETWORKS)
def test_answers_and_labels_have_the_same_examples(name: str) -> None:
    network = NETWORKS[name]
    arrays = network.examples(np.random.default_rng(1), 3)
    model = network.make().eval()
    with torch.no_grad():
        said = model(*(torch.from_numpy(arrays[each]) for each in network.inputs))
    outputs = said if isinstance(said, tuple) else (said,)
    for output, y in zip(network.outputs, outputs, strict=True):
        label = network.label(arrays, output)
        if np.issubdtype(label.dtype, np.integer):
            assert (len(y), *y.shape[2:]) == label.shape
            assert label.max() < y.shape[1]
        else:
            assert tuple(y.shape) == label.shape
    assert network.judged in network.outputs


def test_the_same_seed_draws_the_same_examples() -> None:
    for network in NETWORKS.values():
        first, again = (network.examples(np.random.default_rng(4), 2) for _ in range(2))
        assert all(np.array_equal(first[name], again[name]) for name in first)


def test_words_behind_the_mask_are_none_and_a_disc_is_where_the_image_is_bright() -> None:
    said = topics(np.random.default_rng(2), 50)
    assert not said["words"][said["mask"] == 0].any()
    assert said["mask"].sum(axis=1).min() >= 8
    seen = discs(np.random.default_rng(2), 50)
    image, inside = seen["image"][:, 0], seen["label"] == 1
    assert image[inside].mean() == pytest.approx(1, abs=0.05)
    assert image[~inside].mean() == pytest.approx(0, abs=0.05)

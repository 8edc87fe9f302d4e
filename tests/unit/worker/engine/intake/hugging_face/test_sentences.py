"""One vector a text, by hand."""

from types import SimpleNamespace

import pytest
import torch

from lathe.errors import UnsupportedModel
from worker.engine.intake.hugging_face.sentences import (
    OUTPUT,
    SentenceNetwork,
    Sentences,
    sentences_of,
)

BEHIND = ["sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling"]
MEAN = {"word_embedding_dimension": 2, "pooling_mode_mean_tokens": True}


class Echo(torch.nn.Module):
    """States (token, kind) of every token."""

    config = "of the network"

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor,
    ) -> SimpleNamespace:
        assert attention_mask.dtype == torch.int64
        states = torch.stack((input_ids, token_type_ids), 2).float()
        return SimpleNamespace(last_hidden_state=states, pooler_output=None)


def pooled(*modes: str, normalize: bool = False) -> list[list[float]]:
    """Of the texts (3, 5, 10) with a third token that is no word, and (1, 2, 3)."""
    network = SentenceNetwork(Echo(), Sentences(modes, normalize))
    assert network.config == "of the network"
    said = network(
        input_ids=torch.tensor([[3, 5, 10], [1, 2, 3]]),
        attention_mask=torch.tensor([[1, 1, 0], [1, 1, 1]]),
        token_type_ids=torch.tensor([[0, 1, 9], [-1, -1, -4]]),
    )
    assert list(said) == [OUTPUT]
    return [[round(float(x), 5) for x in row] for row in said[OUTPUT]]


def test_words_alone_are_pooled() -> None:
    assert pooled("mean") == [[4, 0.5], [2, -2]]
    assert pooled("max") == [[5, 1], [3, -1]]
    assert pooled("cls") == [[3, 0], [1, -1]]
    root = [round(8 / 2**0.5, 5), round(1 / 2**0.5, 5)]
    assert pooled("mean_sqrt_len")[0] == root


def test_ways_stand_side_by_side_and_have_length_1_together() -> None:
    assert pooled("cls", "mean") == [[3, 0, 4, 0.5], [1, -1, 2, -2]]
    long = (9 + 16 + 0.25) ** 0.5
    assert pooled("cls", "mean", normalize=True)[0] == pytest.approx(
        [3 / long, 0, 4 / long, 0.5 / long], abs=1e-5
    )


def test_a_text_without_words_is_no_division_by_zero() -> None:
    network = SentenceNetwork(Echo(), Sentences(("mean", "mean_sqrt_len"), normalize=True))
    none = torch.zeros(1, 2, dtype=torch.int64)
    said = network(input_ids=none + 3, attention_mask=none, token_type_ids=none)
    assert said[OUTPUT].tolist() == [[0, 0, 0, 0]]


def test_what_the_files_ask_for() -> None:
    assert sentences_of(BEHIND, MEAN) == Sentences(("mean",), normalize=False)
    both = {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}
    both |= {"pooling_mode_max_tokens": False, "pooling_mode_lasttoken": False}
    assert sentences_of([*BEHIND, "new.place.Normalize"], both) == Sentences(
        ("cls", "mean"), normalize=True
    )


@pytest.mark.parametrize(
    ("kinds", "pooling", "told"),
    [
        ([], MEAN, "lists nothing"),
        (BEHIND[:1], MEAN, "lists Transformer;"),
        ([*BEHIND, "sentence_transformers.models.Dense"], MEAN, "Pooling, Dense;"),
        (BEHIND[::-1], MEAN, "in this order"),
        (BEHIND, {}, "asks for nothing"),
        (BEHIND, {"pooling_mode_mean_tokens": False}, "asks for nothing"),
        (BEHIND, MEAN | {"pooling_mode_lasttoken": True}, "asks for pooling_mode_lasttoken"),
        (BEHIND, {"pooling_mode": "lasttoken"}, "asks for nothing"),
    ],
)
def test_what_is_not_built_here_is_refused(
    kinds: list[str], pooling: dict[str, object], told: str
) -> None:
    with pytest.raises(UnsupportedModel, match=told):
        sentences_of(kinds, pooling)

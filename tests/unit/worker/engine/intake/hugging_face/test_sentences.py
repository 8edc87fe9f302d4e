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
MEAN = {"pooling_mode_mean_tokens": True}
Config = dict[str, object]


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
    assert pooled("mean_sqrt_len_tokens")[0] == root


def test_ways_stand_side_by_side_and_have_length_1_together() -> None:
    assert pooled("cls", "mean") == [[3, 0, 4, 0.5], [1, -1, 2, -2]]
    long = (9 + 16 + 0.25) ** 0.5
    assert pooled("cls", "mean", normalize=True)[0] == pytest.approx(
        [3 / long, 0, 4 / long, 0.5 / long], abs=1e-5
    )


def test_a_text_without_words_is_no_division_by_zero() -> None:
    network = SentenceNetwork(
        Echo(), Sentences(("mean", "mean_sqrt_len_tokens"), normalize=True)
    )
    none = torch.zeros(1, 2, dtype=torch.int64)
    said = network(input_ids=none + 3, attention_mask=none, token_type_ids=none)
    assert said[OUTPUT].tolist() == [[0, 0, 0, 0]]


def modules(pooling: Config, *behind: tuple[str, Config]) -> list[tuple[str, Config]]:
    return [*zip(BEHIND, ({}, pooling), strict=True), *behind]


@pytest.mark.parametrize(
    ("pooling", "modes"),
    [
        (MEAN, ("mean",)),
        (MEAN | {"pooling_mode_cls_token": True, "pooling_mode_lasttoken": False},
         ("cls", "mean")),
        (dict.fromkeys(MEAN, False), ("mean",)),
        ({"pooling_mode": "max", "include_prompt": True}, ("max",)),
        ({"pooling_mode": ["mean_sqrt_len_tokens", "cls"]}, ("mean_sqrt_len_tokens", "cls")),
        (MEAN | {"pooling_mode": "cls"}, ("cls",)),
    ],
)  # fmt: skip
def test_ways_of_old_and_new_files(pooling: Config, modes: tuple[str, ...]) -> None:
    assert sentences_of(modules(pooling)) == Sentences(modes, normalize=False)


@pytest.mark.parametrize("config", [{}, {"module_input_name": OUTPUT}])
def test_a_vector_may_be_normalised_at_the_end(config: Config) -> None:
    listed = modules(MEAN, ("new.place.Normalize", config))
    assert sentences_of(listed) == Sentences(("mean",), normalize=True)


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([], "lists nothing"),
        (modules(MEAN)[:1], "lists Transformer;"),
        (modules(MEAN, ("sentence_transformers.models.Dense", {})), "Pooling, Dense;"),
        (modules(MEAN)[::-1], "in this order"),
        (modules({"pooling_mode": []}), "asks for nothing"),
        (modules({"pooling_mode": 3}), "asks for 3;"),
        (modules({"pooling_mode": "lasttoken"}), "asks for lasttoken;"),
        (modules({"pooling_mode": ["mean", "weightedmean"]}), "asks for mean, weightedmean;"),
        (modules(MEAN | {"pooling_mode_lasttoken": True}), "asks for mean, lasttoken;"),
        (modules(MEAN | {"include_prompt": False}), "leaves out the tokens of a prompt"),
        (
            modules(MEAN, ("Normalize", {"module_input_name": "token_embeddings"})),
            "a module_input_name other than sentence_embedding",
        ),
    ],
)
def test_what_is_not_built_here_is_refused(listed: list[tuple[str, Config]], told: str) -> None:
    with pytest.raises(UnsupportedModel, match=told):
        sentences_of(listed)

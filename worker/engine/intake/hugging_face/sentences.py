"""One vector a text, as the sentence-transformers files of a folder ask for.

modules.json lists what stands behind the network: a Pooling over its last states h of tokens t
whose attention mask m is 1, perhaps a Normalize. Pooling is one of these, or several side by
side; texts are padded behind their words:

    cls     h_0                                 max                     max over m_t = 1 of h_t
    mean    sum m_t h_t / max(sum m_t, 1e-9)    mean_sqrt_len_tokens    its root below instead

Normalize is v / max(|v|, 1e-12). Reimers and Gurevych, "Sentence-BERT", arXiv:1908.10084,
section 3; names, order and bounds as sentence-transformers 6.2 and its older files have them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from lathe.errors import UnsupportedModel

OUTPUT = "sentence_embedding"
TRANSFORMER, POOLING, NORMALIZE = "Transformer", "Pooling", "Normalize"
MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens")
FLAGS = {  # of older files, in the order in which the parts stand
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
EXPORT = "export the whole encoder with torch.onnx.export(model, args, 'model.onnx')"


@dataclass(frozen=True, slots=True)
class Sentences:
    """How tokens become one vector: pooled in every one of `modes`, side by side."""

    modes: tuple[str, ...]
    normalize: bool


def sentences_of(modules: Sequence[tuple[str, Mapping[str, Any]]]) -> Sentences:
    """What modules of these types do, each with its config.

    Raises UnsupportedModel for a module or a wish that is not built here: without it the model
    would be another one.
    """
    kinds = [kind.rpartition(".")[2] for kind, _ in modules]
    if kinds not in ([TRANSFORMER, POOLING], [TRANSFORMER, POOLING, NORMALIZE]):
        raise UnsupportedModel(
            f"modules.json lists {', '.join(kinds)[:200] or 'nothing'}; Lathe builds "
            f"{TRANSFORMER}, {POOLING} and perhaps {NORMALIZE}, in this order. For others, "
            f"{EXPORT}"
        )
    _, (_, pooling), *behind = modules
    for _, config in behind:
        if config.get("module_input_name", OUTPUT) != OUTPUT:
            raise UnsupportedModel(
                f"the {NORMALIZE} has a module_input_name other than {OUTPUT}; {EXPORT}"
            )
    if pooling.get("include_prompt") is False:
        raise UnsupportedModel(
            "the Pooling leaves out the tokens of a prompt (include_prompt false), and no "
            f"input says how many they are; {EXPORT}"
        )
    return Sentences(_modes(pooling), NORMALIZE in kinds)


def _modes(pooling: Mapping[str, Any]) -> tuple[str, ...]:
    """As the config names them, or as its flags say; the mean where all of them are off."""
    said = pooling.get("pooling_mode")
    if said is None:
        said = [mode for flag, mode in FLAGS.items() if pooling.get(flag)] or ["mean"]
    asked = said if isinstance(said, list) else [said]
    if not asked or any(mode not in MODES for mode in asked):
        raise UnsupportedModel(
            f"the Pooling asks for {', '.join(map(str, asked))[:200] or 'nothing'}; Lathe "
            f"builds {', '.join(MODES)}. For others, {EXPORT}"
        )
    return tuple(asked)


class SentenceNetwork(torch.nn.Module):
    """A text network whose only answer is OUTPUT, (batch, modes times width)."""

    def __init__(self, network: Any, how: Sentences) -> None:
        super().__init__()
        self.network, self.how, self.config = network, how, network.config

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Tokens, mask and, where the network has them, kinds (batch, sequence), int64."""
        kinds = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        said = self.network(input_ids=input_ids, attention_mask=attention_mask, **kinds)
        states = said.last_hidden_state
        parts = [_pooled(states, attention_mask, mode) for mode in self.how.modes]
        vector = torch.cat(parts, 1)
        return {OUTPUT: F.normalize(vector, dim=1) if self.how.normalize else vector}


def _pooled(states: Tensor, mask: Tensor, mode: str) -> Tensor:
    """(batch, width) from (batch, sequence, width)."""
    if mode == "cls":
        return states[:, 0]
    read = mask.unsqueeze(-1)
    if mode == "max":
        return states.masked_fill(read == 0, -1e9).amax(1)
    total = (states * read).sum(1)
    count = read.to(states.dtype).sum(1).clamp(min=1e-9)
    return total / (count.sqrt() if mode == "mean_sqrt_len_tokens" else count)

"""Attention and RotaryEmbedding, operators of opset 23.

Attention (Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762), with the
order of the ONNX specification:

    S = cap(scale Q K')        cap(s) = softcap tanh(s / softcap), or s where softcap is 0
    Y = softmax(S + mask) V

    Q (B, q_heads, Lq, D), K (B, kv_heads, Lk, D), V (B, kv_heads, Lk, Dv)

As (B, L, heads D) each is split by its number of heads, and so is Y merged. Several heads of
Q may share one of K and V (Ainslie et al., "GQA", 2023, arXiv:2305.13245).

RotaryEmbedding (Su et al., "RoFormer", 2021, arXiv:2104.09864) turns pairs of features by the
angles of their position:

    y1 = cos x1 - sin x2,  y2 = sin x1 + cos x2

where x1 and x2 are the halves of the turned features, or every other one (interleaved).
"""

import operator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.op import Op

MERGED_RANK = 3  # (B, L, heads D)
RAW, SOFTMAX = 0, 3  # what the fourth output shows
NOT_WRITTEN = ("left_window_size", "right_window_size")
LENGTHS = 6
CLOSED = float("-inf")


@dataclass(frozen=True, slots=True)
class Scores:
    """How scores are made."""

    scale: float | None
    softcap: float
    causal: bool
    shown: int


class Attention(nn.Module):
    """Y, present key, present value and the scores that the node shows."""

    def __init__(self, q_heads: int, kv_heads: int, scores: Scores) -> None:
        super().__init__()
        self.q_heads = q_heads
        self.kv_heads = kv_heads
        self.scores = scores

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None = None,
        past_key: Tensor | None = None,
        past_value: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A mask of booleans lets through where it is true, one of numbers is added."""
        merged = query.dim() == MERGED_RANK
        q = split_heads(query, self.q_heads)
        k, v = (split_heads(x, self.kv_heads) for x in (key, value))
        before = 0 if past_key is None else past_key.shape[2]
        k = k if past_key is None else torch.cat((past_key, k), 2)
        v = v if past_value is None else torch.cat((past_value, v), 2)
        shared = q.shape[1] // k.shape[1]
        all_k, all_v = (x.repeat_interleave(shared, 1) for x in (k, v))
        scale = self.scores.scale or q.shape[-1] ** -0.5
        raw = (scale * q) @ all_k.transpose(-1, -2)
        cap = self.scores.softcap
        capped = cap * torch.tanh(raw / cap) if cap else raw
        masked = self._masked(capped, mask, before)
        blind = (masked == CLOSED).all(-1, keepdim=True)  # a query that may look at nothing
        weights = torch.softmax(masked.masked_fill(blind, 0.0), -1).masked_fill(blind, 0.0)
        y = weights @ all_v
        shown = raw if self.scores.shown == RAW else weights
        return (y.transpose(1, 2).flatten(2) if merged else y), k, v, shown

    def _masked(self, scores: Tensor, mask: Tensor | None, before: int) -> Tensor:
        if mask is not None:
            lacking = scores.shape[-1] - mask.shape[-1]
            if mask.dtype == torch.bool:
                mask = torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, CLOSED)
            scores = scores + nn.functional.pad(mask, (0, lacking), value=CLOSED)
        if self.scores.causal:
            rows, columns = scores.shape[-2:]
            ones = torch.ones(rows, columns, dtype=torch.bool, device=scores.device)
            scores = scores.masked_fill(~ones.tril(before), CLOSED)
        return scores


class Rotary(nn.Module):
    """X (B, heads, L, D) or (B, L, heads D), its first `width` features turned (0: all)."""

    def __init__(self, heads: int, width: int, *, interleaved: bool) -> None:
        super().__init__()
        self.heads = heads
        self.width = width
        self.interleaved = interleaved

    def forward(
        self, x: Tensor, cosine: Tensor, sine: Tensor, positions: Tensor | None = None
    ) -> Tensor:
        """Tables (positions, width / 2), or without `positions` (B, L, width / 2)."""
        apart = split_heads(x, self.heads)
        width = self.width or apart.shape[-1]
        cosine, sine = (
            (table if positions is None else table[positions.long()]).unsqueeze(1)
            for table in (cosine, sine)
        )
        turned, rest = apart[..., :width], apart[..., width:]
        if self.interleaved:
            x1, x2 = turned[..., 0::2], turned[..., 1::2]
        else:
            x1, x2 = turned.chunk(2, -1)
        y1, y2 = cosine * x1 - sine * x2, sine * x1 + cosine * x2
        y = (
            torch.stack((y1, y2), -1).flatten(-2)
            if self.interleaved
            else torch.cat((y1, y2), -1)
        )
        y = torch.cat((y, rest), -1)
        return y.transpose(1, 2).flatten(2) if x.dim() == MERGED_RANK else y


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, L, heads D) -> (B, heads, L, D); four axes stay."""
    if x.dim() != MERGED_RANK:
        return x
    return torch.unflatten(x, -1, (heads, -1)).transpose(1, 2)


def attention(build: Builder, op: Op) -> None:
    """With or without a mask and the keys and values of earlier calls."""
    for name in NOT_WRITTEN:
        if op.integer(name, -1) >= 0:
            raise Blocked(name)
    if op.has(LENGTHS):
        raise Blocked("nonpad_kv_seqlen")
    shown = op.integer("qk_matmul_output_mode", RAW)
    if shown not in {RAW, SOFTMAX} and any(op.outputs[3:]):
        raise Blocked(f"qk_matmul_output_mode={shown}")
    scores = Scores(
        scale=op.number("scale", 0.0) or None,
        softcap=op.number("softcap", 0.0),
        causal=bool(op.integer("is_causal", 0)),
        shown=shown,
    )
    module = Attention(op.integer("q_num_heads", 0), op.integer("kv_num_heads", 0), scores)
    args = [build.tensor(op.inputs[k]) if op.has(k) else None for k in range(LENGTHS)]
    node = build.module(op, module, *args)
    for place, name in enumerate(op.outputs):
        if name:
            build.put(name, build.call(operator.getitem, node, place))


def rotary(build: Builder, op: Op) -> None:
    """Whole or partial, in halves or interleaved; fixed tables of angles are not trained."""
    module = Rotary(
        op.integer("num_heads", 0),
        op.integer("rotary_embedding_dim", 0),
        interleaved=bool(op.integer("interleaved", 0)),
    )
    x, *tables = op.inputs[:3]
    angles = [
        build.buffer(name, build.known(name))
        if name in build.source.origins
        else build.tensor(name)
        for name in tables
    ]
    positions = build.tensor(op.inputs[3]) if op.has(3) else None
    node = build.module(op, module, build.tensor(x), *angles, positions)
    build.put(op.outputs[0], node)


FORMS = {"Attention": attention, "RotaryEmbedding": rotary}

"""Naturals as tokens and raw bits."""

import numpy as np

from lathe.packed.tokens import least_natural, raw_widths


def test_buckets_behind_the_direct_tokens_grow() -> None:
    tokens = np.arange(2, 11, dtype=np.uint8)
    # 3 direct: 0 1 2; then buckets of 1 1 2 2 4 4 8 8 naturals
    assert least_natural(tokens, 3).tolist() == [2, 3, 4, 5, 7, 9, 13, 17, 25]
    assert raw_widths(tokens, 3).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]


def test_the_largest_natural_has_a_token() -> None:
    last = np.array([192 + 61], np.uint8)
    assert least_natural(last, 192) + (1 << raw_widths(last, 192).astype(int)) > 2**32 - 1

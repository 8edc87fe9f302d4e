"""Huffman's code and the bytes of gaps and values under it."""

import numpy as np
import pytest

from worker.engine.encode.huffman import code_lengths, huffman_bytes


@pytest.mark.parametrize(
    ("counts", "lengths"),
    [
        ([7], [1]),
        ([5, 2, 1], [1, 2, 2]),
        ([1, 1, 2, 3, 5], [4, 4, 3, 2, 1]),
        ([3, 3, 4, 5], [2, 2, 2, 2]),  # 3 + 3 is more than 4 or 5
    ],
)
def test_rare_symbols_get_long_codes(counts: list[int], lengths: list[int]) -> None:
    assert code_lengths(np.array(counts)).tolist() == lengths


def test_gaps_and_values_have_a_table_each() -> None:
    codes = np.array([[0, 0, 3], [0, -3, 3]], np.int32)
    # gaps 2 1 0: 1 + 2 + 2 bits and 3 symbols of 5 + 4 bits
    # values 3 -3 3: 1 bit each and 2 symbols of 8 + 4 bits
    assert huffman_bytes(codes) == -(-(5 + 27 + 3 + 24) // 8)


def test_a_long_gap_is_bridged_or_has_wider_symbols() -> None:
    codes = np.zeros((1, 41), np.int32)
    codes[0, 40] = 5
    # gaps of 8 bits: 1 bit + 12, value 1 bit + 12; with 5 bits a filler makes it 46
    assert huffman_bytes(codes) == -(-26 // 8)
    codes[0, ::2] = 5  # all gaps are 1 but the first: 5 bits suffice
    # gaps 0 once, 1 twenty times: 21 bits + 2 * 9; values: 21 bits + 12
    assert huffman_bytes(codes) == -(-(21 + 18 + 21 + 12) // 8)


def test_zeros_take_nothing() -> None:
    assert huffman_bytes(np.zeros((5, 5), np.int32)) == 0


def test_a_gap_of_more_than_255_is_bridged_too() -> None:
    codes = np.zeros((1, 301), np.int32)
    codes[0, 300] = 5
    # 8 bits: gaps 255 and 44, values 0 and 5: 2 bits + 2 * 12 each; 9 fillers of 31 are more
    assert huffman_bytes(codes) == -(-52 // 8)


def test_a_bridge_and_what_is_left_of_a_gap_are_symbols_like_other_gaps() -> None:
    codes = np.zeros((1, 513), np.int32)
    codes[0, [255, 512]] = 5
    # 8 bits: gap 255, then 256 as a bridge of 255 and 0: 3 bits + 2 * 12, values 3 + 2 * 12
    assert huffman_bytes(codes) == -(-54 // 8)


def test_a_value_of_more_than_seven_bits_takes_two_bytes_in_the_table() -> None:
    # gap 0: 1 bit + 9; 200: 1 bit + 16 + 4
    assert huffman_bytes(np.array([[200]], np.int32)) == -(-31 // 8)

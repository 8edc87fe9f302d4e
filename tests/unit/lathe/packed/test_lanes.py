"""Tokens out of interleaved states."""

import struct

import numpy as np
import pytest

from lathe.errors import CorruptPacked
from lathe.packed.lanes import Lanes, lookup

TABLE = lookup(np.array([[1024, 3072]]))  # token 0 in slots 0 to 1023


def test_a_state_gives_its_slots_token_and_takes_a_word() -> None:
    # 65536 + 1500: slot 1500 is token 1; 3072 * 16 + 1500 - 1024 = 49628 takes the word 7
    lanes = Lanes(memoryview(struct.pack("<IH", 65536 + 1500, 7)), 1)
    assert lanes.take(np.zeros(1, np.uint8), TABLE).tolist() == [1]
    assert lanes.states.tolist() == [49628 * 65536 + 7]


def test_lanes_take_turns() -> None:
    lanes = Lanes(memoryview(struct.pack("<IIHHH", 65536 + 5, 65536 + 4000, 1, 2, 3)), 2)
    assert lanes.take(np.zeros(2, np.uint8), TABLE).tolist() == [0, 1]
    assert lanes.states.tolist() == [(16 * 1024 + 5) << 16 | 1, (16 * 3072 + 2976) << 16 | 2]


def test_states_must_end_where_they_began() -> None:
    whole = Lanes(memoryview(struct.pack("<I", 65536)), 1)
    assert whole.close() == 4
    with pytest.raises(CorruptPacked):
        Lanes(memoryview(struct.pack("<I", 65537)), 1).close()


def test_words_and_states_that_are_missing_are_refused() -> None:
    with pytest.raises(CorruptPacked):
        Lanes(memoryview(bytes(7)), 2)
    with pytest.raises(CorruptPacked):
        Lanes(memoryview(struct.pack("<I", 65536)), 1).take(np.zeros(1, np.uint8), TABLE)


def test_one_lane_carries_so_many_tokens_only() -> None:
    lanes = Lanes(memoryview(struct.pack("<I", 65536)), 1)
    lanes.admit(40_000)
    lanes.admit(1)  # the first token of a run is free
    with pytest.raises(CorruptPacked):
        lanes.admit(25_539)  # 39,999 + 25,538 > 65,536

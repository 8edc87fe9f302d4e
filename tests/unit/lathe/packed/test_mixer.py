"""Counters and weights learn."""

from lathe.packed.logistic import SQUASH, STRETCH
from lathe.packed.mixer import ONE, Mixer


class Fixed:
    """Always the same bit; remembers the chances."""

    def __init__(self, bit: int) -> None:
        self.always = bit
        self.chances = list[int]()

    def bit(self, chance: int) -> int:
        self.chances.append(chance)
        return self.always

    def spend(self, work: int) -> None:
        raise AssertionError(work)


def test_one_counter_of_weight_one_says_its_chance() -> None:
    mixer, bits = Mixer(2, 32768, 1, [ONE]), Fixed(1)
    assert mixer.bit(bits, 0, [0], []) == 1
    assert mixer.bit(bits, 0, [0], []) == 1
    assert bits.chances[0] == 32768
    # the counter had seen one bit: 0.5 + 0.5 / 2.6 = 0.6923; its logit times a weight
    # that has not moved, for the first logit was zero
    assert abs(bits.chances[1] - 65536 * 0.6923) < 100
    mixer.bit(bits, 0, [1], [])
    assert abs(bits.chances[2] - 32768) < 100  # another place knows nothing yet


def test_weights_grow_for_inputs_that_were_right() -> None:
    mixer, bits = Mixer(0, 1, 2, [0]), Fixed(1)
    mixer.bit(bits, 0, [], [256])
    mixer.bit(bits, 0, [], [256])
    mixer.bit(bits, 1, [], [256])
    # error 1/2 times logit 1 times 1/128: a weight of 1/256, a logit of 1
    assert bits.chances == [32768, SQUASH[2816 + 1], 32768]
    assert STRETCH[bits.chances[1]] == 1

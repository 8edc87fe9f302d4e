"""How many threads torch computes with."""

import pytest
import torch

from worker.engine.threads import torch_threads


def test_the_number_of_threads_is_given_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    inside = []

    def broken() -> None:
        with torch_threads(before + 1):
            inside.append(torch.get_num_threads())
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert inside == [before + 1]
    assert torch.get_num_threads() == before

"""In which order layers give up bits."""

from worker.engine.layerwise.site import Site
from worker.engine.quantize.blocks.chosen import Layer
from worker.engine.quantize.mixed.trials import Tried, path
from worker.engine.sensitivity.trials import Trial


def tried(name: str, **offers: tuple[float, int]) -> Tried:
    """`b4=(loss, bytes saved)` and so on."""
    layer = Layer(name, Site(name, (1, 1), "plain", 1, ()), "none")
    trials = {int(bits[1:]): Trial(loss, saved) for bits, (loss, saved) in offers.items()}
    return Tried(layer, trials)


def test_bytes_go_first_where_they_cost_least() -> None:
    """Per byte: a 2/100, then (8 - 2)/50; b 3/200, then (30 - 3)/30."""
    layers = [
        tried("a", b4=(8, 150), b8=(2, 100)),
        tried("b", b8=(3, 200), b2=(30, 230)),
    ]
    assert path(layers) == [(None, None), (None, 8), (8, 8), (4, 8), (4, 2)]


def test_a_width_that_a_mix_of_its_neighbours_beats_is_passed_over() -> None:
    """From 8 bits on, 3 loses 38 more for 10 bytes where 2 loses 10 more for 20."""
    assert path([tried("a", b8=(2, 100), b3=(40, 110), b2=(12, 120))]) == [
        (None,),
        (8,),
        (2,),
    ]


def test_a_layer_that_nothing_makes_smaller_stays_float() -> None:
    assert path([tried("a"), tried("b", b4=(1, 10))]) == [(None, None), (None, 4)]

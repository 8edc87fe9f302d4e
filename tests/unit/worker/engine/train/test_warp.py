"""Where pixels come from, on images small enough to do by hand."""

import math

import pytest
import torch

from lathe.techniques.augment import Augment, Elastic
from worker.engine.train.warp import Field, Size, moves, warp

CPU = torch.device("cpu")


def moved(image: list[list[float]], across: list[float], down: list[float]) -> torch.Tensor:
    """One image read at source x = across . (x, y, 1, hats), y alike."""
    pixels = torch.tensor(image, dtype=torch.float32)[None, None]
    points = len(across) - 3
    field = Field.of(size(pixels), size(pixels), math.isqrt(points), CPU)
    return warp(pixels, torch.tensor([[across, down]]), field)[0, 0]


def size(pixels: torch.Tensor) -> Size:
    return (pixels.shape[2], pixels.shape[3])


def test_a_source_one_pixel_to_the_right_moves_the_image_left_and_repeats_its_border() -> None:
    read = moved([[1, 2, 4], [8, 16, 32]], [1, 0, 1], [0, 1, 0])
    assert read.tolist() == [[2, 4, 4], [16, 32, 32]]


def test_half_a_pixel_down_is_the_mean_of_two_rows() -> None:
    read = moved([[1, 2], [8, 16], [32, 64]], [1, 0, 0], [0, 1, 0.5])
    assert read.flatten().tolist() == pytest.approx([4.5, 9, 20, 40, 32, 64])


def test_a_quarter_turn_keeps_pixels_square() -> None:
    # source x = -y, source y = x: the upper left pixel is read from the upper right
    read = moved([[1, 2], [3, 4]], [0, -1, 0], [1, 0, 0])
    assert read.flatten().tolist() == pytest.approx([2, 4, 1, 3])
    wide = moved([[0, 1, 2, 3], [4, 5, 6, 7]], [0, -1, 0], [1, 0, 0])
    assert wide[:, 1:3].flatten().tolist() == pytest.approx([2, 6, 1, 5])


def test_bending_all_points_alike_is_a_shift() -> None:
    image: list[list[float]] = [[1, 2, 4], [8, 16, 32], [64, 128, 256]]
    bent = moved(image, [1, 0, 0, 1, 1, 1, 1], [0, 1, 0, 0, 0, 0, 0])
    assert bent.flatten().tolist() == pytest.approx([2, 4, 4, 16, 32, 32, 128, 256, 256])
    right_side = moved(image, [1, 0, 0, 0, 1, 0, 1], [0, 1, 0, 0, 0, 0, 0])  # points row by row
    assert right_side[0].tolist() == pytest.approx([1, 3, 4])


def test_what_is_drawn_stays_within_its_bounds_and_fills_them() -> None:
    spec = Augment(rotate_degrees=30, shift_pixels=2.5)
    drawn = moves(spec, 3, torch.arange(2000))
    angle = torch.rad2deg(torch.atan2(drawn[:, 1, 0], drawn[:, 0, 0]))
    assert 29 < angle.max() <= 30
    assert -30 <= angle.min() < -29
    for shift in (drawn[:, 0, 2], drawn[:, 1, 2]):
        assert 2.45 < shift.max() <= 2.5
        assert -2.5 <= shift.min() < -2.45
    assert torch.allclose(drawn[:, 0, 0] * drawn[:, 1, 1] - drawn[:, 0, 1] * drawn[:, 1, 0],
                          torch.ones(2000), atol=1e-5)  # fmt: skip
    scaled = moves(Augment(scale=0.2), 3, torch.arange(2000))
    assert 0.8 <= scaled[:, 0, 0].min() < 0.81
    assert 1.19 < scaled[:, 1, 1].max() <= 1.2
    assert not torch.equal(scaled[:, 0, 0], scaled[:, 1, 1])  # each side by itself
    sheared = moves(Augment(shear_degrees=45), 3, torch.arange(2000))
    assert 0.97 < sheared[:, 0, 1].max() <= 1
    mirrored = moves(Augment(flip=True), 3, torch.arange(2000))[:, 0, 0]
    assert set(mirrored.tolist()) == {-1, 1}
    assert abs(mirrored.mean()) < 0.1


def test_an_input_of_another_size_moves_by_pixels_of_the_frame() -> None:
    field = Field.of((2, 4), (6, 8), 0, CPU)
    assert field.basis[0, :4].tolist() == [-3, -1, 1, 3]
    assert field.basis[1, ::4].tolist() == [-1.5, 1.5]
    assert field.span.tolist() == [[pytest.approx(2 / 8)], [pytest.approx(2 / 6)]]
    half = warp(torch.tensor([[[[1.0, 2], [3, 4]]]]), torch.tensor([[[1.0, 0, 4], [0, 1, 0]]]),
                Field.of((2, 2), (8, 8), 0, CPU))  # fmt: skip
    assert half.flatten().tolist() == pytest.approx([2, 2, 4, 4])


def test_points_bend_by_themselves_and_not_as_the_rest_is_drawn() -> None:
    both = Augment(elastic=Elastic(grid=2, sigma_pixels=1), shift_pixels=1)
    drawn = moves(both, 3, torch.arange(500))
    alone = moves(Augment(shift_pixels=1), 4, torch.arange(500))
    shifts = alone[:, 0, 2]
    for point in range(3, 7):
        seen = torch.corrcoef(torch.stack((drawn[:, 0, point], shifts)))[0, 1]
        assert abs(seen) < 0.2
        assert abs(torch.corrcoef(drawn[:, :, point].T)[0, 1]) < 0.2


def test_elastic_points_have_the_spread_asked_for() -> None:
    drawn = moves(Augment(elastic=Elastic(grid=3, sigma_pixels=1.7)), 3, torch.arange(1000))
    assert drawn.shape == (1000, 2, 3 + 9)
    assert abs(drawn[:, :, 3:].std() - 1.7) < 0.05

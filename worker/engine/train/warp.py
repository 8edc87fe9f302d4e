"""Moving the pixels of a batch of images: turned, stretched, sheared, shifted, bent.

Where an output pixel takes its value from is linear in the numbers that are drawn, so all
sources of a batch are one matrix product, then one bilinear reading:

    source = A p + t + sum_k hat_k(p) e_k,      p = (x, y) from the centre, in pixels

    A = | s_x cos a   -s_y sin a + tan h |      a  angle          s  scale of an axis
        | s_x sin a    s_y cos a         |      h  angle of shear; s_x < 0 mirrors
    t  (2)          shift
    e  (grid^2, 2)  displacement of the points of a coarse grid; hat_k is 1 at point k, 0 at
                    the others and bilinear between

A source outside the image takes the nearest pixel of its border.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it

from lathe.techniques.augment import Augment
from worker.engine.train.draws import normal, uniform

Size = tuple[int, int]  # height, width
DRAWN = 7  # angle, scale x, scale y, shear, shift x, shift y, mirrored
AFFINE = 3  # x, y, 1


@dataclass(frozen=True, slots=True)
class Field:
    """What every image of one size shares: `basis` (3 + grid^2, height * width) holds x, y,
    1 and the hats; `span` (2, 1) turns pixels into the runtime's -1 to 1 across an image.

    `frame` is the size that pixels are counted in: inputs of other sizes move alike.
    """

    size: Size
    basis: torch.Tensor
    span: torch.Tensor

    @classmethod
    def of(cls, size: Size, frame: Size, grid: int, device: torch.device) -> "Field":
        """For images of `size`; `grid` 0 leaves out the hats."""
        tall, wide = (
            (torch.arange(pixels) + 0.5) * (whole / pixels) - whole / 2
            for pixels, whole in zip(size, frame, strict=True)
        )
        y, x = torch.meshgrid(tall, wide, indexing="ij")
        rows = [torch.stack((x, y, torch.ones(size))).flatten(1)]
        if grid:
            hats = torch.eye(grid**2).reshape(-1, 1, grid, grid)
            fine = F.interpolate(hats, size, mode="bilinear", align_corners=True)
            rows.append(fine.flatten(1))
        span = torch.tensor([[2 / frame[1]], [2 / frame[0]]])
        return cls(size, torch.cat(rows).to(device), span.to(device))


def moves(spec: Augment, key: int, rows: torch.Tensor) -> torch.Tensor:
    """(n, 2, 3 + grid^2) in pixels: A, t and e of each of `rows`, which are int64 (n)."""
    drawn = uniform(key, rows, DRAWN)
    angle, wide, tall, shear, x, y = (2 * drawn[:, : DRAWN - 1] - 1).unbind(1)
    angle = angle * math.radians(spec.rotate_degrees)
    wide, tall = 1 + wide * spec.scale, 1 + tall * spec.scale
    slant = torch.tan(shear * math.radians(spec.shear_degrees))
    if spec.flip:
        wide = torch.where(drawn[:, DRAWN - 1] < 0.5, -wide, wide)  # noqa: PLR2004 - half
    across = (wide * angle.cos(), slant - tall * angle.sin(), x * spec.shift_pixels)
    down = (wide * angle.sin(), tall * angle.cos(), y * spec.shift_pixels)
    flat = torch.stack((torch.stack(across, 1), torch.stack(down, 1)), 1)
    if spec.elastic is None:
        return flat
    points = spec.elastic.grid**2
    bent = normal(key + 1, rows, 2 * points).reshape(-1, 2, points)
    return torch.cat((flat, bent * spec.elastic.sigma_pixels), 2)


def warp(images: torch.Tensor, moved: torch.Tensor, field: Field) -> torch.Tensor:
    """(n, channels, height, width) of any float type, each read where `moved` says."""
    count, points = len(images), moved.shape[2]
    sources = (moved * field.span).reshape(2 * count, points) @ field.basis
    grid = sources.reshape(count, 2, *field.size).permute(0, 2, 3, 1)
    read = F.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return read.to(images.dtype)

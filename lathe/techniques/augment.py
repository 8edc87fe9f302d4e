"""Augmentation: changed copies of images, so that training sees more than was uploaded."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lathe.spec import Spec


class Elastic(Spec):
    """A smooth random displacement: normally distributed on a coarse grid, bilinear between.

    Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to
    Visual Document Analysis", ICDAR 2003; there a fine field is blurred, here a coarse one is
    interpolated.
    """

    grid: int = Field(5, ge=2, le=16, description="Points along each side of the image.")
    sigma_pixels: float = Field(1.0, gt=0, le=64, description="Standard deviation of a point.")


class Augment(Spec):
    """How images are changed before they are trained on; held-out examples never are.

    Each image has `copies` changed copies, drawn from the seed; every epoch shows, for each
    image, one of them or the image as it is. Teachers are asked about each copy once. Inputs
    of one example move together. Values at the border repeat outwards.
    """

    inputs: tuple[str, ...] = Field(
        (), max_length=16, description="Names of inputs; default: every float input of rank 4."
    )
    layout: Literal["nchw", "nhwc"] = Field(
        "nchw", description="As the model takes its images."
    )
    copies: int = Field(8, ge=1, le=100_000, description="Changed copies of each example.")
    unchanged: float = Field(
        0.5, ge=0, lt=1, description="Probability that an example is shown as it is."
    )
    shift_pixels: float = Field(
        0.0, ge=0, le=1024, description="Moved along each axis by up to this many pixels."
    )
    rotate_degrees: float = Field(
        0.0, ge=0, le=180, description="Turned by up to this much, either way."
    )
    scale: float = Field(
        0.0, ge=0, lt=1, description="Each side times 1 - scale to 1 + scale, its fraction."
    )
    shear_degrees: float = Field(
        0.0, ge=0, lt=60, description="Rows slide against each other by up to this angle."
    )
    elastic: Elastic | None = Field(None, description="Bent as well, like this.")
    flip: bool = Field(False, description="Mirror left and right, half of the copies.")
    noise: float = Field(
        0.0, ge=0, le=1e6, description="Standard deviation of added noise, in model units."
    )

    @property
    def moves(self) -> bool:
        """Whether pixels change their places."""
        far = self.shift_pixels or self.rotate_degrees or self.scale or self.shear_degrees
        return bool(far or self.elastic or self.flip)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.moves and not self.noise:
            raise ValueError(
                "this augmentation changes nothing; set one of shift_pixels, rotate_degrees, "
                "scale, shear_degrees, elastic, flip and noise"
            )
        return self

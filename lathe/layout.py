"""What a file of data does not say of itself, such as which column is the label.

Everything has a default that follows the content, so most uploads need none of it.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lathe.spec import PlainText, Spec

SPLIT_NAME = r"^[A-Za-z0-9_-]{1,64}$"
SplitName = Annotated[str, StringConstraints(pattern=SPLIT_NAME)]
Name = Annotated[PlainText, Field(min_length=1, max_length=256)]
Side = Annotated[int, Field(ge=1, le=8192)]
Names = Annotated[tuple[Name, ...], Field(max_length=20_000)]


class PictureLayout(Spec):
    """How pictures become one array of bytes, as the model was trained to see them."""

    input: Name = Field("image", description="The model's input.")
    size: tuple[Side, Side] | None = Field(
        None, description="Height and width that every picture gets; default as they are."
    )
    fit: Literal["stretch", "crop"] = Field(
        "stretch", description="crop keeps the proportions and cuts what is over, both sides."
    )
    channels: Literal[1, 3] | None = Field(
        None, description="1 is grey, 3 is RGB; default 1 where every picture is grey."
    )
    axes: Literal["channels_first", "channels_last"] = "channels_first"


class TextLayout(Spec):
    """How texts become token ids, with the tokenizer.json that lies beside them."""

    columns: tuple[Name, ...] = Field(
        (), max_length=2, description="One, or two for pairs; default every column of texts."
    )
    pair: Literal["sides", "joined"] = Field(
        "sides",
        description="sides: two inputs to compare, a and b; joined: one input of both texts.",
    )
    length: int | None = Field(
        None,
        ge=1,
        le=16_384,
        description="Tokens of every example: longer texts are cut, shorter ones padded; "
        "default what the tokenizer cuts at, else 128.",
    )
    pad_id: int | None = Field(
        None, ge=0, description="Default the tokenizer's own padding, else 0."
    )
    ids: Name = "input_ids"
    mask: Name | None = "attention_mask"
    types: Name | None = "token_type_ids"


class Layout(Spec):
    """How the content of a file becomes the arrays of a data set."""

    split: SplitName = Field(
        "train", description="Of what neither a folder nor a file name puts in a split."
    )
    holdout: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Of tables and pictures of one split: the fraction of the examples that "
        "becomes the split `test`, drawn by chance.",
    )
    header: bool | None = Field(
        None, description="Of csv: whether the first line names the columns; default guessed."
    )
    inputs: dict[Name, Name | Names] | None = Field(
        None,
        description="Columns by model input: a name gives one value an example, a list an "
        "array; default every column of numbers as one array `x`.",
    )
    label: Name | None = Field(
        None, description="Default the column label, labels, target, class or score, if any."
    )
    group: Name | None = Field(None, description="Default the column group, if there is one.")
    ignore: Names = Field((), description="Columns that are left out.")
    classes: Names = Field(
        (), description="Names of the classes 0, 1, ...; default all that occur, sorted."
    )
    missing: Literal["refuse", "drop", "fill"] = Field(
        "refuse",
        description="Of missing values: refuse the file, drop their rows, or fill inputs up.",
    )
    fill: float = Field(0.0, description="What missing inputs become.")
    pictures: PictureLayout = PictureLayout()
    texts: TextLayout = TextLayout()

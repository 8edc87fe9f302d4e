"""A file that the service fetches by itself, instead of being sent it."""

from typing import Annotated

from pydantic import Field, StringConstraints

from lathe.names import Name
from lathe.spec import Spec


class Reference(Spec):
    """Where a model or data set lies."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=4000)] = Field(
        description="https://... on the public internet, or s3://bucket/key of a bucket that "
        "the operator has opened.",
        examples=["https://example.org/file"],
    )
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{64}$")] | None = Field(
        None, description="What the file must have, in hex; it is checked."
    )
    name: Name | None = Field(
        None, description="What it is called here; the parameter `name` says the same."
    )

"""What a manifest says: an in-toto Statement v1 whose predicate is SLSA provenance v1.

    subject                                the job's artifacts, each with sha256 and size
    predicate.buildDefinition
        externalParameters.spec            the job's spec with every default filled in, its seed
        internalParameters                 the queue, the version of the spec
        resolvedDependencies               model, baseline, teachers and data sets: the upload's
                                           sha256, and that of the form which jobs read
    predicate.runDetails                   which job, when, with which versions of Lathe, Python
                                           and the libraries

https://github.com/in-toto/attestation/blob/v1.0/spec/v1.0/statement.md
https://slsa.dev/spec/v1.0/provenance
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AliasGenerator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from lathe.spec import Fact

BUILD_TYPE = "urn:lathe:compress:1"
BUILDER = "urn:lathe:worker"

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class _Named(Fact):
    """Written in the names of the specification."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=AliasGenerator(alias=to_camel),
        serialize_by_alias=True,
        validate_by_name=True,
    )


class Digest(_Named):
    """The content, by its hash."""

    sha256: Sha256


class About(_Named):
    """What else is known of an artifact."""

    size_bytes: int = Field(ge=0, alias="size_bytes")
    kind: str
    candidate: str | None = None


class Subject(_Named):
    """One artifact."""

    name: str
    digest: Digest
    annotations: About


class Origin(_Named):
    """What was known of an input."""

    role: Literal["model", "baseline", "teacher", "dataset"]
    size_bytes: int = Field(ge=0, alias="size_bytes")
    canonical_sha256: Sha256 = Field(alias="canonical_sha256")
    fetched_from: str | None = Field(None, alias="fetched_from")


class Dependency(_Named):
    """One input; the digest is that of the file as it was uploaded."""

    name: str
    uri: str
    digest: Digest
    annotations: Origin


class BuildDefinition(_Named):
    """What was asked for and what went in."""

    build_type: str
    external_parameters: dict[str, Any]
    internal_parameters: dict[str, Any]
    resolved_dependencies: tuple[Dependency, ...]


class Builder(_Named):
    """Which program says so, and its versions."""

    id: str = BUILDER
    version: dict[str, str]


class Metadata(_Named):
    """Which run it was."""

    invocation_id: str
    started_on: datetime | None = None
    finished_on: datetime


class RunDetails(_Named):
    """Who made it, and when."""

    builder: Builder
    metadata: Metadata


class Provenance(_Named):
    """Where the subjects come from."""

    build_definition: BuildDefinition
    run_details: RunDetails


class Statement(_Named):
    """The manifest of one job."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(
        "https://in-toto.io/Statement/v1", alias="_type"
    )
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: Literal["https://slsa.dev/provenance/v1"] = "https://slsa.dev/provenance/v1"
    predicate: Provenance

    @property
    def job(self) -> str:
        """The id of the job that made the subjects."""
        return self.predicate.run_details.metadata.invocation_id

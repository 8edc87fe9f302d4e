"""A manifest of two files, signed with a key that is the same in every run."""

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lathe.trust.statement import (
    BUILD_TYPE,
    About,
    BuildDefinition,
    Builder,
    Digest,
    Metadata,
    Provenance,
    RunDetails,
    Statement,
    Subject,
)

FILES = {"small.onnx": b"weights", "report.json": b"{}"}


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def statement() -> Statement:
    return Statement(
        subject=tuple(
            Subject(
                name=name,
                digest=Digest(sha256=hashlib.sha256(data).hexdigest()),
                annotations=About(size_bytes=len(data), kind="onnx"),
            )
            for name, data in FILES.items()
        ),
        predicate=Provenance(
            build_definition=BuildDefinition(
                build_type=BUILD_TYPE,
                external_parameters={},
                internal_parameters={},
                resolved_dependencies=(),
            ),
            run_details=RunDetails(
                builder=Builder(version={}),
                metadata=Metadata(
                    invocation_id="job_1",
                    started_on=None,
                    finished_on=datetime(2031, 5, 7, tzinfo=UTC),
                ),
            ),
        ),
    )

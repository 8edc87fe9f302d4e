"""What a finished compression is sent away with: its bill of materials and signed manifest.

Made by the supervisor. Hashes are those that the store found while it wrote; what went in is
read from the database. Of the child's words only names, kinds and the report's numbers are
handed on, and a child cannot name a file as these are named.
"""

import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from app.store.deposit import Stored
from app.store.endings import NewArtifact
from app.store.lineage import Ancestor, Lineage
from app.store.rows.base import utc_now
from lathe.errors import Internal
from lathe.report import Report
from lathe.trust import envelope
from lathe.trust.statement import (
    BUILD_TYPE,
    About,
    BuildDefinition,
    Builder,
    Dependency,
    Digest,
    Metadata,
    Origin,
    Provenance,
    RunDetails,
    Statement,
    Subject,
)
from lathe.views import BILL, MANIFEST
from worker import bill
from worker.keys import library_versions
from worker.signer import Signed, Signer

Put = Callable[[bytes], Stored]


def attest(
    lineage: Lineage, report: Report, made: Sequence[NewArtifact], signer: Signer, put: Put
) -> tuple[list[NewArtifact], Signed]:
    """The bill and the manifest of what a job has made, written with `put`, and the signature.

    Raises Internal when the child took their names or contradicts itself, Unavailable where
    there is no key to sign with, and what `put` raises.
    """
    taken = {each.name for each in made} & {BILL, MANIFEST}
    if taken:
        raise Internal(f"The job's process named a file {taken.pop()}, which is the worker's")
    now, libraries = utc_now(), {**library_versions(), "python": platform.python_version()}
    of_all = NewArtifact(
        stored=put(bill.bill(lineage, report, made, libraries, now)),
        kind="bom",
        name=BILL,
        media_type=bill.MEDIA_TYPE,
        candidate=None,
    )
    signed = signer.sign(_statement(lineage, [*made, of_all], libraries, now))
    manifest = NewArtifact(
        stored=put(signed.envelope.model_dump_json().encode()),
        kind="manifest",
        name=MANIFEST,
        media_type=envelope.MEDIA_TYPE,
        candidate=None,
    )
    return [of_all, manifest], signed


def _statement(
    lineage: Lineage,
    made: Sequence[NewArtifact],
    libraries: Mapping[str, str],
    now: datetime,
) -> Statement:
    return Statement(
        subject=tuple(_subject(each) for each in made),
        predicate=Provenance(
            build_definition=BuildDefinition(
                build_type=BUILD_TYPE,
                external_parameters={"spec": lineage.spec},
                internal_parameters={
                    "queue": lineage.queue,
                    "spec_version": lineage.spec_version,
                },
                resolved_dependencies=tuple(_dependency(each) for each in lineage.ancestors),
            ),
            run_details=RunDetails(
                builder=Builder(version=dict(libraries)),
                metadata=Metadata(
                    invocation_id=lineage.job_id,
                    started_on=lineage.started_at,
                    finished_on=now,
                ),
            ),
        ),
    )


def _subject(made: NewArtifact) -> Subject:
    return Subject(
        name=made.name,
        digest=Digest(sha256=made.stored.sha256),
        annotations=About(
            size_bytes=made.stored.size_bytes, kind=made.kind, candidate=made.candidate
        ),
    )


def _dependency(each: Ancestor) -> Dependency:
    return Dependency(
        name=each.role,
        uri=f"urn:lathe:{each.id}",
        digest=Digest(sha256=each.sha256),
        annotations=Origin(
            role=each.role,
            size_bytes=each.size_bytes,
            canonical_sha256=each.canonical_sha256,
            fetched_from=each.source,
        ),
    )

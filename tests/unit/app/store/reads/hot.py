"""Every hot read as a statement with values, for tests that ask how a database plans it."""

from typing import Any

from app.store import jobs, reads
from app.store.pages import encode_cursor, keyset
from app.store.reads.feed import _PAGE
from app.store.reads.job import _ONE, _STEPS
from app.store.reads.key import _KEY
from app.store.reads.standing import _STANDING
from app.store.rows import Job
from app.store.rows.base import utc_now
from lathe.states import JobState

ONE = {"job_id": "job_77", "project_id": "prj_1"}
OURS = reads.jobs("prj_1")
FAILED = jobs.filtered(OURS, states=[JobState.FAILED], labels={})
CURSOR = encode_cursor(utc_now(), "job_1")
HOT: dict[str, tuple[Any, dict[str, Any]]] = {
    "job": (_ONE, ONE),
    "feed": (_PAGE, ONE | {"after": 1, "limit": 100}),
    "standings": (_STANDING, {"job_ids": ["a", "b"]}),
    "steps": (_STEPS, {"job_ids": ["a", "b"]}),
    "key": (_KEY, {"key_id": "k"}),
    "page": (keyset(OURS, Job, None, 50), {}),
    "next page": (keyset(OURS, Job, CURSOR, 50), {}),
    "page of a state": (keyset(FAILED, Job, CURSOR, 50), {}),
}

"""`python -m tests.redteam.sandbox.hands`: a worker whose engine does what uploads say."""

from functools import partial

import worker.bench
from worker.__main__ import main
from worker.nursery import Nursery

if __name__ == "__main__":
    worker.bench.Nursery = partial(  # type: ignore[assignment,misc]
        Nursery, "tests.redteam.sandbox.acts:perform"
    )
    main()

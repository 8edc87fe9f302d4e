"""`python -m tests.redteam.sandbox.hands`: a worker whose engine does what uploads say."""

from functools import partial

import worker.attempt
import worker.bench
from tests.redteam.sandbox.breach import Blinking
from worker.__main__ import main
from worker.nursery import Nursery

if __name__ == "__main__":
    worker.bench.Nursery = partial(  # type: ignore[attr-defined]
        Nursery, "tests.redteam.sandbox.breach:perform"
    )
    worker.attempt.Watch = Blinking  # type: ignore[attr-defined]
    main()

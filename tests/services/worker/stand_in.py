"""`python -m tests.services.worker.stand_in`: a real worker whose engine is the rehearsal.

Everything but the engine is as in production, and a start takes a second instead of five.
"""

from functools import partial

import worker.bench
from worker.__main__ import main
from worker.nursery import Nursery

if __name__ == "__main__":
    worker.bench.Nursery = partial(  # type: ignore[assignment,misc]
        Nursery, "tests.services.worker.rehearsal:perform"
    )
    main()

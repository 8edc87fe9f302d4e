"""Trying again while something that a worker needs is away."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from app.store.trouble import database_trouble
from lathe.errors import OutOfDisk, Unavailable

_FIRST_S, _LONGEST_S, _GROWTH = 0.5, 5.0, 1.6

Result = TypeVar("Result")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Patience:
    """Repeats calls that meet a store or a database in trouble, ever more slowly.

    A database is waited for until `given_up` says otherwise: without it nobody else could go
    on either. A store that is away or full is waited for `within_s`. `waited_s` adds up what
    the waiting took, which is no part of a job's own time. `pause` and `clock` are a test's.
    """

    within_s: float
    given_up: Callable[[], bool]
    waited_s: float = 0.0
    pause: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __call__(self, what: str, call: Callable[[], Result]) -> Result:
        """What `call` gives in the end; raises what it raises when waiting is over.

        Raises Unavailable or OutOfDisk for a database whose trouble was not outwaited. `what`
        is for the log: "writing about job_1".
        """
        began_s, pause_s = self.clock(), _FIRST_S
        while True:
            tried_s = self.clock()
            try:
                result = call()
            except (Unavailable, OutOfDisk) as error:
                trouble: Unavailable | OutOfDisk = error
                over = self.clock() - began_s >= self.within_s
            except SQLAlchemyError as error:
                found = database_trouble(error)
                if not isinstance(found, Unavailable | OutOfDisk):
                    raise
                trouble, over = found, False
            else:
                self.waited_s += tried_s - began_s
                if pause_s > _FIRST_S:  # it has waited
                    log.warning("%s went through after %.0f s", what, tried_s - began_s)
                return result
            if over or self.given_up():
                self.waited_s += self.clock() - began_s
                raise trouble
            log.warning("%s must wait: %s", what, trouble.detail)
            self.pause(pause_s)
            pause_s = min(_LONGEST_S, pause_s * _GROWTH)

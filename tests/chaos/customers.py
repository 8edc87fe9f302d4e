"""The customers: each chain uploads a model, has it quantized and follows that to the end."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

import httpx

from tests.chaos.chain import Chain, Tear
from tests.chaos.journey import Broke, finished, inspected, submit, upload, upload_dataset
from tests.chaos.patient import Answers, GaveUp, Patient

_AT_ONCE = 14
_TORN_BEGIN = 1001  # numbers of torn chains; not a multiple of ten, so none is scored


class Customers:
    """All chains, a few at once; `release` lets more of them begin."""

    def __init__(self, count: int, doors: list[str], key: str) -> None:
        self.answers = Answers()
        self.chains = [Chain(number) for number in range(count)]
        self.dataset_id = ""
        self._doors, self._key = doors, key
        self._released = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="chain")
        self._torn = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="torn")
        self._running: list[Future[None]] = []
        self._left = count

    def open(self) -> None:
        """Upload the data set that some jobs read, then let chains wait for their release."""
        client = self.client()
        self.dataset_id = upload_dataset(client)
        self._running = [self._pool.submit(self._live, chain) for chain in self.chains]

    def client(self, doors: list[str] | None = None) -> Patient:
        """One more client of this service, at every door unless some are named."""
        return Patient(doors or self._doors, self._key, self.answers)

    def torn(self, at: Literal["upload", "submit"], door: str) -> Tear:
        """One more chain, at once, that stops at a moment to have its door shot."""
        tear = Tear(at, door)
        torn = sum(chain.tear is not None for chain in self.chains)
        chain = Chain(_TORN_BEGIN + 2 * torn, tear)
        self.chains.append(chain)
        self._running.append(self._torn.submit(self._through, chain, self.client([door])))
        return tear

    def release(self, count: int) -> None:
        """Let so many more chains begin."""
        count = min(count, self._left)
        self._left -= count
        if count:
            self._released.release(count)

    @property
    def unfinished(self) -> int:
        """How many released chains have not ended."""
        return sum(not future.done() for future in self._running) - self._left

    def wait(self, within_s: float) -> bool:
        """Release the rest and wait for every end; False when the time was not enough."""
        self.release(self._left)
        deadline = time.monotonic() + within_s
        while self.unfinished and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.unfinished == 0

    def close(self) -> None:
        """Wait for no chain any more."""
        for pool in (self._pool, self._torn):
            pool.shutdown(wait=False, cancel_futures=True)

    def _live(self, chain: Chain) -> None:
        self._released.acquire()
        self._through(chain, self.client())

    def _through(self, chain: Chain, client: Patient) -> None:
        try:
            chain.model_id = upload(client, chain)
            inspected(client, chain)
            if chain.tear is not None and chain.tear.at == "submit":
                chain.tear.stop_here()
            chain.job_id = submit(client, chain, self.dataset_id)
            finished(client, chain)
        except (Broke, GaveUp, httpx.HTTPError, LookupError) as error:
            chain.broke = f"{type(error).__name__}: {error}"

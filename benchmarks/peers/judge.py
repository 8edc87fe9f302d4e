"""Every file of a case under one harness: its score on the test part, its time in turns."""

import onnxruntime as ort

from benchmarks.peers.case import Case
from benchmarks.peers.result import Result
from worker.engine.intake.runtime import LOAD_ERRORS
from worker.engine.measure.locks import TimingLock
from worker.engine.measure.timing import time_files
from worker.engine.session import open_session


def judge(case: Case, results: list[Result], threads: int) -> None:
    """Fill in scores and latencies; a file that onnxruntime refuses gets its words as error.

    All files are timed in one process at batch 1 with one thread, in turns.
    """
    for result in results:
        if result.file is not None:
            _score(case, result, threads)
    ready = {result.name: result for result in results if result.score is not None}
    files = {name: result.file for name, result in ready.items() if result.file is not None}
    timed = time_files(files, {1: case.one}, runs=case.runs, threads=1, lock=TimingLock())
    for name, measurements in timed.items():
        latency = next(m for m in measurements if m.metric == "latency_ms")
        ready[name].latency_ms = latency.value
        ready[name].latency_contended = latency.contended


def _score(case: Case, result: Result, threads: int) -> None:
    assert result.file is not None
    try:
        session: ort.InferenceSession = open_session(
            result.file.read_bytes(), threads=threads, as_deployed=True
        )
        result.score = case.score(session)
    except LOAD_ERRORS as error:
        result.error = str(error).splitlines()[0]

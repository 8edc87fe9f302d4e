"""What is said to people when a job reaches one of its caps: which one, and what helps."""

from lathe.errors import OutOfMemory, RunTimeout, TooManyThreads, TooMuchWritten
from worker.sandbox.walls import Policy

_GIB = 1 << 30
_LARGER = "Make the job smaller, or have {} raised on the worker."


def out_of_memory(policy: Policy) -> OutOfMemory:
    """It allocated, or tried to, more than `memory_bytes`."""
    return OutOfMemory(
        f"The job needs more memory than the {_gib(policy.memory_bytes)} it may use. Use "
        "smaller batches or fewer samples, or ask for a worker with a larger "
        f"{policy.memory_limit}."
    )


def worker_out_of_memory(policy: Policy) -> OutOfMemory:
    """The kernel ended it when its worker's container, or the machine, had no memory left."""
    return OutOfMemory(
        "The kernel ended the job when its worker had no memory left, before the job had the "
        f"{_gib(policy.memory_bytes)} of {policy.memory_limit}. Use smaller batches or fewer "
        "samples, or have the worker given more memory."
    )


def out_of_time(policy: Policy, max_run_s: int) -> RunTimeout:
    """It ran for longer than `max_run_s` by the clock."""
    return RunTimeout(f"The job ran longer than its {max_run_s} s. {_more_time(policy)}")


def out_of_cpu(policy: Policy) -> RunTimeout:
    """It used more CPU seconds than `cpu_s`."""
    return RunTimeout(
        f"The job used more than {policy.cpu_s} s of CPU time, which is what its time limit "
        f"allows on this worker's cores. {_more_time(policy)}"
    )


def file_too_large(policy: Policy) -> TooMuchWritten:
    """One file is over `file_bytes`."""
    return TooMuchWritten(
        f"The job wrote a file over {_gib(policy.file_bytes)}, this worker's limit for one "
        f"file. {_LARGER.format('LATHE_CHILD_FILE_BYTES')}"
    )


def folder_too_large(policy: Policy) -> TooMuchWritten:
    """All its files together are over `folder_bytes`."""
    return TooMuchWritten(
        f"The job's files take more than {_gib(policy.folder_bytes)} together. "
        f"{_LARGER.format('LATHE_CHILD_FOLDER_BYTES')}"
    )


def too_many_files(policy: Policy) -> TooMuchWritten:
    """They are more than `folder_files`."""
    return TooMuchWritten(
        f"The job has more than {policy.folder_files} files. "
        f"{_LARGER.format('LATHE_CHILD_FILES')}"
    )


def unreadable_folder(why: str) -> TooMuchWritten:
    """What lies in its folder cannot be added up, which nothing of ours brings about."""
    return TooMuchWritten(
        f"The job's folder cannot be measured: {why}. Look at what the uploaded file does when "
        "it is opened."
    )


def too_many_threads(policy: Policy) -> TooManyThreads:
    """They are more than `threads` at once."""
    return TooManyThreads(
        f"The job ran more than {policy.threads} threads at once. Ask for fewer "
        "benchmark.threads, which each file that is timed has for itself; look at what the "
        "uploaded file does when it is opened; or have LATHE_CHILD_THREADS raised."
    )


def _more_time(policy: Policy) -> str:
    if policy.time_limit.startswith("LATHE_"):
        return f"Upload less at once, or have {policy.time_limit} raised on the worker."
    return (
        f"Finished steps are kept: a new job with a larger {policy.time_limit} resumes behind "
        "them."
    )


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.3g} GiB"

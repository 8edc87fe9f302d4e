"""What a supervisor and its nursery say to each other, one datagram each.

supervisor -> nursery   Order (with three file descriptors: pipe, timing lock, log) | Kill
nursery -> supervisor   Ready | Born | Died
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from lathe.spec import Fact
from worker.sandbox.walls import Policy

MAX_BYTES = 64 << 10
PIPE, LOCK, LOG = range(3)  # places of the descriptors in an order


class Order(Fact):
    """Bear a child that performs the task in `folder`."""

    kind: Literal["order"] = "order"
    folder: Path
    policy: Policy


class Kill(Fact):
    """SIGKILL to the child and its group."""

    kind: Literal["kill"] = "kill"


class Ready(Fact):
    """Everything is loaded. One thread is what a fork needs."""

    kind: Literal["ready"] = "ready"
    threads: int


class Born(Fact):
    """The child runs."""

    kind: Literal["born"] = "born"
    pid: int


class Died(Fact):
    """The child is gone: `exit` below zero is a signal's number, as in subprocess."""

    kind: Literal["died"] = "died"
    exit: int
    max_rss_bytes: int
    cpu_s: float = 0.0


COMMAND: TypeAdapter[Order | Kill] = TypeAdapter(
    Annotated[Order | Kill, Field(discriminator="kind")]
)
NEWS: TypeAdapter[Ready | Born | Died] = TypeAdapter(
    Annotated[Ready | Born | Died, Field(discriminator="kind")]
)

"""What a webhook is told of, in the names that stand in its messages."""

from typing import Literal

EventName = Literal["job.started", "job.succeeded", "job.failed", "job.cancelled"]
EVENTS: tuple[EventName, ...] = (
    "job.started",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
)
ENDINGS: tuple[EventName, ...] = EVENTS[1:]
PING = "ping"  # what a test sends; every webhook takes it
DeliveryState = Literal["pending", "delivered", "dead"]

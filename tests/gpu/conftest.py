"""The hostile children of tests/services/worker, under the policy of a GPU's queue."""

from tests.services.worker.hostile import nursery, world

__all__ = ["nursery", "world"]

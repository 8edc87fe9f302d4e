"""The net with every kind of layer that is looked at one by one."""

from tests.unit.worker.engine.layerwise.mixed import mixed, mixed_inputs

__all__ = ["mixed", "mixed_inputs"]

"""A report as an event file for TensorBoard."""

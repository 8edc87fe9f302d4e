"""Measurement: scores, timings, memory, intervals, and what the runtime really ran."""

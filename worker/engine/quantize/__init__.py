"""Lowering: from floats to the integer or half-precision types that the runtime executes."""

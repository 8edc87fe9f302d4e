"""Signed manifests: what a job made, out of what, and who says so.

A manifest is a DSSE envelope (`envelope`) around an in-toto Statement with SLSA provenance
(`statement`), signed with Ed25519. `signing` and `checking` need `cryptography`, which comes
with `lathe[verify]`; nothing here asks a network.
"""

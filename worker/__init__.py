"""The hands: claim a job, run it in a sandboxed child, finish it once."""

"""The HTTP routes. Each reads the request, asks the store, names the refusal."""

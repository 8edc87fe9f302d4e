"""The formats that data comes in: each becomes a `Content`."""

"""The program that uploads: `python -m benchmarks.resume.sender <url> <key> <file>`.

Prints how many bytes have left, a line a chunk, and the model's id at the end.
"""

import sys
from pathlib import Path

from lathe.client import Client


def main() -> None:
    """Send the file; its end may come at any time."""
    url, key, file = sys.argv[1:]

    def told(done: int, _of: int) -> None:
        print(done, flush=True)

    with Client(url, key) as lathe:
        print(lathe.upload_model(Path(file), told=told).id)


if __name__ == "__main__":
    main()

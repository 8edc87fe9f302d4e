"""`make bench-load`: polls and event streams while compressions use every core.

The whole embedded service runs, with two slots that compress all the time at nice 19. Nothing
is pinned: the API, the workers and the clients share the machine's cores, as on a small host.
200 polls a second are planned at fixed times, each counts from its planned time. Idle are the
same polls of the same jobs, in the same proportion of finished and unfinished ones, with every
process up, but no stream open and no job that runs, for a minute before and a minute after the
load; the quicker minute's p99 is what counts. The memory is flat when the median of RssAnon
over the last tenth of the loaded time is at most 3 % + 4 MB above that of the second tenth.
"""

import argparse
import sys

from benchmarks.load.course import Course, Seen, Times
from benchmarks.load.stand import stand
from benchmarks.load.table import settle

FULL = Times(idle_s=60, loaded_s=600, window_s=30)
QUICK = Times(idle_s=15, loaded_s=45, window_s=15)


def main() -> int:
    """Run; 0 when every figure is kept."""
    parser = argparse.ArgumentParser(prog="make bench-load")
    parser.add_argument("--postgresql", action="store_true", help="and Valkey, not embedded")
    parser.add_argument("--both", action="store_true", help="SQLite first, then PostgreSQL")
    parser.add_argument("--quick", action="store_true", help="two minutes, not kept")
    given = parser.parse_args()
    databases = ["sqlite", "postgresql"] if given.both else ["sqlite"]
    if given.postgresql and not given.both:
        databases = ["postgresql"]
    seen: dict[str, Seen] = {}
    for database in databases:
        print(f"{database}: starting", flush=True)
        with stand(database) as standing:
            seen[database] = Course(standing, QUICK if given.quick else FULL).run()
    return settle(seen, keep=not given.quick)


if __name__ == "__main__":
    sys.exit(main())

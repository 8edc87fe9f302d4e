"""The version of what a job's row asks of a worker, so that releases can run side by side.

The service writes it on each job; a worker claims only what lies in its range, and the rest
waits for a worker of a newer release. Raise `NEWEST` in the release that makes a row say
something which an older worker would refuse or misread: a new key or technique in the spec, or
a new form of the stored files that the job reads. Raise `OLDEST` only when no row of that
version can be left in any database.
"""

OLDEST = 1
NEWEST = 1

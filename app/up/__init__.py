"""The whole service on one machine, with no server to install: one process tree.

    python -m app.up --data data
    ├── valkey-server        hints only, on a unix socket in the data folder
    ├── app.serve            the API
    ├── worker intake        inspects uploads, a slot of its own
    ├── worker cpu           compresses
    ├── sweep                reaps lost leases, re-sends hints
    └── deliver              tells webhooks how jobs ended

The database is SQLite in WAL mode, blobs are files. Ctrl-C stops the tree; if the parent is
killed, the kernel ends the children (PR_SET_PDEATHSIG); jobs go on at the next start.
"""

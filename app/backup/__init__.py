"""Save a running installation, bring it back elsewhere, and check what is stored.

    backup/
        manifest.json       what this is: release, schema, time, numbers
        objects.jsonl       one line an object: key, size_bytes, sha256
        database.sqlite     or database.pgdump
        objects/<key>       the bytes, under the same keys

The database is taken first and the objects after it. An object is written before its row and
never changed, and is deleted an hour after its row was doomed; so all that the copied rows
name is still there when it is copied.
"""

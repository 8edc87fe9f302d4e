"""What is deleted because it is old. Each takes some rows and says how many there were.

Every function deletes at most a batch in the caller's transaction, so that no statement holds
locks for long: who has time calls again while there were as many as a batch holds.
"""

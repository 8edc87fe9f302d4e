"""Following a job: its state, its feed and its end, as many clients ask for them all the time.

What is read is columns (`app.store.reads`), what is answered is bytes; everybody who waits
waits on one poll.
"""

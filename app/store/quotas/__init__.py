"""What a project may use, what it uses, and the refusals between the two.

limits     the limits that hold for a project: the installation's, or its own
stored     its bytes, by kind
minutes    how long its jobs ran this month
room       whether there is room for one more upload, or one more job
usage      all of it at one moment, for people
held_back  the projects whose queued jobs wait for room
"""

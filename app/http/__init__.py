"""How requests come in and answers go out: the edge, bodies, problems, downloads, pages.

Knows nothing of jobs, models or data sets; what the service does is in the files above.
"""

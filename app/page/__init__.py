"""The page at `/`: what people see in a browser. Rendered here, with no build step.

It is one more client of the service: it reads and writes through what the routes of `/v1` use,
with the same checks. Templates escape all they are given; no script or style stands in a page,
so the Content-Security-Policy allows none.
"""

"""The report as one self-contained HTML page: no script, no request, light and dark."""

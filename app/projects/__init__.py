"""What an operator does about projects, on the installation's own database: `python -m
app.projects`. No route does the same, so no API key can raise a quota, nor make keys of another
project."""

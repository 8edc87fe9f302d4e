"""The addresses that people visit."""

from app.page import assets
from app.page.routes import compose, datasets, jobs, models, overview, sign_in

PAGES = (assets, sign_in, overview, jobs, models, datasets, compose)

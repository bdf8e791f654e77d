"""The application as web servers look for it."""

from marketplace.app import create_app

app = create_app()

"""`flask worker`: what was promised is done."""

import click

from .. import jobs
from .plain import settings_here, this_app


@click.command("worker")
def worker() -> None:
    """Do promised jobs until stopped."""
    jobs.work(this_app(), settings_here().database_url)

"""Commands for the people who run the house."""

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from . import database, jobs
from .extensions import db

database_group = AppGroup("database", help="The schema.")


@database_group.command("upgrade")
def upgrade() -> None:
    """Bring the database to the newest schema."""
    database.upgrade(db.engine)
    click.echo(f"The database is at {database.head()}.")


@database_group.command("downgrade")
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Take the database back to REVISION."""
    database.downgrade(db.engine, revision)
    click.echo(f"The database is at {revision}.")


@database_group.command("check")
def check() -> None:
    """Fail if the database and the models differ."""
    with db.engine.connect() as connection:
        found = database.differences(connection)
    for difference in found:
        click.echo(str(difference))
    if found:
        raise click.ClickException("The database and the models differ.")
    click.echo("The database is as the models expect.")


@click.command("worker")
def worker() -> None:
    """Do promised jobs until stopped."""
    settings = current_app.extensions["second_light_settings"]
    jobs.work(current_app._get_current_object(), settings.database_url)  # type: ignore[attr-defined]  # noqa: SLF001


def register(app: Flask) -> None:
    """Give the app its commands."""
    app.cli.add_command(database_group)
    app.cli.add_command(worker)

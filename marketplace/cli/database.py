"""`flask database`: the schema."""

import click
from flask.cli import AppGroup

from .. import database
from ..extensions import db

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

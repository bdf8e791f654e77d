"""`flask documents`: private files, and whether the store holds them and nothing else."""

import click
from flask.cli import AppGroup

from ..credentials import service as credentials
from ..documents import service as documents
from ..kernel import clock

documents_group = AppGroup("documents", help="Private files, and whether the store holds them and nothing else.")


@documents_group.command("check")
def check_documents() -> None:
    """Name files without a row, files whose row says they are gone, and rows whose file is gone. Exit 1 if any."""
    found = documents.astray()
    for key, since in found.orphans:
        click.echo(f"no row knows\t{key}\tsince {since:%Y-%m-%d %H:%M}")
    for key in found.lingering:
        click.echo(f"its row says it is deleted\t{key}")
    for document_id in found.missing:
        click.echo(f"its file is not there\t{document_id}")
    number = len(found.orphans) + len(found.lingering) + len(found.missing)
    if number:
        raise click.ClickException(f"{number:,} are not as they must be. The nightly sweep deletes what lies there.")
    click.echo("Every document is there, and nothing else.")


@documents_group.command("forget")
def forget_documents() -> None:
    """Delete now, not at night, what people handed in to be verified and was decided long enough ago."""
    click.echo(f"Documents deleted: {credentials.forget_documents(at=clock.now()):,}.")

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


@documents_group.command("reseal")
def reseal_documents() -> None:
    """
    Seal every private file under the first of SECOND_LIGHT_DOCUMENT_KEYS; then the others can be given up.

    May be killed and begun again at any time. Exit 1 if a file could not be sealed anew: keep its key until it can.
    """
    done = None
    for done in documents.reseal():
        click.echo(f"{done.looked_at:,} of {done.total:,} looked at, {done.sealed:,} sealed anew", err=True)
    assert done is not None  # It tells at least once, also of nothing.
    for document_id, why in done.trouble:
        click.echo(f"not sealed\t{document_id}\t{why}")
    if done.trouble:
        raise click.ClickException(f"{len(done.trouble):,} are not sealed anew. Keep every key that they need.")
    click.echo("Every document is sealed under the first key.")

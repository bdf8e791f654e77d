"""`flask catalog` and `flask reference`: makers, models and modalities, and what else ships with the product."""

from pathlib import Path

import click
from flask.cli import AppGroup

from ..catalog import service as catalog
from ..credentials import service as credentials
from ..kernel import clock
from ..listings import recounting
from .plain import said_plainly

catalog_group = AppGroup("catalog", help="Makers, models and modalities.")


reference_group = AppGroup("reference", help="The data that ships with the product.")


@catalog_group.command("load")
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with modalities.json, makers.csv and models.csv; without it those that ship with the product.",
)
def load_catalog(folder: Path | None) -> None:
    """Bring the catalogue to what its files say: all of it, or nothing."""
    with said_plainly():
        sources = catalog.from_folder(folder) if folder else catalog.shipped()
        done = catalog.load(sources=sources, at=clock.now())
    for column in done.ignored:
        click.echo(f"Passed over a column that is not known: {column}.")
    click.echo(f"Catalogue: {done.created} created, {done.changed} changed, {done.unchanged} unchanged.")
    if done.created or done.changed:
        click.echo("Running web servers show it once they are restarted.")


@reference_group.command("load")
def load_reference() -> None:
    """Bring the reference data of the database to what ships with the product."""
    done = catalog.load(sources=catalog.shipped(), at=clock.now())
    click.echo(f"Catalogue: {done.created} created, {done.changed} changed, {done.unchanged} unchanged.")
    click.echo(f"{credentials.load_types()} credential types.")
    click.echo(f"Costs in all counted anew: {recounting.recount()} were another.")

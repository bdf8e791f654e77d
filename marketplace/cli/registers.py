"""`flask register`: rosters and lists that the issuers publish."""

from datetime import UTC, datetime
from pathlib import Path

import click
from flask.cli import AppGroup

from ..credentials import service as credentials
from ..kernel import clock
from ..registers import queries as register_queries
from ..registers import service as registers
from ..registers.sources import sources
from .plain import said_plainly

register_group = AppGroup("register", help="Rosters and lists that the issuers publish.")


@register_group.command("import")
@click.argument("source", type=click.Choice(list(sources())))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--fetched", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="When it was fetched, in UTC; without it: just now."
)
def import_register(source: str, file: Path, fetched: datetime | None) -> None:
    """Load FILE as the newest of SOURCE: all of it counts at the end, or nothing."""
    at = clock.now()
    with said_plainly(), file.open("rb") as opened:
        snapshot_id = registers.receive(
            source_code=source,
            filename=file.name,
            chunks=iter(lambda: opened.read(1 << 20), b""),
            retrieved_at=fetched.replace(tzinfo=UTC) if fetched else at,
            actor_id=None,
            at=at,
        )
        registers.load(snapshot_id=snapshot_id, at=clock.now())
    found = register_queries.snapshot(snapshot_id)
    for kind, count, first in found.problems:
        click.echo(f"{kind.words}: {count:,} rows, the first is row {first[0][0]:,} ({first[0][1]}).")
    if found.refusal:
        raise click.ClickException(f"Nothing was loaded. {found.refusal}")
    click.echo(f"{found.rows_loaded:,} of {found.rows_read:,} rows of {found.source.name} count now.")


@register_group.command("match")
def match_registers() -> None:
    """Look everybody up in the registers that count."""
    found = credentials.screen_everyone(at=clock.now())
    click.echo(f"{found:,} new findings wait for staff.")


@register_group.command("status")
def register_status() -> None:
    """Say how old every register is."""
    at, current = clock.now(), register_queries.current(sources())
    for code, source in sources().items():
        newest = current.get(code)
        if newest is None:
            click.echo(f"{code}\tnever loaded\t{source.name}")
            continue
        age = (at - newest.retrieved_at).days
        late = "" if newest.is_fresh(at) else ", TOO OLD"
        click.echo(f"{code}\t{newest.rows_loaded:,} rows, {age} of {source.fresh_days} days{late}\t{source.name}")

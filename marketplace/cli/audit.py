"""`flask audit`: the audit trail, written out and verified."""

from typing import BinaryIO, TextIO

import click
from flask.cli import AppGroup

from ..kernel import clock
from ..trail import chain
from ..trail import service as trail
from .plain import said_plainly, settings_here

audit_group = AppGroup("audit", help="The audit trail, written out and verified.")


@audit_group.command("key")
def make_audit_key() -> None:
    """Print a new key to sign with, for SECOND_LIGHT_AUDIT_KEY, and its public half to verify by."""
    key = trail.new_key()
    click.echo(f"SECOND_LIGHT_AUDIT_KEY={key}\npublic: {trail.public_half(key)}")


@audit_group.command("export")
@click.argument("file", type=click.File("w", encoding="ascii", lazy=False), default="-")
def export_audit(file: TextIO) -> None:
    """Write the whole trail to FILE, or to standard output, as lines of JSON with a signed head."""
    settings = settings_here()
    with said_plainly():
        file.writelines(trail.export(key=settings.audit_key, at=clock.now()))


@audit_group.command("head")
def keep_audit_head() -> None:
    """Keep the signed head now, as every night, and print it."""
    settings = settings_here()
    line = trail.keep_head(
        key=settings.audit_key, file=settings.audit_heads_file, to=settings.audit_heads_to, at=clock.now()
    )
    if line is None:
        raise click.ClickException("No head was kept: a key and a place for it must be set, and something recorded.")
    click.echo(line)


@audit_group.command("verify")
@click.argument("file", type=click.File("rb"))
@click.option("--key", required=True, help="The public key, in base64.")
@click.option("--heads", type=click.File("rb"), help="Heads that were kept elsewhere.")
def verify_audit(file: BinaryIO, key: str, heads: BinaryIO | None) -> None:
    """Verify a trail that was written out; asks no database. `marketplace/trail/chain.py` does it without us."""
    try:
        found = chain.verify(file, key=key, heads=heads or ())
    except ValueError as trouble:
        raise click.ClickException("This is no public key of Ed25519 in base64.") from trouble
    for fault in found.faults:
        click.echo(str(fault))
    if found.faults:
        raise click.ClickException(f"{len(found.faults)} lines are not as they must be.")
    click.echo(f"{found.events:,} events, each in its place, and the head is signed.")

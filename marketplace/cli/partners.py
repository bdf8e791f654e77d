"""`flask partners`: resellers who may ask the gate about people who agreed to it."""

import click
from flask.cli import AppGroup

from ..kernel import clock
from ..kernel.days import written
from ..partners import queries, service
from .plain import said_plainly

partners_group = AppGroup("partners", help="Resellers who may ask the gate about people who agreed to it.")


@partners_group.command("open")
@click.argument("name")
@click.argument("email")
def open_partner(name: str, email: str) -> None:
    """Let NAME in, who is written to at EMAIL, and print its first key, once."""
    with said_plainly():
        _, key = service.open_partner(name=name, email=email, at=clock.now())
    _show(key)


@partners_group.command("key")
@click.argument("name")
def add_key(name: str) -> None:
    """Give NAME one more key and print it, once: the old one goes on until it is revoked."""
    with said_plainly():
        key = service.add_key(name=name, at=clock.now())
    _show(key)


@partners_group.command("revoke")
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Let the key of this PREFIX open nothing any more."""
    with said_plainly():
        service.revoke_key(prefix=prefix, at=clock.now())
    click.echo("The key opens nothing any more.")


@partners_group.command("end")
@click.argument("name")
def end(name: str) -> None:
    """Let NAME go: its keys open nothing, and nobody can let it ask."""
    with said_plainly():
        service.end_partner(name=name, at=clock.now())
    click.echo(f"{name} is no partner any more.")


@partners_group.command("list")
def list_partners() -> None:
    """List every partner with its keys, by their prefixes."""
    for partner in queries.partners():
        click.echo(f"{partner.name}\t{partner.email}{' (ended)' if partner.ended_at else ''}")
        for key in partner.keys:
            used = f"last used {written(key.used_at)}" if key.used_at else "never used"
            click.echo(f"  {key.prefix}\t{used}{' (revoked)' if key.revoked_at else ''}")


def _show(key: str) -> None:
    click.echo(key)
    click.echo("Nobody can show this key again.", err=True)

"""`flask demo`: the demo's people and goods."""

import json

import click
from flask.cli import AppGroup

from ..config import Mode
from ..dev.demo import cast
from .plain import settings_here, this_app

demo_group = AppGroup("demo", help="The demo's people and goods.")


@demo_group.command("load")
def load_demo() -> None:
    """Furnish an empty house with the demo; a house where somebody lives is left as it is."""
    from ..dev.demo.load import load  # Drawing and playing are needed by nothing else.

    settings = settings_here()
    if settings.mode is not Mode.DEMO:
        raise click.ClickException("The demo is only loaded where SECOND_LIGHT_MODE is demo.")
    loaded = load(this_app())
    click.echo("The demo is loaded." if loaded else "The demo is here already.")


@demo_group.command("accounts")
def demo_accounts() -> None:
    """Print the accounts to try the demo with, as JSON."""
    click.echo(json.dumps(cast.accounts()))

"""What commands have in common: the running house, and refusals said in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask import Flask, current_app

from ..config import Settings
from ..kernel.errors import Refusal


@contextmanager
def said_plainly() -> Iterator[None]:
    """Let a refusal end the command with its sentence and its cure."""
    try:
        yield
    except Refusal as refusal:
        raise click.ClickException(f"{refusal.sentence} {refusal.cure or ''}".strip()) from refusal


def this_app() -> Flask:
    """Return the house itself, for what outlives the command's own context."""
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001  Documented for this by its library.


def settings_here() -> Settings:
    """Return the settings of the house that the command runs in."""
    settings: Settings = current_app.extensions["second_light_settings"]
    return settings

"""`flask payments`: the money, and whether all of it is where it should be."""

from datetime import timedelta

import click
from flask.cli import AppGroup

from .. import audit
from ..kernel import clock
from ..orders import service as orders
from ..payments import service as payments
from .plain import said_plainly, settings_here

payments_group = AppGroup("payments", help="The money, and whether all of it is where it should be.")


@payments_group.command("verify")
@click.option(
    "--grace",
    "grace_minutes",
    type=click.IntRange(min=0),
    default=15,
    show_default=True,
    help="Minutes for which what just happened may still be on its way from one side to the other.",
)
def verify_payments(grace_minutes: int) -> None:
    """Say whether anything is lost: books, orders, audit trail and the provider's own books. Exit 1 if so."""
    at, grace = clock.now(), timedelta(minutes=grace_minutes)
    with said_plainly():
        found = payments.verify(at=at, grace=grace) + orders.verify(at=at, grace=grace)
    for finding in found:
        click.echo(str(finding))
    broken = list(audit.broken_links())
    for position in broken:
        click.echo(f"audit_chain: {position}: this event of the audit trail is not what was written, or not there.")
    if found or broken:
        raise click.ClickException(f"{len(found) + len(broken)} things are not as they must be.")
    click.echo("Nothing is lost.")


@payments_group.command("reconcile")
def reconcile_payments() -> None:
    """Look again at all money on the move, then compare all books and keep what differs. Exit 1 if anything does."""
    settings = settings_here()
    at, live = clock.now(), settings.takes_real_money
    with said_plainly():
        heard = payments.poll_events(at=at)
        done = payments.reconcile(live=live, at=at)
        orders.catch_up(at=at)
        found = orders.compare_books(live=live, at=at)
    click.echo(
        f"{done.looked_at} payments looked at, {done.unreachable} out of reach,"
        f" {done.intents_resumed} movements and {done.events_resumed} events taken up again,"
        f" {heard} events read that no webhook brought."
    )
    for finding in found:
        click.echo(str(finding))
    if found:
        raise click.ClickException(f"{len(found)} differences are on the finance desk.")
    click.echo("The books agree.")

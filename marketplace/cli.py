"""Commands for the people who run the house."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TextIO
from uuid import UUID

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from . import audit, database, jobs
from .accounts import queries as account_queries
from .accounts import staffing
from .accounts.access import Grant, Permission, may
from .catalog import service as catalog
from .config import Mode, Settings
from .credentials import service as credentials
from .dev.demo import cast
from .documents import service as documents
from .eligibility import publishing, vectors
from .eligibility.models import PolicyStanding
from .eligibility.rulebook import POLICY_FILE
from .extensions import db
from .kernel import clock
from .kernel.errors import Refusal, Refused
from .kernel.terms import StaffRole
from .listings import recounting
from .orders import service as orders
from .payments import service as payments
from .registers import queries as register_queries
from .registers import service as registers
from .registers.sources import sources
from .trail import chain
from .trail import service as trail

database_group = AppGroup("database", help="The schema.")
reference_group = AppGroup("reference", help="The data that ships with the product.")


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


@click.command("worker")
def worker() -> None:
    """Do promised jobs until stopped."""
    settings = current_app.extensions["second_light_settings"]
    jobs.work(current_app._get_current_object(), settings.database_url)  # type: ignore[attr-defined]  # noqa: SLF001  Documented for this by its library.


staff_group = AppGroup("staff", help="The people who run the house.")
_ROLES = click.Choice([role.value for role in StaffRole])
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise click.ClickException(f"{refusal.sentence} {refusal.cure or ''}".strip()) from refusal


def _password(*, from_stdin: bool) -> str:
    # Never an argument: those can be read by everybody on the machine.
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return click.prompt("Password", hide_input=True, confirmation_prompt=True)


@staff_group.command("hire")
@click.argument("email")
@click.argument("role", type=_ROLES)
@click.option("--name", required=True, help="The person's name.")
@_from_stdin
def hire(email: str, role: str, name: str, password_stdin: bool) -> None:  # noqa: FBT001  click passes flags so.
    """Open an account for EMAIL and appoint it to ROLE."""
    password = _password(from_stdin=password_stdin)
    with _said_plainly():
        staffing.hire(name=name, email=email, password=password, role=StaffRole(role), at=clock.now())
    click.echo(f"{email} is {role}.")


@staff_group.command("appoint")
@click.argument("email")
@click.argument("role", type=_ROLES)
def appoint(email: str, role: str) -> None:
    """Appoint the person at EMAIL, who has an account, to ROLE. Their sessions end."""
    with _said_plainly():
        staffing.appoint(email=email, role=StaffRole(role), at=clock.now())
    click.echo(f"{email} is {role}.")


@staff_group.command("dismiss")
@click.argument("email")
def dismiss(email: str) -> None:
    """Take the staff role from the person at EMAIL. Their sessions end."""
    with _said_plainly():
        staffing.appoint(email=email, role=None, at=clock.now())
    click.echo(f"{email} is not staff.")


@staff_group.command("password")
@click.argument("email")
@_from_stdin
def password(email: str, password_stdin: bool) -> None:  # noqa: FBT001  click passes flags so.
    """Set a new password for the person at EMAIL. Their sessions end."""
    chosen = _password(from_stdin=password_stdin)
    with _said_plainly():
        staffing.set_password(email=email, password=chosen, at=clock.now())
    click.echo(f"The password of {email} is set.")


@staff_group.command("forget-second-factor")
@click.argument("email")
def forget_second_factor(email: str) -> None:
    """Take the second factor away from the person at EMAIL, member or staff, who has lost it. Their sessions end."""
    with _said_plainly():
        staffing.forget_second_factor(email=email, at=clock.now())
    click.echo(f"{email} has no second factor any more.")


@staff_group.command("list")
def list_staff() -> None:
    """List everybody with a staff role."""
    for person in account_queries.staff():
        closed = " (closed)" if person.disabled_at else ""
        click.echo(f"{person.staff_role}\t{person.email}\t{person.name}{closed}")


catalog_group = AppGroup("catalog", help="Makers, models and modalities.")


@catalog_group.command("load")
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with modalities.json, makers.csv and models.csv; without it those that ship with the product.",
)
def load_catalog(folder: Path | None) -> None:
    """Bring the catalogue to what its files say: all of it, or nothing."""
    with _said_plainly():
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


policy_group = AppGroup("policy", help="The rules of the gate.")


def _signer(email: str, permission: Permission) -> UUID:
    """
    Return who has this address, if they could do this on the pages as well.

    :raises NotFound: nobody has it
    :raises Refused: they have no such role, or their account is closed
    """
    person = account_queries.person_at(email)
    grants = frozenset({Grant(person.staff_role.value)}) if person.staff_role else frozenset[Grant]()
    if person.disabled_at is not None or not may(grants, permission):
        raise Refused(f"{person.email} may not do this.", cure="Appoint them first: flask staff appoint.")
    return person.id


@policy_group.command("draft")
@click.argument("email")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A policy document; without it the reference rules that ship with the product.",
)
@click.option("--confirmed-by-counsel", is_flag=True, help="Counsel has read and confirmed every rule in it.")
def draft_policy(email: str, file: Path | None, confirmed_by_counsel: bool) -> None:  # noqa: FBT001  click passes flags so.
    """Keep a policy as a draft proposed by EMAIL. It gates nothing until somebody else publishes it."""
    standing = PolicyStanding.CONFIRMED_BY_COUNSEL if confirmed_by_counsel else PolicyStanding.REFERENCE
    with _said_plainly():
        proposed_by = _signer(email, Permission.POLICY_WRITE)
        try:
            document = json.loads((file or POLICY_FILE).read_text(encoding="utf-8"))
            publishing.draft_policy(document=document, standing=standing, proposed_by=proposed_by, at=clock.now())
        except ValueError as problem:  # No JSON, or no policy: it names the place.
            raise click.ClickException(f"This is no policy: {problem}") from problem
    click.echo(f"Policy {publishing.versions()[0].number} is a draft.")


@policy_group.command("publish")
@click.argument("number", type=int)
@click.argument("email")
def publish_policy(number: int, email: str) -> None:
    """Put draft NUMBER into force, signed by EMAIL, who is not the one who proposed it."""
    versions = {version.number: version.id for version in publishing.versions()}
    if number not in versions:
        raise click.ClickException(f"There is no policy {number}.")
    with _said_plainly():
        signed_by = _signer(email, Permission.POLICY_SIGN)
        publishing.publish_policy(version_id=versions[number], published_by=signed_by, at=clock.now())
    click.echo(f"Policy {number} is in force.")


@policy_group.command("vectors")
def print_vectors() -> None:
    """Print the public test vectors as a table, for a spreadsheet or a lawyer."""
    click.echo(vectors.as_csv(vectors.vectors()), nl=False)


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
    with _said_plainly(), file.open("rb") as opened:
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
    with _said_plainly():
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
    settings: Settings = current_app.extensions["second_light_settings"]
    at, live = clock.now(), settings.takes_real_money
    with _said_plainly():
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
    settings: Settings = current_app.extensions["second_light_settings"]
    with _said_plainly():
        file.writelines(trail.export(key=settings.audit_key, at=clock.now()))


@audit_group.command("head")
def keep_audit_head() -> None:
    """Keep the signed head now, as every night, and print it."""
    settings: Settings = current_app.extensions["second_light_settings"]
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


demo_group = AppGroup("demo", help="The demo's people and goods.")


@demo_group.command("load")
def load_demo() -> None:
    """Furnish an empty house with the demo; a house where somebody lives is left as it is."""
    from .dev.demo.load import load  # Drawing and playing are needed by nothing else.

    settings: Settings = current_app.extensions["second_light_settings"]
    if settings.mode is not Mode.DEMO:
        raise click.ClickException("The demo is only loaded where SECOND_LIGHT_MODE is demo.")
    loaded = load(current_app._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  Documented for this by its library.
    click.echo("The demo is loaded." if loaded else "The demo is here already.")


@demo_group.command("accounts")
def demo_accounts() -> None:
    """Print the accounts to try the demo with, as JSON."""
    click.echo(json.dumps(cast.accounts()))


def register(app: Flask) -> None:
    """Give the app its commands."""
    app.cli.add_command(payments_group)
    app.cli.add_command(policy_group)
    app.cli.add_command(register_group)
    app.cli.add_command(audit_group)
    app.cli.add_command(documents_group)
    app.cli.add_command(demo_group)
    app.cli.add_command(reference_group)
    app.cli.add_command(catalog_group)
    app.cli.add_command(database_group)
    app.cli.add_command(worker)
    app.cli.add_command(staff_group)

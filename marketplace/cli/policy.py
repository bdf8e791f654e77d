"""`flask policy`: the rules of the gate."""

import json
from pathlib import Path
from uuid import UUID

import click
from flask.cli import AppGroup

from ..accounts import queries as account_queries
from ..accounts.access import Grant, Permission, may
from ..eligibility import publishing, vectors
from ..eligibility.models import PolicyStanding
from ..eligibility.rulebook import POLICY_FILE
from ..kernel import clock
from ..kernel.errors import Refused
from .plain import said_plainly

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
    with said_plainly():
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
    with said_plainly():
        signed_by = _signer(email, Permission.POLICY_SIGN)
        publishing.publish_policy(version_id=versions[number], published_by=signed_by, at=clock.now())
    click.echo(f"Policy {number} is in force.")


@policy_group.command("vectors")
def print_vectors() -> None:
    """Print the public test vectors as a table, for a spreadsheet or a lawyer."""
    click.echo(vectors.as_csv(vectors.vectors()), nl=False)

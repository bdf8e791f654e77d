"""`flask staff`: the people who run the house."""

import sys

import click
from flask.cli import AppGroup

from ..accounts import queries as account_queries
from ..accounts import staffing
from ..kernel import clock
from ..kernel.terms import StaffRole
from .plain import said_plainly

staff_group = AppGroup("staff", help="The people who run the house.")


_ROLES = click.Choice([role.value for role in StaffRole])


_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


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
    with said_plainly():
        staffing.hire(name=name, email=email, password=password, role=StaffRole(role), at=clock.now())
    click.echo(f"{email} is {role}.")


@staff_group.command("appoint")
@click.argument("email")
@click.argument("role", type=_ROLES)
def appoint(email: str, role: str) -> None:
    """Appoint the person at EMAIL, who has an account, to ROLE. Their sessions end."""
    with said_plainly():
        staffing.appoint(email=email, role=StaffRole(role), at=clock.now())
    click.echo(f"{email} is {role}.")


@staff_group.command("dismiss")
@click.argument("email")
def dismiss(email: str) -> None:
    """Take the staff role from the person at EMAIL. Their sessions end."""
    with said_plainly():
        staffing.appoint(email=email, role=None, at=clock.now())
    click.echo(f"{email} is not staff.")


@staff_group.command("password")
@click.argument("email")
@_from_stdin
def password(email: str, password_stdin: bool) -> None:  # noqa: FBT001  click passes flags so.
    """Set a new password for the person at EMAIL. Their sessions end."""
    chosen = _password(from_stdin=password_stdin)
    with said_plainly():
        staffing.set_password(email=email, password=chosen, at=clock.now())
    click.echo(f"The password of {email} is set.")


@staff_group.command("forget-second-factor")
@click.argument("email")
def forget_second_factor(email: str) -> None:
    """Take the second factor away from the person at EMAIL, member or staff, who has lost it. Their sessions end."""
    with said_plainly():
        staffing.forget_second_factor(email=email, at=clock.now())
    click.echo(f"{email} has no second factor any more.")


@staff_group.command("list")
def list_staff() -> None:
    """List everybody with a staff role."""
    for person in account_queries.staff():
        closed = " (closed)" if person.disabled_at else ""
        click.echo(f"{person.staff_role}\t{person.email}\t{person.name}{closed}")

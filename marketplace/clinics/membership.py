"""Who belongs to a clinic: offered by the clinic, accepted by the person, from a day to a day, ended by either."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from .. import ripple
from ..accounts import queries as accounts
from ..accounts.policy import email_problem
from ..extensions import db, unit_of_work
from ..kernel.days import written
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.terms import ClinicRole
from ..kernel.text import normal_email
from ..kernel.tokens import digest_of, new_token
from ..notifications.service import promise_mail
from ..ripple import Cause, Ground, Loss
from . import steps
from .access import IN_THE_HANDS_OF, MANAGERS, may_handle
from .models import Clinic, ClinicInvitation, ClinicMember, ClinicSite
from .policy import INVITATION_LASTS, ZONES, is_over
from .queries import InvitationIsDead, WrongRole, members_of, other_owners, require_role


class LastOwner(Conflict):
    """A clinic always has an owner who stays: without a last day, and with an account that is open."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__(
            "A clinic needs an owner who stays, and this is its last.", cure="Make somebody else an owner first."
        )


class AlreadyMember(Conflict):
    """The person belongs to the clinic already."""

    code = "already_member"


class AnotherAddress(Refused):
    """The invitation was mailed to another address than that of the person who is signed in."""

    code = "invitation_for_another"


def invite(
    *,
    clinic_id: UUID,
    actor_id: UUID,
    email: str,
    role: ClinicRole,
    at: datetime,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> UUID:
    """
    Mail an offer of membership to the address; return its id. One that was sent there before is replaced.

    It counts from `starts_on` through `ends_on`, by the calendar of the place where a device is used; without them from
    the moment it is accepted, until somebody ends it.

    :raises NotFound: the actor is a stranger to the clinic
    :raises WrongRole: the actor may not give this role
    :raises Invalid: the address or the days will not do
    :raises AlreadyMember: the address is a member's
    """
    address = normal_email(email)
    problem = email_problem(address)
    if problem is not None:
        raise Invalid(problem, field="email")
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        raise Invalid("The last day lies before the first.", field="ends_on")
    if ends_on is not None and is_over(ends_on, ZONES, at=at):
        raise Invalid("The last day is over.", field="ends_on")
    with unit_of_work():
        clinic = steps.locked(clinic_id)
        _require_hand_over(user_id=actor_id, clinic_id=clinic_id, roles=(role,))
        if any(member.email == address for member in members_of(clinic_id)):
            raise AlreadyMember("This address belongs to a member of the clinic already.")
        _withdraw(ClinicInvitation.clinic_id == clinic_id, ClinicInvitation.email == address, at=at)
        token = new_token()
        invitation = ClinicInvitation(
            clinic_id=clinic_id,
            email=address,
            role=role,
            starts_on=starts_on,
            ends_on=ends_on,
            token_digest=digest_of(token),
            invited_by=actor_id,
            invited_at=at,
            expires_at=at + INVITATION_LASTS,
        )
        db.session.add(invitation)
        db.session.flush()
        steps.record("clinic:invited", clinic_id, actor_id=actor_id, at=at, invitation=invitation.id, role=role)
        promise_mail(
            to=address,
            template="invitation",
            context={
                "clinic": clinic.name,
                "role": role,
                "starts_on": written(starts_on) if starts_on else None,
                "ends_on": written(ends_on) if ends_on else None,
                "inviter": accounts.person(actor_id).name,
                "token": token,
            },
            at=at,
        )
        return invitation.id


def withdraw_invitation(*, invitation_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take back an invitation that was not accepted yet.

    :raises NotFound: there is no such open invitation, or the actor is a stranger to its clinic
    :raises WrongRole: the actor does not run the clinic
    """
    with unit_of_work():
        clinic_id = db.session.scalar(select(ClinicInvitation.clinic_id).where(ClinicInvitation.id == invitation_id))
        if clinic_id is None:
            raise InvitationIsDead
        require_role(user_id=actor_id, clinic_id=clinic_id, roles=MANAGERS)
        if not _withdraw(ClinicInvitation.id == invitation_id, at=at):
            raise InvitationIsDead
        steps.record("clinic:invitation_withdrawn", clinic_id, actor_id=actor_id, at=at, invitation=invitation_id)


def accept_invitation(*, token: str, user_id: UUID, at: datetime) -> UUID:
    """
    Join the clinic that sent the mailed link; return its id.

    :raises InvitationIsDead: it does not stand any more
    :raises AnotherAddress: it was mailed to an address that is not this person's confirmed one
    :raises AlreadyMember: the person belongs to the clinic already
    """
    with unit_of_work():
        person = accounts.person(user_id)
        clinic_id = db.session.scalar(
            select(ClinicInvitation.clinic_id).where(ClinicInvitation.token_digest == digest_of(token))
        )
        if clinic_id is None:
            raise InvitationIsDead
        # The clinic before its invitation, as whoever replaces the invitation takes them.
        steps.locked(clinic_id)
        invitation = db.session.scalar(
            update(ClinicInvitation)
            .where(
                ClinicInvitation.token_digest == digest_of(token),
                ClinicInvitation.accepted_at.is_(None),
                ClinicInvitation.withdrawn_at.is_(None),
                ClinicInvitation.expires_at > at,
            )
            .values(accepted_at=at)
            .returning(ClinicInvitation)
        )
        if invitation is None:
            raise InvitationIsDead
        if not _may_still_offer(invitation):
            raise InvitationIsDead
        if invitation.email != person.email or person.email_confirmed_at is None:
            raise AnotherAddress(
                "This invitation was sent to another e-mail address than yours.",
                cure="Sign in with the account of that address, or ask the clinic to invite yours.",
            )
        if steps.membership(clinic_id, user_id) is not None:
            raise AlreadyMember("You belong to this clinic already.")
        db.session.add(
            ClinicMember(
                clinic_id=clinic_id,
                user_id=user_id,
                role=invitation.role,
                joined_at=at,
                starts_on=invitation.starts_on,
                ends_on=invitation.ends_on,
            )
        )
        ripple.changed(Ground(person_id=user_id, clinic_id=clinic_id))
        steps.record(
            "clinic:member_joined",
            clinic_id,
            actor_id=user_id,
            at=at,
            role=invitation.role,
            invitation=invitation.id,
            starts_on=invitation.starts_on,
            ends_on=invitation.ends_on,
        )
        return clinic_id


def change_role(*, clinic_id: UUID, actor_id: UUID, user_id: UUID, role: ClinicRole, at: datetime) -> None:
    """
    Give a member another role.

    :raises NotFound: the actor is a stranger to the clinic, or the person is
    :raises WrongRole: the actor may not take the one role or give the other
    :raises LastOwner: nobody else is an owner
    """
    with unit_of_work():
        steps.locked(clinic_id)
        member = _member_to_handle(clinic_id, actor_id, user_id, role)
        if role is not ClinicRole.OWNER:
            _refuse_last_owner(member)
        before, member.role, member.changed_at = member.role, role, at
        _withdraw_those_of(member, still=IN_THE_HANDS_OF[role], at=at)
        ripple.changed(Ground(person_id=user_id, clinic_id=clinic_id))
        steps.record(
            "clinic:role_changed", clinic_id, actor_id=actor_id, at=at, member=user_id, before=before, role=role
        )


def remove_member(*, clinic_id: UUID, actor_id: UUID, user_id: UUID, at: datetime) -> None:
    """
    End somebody's membership: one's own, or that of a member whose role the actor may take.

    Sites whose laser safety officer they were have none from now on, and orders that rest on them are held.

    :raises NotFound: the actor is a stranger to the clinic, or the person is
    :raises WrongRole: the actor may not remove this member
    :raises LastOwner: nobody else is an owner
    """
    with unit_of_work():
        steps.locked(clinic_id)
        member = _member_to_handle(clinic_id, actor_id, user_id)
        _refuse_last_owner(member)
        _end(member, actor_id=actor_id, at=at)


def end_on(*, clinic_id: UUID, actor_id: UUID, user_id: UUID, last_day: date, at: datetime) -> None:
    """
    Set the last day of a membership, as the member or as somebody who may take their role.

    Only an earlier day than before: a longer membership is offered and accepted anew.

    :raises NotFound: the actor is a stranger to the clinic, or the person is
    :raises WrongRole: the actor may not remove this member
    :raises LastOwner: nobody else is an owner
    :raises Invalid: the day is over, lies before the first, or after the last that was agreed
    """
    with unit_of_work():
        steps.locked(clinic_id)
        member = _member_to_handle(clinic_id, actor_id, user_id)
        _refuse_last_owner(member)
        if is_over(last_day, ZONES, at=at):
            raise Invalid("This day is over. To end the membership now, remove the person.", field="last_day")
        if member.starts_on is not None and last_day < member.starts_on:
            raise Invalid("The last day lies before the first.", field="last_day")
        if member.ends_on is not None and last_day > member.ends_on:
            raise Invalid(
                f"It was agreed that it ends on {written(member.ends_on)}. For longer, invite the person anew.",
                field="last_day",
            )
        member.ends_on, member.changed_at = last_day, at
        ripple.changed(Ground(person_id=user_id, clinic_id=clinic_id))
        steps.record("clinic:membership_shortened", clinic_id, actor_id=actor_id, at=at, member=user_id, until=last_day)


def end_those_over(*, at: datetime) -> int:
    """End every membership whose last day is over where its clinic is; return how many."""
    with unit_of_work():
        due = db.session.execute(
            select(ClinicMember.clinic_id, ClinicMember.user_id).where(
                ClinicMember.left_at.is_(None), ClinicMember.ends_on < at.date() + timedelta(days=1)
            )
        ).all()
    return sum(_end_if_over(row.clinic_id, row.user_id, at=at) for row in due)


def _end_if_over(clinic_id: UUID, user_id: UUID, *, at: datetime) -> bool:
    with unit_of_work():
        steps.locked(clinic_id)
        member = steps.membership(clinic_id, user_id)
        zones = db.session.scalars(select(ClinicSite.time_zone).where(ClinicSite.clinic_id == clinic_id)).all()
        if member is None or member.ends_on is None or not is_over(member.ends_on, zones or ZONES, at=at):
            return False
        _end(member, actor_id=None, at=at)
        return True


def _end(member: ClinicMember, *, actor_id: UUID | None, at: datetime) -> None:
    member.left_at, member.left_by = at, actor_id
    _withdraw_those_of(member, at=at)
    sites = db.session.scalars(
        update(ClinicSite)
        .where(ClinicSite.clinic_id == member.clinic_id, ClinicSite.laser_safety_officer_id == member.user_id)
        .values(laser_safety_officer_id=None, changed_at=at)
        .returning(ClinicSite)
    ).all()
    clinic = db.session.get_one(Clinic, member.clinic_id)
    words = f"{accounts.person(member.user_id).name} no longer belongs to {clinic.name}."
    ground = Ground(person_id=member.user_id, clinic_id=clinic.id)
    left = Loss(Cause.MEMBERSHIP_ENDED, ground, member.user_id, words)
    ripple.lost(left, *(steps.officer_lost(site) for site in sites), actor_id=actor_id, at=at)
    steps.record(
        "clinic:member_left",
        clinic.id,
        actor_id=actor_id,
        at=at,
        member=member.user_id,
        without_officer=[site.id for site in sites],
    )


def _member_to_handle(clinic_id: UUID, actor_id: UUID, user_id: UUID, *new_role: ClinicRole) -> ClinicMember:
    own = require_role(user_id=actor_id, clinic_id=clinic_id)
    member = steps.membership(clinic_id, user_id)
    if member is None:
        raise NotFound("This person does not belong to the clinic.")
    leaves = actor_id == user_id and not new_role
    if not leaves and not may_handle(own, member.role, *new_role):
        raise _wrong_role(own)
    return member


def _require_hand_over(*, user_id: UUID, clinic_id: UUID, roles: tuple[ClinicRole, ...]) -> None:
    own = require_role(user_id=user_id, clinic_id=clinic_id)
    if not may_handle(own, *roles):
        raise _wrong_role(own)


def _wrong_role(own: ClinicRole) -> WrongRole:
    return WrongRole(f"As {own} of this clinic you cannot give or take that role.", cure="Ask an owner to do it.")


def _refuse_last_owner(member: ClinicMember) -> None:
    if member.role is not ClinicRole.OWNER:
        return
    if not other_owners(member.clinic_id, member.user_id):
        raise LastOwner


def _withdraw_those_of(member: ClinicMember, *, still: Iterable[ClinicRole] = (), at: datetime) -> None:
    """Take back what a member offered and may not offer any more: an invitation lives by the right of who sent it."""
    _withdraw(
        ClinicInvitation.clinic_id == member.clinic_id,
        ClinicInvitation.invited_by == member.user_id,
        ClinicInvitation.role.not_in(list(still)),
        at=at,
    )


def _may_still_offer(invitation: ClinicInvitation) -> bool:
    """Say whether who sent it could send it now. Accounts are closed, and last days pass, without a word to us."""
    if accounts.person(invitation.invited_by).disabled_at is not None:
        return False
    inviter = steps.membership(invitation.clinic_id, invitation.invited_by)
    return inviter is not None and may_handle(inviter.role, invitation.role)


def _withdraw(*conditions: ColumnElement[bool], at: datetime) -> bool:
    withdrawn = db.session.scalars(
        update(ClinicInvitation)
        .where(
            ClinicInvitation.accepted_at.is_(None),
            ClinicInvitation.withdrawn_at.is_(None),
            *conditions,
        )
        .values(withdrawn_at=at)
        .returning(ClinicInvitation.id)
    ).all()
    return bool(withdrawn)

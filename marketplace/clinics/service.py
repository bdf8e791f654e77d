"""What clinics do: open and close sites, invite, hand out roles, ask to sell; and what staff decide about sellers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from .. import audit
from ..accounts import queries as accounts
from ..accounts.policy import email_problem
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.terms import ClinicRole, time_zone_of
from ..kernel.text import normal_email
from ..kernel.tokens import digest_of, new_token
from ..notifications.service import promise_mail
from .access import MANAGERS, may_handle
from .models import Clinic, ClinicInvitation, ClinicMember, ClinicSite
from .policy import INVITATION_LASTS, LONGEST_LINE, LONGEST_TEXT, site_problem
from .queries import InvitationIsDead, WrongRole, ever_member, members_of, require_role
from .queries import site as site_facts
from .states import DECISIONS, SELLER, SellerBasis, SellerEvent, SellerStanding


class LastOwner(Conflict):
    """A clinic always has an owner."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__("A clinic needs an owner, and this is its last.", cure="Make somebody else an owner first.")


class AlreadyMember(Conflict):
    """The person belongs to the clinic already."""

    code = "already_member"


class AnotherAddress(Refused):
    """The invitation was mailed to another address than that of the person who is signed in."""

    code = "invitation_for_another"


class OwnClinic(Refused):
    """Staff do not decide about a clinic that they belong to or belonged to."""

    code = "own_clinic_judged"


def found(*, owner_id: UUID, name: str, legal_name: str, at: datetime) -> UUID:
    """
    Found a clinic with its first owner; return its id.

    :raises Invalid: a name is missing or too long
    """
    name = _line(name, field="name", words="the name that people know the clinic by")
    legal_name = _line(legal_name, field="legal_name", words="the name on its licence or registration")
    with unit_of_work():
        clinic = Clinic(name=name, legal_name=legal_name, created_at=at)
        db.session.add(clinic)
        db.session.flush()
        db.session.add(ClinicMember(clinic_id=clinic.id, user_id=owner_id, role=ClinicRole.OWNER, joined_at=at))
        _record("clinic:founded", clinic.id, actor_id=owner_id, at=at, name=name, legal_name=legal_name)
        return clinic.id


def add_site(
    *,
    clinic_id: UUID,
    actor_id: UUID,
    name: str,
    street: str,
    city: str,
    state: str,
    postal_code: str,
    at: datetime,
    time_zone: str = "",
) -> UUID:
    """
    Open a place of use; return its id. Without a time zone it keeps the usual one of its state.

    :raises NotFound: the actor is a stranger to the clinic
    :raises WrongRole: the actor does not run it
    :raises Invalid: something in the address will not do
    """
    address = _address(name, street, city, postal_code, state=state, time_zone=time_zone or time_zone_of(state))
    with unit_of_work():
        require_role(user_id=actor_id, clinic_id=clinic_id, roles=MANAGERS)
        site = ClinicSite(clinic_id=clinic_id, state=state, created_at=at, **address)
        db.session.add(site)
        db.session.flush()
        _record("clinic:site_added", clinic_id, actor_id=actor_id, at=at, site=site.id, state=state, **address)
        return site.id


def correct_site(
    *,
    site_id: UUID,
    actor_id: UUID,
    name: str,
    street: str,
    city: str,
    postal_code: str,
    time_zone: str,
    at: datetime,
) -> None:
    """
    Correct a site's address. Its state stays: another state is another place of use, under other rules.

    :raises NotFound: there is no such open site, or the actor is a stranger to its clinic
    :raises WrongRole: the actor does not run it
    :raises Invalid: something in the address will not do
    """
    with unit_of_work():
        site = _site_to_manage(site_id, actor_id)
        address = _address(name, street, city, postal_code, state=site.state, time_zone=time_zone)
        for field, value in address.items():
            setattr(site, field, value)
        _record("clinic:site_corrected", site.clinic_id, actor_id=actor_id, at=at, site=site.id, **address)


def close_site(*, site_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Close a place of use: from now on the gate lets nothing go there.

    :raises NotFound: there is no such open site, or the actor is a stranger to its clinic
    :raises WrongRole: the actor does not run it
    """
    with unit_of_work():
        site = _site_to_manage(site_id, actor_id)
        site.closed_at = at
        _record("clinic:site_closed", site.clinic_id, actor_id=actor_id, at=at, site=site.id)


def name_laser_safety_officer(*, site_id: UUID, actor_id: UUID, officer_id: UUID | None, at: datetime) -> None:
    """
    Name the member who is laser safety officer of the site, or with None that nobody is.

    :raises NotFound: there is no such open site, or the actor is a stranger to its clinic
    :raises WrongRole: the actor does not run it
    :raises Invalid: the person named is not a member
    """
    with unit_of_work():
        site = _site_to_manage(site_id, actor_id)
        if officer_id is not None and _membership(site.clinic_id, officer_id) is None:
            raise Invalid("Choose a member of the clinic.", field="officer")
        site.laser_safety_officer_id = officer_id
        _record(
            "clinic:safety_officer_named",
            site.clinic_id,
            actor_id=actor_id,
            at=at,
            site=site.id,
            officer=officer_id,
        )


def invite(*, clinic_id: UUID, actor_id: UUID, email: str, role: ClinicRole, at: datetime) -> UUID:
    """
    Mail an offer of membership to the address; return its id. One that was sent there before is replaced.

    :raises NotFound: the actor is a stranger to the clinic
    :raises WrongRole: the actor may not give this role
    :raises Invalid: the address will not do
    :raises AlreadyMember: the address is a member's
    """
    address = normal_email(email)
    problem = email_problem(address)
    if problem is not None:
        raise Invalid(problem, field="email")
    with unit_of_work():
        clinic = _locked(clinic_id)
        _require_hand_over(user_id=actor_id, clinic_id=clinic_id, roles=(role,))
        if any(member.email == address for member in members_of(clinic_id)):
            raise AlreadyMember("This address belongs to a member of the clinic already.")
        _withdraw(ClinicInvitation.clinic_id == clinic_id, ClinicInvitation.email == address, at=at)
        token = new_token()
        invitation = ClinicInvitation(
            clinic_id=clinic_id,
            email=address,
            role=role,
            token_digest=digest_of(token),
            invited_by=actor_id,
            invited_at=at,
            expires_at=at + INVITATION_LASTS,
        )
        db.session.add(invitation)
        db.session.flush()
        _record("clinic:invited", clinic_id, actor_id=actor_id, at=at, invitation=invitation.id, role=role)
        promise_mail(
            to=address,
            template="invitation",
            context={
                "clinic": clinic.name,
                "role": role,
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
        _record("clinic:invitation_withdrawn", clinic_id, actor_id=actor_id, at=at, invitation=invitation_id)


def accept_invitation(*, token: str, user_id: UUID, at: datetime) -> UUID:
    """
    Join the clinic that sent the mailed link; return its id.

    :raises InvitationIsDead: it does not stand any more
    :raises AnotherAddress: it was mailed to an address that is not this person's confirmed one
    :raises AlreadyMember: the person belongs to the clinic already
    """
    with unit_of_work():
        person = accounts.person(user_id)
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
        if invitation.email != person.email or person.email_confirmed_at is None:
            raise AnotherAddress(
                "This invitation was sent to another e-mail address than yours.",
                cure="Sign in with the account of that address, or ask the clinic to invite yours.",
            )
        _locked(invitation.clinic_id)
        if _membership(invitation.clinic_id, user_id) is not None:
            raise AlreadyMember("You belong to this clinic already.")
        db.session.add(
            ClinicMember(clinic_id=invitation.clinic_id, user_id=user_id, role=invitation.role, joined_at=at)
        )
        _record("clinic:member_joined", invitation.clinic_id, actor_id=user_id, at=at, role=invitation.role)
        clinic_id: UUID = invitation.clinic_id
        return clinic_id


def change_role(*, clinic_id: UUID, actor_id: UUID, user_id: UUID, role: ClinicRole, at: datetime) -> None:
    """
    Give a member another role.

    :raises NotFound: the actor is a stranger to the clinic, or the person is
    :raises WrongRole: the actor may not take the one role or give the other
    :raises LastOwner: nobody else is an owner
    """
    with unit_of_work():
        _locked(clinic_id)
        member = _member_to_handle(clinic_id, actor_id, user_id, role)
        if role is not ClinicRole.OWNER:
            _refuse_last_owner(member)
        before, member.role = member.role, role
        _record("clinic:role_changed", clinic_id, actor_id=actor_id, at=at, member=user_id, before=before, role=role)


def remove_member(*, clinic_id: UUID, actor_id: UUID, user_id: UUID, at: datetime) -> None:
    """
    End somebody's membership: one's own, or that of a member whose role the actor may take.

    Sites whose laser safety officer they were have none from now on.

    :raises NotFound: the actor is a stranger to the clinic, or the person is
    :raises WrongRole: the actor may not remove this member
    :raises LastOwner: nobody else is an owner
    """
    with unit_of_work():
        _locked(clinic_id)
        member = _member_to_handle(clinic_id, actor_id, user_id)
        _refuse_last_owner(member)
        member.left_at = at
        sites = db.session.scalars(
            update(ClinicSite)
            .where(ClinicSite.clinic_id == clinic_id, ClinicSite.laser_safety_officer_id == user_id)
            .values(laser_safety_officer_id=None)
            .returning(ClinicSite.id)
        ).all()
        _record("clinic:member_left", clinic_id, actor_id=actor_id, at=at, member=user_id, without_officer=list(sites))


def ask_for_seller_standing(
    *, clinic_id: UUID, actor_id: UUID, basis: SellerBasis, statement: str, at: datetime
) -> None:
    """
    Ask staff to find that the clinic may lawfully hold and sell prescription devices, and say in which capacity.

    :raises NotFound: the actor is a stranger to the clinic
    :raises WrongRole: the actor does not run it
    :raises Invalid: nothing is stated
    :raises marketplace.kernel.machine.IllegalMove: it is being looked at, or was decided
    """
    statement = _text(statement, field="statement", words="what the verifier can look up")
    with unit_of_work():
        clinic = _locked(clinic_id)
        require_role(user_id=actor_id, clinic_id=clinic_id, roles=MANAGERS)
        clinic.seller_basis = basis
        clinic.seller_statement = statement
        clinic.seller_asked_at = at
        clinic.seller_reason = None
        _move(clinic, SellerEvent.ASKED, actor_id=actor_id, at=at, basis=basis, statement=statement)


def decide_seller_standing(
    *,
    clinic_id: UUID,
    actor_id: UUID,
    standing: SellerStanding,
    evidence: str,
    at: datetime,
    basis: SellerBasis | None = None,
    reason: str = "",
) -> None:
    """
    Decide as staff whether the clinic may sell, on stated evidence; those who run it are told by mail.

    `evidence` is what was looked at and where, for the record; `reason` is what the clinic reads. Without a `basis` the
    one that the clinic asked on is taken.

    :raises NotFound: there is no such clinic
    :raises OwnClinic: the actor belongs to the clinic, or once did
    :raises Invalid: evidence or a needed reason is missing
    :raises marketplace.kernel.machine.IllegalMove: the clinic's standing does not allow this decision
    """
    evidence = _text(evidence, field="evidence", words="what you looked at, and where")
    if standing is not SellerStanding.VERIFIED:
        reason = _text(reason, field="reason", words="why, so that the clinic can put it right")
    with unit_of_work():
        clinic = _locked(clinic_id)
        if ever_member(user_id=actor_id, clinic_id=clinic_id):
            raise OwnClinic("You belong to this clinic, or once did.", cure="Leave this decision to another verifier.")
        event = DECISIONS.get(standing)
        if event is None:
            raise Invalid("Choose one of the decisions offered.", field="standing")
        clinic.seller_basis = basis or clinic.seller_basis
        clinic.seller_evidence = evidence
        clinic.seller_reason = reason.strip() or None
        clinic.seller_checked_by = actor_id
        clinic.seller_checked_at = at
        _move(clinic, event, actor_id=actor_id, at=at, evidence=evidence, reason=clinic.seller_reason)
        for member in members_of(clinic_id):
            if member.role in MANAGERS:
                promise_mail(
                    to=member.email,
                    template="seller_decision",
                    context={
                        "name": member.name,
                        "clinic": clinic.name,
                        "clinic_id": str(clinic_id),
                        "standing": standing,
                        "reason": clinic.seller_reason,
                    },
                    at=at,
                )


def _move(clinic: Clinic, event: SellerEvent, *, actor_id: UUID, at: datetime, **data: object) -> None:
    """Write the clinic's standing as a seller; nothing else does."""
    before = clinic.seller_standing
    clinic.seller_standing = SELLER.after(before, event)
    _record(f"clinic:seller_{event}", clinic.id, actor_id=actor_id, at=at, before=before, **data)


def _locked(clinic_id: UUID) -> Clinic:
    """Lock the clinic, so that its members and its standing change one after the other."""
    clinic = db.session.scalar(
        select(Clinic).where(Clinic.id == clinic_id).with_for_update().execution_options(populate_existing=True)
    )
    if clinic is None:
        raise NotFound("There is no such clinic.")
    return clinic


def _site_to_manage(site_id: UUID, actor_id: UUID) -> ClinicSite:
    # The clinic is locked first, then its sites and members: everywhere in this order.
    _locked(site_facts(site_id).clinic_id)
    site = db.session.scalar(
        select(ClinicSite).where(ClinicSite.id == site_id, ClinicSite.closed_at.is_(None)).with_for_update()
    )
    if site is None:
        raise NotFound("There is no such site, or it is closed.")
    require_role(user_id=actor_id, clinic_id=site.clinic_id, roles=MANAGERS)
    return site


def _membership(clinic_id: UUID, user_id: UUID) -> ClinicMember | None:
    return db.session.scalar(
        select(ClinicMember).where(
            ClinicMember.clinic_id == clinic_id,
            ClinicMember.user_id == user_id,
            ClinicMember.left_at.is_(None),
        )
    )


def _member_to_handle(clinic_id: UUID, actor_id: UUID, user_id: UUID, *new_role: ClinicRole) -> ClinicMember:
    own = require_role(user_id=actor_id, clinic_id=clinic_id)
    member = _membership(clinic_id, user_id)
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
    others = [
        other
        for other in members_of(member.clinic_id)
        if other.role is ClinicRole.OWNER and other.user_id != member.user_id
    ]
    if not others:
        raise LastOwner


def _withdraw(*conditions: object, at: datetime) -> bool:
    withdrawn = db.session.scalars(
        update(ClinicInvitation)
        .where(
            ClinicInvitation.accepted_at.is_(None),
            ClinicInvitation.withdrawn_at.is_(None),
            *conditions,  # type: ignore[arg-type]
        )
        .values(withdrawn_at=at)
        .returning(ClinicInvitation.id)
    ).all()
    return bool(withdrawn)


def _line(text: str, *, field: str, words: str) -> str:
    line = " ".join(text.split())
    if not line or not line.isprintable():
        raise Invalid(f"Write {words}.", field=field)
    if len(line) > LONGEST_LINE:
        raise Invalid(f"Use at most {LONGEST_LINE} characters.", field=field)
    return line


def _text(text: str, *, field: str, words: str) -> str:
    text = text.strip()
    if not text:
        raise Invalid(f"Write {words}.", field=field)
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"Use at most {LONGEST_TEXT:,} characters.", field=field)
    return text


def _address(name: str, street: str, city: str, postal_code: str, *, state: str, time_zone: str) -> dict[str, str]:
    postal_code = postal_code.strip()
    problem = site_problem(state=state, postal_code=postal_code, time_zone=time_zone)
    if problem is not None:
        field, sentence = problem
        raise Invalid(sentence, field=field)
    return {
        "name": _line(name, field="name", words="a name for the place, such as its street"),
        "street": _line(street, field="street", words="street and number"),
        "city": _line(city, field="city", words="the city"),
        "postal_code": postal_code,
        "time_zone": time_zone,
    }


def _record(kind: str, clinic_id: UUID, *, actor_id: UUID, at: datetime, **data: object) -> None:
    audit.record(kind, actor_id=actor_id, subject_type="clinic", subject_id=clinic_id, at=at, **data)

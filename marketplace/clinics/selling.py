"""In which standing a clinic sells: it asks, and staff decide on evidence."""

from datetime import datetime
from uuid import UUID

from .. import ripple
from ..extensions import db, unit_of_work
from ..kernel.errors import Invalid, Refused
from ..notifications.service import promise_mail
from ..ripple import Cause, Ground, Loss
from . import steps
from .access import MANAGERS
from .models import Clinic
from .queries import ever_member, members_of, require_role
from .states import DECISIONS, SELLER, SellerBasis, SellerEvent, SellerStanding


class OwnClinic(Refused):
    """Staff do not decide about a clinic that they belong to or belonged to."""

    code = "own_clinic_judged"


class SecondLookIsAnothers(Refused):
    """Whoever found first that a clinic may sell does not find it a second time."""

    code = "seller_second_look_is_anothers"

    def __init__(self) -> None:
        super().__init__("You found first that it may sell.", cure="Leave the second look to a colleague.")


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
    statement = steps.text(statement, field="statement", words="what the verifier can look up")
    with unit_of_work():
        clinic = steps.locked(clinic_id)
        require_role(user_id=actor_id, clinic_id=clinic_id, roles=MANAGERS)
        clinic.seller_basis = basis
        clinic.seller_statement = statement
        clinic.seller_asked_at = at
        clinic.seller_reason = None
        clinic.seller_first_checked_by = clinic.seller_first_checked_at = clinic.seller_first_evidence = None
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

    It takes two people to let it: the first finds so and lets it await the second, of which nobody is told yet.

    `evidence` is what was looked at and where, for the record; `reason` is what the clinic reads. Without a `basis` the
    one that the clinic asked on is taken.

    :raises NotFound: there is no such clinic
    :raises OwnClinic: the actor belongs to the clinic, or once did
    :raises SecondLookIsAnothers: the actor has found it first
    :raises Invalid: evidence or a needed reason is missing
    :raises marketplace.kernel.machine.IllegalMove: the clinic's standing does not allow this decision
    """
    evidence = steps.text(evidence, field="evidence", words="what you looked at, and where")
    if standing not in {SellerStanding.VERIFIED, SellerStanding.AWAITING_SECOND}:
        reason = steps.text(reason, field="reason", words="why, so that the clinic can put it right")
    with unit_of_work():
        clinic = steps.locked(clinic_id)
        if ever_member(user_id=actor_id, clinic_id=clinic_id):
            raise OwnClinic("You belong to this clinic, or once did.", cure="Leave this decision to another verifier.")
        event = DECISIONS.get(standing)
        if event is None:
            raise Invalid("Choose one of the decisions offered.", field="standing")
        if event is SellerEvent.VERIFIED and clinic.seller_first_checked_by == actor_id:
            raise SecondLookIsAnothers
        clinic.seller_basis = basis or clinic.seller_basis
        if event is SellerEvent.FIRST_APPROVED:
            clinic.seller_first_checked_by, clinic.seller_first_checked_at = actor_id, at
            clinic.seller_first_evidence = evidence
            _move(clinic, event, actor_id=actor_id, at=at, evidence=evidence, reason=None)
            return
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
    db.session.flush()
    if before is SellerStanding.VERIFIED:
        loss = Loss(Cause.SELLER_SUSPENDED, Ground(seller_id=clinic.id), clinic.id, "The seller may not sell for now.")
        ripple.lost(loss, actor_id=actor_id, at=at)
    elif clinic.seller_standing is SellerStanding.VERIFIED:
        ripple.changed(Ground(seller_id=clinic.id))
    steps.record(f"clinic:seller_{event}", clinic.id, actor_id=actor_id, at=at, before=before, **data)

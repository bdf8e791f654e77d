"""The order of the practitioner: what they are asked to sign, and their signature for this very unit."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ..accounts import queries as accounts
from ..eligibility import service as eligibility
from ..eligibility.reasons import Key
from ..eligibility.sale import Purchase
from ..eligibility.verdict import Verdict
from ..extensions import unit_of_work
from ..kernel.errors import Conflict, Invalid
from ..kernel.money import Money
from ..kernel.shapes import write
from ..kernel.terms import ProcedureClass
from ..links import service as links
from ..links.service import Link, Said
from ..links.states import Answer, LinkPurpose
from . import belonging, queries, steps, wording
from .access import Act
from .models import Order
from .states import OrderEvent

PRACTITIONERS_ROLE = "ordering practitioner"
_PRACTITIONERS_OWN = frozenset({Key.PRACTITIONER, Key.SUPERVISION})


class OrderExpired(Conflict):
    """The order's time is over, though nobody has cleared it away yet."""

    code = "order_expired"

    def __init__(self) -> None:
        super().__init__("The 72 hours of this order are over.", cure="If the device is still there, order it again.")


@dataclass(frozen=True, slots=True)
class ToSign:
    """What the ordering practitioner is asked to sign, and what stands against it."""

    order_id: UUID
    statement: str
    required: tuple[tuple[str, str], ...]
    verdict: Verdict
    state_code: str


def to_sign(*, order_id: UUID, actor_id: UUID, at: datetime) -> ToSign:
    """
    Return what the practitioner is asked to sign for this order.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: the person is no practitioner of the buying clinic
    :raises IllegalMove: it is confirmed already, or has ended
    """
    with unit_of_work():
        return offered(order_id, actor_id=actor_id, at=at)


def confirm(*, order_id: UUID, actor_id: UUID, signed: Collection[str], at: datetime) -> None:
    """
    Sign, as its ordering practitioner, for this very unit; `signed` are the codes of the further statements.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: the person is no practitioner of the buying clinic
    :raises IllegalMove: it is confirmed already, or has ended
    :raises OrderExpired: its 72 hours are over
    :raises NotCleared: this practitioner cannot order it
    :raises Invalid: a statement that the rule asks for is not signed
    """
    with unit_of_work():
        steps.keep_as_they_are(order_id, actor_id)
        sign(order_id, actor_id=actor_id, signed=signed, cause="the practitioner signed for it", at=at)


def offered(order_id: UUID, *, actor_id: UUID, at: datetime) -> ToSign:
    """
    Return what the practitioner is asked to sign; a step.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: the person is no practitioner of the buying clinic
    :raises IllegalMove: it is confirmed already, or has ended
    """
    order = steps.locked_for(order_id, Act.CONFIRM, actor_id=actor_id)
    verdict = _as_confirmed(order, actor_id, frozenset(), at=at)
    return ToSign(
        order_id=order_id,
        statement=_statement(order, actor_id, ()),
        required=tuple((statement.code, statement.text) for statement in verdict.statements),
        verdict=verdict,
        state_code=steps.state_code_of(order_id),
    )


def sign(
    order_id: UUID, *, actor_id: UUID, signed: Collection[str], cause: str, at: datetime, link: Link | None = None
) -> None:
    """
    Let the practitioner order this unit; a step, after `steps.keep_as_they_are`.

    The one way to a signature, from the order's page and from a mailed `link`: each asks the same of the person.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: the person is no practitioner of the buying clinic
    :raises IllegalMove: it is confirmed already, or has ended
    :raises OrderExpired: its 72 hours are over
    :raises NotCleared: this practitioner cannot order it
    :raises Invalid: a statement that the rule asks for is not signed
    """
    order = steps.locked_for(order_id, Act.CONFIRM, actor_id=actor_id)
    if at >= order.expires_at:
        raise OrderExpired
    verdict = _as_confirmed(order, actor_id, frozenset(signed), at=at)
    required = {statement.code: statement.text for statement in verdict.statements}
    if not required.keys() <= set(signed):
        raise Invalid("Please sign every statement, or leave the order unconfirmed.", field="statements")
    if any(objection.key in _PRACTITIONERS_OWN for objection in verdict.objections):
        raise steps.not_cleared(order_id, verdict)
    statement = _statement(order, actor_id, tuple(required.values()))
    order.practitioner_id = actor_id
    order.practitioner_confirmed_at = at
    order.practitioner_statement = statement
    order.practitioner_statements = sorted(required)
    name = accounts.person(actor_id).name
    if link is not None:
        said = Said(Answer.SIGNED, name=name, role=PRACTITIONERS_ROLE, words=statement)
        links.use(link, said, bound=terms_of(order, actor_id), at=at)
    links.withdraw_all(purpose=LinkPurpose.SIGN_ORDER, subject_id=order_id, actor_id=actor_id, at=at)
    through = {"link": link.id} if link is not None else {}
    steps.move(order, OrderEvent.CONFIRMED, cause=cause, actor_id=actor_id, at=at, **through)
    _tell(order, practitioner=name, at=at)


def _tell(order: Order, *, practitioner: str, at: datetime) -> None:
    told = steps.told_of(order)
    if order.approval_limit_minor is None:
        steps.tell_buyer(wording.confirmed_to_buyer(told, practitioner=practitioner), order, at=at)
        return
    steps.tell_buyer(wording.confirmed_and_waiting(told, practitioner=practitioner), order, at=at)
    limit = Money(order.approval_limit_minor, order.currency)
    asked = wording.asked_to_approve(told, buyer=accounts.person(order.buyer_id).name, limit=limit)
    steps.tell(asked, belonging.second_persons_of(order), order, at=at)


def terms_of(order: Order, practitioner_id: UUID) -> dict[str, Any]:
    """
    Return everything that a signature is about: a link to sign is bound to it, and void once any of it differs.

    It is what the practitioner reads, and what the gate looks at.
    """
    unit = steps.unit_of(order)
    return {
        "practitioner": str(practitioner_id),
        "maker": unit.maker,
        "model": unit.model,
        "serial": unit.serial,
        "sale": write(steps.sale_of(order)),
        "clinic": str(order.buyer_clinic_id),
        "buyer": str(order.buyer_id),
        "operator": str(order.operator_id),
        "site": str(order.site_id),
        "place": [unit.clinic, unit.site, unit.city, unit.state],
        "uses": list(order.declared_uses),
        "restriction": order.use_restriction,
        "price": [order.price_minor, order.currency],
    }


def _as_confirmed(order: Order, practitioner_id: UUID, signed: frozenset[str], *, at: datetime) -> Verdict:
    """Return what the gate would say if this practitioner signed now."""
    purchase = Purchase(
        buyer_id=order.buyer_id,
        clinic_id=order.buyer_clinic_id,
        site_id=order.site_id,
        operator_id=order.operator_id,
        declared_uses=frozenset(ProcedureClass(use) for use in order.declared_uses),
        restriction_signed=order.use_restriction is not None,
        practitioner_id=practitioner_id,
        confirmed_at=at,
        statements=signed,
    )
    return eligibility.preview(sale=steps.sale_of(order), purchase=purchase, at=at)


def _statement(order: Order, practitioner_id: UUID, required: tuple[str, ...]) -> str:
    unit = steps.unit_of(order)
    return wording.statement_of(
        practitioner=accounts.person(practitioner_id).name,
        maker=unit.maker,
        model=unit.model,
        serial=unit.serial,
        clinic=unit.clinic,
        site=f"{unit.site}, {unit.city}, {unit.state}",
        uses=[ProcedureClass(use) for use in order.declared_uses],
        required=required,
        left_out=queries.left_out_of(order),
        restriction=order.use_restriction,
    )

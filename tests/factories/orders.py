"""Whole scenes around one sale: a seller, a unit, a clinic in Texas whose people are cleared for it, and its orders."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from marketplace.accounts.models import User
from marketplace.clinics.models import Clinic, ClinicSite
from marketplace.credentials.models import Credential
from marketplace.eligibility.models import Moment
from marketplace.extensions import db, unit_of_work
from marketplace.kernel.terms import ClinicRole
from marketplace.listings.models import Listing
from marketplace.orders import service as orders
from marketplace.orders import steps
from marketplace.orders.handovers import DeliveryReceipt
from marketplace.orders.models import Order
from marketplace.orders.states import OrderEvent, OrderState
from marketplace.payments.amounts import Rate
from marketplace.payments.states import PaymentState
from tests.factories.accounts import kept, make_staff, make_user, together
from tests.factories.catalog import make_model
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.payments import make_payment
from tests.factories.rules import publish_rules

FEE_BPS = 600


@dataclass
class Scene:
    """Who is who around one unit. The buyer is a technician who operates it; every key of the gate turns."""

    seller: User
    seller_clinic: Clinic
    listing: Listing
    buyer: User
    owner: User
    practitioner: User
    clinic: Clinic
    site: ClinicSite
    licence: Credential
    prescriber: Credential


@together()
def make_scene(now: datetime, *, price_minor: int = 4_250_000, desk: tuple[User, User] | None = None) -> Scene:
    """
    Keep a diode laser for hair of a verified seller, and a Texas facility that is cleared for it.

    `desk` are the two verifiers who saw its papers; without them two more are hired.
    """
    publish_rules(now)
    verifier, first_verifier = desk or (make_staff(), make_staff())
    seller = make_user(name="Selma Vogt")
    checked = {"seller_checked_by": verifier.id, "seller_first_checked_by": first_verifier.id}
    seller_clinic = make_clinic(owner=seller, seller=True, name="Desert Aesthetics", **checked)
    unit = make_handpiece("DIODE_HR")
    model = make_model(modality_codes=("DIODE_HR",))
    listing = make_listing(clinic=seller_clinic, model=model, handpieces=[unit], price_minor=price_minor)
    owner, buyer = make_user(name="Olive Stone"), make_user(name="Alice Martin")
    practitioner, colleague = make_user(name="Dana Okafor"), make_user(name="Priya Nair")
    clinic = make_clinic(owner=owner)
    for user, role in (
        (buyer, ClinicRole.TECHNICIAN),
        (practitioner, ClinicRole.PRACTITIONER),
        (colleague, ClinicRole.TECHNICIAN),
    ):
        make_member(clinic=clinic, user=user, role=role)
    site = make_site(clinic=clinic, laser_safety_officer_id=buyer.id)
    until = (now + timedelta(days=200)).date()

    def held(type_code: str, **values) -> Credential:
        return make_credential(
            type_code=type_code,
            verifier=verifier,
            first_verifier=first_verifier,
            expires_on=until,
            at=now - timedelta(days=2),
            **values,
        )

    licence = held("US-TX:TDLR:LHR", holder=buyer, level="SENIOR_TECHNICIAN")
    held("US-TX:TDLR:LHR", holder=colleague, level="PROFESSIONAL")
    held("US-TX:TDLR:LHR_FACILITY", site=site)
    held("US-TX:CONSULTING_PHYSICIAN_CONTRACT", site=site)
    prescriber = held("MD_DO", holder=practitioner)
    return Scene(
        seller=seller,
        seller_clinic=seller_clinic,
        listing=listing,
        buyer=buyer,
        owner=owner,
        practitioner=practitioner,
        clinic=clinic,
        site=site,
        licence=licence,
        prescriber=prescriber,
    )


def wish(scene: Scene, *, at: datetime, **changed: Any) -> dict[str, Any]:
    """Return what the scene's buyer asks `orders.place` for; read before threads begin."""
    return {
        "buyer_id": scene.buyer.id,
        "clinic_id": scene.clinic.id,
        "site_id": scene.site.id,
        "operator_id": scene.buyer.id,
        "listing_id": scene.listing.id,
        "declared_uses": (),
        "restriction_signed": False,
        "form_key": uuid4(),
        "rate": Rate(FEE_BPS),
        "at": at,
        **changed,
    }


def place(scene: Scene, *, at: datetime, **changed: Any) -> UUID:
    """Place the order that the scene is made for."""
    return orders.place(**wish(scene, at=at, **changed))


def place_and_confirm(scene: Scene, *, at: datetime, **changed: Any) -> UUID:
    """Place the order and let the practitioner sign everything that is asked for."""
    order_id = place(scene, at=at, **changed)
    _confirm(order_id, scene, at)
    return order_id


def make_order(state: OrderState | str, scene: Scene, *, at: datetime, **changed: Any) -> Order:
    """
    Place the order and bring it to `state`, as it would come there, but without asking the payment provider.

    From `payment_processing` on its payment has the state that belongs to it.
    """
    state = OrderState(state)
    order_id = place(scene, at=at, **changed)
    for event in _WAYS[state]:
        _STEPS[event](order_id, scene, at)
    return the_order(order_id)


def decide(order: Order, moment: Moment, *, at: datetime) -> UUID:
    """Keep what the gate says about the order now."""
    return steps.ask_the_gate(order.id, moment, at=at).id


def _confirm(order_id: UUID, scene: Scene, at: datetime) -> None:
    asked = orders.to_sign(order_id=order_id, actor_id=scene.practitioner.id, at=at)
    signed = [code for code, _ in asked.required]
    orders.confirm(order_id=order_id, actor_id=scene.practitioner.id, signed=signed, at=at)


def _move(event: OrderEvent, **values):
    def move(order_id: UUID, scene: Scene, at: datetime) -> None:
        with unit_of_work():
            order = steps.locked(order_id)
            for name, value in values.items():
                setattr(order, name, value(order, at) if callable(value) else value)
            steps.move(order, event, cause="a test needs it so", actor_id=None, at=at)

    return move


def _pay(state: PaymentState, event: OrderEvent, **values):
    def pay(order_id: UUID, scene: Scene, at: datetime) -> None:
        make_payment(the_order(order_id), state=state, at=at)
        decision = decide(the_order(order_id), Moment.PAYMENT_RECEIVED, at=at)
        _move(event, payment_decision_id=decision, **values)(order_id, scene, at)

    return pay


def _ship(order_id: UUID, scene: Scene, at: datetime) -> None:
    decision = decide(the_order(order_id), Moment.SHIP_RELEASE, at=at)
    _move(OrderEvent.SHIP_RELEASED, release_decision_id=decision)(order_id, scene, at)


def _deliver(order_id: UUID, scene: Scene, at: datetime) -> None:
    kept(
        DeliveryReceipt(
            order_id=order_id,
            signed_by=scene.buyer.name,
            member_id=scene.buyer.id,
            told_by=scene.buyer.id,
            told_at=at,
            attested=False,
        )
    )
    _move(_E.DELIVERED, delivered_at=at, inspection_ends_at=at + timedelta(days=3))(order_id, scene, at)


_E = OrderEvent
_STEPS = {
    _E.CONFIRMED: _confirm,
    _E.PAYMENT_STARTED: lambda order_id, scene, at: (
        make_payment(the_order(order_id), state=PaymentState.PROCESSING, at=at),
        _move(_E.PAYMENT_STARTED)(order_id, scene, at),
    ),
    _E.PAID: _pay(PaymentState.HELD, _E.PAID),
    _E.PAID_NOT_CLEARED: _pay(PaymentState.HELD, _E.PAID_NOT_CLEARED, reason="The licence has expired."),
    _E.SHIP_RELEASED: _ship,
    _E.DISPATCHED: _move(_E.DISPATCHED, carrier="ArcBest", tracking="4411", dispatched_at=lambda _order, at: at),
    _E.DELIVERED: _deliver,
    _E.ACCEPTED: lambda order_id, scene, at: orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=at),
    _E.CANCELLED: _move(_E.CANCELLED, reason="The buyer cancelled the order before it was paid."),
}
_TO_FUNDS = (_E.CONFIRMED, _E.PAID)
_WAYS: dict[OrderState, tuple[OrderEvent, ...]] = {
    OrderState.AWAITING_PRACTITIONER: (),
    OrderState.AWAITING_PAYMENT: (_E.CONFIRMED,),
    OrderState.PAYMENT_PROCESSING: (_E.CONFIRMED, _E.PAYMENT_STARTED),
    OrderState.HELD_NOT_CLEARED: (_E.CONFIRMED, _E.PAID_NOT_CLEARED),
    OrderState.FUNDS_HELD: _TO_FUNDS,
    OrderState.RELEASED_TO_SHIP: (*_TO_FUNDS, _E.SHIP_RELEASED),
    OrderState.IN_TRANSIT: (*_TO_FUNDS, _E.SHIP_RELEASED, _E.DISPATCHED),
    OrderState.UNDER_INSPECTION: (*_TO_FUNDS, _E.SHIP_RELEASED, _E.DISPATCHED, _E.DELIVERED),
    OrderState.ACCEPTED: (*_TO_FUNDS, _E.SHIP_RELEASED, _E.DISPATCHED, _E.DELIVERED, _E.ACCEPTED),
    OrderState.CANCELLED: (_E.CANCELLED,),
}


def the_order(order_id: UUID) -> Order:
    """Return the order as it is now."""
    return db.session.get_one(Order, order_id, populate_existing=True)

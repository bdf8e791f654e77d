"""Orders of the demo in every state, made by the use-cases of the house and paid on the local Stripe."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import ColumnElement, and_, select, text, true, update

from ...catalog import queries as catalog
from ...config import Settings
from ...credentials import reviewing
from ...credentials.models import Credential
from ...credentials.states import CredentialState
from ...eligibility import service as eligibility
from ...eligibility.sale import Purchase, Sale
from ...eligibility.verdict import Verdict
from ...extensions import db, unit_of_work
from ...jobs import JOBS
from ...kernel.money import Money
from ...kernel.terms import ProcedureClass
from ...listings import queries as listings
from ...listings.models import Listing
from ...listings.states import ListingState
from ...orders import service as orders
from ...orders.models import Order
from ...orders.states import OrderState
from ...payments import service as payments
from ...payments.amounts import Rate
from ...payments.models import Payment, SellerAccount
from . import talk
from .cast import HOUSES
from .market import FEATURED, PastSale
from .people import Stage
from .then import Calendar

_HAIR = frozenset({ProcedureClass.HAIR_NONABLATIVE})
_SKIN = _HAIR | {ProcedureClass.SKIN_NONABLATIVE, ProcedureClass.VASCULAR_PIGMENT}
_SURFACE = frozenset({ProcedureClass.RF_SURFACE})
_EVERY: frozenset[ProcedureClass] = frozenset()  # Whatever it does.
_S = OrderState

RECALLED = "Solta Thermage CPT"
"""The model whose recall a verifier confirms while one of it is paid for and on its way."""

PHYSICIANS = {"lakeshore": "Margaret Sloan", "bayview": "Helen Cho"}
"""Who operates and orders for themselves, by house."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    An order: who buys for which clinic what kind of use, from whom if it matters, and how far it comes.

    `smaller`: a device that the buyer is only cleared for without one of its handpieces, which stays with the seller;
    `model`, `serial`: which it is, where that matters; `by_card`: it costs no more than a card may pay, and is paid so;
    `disputed`: the buyer's bank takes that money back; `asks`: something first, which the order then rests on;
    `taken_by`: who signed for it, where it was nobody of the clinic.
    """

    buyer: str
    house: str
    practitioner: str
    end: OrderState
    uses: frozenset[ProcedureClass] = _HAIR
    seller: str | None = None
    smaller: bool = False
    model: str | None = None
    serial: str | None = None
    by_card: bool = False
    disputed: bool = False
    asks: bool = False
    taken_by: str | None = None


PLANS = (
    Plan("Dana Reyes", "lone_star", "Amir Khan", _S.LAPSED),
    Plan("Dana Reyes", "lone_star", "Amir Khan", _S.CANCELLED),
    Plan("Dana Reyes", "lone_star", "Amir Khan", _S.AWAITING_PRACTITIONER),
    Plan("Dana Reyes", "lone_star", "Amir Khan", _S.AWAITING_PAYMENT),
    Plan("Jade Kim", "silver_state", "Ravi Menon", _S.PAYMENT_PROCESSING),
    Plan("Ingrid Olsen", "cascade", "Paul Hadley", _S.HELD_NOT_CLEARED),
    Plan("Simone Grant", "peachtree", "Victor Lane", _S.FUNDS_HELD, seller="sonoran"),
    Plan("Nora Castillo", "desert_ridge", "Alicia Ruiz", _S.FUNDS_HELD, seller="gulf_coast"),
    Plan("Ben Yazzie", "desert_ridge", "Alicia Ruiz", _S.FUNDS_HELD, _SKIN, smaller=True),
    Plan("Margaret Sloan", "lakeshore", "Margaret Sloan", _S.RELEASED_TO_SHIP),
    Plan("Helen Cho", "bayview", "Helen Cho", _S.IN_TRANSIT),
    Plan("Dana Reyes", "lone_star", "Amir Khan", _S.UNDER_INSPECTION, asks=True, taken_by="Karl Brandt"),
    Plan("Margaret Sloan", "lakeshore", "Margaret Sloan", _S.ACCEPTED, seller="hill_country"),
    Plan("Dana Reyes", "lone_star", "Amir Khan", _S.SETTLED),
    Plan("Nora Castillo", "desert_ridge", "Alicia Ruiz", _S.SETTLED),
    Plan("Simone Grant", "peachtree", "Victor Lane", _S.REFUNDED),
    Plan("Jade Kim", "silver_state", "Ravi Menon", _S.REFUNDING),
    Plan("Jade Kim", "silver_state", "Ravi Menon", _S.FUNDS_HELD, _SURFACE, model=RECALLED),
    Plan("Margaret Sloan", "lakeshore", "Margaret Sloan", _S.FUNDS_HELD, _EVERY, by_card=True, disputed=True),
)


def sale_to(sale: PastSale) -> Plan:
    """Return the plan of a sale of the past."""
    physician = PHYSICIANS[sale.house]
    return Plan(physician, sale.house, physician, _S.SETTLED, _EVERY, serial=sale.serial)


# A seller who is owed money but has not finished with the payment provider: the transfer waits for them.
_NOT_ONBOARDED = "hill_country"

_AT_A_TIME, _PLAYED_TOGETHER = 24, 12

# The way from a paid order to its end; every end lies on it.
_DELIVERY = (_S.FUNDS_HELD, _S.RELEASED_TO_SHIP, _S.IN_TRANSIT, _S.UNDER_INSPECTION, _S.ACCEPTED, _S.SETTLED)


_DAYS_ON_THE_WAY = (1, 1, 5, 2)
"""How long each step of it takes, where time passes."""


class Market:
    """Walks orders through the house, and pays them on the local Stripe; the calendar says when a step happens."""

    def __init__(self, stage: Stage, settings: Settings, calendar: Calendar) -> None:
        self._stage = stage
        self._settings = settings
        self._calendar = calendar
        self._clock = calendar.now
        self._ask = calendar.ask_stripe
        self._numbers = count()
        self._featured = {(maker, model) for _, maker, model, *_ in FEATURED}

    def open_accounts(self) -> None:
        """Let every seller but one be payable."""
        for house in HOUSES:
            clinic = self._stage.clinics[house.key]
            owner = self._stage.people[house.people[0].name]
            if house.basis is None or house.key == _NOT_ONBOARDED:
                continue
            payments.open_seller_account(
                clinic_id=clinic, email=house.people[0].email, name=house.name, actor_id=owner, at=self._clock()
            )
            reference = db.session.scalars(
                select(SellerAccount.reference).where(SellerAccount.clinic_id == clinic)
            ).one()
            self._ask(f"/_sim/accounts/{reference}", status="active")
            payments.refresh_seller_account(clinic_id=clinic, at=self._clock())

    def play(self, plans: Sequence[Plan]) -> None:
        """
        Walk the orders to their ends, many of them step by step together: asking the provider takes the time.

        Not all of them at once: no clinic may have more than a few orders that are not paid.
        """
        for start in range(0, len(plans), _PLAYED_TOGETHER):
            self._play(plans[start : start + _PLAYED_TOGETHER])

    def _play(self, plans: Sequence[Plan]) -> None:
        begun = [(plan, self._begin(plan)) for plan in plans]
        self._catch_up()
        for plan, order in begun:
            if plan.end in {_S.REFUNDED, _S.REFUNDING}:
                self._refund(order, pending=plan.end is _S.REFUNDING)
            if plan.disputed:
                paid = db.session.execute(select(Payment.id, Payment.charge_id).where(Payment.order_id == order)).one()
                self._ask(f"/_sim/charges/{paid.charge_id}/dispute")
                payments.converge(payment_id=paid.id, live=False, at=self._clock())
        deliveries = [
            self._delivery(order, self._stage.people[plan.buyer], plan)
            for plan, order in begun
            if plan.end in _DELIVERY
        ]
        for number, days in enumerate(_DAYS_ON_THE_WAY):
            self._calendar.let_pass(days)
            for delivery in deliveries:
                for step in delivery[number : number + 1]:
                    step()
        self._catch_up()

    def _begin(self, plan: Plan) -> UUID:
        """Place the order, have it confirmed and paid, as far as its plan goes."""
        order = self._place(plan)
        buyer = self._stage.people[plan.buyer]
        if plan.end is _S.LAPSED:
            with unit_of_work():
                db.session.execute(update(Order).where(Order.id == order).values(expires_at=self._clock()))
            orders.lapse_expired(live=False, at=self._clock())
        elif plan.end is _S.CANCELLED:
            orders.cancel(order_id=order, actor_id=buyer, live=False, at=self._clock())
        elif plan.end is not _S.AWAITING_PRACTITIONER:
            self._confirm(order, self._stage.people[plan.practitioner])
            if plan.end is not _S.AWAITING_PAYMENT:
                self._pay(order, buyer, plan)
        return order

    def _place(self, plan: Plan) -> UUID:
        buyer = self._stage.people[plan.buyer]
        clinic, site = self._stage.clinics[plan.house], self._stage.sites[plan.house]
        purchase = Purchase(
            buyer_id=buyer,
            clinic_id=clinic,
            site_id=site,
            operator_id=buyer,
            declared_uses=plan.uses,
            restriction_signed=True,
        )
        listing_id, left_out = self._something_for(purchase, plan)
        if plan.asks:
            talk.ask_before_ordering(self._stage, listing_id, plan.buyer, at=self._clock())
        sold = listings.sale_of(listing_id).without(left_out).handpieces
        serves = {use for part in sold for use in catalog.modalities()[part.modality_code].procedure_classes}
        uses = plan.uses & serves if plan.uses else self._open_to(listing_id, purchase) or serves
        return orders.place(
            buyer_id=buyer,
            clinic_id=clinic,
            site_id=site,
            operator_id=buyer,
            listing_id=listing_id,
            left_out=left_out,
            declared_uses=frozenset(uses),
            restriction_signed=True,
            form_key=uuid5(NAMESPACE_URL, f"demo:order:{next(self._numbers)}"),
            rate=Rate(self._settings.platform_fee_bps, Money(self._settings.platform_fee_least_minor)),
            at=self._clock(),
        )

    def _something_for(self, purchase: Purchase, plan: Plan) -> tuple[UUID, list[UUID]]:
        """Return the first unit on the market, outside the tour, that this buyer may buy, and what they leave out."""
        wanted = select(Listing.id).where(
            Listing.state == ListingState.PUBLISHED, Listing.clinic_id != purchase.clinic_id, self._meant(plan)
        )
        if plan.seller is not None:
            wanted = wanted.where(Listing.clinic_id == self._stage.clinics[plan.seller])
        else:
            wanted = wanted.where(Listing.clinic_id != self._stage.clinics[_NOT_ONBOARDED])
        found = db.session.scalars(wanted.order_by(Listing.serial)).all()
        # A few at a time: most find something among the first.
        units = (
            (sale, verdict)
            for start in range(0, len(found), _AT_A_TIME)
            for sale, verdict in self._judged(found[start : start + _AT_A_TIME], purchase)
        )
        if not plan.smaller:
            return next((sale.listing_id, []) for sale, verdict in units if verdict.cleared)
        several = (sale for sale, verdict in units if not verdict.cleared and len(sale.handpieces) > 1)
        smaller = ((one, eligibility.smaller(sale=one, purchase=purchase, at=self._clock())) for one in several)
        return next((one.listing_id, [part for part, _ in less.left_out]) for one, less in smaller if less)

    def _open_to(self, listing_id: UUID, purchase: Purchase) -> Collection[ProcedureClass]:
        """Return the uses that the gate narrows a purchase to; nothing: it does not."""
        ((_, verdict),) = self._judged([listing_id], purchase)
        return verdict.restriction.uses if verdict.restriction else ()

    def _meant(self, plan: Plan) -> ColumnElement[bool]:
        if plan.serial is not None:
            return Listing.serial == plan.serial
        if plan.model is not None:
            return Listing.title == plan.model
        others = Listing.title.not_in([f"{maker} {model}" for maker, model in self._featured] + [RECALLED])
        paid = Listing.price_minor <= self._settings.card_cap_minor if plan.by_card else true()
        return and_(others, paid)

    def _judged(self, units: Sequence[UUID], purchase: Purchase) -> Iterable[tuple[Sale, Verdict]]:
        sales = listings.sales_of(units)
        return zip(sales, eligibility.previews(sales=sales, purchase=purchase, at=self._clock()), strict=True)

    def _confirm(self, order: UUID, practitioner: UUID) -> None:
        asked = orders.to_sign(order_id=order, actor_id=practitioner, at=self._clock())
        orders.confirm(
            order_id=order,
            actor_id=practitioner,
            signed=[code for code, _ in asked.required],
            at=self._clock(),
        )

    def _pay(self, order: UUID, buyer: UUID, plan: Plan) -> None:
        base = self._settings.base_url
        address = orders.start_payment(
            order_id=order,
            actor_id=buyer,
            success_url=f"{base}/orders/{order}",
            cancel_url=f"{base}/orders/{order}",
            live=False,
            at=self._clock(),
        )
        checkout = address.rpartition("/")[2]
        self._ask(f"/_sim/checkouts/{checkout}/pay", **{"with": "card" if plan.by_card else "bank_transfer"})
        if plan.end is not _S.PAYMENT_PROCESSING and not plan.by_card:
            self._ask(f"/_sim/checkouts/{checkout}/arrive")
        if plan.end is _S.HELD_NOT_CLEARED:
            # Nobody asks the gate before the money is here; by then the order is on hold.
            self._suspend_licence(buyer)
            self._catch_up()

    def _delivery(self, order: UUID, buyer: UUID, plan: Plan) -> Sequence[Callable[[], None]]:
        seller = self._seller_of(order)
        signer = orders.Signer(name=plan.taken_by) if plan.taken_by else orders.Signer(member_id=buyer)
        steps: tuple[Callable[[], None], ...] = (
            lambda: orders.release_to_ship(order_id=order, actor_id=seller, at=self._clock()),
            lambda: orders.dispatch(
                order_id=order, actor_id=seller, carrier="Demo Freight", tracking="DF-20260-118", at=self._clock()
            ),
            lambda: orders.report_arrival(order_id=order, actor_id=buyer, signer=signer, at=self._clock()),
            lambda: orders.accept(order_id=order, actor_id=buyer, at=self._clock()),
        )
        return steps[: _DELIVERY.index(plan.end)]

    def _refund(self, order: UUID, *, pending: bool) -> None:
        if pending:
            # Money that is not on the balance cannot go back at once; the provider then waits for it.
            waiting = self._ask("/_sim/sweep", amount=0)["available"][0]["amount"]
            self._ask("/_sim/sweep")
        orders.refund(
            order_id=order,
            actor_id=self._seller_of(order),
            reason="The console failed its last test.",
            at=self._clock(),
        )
        self._catch_up()
        if pending:
            self._ask("/_sim/sweep", amount=-waiting)

    def _suspend_licence(self, holder: UUID) -> None:
        credential = db.session.scalars(
            select(Credential.id).where(Credential.holder_id == holder, Credential.state == CredentialState.VERIFIED)
        ).first()
        assert credential is not None
        reviewing.suspend(
            credential_id=credential,
            actor_id=self._stage.verifier,
            words="The register shows it as lapsed since this morning; we are asking the board.",
            at=self._clock(),
        )

    def _catch_up(self) -> None:
        """Look at the provider, as the worker does, and do what follows from it."""
        payments.reconcile(live=False, at=self._clock())
        orders.catch_up(at=self._clock())
        do_jobs()

    def _seller_of(self, order: UUID) -> UUID:
        return self._stage.who_runs(db.session.scalars(select(Order.seller_clinic_id).where(Order.id == order)).one())


def do_jobs() -> None:
    """Do the promised jobs, but for the mails: forty people's post of a year would bury the mailbox."""
    while True:
        with unit_of_work():
            job = db.session.execute(
                text(
                    "DELETE FROM procrastinate_jobs WHERE id = (SELECT id FROM procrastinate_jobs"
                    " WHERE status = 'todo' AND task_name <> 'send_mail' AND coalesce(scheduled_at <= now(), true)"
                    " ORDER BY id LIMIT 1) RETURNING task_name, args"
                )
            ).one_or_none()
        if job is None:
            return
        JOBS[job.task_name](**job.args)

"""The buying side of an order: place it, confirm it, pay it, follow it, accept the device."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, HiddenField, SelectMultipleField, validators
from wtforms.validators import InputRequired

from ..accounts.access import Permission, Weighty
from ..catalog import queries as catalog
from ..clinics import queries as clinics
from ..config import Settings
from ..eligibility import service as eligibility
from ..eligibility import told as around_readers
from ..eligibility.sale import Purchase, Sale
from ..eligibility.told import Around, Told
from ..eligibility.verdict import Verdict
from ..kernel import clock
from ..kernel.money import Money
from ..kernel.terms import STATES, ProcedureClass
from ..listings import liens, reports
from ..listings import queries as listings
from ..listings.facts import ListingFacts
from ..listings.states import ListingState
from ..messages import queries as messages
from ..messages.access import speaks_for
from ..orders import freeing, offers, queries, service, views
from ..orders.access import Act, Party
from ..orders.states import OrderState
from ..orders.views import OrderView
from ..payments import queries as payments
from ..payments.amounts import Rate
from ..reviews import service as reviews
from ..reviews.queries import COMPLETED
from . import gate, money_words, order_words, unit
from .access import me, requires
from .forms import Form, applied

bp = Blueprint("buying", __name__)

_GATED = frozenset(
    {
        OrderState.AWAITING_PRACTITIONER,
        OrderState.AWAITING_PAYMENT,
        OrderState.PAYMENT_PROCESSING,
        OrderState.HELD_NOT_CLEARED,
        OrderState.FUNDS_HELD,
    }
)
"""States in which the buying side sees what the gate would say now."""


class PlaceForm(Form):
    """What the buyer says with the order; site, operator and uses stand in its address, as they were chosen."""

    form_key = HiddenField(validators=[validators.UUID("Please open this page again.")])
    restriction = BooleanField("I sign this restriction for my clinic")
    terms = BooleanField(
        "I order this device for use in a medical practice, and I have read what is written above",
        validators=[InputRequired("Please read what is written above and tick this box.")],
    )


class ConfirmForm(Form):
    """What the practitioner signs."""

    statements = SelectMultipleField("Further statements")
    sign = BooleanField("I sign this order", validators=[InputRequired("Please tick this box if you sign the order.")])


@dataclass(frozen=True, slots=True)
class _Choice:
    """Where, by whom and for what the device would be used, and without which handpieces it would be bought."""

    told: Told
    site: clinics.Site
    sites: tuple[clinics.Site, ...]
    operator_id: UUID
    operators: tuple[clinics.Member, ...]
    left_out: tuple[UUID, ...]
    sale: Sale
    possible_uses: tuple[ProcedureClass, ...]
    uses: frozenset[ProcedureClass]

    @property
    def declared(self) -> frozenset[ProcedureClass]:
        """The uses to declare: none where nothing is left out, which means all."""
        return frozenset() if self.uses == set(self.possible_uses) else self.uses

    def purchase(self, *, restriction_signed: bool = False) -> Purchase:
        """Return the question to the gate."""
        return Purchase(
            buyer_id=me().id,
            clinic_id=self.site.clinic_id,
            site_id=self.site.id,
            operator_id=self.operator_id,
            declared_uses=self.declared,
            restriction_signed=restriction_signed,
        )

    def around(self) -> Around:
        """Return the question with what was told to stand around it, for a page that shows the answer."""
        return self.told.around(self.purchase())


@bp.route("/devices/<uuid:listing>/order", methods=["GET", "POST"])
@requires(Permission.ORDER_PLACE, weighty=Weighty.PLACE_ORDER)
def place(listing: UUID) -> ResponseReturnValue:
    """Choose site, operator and uses, see what the gate says, and place the order. A refusal is shown by `errors`."""
    device = listings.on_display(listing)
    choice = _choice(device)
    if choice is None:
        return render_template("buying/no_site.html", device=device)
    form = PlaceForm(data={"form_key": str(uuid4())})
    verdict = eligibility.preview(sale=choice.sale, purchase=choice.around(), at=clock.now())
    if verdict.restriction is not None:
        form.restriction.validators = [InputRequired("Please sign the restriction, or declare all uses.")]
    if form.validate_on_submit():
        with applied(form):
            order_id = service.place(
                buyer_id=me().id,
                clinic_id=choice.site.clinic_id,
                site_id=choice.site.id,
                operator_id=choice.operator_id,
                listing_id=listing,
                declared_uses=choice.declared,
                restriction_signed=bool(form.restriction.data),
                left_out=choice.left_out,
                form_key=UUID(form.form_key.data),
                rate=Rate(_settings().platform_fee_bps, Money(_settings().platform_fee_least_minor)),
                at=clock.now(),
            )
            flash("The device is reserved for you. Your practitioner has been asked to confirm the order.", "success")
            return redirect(url_for(".order", order_id=order_id), code=303)
    return _place_page(device, choice, form, verdict), form.http_status


@bp.get("/orders")
@requires(Permission.ORDER_READ)
def purchases() -> ResponseReturnValue:
    """List the orders that the person or their clinic placed."""
    return render_template(
        "buying/purchases.html",
        orders=queries.purchases_of(me().id),
        state_of=order_words.state_of,
        acts=order_words.ACTS,
        with_news=messages.with_news_for(me().id),
    )


@bp.get("/orders/<uuid:order_id>")
@requires(Permission.ORDER_READ)
def order(order_id: UUID) -> ResponseReturnValue:
    """Show an order to one of its sides, with the one thing that is theirs to do."""
    seen = views.order_for(order_id, user_id=me().id)
    payment = payments.payment_of(order_id)
    confirming = "paid" in request.args and seen.state is OrderState.AWAITING_PAYMENT
    verdict = _verdict_now(seen)
    page = render_template(
        "buying/order.html",
        order=seen,
        payment=payment,
        verdict=verdict,
        gate_is_shut=_is_shut(seen, verdict),
        facts=order_words.facts(seen),
        timeline=order_words.timeline(seen, payment),
        cure_ends=order_words.cure_ends(seen),
        money=money_words.money_status(seen, payment),
        next_step=order_words.next_step(seen, payment),
        state=order_words.state_of(seen),
        holds=order_words.holds(seen),
        moments=order_words.MOMENTS,
        confirming=confirming,
        can_be_paid_out=payments.seller_account(seen.seller_clinic_id).payable,
        is_seller=Party.SELLER in seen.parties,
        lien=freeing.of_order(order_id),
        answered=reports.answered_in(seen.report_id),
        may_write=speaks_for(seen.parties) is not None,
        unread=messages.unread(order_id, user_id=me().id),
        may_be_reviewed=seen.state in COMPLETED and reviews.may_write(order_id=order_id, actor_id=me().id),
        proposal_waits=seen.part_can_go_back and queries.waits_for_answer(order_id, seen.parties),
        Act=Act,
    )
    # The browser looks again by itself while the provider's word is on its way, also without a script.
    return page, 200, {"Refresh": "5"} if confirming else {}


@bp.route("/orders/<uuid:order_id>/confirm", methods=["GET", "POST"])
@requires(Permission.ORDER_CONFIRM, weighty=Weighty.SIGN_ORDER)
def confirm(order_id: UUID) -> ResponseReturnValue:
    """Read what the ordering practitioner signs, and sign it."""
    seen = views.order_for(order_id, user_id=me().id)
    asked = service.to_sign(order_id=order_id, actor_id=me().id, at=clock.now())
    form = ConfirmForm()
    form.statements.choices = list(asked.required)
    if form.validate_on_submit():
        with applied(form):
            service.confirm(order_id=order_id, actor_id=me().id, signed=form.statements.data or (), at=clock.now())
            flash(order_words.signed(seen), "success")
            return redirect(url_for(".order", order_id=order_id), code=303)
    return render_template(
        "buying/confirm.html",
        order=seen,
        asked=asked,
        link=None,
        form=form,
        verdict=gate.shown(asked.verdict, state=asked.state_code, around=around(seen)),
    ), form.http_status


@bp.post("/orders/<uuid:order_id>/approve")
@requires(Permission.ORDER_PLACE, weighty=Weighty.APPROVE_ORDER)
def approve(order_id: UUID) -> ResponseReturnValue:
    """Approve, as the second person of the clinic, that the order be paid."""
    service.approve(order_id=order_id, actor_id=me().id, at=clock.now())
    flash("You approved the purchase. It can be paid for now.", "success")
    return redirect(url_for(".order", order_id=order_id), code=303)


@bp.post("/orders/<uuid:order_id>/pay")
@requires(Permission.ORDER_PLACE)
def pay(order_id: UUID) -> ResponseReturnValue:
    """Go to the provider's payment page."""
    settings = _settings()
    back = settings.base_url + url_for(".order", order_id=order_id)
    page = service.start_payment(
        order_id=order_id,
        actor_id=me().id,
        success_url=f"{back}?paid=1",
        cancel_url=back,
        live=settings.takes_real_money,
        at=clock.now(),
    )
    return redirect(page, code=303)


@bp.post("/orders/<uuid:order_id>/bank-account")
@requires(Permission.ORDER_PLACE)
def bank_account(order_id: UUID) -> ResponseReturnValue:
    """Go to the provider's page with the account and the reference of the bank transfer."""
    return redirect(service.where_to_send(order_id=order_id, actor_id=me().id), code=303)


@bp.post("/orders/<uuid:order_id>/clearance")
@requires(Permission.ORDER_PLACE)
def retry_clearance(order_id: UUID) -> ResponseReturnValue:
    """Ask the gate again about an order that is paid and was not cleared."""
    service.retry_clearance(order_id=order_id, actor_id=me().id, at=clock.now())
    flash("You are cleared. The seller can now ask for the release to ship.", "success")
    return redirect(url_for(".order", order_id=order_id), code=303)


@bp.post("/orders/<uuid:order_id>/ask-again")
@requires(Permission.ORDER_PLACE)
def ask_again(order_id: UUID) -> ResponseReturnValue:
    """Ask the gate again about an order on hold."""
    service.ask_again(order_id=order_id, actor_id=me().id, at=clock.now())
    flash("The gate says yes again: the order is no longer on hold.", "success")
    return redirect(url_for(".order", order_id=order_id), code=303)


@bp.post("/orders/<uuid:order_id>/accept")
@requires(Permission.ORDER_PLACE, weighty=Weighty.ACCEPT_DEVICE)
def accept(order_id: UUID) -> ResponseReturnValue:
    """Accept the device; the seller is paid."""
    service.accept(order_id=order_id, actor_id=me().id, at=clock.now())
    flash("You accepted the device. The seller is being paid.", "success")
    return redirect(url_for(".order", order_id=order_id), code=303)


@bp.post("/orders/<uuid:order_id>/cancel")
@requires(Permission.ORDER_PLACE)
def cancel(order_id: UUID) -> ResponseReturnValue:
    """Take the order back before it is paid, as buyer or seller."""
    service.cancel(order_id=order_id, actor_id=me().id, live=_settings().takes_real_money, at=clock.now())
    flash("The order is cancelled, and the device is back on the market. Nothing was charged.", "success")
    return redirect(url_for(".order", order_id=order_id), code=303)


def _choice(device: ListingFacts) -> _Choice | None:
    """Read the choice from the address; what is not chosen, or not theirs, is what lies nearest."""
    asked = request.args.get("site", type=UUID)
    told, _ = around_readers.look(reader_id=me().id, site_id=asked)
    sites = tuple(site for site in told.sites if site.clinic_id != device.clinic_id)
    if not sites:
        return None
    site = next((site for site in sites if site.id == asked), sites[0])
    if told.site != site:
        told, _ = around_readers.look(reader_id=me().id, site_id=site.id)
    operators = told.members
    wanted = request.args.get("operator", type=UUID)
    known = {operator.user_id for operator in operators}
    left_out = _left_out(device)
    sale = device.sale.without(left_out)
    possible = _possible_uses(sale)
    choice = _Choice(
        told=told,
        site=site,
        sites=sites,
        operator_id=wanted if wanted in known else me().id,
        operators=operators,
        left_out=left_out,
        sale=sale,
        possible_uses=possible,
        uses=frozenset(possible),
    )
    declared = {use for use in possible if use in request.args.getlist("uses")}
    return replace(choice, uses=frozenset(declared or _open_uses(choice)))


def _left_out(device: ListingFacts) -> tuple[UUID, ...]:
    """Read from the address what is left out; a box for everything is a box for nothing."""
    asked = set(request.args.getlist("without", type=UUID))
    left_out = tuple(part.id for part in device.handpieces if part.id in asked)
    return left_out if len(left_out) < len(device.handpieces) else ()


def _open_uses(choice: _Choice) -> Collection[ProcedureClass]:
    """Return the uses to begin with: those that are open to the operator, where some are not."""
    (verdict,) = eligibility.previews(sales=[choice.sale], purchase=choice.around(), at=clock.now())
    return verdict.restriction.uses if verdict.restriction else choice.possible_uses


def _possible_uses(sale: Sale) -> tuple[ProcedureClass, ...]:
    modalities = catalog.modalities()
    enabled = {use for part in sale.handpieces for use in modalities[part.modality_code].procedure_classes}
    return tuple(use for use in ProcedureClass if use in enabled)


def _place_page(device: ListingFacts, choice: _Choice, form: PlaceForm, verdict: Verdict) -> str:
    around = gate.Around(clinic_id=choice.site.clinic_id, listing_id=device.id, left_out=choice.left_out)
    agreed = None
    if not choice.left_out:
        agreed = offers.agreed(listing_id=device.id, buyer_id=me().id, clinic_id=choice.site.clinic_id, at=clock.now())
    if agreed and device.price and agreed.price >= device.price:
        agreed = None  # Its seller asks less by now.
    price = agreed.price if agreed else device.price_without(choice.left_out)
    limit = clinics.clinic(choice.site.clinic_id).limit_at(clock.now())
    return render_template(
        "buying/place.html",
        device=device,
        choice=choice,
        form=form,
        for_sale=device.state is ListingState.PUBLISHED,
        cleared=verdict.cleared,
        price=price,
        agreed=agreed,
        lien=liens.of(device),
        limit=limit if price and limit and price.minor > limit.minor else None,
        left_out=[part.name for part in device.handpieces if part.id in choice.left_out],
        offer=None if verdict.cleared else unit.offer_to(device, choice.around(), state=choice.site.state),
        verdict=gate.shown(verdict, state=choice.site.state, around=around),
        states=STATES,
        here=url_for(
            ".place",
            listing=device.id,
            site=choice.site.id,
            operator=choice.operator_id,
            uses=sorted(choice.uses),
            without=choice.left_out,
        ),
    )


def _verdict_now(seen: OrderView) -> gate.ShownVerdict | None:
    if not seen.on_buying_side or seen.state not in _GATED:
        return None
    verdict = service.clearance_now(seen.id, at=clock.now())
    return gate.shown(verdict, state=seen.state_code, around=around(seen)) if verdict else None


def _is_shut(seen: OrderView, verdict: gate.ShownVerdict | None) -> bool:
    """Say whether the gate cannot even be asked, and no hold of the order says why."""
    return verdict is None and seen.on_buying_side and seen.state in _GATED and not seen.held


def around(seen: OrderView) -> gate.Around:
    """Return where the cures of an order's objections lead to."""
    return gate.Around(
        clinic_id=seen.buyer.clinic_id if seen.buyer else None, listing_id=seen.listing_id, order_id=seen.id
    )


def _settings() -> Settings:
    settings: Settings = current_app.extensions["second_light_settings"]
    return settings

"""Whoever tries to get a device past the gate by pages alone: each way ends in a clear refusal, and nothing has moved."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from marketplace.accounts.models import User
from marketplace.clinics.models import Clinic, ClinicMember, ClinicSite
from marketplace.clinics.states import SellerStanding
from marketplace.credentials.models import Credential
from marketplace.credentials.states import CredentialState
from marketplace.eligibility import publishing
from marketplace.eligibility.models import PolicyStanding
from marketplace.eligibility.rulebook import reference_document
from marketplace.extensions import db
from marketplace.kernel.days import day_in
from marketplace.kernel.terms import ClinicRole, StaffRole
from marketplace.listings.models import Handpiece, Listing
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from marketplace.payments.models import LedgerEntry, MoneyIntent, Payment
from marketplace.recalls.states import MatchState
from marketplace.registers.models import RegisterSnapshot
from marketplace.registers.sources import EXCLUSIONS
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import Scene, make_order, make_scene
from tests.factories.recalls import make_recall
from tests.pages import browser_of
from tests.support import promised_jobs

DAY = timedelta(days=1)
EXPECTED = {"signed out": 303, "refused": 403, "not there": 404, "moved on": 409, "nonsense": 400}


@dataclass
class Attempt:
    """What somebody who tries has at hand."""

    app: object
    scene: Scene
    now: datetime

    def as_(self, user: User):
        return browser_of(self.app, user)

    @property
    def device(self) -> str:
        return f"/devices/{self.scene.listing.id}/order"

    def order_form(self, **more):
        return {"form_key": str(uuid4()), "terms": "y", **more}

    def order(self, state: OrderState) -> str:
        """Bring the scene's order to this state by honest means; return its page."""
        return f"/orders/{make_order(state, self.scene, at=self.now).id}"

    def lapse(self) -> None:
        """Let the operator's licence have ended yesterday at the place of use."""
        self.scene.licence.expires_on = (self.now - 2 * DAY).date()
        db.session.commit()

    def revoke(self, credential: Credential) -> None:
        credential.state, credential.reason = CredentialState.REVOKED, "The board revoked it."
        db.session.commit()

    def leave(self, user: User) -> None:
        db.session.execute(
            update(ClinicMember)
            .where(ClinicMember.clinic_id == self.scene.clinic.id, ClinicMember.user_id == user.id)
            .values(left_at=self.now)
        )
        db.session.commit()

    def standing(self) -> dict[str, object]:
        """Everything that must not move."""
        db.session.expire_all()
        return {
            "orders": sorted(db.session.execute(select(Order.id, Order.state, Order.site_id, Order.operator_id)).all()),
            "listings": sorted(db.session.execute(select(Listing.id, Listing.state)).all()),
            "payments": sorted(db.session.execute(select(Payment.id, Payment.state)).all()),
            "intents": db.session.scalar(select(func.count()).select_from(MoneyIntent)),
            "ledger": db.session.scalar(select(func.count()).select_from(LedgerEntry)),
            "verified": sorted(
                db.session.scalars(select(Credential.id).where(Credential.state == CredentialState.VERIFIED))
            ),
            "jobs": [job for job in promised_jobs() if job[0] != "send_mail"],  # A refusal may be told of.
        }


@pytest.fixture
def attempt(app, now):
    return Attempt(app, make_scene(now), now)


def a_bare_post_with_a_lapsed_licence(attempt):
    attempt.lapse()
    return partial(attempt.as_(attempt.scene.buyer).post, attempt.device, data=attempt.order_form()), "refused"


def a_form_that_was_opened_while_the_licence_held(attempt):
    browser = attempt.as_(attempt.scene.buyer)
    assert browser.get(attempt.device).status_code == 200
    attempt.revoke(attempt.scene.licence)
    return partial(browser.post, attempt.device, data=attempt.order_form()), "refused"


def nobody_at_all(attempt):
    return partial(attempt.app.test_client().post, attempt.device, data=attempt.order_form()), "signed out"


def json_instead_of_a_form(attempt):
    attempt.lapse()
    browser = attempt.as_(attempt.scene.buyer)
    form = json.dumps(attempt.order_form())
    return partial(browser.post, attempt.device, data=form, content_type="application/json"), 415


def the_site_of_a_clinic_in_an_easier_state(attempt):
    attempt.lapse()
    other = make_site(clinic=make_clinic(), state="MT", time_zone="America/Denver")
    address = f"{attempt.device}?site={other.id}"
    # A site that is not theirs is passed over: they are judged at their own.
    return partial(attempt.as_(attempt.scene.buyer).post, address, data=attempt.order_form()), "refused"


def a_cleared_operator_of_another_clinic(attempt):
    attempt.lapse()
    borrowed = make_user(name="Borrowed Hand")
    make_member(clinic=make_clinic(), user=borrowed, role=ClinicRole.TECHNICIAN)
    make_credential(
        type_code="US-TX:TDLR:LHR", holder=borrowed, level="PROFESSIONAL", verifier=make_staff(),
        expires_on=(attempt.now + 200 * DAY).date(), at=attempt.now - DAY,
    )  # fmt: skip
    address = f"{attempt.device}?operator={borrowed.id}"
    return partial(attempt.as_(attempt.scene.buyer).post, address, data=attempt.order_form()), "refused"


def a_use_that_burns_left_out_of_the_declaration(attempt):
    unit = make_listing(
        clinic=attempt.scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR"), make_handpiece("CO2")]
    )
    address = f"/devices/{unit.id}/order?uses=HAIR_NONABLATIVE"
    form = attempt.order_form(restriction="y")
    return partial(attempt.as_(attempt.scene.buyer).post, address, data=form), "refused"


def somebody_elses_form_sent_again(attempt):
    address = attempt.order(OrderState.AWAITING_PRACTITIONER)
    key = db.session.scalar(select(Order.form_key).where(Order.id == UUID(address.rpartition("/")[2])))
    colleague = db.session.scalars(select(User).where(User.name == "Priya Nair")).one()
    unit = make_listing(clinic=attempt.scene.seller_clinic, handpieces=["DIODE_HR"])
    form = attempt.order_form(form_key=str(key))
    return partial(attempt.as_(colleague).post, f"/devices/{unit.id}/order", data=form), "not there"


def the_sellers_own_clinic(attempt):
    make_site(clinic=attempt.scene.seller_clinic)
    browser = attempt.as_(attempt.scene.seller)
    # There is no site to choose but their own, for which it is not offered: the page that says so comes back.
    return partial(browser.post, attempt.device, data=attempt.order_form()), 200


def the_buyer_who_signs_as_their_own_practitioner(attempt):
    address = attempt.order(OrderState.AWAITING_PRACTITIONER)
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/confirm", data={"sign": "y"}), "refused"


def a_practitioner_whose_licence_was_revoked_since(attempt):
    address = attempt.order(OrderState.AWAITING_PRACTITIONER)
    attempt.revoke(attempt.scene.prescriber)
    browser = attempt.as_(attempt.scene.practitioner)
    return partial(browser.post, f"{address}/confirm", data={"sign": "y"}), "refused"


def paying_before_the_practitioner_has_signed(attempt):
    address = attempt.order(OrderState.AWAITING_PRACTITIONER)
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "moved on"


def paying_after_the_licence_has_ended(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    attempt.lapse()
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "refused"


def paying_after_midnight_where_the_device_would_be_used(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    # It counted through yesterday, as days are counted at the site.
    attempt.scene.licence.expires_on = day_in(attempt.now, attempt.scene.site.time_zone) - DAY
    db.session.commit()
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "refused"


def paying_after_the_list_of_exclusions_has_grown_too_old(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    old = attempt.now - 32 * DAY
    db.session.execute(
        update(RegisterSnapshot).where(RegisterSnapshot.source_code == EXCLUSIONS).values(retrieved_at=old)
    )
    db.session.commit()
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "refused"


def ordering_a_device_under_a_recall(attempt):
    make_recall(attempt.scene.listing.model_id, state=MatchState.CONFIRMED)
    return partial(attempt.as_(attempt.scene.buyer).post, attempt.device, data=attempt.order_form()), "refused"


def paying_after_a_recall_was_confirmed(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    make_recall(attempt.scene.listing.model_id, state=MatchState.CONFIRMED)
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "refused"


def paying_after_the_site_has_moved_to_another_state(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    db.session.execute(
        update(ClinicSite).where(ClinicSite.id == attempt.scene.site.id).values(state="AZ", time_zone="America/Phoenix")
    )
    db.session.commit()
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "refused"


def paying_after_a_handpiece_was_swapped(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    db.session.execute(
        update(Handpiece).where(Handpiece.listing_id == attempt.scene.listing.id).values(modality_code="CO2")
    )
    db.session.commit()
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "refused"


def paying_after_the_operator_has_left_the_clinic(attempt):
    # The colleague operates; the buyer stays.
    colleague = db.session.scalars(select(User).where(User.name == "Priya Nair")).one()
    scene = attempt.scene
    browser = attempt.as_(scene.buyer)
    placed = browser.post(f"{attempt.device}?operator={colleague.id}", data=attempt.order_form())
    signing = attempt.as_(scene.practitioner).post(f"{placed.location}/confirm", data={"sign": "y"})
    assert (placed.status_code, signing.status_code) == (303, 303)
    attempt.leave(colleague)
    return partial(browser.post, f"{placed.location}/pay"), "refused"


def paying_after_other_rules_were_published(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    document = reference_document()
    stricter = {**document, "rules": [rule for rule in document["rules"] if rule["jurisdiction"] != "US-TX"]}
    admin, auditor = make_staff(StaffRole.ADMIN), make_staff(StaffRole.ADMIN)
    version = publishing.draft_policy(
        document=stricter, standing=PolicyStanding.REFERENCE, proposed_by=admin.id, at=attempt.now
    )
    publishing.publish_policy(version_id=version, published_by=auditor.id, at=attempt.now)
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "refused"


def the_address_of_somebody_who_has_paid(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    # The page waits for the provider's word; the address alone says nothing.
    return partial(attempt.as_(attempt.scene.buyer).get, f"{address}?paid=1"), 200


def a_forged_word_of_the_provider(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    event = {"id": "evt_forged", "object": "event", "type": "checkout.session.completed", "data": {"object": {
        "object": "checkout.session", "payment_status": "paid", "client_reference_id": address.rpartition("/")[2],
    }}}  # fmt: skip
    forged = {"Stripe-Signature": f"t={int(attempt.now.timestamp())},v1={'0' * 64}"}
    client = attempt.app.test_client()
    return partial(client.post, "/webhooks/stripe", data=json.dumps(event), headers=forged), "nonsense"


def shipping_before_the_money_is_held(attempt):
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    return partial(attempt.as_(attempt.scene.seller).post, f"{address}/release"), "moved on"


def shipping_after_the_licence_was_revoked(attempt):
    address = attempt.order(OrderState.FUNDS_HELD)
    attempt.revoke(attempt.scene.licence)
    return partial(attempt.as_(attempt.scene.seller).post, f"{address}/release"), "refused"


def dispatching_after_the_licence_was_revoked(attempt):
    address = attempt.order(OrderState.RELEASED_TO_SHIP)
    attempt.revoke(attempt.scene.licence)
    form = {"carrier": "ArcBest", "tracking": "4411"}
    return partial(attempt.as_(attempt.scene.seller).post, f"{address}/dispatch", data=form), "refused"


def dispatching_without_a_release(attempt):
    address = attempt.order(OrderState.FUNDS_HELD)
    form = {"carrier": "ArcBest", "tracking": "4411"}
    return partial(attempt.as_(attempt.scene.seller).post, f"{address}/dispatch", data=form), "moved on"


def the_buyer_who_releases_it_to_themselves(attempt):
    address = attempt.order(OrderState.FUNDS_HELD)
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/release"), "refused"


def a_verifier_who_approves_their_own_paper(attempt):
    verifier = make_staff()
    waiting = make_credential(type_code="US-TX:TDLR:LHR", holder=verifier, state="submitted", level="PROFESSIONAL")
    return partial(attempt.as_(verifier).post, f"/staff/credentials/{waiting.id}/verify"), "refused"


def a_verifier_of_the_buyers_own_clinic(attempt):
    verifier = make_staff()
    make_member(clinic=attempt.scene.clinic, user=verifier, role=ClinicRole.MANAGER)
    waiting = make_credential(
        type_code="US-TX:TDLR:LHR", holder=attempt.scene.buyer, state="submitted", level="PROFESSIONAL"
    )
    return partial(attempt.as_(verifier).post, f"/staff/credentials/{waiting.id}/verify"), "refused"


def a_buyer_who_knows_the_address_of_the_desk(attempt):
    waiting = make_credential(
        type_code="US-TX:TDLR:LHR", holder=attempt.scene.buyer, state="submitted", level="PROFESSIONAL"
    )
    return partial(attempt.as_(attempt.scene.buyer).post, f"/staff/credentials/{waiting.id}/verify"), "refused"


def a_device_whose_seller_was_suspended_since(attempt):
    browser = attempt.as_(attempt.scene.buyer)
    db.session.execute(
        update(Clinic)
        .where(Clinic.id == attempt.scene.seller_clinic.id)
        .values(seller_standing=SellerStanding.SUSPENDED, seller_reason="Under inquiry.")
    )
    db.session.commit()
    return partial(browser.post, attempt.device, data=attempt.order_form()), "refused"


def paying_above_the_limit_of_the_clinic_alone(attempt):
    attempt.scene.clinic.purchase_limit_minor = 0
    db.session.commit()
    address = attempt.order(OrderState.AWAITING_PAYMENT)
    return partial(attempt.as_(attempt.scene.buyer).post, f"{address}/pay"), "moved on"


def an_owner_who_approves_their_own_purchase(attempt):
    scene = attempt.scene
    scene.clinic.purchase_limit_minor = 0
    make_member(clinic=scene.clinic, user=make_user(), role=ClinicRole.MANAGER)
    db.session.commit()
    order = make_order(
        OrderState.AWAITING_PAYMENT, scene, at=attempt.now, buyer_id=scene.owner.id, operator_id=scene.buyer.id
    )
    return partial(attempt.as_(scene.owner).post, f"/orders/{order.id}/approve"), "refused"


WAYS = [
    a_bare_post_with_a_lapsed_licence,
    a_form_that_was_opened_while_the_licence_held,
    nobody_at_all,
    json_instead_of_a_form,
    the_site_of_a_clinic_in_an_easier_state,
    a_cleared_operator_of_another_clinic,
    a_use_that_burns_left_out_of_the_declaration,
    somebody_elses_form_sent_again,
    the_sellers_own_clinic,
    the_buyer_who_signs_as_their_own_practitioner,
    a_practitioner_whose_licence_was_revoked_since,
    paying_before_the_practitioner_has_signed,
    paying_after_the_licence_has_ended,
    paying_after_midnight_where_the_device_would_be_used,
    paying_after_the_list_of_exclusions_has_grown_too_old,
    ordering_a_device_under_a_recall,
    paying_after_a_recall_was_confirmed,
    paying_after_the_site_has_moved_to_another_state,
    paying_after_a_handpiece_was_swapped,
    paying_after_the_operator_has_left_the_clinic,
    paying_after_other_rules_were_published,
    the_address_of_somebody_who_has_paid,
    a_forged_word_of_the_provider,
    shipping_before_the_money_is_held,
    shipping_after_the_licence_was_revoked,
    dispatching_after_the_licence_was_revoked,
    dispatching_without_a_release,
    the_buyer_who_releases_it_to_themselves,
    a_verifier_who_approves_their_own_paper,
    a_verifier_of_the_buyers_own_clinic,
    a_buyer_who_knows_the_address_of_the_desk,
    a_device_whose_seller_was_suspended_since,
    paying_above_the_limit_of_the_clinic_alone,
    an_owner_who_approves_their_own_purchase,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_ends_in_a_clear_refusal_and_nothing_has_moved(attempt, way):
    press, expected = way(attempt)
    before = attempt.standing()

    answer = press()

    assert answer.status_code == EXPECTED.get(expected, expected)
    assert attempt.standing() == before

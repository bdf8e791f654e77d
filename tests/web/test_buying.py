"""The whole sale in pages: each side sees what is theirs, does what is theirs, and nobody else does it."""

import re
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import func, select

from marketplace.adapters import patience
from marketplace.clinics import places
from marketplace.eligibility import editing, publishing
from marketplace.extensions import bind, db
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import service as listings
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from marketplace.payments.ports import PaymentGateway
from marketplace.payments.states import PaymentState
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_order, place, place_and_confirm, the_order
from tests.factories.payments import do_jobs, hear, onboarded, pay_page, the_payment
from tests.pages import browser_of, hidden, press, text, token, without_languages


@pytest.fixture
def as_(app):
    """A browser that is signed in as somebody."""
    return partial(browser_of, app)


def form_key(page: str) -> str:
    return hidden(page, "form_key")


class TestWholeSale:
    def test_from_the_order_to_the_sellers_money(self, scene, as_, local_stripe, now):
        buyer, practitioner, seller = as_(scene.buyer), as_(scene.practitioner), as_(scene.seller)
        onboarded(local_stripe, scene.seller_clinic.id, at=now)

        page = text(buyer.get(f"/devices/{scene.listing.id}/order"))
        assert "You can buy this in Texas" in page
        answer = buyer.post(
            f"/devices/{scene.listing.id}/order",
            data={"csrf_token": token(page), "form_key": form_key(page), "terms": "y"},
        )
        assert answer.status_code == 303
        order_id = db.session.scalars(select(Order.id)).one()
        address = f"/orders/{order_id}"
        assert answer.location == address
        assert "awaiting the practitioner" in text(buyer.get(address))

        page = text(practitioner.get(f"{address}/confirm"))
        assert f"serial number {scene.listing.serial}" in page
        signed = re.findall(r'name="statements" value="([^"]+)"', page)
        answer = practitioner.post(
            f"{address}/confirm", data={"csrf_token": token(page), "statements": signed, "sign": "y"}
        )
        assert (answer.status_code, answer.location) == (303, address)

        answer = press(buyer, text(buyer.get(address)), f"{address}/pay")
        assert answer.status_code == 303
        assert answer.location.startswith(f"{local_stripe.base_url}/c/pay/cs_test_")
        waiting = buyer.get(f"{address}?paid=1")
        assert "Payment being confirmed" in text(waiting)
        assert waiting.headers["Refresh"] == "5"

        # $42,500 is above what cards are taken for.
        checkout = the_payment(order_id).checkout_id
        local_stripe.choose_bank_transfer(checkout)
        hear(local_stripe)
        assert "waiting for your bank to send" in text(buyer.get(address))
        local_stripe.money_arrives(checkout, 1_000_000)
        hear(local_stripe)
        assert "$10,000 of your bank transfer is here; $32,500 of $42,500 is still to come." in text(buyer.get(address))
        local_stripe.money_arrives(checkout)
        hear(local_stripe)
        page = text(buyer.get(f"{address}?paid=1"))
        assert "Your payment of $42,500 is held until you accept the device." in page
        assert "Refresh" not in buyer.get(f"{address}?paid=1").headers

        page = text(seller.get(address))
        assert (
            "You get $39,950: the price of $42,500 less our fee of $2,550, when the buyer accepts the device." in page
        )
        assert press(seller, page, f"{address}/release").status_code == 303
        page = text(seller.get(f"{address}/dispatch"))
        assert "100 Main Street, Austin, TX 78701" in page
        answer = seller.post(
            f"{address}/dispatch", data={"csrf_token": token(page), "carrier": "ArcBest", "tracking": "4411"}
        )
        assert answer.status_code == 303

        assert "ArcBest, 4411" in text(buyer.get(address))
        arrival = f"{address}/arrival"
        assert press(buyer, text(buyer.get(arrival)), arrival, member=str(scene.buyer.id)).status_code == 303
        assert press(buyer, text(buyer.get(address)), f"{address}/accept").status_code == 303
        do_jobs()

        assert the_order(order_id).state is OrderState.SETTLED
        assert "We sent $39,950 to your account." in text(seller.get(address))
        assert "This purchase is complete." in text(buyer.get(address))
        assert "complete" in text(buyer.get("/orders"))
        assert "Lone Star Skin" in text(seller.get("/sales"))


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(Order))


class TestPlace:
    def address(self, scene) -> str:
        return f"/devices/{scene.listing.id}/order"

    def test_shows_what_stands_against_it_and_offers_no_button(self, scene, as_, now):
        scene.licence.expires_on = (now - timedelta(days=2)).date()
        db.session.commit()

        page = text(as_(scene.buyer).get(self.address(scene)))

        assert "One thing stands against this purchase" in page
        assert "Place the order" not in page

    def test_whoever_sends_the_form_all_the_same_is_refused_with_the_reasons(self, scene, as_, now):
        browser = as_(scene.buyer)
        page = text(browser.get(self.address(scene)))
        scene.licence.expires_on = (now - timedelta(days=2)).date()
        db.session.commit()

        answer = browser.post(
            self.address(scene), data={"csrf_token": token(page), "form_key": form_key(page), "terms": "y"}
        )

        assert answer.status_code == 403
        assert "The gate does not clear this purchase at the moment." in text(answer)
        assert "One thing stands against this purchase" in text(answer)
        assert count() == 0

    def test_the_same_form_twice_is_one_order(self, scene, as_):
        browser = as_(scene.buyer)
        page = text(browser.get(self.address(scene)))
        data = {"csrf_token": token(page), "form_key": form_key(page), "terms": "y"}

        first, second = (browser.post(self.address(scene), data=data) for _ in range(2))

        assert (first.status_code, first.location) == (second.status_code, second.location)
        assert count() == 1

    def test_a_box_that_was_not_ticked_brings_the_form_back(self, scene, as_):
        browser = as_(scene.buyer)
        page = text(browser.get(self.address(scene)))

        answer = browser.post(self.address(scene), data={"csrf_token": token(page), "form_key": form_key(page)})

        assert answer.status_code == 422
        assert "Please read what is written above and tick this box." in text(answer)
        assert form_key(text(answer)) == form_key(page)
        assert count() == 0

    def test_a_form_key_that_is_none_brings_the_form_back(self, scene, as_):
        browser = as_(scene.buyer)
        page = text(browser.get(self.address(scene)))

        answer = browser.post(self.address(scene), data={"csrf_token": token(page), "form_key": "x", "terms": "y"})

        assert answer.status_code == 422
        assert count() == 0

    def test_uses_that_are_left_out_are_signed_away(self, scene, as_):
        listing = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("ALEX")])
        browser = as_(scene.buyer)
        address = f"/devices/{listing.id}/order?uses=HAIR_NONABLATIVE&site={scene.site.id}&operator={scene.buyer.id}"
        page = text(browser.get(address))
        assert "Kept to:" in page
        data = {"csrf_token": token(page), "form_key": form_key(page), "terms": "y"}
        answer = browser.post(address, data=data)
        assert answer.status_code == 422
        assert "Please sign the restriction, or declare all uses." in text(answer)

        answer = browser.post(address, data={**data, "restriction": "y"})

        assert answer.status_code == 303
        assert db.session.scalars(select(Order.declared_uses)).one() == ["HAIR_NONABLATIVE"]
        assert "Kept to:" in text(browser.get(answer.location))

    def test_without_a_site_it_says_what_to_do_first(self, scene, as_):
        page = text(as_(make_user()).get(self.address(scene)))

        assert "First say where it will be used" in page

    def test_ones_own_device_is_not_offered_for_ones_own_sites(self, scene, as_):
        make_site(clinic=scene.seller_clinic)

        assert "First say where it will be used" in text(as_(scene.seller).get(self.address(scene)))

    def test_what_is_chosen_in_the_address_and_not_theirs_is_passed_over(self, scene, as_):
        other = make_site(clinic=make_clinic())
        address = f"{self.address(scene)}?site={other.id}&operator={make_user().id}&uses=NONSENSE"

        page = without_languages(text(as_(scene.buyer).get(address)))

        assert "You can buy this in Texas" in page
        assert str(other.id) not in page

    def test_a_device_that_is_taken_is_said_to_be(self, scene, as_, now):
        browser = as_(scene.buyer)
        page = text(browser.get(self.address(scene)))
        place(scene, at=now)

        answer = browser.post(
            self.address(scene), data={"csrf_token": token(page), "form_key": form_key(page), "terms": "y"}
        )

        assert answer.status_code == 409
        assert "You have ordered this device already" in text(answer)

    def test_a_device_whose_seller_paused_the_sale_is_not_said_to_be_bought_by_somebody(self, scene, as_, now):
        listings.pause(listing_id=scene.listing.id, actor_id=scene.seller.id, at=now)

        page = text(as_(scene.buyer).get(self.address(scene)))

        assert ("Its sale is paused" in page, "Its seller has paused the sale." in page) == (True, True)
        assert "Somebody is buying it" not in page
        assert "Place the order" not in page

    def test_signed_out_they_sign_in_first(self, scene, client):
        answer = client.get(self.address(scene))

        assert answer.status_code == 303
        assert answer.location.startswith("/sign-in?next=")


class TestOrderPage:
    @pytest.mark.parametrize(
        ("state", "who", "says"),
        [
            ("awaiting_practitioner", "seller", "practitioner now confirms the order"),
            ("awaiting_payment", "buyer", "Pay $42,500"),
            ("awaiting_payment", "seller", "the buyer can pay now"),
            ("payment_processing", "buyer", "waiting for your bank to send"),
            ("payment_processing", "seller", "The buyer&#39;s bank is sending the payment."),
            ("held_not_cleared", "buyer", "Ask the gate again"),
            ("held_not_cleared", "seller", "is not cleared at the moment"),
            ("funds_held", "seller", "Get the release to ship"),
            ("released_to_ship", "seller", "Dispatch"),
            ("in_transit", "buyer", "It has arrived"),
            ("under_inspection", "buyer", "Time to look it over: until"),
            ("accepted", "buyer", "$39,950 is being sent to the seller."),
            ("accepted", "seller", "$39,950 is being sent to your account."),
            ("cancelled", "buyer", "Nothing has been paid yet."),
        ],
    )
    def test_tells_each_side_what_is_next(self, scene, as_, now, state, who, says):
        order = make_order(state, scene, at=now)

        assert says in text(as_(getattr(scene, who)).get(f"/orders/{order.id}"))

    @pytest.mark.parametrize("who", ["buyer", "owner", "practitioner", "seller"])
    def test_is_open_to_its_sides(self, scene, as_, now, who):
        order_id = place(scene, at=now)

        assert as_(getattr(scene, who)).get(f"/orders/{order_id}").status_code == 200

    def test_is_not_there_for_anybody_else(self, scene, as_, now):
        order_id = place(scene, at=now)
        technician = make_user()
        make_member(clinic=scene.clinic, user=technician, role=ClinicRole.TECHNICIAN)

        for stranger in (make_user(), technician):
            browser = as_(stranger)
            for path in ("", "/confirm", "/dispatch", "/refund"):
                assert browser.get(f"/orders/{order_id}{path}").status_code == 404
            page = text(browser.get("/orders"))
            assert scene.listing.title not in page
            for act in ("pay", "cancel", "accept", "arrival", "clearance", "release"):
                data = {"csrf_token": token(page)}
                assert browser.post(f"/orders/{order_id}/{act}", data=data).status_code == 404
        assert the_order(order_id).state is OrderState.AWAITING_PRACTITIONER

    def test_the_seller_is_not_shown_who_buys_before_the_money_is_held(self, scene, as_, now):
        order = make_order("awaiting_payment", scene, at=now)

        page = text(as_(scene.seller).get(f"/orders/{order.id}"))

        for secret in ("Lone Star Skin", "100 Main Street", scene.buyer.name, scene.practitioner.name):
            assert secret not in page

    def test_the_seller_is_not_shown_what_stands_against_the_buyer(self, scene, as_, now):
        order = make_order("held_not_cleared", scene, at=now)

        page = text(as_(scene.seller).get(f"/orders/{order.id}"))

        assert "licence" not in page
        assert "What the gate answered" not in page

    @pytest.mark.parametrize("state", ["awaiting_practitioner", "awaiting_payment", "funds_held"])
    def test_can_be_read_when_its_site_was_closed(self, scene, as_, now, state):
        order = make_order(state, scene, at=now)
        places.close_site(site_id=scene.site.id, actor_id=scene.owner.id, at=now)

        page = text(as_(scene.buyer).get(f"/orders/{order.id}"))

        assert f"The site {scene.site.name} was closed." in page
        assert "A closed site does not open again" in page
        assert "The gate cannot be asked" not in page

    @pytest.mark.parametrize("who", ["buyer", "practitioner"])
    def test_can_be_read_while_no_rules_are_in_force(self, scene, as_, now, who):
        order = make_order("funds_held", scene, at=now)
        in_force = publishing.published_policy().version_id
        editing.retire(version_id=in_force, actor_id=make_staff("admin").id, reason="Counsel wrote to us.", at=now)

        assert "The gate cannot be asked about this order" in text(as_(getattr(scene, who)).get(f"/orders/{order.id}"))
        assert "The gate cannot be asked" not in text(as_(scene.seller).get(f"/orders/{order.id}"))

    def test_money_that_stands_still_is_said_to(self, scene, as_, now):
        order = make_order("funds_held", scene, at=now)
        the_payment(order.id).frozen_reason = "disputed"
        db.session.commit()

        page = text(as_(scene.buyer).get(f"/orders/{order.id}"))

        assert "We are looking at the payment of $42,500." in page
        assert "disput" not in page

    def test_a_try_that_failed_can_be_repeated(self, scene, as_, now):
        order = make_order("payment_processing", scene, at=now)
        the_payment(order.id).state = "failed"
        db.session.commit()

        assert "The last try to pay did not go through." in text(as_(scene.buyer).get(f"/orders/{order.id}"))

    def test_cancelling_frees_the_device(self, scene, as_, now):
        order_id = place(scene, at=now)
        browser = as_(scene.buyer)

        answer = press(browser, text(browser.get(f"/orders/{order_id}")), f"/orders/{order_id}/cancel")

        assert answer.status_code == 303
        page = text(browser.get(answer.location))
        assert "This order was cancelled. Nothing was charged." in page
        assert "by Alice Martin" in page

    def test_a_button_pressed_too_late_changes_nothing(self, scene, as_, now):
        order_id = place(scene, at=now)
        browser = as_(scene.buyer)
        page = text(browser.get(f"/orders/{order_id}"))

        answer = browser.post(f"/orders/{order_id}/accept", data={"csrf_token": token(page)})

        assert answer.status_code == 409
        assert "This cannot be accepted while it is awaiting practitioner." in text(answer)

    def test_asking_the_gate_again_goes_on(self, scene, as_, now):
        order = make_order("held_not_cleared", scene, at=now)
        browser = as_(scene.buyer)

        answer = press(browser, text(browser.get(f"/orders/{order.id}")), f"/orders/{order.id}/clearance")

        assert answer.status_code == 303
        assert the_order(order.id).state is OrderState.FUNDS_HELD


class TestConfirm:
    def test_without_the_signature_the_page_comes_back(self, scene, as_, now):
        order_id = place(scene, at=now)
        browser = as_(scene.practitioner)
        page = text(browser.get(f"/orders/{order_id}/confirm"))

        answer = browser.post(f"/orders/{order_id}/confirm", data={"csrf_token": token(page)})

        assert answer.status_code == 422
        assert "Please tick this box if you sign the order." in text(answer)
        assert the_order(order_id).state is OrderState.AWAITING_PRACTITIONER

    def test_is_not_the_buyers(self, scene, as_, now):
        order_id = place(scene, at=now)

        answer = as_(scene.buyer).get(f"/orders/{order_id}/confirm")

        assert answer.status_code == 403
        assert "Only a practitioner of the buying clinic can confirm this order." in text(answer)


class TestPurchases:
    def test_an_empty_list_says_what_to_do(self, as_):
        assert "No purchases yet" in text(as_(make_user()).get("/orders"))

    def test_names_the_one_thing_to_do(self, scene, as_, now):
        make_order("awaiting_payment", scene, at=now)

        page = text(as_(scene.buyer).get("/orders"))

        assert "awaiting payment" in page
        assert ">Pay<" in page
        # That the seller could cancel is not something they have to do.
        assert ">nothing<" in text(as_(scene.seller).get("/sales"))


class TestWithoutAHandpiece:
    """A unit with a handpiece that the buyer is not cleared for."""

    @pytest.fixture
    def unit(self, scene):
        return make_listing(
            clinic=scene.seller_clinic,
            handpieces=[
                make_handpiece("DIODE_HR", name="Diode"),
                make_handpiece("CO2", name="CO2", reduction_minor=50_000),
            ],
        )

    def test_the_form_offers_it_and_orders_it(self, scene, unit, as_):
        buyer, co2 = as_(scene.buyer), unit.handpieces[1].id
        address = f"/devices/{unit.id}/order"

        page = text(buyer.get(address))
        assert "You can buy it without “CO2”" in page
        assert "you pay $42,000" in page
        assert "Place the order" not in page

        page = text(buyer.get(address, query_string={"without": co2}))
        assert "You can buy this in Texas" in page
        assert "You can buy it without" not in page
        assert "$42,000" in page
        answer = buyer.post(
            re.search(rf'action="({address}[^"]*without={co2}[^"]*)"', page)[1].replace("&amp;", "&"),
            data={"csrf_token": token(page), "form_key": form_key(page), "terms": "y"},
        )

        order = db.session.scalars(select(Order)).one()
        assert answer.location == f"/orders/{order.id}"
        assert (order.left_out, order.price_minor) == ([co2], 4_200_000)
        for side in (buyer, as_(scene.seller)):
            page = text(side.get(f"/orders/{order.id}"))
            assert "Sold without" in page
            assert "“CO2”" in page

    def test_a_box_for_everything_is_a_box_for_nothing(self, scene, unit, as_):
        everything = [part.id for part in unit.handpieces]
        page = text(as_(scene.buyer).get(f"/devices/{unit.id}/order", query_string={"without": everything}))

        assert "You can buy it without “CO2”" in page
        assert "checked" not in page.split("What you leave out")[1].split("</fieldset>")[0]

    def test_the_seller_reads_on_dispatch_what_stays(self, scene, unit, as_, now):
        scene.listing = unit
        order = make_order("released_to_ship", scene, left_out=[unit.handpieces[1].id], at=now)

        assert "<strong>Without</strong> CO2" in text(as_(scene.seller).get(f"/orders/{order.id}/dispatch"))


class TestTheProviderIsAway:
    """The page to pay on cannot be opened: the order says so, and stands as it stood."""

    @pytest.mark.parametrize(
        ("kind", "more"), [("error_before", {}), ("error_before", {"status": 429}), ("error_after", {})]
    )
    def test_the_buyer_is_told_honestly_and_the_next_click_pays_once(self, scene, as_, local_stripe, now, kind, more):
        order_id = place_and_confirm(scene, at=now)
        address, buyer = f"/orders/{order_id}", as_(scene.buyer)
        local_stripe.fault("POST /v1/checkout/sessions", kind, **more)

        answer = press(buyer, text(buyer.get(address)), f"{address}/pay")

        page = text(answer)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "page could not be opened just now." in page
        assert "Your order stands, the device stays reserved for you, and nothing was charged." in page
        assert f'<a class="btn btn-primary" href="{address}">Back to the order</a>' in answer.text
        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT
        assert the_payment(order_id).state is PaymentState.NEW
        assert press(buyer, text(buyer.get(address)), f"{address}/pay").status_code == 303
        assert len(local_stripe.get("/v1/checkout/sessions")["data"]) == 1

    def test_a_page_that_has_waited_long_enough_asks_nothing_more(
        self, app, scene, as_, local_stripe, now, monkeypatch
    ):
        order_id = place_and_confirm(scene, at=now)
        address, buyer = f"/orders/{order_id}", as_(scene.buyer)
        page = text(buyer.get(address))
        bind(app, PaymentGateway, local_stripe.gateway(seconds_left=patience.seconds_left))
        monkeypatch.setattr(patience, "PAGE_WAITS", 0.0)

        assert press(buyer, page, f"{address}/pay").status_code == 503

        assert local_stripe.get("/v1/checkout/sessions")["data"] == []
        assert the_payment(order_id).state is PaymentState.NEW


class TestWhereToSend:
    """Whoever has closed the provider's page finds the account of the bank transfer again, and only they."""

    @pytest.fixture
    def address(self, scene, local_stripe, now):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        return f"/orders/{order_id}"

    @pytest.fixture
    def checkout(self, address):
        return the_payment(UUID(address.removeprefix("/orders/"))).checkout_id

    def test_is_shown_until_all_of_it_is_here(self, address, checkout, scene, as_, local_stripe):
        buyer = as_(scene.buyer)
        local_stripe.choose_bank_transfer(checkout)
        hear(local_stripe)
        local_stripe.money_arrives(checkout, 1_000_000)
        hear(local_stripe)

        page = text(buyer.get(address))
        assert "Send the price from your bank, with the reference that the payment provider gave you." in page
        answer = press(buyer, page, f"{address}/bank-account")
        assert (answer.status_code, answer.location) == (303, f"{local_stripe.base_url}/c/pay/{checkout}/transfer")

        local_stripe.money_arrives(checkout)
        hear(local_stripe)
        assert f"{address}/bank-account" not in buyer.get(address).text
        assert buyer.post(f"{address}/bank-account", data={"csrf_token": token(page)}).status_code == 409

    def test_is_not_offered_where_the_bank_was_asked_to_pay(self, address, checkout, scene, as_, local_stripe):
        buyer = as_(scene.buyer)
        local_stripe.choose_bank_debit(checkout)
        hear(local_stripe)

        page = text(buyer.get(address))
        assert "The payment is being confirmed by the bank. There is nothing to do" in page
        assert f"{address}/bank-account" not in page
        answer = buyer.post(f"{address}/bank-account", data={"csrf_token": token(page)})
        assert answer.status_code == 409
        assert "No bank transfer is waited for on this order." in text(answer)

    def test_is_nothing_before_a_way_was_chosen(self, address, scene, as_):
        buyer = as_(scene.buyer)
        page = text(buyer.get(address))
        assert buyer.post(f"{address}/bank-account", data={"csrf_token": token(page)}).status_code == 409

    def test_a_transfer_that_has_just_arrived_is_not_asked_for_again(self, address, checkout, scene, as_, local_stripe):
        buyer = as_(scene.buyer)
        local_stripe.choose_bank_transfer(checkout)
        hear(local_stripe)
        page = text(buyer.get(address))
        local_stripe.money_arrives(checkout)

        assert press(buyer, page, f"{address}/bank-account").status_code == 409

    def test_is_not_the_seller_s_nor_a_stranger_s(self, address, checkout, scene, as_, local_stripe):
        local_stripe.choose_bank_transfer(checkout)
        hear(local_stripe)

        for user, status in ((scene.seller, 403), (make_user(), 404)):
            browser = as_(user)
            page = text(browser.get(address))
            assert f"{address}/bank-account" not in page
            assert browser.post(f"{address}/bank-account", data={"csrf_token": token(page)}).status_code == status
        assert local_stripe.base_url not in page

    def test_a_provider_that_is_away_is_said_so(self, address, checkout, scene, as_, local_stripe):
        buyer = as_(scene.buyer)
        local_stripe.choose_bank_transfer(checkout)
        hear(local_stripe)
        page = text(buyer.get(address))
        local_stripe.fault("GET /v1/checkout/sessions/*", "error_before", times=9)

        answer = press(buyer, page, f"{address}/bank-account")

        assert answer.status_code == 503
        assert "could not be asked just now for the account to send the price to." in text(answer)
        assert f'<a class="btn btn-primary" href="{address}">Back to the order</a>' in answer.text


class TestSecondPerson:
    """Above the limit of the clinic: the owner approves what the technician ordered, then it can be paid."""

    @pytest.fixture
    def dear(self, scene, now):
        scene.clinic.purchase_limit_minor = 2_500_000
        db.session.commit()
        return place_and_confirm(scene, at=now)

    def test_is_said_before_the_order_is_placed(self, scene, as_):
        words = "somebody else who runs the clinic approves it, as the price lies above the clinic’s limit of $25,000"
        address = f"/devices/{scene.listing.id}/order"
        assert words not in text(as_(scene.buyer).get(address))
        scene.clinic.purchase_limit_minor = 2_500_000
        db.session.commit()

        assert words in text(as_(scene.buyer).get(address))
        scene.clinic.purchase_limit_minor = scene.listing.price_minor
        db.session.commit()
        assert words not in text(as_(scene.buyer).get(address))

    def test_the_owner_approves_and_the_buyer_pays(self, scene, dear, as_, local_stripe):
        buyer, owner, address = as_(scene.buyer), as_(scene.owner), f"/orders/{dear}"
        page = text(buyer.get(address))
        assert "Pay $42,500" not in page
        assert "has yet to be given; your clinic asks for it above $25,000" in page
        assert buyer.post(f"{address}/pay", data={"csrf_token": token(page)}).status_code == 409
        assert page.index("Confirmed by the practitioner") < page.index("Approved by a second person")
        assert "Approve the purchase" in text(owner.get("/orders"))

        page = text(owner.get(address))
        assert "Approve the purchase of $42,500" in page
        assert press(owner, page, f"{address}/approve").location == address

        page = text(buyer.get(address))
        assert "by Olive Stone; your clinic asks for it above $25,000" in page
        assert press(buyer, page, f"{address}/pay").status_code == 303

    @pytest.mark.parametrize(
        ("limit", "words"),
        [(2_500_000, "A second person of the clinic approves it next."), (None, "It can be paid for now.")],
    )
    def test_the_practitioner_is_told_what_comes_next(self, scene, as_, now, limit, words):
        scene.clinic.purchase_limit_minor = limit
        db.session.commit()
        address = f"/orders/{place(scene, at=now)}"
        practitioner = as_(scene.practitioner)
        page = text(practitioner.get(f"{address}/confirm"))
        signed = re.findall(r'name="statements" value="([^"]+)"', page)

        answer = practitioner.post(
            f"{address}/confirm", data={"csrf_token": token(page), "statements": signed, "sign": "y"}
        )

        assert answer.location == address
        assert f"You have ordered the device. {words}" in text(practitioner.get(address))

    def test_nobody_else_approves(self, scene, dear, as_):
        address = f"/orders/{dear}"
        for person, status in (
            (scene.buyer, 403),
            (scene.practitioner, 403),
            (scene.seller, 403),
            (make_user(), 404),
        ):
            browser = as_(person)
            page = text(browser.get("/account"))
            assert browser.post(f"{address}/approve", data={"csrf_token": token(page)}).status_code == status
        assert the_order(dear).approved_by is None

    def test_the_seller_learns_nothing_of_it(self, scene, dear, as_):
        page = text(as_(scene.seller).get(f"/orders/{dear}"))

        assert "second person" not in page
        assert "the buyer can pay now" in page

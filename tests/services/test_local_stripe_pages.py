"""The local Stripe's pages, as a browser without JavaScript walks them."""

import re
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.ports import PaymentMethod, PaymentStatus

BOTH = frozenset(PaymentMethod)
PAID = "http://shop.test/paid?checkout="


@pytest.fixture
def gateway(stripe_alone):
    return stripe_alone.gateway()


@pytest.fixture
def browser(stripe_alone):
    with httpx.Client(base_url=stripe_alone.base_url, trust_env=False) as client:
        yield client


@pytest.fixture
def checkout(gateway) -> str:
    return open_page(gateway)


def open_page(gateway, methods=BOTH) -> str:
    return gateway.create_checkout(
        order_id=uuid4(),
        amount=Money(4_250_050),
        title="Cynosure Elite+ <2016>",
        buyer_email="bob@example.com",
        buyer_name="Bob",
        methods=methods,
        success_url=PAID + "{CHECKOUT_SESSION_ID}",
        cancel_url="http://shop.test/order",
        expires_at=clock.now() + timedelta(hours=1),
        transfer_group="order-7",
        key=str(uuid4()),
    ).checkout_id


def buttons(page: httpx.Response) -> list[str]:
    return re.findall(r"<button[^>]*>([^<]+)</button>", page.text)


class TestPaying:
    def test_says_what_it_is_and_what_is_bought(self, browser, checkout):
        page = browser.get(f"/c/pay/{checkout}")

        assert page.status_code == 200
        assert "<strong>TEST PAYMENTS</strong> – no real money." in page.text
        assert "Cynosure Elite+ &lt;2016&gt;" in page.text
        assert "$42,500.50" in page.text
        assert 'href="http://shop.test/order"' in page.text
        assert buttons(page) == [
            "Pay $42,500.50 by card",
            "Pay by a card whose bank asks first (3-D Secure)",
            "Try a card that is declined",
            "Pay by bank debit (ACH)",
            "Try a bank debit that fails in some days",
            "Pay by bank transfer",
        ]
        assert "script" not in page.text.lower()

    @pytest.mark.parametrize(
        ("methods", "shown"),
        [
            (
                {PaymentMethod.CARD},
                [
                    "Pay $42,500.50 by card",
                    "Pay by a card whose bank asks first (3-D Secure)",
                    "Try a card that is declined",
                ],
            ),
            (
                {PaymentMethod.BANK_DEBIT},
                ["Pay by bank debit (ACH)", "Try a bank debit that fails in some days"],
            ),
            ({PaymentMethod.BANK_TRANSFER}, ["Pay by bank transfer"]),
        ],
    )
    def test_offers_only_what_is_allowed(self, browser, gateway, methods, shown):
        assert buttons(browser.get(f"/c/pay/{open_page(gateway, frozenset(methods))}")) == shown

    def test_a_card_leads_back_to_the_shop(self, browser, gateway, checkout):
        answer = browser.post(f"/c/pay/{checkout}", data={"with": "card"})

        assert (answer.status_code, answer.headers["Location"]) == (303, PAID + checkout)
        assert gateway.get_payment(checkout).status is PaymentStatus.SUCCEEDED

    def test_a_bank_may_ask_first(self, browser, gateway, stripe_alone, checkout):
        answer = browser.post(f"/c/pay/{checkout}", data={"with": "card_challenged"})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/c/pay/{checkout}/challenge")
        page = browser.get(f"/c/pay/{checkout}/challenge")
        assert "Your bank asks: is it you?" in page.text
        assert buttons(page) == ["Yes, it is me", "Fail this check"]
        assert (gateway.get_payment(checkout).status, stripe_alone.get("/v1/charges")["data"]) == (
            PaymentStatus.OPEN,
            [],
        )
        # Whoever goes back may choose another way.
        assert len(buttons(browser.get(f"/c/pay/{checkout}"))) == 6

        for _ in range(2):
            answer = browser.post(f"/c/pay/{checkout}/challenge", data={"answer": "approve"})
            assert (answer.status_code, answer.headers["Location"]) == (303, PAID + checkout)

        assert gateway.get_payment(checkout).status is PaymentStatus.SUCCEEDED
        assert len(stripe_alone.get("/v1/charges")["data"]) == 1

    @pytest.mark.parametrize("data", [{"answer": "fail"}, {}])
    def test_a_check_that_fails_charges_nothing(self, browser, gateway, stripe_alone, checkout, data):
        browser.post(f"/c/pay/{checkout}", data={"with": "card_challenged"})

        page = browser.post(f"/c/pay/{checkout}/challenge", data=data)

        assert page.status_code == 402
        assert "Your bank could not confirm that it is you. Nothing was charged: choose again." in page.text
        assert f'action="/c/pay/{checkout}"' in page.text
        assert gateway.get_payment(checkout).status is PaymentStatus.OPEN
        assert stripe_alone.get("/v1/charges")["data"] == []

    def test_nobody_asks_about_a_card_that_needs_no_check(self, browser, gateway, checkout):
        answer = browser.get(f"/c/pay/{checkout}/challenge")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/c/pay/{checkout}")

        assert browser.post(f"/c/pay/{checkout}/challenge", data={"answer": "approve"}).status_code == 200

        assert gateway.get_payment(checkout).payment_id is None

    @pytest.mark.parametrize("way", ["bank_debit", "bank_debit_failing"])
    def test_a_bank_debit_leads_back_to_the_shop_before_it_is_money(self, browser, gateway, checkout, way):
        for _ in range(2):
            answer = browser.post(f"/c/pay/{checkout}", data={"with": way})
            assert (answer.status_code, answer.headers["Location"]) == (303, PAID + checkout)

        seen = gateway.get_payment(checkout)
        assert (seen.status, seen.received) == (PaymentStatus.PROCESSING, Money(0))

    def test_a_failed_debit_closed_its_page(self, browser, stripe_alone, checkout):
        browser.post(f"/c/pay/{checkout}", data={"with": "bank_debit"})
        stripe_alone.settle_debit(checkout, "failed")

        assert browser.get(f"/c/pay/{checkout}").headers["Location"] == PAID + checkout

    def test_pressing_twice_pays_once(self, browser, gateway, stripe_alone, checkout):
        for _ in range(2):
            answer = browser.post(f"/c/pay/{checkout}", data={"with": "card"})
            assert (answer.status_code, answer.headers["Location"]) == (303, PAID + checkout)

        assert len(stripe_alone.get("/v1/charges")["data"]) == 1

    def test_a_declined_card_says_so_and_offers_to_choose_again(self, browser, gateway, checkout):
        page = browser.post(f"/c/pay/{checkout}", data={"with": "card_declined"})

        assert page.status_code == 402
        assert "Your card was declined. Nothing was charged: choose again." in page.text
        assert len(buttons(page)) == 6
        assert browser.get(f"/c/pay/{checkout}").status_code == 200
        assert gateway.get_payment(checkout).status is PaymentStatus.OPEN

    @pytest.mark.parametrize("data", [{}, {"with": "gold"}])
    def test_a_button_that_is_none_changes_nothing(self, browser, gateway, checkout, data):
        assert browser.post(f"/c/pay/{checkout}", data=data).status_code == 200
        assert gateway.get_payment(checkout).payment_id is None

    def test_a_closed_page_offers_nothing(self, browser, gateway, checkout):
        gateway.expire_checkout(checkout)

        page = browser.post(f"/c/pay/{checkout}", data={"with": "card"})

        assert (page.status_code, buttons(page)) == (200, [])
        assert "This payment page is closed. Nothing was charged." in page.text
        assert gateway.get_payment(checkout).status is PaymentStatus.EXPIRED

    def test_a_page_that_was_never_opened(self, browser):
        page = browser.get("/c/pay/cs_test_0")

        assert page.status_code == 404
        assert "No such session: &#39;cs_test_0&#39;" in page.text


class TestBankTransfer:
    @pytest.fixture
    def promised(self, browser, checkout) -> str:
        answer = browser.post(f"/c/pay/{checkout}", data={"with": "bank_transfer"})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/c/pay/{checkout}/transfer")
        return checkout

    def test_tells_where_to_send_how_much(self, browser, promised):
        page = browser.get(f"/c/pay/{promised}/transfer")

        assert "$42,500.50 to send" in page.text
        assert re.search(r"<dt>Account number</dt><dd>\d{11}</dd>", page.text)
        assert buttons(page) == ["The money arrived: $42,500.50", "This amount arrived"]
        assert f'href="{PAID}{promised}"' in page.text

    def test_the_payment_page_leads_there(self, browser, promised):
        assert browser.get(f"/c/pay/{promised}").headers["Location"] == f"/c/pay/{promised}/transfer"

    def test_a_part_leaves_the_rest_to_send(self, browser, gateway, promised):
        answer = browser.post(f"/c/pay/{promised}/transfer", data={"amount": "$40,000"})

        assert answer.headers["Location"] == f"/c/pay/{promised}/transfer"
        assert "$2,500.50 to send of $42,500.50" in browser.get(f"/c/pay/{promised}/transfer").text
        assert gateway.get_payment(promised).outstanding == Money(250_050)

    def test_the_whole_leads_back_to_the_shop(self, browser, gateway, promised):
        answer = browser.post(f"/c/pay/{promised}/transfer")

        assert answer.headers["Location"] == PAID + promised
        assert gateway.get_payment(promised).status is PaymentStatus.SUCCEEDED
        page = browser.get(f"/c/pay/{promised}/transfer")
        assert ("$42,500.50 has arrived." in page.text, buttons(page)) == (True, ["This amount arrived too"])
        assert browser.get(f"/c/pay/{promised}").headers["Location"] == PAID + promised

    @pytest.mark.parametrize("typed", ["", "a lot", "-5", "1.234"])
    def test_an_amount_that_is_none_is_kept_and_explained(self, browser, gateway, promised, typed):
        page = browser.post(f"/c/pay/{promised}/transfer", data={"amount": typed})

        assert page.status_code == 422
        assert "Write an amount such as $42,500 or 42500.00." in page.text
        assert f'value="{typed}"' in page.text
        assert 'aria-invalid="true"' in page.text
        assert gateway.get_payment(promised).outstanding == Money(4_250_050)

    def test_more_than_the_price_is_said_to_be_the_buyers(self, browser, gateway, promised):
        browser.post(f"/c/pay/{promised}/transfer", data={"amount": "43,000.50"})
        assert "$500 more than the price lies with Stripe" in browser.get(f"/c/pay/{promised}/transfer").text

        browser.post(f"/c/pay/{promised}/transfer", data={"amount": "100"})

        assert "$600 more than the price lies with Stripe" in browser.get(f"/c/pay/{promised}/transfer").text
        assert gateway.get_payment(promised).received == Money(4_250_050)

    def test_who_paid_by_card_has_nothing_to_send(self, browser, checkout):
        browser.post(f"/c/pay/{checkout}", data={"with": "card"})

        page = browser.get(f"/c/pay/{checkout}/transfer")

        assert ("$42,500.50 has arrived." in page.text, buttons(page)) == (True, [])

    def test_nothing_arrives_twice(self, browser, promised):
        browser.post(f"/c/pay/{promised}/transfer")
        page = browser.post(f"/c/pay/{promised}/transfer")

        assert (page.status_code, "not waiting for a bank transfer" in page.text) == (400, True)

    def test_not_before_it_was_chosen(self, browser, checkout):
        assert browser.get(f"/c/pay/{checkout}/transfer").status_code == 404


class TestSellersQuestions:
    @pytest.fixture
    def seller(self, gateway) -> str:
        return gateway.create_seller_account(
            clinic_id=uuid4(), email="alice@example.com", name="Alice & Co", country="US", key="seller:1"
        ).account_id

    def link(self, gateway, seller) -> str:
        return gateway.onboarding_link(
            account_id=seller, return_url="http://shop.test/back", refresh_url="http://shop.test/again"
        ).url

    def test_answering_makes_the_seller_payable(self, browser, gateway, seller):
        link = self.link(gateway, seller)
        page = browser.get(link)
        assert ("Alice &amp; Co" in page.text, gateway.get_seller_account(seller).payable) == (True, False)

        answer = browser.post(link, data={"answer": "complete"})

        assert (answer.status_code, answer.headers["Location"]) == (303, "http://shop.test/back")
        assert gateway.get_seller_account(seller).payable

    def test_leaving_for_later_changes_nothing(self, browser, gateway, seller):
        link = self.link(gateway, seller)
        browser.get(link)

        assert browser.post(link, data={"answer": "later"}).headers["Location"] == "http://shop.test/back"
        assert not gateway.get_seller_account(seller).payable

    def test_a_link_opens_once(self, browser, gateway, seller):
        link = self.link(gateway, seller)
        assert browser.get(link).status_code == 200

        assert browser.get(link).headers["Location"] == "http://shop.test/again"

    @pytest.mark.parametrize(("seconds", "status"), [(295, 200), (301, 303)])
    def test_a_link_is_good_for_five_minutes(self, browser, gateway, stripe_alone, seller, seconds, status):
        link = self.link(gateway, seller)
        stripe_alone.advance(seconds)

        assert browser.get(link).status_code == status

    def test_answers_without_opening_or_given_twice_change_nothing(self, browser, gateway, seller):
        link = self.link(gateway, seller)
        unopened = browser.post(link, data={"answer": "complete"})
        browser.get(link)
        browser.post(link, data={"answer": "later"})
        twice = browser.post(link, data={"answer": "complete"})

        for answer in (unopened, twice):
            assert answer.headers["Location"] == "http://shop.test/again"
        assert not gateway.get_seller_account(seller).payable

    def test_a_link_that_was_never_minted(self, browser):
        assert browser.get("/setup/nothing").status_code == 404


class TestTheRest:
    def test_the_first_page_lists_the_latest(self, browser, gateway):
        assert "None yet" in browser.get("/").text
        checkout = open_page(gateway)

        assert f'href="/c/pay/{checkout}"' in browser.get("/").text

    def test_pages_load_nothing_from_elsewhere(self, browser, checkout):
        page = browser.get(f"/c/pay/{checkout}")

        assert page.headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
        assert browser.get(sheet).headers["Content-Type"].startswith("text/css")
        assert " style=" not in page.text

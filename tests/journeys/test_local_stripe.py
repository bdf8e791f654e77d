"""The pages of the local Stripe: as fit to be used as the house's own, and without a script of theirs."""

from datetime import timedelta
from uuid import uuid4

from playwright.sync_api import expect

from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.ports import PaymentMethod
from tests.journeys.axe import LOOKS, looked_at
from tests.journeys.conftest import DESK


def test_a_developer_walks_through_payments_and_the_console(browser, stripe_alone):
    gateway = stripe_alone.gateway()
    seller = gateway.create_seller_account(
        clinic_id=uuid4(), email="alice@example.com", name="Alice Aesthetics", country="US", key=str(uuid4())
    )
    setup = gateway.onboarding_link(account_id=seller.account_id, return_url="http://x/r", refresh_url="http://x/f").url

    def opened() -> str:
        return gateway.create_checkout(
            order_id=uuid4(),
            amount=Money(4_250_000),
            title="Candela GentleMax Pro, 2019",
            buyer_email="bob@example.com",
            buyer_name="Bob",
            methods=frozenset(PaymentMethod),
            success_url=f"{stripe_alone.base_url}/",
            cancel_url=f"{stripe_alone.base_url}/",
            expires_at=clock.now() + timedelta(hours=1),
            transfer_group="order-7",
            key=str(uuid4()),
        ).checkout_id

    asked, sent, drawn, disputed = opened(), opened(), opened(), opened()
    stripe_alone.challenge_card(asked)
    stripe_alone.choose_bank_transfer(sent)
    stripe_alone.money_arrives(sent, 4_000_000)
    stripe_alone.pay_by_card(disputed)
    stripe_alone.fault("POST /v1/transfers", "error_after")

    plain = browser.new_context(base_url=stripe_alone.base_url, java_script_enabled=False, viewport=DESK)
    buyer = plain.new_page()
    buyer.goto(f"/c/pay/{drawn}")
    buyer.get_by_role("button", name="Pay by bank debit (ACH)").click()
    buyer.get_by_role("link", name="The console").click()
    buyer.get_by_role("button", name="Dispute it").first.click()
    expect(buyer.get_by_role("status")).to_have_text("The dispute is open.")
    buyer.get_by_role("button", name="It succeeds").click()
    expect(buyer.get_by_role("status")).to_have_text("The bank has spoken.")
    buyer.get_by_role("button", name="Won").click()
    expect(buyer.get_by_role("status")).to_have_text("The dispute is decided.")
    plain.close()

    context = browser.new_context(base_url=stripe_alone.base_url, bypass_csp=True)
    page = context.new_page()
    found = []
    addresses = ("/", "/console", f"/c/pay/{asked}", f"/c/pay/{asked}/challenge", f"/c/pay/{sent}/transfer", setup)
    for address, looks in zip(addresses, LOOKS * 3, strict=True):
        page.goto(address)
        found += [f"{address}: {one}" for one in looked_at(page, looks)]
    context.close()

    assert found == []

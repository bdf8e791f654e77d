"""Short words for what tests of the local Stripe's own API do over and over."""

import httpx

from marketplace.dev.stripe.server import BUFFER

CHARGED = 100_000
RECIPIENT = {
    "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}}
}


class Bank:
    """The local Stripe, asked directly, without our gateway."""

    def __init__(self, driver, http):
        self.driver, self.http = driver, http

    def post(self, path, **form) -> httpx.Response:
        return self.http.post(path, data=form)

    def done(self, path, **form) -> dict:
        answer = self.post(path, **form)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path, **form) -> dict:
        answer = self.post(path, **form)
        assert answer.status_code == 400, answer.text
        return answer.json()["error"]

    def balance(self) -> tuple[int, int]:
        """Return what is available beyond the platform's own buffer, and what is pending."""
        balance = self.driver.get("/v1/balance")
        return balance["available"][0]["amount"] - BUFFER, balance["pending"][0]["amount"]

    def session(self, method="card") -> str:
        customer = self.done("/v1/customers")["id"]
        return self.done(
            "/v1/checkout/sessions",
            **{
                "mode": "payment",
                "customer": customer,
                "success_url": "http://shop.test/",
                "line_items[0][quantity]": "1",
                "line_items[0][price_data][currency]": "usd",
                "line_items[0][price_data][unit_amount]": str(CHARGED),
                "line_items[0][price_data][product_data][name]": "A lens",
                "allowed_payment_method_types[0]": method,
            },
        )["id"]

    def charge(self) -> str:
        self.driver.pay_by_card(self.session())
        return self.driver.get("/v1/charges")["data"][0]["id"]

    def seller(self) -> str:
        account = self.http.post("/v2/core/accounts", json=RECIPIENT).json()["id"]
        self.driver.onboard(account)
        return account

    def send(self, seller, amount, **more):
        return self.post("/v1/transfers", amount=amount, currency="usd", destination=seller, **more)

    def charged(self, charge) -> dict:
        return self.driver.get(f"/v1/charges/{charge}")

    def told(self) -> list[str]:
        return [event.type for event in self.driver.take_events()]

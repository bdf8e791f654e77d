"""A whole house for the journeys: local Stripe, mailbox, web server and worker over one database, with a small cast."""

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

from aiosmtpd.controller import Controller
from flask import Flask
from sqlalchemy import select, text

from marketplace.app import create_app
from marketplace.catalog import queries as catalog
from marketplace.catalog import service as catalogue
from marketplace.catalog.models import DeviceModel, Maker
from marketplace.config import from_environment
from marketplace.credentials import service as credentials
from marketplace.dev.demo import cast, load, people, pictures, rolls
from marketplace.dev.demo.cast import Ending, Player, Proof
from marketplace.dev.mailbox import Letters, Receiver
from marketplace.dev.processes import Child
from marketplace.dev.stripe.server import LocalStripe
from marketplace.documents import isolation
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import darkroom, drafting, gallery
from marketplace.listings import queries as listing_queries
from marketplace.listings import service as listings
from marketplace.listings.fields import Place
from marketplace.listings.possible import Assurance
from marketplace.listings.terms import Grade, Modification, Recertification, Shot, Warranty
from marketplace.orders import service as orders
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from marketplace.payments.amounts import Rate
from tests.factories.listings import said_in_full
from tests.factories.stripe import API_KEY, SECRET, StripeDriver

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
_S = OrderState
_TEXAS, _WITHOUT_PRACTITIONER, _ARIZONA, _SELLER = cast.HOUSES[:4]
# Two technicians of the Texan clinic beside those of the demo: one has everything before her, one waits for a verifier.
NEWCOMERS = (
    Player("Tess Moreno", ClinicRole.TECHNICIAN),
    Player(
        "Theo Lang",
        ClinicRole.TECHNICIAN,
        (Proof("US-TX:TDLR:LHR", "TX", "12871", level="TECHNICIAN", ending=Ending.SUBMITTED),),
    ),
)
HOUSES = (replace(_TEXAS, people=(*_TEXAS.people, *NEWCOMERS)), _WITHOUT_PRACTITIONER, _ARIZONA, _SELLER)


@dataclass
class House:
    """The running house: its addresses, and the same database, Stripe and mailbox that its pages work with."""

    address: str
    app: Flask
    stripe: StripeDriver
    letters: Letters
    logs: Path
    stage: people.Stage = field(default_factory=people.Stage)

    def email(self, name: str) -> str:
        """Return the address that somebody of the cast signs in with."""
        everybody = [*cast.OFFICIALS, *(person for house in HOUSES for person in house.people)]
        return next(person.email for person in everybody if person.name == name)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Look into the database from the test's own process; nothing is remembered from one look to the next."""
        with self.app.app_context():
            try:
                yield
            finally:
                db.session.remove()

    def query(self, statement: Any) -> list[Any]:
        """Return the rows of a statement as they are now."""
        with self.inside():
            return list(db.session.execute(statement).all())

    def eventually(self, look: Callable[[], Any], *, what: str) -> Any:
        """Look until the worker has brought it about, and return what was seen."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            seen = look()
            if seen:
                return seen
            time.sleep(0.02)
        raise AssertionError(f"It did not happen within {PATIENCE:.0f} seconds: {what}")

    def mails_to(self, name: str) -> list[str]:
        """Return the subjects of what somebody was sent, newest first; what was sent again after a stumble is one mail."""
        mails = {str(mail["Message-ID"]): mail for mail in map(self.letters.read, self.letters.names())}
        return [str(mail["Subject"]) for mail in mails.values() if self.email(name) in str(mail["To"])]

    def link_mailed_to(self, address: str, *, leading_to: str = "/") -> str:
        """Wait for a mail to the address with a link that leads there, and return the link's path."""

        def newest() -> str | None:
            for number in self.letters.names():
                mail = self.letters.read(number)
                if address in str(mail["To"]):
                    body = mail.get_body(("plain",))
                    link = rf"{re.escape(self.address + leading_to)}\S+"
                    found = re.search(link, str(body.get_content()) if body else "")
                    if found:
                        return found[0].removeprefix(self.address)
            return None

        return str(self.eventually(newest, what=f"a mail to {address} with a link"))

    def draft(
        self, maker: str, model: str, *modalities: str, price: int = 12_400, seller: str = "Walter Finch"
    ) -> UUID:
        """Draft a unit by the use-cases of the house, whole and with a photo, and return its listing."""
        with self.inside():
            key = next(house.key for house in HOUSES if house.people[0].name == seller)
            return _draft(
                self.stage.clinics[key], self.stage.people[seller], maker, model, modalities, price, clock.now()
            )

    def offer(
        self, maker: str, model: str, *modalities: str, price: int = 12_400, seller: str = "Walter Finch"
    ) -> UUID:
        """Put a unit on the market by the use-cases of the house, and return its listing."""
        listing = self.draft(maker, model, *modalities, price=price, seller=seller)
        with self.inside():
            at = clock.now()
            listings.submit(listing_id=listing, actor_id=self.stage.people[seller], at=at)
            listings.approve(listing_id=listing, actor_id=self.stage.moderator, at=at)
        return listing

    def order(self, listing: UUID, *, until: OrderState) -> UUID:
        """Let Dana order a device and everybody do their part until the order stands there; return it."""
        dana, amir = self.stage.people["Dana Reyes"], self.stage.people["Amir Khan"]
        with self.inside():
            order = orders.place(
                buyer_id=dana, clinic_id=self.stage.clinics["lone_star"], site_id=self.stage.sites["lone_star"],
                operator_id=dana, listing_id=listing, declared_uses=(), restriction_signed=False, form_key=uuid4(),
                rate=Rate(600), at=clock.now(),
            )  # fmt: skip
        steps: tuple[tuple[OrderState, Callable[[], object]], ...] = (
            (_S.AWAITING_PAYMENT, lambda: self._sign(order, amir)),
            (_S.FUNDS_HELD, lambda: self._pay(order, dana)),
            (
                _S.RELEASED_TO_SHIP,
                lambda: orders.release_to_ship(order_id=order, actor_id=self._seller_of(order), at=clock.now()),
            ),
            (
                _S.IN_TRANSIT,
                lambda: orders.dispatch(
                    order_id=order, actor_id=self._seller_of(order), carrier="Desert Freight", tracking="DF-1",
                    at=clock.now(),
                ),
            ),
            (
                _S.UNDER_INSPECTION,
                lambda: orders.report_arrival(
                    order_id=order, actor_id=dana, signer=orders.Signer(member_id=dana), at=clock.now(),
                ),
            ),
            (_S.ACCEPTED, lambda: orders.accept(order_id=order, actor_id=dana, at=clock.now())),
        )  # fmt: skip
        for state, act in steps if until is not _S.AWAITING_PRACTITIONER else ():
            with self.inside():
                act()
            if state is _S.FUNDS_HELD:
                self.eventually(lambda: self.state_of(order) == _S.FUNDS_HELD, what="the payment is held")
            if state is until:
                break
        return order

    def state_of(self, order: UUID) -> OrderState:
        """Return where an order stands now."""
        return OrderState(self.query(select(Order.state).where(Order.id == order))[0][0])

    def _sign(self, order: UUID, practitioner: UUID) -> None:
        asked = orders.to_sign(order_id=order, actor_id=practitioner, at=clock.now())
        signed = [code for code, _ in asked.required]
        orders.confirm(order_id=order, actor_id=practitioner, signed=signed, at=clock.now())

    def _pay(self, order: UUID, buyer: UUID) -> None:
        page = orders.start_payment(
            order_id=order, actor_id=buyer, success_url=self.address,
            cancel_url=self.address, live=False, at=clock.now(),
        )  # fmt: skip
        self.stripe.pay_by_card(page.rpartition("/")[2])

    def _seller_of(self, order: UUID) -> UUID:
        clinic = db.session.scalars(select(Order.seller_clinic_id).where(Order.id == order)).one()
        keys = {clinic: key for key, clinic in self.stage.clinics.items()}
        return self.stage.people[next(house.people[0].name for house in HOUSES if house.key == keys[clinic])]


def _draft(
    clinic: UUID, seller: UUID, maker: str, model: str, modalities: tuple[str, ...], price: int, at: datetime
) -> UUID:
    unit = db.session.scalars(
        select(DeviceModel).join(Maker).where(Maker.name == maker, DeviceModel.name == model)
    ).one()
    listing = drafting.draft(
        actor_id=seller, clinic_id=clinic, model_id=unit.id, serial=f"J-{uuid4().hex[:8]}", year=2019, city="Tucson",
        state_code="AZ", form_key=uuid4(), at=at,
    )  # fmt: skip
    for code in modalities:
        drafting.put_handpiece(
            listing_id=listing, actor_id=seller, handpiece_id=None, name=catalog.modalities()[code].name,
            modality_code=code, serial="", counter=None, rated_life=None, rated_life_source="", at=at,
            particulars=said_in_full(Place.HANDPIECE, [code]),
        )  # fmt: skip
    drafting.answer(
        listing_id=listing, actor_id=seller, place=Place.DEVICE,
        said=said_in_full(Place.DEVICE, [*unit.modality_codes, *modalities]),
    )  # fmt: skip
    drafting.describe_condition(
        listing_id=listing, actor_id=seller, grade=Grade.B, inclusions={"keys": "included", "goggles": "absent"},
        last_service_on=(at - timedelta(days=60)).date(), description="Used in one room since new.", at=at,
        said=said_in_full(Place.CONDITION, modalities),
    )  # fmt: skip
    drafting.attest(
        listing_id=listing, actor_id=seller, rx_label_present=True, id_label_present=True,
        modification=Modification.NONE, said=said_in_full(Place.STATEMENT, modalities),
    )  # fmt: skip
    drafting.describe_terms(
        listing_id=listing, actor_id=seller, recertification=Recertification.NO, recertification_quote=None,
        price=Money(price * 100), warranty=Assurance(Warranty.NONE),
    )  # fmt: skip
    subject = pictures.Subject(maker, model, modalities)
    gallery.add(
        listing_id=listing, actor_id=seller, at=at, files=[("console.jpg", pictures.encoded(pictures.console(subject)))]
    )
    (photo,) = listing_queries.listing(listing).all_photos
    darkroom.make(photo_id=photo.id, at=at)
    gallery.describe(
        listing_id=listing, actor_id=seller, photo_id=photo.id, alternative_text="The console", shows=list(Shot)
    )
    return listing


@contextmanager
def open_house(database_url: str, directory: Path) -> Iterator[House]:
    """Start everything, and end it all by its own handle, whatever happened."""
    web_port, smtp_port = _free_ports(2)
    address = f"http://127.0.0.1:{web_port}"
    with ExitStack() as stack:
        stack.enter_context(isolation.nursery())  # For what the cast hands in; a person's own papers have a child each.
        stripe = LocalStripe(deliver_to=f"{address}/webhooks/stripe", secret=SECRET).start()
        stack.callback(stripe.stop)
        letters = Letters(directory / "mail")
        mailbox = Controller(Receiver(letters), hostname="127.0.0.1", port=smtp_port)
        mailbox.start()
        stack.callback(mailbox.stop)
        environment = _environment(database_url, directory, address, stripe.base_url, smtp_port)
        app = create_app(from_environment(environment))
        house = House(address, app, StripeDriver(stripe), letters, directory)
        stack.callback(_let_go_of, app)

        def run(name: str, *command: str) -> None:
            with (directory / f"{name}.log").open("wb") as log:
                python = (sys.executable, "-m", *command)
                child = Child(python, log=log, environment={**os.environ, **environment}, directory=ROOT)
            stack.callback(child.stop, patience=5)

        run(
            "web", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(web_port), "--workers", "1",
            "--blocking-threads", "4", "--no-ws", "--workers-kill-timeout", "2", "wsgi:app",
        )  # fmt: skip
        _furnish(house)
        run("worker", "flask", "--app", "wsgi", "worker")
        house.eventually(lambda: _answers(web_port), what="the web server answers")
        yield house


def _furnish(house: House) -> None:
    """Bring in the reference data and the cast, by the use-cases that the demo goes through."""
    with house.inside(), patch.object(people, "HOUSES", HOUSES):
        # A house that is lost in a power cut is furnished again.
        db.session.execute(text("SET synchronous_commit = off"))
        now = clock.now()
        catalogue.load(sources=catalogue.shipped(), at=now)
        credentials.load_types()
        house.stage = people.populate(now=now)
        people.prove(house.stage, early=False, now=now)
        load.publish_reference_rules(house.stage)
        rolls.load_exclusions(now=now)
        load.forget_old_post()


def _environment(
    database_url: str, directory: Path, address: str, stripe_address: str, smtp_port: int
) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "SECOND_LIGHT_MODE": "demo",
        "SECOND_LIGHT_SECRET_KEY": "a secret for journeys that opens nothing at all",
        "SECOND_LIGHT_BASE_URL": address,
        "SECOND_LIGHT_DATA_DIR": str(directory / "files"),
        "SECOND_LIGHT_STRIPE_API_KEY": API_KEY,
        "SECOND_LIGHT_STRIPE_API_BASE": stripe_address,
        "SECOND_LIGHT_STRIPE_WEBHOOK_SECRETS": SECRET,
        "SECOND_LIGHT_MAIL_HOST": "127.0.0.1",
        "SECOND_LIGHT_MAIL_PORT": str(smtp_port),
        "SECOND_LIGHT_MAIL_TLS": "no",
        "SECOND_LIGHT_MAIL_FROM": "Second Light <post@second-light.example>",
    }


def _free_ports(number: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _let_go_of(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        db.engine.dispose()

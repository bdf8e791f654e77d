"""A whole house for the journeys: local Stripe, mailbox, web server and worker over one database, with a small cast."""

import os
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
from sqlalchemy import select

from marketplace.app import create_app
from marketplace.catalog import queries as catalog
from marketplace.catalog import service as catalogue
from marketplace.catalog.models import DeviceModel, Maker
from marketplace.config import from_environment
from marketplace.credentials import service as credentials
from marketplace.dev.demo import cast, load, people, pictures, sales
from marketplace.dev.demo.cast import Player
from marketplace.dev.mailbox import Letters, Receiver
from marketplace.dev.processes import Child
from marketplace.dev.stripe.server import LocalStripe
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import drafting, gallery
from marketplace.listings import service as listings
from marketplace.listings.terms import Grade, Modification, Recertification
from tests.factories.stripe import API_KEY, SECRET, StripeDriver

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
_TEXAS, _WITHOUT_PRACTITIONER, _ARIZONA, _SELLER = cast.HOUSES[:4]
# Two technicians of the Texan clinic who have everything still before them, beside those of the demo.
NEWCOMERS = (Player("Tess Moreno", ClinicRole.TECHNICIAN), Player("Theo Lang", ClinicRole.TECHNICIAN))
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
    market: sales.Market | None = None

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
            time.sleep(0.1)
        raise AssertionError(f"It did not happen within {PATIENCE:.0f} seconds: {what}")

    def mails_to(self, name: str) -> list[str]:
        """Return the subjects of what somebody was sent, newest first."""
        mails = [self.letters.read(number) for number in self.letters.names()]
        return [str(mail["Subject"]) for mail in mails if self.email(name) in str(mail["To"])]

    def offer(
        self,
        maker: str,
        model: str,
        *modalities: str,
        price: str | int = 12_400,
        seller: str = "Walter Finch",
        clinic: str = "sonoran",
    ) -> UUID:
        """Put a unit on the market by the use-cases of the house, and return its listing."""
        with self.inside():
            at = clock.now() - timedelta(hours=2)
            listing = _draft(self.stage.clinics[clinic], self.stage.people[seller], maker, model, modalities, price, at)
            listings.submit(listing_id=listing, actor_id=self.stage.people[seller], at=at)
            listings.approve(listing_id=listing, actor_id=self.stage.moderator, at=at)
            return listing


def _draft(
    clinic: UUID, seller: UUID, maker: str, model: str, modalities: tuple[str, ...], price: str | int, at: datetime
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
        )  # fmt: skip
    drafting.describe_condition(
        listing_id=listing, actor_id=seller, grade=Grade.B, inclusions={"keys": "included", "goggles": "absent"},
        last_service_on=(at - timedelta(days=60)).date(), description="Used in one room since new.", at=at,
    )  # fmt: skip
    drafting.describe_terms(
        listing_id=listing, actor_id=seller, rx_label_present=True, id_label_present=True,
        modification=Modification.NONE, recertification=Recertification.NO, recertification_quote=None,
        price=Money(int(price) * 100),
    )  # fmt: skip
    subject = pictures.Subject(maker, model, modalities)
    gallery.add(
        listing_id=listing, actor_id=seller, files=[("console.jpg", pictures.encoded(pictures.console(subject)))]
    )
    return listing


@contextmanager
def open_house(database_url: str, directory: Path) -> Iterator[House]:
    """Start everything, and end it all by its own handle, whatever happened."""
    web_port, smtp_port = _free_ports(2)
    address = f"http://127.0.0.1:{web_port}"
    with ExitStack() as stack:
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
        now = clock.now()
        catalogue.load(sources=catalogue.shipped(), at=now)
        credentials.load_types()
        house.stage = people.populate(now=now)
        load.publish_reference_rules(house.stage)
        load.forget_old_post()
    house.market = sales.Market(house.stage, house.app.extensions["second_light_settings"], clock.now)


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

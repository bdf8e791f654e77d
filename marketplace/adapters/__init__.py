"""The outside world, behind the ports of the rooms; only `app` chooses among these."""

from flask import Flask

from ..accounts.passwords import Passwords
from ..accounts.sealing import Seal
from ..config import Mode, Settings
from ..credentials.drawing import Lots
from ..documents.ports import DocumentStore
from ..extensions import bind
from ..kernel.money import Money
from ..listings.ports import AnsweredQuestions, OriginalStore, PhotoStore
from ..notifications.ports import Mailer
from ..orders.holding import OrdersThatRest
from ..payments.policy import Terms
from ..payments.ports import PaymentGateway
from ..questions.queries import AnsweredHere
from ..registers.ports import RegisterFiles
from ..ripple import Dependants
from . import patience
from .mail import SmtpMailer
from .sealed import SealedStore
from .storage import DiskStore
from .stripe_gateway import StripeGateway


def bind_all(app: Flask, settings: Settings) -> None:
    """Let the adapters answer for the ports of the rooms. Nothing outside is touched yet."""
    # Tests sign in hundreds of times; what they hash protects nobody.
    bind(app, Passwords, Passwords(memory_kib=8, passes=1) if settings.mode is Mode.TEST else Passwords())
    bind(app, Seal, Seal(settings.second_factor_keys))
    bind(app, Lots, Lots(settings.cases_are_drawn))
    bind(app, Mailer, SmtpMailer(app, settings))
    bind(app, Dependants, OrdersThatRest())
    bind(app, AnsweredQuestions, AnsweredHere())
    bind(app, DocumentStore, SealedStore(DiskStore(settings.data_dir / "documents"), settings.document_keys))
    bind(app, RegisterFiles, DiskStore(settings.data_dir / "registers"))
    bind(app, PhotoStore, DiskStore(settings.data_dir / "photos"))
    bind(app, OriginalStore, DiskStore(settings.data_dir / "photo-originals"))
    bind(
        app,
        Terms,
        Terms(
            card_cap=Money(settings.card_cap_minor),
            debit_cap=Money(settings.debit_cap_minor),
            debit_risk_days=settings.debit_risk_days,
        ),
    )
    bind(
        app,
        PaymentGateway,
        StripeGateway(
            api_key=settings.stripe_api_key,
            webhook_secrets=settings.stripe_webhook_secrets,
            api_base=settings.stripe_api_base,
            seconds_left=patience.seconds_left,
        ),
    )

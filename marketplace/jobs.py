"""Background work: each job's name, the one use-case it calls, and how often it is tried again."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from flask import Flask, current_app, has_app_context
from procrastinate import App, PsycopgConnector, RetryStrategy

from . import limits, queue
from .accounts import service as accounts
from .clinics import service as clinics
from .config import Settings
from .credentials import service as credentials
from .desks import service as desks
from .documents import service as documents
from .eligibility import digest
from .extensions import unit_of_work
from .kernel import clock
from .listings import darkroom
from .logs import log
from .notifications import service as notifications
from .orders import offering, reserving
from .orders import service as orders
from .payments import service as payments
from .payments.ports import GatewayError
from .recalls import service as recalls
from .registers import service as registers
from .registers.sources import ENFORCEMENT, RECALLS
from .sheets import service as sheets
from .trail import service as trail
from .wants import matching as wants
from .wants import service as want_service
from .watching import service as watching
from .watching.models import Cadence

F = TypeVar("F", bound=Callable[..., None])

# Promises travel on the session's own connection; the worker has an app of its own, with its own connections.
worker_app = App(connector=PsycopgConnector())
JOBS: dict[str, Callable[..., None]] = {}
_app: Flask | None = None

# How long the queue itself waits for the database: longer than a page, since a worker that gives up ends.
PATIENT_WITH = {
    "connect_timeout": 10,
    "application_name": "second-light worker",
    "options": "-c statement_timeout=60000 -c lock_timeout=30000 -c idle_in_transaction_session_timeout=60000",
}

# Tried again after 3 s, 9 s, 27 s, … ten times within about a day: what fails longer waits for a person.
PATIENT = RetryStrategy(max_attempts=10, exponential_wait=3)


def job(name: str, *, every: str | None = None) -> Callable[[F], F]:
    """
    Let the function answer for jobs called `name`; `every` is a cron line for work that nobody promises.

    It runs in an app context of its own, so that nothing leaks from one job into the next.
    """

    def register(run: F) -> F:
        @wraps(run)
        def within(**arguments: Any) -> None:
            # Not the context of the command that started the worker: jobs that run side by side would share a session.
            if _app is not None:
                with _app.app_context():
                    run(**arguments)
                return
            if not has_app_context():  # A test runs it inside its own transaction.
                raise RuntimeError("The worker was not started by jobs.work()")
            run(**arguments)

        JOBS[name] = within
        if every is None:
            worker_app.task(name=name, retry=PATIENT)(within)
        else:

            def scheduled(timestamp: int) -> None:  # noqa: ARG001  The queue says for when it was due; the clock knows.
                within()

            task = worker_app.task(name=name, queueing_lock=name)(scheduled)
            worker_app.periodic(cron=every)(task)
        return run

    return register


def work(app: Flask, database_url: str) -> None:
    """Do promised jobs until told to stop (SIGINT, SIGTERM): running ones are finished first."""
    global _app  # noqa: PLW0603  One app for the whole process, built once.
    _app = app
    conninfo = database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    log.info("worker_started", jobs=len(JOBS))
    # Replaced, not copied: what is due by the clock is promised by the very app that its task was made with.
    with worker_app.replace_connector(PsycopgConnector(conninfo=conninfo, kwargs=PATIENT_WITH)) as connected:
        connected.run_worker(
            concurrency=2, fetch_job_polling_interval=2.0, delete_jobs="successful", install_signal_handlers=True
        )


@job("send_mail")
def send_mail(*, mail_id: str) -> None:
    """Send a promised mail."""
    notifications.send(mail_id=UUID(mail_id), at=clock.now())


@job("take_up_jobs", every="* * * * *")
def take_up_jobs() -> None:
    """Queue again what killed workers left lying."""
    with unit_of_work():
        queue.take_up()


# ---- photos ----


@job("make_photo")
def make_photo(*, photo_id: str) -> None:
    """Make a photo anew out of what was sent."""
    darkroom.make(photo_id=UUID(photo_id), at=clock.now())


@job("sweep_photos", every="46 3 * * *")
def sweep_photos() -> None:
    """Delete files of photos that no row knows."""
    darkroom.sweep(at=clock.now())


# ---- people ----


@job("answer_reset_request")
def answer_reset_request(*, email: str) -> None:
    """Mail a link for a new password, if the address is one of ours."""
    accounts.answer_reset_request(email=email, at=clock.now())


@job("sweep_accounts", every="23 * * * *")
def sweep_accounts() -> None:
    """Remove parked forms, sessions, tokens and counts whose time is over."""
    accounts.sweep(at=clock.now())
    limits.sweep()


@job("end_memberships", every="17 * * * *")
def end_memberships() -> None:
    """End the memberships whose last day is over."""
    clinics.end_those_over(at=clock.now())


# ---- credentials and documents ----


@job("draw_cases", every="33 * * * *")
def draw_cases() -> None:
    """Draw anew for cases that lie too long with whom they were drawn for."""
    credentials.draw_again(at=clock.now())


@job("remind_of_expiry", every="11 13 * * *")
def remind_of_expiry() -> None:
    """Remind holders of what expires soon."""
    credentials.remind_of_expiry(at=clock.now())


@job("mail_evidence_due", every="5 13 * * 1-5")
def mail_evidence_due() -> None:
    """Mail verifiers what must be looked at again, in the morning where they work."""
    digest.mail_evidence_due(at=clock.now())


@job("tell_desks", every="9 13 * * 1-5")
def tell_desks() -> None:
    """Mail moderators and finance what waits for them, in the morning where they work."""
    desks.tell_desks(at=clock.now())


@job("forget_documents", every="29 3 * * *")
def forget_documents() -> None:
    """Delete what people handed in to be verified, some time after the decision."""
    credentials.forget_documents(at=clock.now())


@job("sweep_documents", every="41 3 * * *")
def sweep_documents() -> None:
    """Delete files that no row knows, and those whose row says they are gone."""
    documents.sweep(at=clock.now())


@job("keep_audit_head", every="53 4 * * *")
def keep_audit_head() -> None:
    """Keep the signed head of the audit trail where who changes the database cannot reach it."""
    settings: Settings = current_app.extensions["second_light_settings"]
    trail.keep_head(key=settings.audit_key, file=settings.audit_heads_file, to=settings.audit_heads_to, at=clock.now())


# ---- tables of listings ----


@job("check_listing_import")
def check_listing_import(*, import_id: str) -> None:
    """Try the next devices of a table without making anything."""
    sheets.check(import_id=UUID(import_id), at=clock.now())


@job("write_listing_import")
def write_listing_import(*, import_id: str) -> None:
    """Make drafts of the next devices of a table."""
    sheets.write(import_id=UUID(import_id), at=clock.now())


@job("sweep_listing_imports", every="57 3 * * *")
def sweep_listing_imports() -> None:
    """Forget the lines of tables that were done with long ago."""
    sheets.sweep(at=clock.now())


# ---- registers ----


@job("check_register_file")
def check_register_file(*, snapshot_id: str) -> None:
    """Read a file of a register without loading it."""
    registers.check(snapshot_id=UUID(snapshot_id), at=clock.now())


@job("load_register_file")
def load_register_file(*, snapshot_id: str) -> None:
    """Load a file of a register, and let it count."""
    registers.load(snapshot_id=UUID(snapshot_id), at=clock.now())


@job("register_changed")
def register_changed(*, source_code: str) -> None:
    """Look at what the newer file of a register says of people and of models here."""
    if source_code in {RECALLS, ENFORCEMENT}:
        recalls.match(at=clock.now())
    else:
        credentials.screen(source_code=source_code, at=clock.now())


@job("screen_everyone", every="37 2 * * *")
def screen_everyone() -> None:
    """Look everybody up in the registers."""
    credentials.screen_everyone(at=clock.now())


@job("sweep_register_files", every="51 3 * * *")
def sweep_register_files() -> None:
    """Delete files of registers that nobody waits for."""
    registers.sweep(at=clock.now())


# ---- watching ----


@job("look_at_watched", every="*/5 * * * *")
def look_at_watched() -> None:
    """Tell people of falls in price and of sales among what they watch."""
    watching.look_at_watched(at=clock.now())


@job("look_for_new_at_once", every="2-57/5 * * * *")
def look_for_new_at_once() -> None:
    """Tell people who want to know at once of new devices of their searches."""
    watching.look_for_new(cadence=Cadence.INSTANT, at=clock.now())


@job("look_for_new_daily", every="7 12 * * *")
def look_for_new_daily() -> None:
    """Tell people of the day's new devices of their searches."""
    watching.look_for_new(cadence=Cadence.DAILY, at=clock.now())


# ---- wants ----


@job("match_want")
def match_want(*, want_id: str) -> None:
    """Hold a want that is new or was changed against every unit."""
    wants.match_want(want_id=UUID(want_id), at=clock.now())


@job("match_changed", every="* * * * *")
def match_changed() -> None:
    """Hold every unit that has changed against what buyers look for."""
    wants.match_changed(at=clock.now())


@job("expire_wants", every="13 * * * *")
def expire_wants() -> None:
    """End the wants whose last day is over."""
    want_service.expire(at=clock.now())


# ---- orders and money ----


@job("process_provider_event")
def process_provider_event(*, event_id: str) -> None:
    """Look at what an event of the payment provider is about."""
    payments.process_event(event_id=event_id, live=_takes_real_money(), at=clock.now())


@job("poll_provider_events", every="3-58/5 * * * *")
def poll_provider_events() -> None:
    """Read in the payment provider's own list what no webhook brought."""
    try:
        payments.poll_events(at=clock.now())
    except GatewayError as trouble:  # The cursor stands where it was: in five minutes all of it is read again.
        log.warning("events_not_polled", error=str(trouble))


@job("run_money_intent")
def run_money_intent(*, intent_id: str) -> None:
    """Send a transfer or a refund that is on record, or find that it was sent."""
    payments.run_intent(intent_id=UUID(intent_id), live=_takes_real_money(), at=clock.now())


@job("look_at_payment")
def look_at_payment(*, payment_id: str) -> None:
    """Look at a payment at the provider once more, because what was seen of it was of another moment."""
    payments.converge(payment_id=UUID(payment_id), live=_takes_real_money(), at=clock.now())


@job("recover_from_seller")
def recover_from_seller(*, order_id: str) -> None:
    """Ask back what a seller was paid from money that the buyer's bank has taken."""
    payments.recover(order_id=UUID(order_id), at=clock.now())


@job("payment_changed")
def payment_changed(*, order_id: str) -> None:
    """Let an order follow its payment."""
    orders.payment_changed(order_id=UUID(order_id), at=clock.now())


@job("watch_orders")
def watch_orders() -> None:
    """Look at every order under way, because somebody asked for it."""
    orders.watch(at=clock.now())


@job("watch_orders_nightly", every="31 8 * * *")
def watch_orders_nightly() -> None:
    """Look at every order under way, at night where they are."""
    orders.watch(at=clock.now())


@job("refund_uncured", every="47 * * * *")
def refund_uncured() -> None:
    """Give the payments of orders back whose cure period is over."""
    orders.refund_uncured(at=clock.now())


@job("look_at_order")
def look_at_order(*, order_id: str) -> None:
    """Look whether an order on its way still has the gate's yes, or has it again."""
    orders.look(order_id=UUID(order_id), at=clock.now())


@job("reconcile_payments", every="*/5 * * * *")
def reconcile_payments() -> None:
    """Look again at all money on the move, and at the orders that wait for it."""
    payments.reconcile(live=_takes_real_money(), at=clock.now())
    orders.catch_up(at=clock.now())


@job("compare_books", every="7 * * * *")
def compare_books() -> None:
    """Compare orders, money and the provider's own books, and tell finance where they differ."""
    try:
        orders.compare_books(live=_takes_real_money(), at=clock.now())
    except GatewayError as trouble:  # In an hour it is tried again; nothing is called gone in the meantime.
        log.warning("books_not_compared", error=str(trouble))


@job("watch_holds", every="17 9 * * *")
def watch_holds() -> None:
    """Tell finance of money that is held for long."""
    payments.watch_holds(at=clock.now())


@job("lapse_orders", every="*/5 * * * *")
def lapse_orders() -> None:
    """Free the devices of orders that were not paid in time."""
    orders.lapse_expired(live=_takes_real_money(), at=clock.now())


@job("lapse_reservations", every="*/5 * * * *")
def lapse_reservations() -> None:
    """Tidy up after reservations whose time is over."""
    offering.lapse_offers(at=clock.now())
    reserving.lapse_reservations(at=clock.now())


def _takes_real_money() -> bool:
    settings: Settings = current_app.extensions["second_light_settings"]
    return settings.takes_real_money

"""
One PostgreSQL for a run, one database per worker, one rolled-back transaction per test.

The house is imported where it is first needed: a run of pure tests needs none of it, and starts at once.
"""

import gc
import os
from collections.abc import Iterator
from contextvars import Context
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings

from marketplace.config import Mode, Settings
from marketplace.kernel import clock
from tests import dealing

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from marketplace.orders.models import Order
    from tests.factories.bank import Bank
    from tests.factories.orders import Scene
    from tests.factories.stripe import StripeDriver
    from tests.stages import Stages

NOON = datetime(2026, 6, 1, 17, tzinfo=UTC)
TEMPLATE = "second_light_template"
LONG_NAME = 200

# A busy machine may take its time, and whether a change passes is not for dice to say: those roll on our own machines.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
settings.load_profile("house")

_server = None


def pytest_configure(config):
    if not hasattr(config, "workerinput") and config.getoption("dist", "no") != "no":
        _open_postgres(config)  # Before the workers, who are told of it when they start.


def pytest_collection_finish(session):
    """What was imported and collected stays to the end: looking through it for garbage again and again takes time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):
        dealing.in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return dealing.ByFile(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_make_parametrize_id(val, argname):
    """Name what is long by its length: as they stood, the names of all tests were a hundred megabytes together."""
    return f"{argname} of {len(val)}" if isinstance(val, str | bytes) and len(val) > LONG_NAME else None


def stripe_test_key() -> str | None:
    """Return the key with which the contract is looked at with Stripe itself, if there is one."""
    key = os.environ.get("STRIPE_TEST_KEY")
    if key and not key.startswith("sk_test_"):
        raise pytest.UsageError("STRIPE_TEST_KEY must be a key of Stripe's test mode (sk_test_…).")
    return key or None


def pytest_terminal_summary(terminalreporter, config):
    asked = config.args_source is pytest.Config.ArgsSource.TESTPATHS or any("contract" in arg for arg in config.args)
    if asked and stripe_test_key() is None:
        terminalreporter.write_line("Stripe itself was not asked (tests/contract): STRIPE_TEST_KEY is not set.")


def _open_postgres(config):
    """Start the run's PostgreSQL once, in the process that leads the run, and migrate the template."""
    from sqlalchemy import create_engine

    from marketplace import database

    global _server
    url = os.environ.get("TEST_POSTGRES_URL")
    if url is None:
        from marketplace.dev.postgres import Server

        _server = Server.start(Path("/var/tmp") / f"second-light-tests-{uuid4().hex[:8]}", durable=False)
        _server.__enter__()
        url = _server.url("postgres")
    config.postgres_url = url
    config.template = os.environ.get("TEST_POSTGRES_TEMPLATE", f"{TEMPLATE}_{uuid4().hex[:8]}")
    if "TEST_POSTGRES_TEMPLATE" in os.environ:
        return  # Migrated before, once for many runs.
    _execute(url, f'CREATE DATABASE "{config.template}"')
    engine = create_engine(_named(url, config.template))
    database.upgrade(engine)
    engine.dispose()


def pytest_configure_node(node):
    node.workerinput["postgres_url"] = node.config.postgres_url
    node.workerinput["template"] = node.config.template


def pytest_unconfigure(config):
    if hasattr(config, "workerinput") or not hasattr(config, "template"):
        return
    if _server is not None:
        _server.__exit__(None, None, None)
    elif "TEST_POSTGRES_TEMPLATE" not in os.environ:
        _execute(config.postgres_url, f'DROP DATABASE IF EXISTS "{config.template}" WITH (FORCE)')


def _named(url: str, name: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _execute(url: str, statement: str) -> None:
    import psycopg
    from sqlalchemy.engine import make_url

    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    bounds = {"connect_timeout": 30, "options": "-c statement_timeout=120000"}
    with psycopg.connect(plain, autocommit=True, **bounds) as connection:
        connection.execute(statement)


def _copy(url: str, database: str, name: str) -> None:
    # By its files: what is copied page by page goes through the log as well, and takes two to three times as long.
    _execute(url, f'CREATE DATABASE "{name}" TEMPLATE "{database}" STRATEGY file_copy')


@pytest.fixture(scope="session")
def postgres(request) -> tuple[str, str]:
    """The address of the run's server and the name of its migrated template."""
    given = getattr(request.config, "workerinput", None)
    if given is not None:
        return given["postgres_url"], given["template"]
    if not hasattr(request.config, "template"):
        _open_postgres(request.config)  # Pure tests never come here, and start at once.
    return request.config.postgres_url, request.config.template


@pytest.fixture(scope="session")
def fresh_database(postgres):
    """A function that makes a migrated database of its own and returns its address."""
    url, template = postgres
    made: list[str] = []

    def make(like: str = template) -> str:
        name = f"t_{uuid4().hex[:12]}"
        _copy(url, like, name)
        made.append(name)
        return _named(url, name)

    yield make
    # A server of our own goes with all that is in it; to drop a hundred databases first took half a minute.
    for name in made if "TEST_POSTGRES_URL" in os.environ else ():
        _execute(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def settings_for(url: str, data_dir: Path, **changes) -> Settings:
    given = {
        "mode": Mode.TEST,
        "secret_key": "a secret for tests that opens nothing at all",
        "database_url": url,
        "base_url": "http://localhost",
        "data_dir": data_dir,
        "stripe_api_key": "sk_test_local",
        "stripe_webhook_secrets": ("whsec_local",),
        "stripe_api_base": "http://127.0.0.1:1",
        "mail_host": "127.0.0.1",
        "mail_port": 1,
        "mail_username": None,
        "mail_password": None,
        "mail_tls": False,
        "mail_from": "Second Light <post@second-light.example>",
        "mailbox_url": None,
        "platform_fee_bps": 600,
        "platform_fee_least_minor": 10_000,
        "card_cap_minor": 99_999_999,
        "debit_cap_minor": 99_999_999,
        "debit_risk_days": 5,
        "proxy_count": 0,
        "audit_key": None,
        "audit_heads_file": None,
        "audit_heads_to": None,
        "confirmed_for_minutes": 15,
        "document_keys": ("a key for tests under which no paper of anybody's lies",),
        "second_factor_keys": ("a key for tests that seals nothing of anybody's",),
        "staff_need_second_factor": False,
        "cases_are_drawn": False,
    }
    return Settings(**{**given, **changes})


def _browser() -> "type[FlaskClient]":
    from flask import has_app_context
    from flask.testing import FlaskClient

    from marketplace.extensions import db

    class Browser(FlaskClient):
        """A client whose requests share nothing with the test but the database: no `g`, no session, nobody signed in."""

        def open(self, *args, **kwargs):
            kwargs.setdefault("buffered", True)  # Files are read to the end and closed, as a browser does.
            answer = Context().run(super().open, *args, **kwargs)
            if has_app_context():
                db.session.expire_all()  # What the test knew of the rows may have changed.
            return answer

    return Browser


@pytest.fixture(scope="session")
def app(fresh_database, tmp_path_factory) -> "Iterator[Flask]":
    """The application over this worker's own database."""
    from marketplace.app import create_app
    from marketplace.extensions import db
    from tests.factories.rules import lay_out_document

    # What CSRF protection does is tested where it is meant; every other test would only carry tokens around.
    app = create_app(settings_for(fresh_database(), tmp_path_factory.mktemp("data")), WTF_CSRF_ENABLED=False)
    app.test_client_class = _browser()
    with app.app_context():
        lay_out_document()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def db_session(request):
    """An app context in which every commit is a savepoint and everything is rolled back at the end."""
    if request.node.get_closest_marker("own_database") or "rules" in request.node.path.parts:
        yield None
        return
    from marketplace.extensions import db, limiter
    from tests.stages import speaking_to
    from tests.support import forget_looks

    app = request.getfixturevalue("app")
    limiter.enabled = False  # One limiter serves all apps of a process, also those that count.
    # Known by what the test asks for, before anything of it is made.
    stage = request.node.stage = request.getfixturevalue("stages").asked_for(
        request.fixturenames, lambda: request.getfixturevalue("local_stripe_server")
    )
    with app.app_context():
        connection = (stage.engine if stage else db.engine).connect()
        # One connection hears everything that the house can say; of a hundred statements none would last until it is said again.
        connection.connection.driver_connection.prepared_max = 2_000
        outer = connection.begin()
        db.session.configure(join_transaction_mode="create_savepoint")
        try:
            with speaking_to(app, connection):  # Sessions of requests join the test's transaction, too.
                forget_looks()  # Of the test before, at units that stand in this one as well.
                yield db.session
        finally:
            outer.rollback()
            connection.close()


@pytest.fixture(scope="session")
def stages(app, fresh_database) -> "Iterator[Stages]":
    """The databases in which a sale stands where many tests begin."""
    from tests.stages import Stages

    stages = Stages(app, fresh_database)
    yield stages
    stages.close()


@pytest.fixture
def scene(request, db_session) -> "Scene":
    """Who is who around one unit: `tests.factories.orders.make_scene`, made once for a worker."""
    return request.node.stage.enter()


def _order(request) -> "UUID":
    stage = request.node.stage
    request.getfixturevalue("local_stripe").back(stage.books)
    return stage.order_id


@pytest.fixture
def opened(request, scene) -> "UUID":
    """The scene's order, whose payment page is open; its seller can be paid."""
    return _order(request)


@pytest.fixture
def held(request, scene) -> "UUID":
    """The scene's order, paid for by card: its money is held."""
    return _order(request)


def _standing(state: str):
    @pytest.fixture(name=state)
    def standing(request, scene) -> "Order":
        from tests.factories.orders import the_order

        return the_order(request.node.stage.order_id)

    return standing


# The scene's order as it stands in that state, without a payment provider: `tests.factories.orders.make_order`.
awaiting_practitioner = _standing("awaiting_practitioner")
awaiting_payment = _standing("awaiting_payment")
funds_held = _standing("funds_held")
in_transit = _standing("in_transit")
under_inspection = _standing("under_inspection")
accepted = _standing("accepted")


@pytest.fixture(autouse=True)
def nothing_is_lost(request, db_session):
    """After a test of what goes wrong with money, let news and jobs come to rest, and look whether anything was lost."""
    from tests.faults.cases import named, registry

    test = request.node.nodeid.partition("[")[0]
    asked = set(request.fixturenames)
    if test not in named() or "stripe_alone" not in asked or not {"local_stripe", "own_app"} & asked:
        yield
        return
    from marketplace.extensions import db
    from marketplace.payments.ports import PaymentGateway
    from tests.factories.payments import come_to_rest
    from tests.support import findings

    app = request.getfixturevalue("app" if "local_stripe" in asked else "own_app")
    stripe = request.getfixturevalue("stripe_alone")
    yield
    app.extensions["second_light_ports"][PaymentGateway] = stripe.usual_gateway  # The test's own may tell lies.
    with app.app_context():
        come_to_rest(stripe)
        # What the payments room is asked for behind an order's back, the order does not know of.
        found = {one.code for one in findings(orders_too="/test_payments_" not in test)}
        db.session.remove()
    assert sorted(found) == sorted(registry()["finds"].get(test, ()))


@pytest.fixture
def client(app) -> "FlaskClient":
    return app.test_client()


@pytest.fixture
def now() -> datetime:
    """The present moment in whole seconds: the database's own guards ask its clock."""
    return clock.now().replace(microsecond=0)


@pytest.fixture(scope="session")
def lent_app(postgres, tmp_path_factory) -> "Iterator[Flask]":
    """
    The application that is lent to one test after the other, each with another database under the same name.

    To build one takes as long as many a test, and one whose engine is new puts every statement together anew.
    """
    from marketplace.app import create_app

    url, _ = postgres
    name = f"lent_{uuid4().hex[:12]}"
    yield create_app(settings_for(_named(url, name), tmp_path_factory.mktemp("lent")))
    if "TEST_POSTGRES_URL" in os.environ:
        _execute(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def own_app(postgres, lent_app, tmp_path) -> "Iterator[Flask]":
    """An application over a database of its own, with real commits. Mark the test `own_database`."""
    from sqlalchemy.engine import make_url

    from marketplace import adapters
    from marketplace.extensions import db

    url, template = postgres
    settings = settings_for(lent_app.extensions["second_light_settings"].database_url, tmp_path)
    name = make_url(settings.database_url).database
    _execute(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    _copy(url, template, name)
    before = dict(lent_app.config)
    lent_app.extensions["second_light_settings"] = settings
    adapters.bind_all(lent_app, settings)
    yield lent_app
    lent_app.config.clear()
    lent_app.config.update(before)
    with lent_app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def local_stripe_server() -> "Iterator[StripeDriver]":
    """One local Stripe for a whole run, over a real socket."""
    from marketplace.dev.stripe.server import LocalStripe
    from tests.factories.stripe import NOWHERE, SECRET, StripeDriver

    server = LocalStripe(deliver_to=NOWHERE, secret=SECRET).start()
    driver = StripeDriver(server)
    yield driver
    driver.close()
    server.stop()


@pytest.fixture
def stripe_alone(local_stripe_server) -> "StripeDriver":
    """The local Stripe, empty, with every webhook held back until the test takes it."""
    local_stripe_server.reset()
    return local_stripe_server


@pytest.fixture
def bank(stripe_alone) -> "Iterator[Bank]":
    """The same, asked directly: its API without our gateway."""
    import httpx

    from tests.factories.bank import Bank

    headers = {"Authorization": f"Bearer {stripe_alone.api_key}"}
    with httpx.Client(base_url=stripe_alone.base_url, headers=headers, trust_env=False) as http:
        yield Bank(stripe_alone, http)


@pytest.fixture
def local_stripe(app, stripe_alone) -> "StripeDriver":
    """The same, behind the payments of the tests' app."""
    stripe_alone.bind(app)
    return stripe_alone


@pytest.fixture
def pseudo(monkeypatch):
    """Let another language put every message between brackets: what stands outside of them was forgotten."""
    from marketplace.web import language
    from tests.languages import Pseudo
    from tests.support import forget_pieces

    monkeypatch.setattr(language, "_catalogue", lambda _code: Pseudo())
    forget_pieces()
    yield
    forget_pieces()

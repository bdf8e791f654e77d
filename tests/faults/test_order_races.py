"""Many hands at one instant: one device, one order, one payment; a revoked credential opens nothing."""

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Thread

import httpx
import pytest
from sqlalchemy import func, select, update
from werkzeug.serving import make_server

from marketplace.app import create_app
from marketplace.clinics import service as clinics
from marketplace.clinics.models import ClinicMember
from marketplace.credentials.models import Credential
from marketplace.credentials.states import CredentialState
from marketplace.extensions import ENGINE_OPTIONS, db, unit_of_work
from marketplace.kernel import clock
from marketplace.kernel.errors import Refusal
from marketplace.kernel.terms import ClinicRole
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.orders import service as orders
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from marketplace.payments.models import MoneyIntent
from tests.conftest import settings_for
from tests.factories.accounts import PASSWORD, make_user
from tests.factories.clinics import make_member
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_order, make_scene, wish
from tests.factories.payments import pay_page
from tests.patience import PATIENCE, let_end

pytestmark = pytest.mark.own_database

ROUNDS = int(os.environ.get("SECOND_LIGHT_RACE_ROUNDS", "5"))
BUYERS = 20


# A busy machine may keep a lock, or think between two statements, for longer than the house would wait for it; here only
# a true deadlock ends the wait.
PATIENT = {
    "application_name": "second-light",
    "options": "-c lock_timeout=60000 -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000",
}


@pytest.fixture
def house(fresh_database, tmp_path):
    """The app over a database of its own, with a connection for every hand: who waits for one learns nothing of races."""
    options = {**ENGINE_OPTIONS, "pool_size": BUYERS + 5, "connect_args": PATIENT}
    app = create_app(settings_for(fresh_database(), tmp_path), SQLALCHEMY_ENGINE_OPTIONS=options)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def at_once(app, deeds):
    """Do all the deeds at the same instant, each on a connection of its own; return what came of each."""
    barrier = Barrier(len(deeds))

    def do(deed):
        with app.app_context():
            barrier.wait(PATIENCE)
            try:
                return deed()
            except Refusal as refusal:
                return refusal
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


@contextmanager
def served(app):
    """Serve the app on a socket of this machine, a thread for each request."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        let_end(thread)
        server.server_close()


def token(page: str) -> str:
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def filled(page: str) -> dict[str, str]:
    key = re.search(r'name="form_key"[^>]*value="([^"]+)"', page)[1]
    return {"csrf_token": token(page), "form_key": key, "terms": "y"}


def signed_in(address: str, email: str) -> httpx.Client:
    browser = httpx.Client(base_url=address, timeout=60, trust_env=False)
    page = browser.get("/sign-in").text
    answer = browser.post("/sign-in", data={"csrf_token": token(page), "email": email, "password": PASSWORD})
    assert answer.status_code == 303
    return browser


def test_twenty_buyers_press_at_the_same_instant_and_one_has_it(house):
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now)
    emails = []
    for _ in range(BUYERS):
        buyer = make_user()
        make_member(clinic=scene.clinic, user=buyer)
        make_credential(holder=buyer, level="SENIOR_TECHNICIAN", expires_on=scene.licence.expires_on, verifier=None)
        emails.append(buyer.email)
    db.session.rollback()  # What follows is done by others, and this transaction would idle meanwhile.
    with served(house) as address:
        browsers = [signed_in(address, email) for email in emails]
        for _ in range(ROUNDS):
            listing = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")])
            listing_id = listing.id
            path = f"/devices/{listing_id}/order"
            db.session.rollback()
            forms = [browser.get(path).text for browser in browsers]
            barrier = Barrier(BUYERS)

            # Read before anybody waits for the others: a page without a form fails here, and keeps nobody waiting.
            filled_in = [filled(form) for form in forms]

            def press(browser, data, path=path, barrier=barrier):
                barrier.wait(PATIENCE)
                return browser.post(path, data=data)

            with ThreadPoolExecutor(BUYERS) as pool:
                answers = list(pool.map(press, browsers, filled_in))

            assert Counter(answer.status_code for answer in answers) == {303: 1, 409: BUYERS - 1}
            refused = [answer.text for answer in answers if answer.status_code == 409]
            assert all("Somebody else has just reserved this device." in page for page in refused)
            (order,) = db.session.scalars(select(Order).where(Order.listing_id == listing_id))
            assert order.state is OrderState.AWAITING_PRACTITIONER
            orders.cancel(order_id=order.id, actor_id=scene.seller.id, live=False, at=now)
            db.session.rollback()


def test_the_same_form_twenty_times_is_one_order(house):
    now = clock.now().replace(microsecond=0)
    wanted = wish(make_scene(now), at=now)

    came_of_it = at_once(house, [lambda: orders.place(**wanted)] * 8)

    assert set(came_of_it) == set(db.session.scalars(select(Order.id)))
    assert len(set(came_of_it)) == 1


def test_a_licence_revoked_while_orders_are_placed_opens_nothing_afterwards(house):
    now = clock.now().replace(microsecond=0)
    for _ in range(ROUNDS):
        scene = make_scene(now)
        credential_id, wanted = scene.licence.id, wish(scene, at=now)

        def revoke(credential_id=credential_id):
            with unit_of_work() as session:
                session.execute(
                    update(Credential)
                    .where(Credential.id == credential_id)
                    .values(state=CredentialState.REVOKED, reason="The register says so.")
                )
                return "revoked"

        came_of_it = at_once(house, [lambda wanted=wanted: orders.place(**wanted), revoke])

        assert came_of_it[1] == "revoked"
        placed = not isinstance(came_of_it[0], Refusal)
        assert placed or isinstance(came_of_it[0], orders.NotCleared | orders.GateMoved)
        if placed:
            # It was written before the revocation, and goes no further.
            practitioner_id = scene.practitioner.id
            asked = orders.to_sign(order_id=came_of_it[0], actor_id=practitioner_id, at=now)
            signed = [code for code, _ in asked.required]
            orders.confirm(order_id=came_of_it[0], actor_id=practitioner_id, signed=signed, at=now)
            with pytest.raises(orders.NotCleared):
                pay_page(came_of_it[0], scene.buyer.id, at=now)
        else:
            assert db.session.get_one(Listing, wanted["listing_id"]).state is ListingState.PUBLISHED
        db.session.rollback()


def test_a_double_click_on_accept_asks_for_the_money_once(house):
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now)
    order_id = make_order("under_inspection", scene, at=now).id
    buyer_id = scene.buyer.id
    db.session.rollback()

    came_of_it = at_once(house, [lambda: orders.accept(order_id=order_id, actor_id=buyer_id, at=now)] * 6)

    assert Counter(type(one).__name__ for one in came_of_it) == {"NoneType": 1, "IllegalMove": 5}
    assert db.session.scalar(select(func.count()).select_from(MoneyIntent)) == 1
    db.session.rollback()


def test_release_to_ship_and_refund_at_once_leave_one_truth(house):
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now)
    order_id = make_order("released_to_ship", scene, at=now).id
    seller_id = scene.seller.id
    db.session.rollback()

    came_of_it = at_once(
        house,
        [
            lambda: orders.dispatch(order_id=order_id, actor_id=seller_id, carrier="ArcBest", tracking="1", at=now),
            lambda: orders.refund(order_id=order_id, actor_id=seller_id, reason="it broke", at=now),
        ],
    )

    assert sorted(type(one).__name__ for one in came_of_it) == ["IllegalMove", "NoneType"]
    state = db.session.get_one(Order, order_id, populate_existing=True).state
    assert state is (OrderState.IN_TRANSIT if came_of_it[0] is None else OrderState.REFUNDING)
    assert db.session.scalar(select(func.count()).select_from(MoneyIntent)) == (came_of_it[0] is not None)
    db.session.rollback()


def test_an_approval_and_a_dismissal_at_once_leave_no_approval_of_somebody_who_was_gone(house):
    now = clock.now().replace(microsecond=0)
    for _ in range(ROUNDS):
        scene = make_scene(now)
        manager = make_user()
        make_member(clinic=scene.clinic, user=manager, role=ClinicRole.MANAGER)
        scene.clinic.purchase_limit_minor = 0
        db.session.commit()
        order_id = make_order("awaiting_payment", scene, at=now).id
        clinic_id, owner_id, manager_id = scene.clinic.id, scene.owner.id, manager.id
        db.session.rollback()

        approved, *dismissed = at_once(
            house,
            [
                lambda order_id=order_id, person=manager_id: orders.approve(order_id=order_id, actor_id=person, at=now),
                lambda clinic_id=clinic_id, owner_id=owner_id, person=manager_id: clinics.remove_member(
                    clinic_id=clinic_id, actor_id=owner_id, user_id=person, at=now
                ),
                lambda order_id=order_id, person=owner_id: orders.approve(order_id=order_id, actor_id=person, at=now),
            ],
        )

        order = db.session.get_one(Order, order_id)
        assert dismissed[0] is None
        # Exactly one of the two approved, and the other was told that somebody had, or that they are gone.
        assert [approved, dismissed[1]].count(None) == 1
        assert order.approved_by == (manager_id if approved is None else owner_id)
        left_at = db.session.scalar(select(ClinicMember.left_at).where(ClinicMember.user_id == manager_id))
        assert left_at == now
        db.session.rollback()

"""The provider's own list of events: what no webhook brought is read there, once, however often and late it is told."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.jobs import JOBS
from marketplace.kernel import clock
from marketplace.payments import ledger, queries
from marketplace.payments import polling as how
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account, JournalKind
from marketplace.payments.models import EventCursor, ProviderEvent, ProviderEventState
from marketplace.payments.ports import GatewayConfig, GatewayError
from marketplace.payments.states import PaymentState
from tests.factories.orders import make_scene, place_and_confirm, the_order
from tests.factories.payments import do_jobs, hear, onboarded, pay_page, the_payment, waiting_jobs
from tests.support import assert_nothing_lost, assert_refused_by


@pytest.fixture
def order_id(now, local_stripe):
    """An order that is paid, of which nobody told us anything."""
    scene = make_scene(now)
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    local_stripe.pay_by_card(the_payment(order_id).checkout_id)
    return order_id


def listed(stripe) -> set[str]:
    return {event["id"] for event in stripe.get("/v1/events", limit=100)["data"]}


def kept() -> dict[str, ProviderEvent]:
    return {
        event.event_id: event
        for event in db.session.scalars(select(ProviderEvent).execution_options(populate_existing=True))
    }


def cursor():
    return db.session.scalar(select(EventCursor.read_until).execution_options(populate_existing=True))


class TestSellers:
    def test_a_seller_who_was_restricted_unheard_is_known_after_one_look(self, local_stripe, now):
        """Only thin events tell of sellers' accounts, and they stand in a list of their own."""
        scene = make_scene(now)
        reference = onboarded(local_stripe, scene.seller_clinic.id, at=now)
        local_stripe.restrict(reference)
        local_stripe.take_events()  # They left, and never arrived.
        assert queries.seller_account(scene.seller_clinic.id).payable

        payments.poll_events(at=now + timedelta(hours=1))
        do_jobs()

        assert not queries.seller_account(scene.seller_clinic.id).payable
        kinds = {event.kind for event in kept().values()}
        assert "v2.core.account[configuration.recipient].capability_status_updated" in kinds

    def test_what_the_first_list_has_whole_is_not_read_a_second_time(self, order_id, local_stripe, now):
        local_stripe.sim("settings", thin_too=True)
        local_stripe.dispute(the_payment(order_id).charge_id or local_stripe.get("/v1/charges")["data"][0]["id"])
        payments.poll_events(at=now + timedelta(hours=1))

        whole = {event["id"] for event in local_stripe.get("/v1/events", limit=100)["data"]}
        assert {one for one, event in kept().items() if not event.kind.startswith("v2.")} == whole

    def test_the_thin_list_is_turned_page_by_page(self, local_stripe, now):
        client = local_stripe.gateway()._client.v2.core.events
        for _ in range(3):
            onboarded(local_stripe, make_scene(now).seller_clinic.id, at=now)
        bounds = ({}, {"created": {"gte": (now - timedelta(hours=1)).isoformat()}})
        made = [[event.id for event in client.list({"limit": 2, **one}).auto_paging_iter()] for one in bounds]

        assert made[0] == made[1]
        assert len(set(made[0])) == len(made[0]) >= 6
        late = {"created": {"gt": (now + timedelta(hours=1)).isoformat()}}
        assert client.list(late).data == []
        (one, *_) = client.list({"limit": 1, "types": ["v2.core.account.created"]}).data
        assert [event.id for event in client.list({"object_id": one.related_object.id}).data].count(one.id) == 1


class TestPoll:
    def test_an_hour_without_any_webhook_is_made_good_by_one_look(self, order_id, local_stripe, now):
        local_stripe.take_events()  # They left, and never arrived.
        later = now + timedelta(hours=1)

        assert payments.poll_events(at=later) == len(listed(local_stripe)) >= 5
        do_jobs()

        assert the_payment(order_id).state is PaymentState.HELD
        assert the_order(order_id).state == "funds_held"
        assert [one.kind for one in queries.journals_of(order_id)] == [JournalKind.PAID, JournalKind.PROVIDER_FEE]
        assert set(kept()) == listed(local_stripe)
        assert {one.state for one in kept().values()} == {ProviderEventState.DONE, ProviderEventState.IGNORED}
        assert cursor() == later
        assert_nothing_lost()

    def test_what_is_kept_is_what_a_webhook_would_have_brought(self, order_id, local_stripe, now):
        payments.poll_events(at=now)
        polled = {
            one.event_id: (one.kind, one.object_id, one.account, one.livemode, one.api_version, one.created_at)
            for one in kept().values()
        }
        db.session.execute(db.delete(ProviderEvent))
        db.session.commit()
        hear(local_stripe)
        told = {
            one.event_id: (one.kind, one.object_id, one.account, one.livemode, one.api_version, one.created_at)
            for one in kept().values()
        }

        assert polled == told

    def test_webhooks_that_come_later_change_nothing(self, order_id, local_stripe, now):
        payments.poll_events(at=now)
        do_jobs()
        before = {one.event_id: (one.state, one.attempts, one.received_at) for one in kept().values()}

        assert hear(local_stripe) == len(before)

        assert {one.event_id: (one.state, one.attempts, one.received_at) for one in kept().values()} == before
        assert ledger.balance_of(Account.HELD).minor == -4_250_000
        assert len(queries.journals_of(order_id)) == 2

    def test_what_a_webhook_brought_is_not_news(self, order_id, local_stripe, now):
        hear(local_stripe)

        assert payments.poll_events(at=now) == 0
        assert payments.poll_events(at=now) == 0

        assert waiting_jobs() == []

    def test_each_look_begins_a_quarter_of_an_hour_before_the_last_one(self, order_id, local_stripe, now, monkeypatch):
        asked = []
        monkeypatch.setattr(
            type(local_stripe.usual_gateway), "events", lambda _, since: asked.append(since) or iter(())
        )

        for minutes in (0, 5, 10):
            payments.poll_events(at=now + timedelta(minutes=minutes))

        assert asked == [now - timedelta(days=3), now - timedelta(minutes=15), now - timedelta(minutes=10)]

    def test_a_slow_look_that_ends_after_a_later_one_takes_nothing_back(self, order_id, local_stripe, now):
        payments.poll_events(at=now + timedelta(minutes=5))
        payments.poll_events(at=now)

        assert cursor() == now + timedelta(minutes=5)

    def test_more_than_one_page_is_read_to_the_end(self, order_id, local_stripe, now, monkeypatch):
        monkeypatch.setattr(how, "AT_ONCE", 2)
        list_events = local_stripe.usual_gateway._client.v1.events.list
        monkeypatch.setattr(
            local_stripe.usual_gateway._client.v1.events, "list", lambda asked: list_events(asked | {"limit": 2})
        )

        assert payments.poll_events(at=now) == len(listed(local_stripe)) >= 5
        assert set(kept()) == listed(local_stripe)

    def test_a_kind_that_nobody_knows_is_ignored(self, order_id, local_stripe, now):
        (strange,) = [
            event["id"]
            for event in local_stripe.get("/v1/events", limit=100)["data"]
            if event["type"] == "customer.created"
        ]
        local_stripe.edit(strange, type="laser.recertified")

        payments.poll_events(at=now)
        do_jobs()

        assert (kept()[strange].kind, kept()[strange].state) == ("laser.recertified", ProviderEventState.IGNORED)

    def test_one_that_cannot_be_read_stands_in_nobodys_way(self, order_id, local_stripe, now, capsys):
        broken = local_stripe.get("/v1/events", limit=100)["data"][1]["id"]
        local_stripe.edit(broken, data={})

        payments.poll_events(at=now)
        do_jobs()

        assert set(kept()) == listed(local_stripe) - {broken}
        assert "event_not_readable" in capsys.readouterr().err
        assert the_payment(order_id).state is PaymentState.HELD
        assert cursor() == now

    def test_another_version_in_the_list_is_no_alarm(self, order_id, local_stripe, now, capsys):
        """The list is in the account's own version, whatever the endpoint's is: an event only says where to look."""
        some = local_stripe.get("/v1/events", limit=100)["data"][0]["id"]
        local_stripe.edit(some, api_version="2027-01-01.future")

        payments.poll_events(at=now)

        assert json.loads(kept()[some].body)["api_version"] == kept()[some].api_version == "2027-01-01.future"
        assert "event_of_another_version" not in capsys.readouterr().err


class TestTheProviderIsAway:
    def test_the_cursor_stays_where_it_was(self, order_id, local_stripe, now):
        payments.poll_events(at=now)
        local_stripe.fault("GET /v1/events", "error_before")

        with pytest.raises(GatewayError):
            payments.poll_events(at=now + timedelta(minutes=5))

        assert cursor() == now

    def test_a_look_that_stops_half_way_keeps_what_it_saw_and_begins_again(
        self, order_id, local_stripe, now, monkeypatch
    ):
        everything = list(local_stripe.usual_gateway.events(since=now - timedelta(days=3)))

        def stops(_, since):
            yield from everything[:2]
            raise GatewayConfig("The key was taken away.")

        with monkeypatch.context() as patched:
            patched.setattr(type(local_stripe.usual_gateway), "events", stops)
            patched.setattr(how, "AT_ONCE", 2)
            with pytest.raises(GatewayConfig):
                payments.poll_events(at=now)
        assert (set(kept()), cursor()) == ({one.ref.event_id for one in everything[:2]}, None)

        assert payments.poll_events(at=now) == len(everything) - 2
        assert cursor() == now

    def test_the_job_says_so_and_tries_again(self, order_id, local_stripe, capsys):
        local_stripe.fault("GET /v1/events", "error_before")

        JOBS["poll_provider_events"]()
        assert (cursor(), kept()) == (None, {})
        assert "events_not_polled" in capsys.readouterr().err

        JOBS["poll_provider_events"]()
        assert set(kept()) == listed(local_stripe)
        assert clock.now() - cursor() < timedelta(minutes=1)


def test_there_is_one_cursor(now):
    with assert_refused_by("event_cursor_there_is_only_one"):
        db.session.execute(db.insert(EventCursor).values(id=2, read_until=now))

"""The record of what happened: nothing changes in it, and a change would be found."""

from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from marketplace import audit
from marketplace.audit import Wanted
from marketplace.extensions import db, unit_of_work
from marketplace.kernel import clock
from tests.patience import let_end
from tests.support import assert_refused_by

LISTING, ORDER, ALICE = UUID(int=1), UUID(int=2), UUID(int=3)
GENESIS = "0" * 64


def happened(kind="listing:published", *, at, subject_id=LISTING, actor_id=ALICE, **data):
    with unit_of_work():
        audit.record(kind, actor_id=actor_id, subject_type=kind.partition(":")[0], subject_id=subject_id, at=at, **data)


@pytest.fixture
def three(now):
    """Three events, and their positions."""
    happened(at=now, price_minor=4_250_000)
    happened("order:placed", at=now, subject_id=ORDER, decision=UUID(int=7))
    happened("listing:reserved", at=now, actor_id=None)
    return [event.position for event in reversed(audit.newest(Wanted(), limit=3))]


def tampered(statement: str, **values) -> None:
    """What somebody with the keys of the database could do: without the trigger."""
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    db.session.execute(text(statement), values)
    db.session.execute(text("SET LOCAL session_replication_role = origin"))
    db.session.expire_all()


class TestRecording:
    def test_chains_each_event_to_the_one_before(self, three):
        first, second, third = reversed(audit.newest(Wanted(), limit=3))

        assert first.previous_hash == GENESIS
        assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
        assert list(audit.broken_links()) == []

    def test_keeps_what_was_said_in_plain_json(self, three):
        (event,) = audit.events_about("order", ORDER)

        assert (event.kind, event.actor_id, event.data) == ("order:placed", ALICE, {"decision": str(UUID(int=7))})

    def test_chains_several_at_once_in_their_order(self, three, now):
        with unit_of_work():
            audit.record_all(
                audit.Happening(f"listing:{what}", ALICE, "listing", LISTING, now, {"number": number})
                for number, what in enumerate(("drafted", "submitted", "published"))
            )

        *_, before, first, second, third = reversed(audit.newest(Wanted(), limit=6))
        assert [event.kind for event in (first, second, third)] == [
            "listing:drafted", "listing:submitted", "listing:published",
        ]  # fmt: skip
        assert [event.data for event in (first, second, third)] == [{"number": 0}, {"number": 1}, {"number": 2}]
        assert (first.previous_hash, second.previous_hash) == (before.hash, first.hash)
        assert list(audit.broken_links()) == []

    def test_belongs_to_the_transaction_of_what_happened(self, now):
        with pytest.raises(ZeroDivisionError), unit_of_work():
            audit.record("order:placed", actor_id=None, subject_type="order", subject_id=ORDER, at=now)
            raise ZeroDivisionError

        assert audit.newest(Wanted(), limit=1) == []

    @settings(max_examples=30, deadline=None)
    @given(
        st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
            st.recursive(
                st.none() | st.booleans() | st.integers(-(2**60), 2**60)
                | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
                lambda inner: st.lists(inner, max_size=3),
                max_leaves=6,
            ),
            max_size=4,
        )
    )  # fmt: skip
    def test_whatever_is_said_can_be_proved_later(self, now, data):
        reserved = {"kind", "actor_id", "subject_type", "subject_id", "at"}
        happened(at=now, **{name: value for name, value in data.items() if name not in reserved})
        db.session.expire_all()

        assert list(audit.broken_links()) == []


class TestTampering:
    @pytest.mark.parametrize(
        "change",
        [
            "kind = 'order:cancelled'",
            "actor_id = NULL",
            "subject_id = gen_random_uuid()",
            "subject_type = 'listing'",
            "at = at - interval '1 microsecond'",
            "data = data || '{\"price_minor\": 1}'",
            f"hash = '{'f' * 64}'",
            f"previous_hash = '{'e' * 64}'",
        ],
    )
    def test_any_change_is_found(self, three, change):
        tampered(f"UPDATE audit_events SET {change} WHERE position = :position", position=three[1])

        assert three[1] in audit.broken_links()

    def test_a_missing_event_is_found_at_the_next(self, three):
        tampered("DELETE FROM audit_events WHERE position = :position", position=three[1])

        assert list(audit.broken_links()) == [three[2]]

    def test_a_missing_beginning_is_found(self, three):
        tampered("DELETE FROM audit_events WHERE position = :position", position=three[0])

        assert list(audit.broken_links()) == [three[1]]

    def test_a_walk_may_begin_at_an_event_that_is_trusted(self, three):
        tampered("UPDATE audit_events SET actor_id = NULL WHERE position = :position", position=three[0])

        assert list(audit.broken_links()) == [three[0]]
        assert list(audit.broken_links(after=three[0])) == []


class TestTable:
    @pytest.mark.parametrize("statement", ["UPDATE audit_events SET kind = 'x'", "DELETE FROM audit_events"])
    def test_nothing_is_changed_or_removed(self, three, statement):
        with assert_refused_by("audit_events_is_append_only"):
            db.session.execute(text(statement))

    @pytest.mark.parametrize(
        ("column", "constraint"),
        [("hash", "uq_audit_events_hash"), ("previous_hash", "uq_audit_events_previous_hash")],
    )
    def test_no_two_events_share_a_link(self, three, column, constraint):
        with assert_refused_by(constraint):
            db.session.execute(
                text(
                    "INSERT INTO audit_events (kind, subject_type, subject_id, at, data, previous_hash, hash)"
                    f" SELECT kind, subject_type, subject_id, at, data, {'previous_hash' if column == 'previous_hash' else 'repeat($$a$$, 64)'},"
                    f" {'hash' if column == 'hash' else 'repeat($$b$$, 64)'} FROM audit_events ORDER BY position LIMIT 1"
                )
            )


class TestReading:
    def test_narrows_by_kind_subject_and_position(self, three):
        def positions(**wanted):
            return [event.position for event in audit.newest(Wanted(**wanted), limit=10)]

        assert positions() == three[::-1]
        assert positions(kind="order:placed") == [three[1]]
        assert positions(subject_type="listing") == [three[2], three[0]]
        assert positions(subject_id=ORDER) == [three[1]]
        assert positions(before=three[1]) == [three[0]]
        assert positions(kind="order:placed", subject_type="listing") == []

    def test_measures_the_chain(self, three):
        extent = audit.extent()

        assert (extent.events, extent.kinds, extent.subject_types) == (
            3, ("listing:published", "listing:reserved", "order:placed"), ("listing", "order"),
        )  # fmt: skip
        assert extent.head == audit.newest(Wanted(), limit=1)[0].hash

    def test_measures_a_chain_that_has_not_begun(self):
        assert audit.extent() == audit.Extent(0, None, (), ())

    def test_finds_where_the_newest_begin(self, three):
        assert [audit.position_before_newest(number) for number in (1, 2, 3, 4)] == [three[1], three[0], 0, 0]


@pytest.mark.own_database
def test_eight_who_write_at_once_make_one_chain(own_app):
    writers, each = 8, 15
    together = Barrier(writers)
    failures = []

    def write():
        try:
            with own_app.app_context():
                together.wait(timeout=20)
                for _ in range(each):
                    happened("order:placed", at=clock.now(), subject_id=uuid4())
        except BaseException as failure:  # noqa: BLE001  A thread's failure must reach the test.
            failures.append(failure)

    threads = [Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    let_end(*threads)

    assert failures == []
    with own_app.app_context():
        assert audit.extent().events == writers * each
        assert list(audit.broken_links()) == []

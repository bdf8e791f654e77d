"""Totals that are kept beside the books: always what the entries come to, written by nobody else, waited for by nobody."""

import random
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.payments import desk, ledger, verifying
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account, JournalKind
from marketplace.payments.books import FindingCode
from marketplace.payments.models import LedgerEntry, LedgerJournal, LedgerTotal
from tests.factories.orders import make_order, make_scene
from tests.patience import let_end
from tests.support import assert_refused_by

WRITERS, ROUNDS = 8, 6


def journal(chance: random.Random, order_id, *, at: datetime, dedupe: str) -> LedgerJournal:
    """Return a balanced journal of two to five sides in one of two currencies."""
    accounts = chance.sample(list(Account), chance.randint(2, 5))
    minors = [chance.choice((-1, 1)) * chance.randint(1, 10**9) for _ in accounts[1:]]
    if not sum(minors):
        minors[0] += 1
    currency = chance.choice(("usd", "eur"))
    return LedgerJournal(
        dedupe=dedupe,
        kind=chance.choice(list(JournalKind)),
        order_id=order_id,
        at=at + timedelta(minutes=chance.randint(-4_000, 4_000)),
        entries=[
            LedgerEntry(account=account, currency=currency, amount_minor=minor)
            for account, minor in zip(accounts, [*minors, -sum(minors)], strict=True)
        ],
    )


def added_up(session) -> dict[tuple, int]:
    """Return what the entries come to, the slow way."""
    sums: dict[tuple, int] = {}
    for one, entry in session.execute(
        select(LedgerJournal, LedgerEntry).join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
    ):
        key = (one.at.astimezone(UTC).date(), one.kind, entry.account, entry.currency)
        sums[key] = sums.get(key, 0) + entry.amount_minor
    return {key: minor for key, minor in sums.items() if minor}


def kept_totals(session) -> dict[tuple, int]:
    there = (LedgerTotal.day, LedgerTotal.kind, LedgerTotal.account, LedgerTotal.currency)
    rows = session.execute(select(*there, func.sum(LedgerTotal.amount_minor)).group_by(*there))
    return {(day, kind, account, currency): int(minor) for day, kind, account, currency, minor in rows if minor}


@pytest.fixture
def order_id(now):
    return make_order("funds_held", make_scene(now), at=now).id


class TestTotals:
    @pytest.mark.parametrize("seed", range(5))
    def test_are_the_sum_of_the_entries_after_any_journals(self, order_id, now, seed):
        chance = random.Random(seed)
        for number in range(40):
            undone = chance.random() < 0.2
            savepoint = db.session.begin_nested()
            db.session.add(journal(chance, order_id, at=now, dedupe=f"random:{number}"))
            db.session.flush()
            savepoint.rollback() if undone else savepoint.commit()

        assert kept_totals(db.session) == added_up(db.session)
        assert len(kept_totals(db.session)) > 40
        assert list(verifying._totals()) == []

    def test_the_balance_of_each_account_is_what_its_entries_come_to(self, order_id, now):
        chance = random.Random(7)
        db.session.add_all(journal(chance, order_id, at=now, dedupe=f"random:{number}") for number in range(30))
        db.session.flush()

        slow = {
            (account, currency): int(minor)
            for account, currency, minor in db.session.execute(
                select(LedgerEntry.account, LedgerEntry.currency, func.sum(LedgerEntry.amount_minor)).group_by(
                    LedgerEntry.account, LedgerEntry.currency
                )
            )
        }

        assert {(account, amount.currency): amount.minor for account, amount in desk.balances()} == slow
        assert {(one, "eur"): ledger.balance_of(one, currency="eur").minor for one in Account}.items() >= {
            key: minor for key, minor in slow.items() if key[1] == "eur"
        }.items()

    @pytest.mark.parametrize(
        "lie",
        [
            "UPDATE ledger_totals SET amount_minor = amount_minor + 1",
            "DELETE FROM ledger_totals",
            "TRUNCATE ledger_totals",
            "INSERT INTO ledger_totals VALUES ('2026-01-01', 'paid', 'held', 'usd', 0, 1)",
        ],
    )
    def test_are_written_by_nobody_else(self, order_id, now, lie):
        db.session.add(journal(random.Random(1), order_id, at=now, dedupe="x"))
        db.session.flush()

        with assert_refused_by("ledger_totals_follow_the_entries"):
            db.session.execute(text(lie))

    def test_a_total_that_was_changed_all_the_same_is_found(self, order_id, now, local_stripe):
        db.session.add(
            LedgerJournal(
                dedupe="x", kind="paid", order_id=order_id, at=datetime(2026, 6, 1, 23, 59, tzinfo=UTC),
                entries=[LedgerEntry(account="held", amount_minor=-100), LedgerEntry(account="suspense", amount_minor=100)],
            )
        )  # fmt: skip
        db.session.flush()
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(text("UPDATE ledger_totals SET amount_minor = -99 WHERE account = 'held'"))
        db.session.execute(text("DELETE FROM ledger_totals WHERE account = 'suspense'"))
        db.session.execute(text("SET LOCAL session_replication_role = origin"))
        db.session.commit()

        found = [one for one in payments.verify(at=now) if one.code is FindingCode.TOTALS_DIFFER]

        assert sorted(one.said for one in found) == [
            "The entries of 2026-06-01 (paid, held) come to -$1; the kept total says -$0.99.",
            "The entries of 2026-06-01 (paid, suspense) come to $1; the kept total says $0.",
        ]


@pytest.mark.own_database
class TestWritersAtOnce:
    @pytest.fixture
    def house(self, own_app):
        with own_app.app_context():
            now = clock.now().replace(microsecond=0)
            order_id = make_order("funds_held", make_scene(now), at=now).id
            db.session.commit()
        engine = create_engine(
            own_app.config["SQLALCHEMY_DATABASE_URI"], pool_size=WRITERS + 1,
            connect_args={"options": "-c lock_timeout=2000 -c deadlock_timeout=50"},
        )  # fmt: skip
        yield engine, order_id, now
        engine.dispose()

    def test_none_waits_for_another_that_has_not_ended(self, house):
        engine, order_id, now = house
        chance = random.Random(3)
        with Session(engine) as slow, Session(engine) as quick:
            for session, dedupe in ((slow, "slow"), (quick, "quick")):
                session.add(
                    LedgerJournal(
                        dedupe=dedupe, kind="paid", order_id=order_id, at=now,
                        entries=[LedgerEntry(account="held", amount_minor=-1),
                                 LedgerEntry(account="provider_clearing", amount_minor=1)],
                    )
                )  # fmt: skip
                session.flush()
            quick.commit()  # `slow` still holds what it wrote.
            assert kept_totals(quick) == added_up(quick)
            slow.add(journal(chance, order_id, at=now, dedupe="slow too"))
            slow.commit()

            assert kept_totals(slow) == added_up(slow)
            assert set(slow.scalars(select(LedgerTotal.slot))) == {0, 1}

    def test_whoever_finds_every_slot_taken_has_one_of_their_own(self, house):
        engine, order_id, now = house
        with Session(engine) as others, Session(engine) as late:
            others.execute(text("SELECT pg_advisory_xact_lock(1818583397, slot) FROM generate_series(0, 63) slot"))
            late.add(journal(random.Random(1), order_id, at=now, dedupe="late"))
            late.flush()
            own = 64 + late.scalar(text("SELECT pg_backend_pid()"))
            late.commit()

            assert set(late.scalars(select(LedgerTotal.slot))) == {own}
            assert kept_totals(late) == added_up(late)

    def test_many_that_write_in_any_order_never_lock_each_other_out(self, house):
        engine, order_id, now = house
        together, failed = Barrier(WRITERS), []

        def write(writer: int) -> None:
            chance = random.Random(writer)
            try:
                for number in range(ROUNDS):
                    with Session(engine) as session:
                        together.wait(20)
                        for part in range(3):
                            session.add(journal(chance, order_id, at=now, dedupe=f"{writer}:{number}:{part}"))
                            session.flush()
                        session.rollback() if chance.random() < 0.2 else session.commit()
            except Exception as trouble:  # noqa: BLE001  Whatever it is: the test says so.
                failed.append(trouble)
                together.abort()

        writers = [Thread(target=write, args=(number,)) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        let_end(*writers)

        assert failed == []
        with Session(engine) as session:
            assert kept_totals(session) == added_up(session)
            assert session.scalar(select(func.max(LedgerTotal.slot))) < WRITERS + 2

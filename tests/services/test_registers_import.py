"""Files of registers: received, mapped, tried, loaded, refused; and that nothing counts before all of it does."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from marketplace import audit
from marketplace.dev import rosters
from marketplace.dev.rosters import licences
from marketplace.extensions import adapter_of, db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.registers import importing, queries, service, steps, tally
from marketplace.registers.arriving import Unreadable
from marketplace.registers.models import RegisterRow, RegisterSnapshot
from marketplace.registers.ports import RegisterFiles
from marketplace.registers.records import Problem
from marketplace.registers.sources import Field
from marketplace.registers.states import SNAPSHOT, SnapshotEvent, SnapshotState
from tests.factories.accounts import make_staff
from tests.factories.registers import make_snapshot
from tests.support import count_statements, promised_jobs, run_jobs

_S = SnapshotState


def received(lines, now, *, source="TX:TDLR", actor=None, **values):
    return service.receive(
        source_code=source,
        filename="list.csv",
        chunks=rosters.written(lines),
        actor_id=actor,
        at=now,
        **{"retrieved_at": now, **values},
    )


def loaded(lines, now, **values):
    snapshot_id = received(lines, now, **values)
    service.load(snapshot_id=snapshot_id, at=now)
    return queries.snapshot(snapshot_id)


def files():
    return [name for name, _ in adapter_of(RegisterFiles).names()]


def rows_of(snapshot_id):
    return db.session.scalars(
        select(RegisterRow).where(RegisterRow.snapshot_id == snapshot_id).order_by(RegisterRow.position)
    ).all()


@pytest.fixture(autouse=True)
def no_files_left():
    yield
    store = adapter_of(RegisterFiles)
    for name, _ in store.names():
        store.delete(name)


class TestReceive:
    def test_keeps_the_file_and_guesses_its_columns(self, now):
        verifier = make_staff()
        snapshot_id = received(rosters.tdlr(licences(2)), now, actor=verifier.id)

        snapshot = queries.snapshot(snapshot_id)
        assert (snapshot.state, snapshot.lines, snapshot.rows_read) == (_S.RECEIVED, 3, 0)
        assert snapshot.columns["LICENSE EXPIRATION DATE"] is Field.EXPIRES_ON
        assert "PHONE NUMBER" not in snapshot.columns
        assert len(files()) == 1
        assert [event.kind for event in audit.events_about("register_snapshot", snapshot_id)] == ["register:received"]

    def test_reads_equal_headers_as_staff_last_decided(self, now):
        header = ["kind", "nr", "who"]
        columns = {"kind": "license_type", "nr": "number", "who": "full_name"}
        make_snapshot(headers=header, columns=columns, retrieved_at=now - timedelta(days=1))

        snapshot = queries.snapshot(received(["kind,nr,who", "A,1,Ann"], now))

        assert snapshot.columns == {
            "kind": Field.LICENSE_TYPE,
            "nr": Field.NUMBER,
            "who": Field.FULL_NAME,
        }

    def test_holds_no_transaction_open_while_the_file_arrives(self, now):
        open_ones = []

        def arriving():
            for line in rosters.tdlr(licences(2)):
                open_ones.append(db.session().in_transaction())
                yield line

        received(arriving(), now)

        assert open_ones == [False] * 3

    def test_knows_no_other_registers(self, now):
        with pytest.raises(NotFound):
            received([], now, source="ZZ:NONE")

    @pytest.mark.parametrize(("days", "field"), [(1, "retrieved_at"), (-3, "retrieved_at")])
    def test_refuses_a_file_from_the_future_and_one_older_than_what_counts(self, now, days, field):
        make_snapshot(retrieved_at=now - timedelta(days=2))
        with pytest.raises(Invalid) as refused:
            received(rosters.tdlr(licences(1)), now, retrieved_at=now + timedelta(days=days))
        assert refused.value.field == field
        assert files() == []

    @pytest.mark.parametrize("lines", [["a\0b,c"], ["only"], []])
    def test_refuses_what_is_no_file_of_a_register_and_keeps_nothing(self, now, lines):
        with pytest.raises(Unreadable):
            received(lines, now)
        assert files() == []
        assert db.session.scalar(select(func.count()).select_from(RegisterSnapshot)) == 0


class TestChooseColumns:
    def test_keeps_the_choice_and_has_the_file_tried(self, now):
        snapshot_id = received(["kind,nr,who", "A,1,Ann"], now)
        columns = {"kind": Field.LICENSE_TYPE, "nr": Field.NUMBER, "who": Field.FULL_NAME}

        service.choose_columns(snapshot_id=snapshot_id, columns=columns, actor_id=make_staff().id, at=now)
        assert promised_jobs() == [("check_register_file", {"snapshot_id": str(snapshot_id)})]
        run_jobs()

        snapshot = queries.snapshot(snapshot_id)
        assert (snapshot.state, snapshot.rows_read, snapshot.rows_loaded) == (_S.CHECKED, 1, 1)
        assert snapshot.license_types == {"A": 1}
        assert rows_of(snapshot_id) == []

    def test_refuses_what_names_no_row(self, now):
        snapshot_id = received(["kind,nr,who", "A,1,Ann"], now)
        with pytest.raises(Invalid):
            service.choose_columns(
                snapshot_id=snapshot_id, columns={"kind": Field.LICENSE_TYPE}, actor_id=make_staff().id, at=now
            )
        assert promised_jobs() == []
        assert queries.snapshot(snapshot_id).columns == {}

    def test_comes_too_late_for_a_file_that_counts(self, now):
        with pytest.raises(Conflict):
            service.choose_columns(snapshot_id=make_snapshot().id, columns={}, actor_id=make_staff().id, at=now)

    def test_of_no_file_is_nothing(self, now):
        with pytest.raises(NotFound):
            service.choose_columns(snapshot_id=uuid4(), columns={}, actor_id=make_staff().id, at=now)


class TestCheck:
    def test_says_of_every_kind_of_bad_row_how_often_and_where(self, now):
        lines = [*rosters.tdlr(licences(100))]
        lines[2] += ",20"
        lines[3] = lines[3].replace(lines[3].split(",")[2], "08/22/2922")
        snapshot_id = received(lines, now)

        assert service.check(snapshot_id=snapshot_id, at=now) is _S.CHECKED

        snapshot = queries.snapshot(snapshot_id)
        assert (snapshot.rows_read, snapshot.rows_loaded, snapshot.rows_refused) == (100, 99, 1)
        assert snapshot.problems == [
            (Problem.WIDTH, 1, [(2, "20 columns where the header has 19")]),
            (Problem.DATE, 1, [(3, "expires_on '08/22/2922'")]),
        ]
        assert queries.current(["TX:TDLR"]) == {}

    def test_remembers_the_first_bad_rows_and_counts_them_all(self, now, monkeypatch):
        monkeypatch.setattr(tally, "FIRST_ROWS", 2)
        monkeypatch.setattr(tally, "MOST_TYPES", 1)
        lines = [*rosters.tmb(licences(3, types=("MD", "DO", "PA")))]
        lines[1:] = [line.replace("T00:00:00.000", "x").replace("20", "99") for line in lines[1:]]
        snapshot_id = received(lines, now, source="TX:TMB")

        service.check(snapshot_id=snapshot_id, at=now)

        [(kind, count, first)] = queries.snapshot(snapshot_id).problems
        assert (kind, count, [row for row, _ in first]) == (Problem.DATE, 3, [1, 2])
        assert queries.snapshot(snapshot_id).license_types == {"MD": 1}

    def test_refuses_a_file_that_is_mostly_not_readable(self, now):
        lines = [*rosters.tdlr(licences(20))]
        lines[1] += ",20"
        lines[2] += ",20"
        snapshot_id = received(lines, now)

        assert service.check(snapshot_id=snapshot_id, at=now) is _S.REFUSED

        assert queries.snapshot(snapshot_id).refusal == (
            "2 of 20 rows could not be read: it is damaged, or the columns are not what they were taken for."
        )
        assert files() == []

    def test_one_in_twenty_may_be_lost(self, now):
        lines = [*rosters.tdlr(licences(20))]
        lines[1] += ",20"
        assert service.check(snapshot_id=received(lines, now), at=now) is _S.CHECKED

    def test_refuses_a_file_without_rows(self, now):
        snapshot_id = received([rosters.TMB_HEADER], now, source="TX:TMB")
        assert service.check(snapshot_id=snapshot_id, at=now) is _S.REFUSED
        assert queries.snapshot(snapshot_id).refusal == "Not one row of the file could be read."

    def test_refuses_a_cut_off_list_of_exclusions(self, now):
        snapshot_id = received([*rosters.leie(licences(3)), '"SHORT"'], now, source="US:LEIE")
        assert service.check(snapshot_id=snapshot_id, at=now) is _S.REFUSED
        assert "18" in queries.snapshot(snapshot_id).refusal

    def test_leaves_a_file_that_counts_alone(self, now):
        assert service.check(snapshot_id=make_snapshot().id, at=now) is _S.CURRENT


class TestStart:
    def test_has_a_tried_file_loaded(self, now):
        verifier = make_staff()
        snapshot_id = received(rosters.tdlr(licences(3)), now)
        service.check(snapshot_id=snapshot_id, at=now)

        service.start(snapshot_id=snapshot_id, actor_id=verifier.id, at=now)
        assert queries.snapshot(snapshot_id).state is _S.LOADING
        assert run_jobs() == ["load_register_file", "register_changed"]

        assert queries.snapshot(snapshot_id).state is _S.CURRENT
        assert [event.kind for event in audit.events_about("register_snapshot", snapshot_id)] == [
            "register:received",
            "register:checked",
            "register:started",
            "register:loaded",
        ]

    def test_is_not_for_a_file_that_nobody_tried(self, now):
        snapshot_id = received(rosters.tdlr(licences(3)), now)
        with pytest.raises(Conflict):
            service.start(snapshot_id=snapshot_id, actor_id=make_staff().id, at=now)
        assert promised_jobs() == []

    def test_waits_for_another_file_of_the_register(self, now):
        make_snapshot(state="loading")
        snapshot_id = received(rosters.tdlr(licences(3)), now)
        service.check(snapshot_id=snapshot_id, at=now)
        with pytest.raises(Conflict, match="Another file"):
            service.start(snapshot_id=snapshot_id, actor_id=make_staff().id, at=now)
        assert queries.snapshot(snapshot_id).state is _S.CHECKED

    def test_asks_why_a_file_is_so_much_smaller(self, now):
        make_snapshot(rows_loaded=10, rows_read=10, retrieved_at=now - timedelta(days=1))
        snapshot_id = received(rosters.tdlr(licences(8)), now)
        service.check(snapshot_id=snapshot_id, at=now)

        with pytest.raises(Invalid) as refused:
            service.start(snapshot_id=snapshot_id, actor_id=make_staff().id, at=now)
        assert refused.value.sentence == (
            "The file has 8 rows where the one that counts has 10: it was probably cut off."
        )

        service.start(
            snapshot_id=snapshot_id, actor_id=make_staff().id, smaller_because="A programme moved away.", at=now
        )
        assert service.load(snapshot_id=snapshot_id, at=now) is _S.CURRENT

    def test_a_week_of_few_changes_is_no_damaged_file(self, now):
        make_snapshot("US:NPPES:WEEKLY", rows_loaded=10, rows_read=10, retrieved_at=now - timedelta(days=7))
        week = ["NPI,Provider Last Name (Legal Name),NPI Deactivation Date", "1234567893,KHAN,"]
        snapshot_id = received(["\n".join(week) + "\n"], now, source="US:NPPES:WEEKLY")
        service.check(snapshot_id=snapshot_id, at=now)

        service.start(snapshot_id=snapshot_id, actor_id=make_staff().id, at=now)

        assert service.load(snapshot_id=snapshot_id, at=now) is _S.CURRENT


class TestLoad:
    def test_lets_all_rows_count_at_once_and_deletes_the_file(self, now):
        snapshot = loaded(rosters.tdlr(licences(3)), now)

        assert (snapshot.state, snapshot.current_since, snapshot.rows_loaded) == (_S.CURRENT, now, 3)
        first = rows_of(snapshot.id)[0]
        assert (first.number, first.number_key, first.license_type) == ("10000", "10000", "A/C Contractor")
        assert len(first.digest) == 32
        assert files() == []
        assert promised_jobs() == [("register_changed", {"source_code": "TX:TDLR"})]

    def test_replaces_the_whole_list_and_keeps_one_before_it(self, now):
        first, second, third = (
            loaded(rosters.leie(licences(3, seed=seed)), now + timedelta(minutes=seed), source="US:LEIE")
            for seed in range(3)
        )

        assert [queries.snapshot(one.id).state for one in (first, second, third)] == [
            _S.REPLACED,
            _S.REPLACED,
            _S.CURRENT,
        ]
        assert [len(rows_of(one.id)) for one in (first, second, third)] == [0, 3, 3]
        assert queries.before(third).id == second.id
        assert queries.before(queries.snapshot(first.id)) is None
        assert [one.id for one in queries.snapshots_of("US:LEIE")] == [third.id, second.id, first.id]

    @pytest.mark.parametrize(("number", "state"), [(9, _S.CURRENT), (8, _S.REFUSED)])
    def test_refuses_a_list_that_shrank_by_more_than_a_tenth(self, now, number, state):
        before = loaded(rosters.leie(licences(10)), now, source="US:LEIE")
        after = loaded(rosters.leie(licences(number)), now, source="US:LEIE")

        assert after.state is state
        if state is _S.REFUSED:
            assert queries.current(["US:LEIE"])["US:LEIE"].id == before.id
            assert rows_of(after.id) == []
            assert files() == []

    def test_loads_nothing_of_a_file_that_breaks_in_the_middle(self, now, monkeypatch):
        monkeypatch.setattr(importing, "CHUNK", 2)
        snapshot = loaded([*rosters.leie(licences(5)), '"SHORT"'], now, source="US:LEIE")

        assert (snapshot.state, snapshot.rows_loaded) == (_S.REFUSED, 0)
        assert rows_of(snapshot.id) == []
        assert queries.current(["US:LEIE"]) == {}

    def test_goes_on_where_it_was_interrupted(self, now, monkeypatch):
        monkeypatch.setattr(importing, "CHUNK", 2)
        snapshot_id = received(rosters.tdlr(licences(5)), now)
        copied = []

        def dying(ident, source, rows, copy=importing._copy):
            if len(copied) == 1:
                raise KeyboardInterrupt
            piece = list(rows)
            copied.append(len(piece))
            copy(ident, source, iter(piece))

        monkeypatch.setattr(importing, "_copy", dying)
        with pytest.raises(KeyboardInterrupt):
            service.load(snapshot_id=snapshot_id, at=now)
        snapshot = queries.snapshot(snapshot_id)
        assert (snapshot.state, snapshot.rows_read, snapshot.progress) == (_S.LOADING, 2, 40)
        assert queries.current(["TX:TDLR"]) == {}

        monkeypatch.undo()
        assert service.load(snapshot_id=snapshot_id, at=now) is _S.CURRENT
        assert [row.position for row in rows_of(snapshot_id)] == [1, 2, 3, 4, 5]
        assert queries.snapshot(snapshot_id).license_types == {"A/C Contractor": 5}

    def test_loads_what_stands_behind_many_rows_that_are_lost(self, now, monkeypatch):
        monkeypatch.setattr(importing, "CHUNK", 4)
        monkeypatch.setattr(importing, "_PIECE", 1)
        monkeypatch.setattr(importing, "MOST_LOST", 0.9)
        *good, last = rosters.tdlr(licences(3))
        snapshot = loaded([*good, "lost", "lost", "lost", "lost", "lost", last], now)

        assert (snapshot.state, snapshot.rows_read, snapshot.rows_loaded) == (_S.CURRENT, 8, 3)
        assert [row.position for row in rows_of(snapshot.id)] == [1, 2, 8]

    def test_tells_a_licence_by_its_type_and_number_together(self, now):
        one, other = licences(2)
        twins = [one, other._replace(number=one.number, license_type="Cos Mini Salon")]
        assert loaded(rosters.tdlr(twins), now).problems == []

        [(kind, count, first)] = loaded(rosters.tdlr([*twins, one]), now).problems
        assert (kind, count, first) == (Problem.DOUBLE, 1, [(1, "A/C Contractor 10000 stands 2 times")])

    def test_leaves_a_file_that_counts_alone(self, now):
        snapshot = make_snapshot()
        assert service.load(snapshot_id=snapshot.id, at=now) is _S.CURRENT
        assert len(rows_of(snapshot.id)) == 1

    def test_writes_every_value_as_it_was_read(self, now):
        odd = next(licences(1))._replace(family='QUO"TE, \\N', given="TAB\tBED", business="", number="007")
        snapshot = loaded(rosters.mqa([odd]), now, source="FL:MQA")

        [row] = rows_of(snapshot.id)
        assert (row.family_name, row.given_name, row.number, row.business_name) == (
            'QUO"TE, \\N',
            "TAB BED",
            "007",
            None,
        )
        assert row.expires_on == date.fromisoformat(str(odd.expires))


class TestDiscard:
    def test_drops_the_file_with_a_reason(self, now):
        snapshot_id = received(rosters.tdlr(licences(1)), now)
        service.discard(snapshot_id=snapshot_id, actor_id=make_staff().id, reason=" The wrong day. ", at=now)

        snapshot = queries.snapshot(snapshot_id)
        assert (snapshot.state, snapshot.refusal) == (_S.REFUSED, "The wrong day.")
        assert files() == []

    def test_asks_for_the_reason(self, now):
        snapshot_id = received(rosters.tdlr(licences(1)), now)
        with pytest.raises(Invalid):
            service.discard(snapshot_id=snapshot_id, actor_id=make_staff().id, reason=" ", at=now)
        assert len(files()) == 1


class TestSweep:
    def test_deletes_what_no_row_waits_for(self, now):
        snapshot_id = received(rosters.tdlr(licences(1)), now)
        adapter_of(RegisterFiles).put("00/" + "0" * 36, b"left behind")

        assert service.sweep(at=now + timedelta(minutes=30)) == 0
        assert service.sweep(at=now + timedelta(hours=2)) == 1
        assert service.check(snapshot_id=snapshot_id, at=now) is _S.CHECKED


@pytest.mark.parametrize("state", SnapshotState)
@pytest.mark.parametrize("event", SnapshotEvent)
def test_a_move_of_a_file_is_listed_or_refused(state, event):
    if event in SNAPSHOT.events_from(state):
        assert SNAPSHOT.after(state, event) is not None
    else:
        with pytest.raises(IllegalMove):
            SNAPSHOT.after(state, event)


def test_two_cannot_move_one_file(now):
    snapshot_id = received(rosters.tdlr(licences(1)), now)
    snapshot = queries.row(snapshot_id)
    db.session.execute(
        RegisterSnapshot.__table__.update()
        .where(RegisterSnapshot.__table__.c.id == snapshot_id)
        .values(state="loading")
    )
    with pytest.raises(Conflict, match="just moved"):
        steps.move(snapshot, SnapshotEvent.CHECKED, actor_id=None, at=now)


def test_of_no_file_and_of_nobody_there_are_no_rows():
    with count_statements() as sent:
        assert queries.by_name([], [("LAMB", "ADA")]) == queries.by_name([uuid4()], []) == []
        assert queries.by_npi([], ["1234567893"]) == queries.by_npi([uuid4()], []) == []
    assert sent == []

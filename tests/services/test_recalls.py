"""Recalls: found in the FDA's files, judged by people; what is confirmed closes the gate and holds what has not left."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from marketplace import audit
from marketplace.catalog.models import DeviceModel
from marketplace.dev import openfda, rosters
from marketplace.eligibility import history, service
from marketplace.eligibility.devices import with_recalls_of
from marketplace.eligibility.facts import Device, Modification
from marketplace.eligibility.models import Moment
from marketplace.eligibility.reasons import Key, ReasonCode
from marketplace.eligibility.sale import Purchase
from marketplace.extensions import adapter_of, db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.listings import queries as listings
from marketplace.orders import queries as order_queries
from marketplace.orders import reach, steps
from marketplace.orders.models import OrderHold
from marketplace.recalls import queries
from marketplace.recalls import service as recalls
from marketplace.recalls.matching import Basis
from marketplace.recalls.models import Recall, RecallMatch, RecallMove
from marketplace.recalls.states import MatchEvent, MatchState
from marketplace.registers import queries as register_queries
from marketplace.registers import service as registers
from marketplace.registers.arriving import Unreadable
from marketplace.registers.models import RegisterNotice
from marketplace.registers.ports import RegisterFiles
from marketplace.registers.sources import CLEARANCES, ENFORCEMENT, RECALLS
from marketplace.registers.states import SnapshotState
from marketplace.ripple import Cause, Ground
from tests.factories.accounts import kept, make_staff
from tests.factories.catalog import make_maker, make_model
from tests.factories.orders import make_order, make_scene
from tests.factories.recalls import make_recall
from tests.factories.registers import make_notice, make_snapshot
from tests.support import assert_refused_by, count_statements, promised_jobs, run_jobs

_S, _E = MatchState, MatchEvent
REAL = openfda.REAL


@pytest.fixture
def verifier():
    return make_staff(name="Vera Lind")


@pytest.fixture
def thermage():
    maker = make_maker(name="Solta", aliases=["Solta Medical"])
    return make_model(maker=maker, name="Thermage CPT", k_numbers=["K132431"])


@pytest.fixture
def coolsculpting():
    return make_model(maker=make_maker(name="Zeltiq"), name="CoolSculpting", k_numbers=["K181740"], product_code="OOK")


@pytest.fixture(autouse=True)
def no_files_left():
    yield
    store = adapter_of(RegisterFiles)
    for name, _ in store.names():
        store.delete(name)


def load(source, content, at):
    snapshot_id = registers.receive(
        source_code=source, filename="f.json", chunks=[content], retrieved_at=at, actor_id=None, at=at
    )
    registers.load(snapshot_id=snapshot_id, at=at)
    return register_queries.snapshot(snapshot_id)


def judge(match, event, verifier, at, reason="Read beside the manual."):
    recalls.judge(match_id=match.id, event=event, actor_id=verifier.id, reason=reason, at=at)


def matches():
    rows = db.session.execute(
        select(Recall.number, DeviceModel.name, RecallMatch.basis, RecallMatch.state)
        .join(Recall, Recall.id == RecallMatch.recall_id)
        .join(DeviceModel, DeviceModel.id == RecallMatch.model_id)
        .order_by(Recall.number, DeviceModel.name)
    )
    return [tuple(row) for row in rows]


class TestFiles:
    def test_every_record_is_loaded_and_counted_by_product_code(self, now):
        file = load(RECALLS, openfda.recalls([*REAL, *openfda.strangers(5)]), now)

        assert (file.state, file.lines, file.rows_read, file.rows_loaded) == (SnapshotState.CURRENT, 8, 7, 7)
        assert file.license_types == {"": 1, "OOK": 1, "FRN": 5}
        rows = db.session.scalars(select(RegisterNotice).order_by(RegisterNotice.position)).all()
        assert [(row.number, row.k_numbers) for row in rows[:2]] == [("Z-1354-2023", []), ("Z-1346-2022", ["K181740"])]
        assert rows[0].started_on == date(2023, 2, 16)
        assert promised_jobs() == [("register_changed", {"source_code": RECALLS})]

    def test_a_record_that_stands_twice_is_reported(self, now):
        file = load(CLEARANCES, openfda.clearances([{"number": "K1"}, {"number": "K1"}]), now)

        assert [(kind, count) for kind, count, _ in file.problems] == [("double", 1)]
        run_jobs(only="register_changed")

    def test_only_the_rows_of_the_last_two_files_are_kept(self, now):
        for day in range(3):
            load(CLEARANCES, openfda.clearances([{"number": f"K{day}"}]), now + timedelta(days=day))

        assert sorted(db.session.scalars(select(RegisterNotice.number))) == ["K1", "K2"]

    def test_a_file_that_breaks_off_leaves_nothing_behind(self, now):
        content = openfda.recalls(REAL)[:-20]
        file = load(RECALLS, content, now)

        assert (file.state, file.refusal[:16]) == (SnapshotState.REFUSED, "A record has no ")
        assert db.session.scalars(select(RegisterNotice)).all() == []

    def test_is_tried_without_being_loaded_and_shows_its_first_record(self, now):
        snapshot_id = registers.receive(
            source_code=RECALLS, filename="f", chunks=[openfda.recalls(REAL)], retrieved_at=now, actor_id=None, at=now
        )
        registers.choose_columns(snapshot_id=snapshot_id, columns={}, actor_id=make_staff().id, at=now)
        run_jobs(only="check_register_file")

        assert register_queries.snapshot(snapshot_id).state is SnapshotState.CHECKED
        assert registers.first_row(snapshot_id)["product_res_number"] == "Z-1354-2023"
        assert db.session.scalars(select(RegisterNotice)).all() == []

    def test_another_file_is_refused_at_the_door(self, now):
        with pytest.raises(Unreadable):
            load(RECALLS, b"".join(rosters.written(rosters.tdlr([]))), now)

    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("register_notices_notice_is_digested", {"digest": b"short"}),
            ("register_notices_notice_has_a_number", {"number": " "}),
        ],
    )
    def test_are_kept_in_their_normal_form(self, constraint, values):
        snapshot = make_snapshot(RECALLS)
        with assert_refused_by(constraint):
            make_notice(snapshot, **values)


class TestMatch:
    def test_finds_candidates_by_number_and_by_name_and_judges_nothing(self, thermage, coolsculpting, now):
        make_model(maker=make_maker(name="Solta"), name="Fraxel")
        load(RECALLS, openfda.recalls([*REAL, *openfda.strangers(5)]), now)
        load(ENFORCEMENT, openfda.enforcement([REAL[0]]), now)
        run_jobs()

        assert matches() == [
            ("Z-1346-2022", "CoolSculpting", Basis.K_NUMBER, _S.CANDIDATE),
            ("Z-1354-2023", "Thermage CPT", Basis.NAME, _S.CANDIDATE),
        ]
        found = {one.number: one for one in queries.in_state(_S.CANDIDATE)}
        assert list(found) == ["Z-1346-2022", "Z-1354-2023"]
        assert (found["Z-1354-2023"].classification, found["Z-1346-2022"].classification) == ("Class II", None)
        assert found["Z-1354-2023"].source == "FDA device recalls"
        assert (
            queries.looked_up([queries.Unit(thermage.id, None)]).stands_open(queries.Unit(thermage.id, None)) is False
        )
        assert queries.shown_for([thermage.id]) == {}

    def test_reports_alone_are_enough_and_a_second_look_finds_nothing_new(self, thermage, now):
        load(ENFORCEMENT, openfda.enforcement([REAL[0]]), now)

        assert recalls.match(at=now) == 1
        assert recalls.match(at=now) == 0
        assert [one.source for one in queries.in_state(_S.CANDIDATE)] == ["FDA enforcement reports, devices"]
        assert queries.looked_up([queries.Unit(thermage.id, None)]).stands_open(queries.Unit(thermage.id, None)) is None

    def test_without_a_file_there_is_nothing_to_find(self, thermage, now):
        assert recalls.match(at=now) == 0

    def test_a_firm_alone_is_no_candidate(self, thermage, now):
        load(RECALLS, openfda.recalls([{**REAL[0], "device": "Another thing"}]), now)

        assert recalls.match(at=now) == 0
        assert matches() == []

    def test_newer_words_are_taken_over_and_a_judgement_stands(self, thermage, verifier, now):
        load(RECALLS, openfda.recalls([REAL[0]]), now)
        recalls.match(at=now)
        match = db.session.scalars(select(RecallMatch)).one()
        judge(match, _E.CONFIRMED, verifier, now)
        ended = {**REAL[0], "status": "Terminated", "ended": date(2026, 1, 5)}
        load(RECALLS, openfda.recalls([ended]), now + timedelta(days=1))

        assert recalls.match(at=now + timedelta(days=1)) == 0
        found = queries.one(match.id)
        assert (found.status, found.ended_on, found.state) == ("Terminated", date(2026, 1, 5), _S.CONFIRMED)

    @pytest.mark.parametrize(("event", "again"), [(_E.REJECTED, 1), (_E.CLOSED, 1), (_E.CONFIRMED, 0)])
    def test_what_names_other_units_than_before_is_looked_at_again(self, thermage, verifier, now, event, again):
        load(RECALLS, openfda.recalls([REAL[0]]), now)
        recalls.match(at=now)
        match = db.session.scalars(select(RecallMatch)).one()
        judge(match, event, verifier, now)
        load(RECALLS, openfda.recalls([{**REAL[0], "codes": "all"}]), now + timedelta(days=1))

        assert recalls.match(at=now + timedelta(days=1)) == again
        found = queries.one(match.id)
        assert found.is_open is (event is _E.CONFIRMED)
        assert (found.state is _S.CANDIDATE, found.judged_because is None) == (bool(again), bool(again))

    def test_reads_no_more_for_more_models(self, thermage, coolsculpting, now):
        load(RECALLS, openfda.recalls([*REAL, *openfda.strangers(50)]), now)
        recalls.match(at=now)
        with count_statements() as sent:
            recalls.match(at=now)

        # The files, the models, the records, then two for each recall and the end of the transaction.
        assert len(sent) <= 10


class TestJudge:
    def test_confirmed_it_closes_the_gate_with_its_number_and_its_source(self, now, verifier):
        scene = make_scene(now)
        match = make_recall(scene.listing.model_id, number="Z-7-2026", firm="Candela", classification="Class II")
        sale, purchase = asked(scene)
        assert service.preview(sale=sale, purchase=purchase, at=now).cleared

        judge(match, _E.CONFIRMED, verifier, now)

        verdict = service.preview(sale=sale, purchase=purchase, at=now)
        (objection,) = verdict.objections
        assert (objection.key, objection.code) == (Key.DEVICE, ReasonCode.RECALL_OPEN)
        assert objection.sentence == (
            "Our staff found that a recall concerns this model, and it is open: Z-7-2026 of Candela (Class II)."
        )
        assert [cite.ref for cite in objection.citations] == ["FDA device recalls: Z-7-2026"]
        assert objection.cures[0].sentence == "Look for another device."
        event = audit.events_about("recall_match", match.id)[-1]
        assert (event.kind, event.actor_id, event.data["before"]) == ("recall:confirmed", verifier.id, "candidate")

    def test_closed_it_opens_again(self, now, verifier):
        scene = make_scene(now)
        match = make_recall(scene.listing.model_id, state=_S.CONFIRMED, firm=None)
        sale, purchase = asked(scene)
        assert not service.preview(sale=sale, purchase=purchase, at=now).cleared

        judge(match, _E.CLOSED, verifier, now)

        assert service.preview(sale=sale, purchase=purchase, at=now).cleared
        assert [one.number for one in queries.shown_for([scene.listing.model_id])[scene.listing.model_id]] == [
            "Z-1-2026"
        ]

    @pytest.mark.parametrize("event", [_E.REJECTED, _E.CLOSED])
    def test_what_is_not_open_closes_nothing(self, now, verifier, event):
        scene = make_scene(now)
        match = make_recall(scene.listing.model_id)

        judge(match, event, verifier, now)

        sale, purchase = asked(scene)
        assert service.preview(sale=sale, purchase=purchase, at=now).cleared
        assert promised_jobs() == []

    @pytest.mark.parametrize("state", ["awaiting_practitioner", "funds_held", "released_to_ship"])
    def test_orders_that_have_not_left_are_held_at_once_and_go_on_when_it_is_closed(self, now, verifier, state):
        scene = make_scene(now)
        order = make_order(state, scene, at=now)
        match = make_recall(scene.listing.model_id)

        judge(match, _E.CONFIRMED, verifier, now)

        hold = db.session.scalars(select(OrderHold)).one()
        assert (hold.order_id, hold.cause, hold.reference) == (order.id, Cause.RECALL_CONFIRMED, match.id)
        assert hold.words.startswith("Recall Z-1-2026 was found to concern the Candela")
        assert order_queries.is_held(order.id)

        judge(match, _E.CLOSED, verifier, now)
        assert ("look_at_order", {"order_id": str(order.id)}) in promised_jobs()
        run_jobs(only="look_at_order")
        assert not order_queries.is_held(order.id)

    def test_another_models_orders_go_on(self, now, verifier):
        scene = make_scene(now)
        order = make_order("funds_held", scene, at=now)

        judge(make_recall(make_model().id), _E.CONFIRMED, verifier, now)

        assert not order_queries.is_held(order.id)
        assert reach.unshipped(Ground(model_id=scene.listing.model_id)) == [order.id]

    def test_a_yes_of_before_does_not_stand_any_more(self, now, verifier):
        scene = make_scene(now)
        sale, purchase = asked(scene)
        decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)
        assert steps.still_stands(decision)

        judge(make_recall(scene.listing.model_id), _E.CONFIRMED, verifier, now)

        assert not steps.still_stands(decision)

    def test_refuses_to_judge_without_a_reason_twice_or_what_is_not_there(self, verifier, now):
        match = make_recall(make_model().id)
        with pytest.raises(Invalid):
            judge(match, _E.CONFIRMED, verifier, now, reason="  ")
        with pytest.raises(NotFound):
            recalls.judge(match_id=uuid4(), event=_E.CONFIRMED, actor_id=verifier.id, reason="x", at=now)
        assert queries.one(match.id).state is _S.CANDIDATE
        judge(match, _E.REJECTED, verifier, now)
        with pytest.raises(IllegalMove):
            judge(match, _E.REJECTED, verifier, now)
        assert [one.by for one in queries.judgements_of(match.id)] == ["Vera Lind"]

    def test_is_counted_by_state(self, now):
        make_recall(make_model().id)
        make_recall(make_model().id, number="Z-2", state=_S.CONFIRMED)

        assert queries.counts() == {_S.CANDIDATE: 1, _S.CONFIRMED: 1}


def asked(scene):
    return listings.sale_of(scene.listing.id), Purchase(
        buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, site_id=scene.site.id, operator_id=scene.buyer.id
    )


@pytest.fixture
def clock():
    return {}


class TestHistory:
    @settings(
        max_examples=8, deadline=None, derandomize=True,
        phases=[Phase.generate],
    )  # fmt: skip
    @given(data=st.data())
    def test_answers_of_the_past_stay_as_they_were(self, now, verifier, clock, data):
        if not clock:
            clock["at"], clock["scene"] = now, make_scene(now)
            for table, column in (("clinic_members", "joined_at"), ("clinic_sites", "created_at")):
                db.session.execute(
                    text(f"UPDATE {table} SET {column} = :long_ago"), {"long_ago": now - timedelta(days=9)}
                )
            db.session.commit()
        scene, at = clock["scene"], clock["at"]
        match = make_recall(scene.listing.model_id, number=f"Z-{uuid4()}")
        sale, purchase = asked(scene)
        answers = []
        for _ in range(data.draw(st.integers(1, 5))):
            at += timedelta(minutes=data.draw(st.integers(1, 200)))
            event = data.draw(st.sampled_from([None, *queries.one(match.id).events]))
            if event is not None:
                judge(match, event, verifier, at)
            at += timedelta(minutes=1)
            decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=at)
            stands_open = queries.one(match.id).is_open
            answers.append((decision, stands_open))
        if queries.one(match.id).is_open:
            at += timedelta(minutes=1)
            judge(match, _E.CLOSED, verifier, at)
        clock["at"] = at + timedelta(minutes=1)

        for decision, stood_open in answers:
            compared = history.compared(decision.id)
            assert compared.same
            assert decision.cleared is not stood_open
            device = service.decision(decision.id).facts["device"]
            assert (device["recall_open"] or False) is stood_open

    def test_a_model_that_nobody_knew_has_no_recalls(self, now):
        unknown = Device(None, "", "", None, True, True, Modification.NONE, None, ())

        assert with_recalls_of(now, unknown) is unknown


class TestConstraints:
    def test_a_recall_has_a_number(self):
        snapshot = make_snapshot(RECALLS)
        with assert_refused_by("recalls_recall_has_a_number"):
            kept(Recall(number=" ", k_numbers=[], snapshot_id=snapshot.id))

    def test_a_number_names_one_recall(self):
        snapshot, _ = make_snapshot(RECALLS), make_recall(make_model().id, number="Z-5")
        with assert_refused_by("uq_recalls_number"):
            kept(Recall(number="Z-5", k_numbers=[], snapshot_id=snapshot.id))

    def test_a_recall_stands_once_beside_a_model(self):
        model = make_model()
        match = make_recall(model.id)
        with assert_refused_by("one_match_per_recall_and_model"):
            kept(RecallMatch(recall_id=match.recall_id, model_id=model.id, basis=Basis.NAME, found_at=match.found_at))

    @pytest.mark.parametrize(
        "values",
        [
            {"state": _S.CONFIRMED},
            {"state": _S.CONFIRMED, "judged": True, "reason": " "},
            {"state": _S.CANDIDATE, "judged": True, "reason": "x"},
        ],
    )
    def test_judged_means_by_whom_when_and_why(self, now, values):
        if values.pop("judged", False):
            values = {**values, "decided_by": make_staff().id, "decided_at": now}
        recall, model = make_recall(make_model().id).recall_id, make_model().id
        with assert_refused_by("recall_matches_judged_with_a_reason"):
            kept(RecallMatch(recall_id=recall, model_id=model, basis=Basis.NAME, found_at=now, **values))

    @pytest.mark.parametrize("statement", ["UPDATE recall_moves SET reason = 'x'", "DELETE FROM recall_moves"])
    def test_what_was_made_of_it_is_never_changed(self, verifier, now, statement):
        judge(make_recall(make_model().id), _E.REJECTED, verifier, now)
        with assert_refused_by("recall_moves_is_append_only"):
            db.session.execute(text(statement))
        assert len(db.session.scalars(select(RecallMove)).all()) == 1

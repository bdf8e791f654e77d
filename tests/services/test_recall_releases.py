"""Units let out of an open recall: two people, evidence, one answer everywhere, and back under it when its words change."""

from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from marketplace import audit
from marketplace.accounts.models import User
from marketplace.clinics.models import Clinic
from marketplace.dev import openfda
from marketplace.documents.service import FileNotTaken
from marketplace.eligibility import history, service
from marketplace.eligibility.models import Moment
from marketplace.eligibility.reasons import ReasonCode
from marketplace.eligibility.sale import Purchase
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.listings import queries as listings
from marketplace.orders import service as orders
from marketplace.orders.models import OrderHold
from marketplace.recalls import queries, releasing
from marketplace.recalls import service as recalls
from marketplace.recalls.models import RecallMove, RecallRelease, ReleaseKind
from marketplace.recalls.releasing import Named, NeedsAnother, NotYoursToJudge, named_in
from marketplace.recalls.states import MatchEvent, MatchState
from marketplace.registers import service as registers
from marketplace.registers.sources import RECALLS
from tests.factories.accounts import kept, make_staff
from tests.factories.catalog import make_maker, make_model
from tests.factories.clinics import make_clinic, make_member
from tests.factories.documents import make_document, pdf
from tests.factories.listings import make_listing
from tests.factories.orders import make_order, make_scene
from tests.factories.recalls import make_recall
from tests.support import assert_refused_by, count_statements, run_jobs

_S, _E = MatchState, MatchEvent


@pytest.fixture
def desk():
    return make_staff(name="Vera Lind"), make_staff(name="Owen Marsh")


@pytest.fixture
def match(scene, now):
    return make_recall(scene.listing.model_id, state=_S.CONFIRMED)


def corrected(match, desk, now, serial, **changes):
    first, second = desk
    given = {
        "match_id": match.id, "actor_id": first.id, "serial": serial, "performed_by": "Candela service",
        "performed_on": now.date() - timedelta(days=9), "paper": ("report.pdf", pdf()), "words": "Kit 7 fitted.",
        "at": now, **changes,
    }  # fmt: skip
    release = releasing.correct(**given)
    if second is not None:
        releasing.agree(release_id=release, actor_id=second.id, at=now)
    return release


def narrowed(match, desk, now, named="A100 to A199"):
    release = releasing.narrow(match_id=match.id, actor_id=desk[0].id, named=named, words="The notice, page 2.", at=now)
    releasing.agree(release_id=release, actor_id=desk[1].id, at=now)
    return release


def concerned(match, *serials):
    return [serial for serial in serials if queries.concerns(match_id=match.id, serial=serial)]


def against(scene, now):
    purchase = Purchase(buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, site_id=scene.site.id,
                        operator_id=scene.buyer.id)  # fmt: skip
    verdict = service.preview(sale=listings.sale_of(scene.listing.id), purchase=purchase, at=now)
    return [one.code for one in verdict.objections]


def last_event():
    return db.session.scalars(select(audit.AuditEvent).order_by(audit.AuditEvent.position.desc()).limit(1)).one()


class TestNamed:
    @pytest.mark.parametrize(
        ("written", "named"),
        [
            ("a-100", [("A100", "A100")]),
            (" A 100 to A250 \n\n 0099 through 0100", [("A100", "A250"), ("0099", "0100")]),
            ("9914-0001 – 9914-0420", [("99140001", "99140420")]),
            ("A100 - A100", [("A100", "A100")]),
        ],
    )
    def test_numbers_and_ranges_are_read_a_line_each(self, written, named):
        assert named_in(written) == tuple(Named(*one) for one in named)

    @pytest.mark.parametrize("written", ["", " \n ", "--", "A1 to ", "A1 to A2 to A3", "A100 to A99", "A100 to B200",
                                         "A9 to A10", "AB to AC"])  # fmt: skip
    def test_what_names_nothing_or_no_series_is_sent_back(self, written):
        with pytest.raises(Invalid) as refused:
            named_in(written)
        assert refused.value.field == "named"

    def test_not_without_end(self, monkeypatch):
        monkeypatch.setattr(releasing, "MOST_NAMED", 1)
        with pytest.raises(Invalid, match="At most 1 lines"):
            named_in("A1\nA2")


class TestOneUnit:
    def test_the_gate_opens_for_it_alone_once_a_second_person_agrees(self, scene, match, desk, now):
        serial = scene.listing.serial_normal
        assert against(scene, now) == [ReasonCode.RECALL_OPEN]

        release = corrected(match, (desk[0], None), now, scene.listing.serial)
        assert against(scene, now) == [ReasonCode.RECALL_OPEN]
        releasing.agree(release_id=release, actor_id=desk[1].id, at=now)

        assert against(scene, now) == []
        assert concerned(match, serial, "OTHER1", None) == ["OTHER1", None]
        event = last_event()
        assert (event.kind, event.actor_id, event.data["serial"]) == ("recall_release:agreed", desk[1].id, serial)
        (one,) = queries.releases_of(match.id)
        assert (one.counts, one.kind, one.named, one.has_paper) == (True, ReleaseKind.CORRECTED, (serial,), True)
        assert (one.proposed_by, one.agreed_by, one.performed_by) == ("Vera Lind", "Owen Marsh", "Candela service")
        paper = releasing.paper_of(release_id=release, reader_id=desk[1].id, at=now)
        assert event.data["paper"] == sha256(paper.content).hexdigest()
        assert (last_event().kind, last_event().actor_id) == ("recall_release:paper_viewed", desk[1].id)

    def test_nobody_agrees_alone(self, scene, match, desk, now):
        release = corrected(match, (desk[0], None), now, scene.listing.serial)
        with pytest.raises(NeedsAnother):
            releasing.agree(release_id=release, actor_id=desk[0].id, at=now)
        assert against(scene, now) == [ReasonCode.RECALL_OPEN]

    def test_agreed_to_once(self, scene, match, desk, now):
        release = corrected(match, desk, now, scene.listing.serial)
        with pytest.raises(Conflict):
            releasing.agree(release_id=release, actor_id=make_staff().id, at=now)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"serial": "-"}, "serial"),
            ({"performed_by": " "}, "performed_by"),
            ({"performed_on": "tomorrow"}, "performed_on"),
            ({"words": " "}, "words"),
        ],
    )
    def test_says_which_who_when_and_what(self, match, desk, now, change, field):
        if field == "performed_on":
            change = {"performed_on": now.date() + timedelta(days=1)}
        with pytest.raises(Invalid) as refused:
            corrected(match, desk, now, **{"serial": "A1", **change})
        assert refused.value.field == field
        assert queries.releases_of(match.id) == []

    def test_the_paper_is_a_paper(self, match, desk, now):
        with pytest.raises(FileNotTaken):
            corrected(match, desk, now, "A1", paper=("x.exe", b"MZ"))
        assert queries.releases_of(match.id) == []

    def test_is_proposed_once(self, match, desk, now):
        corrected(match, (desk[0], None), now, "A 1")
        with pytest.raises(Conflict, match="already"):
            corrected(match, desk, now, "a-1")

    @pytest.mark.parametrize("state", [_S.CANDIDATE, _S.CLOSED, _S.REJECTED])
    def test_only_of_an_open_recall(self, desk, now, state):
        other = make_recall(make_model().id, number="Z-9", state=state)
        with pytest.raises(Conflict, match="Only an open recall"):
            corrected(other, desk, now, "A1")
        with pytest.raises(Conflict, match="Only an open recall"):
            narrowed(other, desk, now)

    def test_nothing_is_let_out_of_nothing(self, desk, now):
        with pytest.raises(NotFound):
            corrected(SimpleNamespace(id=uuid4()), desk, now, "A1")
        for act in (
            lambda: releasing.agree(release_id=uuid4(), actor_id=desk[0].id, at=now),
            lambda: releasing.end(release_id=uuid4(), actor_id=desk[0].id, reason="x", at=now),
            lambda: releasing.paper_of(release_id=uuid4(), reader_id=desk[0].id, at=now),
        ):
            with pytest.raises(NotFound):
                act()


class TestNarrowing:
    def test_lets_out_what_the_notice_does_not_name_and_nothing_unknown(self, match, desk, now):
        narrowed(match, desk, now, "A100 to A199\nB-7")

        inside, outside = ["A100", "A150", "A199", "B7"], ["A099", "A200", "A1500", "B8", "150", "AA150"]
        assert concerned(match, *inside, *outside, None) == [*inside, None]

    def test_and_a_unit_inside_is_cleared_one_by_one(self, match, desk, now):
        narrowed(match, desk, now)
        corrected(match, desk, now, "A150")

        assert concerned(match, "A149", "A150", "A151", "B1") == ["A149", "A151"]

    def test_is_one_at_a_time(self, match, desk, now):
        narrowed(match, desk, now)
        with pytest.raises(Conflict):
            narrowed(match, desk, now, "B1")

    def test_other_recalls_of_the_model_stay_open(self, scene, match, desk, now):
        make_recall(scene.listing.model_id, number="Z-2-2026", state=_S.CONFIRMED)
        narrowed(match, desk, now)

        assert against(scene, now) == [ReasonCode.RECALL_OPEN]


class TestOrders:
    def test_a_recall_holds_only_what_it_concerns_and_a_release_lifts_the_hold(self, scene, desk, now):
        order = make_order("funds_held", scene, at=now)
        match = make_recall(scene.listing.model_id)
        recalls.judge(match_id=match.id, event=_E.CONFIRMED, actor_id=desk[0].id, reason="It names it.", at=now)
        assert holds(order) == ["recall_confirmed"]
        assert stands(order) is False

        corrected(match, desk, now, scene.listing.serial)
        assert stands(order) is True
        run_jobs(only="look_at_order")
        assert holds(order) == []

    def test_taken_back_it_holds_again(self, scene, match, desk, now):
        release = corrected(match, desk, now, scene.listing.serial)
        order = make_order("funds_held", scene, at=now)
        assert stands(order) is True

        releasing.end(release_id=release, actor_id=desk[0].id, reason="The paper is of another unit.", at=now)

        assert holds(order) == ["recall_confirmed"]
        assert stands(order) is False
        assert against(scene, now) == [ReasonCode.RECALL_OPEN]
        (one,) = queries.releases_of(match.id)
        assert (one.counts, one.ended_by, one.ended_because) == (False, "Vera Lind", "The paper is of another unit.")
        with pytest.raises(Conflict):
            releasing.end(release_id=release, actor_id=desk[0].id, reason="Again.", at=now)

    def test_orders_of_units_outside_stay_free(self, scene, match, desk, now):
        narrowed(match, desk, now)
        order = make_order("funds_held", scene, at=now)
        release = corrected(match, desk, now, "A150")

        releasing.end(release_id=release, actor_id=desk[0].id, reason="Not so.", at=now)

        assert (holds(order), stands(order)) == ([], True)

    def test_a_proposal_that_nobody_agreed_to_ends_without_a_loss(self, scene, match, desk, now):
        release = corrected(match, (desk[0], None), now, "A150")
        with pytest.raises(Invalid):
            releasing.end(release_id=release, actor_id=desk[0].id, reason=" ", at=now)

        releasing.end(release_id=release, actor_id=desk[0].id, reason="A typing error.", at=now)

        with pytest.raises(Conflict):
            releasing.agree(release_id=release, actor_id=desk[1].id, at=now)

    def test_no_order_is_placed_on_a_release_that_ended(self, scene, match, desk, now):
        release = corrected(match, desk, now, scene.listing.serial)
        releasing.end(release_id=release, actor_id=desk[0].id, reason="Not so.", at=now)

        with pytest.raises(orders.NotCleared):
            make_order("awaiting_practitioner", scene, at=now)


class TestNotice:
    def test_an_amended_notice_ends_all_that_was_let_out_and_holds_orders(self, desk, now):
        maker = make_maker(name="Zeltiq")
        scene = make_scene(now)
        model = make_model(maker=maker, name="CoolSculpting", k_numbers=["K181740"], modality_codes=("DIODE_HR",))
        load(openfda.REAL, now)
        recalls.match(at=now)
        found = next(one for one in queries.in_state(_S.CANDIDATE) if one.model_id == model.id)
        recalls.judge(match_id=found.match_id, event=_E.CONFIRMED, actor_id=desk[0].id, reason="Named.", at=now)
        match = SimpleNamespace(id=found.match_id)
        corrected(match, desk, now, "A150")
        corrected(match, (desk[0], None), now, "A151")
        assert concerned(match, "A150") == []
        assert scene

        load([{**one, "codes": "All units."} for one in openfda.REAL], now + timedelta(minutes=1))
        assert recalls.match(at=now + timedelta(minutes=2)) >= 1

        assert concerned(match, "A150") == ["A150"]
        assert queries.one(match.id).state is _S.CONFIRMED
        assert {(one.ended_by, one.ended_because) for one in queries.releases_of(match.id)} == {
            (None, recalls.SAYS_MORE)
        }


class TestHistory:
    def test_an_answer_of_the_past_stays_what_it_was(self, scene, desk, now):
        match = make_recall(scene.listing.model_id)
        for table, column in (("clinic_members", "joined_at"), ("clinic_sites", "created_at")):
            db.session.execute(text(f"UPDATE {table} SET {column} = :ago"), {"ago": now - timedelta(days=9)})
        db.session.commit()
        recalls.judge(match_id=match.id, event=_E.CONFIRMED, actor_id=desk[0].id, reason="It names it.", at=now)
        answers = [ask(scene, now)]
        release = corrected(match, desk, now + timedelta(minutes=1), scene.listing.serial)
        answers.append(ask(scene, now + timedelta(minutes=2)))
        releasing.end(release_id=release, actor_id=desk[0].id, reason="Not so.", at=now + timedelta(minutes=3))
        answers.append(ask(scene, now + timedelta(minutes=4)))

        compared = [history.compared(answer.id) for answer in answers]

        assert [one.rebuilt.cleared for one in compared] == [False, True, False]
        assert all(one.same for one in compared)
        assert [answer.cleared for answer in answers] == [False, True, False]


class TestConstraints:
    def draft(self, match, desk, now, **changes):
        given = {
            "match_id": match.id, "kind": ReleaseKind.NARROWED, "named_from": ["A1"], "named_to": ["A2"],
            "words": "Page 2.", "proposed_by": desk[0].id, "proposed_at": now, **changes,
        }  # fmt: skip
        return RecallRelease(**given)

    @pytest.mark.parametrize(
        "changes",
        [
            {"named_from": []},
            {"named_to": ["A1", "A2"]},
            {"named_to": None},
            {"serial": "A1"},
            {"kind": ReleaseKind.CORRECTED},
            {"kind": ReleaseKind.CORRECTED, "named_from": None, "named_to": None, "serial": "A1"},
        ],
    )
    def test_a_release_is_whole(self, match, desk, now, changes):
        with assert_refused_by("recall_releases_release_is_whole"):
            kept(self.draft(match, desk, now, **changes))

    def test_a_release_says_why(self, match, desk, now):
        with assert_refused_by("recall_releases_release_says_why"):
            kept(self.draft(match, desk, now, words=" "))

    def test_a_release_takes_two_people(self, match, desk, now):
        with assert_refused_by("recall_releases_release_takes_two_people"):
            kept(self.draft(match, desk, now, confirmed_by=desk[0].id, confirmed_at=now))

    def test_agreement_is_dated(self, match, desk, now):
        with assert_refused_by("recall_releases_agreement_is_dated"):
            kept(self.draft(match, desk, now, confirmed_by=desk[1].id))

    def test_an_end_says_why(self, match, desk, now):
        with assert_refused_by("recall_releases_end_says_why"):
            kept(self.draft(match, desk, now, ended_at=now))

    def test_one_living_narrowing(self, match, desk, now):
        kept(self.draft(match, desk, now))
        with assert_refused_by("one_living_narrowing_per_match"):
            kept(self.draft(match, desk, now))

    def test_one_living_correction_of_a_unit(self, match, desk, now):
        changes = {
            "kind": ReleaseKind.CORRECTED, "named_from": None, "named_to": None, "serial": "A1",
            "performed_by": "A firm", "performed_on": now.date(),
        }  # fmt: skip
        kept(self.draft(match, desk, now, document_id=make_document().id, **changes))
        again = self.draft(match, desk, now, document_id=make_document().id, **changes)
        with assert_refused_by("one_living_correction_per_unit"):
            kept(again)

    @pytest.mark.parametrize("change", ["words = 'Other.'", "confirmed_at = now(), confirmed_by = ended_by",
                                        "ended_because = 'Other.'"])  # fmt: skip
    def test_it_keeps_its_word(self, match, desk, now, change):
        values = {"confirmed_by": desk[1].id, "confirmed_at": now, "ended_at": now, "ended_because": "Over."}
        kept(self.draft(match, desk, now, **values))
        with assert_refused_by("recall_release_keeps_its_word"):
            db.session.execute(text(f"UPDATE recall_releases SET {change}"))

    def test_an_agreement_is_not_unsaid_and_nothing_is_removed(self, match, desk, now):
        release = kept(self.draft(match, desk, now, confirmed_by=desk[1].id, confirmed_at=now))
        with assert_refused_by("recall_release_keeps_its_word"):
            db.session.execute(update(RecallRelease).values(confirmed_by=None, confirmed_at=None))
        with assert_refused_by("recall_release_keeps_its_word"):
            db.session.execute(text("DELETE FROM recall_releases WHERE id = :id"), {"id": release.id})


def test_recalls_of_forty_units_are_looked_up_in_one_statement(scene, match, desk, now):
    narrowed(match, desk, now)
    units = [queries.Unit(scene.listing.model_id, f"A{number}") for number in range(180, 220)]

    with count_statements() as sent:
        looked = queries.looked_up(units)

    assert len(sent) == 1
    assert [unit.serial for unit in units if looked.stands_open(unit)] == [f"A{number}" for number in range(180, 200)]


def holds(order):
    return list(
        db.session.scalars(select(OrderHold.cause).where(OrderHold.order_id == order.id, OrderHold.lifted_at.is_(None)))
    )


def stands(order):
    return db.session.scalar(text("SELECT decision_stands(:id)"), {"id": order.payment_decision_id})


def ask(scene, at):
    purchase = Purchase(buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, site_id=scene.site.id,
                        operator_id=scene.buyer.id)  # fmt: skip
    return service.assess(moment=Moment.ORDER, sale=listings.sale_of(scene.listing.id), purchase=purchase, at=at)


def load(records, at):
    snapshot_id = registers.receive(
        source_code=RECALLS, filename="f.json", chunks=[openfda.recalls(records)], retrieved_at=at, actor_id=None, at=at
    )
    registers.load(snapshot_id=snapshot_id, at=at)


class TestNear:
    """What is found of a recall is money to whoever sells or buys such a unit: they judge none of it."""

    @pytest.fixture(params=["buys", "sold once"])
    def near(self, request, scene, now):
        """Somebody of the desk who belongs to the buying clinic, or who belonged to the selling one."""
        order = make_order("awaiting_payment", scene, at=now)
        bought = request.param == "buys"
        clinic = db.session.get(Clinic, order.buyer_clinic_id if bought else order.seller_clinic_id)
        return db.session.get(
            User, make_member(clinic=clinic, user=make_staff(), left_at=None if bought else now).user_id
        )

    def test_judge_nothing(self, near, match, now):
        with pytest.raises(NotYoursToJudge):
            recalls.judge(match_id=match.id, event=_E.CLOSED, actor_id=near.id, reason="Over.", at=now)
        assert (queries.one(match.id).state, queries.judgements_of(match.id)) == (_S.CONFIRMED, [])

    def test_propose_agree_to_and_end_nothing(self, near, match, desk, now):
        pending = corrected(match, (desk[0], None), now, "A1")
        for act in (
            lambda: corrected(match, (near, None), now, "B2"),
            lambda: releasing.narrow(match_id=match.id, actor_id=near.id, named="A1", words="Page 2.", at=now),
            lambda: releasing.agree(release_id=pending, actor_id=near.id, at=now),
            lambda: releasing.end(release_id=pending, actor_id=near.id, reason="Wrong.", at=now),
        ):
            with pytest.raises(NotYoursToJudge):
                act()
        (one,) = queries.releases_of(match.id)
        assert (one.id, one.agreed_at, one.ended_at) == (pending, None, None)

    def test_the_database_refuses_their_words_too(self, near, match, desk, now):
        pending = corrected(match, (desk[0], None), now, "A1")
        move = RecallMove(match_id=match.id, event=_E.CLOSED, state=_S.CLOSED, actor_id=near.id, reason="x", at=now)
        with assert_refused_by("recall_is_judged_by_strangers"):
            kept(move)
        for changes in (
            {"confirmed_by": near.id, "confirmed_at": now},
            {"ended_by": near.id, "ended_at": now, "ended_because": "x"},
        ):
            with assert_refused_by("recall_is_judged_by_strangers"):
                db.session.execute(update(RecallRelease).where(RecallRelease.id == pending).values(**changes))
        with assert_refused_by("recall_is_judged_by_strangers"):
            kept(
                RecallRelease(
                    match_id=match.id, kind=ReleaseKind.NARROWED, named_from=["A1"], named_to=["A1"], words="x",
                    proposed_by=near.id, proposed_at=now,
                )
            )  # fmt: skip

    def test_whose_clinic_has_another_model_judges(self, match, scene, now):
        clinic = make_clinic(seller=True)
        make_listing(clinic=clinic)
        other = make_member(clinic=clinic, user=make_staff())
        recalls.judge(match_id=match.id, event=_E.CLOSED, actor_id=other.user_id, reason="Over.", at=now)
        assert queries.one(match.id).state is _S.CLOSED

    def test_what_they_said_before_stands_when_a_colleague_goes_on(self, match, scene, desk, now):
        release = corrected(match, (desk[0], None), now, "A1")
        make_member(clinic=db.session.get(Clinic, scene.listing.clinic_id), user=desk[0])
        releasing.agree(release_id=release, actor_id=desk[1].id, at=now)
        assert concerned(match, "A1") == []

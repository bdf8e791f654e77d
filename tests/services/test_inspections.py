"""Inspections: a third person looks at a unit, with its own form, and signs for good."""

from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.inspections import form, queries, service
from marketplace.inspections.form import Found, Line
from marketplace.inspections.models import Inspection, InspectionMove, InspectionReport, Inspector
from marketplace.inspections.service import AskedAlready, NotAThirdPerson
from marketplace.inspections.states import INSPECTION, InspectionEvent, InspectionKind, InspectionState, Outcome
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.listings import reports
from marketplace.notifications.models import Mail
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.listings import make_counter, make_handpiece, make_listing
from tests.support import assert_refused_by, promised_mails

S, E = InspectionState, InspectionEvent
MOVES = {
    (S.ASKED, E.AGREED): S.AGREED,
    (S.ASKED, E.DECLINED): S.DECLINED,
    (S.ASKED, E.WITHDRAWN): S.WITHDRAWN,
    (S.ASKED, E.CLOSED): S.CLOSED,
    (S.AGREED, E.ASSIGNED): S.ASSIGNED,
    (S.AGREED, E.WITHDRAWN): S.WITHDRAWN,
    (S.AGREED, E.CLOSED): S.CLOSED,
    (S.ASSIGNED, E.SIGNED): S.SIGNED,
    (S.ASSIGNED, E.CLOSED): S.CLOSED,
}


@pytest.mark.parametrize(("state", "event"), list(product(S, E)))
def test_a_move_is_listed_or_refused(state, event):
    if (state, event) in MOVES:
        assert INSPECTION.after(state, event) is MOVES[state, event]
    else:
        with pytest.raises(IllegalMove):
            INSPECTION.after(state, event)


@pytest.fixture
def moderator():
    return make_staff("moderator")


@pytest.fixture
def inspector(moderator, now):
    person = make_user(name="Irma Looks")
    service.appoint(
        email=person.email,
        firm=" Looks & Co ",
        skills="Twenty years at a maker; called there.",
        actor_id=moderator.id,
        at=now,
    )
    return person


def ask(scene, now, **changed):
    values = {
        "listing_id": scene.listing.id, "asker_id": scene.buyer.id, "kind": InspectionKind.OPERATING,
        "words": " Fire every handpiece. ", "at": now,
    }  # fmt: skip
    return service.ask(**values | changed)


def let_in(one, scene, now, words="Tuesday at ten, at the back door."):
    service.let_in(inspection_id=one, actor_id=scene.seller.id, words=words, at=now)


def assign(one, inspector, moderator, now):
    service.assign(inspection_id=one, inspector_id=inspector.id, actor_id=moderator.id, at=now)


@pytest.fixture
def assigned(scene, inspector, moderator, now):
    one = ask(scene, now)
    let_in(one, scene, now)
    assign(one, inspector, moderator, now)
    return one


def found_of(one, inspector, outcome=Outcome.AS_STATED):
    report_id = queries.one(one, user_id=inspector.id).report_id
    return [Found(outcome) for _ in form.lines_of(reports.report(report_id).document)]


def sign(one, inspector, now, **changed):
    values = {"found": found_of(one, inspector), "remarks": " It hums. ", "name": "irma looks ", "at": now}
    service.sign(inspection_id=one, actor_id=inspector.id, **values | changed)


def state_of(one):
    return db.session.scalars(select(Inspection.state).where(Inspection.id == one)).one()


class TestForm:
    def test_is_made_of_what_is_stated_of_this_unit(self, scene, now):
        listing = make_listing(
            clinic=scene.seller_clinic,
            handpieces=[
                make_handpiece("DIODE_HR", name="Spot 9", serial="HP-1"),
                make_handpiece(
                    "CO2", name="Scanner", counter_value=None, counter_unit=None, counter_direction=None,
                    counter_read_on=None,
                ),
            ],
            counters=[make_counter()],
            inclusions={"keys": "included"},
            serial="XK-1",
        )  # fmt: skip
        report_id = reports.freeze(listing_id=listing.id, actor_id=None, at=now)
        lines = form.lines_of(reports.report(report_id).document)

        assert Line("The unit", "Serial number", "XK-1") in lines
        assert Line("Labels", "Prescription legend", "yes") in lines
        assert Line("Handpiece: Spot 9", "Counter", "400,000 shots, counting up") in lines
        assert Line("Handpiece: Spot 9", "Serial number", "HP-1") in lines
        assert Line("Handpiece: Scanner", "Counter", "not stated") in lines
        assert Line("What comes with it", "Keys", "included") in lines
        assert {line.place for line in lines} >= {"Console", "Condition", "Counters"}
        assert [line for line in lines if line.label == "Footswitch"] == []
        assert any(line.place == "Handpiece: Spot 9" and line.label == "Spot sizes" for line in lines)

    def test_asks_each_line_and_for_words_where_it_differs(self):
        lines = [Line("a", "b", "c"), Line("a", "d", "e")]
        seen, other = Found(Outcome.AS_STATED), Found(Outcome.NOT_SEEN)
        form.require_whole(lines, [seen, other])
        form.require_whole(lines, [Found(Outcome.DIFFERS, "Cracked."), other])
        for found, field in (
            ([seen], None),
            ([other, other], None),
            ([seen, Found(Outcome.DIFFERS, " ")], "note_1"),
            ([Found(Outcome.AS_STATED, "x" * 501), seen], "note_0"),
        ):
            with pytest.raises(Invalid) as refusal:
                form.require_whole(lines, found)
            assert refusal.value.field == field


class TestAsking:
    def test_tells_the_seller_and_reserves_nothing(self, scene, now):
        one = queries.one(ask(scene, now), user_id=scene.seller.id)
        assert (one.state, one.words, one.asker_name) == (S.ASKED, "Fire every handpiece.", scene.buyer.name)
        (mail,) = promised_mails()
        assert (mail.to, mail.template, mail.context["path"]) == (
            scene.seller.email, "inspection_news", f"/inspections/{one.id}",
        )  # fmt: skip
        assert str(scene.listing.state) == "published"

    def test_refuses_what_cannot_be(self, scene, now):
        for changed, refusal in (
            ({"words": " "}, Invalid),
            ({"words": "x" * 1001}, Invalid),
            ({"listing_id": uuid4()}, NotFound),
            ({"listing_id": make_listing(clinic=scene.seller_clinic, state="draft").id}, Conflict),
            ({"asker_id": scene.seller.id}, Invalid),
        ):
            with pytest.raises(refusal):
                ask(scene, now, **changed)
        assert queries.live() == []

    def test_is_done_once_while_it_is_under_way(self, scene, now):
        first = ask(scene, now)
        with pytest.raises(AskedAlready):
            ask(scene, now)
        service.withdraw(inspection_id=first, actor_id=scene.buyer.id, at=now)
        assert state_of(first) is S.WITHDRAWN
        assert ask(scene, now) != first

    def test_is_taken_back_by_whoever_asked_alone(self, scene, now):
        one = ask(scene, now)
        for person in (scene.seller, scene.owner):
            with pytest.raises(NotFound):
                service.withdraw(inspection_id=one, actor_id=person.id, at=now)
        with pytest.raises(NotFound):
            service.withdraw(inspection_id=uuid4(), actor_id=scene.buyer.id, at=now)
        assert state_of(one) is S.ASKED


class TestAnswering:
    def test_lets_somebody_in_with_place_and_time(self, scene, now):
        one = ask(scene, now)
        with pytest.raises(Invalid):
            let_in(one, scene, now, words=" ")
        let_in(one, scene, now)
        assert (state_of(one), queries.one(one, user_id=scene.buyer.id).seller_words) == (
            S.AGREED, "Tuesday at ten, at the back door.",
        )  # fmt: skip
        assert promised_mails()[-1].to == scene.buyer.email

    def test_or_says_why_not(self, scene, now):
        one = ask(scene, now)
        service.decline(inspection_id=one, actor_id=scene.seller.id, words="It is packed.", at=now)
        assert state_of(one) is S.DECLINED
        assert promised_mails()[-1].context["lines"][-1] == "It is packed."

    def test_is_the_sellers(self, scene, now):
        one = ask(scene, now)
        for act in (service.let_in, service.decline):
            with pytest.raises(NotFound):
                act(inspection_id=one, actor_id=scene.buyer.id, words="x", at=now)
        assert state_of(one) is S.ASKED


class TestAssigning:
    def test_freezes_what_is_looked_at_and_tells_all_three(self, scene, inspector, moderator, now):
        one = ask(scene, now)
        with pytest.raises(IllegalMove):
            assign(one, inspector, moderator, now)
        let_in(one, scene, now)
        before = len(promised_mails())
        assign(one, inspector, moderator, now)
        facts = queries.one(one, user_id=inspector.id)
        assert (facts.state, facts.inspector_firm) == (S.ASSIGNED, "Looks & Co")
        assert reports.report(facts.report_id).listing_id == scene.listing.id
        assert {mail.to for mail in promised_mails()[before:]} == {
            inspector.email, scene.buyer.email, scene.seller.email,
        }  # fmt: skip

    def test_sends_nobody_who_has_to_do_with_either_side(self, scene, inspector, moderator, now):
        one = ask(scene, now)
        let_in(one, scene, now)
        make_member(clinic=scene.clinic, user=inspector, left_at=now + timedelta(1))
        with pytest.raises(NotAThirdPerson, match="The inspector has something"):
            assign(one, inspector, moderator, now)
        other = make_user(name="Otto Sees")
        service.appoint(email=other.email, firm="X", skills="Y", actor_id=moderator.id, at=now)
        with pytest.raises(NotAThirdPerson, match="You have something"):
            assign(one, other, other, now)
        make_member(clinic=scene.seller_clinic, user=moderator, left_at=now + timedelta(1))
        with pytest.raises(NotAThirdPerson, match="You have something"):
            assign(one, other, moderator, now)
        asker = make_user(name="Ada Asks")
        service.appoint(email=asker.email, firm="X", skills="Y", actor_id=make_staff("moderator").id, at=now)
        theirs = ask(scene, now, asker_id=asker.id)
        let_in(theirs, scene, now)
        with pytest.raises(NotAThirdPerson, match="The inspector has something"):
            assign(theirs, asker, make_staff("moderator"), now)
        assert (state_of(one), state_of(theirs)) == (S.AGREED, S.AGREED)

    def test_sends_inspectors_at_work_alone(self, scene, inspector, moderator, now):
        one = ask(scene, now)
        let_in(one, scene, now)
        with pytest.raises(NotFound):
            assign(one, scene.owner, moderator, now)
        with pytest.raises(NotFound):
            assign(uuid4(), inspector, moderator, now)
        inspector.disabled_at = now
        db.session.commit()
        with pytest.raises(NotFound):
            assign(one, inspector, moderator, now)
        inspector.disabled_at = None
        db.session.commit()
        service.dismiss(inspector_id=inspector.id, actor_id=moderator.id, at=now)
        with pytest.raises(NotFound):
            assign(one, inspector, moderator, now)
        assert state_of(one) is S.AGREED


class TestSigning:
    def test_keeps_each_line_for_good_and_tells_both_sides(self, scene, inspector, assigned, now):
        before = len(promised_mails())
        found = found_of(assigned, inspector)
        found[1] = Found(Outcome.DIFFERS, " The label says 4472. ")
        sign(assigned, inspector, now, found=found)

        signed = queries.signed(assigned)
        assert (state_of(assigned), signed.signed_name) == (S.SIGNED, "Irma Looks")
        line = signed.document["lines"][1]
        assert (line["label"], line["found"], line["note"]) == ("Serial number", "differs", "The label says 4472.")
        assert (signed.document["remarks"], signed.document["inspector"]) == (
            "It hums.", {"name": "Irma Looks", "firm": "Looks & Co"},
        )  # fmt: skip
        assert {mail.to for mail in promised_mails()[before:]} == {scene.buyer.email, scene.seller.email}
        moves = select(InspectionMove.state).where(InspectionMove.inspection_id == assigned)
        assert db.session.scalars(moves.order_by(InspectionMove.position)).all() == [
            S.ASKED, S.AGREED, S.ASSIGNED, S.SIGNED,
        ]  # fmt: skip

    def test_is_held_against_what_was_stated_when_somebody_was_sent(self, scene, inspector, assigned, now):
        scene.listing.description = "Changed since."
        scene.listing.year = 2020
        db.session.commit()
        sign(assigned, inspector, now)
        assert queries.signed(assigned).document["lines"][2]["stated"] == "2018"

    def test_refuses_another_name_half_a_form_and_a_long_remark(self, inspector, assigned, now):
        for changed in ({"name": "Somebody Else"}, {"found": []}, {"remarks": "x" * 4001}):
            with pytest.raises(Invalid):
                sign(assigned, inspector, now, **changed)
        assert queries.signed(assigned) is None
        assert state_of(assigned) is S.ASSIGNED

    def test_is_the_inspectors_and_happens_once(self, scene, inspector, moderator, assigned, now):
        found = found_of(assigned, inspector)
        other = make_user(name="Otto Sees")
        service.appoint(email=other.email, firm="X", skills="Y", actor_id=moderator.id, at=now)
        for person in (scene.buyer, other):
            with pytest.raises(NotFound):
                service.sign(
                    inspection_id=assigned, actor_id=person.id, found=found, remarks="", name=person.name, at=now
                )
        sign(assigned, inspector, now)
        with pytest.raises(IllegalMove):
            sign(assigned, inspector, now)

    def test_who_came_to_belong_to_a_side_meanwhile_signs_nothing(self, scene, inspector, assigned, now):
        make_member(clinic=scene.seller_clinic, user=inspector)
        with pytest.raises(NotAThirdPerson, match="You have something"):
            sign(assigned, inspector, now)
        assert queries.signed(assigned) is None
        assert state_of(assigned) is S.ASSIGNED

    def test_who_was_dismissed_signs_no_more(self, inspector, moderator, assigned, now):
        service.dismiss(inspector_id=inspector.id, actor_id=moderator.id, at=now)
        with pytest.raises(NotFound):
            sign(assigned, inspector, now)
        assert queries.signed(assigned) is None


class TestClosing:
    def test_tells_both_sides_why(self, scene, moderator, assigned, now):
        before = len(promised_mails(Mail.template == "inspection_news"))
        service.close(inspection_id=assigned, actor_id=moderator.id, because="The inspector fell ill.", at=now)
        assert queries.one(assigned, user_id=scene.seller.id).closed_because == "The inspector fell ill."
        assert {mail.to for mail in promised_mails()[before:]} == {scene.buyer.email, scene.seller.email}
        with pytest.raises(Invalid):
            service.close(inspection_id=assigned, actor_id=moderator.id, because=" ", at=now)

    def test_is_not_for_staff_who_have_to_do_with_it(self, scene, moderator, assigned, now):
        make_member(clinic=scene.clinic, user=moderator, left_at=now + timedelta(1))
        with pytest.raises(NotAThirdPerson):
            service.close(inspection_id=assigned, actor_id=moderator.id, because="x", at=now)
        assert state_of(assigned) is S.ASSIGNED


class TestInspectors:
    def test_are_appointed_dismissed_and_appointed_again(self, inspector, moderator, now):
        assert [(one.name, one.firm) for one in queries.inspectors()] == [("Irma Looks", "Looks & Co")]
        with pytest.raises(Conflict):
            service.appoint(email=inspector.email, firm="X", skills="Y", actor_id=moderator.id, at=now)
        service.dismiss(inspector_id=inspector.id, actor_id=moderator.id, at=now)
        assert queries.inspectors() == []
        with pytest.raises(NotFound):
            service.dismiss(inspector_id=inspector.id, actor_id=moderator.id, at=now)
        service.appoint(email=f" {inspector.email.upper()} ", firm="New", skills="Y", actor_id=moderator.id, at=now)
        assert [one.firm for one in queries.inspectors()] == ["New"]

    def test_are_people_of_the_house_and_no_staff(self, moderator, now):
        person = make_user()
        for changed, refusal in (
            ({"email": "nobody@x.example"}, NotFound),
            ({"email": make_user(confirmed=False).email}, NotFound),
            ({"email": moderator.email}, Conflict),
            ({"firm": " "}, Invalid),
            ({"skills": " "}, Invalid),
        ):
            with pytest.raises(refusal):
                service.appoint(
                    **{"email": person.email, "firm": "X", "skills": "Y", "actor_id": moderator.id, "at": now} | changed
                )
        assert queries.inspectors() == []


class TestDatabase:
    @pytest.mark.parametrize(
        ("constraint", "change"),
        [
            ("inspections_inspection_is_asked_in_words", "words = ' '"),
            ("inspections_seller_answers_in_words", "seller_words = NULL"),
            ("inspections_assigned_inspection_is_whole", "report_id = NULL"),
            ("inspections_inspector_is_a_third_person", "assigned_by = inspector_id"),
            ("inspections_closed_inspection_says_why", "state = 'closed'"),
            ("signed_inspection_has_its_report", "state = 'signed'"),
        ],
    )
    def test_refuses_an_inspection_that_cannot_be(self, assigned, constraint, change):
        with assert_refused_by(constraint):
            db.session.execute(text(f"UPDATE inspections SET {change}"))

    def test_refuses_the_report_of_another_unit_and_a_second_live_one(self, scene, assigned, now):
        other = make_listing(clinic=scene.seller_clinic)
        report_id = reports.freeze(listing_id=other.id, actor_id=None, at=now)
        db.session.commit()
        with assert_refused_by("inspection_looks_at_a_report_of_its_unit"):
            db.session.execute(text("UPDATE inspections SET report_id = :id"), {"id": report_id})
        values = {"listing_id": scene.listing.id, "asker_id": scene.buyer.id, "words": "x", "asked_at": now}
        with assert_refused_by("one_live_inspection_per_person_and_unit"):
            db.session.add(Inspection(kind=InspectionKind.PACKED, **values))
            db.session.flush()

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("inspectors_inspector_has_a_firm", {"firm": " "}),
            ("inspectors_inspector_has_skills", {"skills": ""}),
            ("inspectors_inspector_end_is_signed", {"ended": True}),
        ],
    )
    def test_refuses_an_inspector_that_cannot_be(self, moderator, now, constraint, changed):
        person = make_user()
        values = {"firm": "X", "skills": "Y", **changed}
        ended_at = now if values.pop("ended", False) else None
        with assert_refused_by(constraint):
            db.session.add(
                Inspector(user_id=person.id, appointed_by=moderator.id, appointed_at=now, ended_at=ended_at, **values)
            )
            db.session.flush()

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("inspection_reports_inspection_digest_is_of_what_is_kept", {"digest": "0" * 64}),
            ("inspection_reports_inspection_is_signed_with_a_name", {"signed_name": " "}),
        ],
    )
    def test_refuses_a_report_that_cannot_be(self, assigned, inspector, now, constraint, changed):
        digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"  # Of {}.
        values = {"canonical": "{}", "digest": digest, "signed_name": "Irma Looks", **changed}
        with assert_refused_by(constraint):
            db.session.add(InspectionReport(inspection_id=assigned, signed_by=inspector.id, signed_at=now, **values))
            db.session.flush()

    @pytest.mark.parametrize(
        "change", ["UPDATE inspection_reports SET signed_name = 'x'", "DELETE FROM inspection_reports"]
    )
    def test_keeps_what_was_signed(self, assigned, inspector, now, change):
        sign(assigned, inspector, now)
        with assert_refused_by("inspection_reports_stay"):
            db.session.execute(text(change))

"""Questions about units: asked, answered, declined, hidden, and frozen with the order that rests on them."""

import json
from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select, text, update

from marketplace.audit import events_about
from marketplace.clinics.queries import WrongRole
from marketplace.extensions import db
from marketplace.kernel.contacts import HIDDEN
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import queries as listings
from marketplace.listings import reports
from marketplace.listings.models import ConditionReport
from marketplace.notifications.models import Mail
from marketplace.questions import moderating, queries, service
from marketplace.questions.models import Question, QuestionAnswer, QuestionMove, QuestionReport
from marketplace.questions.states import QUESTION, QuestionEvent, QuestionState, Shown
from marketplace.watching import desk
from tests.factories.accounts import make_staff, make_user
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing
from tests.factories.orders import place, the_order
from tests.support import assert_refused_by, count_statements, promised_mails

WORDS = "Which pulse widths does it allow?"


@pytest.fixture
def seller():
    return make_user(name="Selma Vogt")


@pytest.fixture
def shop(seller):
    return make_clinic(owner=seller, seller=True, name="Desert Aesthetics")


@pytest.fixture
def unit(shop):
    return make_listing(clinic=shop, model=real_model("Candela GentleMax Pro"), year=2018)


@pytest.fixture
def buyer():
    return make_user(name="Dana Reyes")


@pytest.fixture
def moderator():
    return make_staff("moderator")


@pytest.fixture
def asked(unit, buyer, now):
    return ask(unit, buyer, now)


def ask(unit, person, at, words=WORDS):
    return service.ask(listing_id=unit.id, asker_id=person.id, words=words, at=at)


def answer(question_id, person, at, words="From 3 to 100 ms."):
    service.answer(question_id=question_id, actor_id=person.id, words=words, at=at)


def stands(question_id):
    return db.session.get_one(Question, question_id, populate_existing=True)


def kinds(question_id):
    return [(event.kind, event.data.get("contact_hidden")) for event in events_about("question", question_id)]


def mails(person):
    return promised_mails(Mail.to == person.email, Mail.template == "question_news")


def nothing_happened():
    return db.session.scalar(select(func.count()).select_from(Question)) == 0 and promised_mails() == []


class TestTable:
    @pytest.mark.parametrize(("state", "event"), list(product(QuestionState, QuestionEvent)))
    def test_a_move_is_listed_or_refused(self, state, event):
        if event in QUESTION.events_from(state):
            assert QUESTION.after(state, event) in QuestionState
        else:
            with pytest.raises(IllegalMove):
                QUESTION.after(state, event)

    def test_what_was_answered_is_only_added_to_and_what_was_taken_back_is_over(self):
        assert QUESTION.events_from(QuestionState.ANSWERED) == (QuestionEvent.ADDED_TO,)
        assert QUESTION.events_from(QuestionState.WITHDRAWN) == ()


class TestAsk:
    def test_waits_for_the_seller_who_gets_a_mail(self, unit, buyer, seller, shop, now):
        manager, technician = make_user(), make_user()
        make_member(clinic=shop, user=manager, role=ClinicRole.MANAGER)
        make_member(clinic=shop, user=technician, role=ClinicRole.TECHNICIAN)
        question = stands(ask(unit, buyer, now))

        assert (question.words, question.original, question.state) == (WORDS, None, QuestionState.OPEN)
        assert kinds(question.id) == [("question:asked", None)]
        for told in (seller, manager):
            (mail,) = mails(told)
            assert mail.context["subject"] == "A question about your Candela GentleMax Pro"
            assert mail.context["lines"][1] == WORDS
            assert mail.context["path"] == f"/sell/questions/{question.id}"
            assert buyer.name not in json.dumps(mail.context).replace(told.name, "")
        assert mails(technician) == mails(buyer) == []

    def test_takes_contact_out_keeps_the_original_for_staff_and_says_so_in_the_record(self, unit, buyer, seller, now):
        written = "Call me at 512 555 0100 or dana@clinic.example?"
        question = stands(ask(unit, buyer, now, f" {written} "))

        assert question.words == f"Call me at {HIDDEN} or {HIDDEN}?"
        assert question.original == written
        assert kinds(question.id) == [("question:asked", ["a telephone number", "an e-mail address"])]
        (mail,) = mails(seller)
        assert "512 555" not in json.dumps(mail.context)
        (view,) = queries.of_sellers(seller.id)
        assert "512 555" not in repr(view)
        (staff,) = queries.latest()
        assert (staff.original, staff.person) == (written, "Dana Reyes")

    def test_the_same_sent_twice_is_one(self, unit, buyer, seller, now):
        assert ask(unit, buyer, now) == ask(unit, buyer, now)
        assert len(mails(seller)) == 1

    def test_at_most_three_wait_for_one_person_and_unit(self, unit, shop, buyer, now):
        for number in range(3):
            ask(unit, buyer, now, f"Question {number}?")
        with pytest.raises(service.TooManyOpen):
            ask(unit, buyer, now)

        assert db.session.scalar(select(func.count()).select_from(Question)) == 3
        ask(make_listing(clinic=shop), buyer, now)
        ask(unit, make_user(), now)
        service.withdraw(question_id=queries.of_asker_about(buyer.id, unit.id)[0].id, actor_id=buyer.id, at=now)
        ask(unit, buyer, now)

    @pytest.mark.parametrize("words", ["", "  ", "x" * 501])
    def test_says_something_and_not_too_much(self, unit, buyer, now, words):
        with pytest.raises(Invalid) as refusal:
            ask(unit, buyer, now, words)

        assert refusal.value.field == "words"
        assert nothing_happened()

    def test_five_hundred_signs_are_enough(self, unit, buyer, now):
        assert len(stands(ask(unit, buyer, now, "x" * 500)).words) == 500

    @pytest.mark.parametrize("state", ["draft", "in_review", "paused", "reserved", "sold", "withdrawn"])
    def test_only_about_what_is_on_the_market(self, shop, buyer, now, state):
        unit = make_listing(clinic=shop, state=state)
        with pytest.raises(NotFound):
            ask(unit, buyer, now)
        assert nothing_happened()

    def test_not_about_what_ones_own_clinic_sells(self, unit, seller, now):
        with pytest.raises(service.OwnUnit):
            ask(unit, seller, now)
        assert nothing_happened()


class TestAnswer:
    def test_is_for_everybody_and_who_asked_is_told(self, asked, unit, buyer, seller, now):
        answer(asked, seller, now)

        assert stands(asked).state is QuestionState.ANSWERED
        assert kinds(asked) == [("question:asked", None), ("question:answered", None)]
        (mail,) = mails(buyer)
        assert mail.context["subject"] == "The seller answered: Candela GentleMax Pro"
        assert mail.context["lines"] == ["You asked:", WORDS, "The seller answered:", "From 3 to 100 ms."]
        assert queries.readable_by(make_user().id, asked).answers == (queries.Said("From 3 to 100 ms.", now),)

    def test_is_added_to_and_never_changed(self, asked, buyer, seller, now):
        answer(asked, seller, now)
        later = now + timedelta(days=1)
        answer(asked, seller, later, "Up to 300 ms with the new software. mail@clinic.example")
        answer(asked, seller, later, "From 3 to 100 ms.")  # The same once more: nothing.

        (view,) = queries.of_asker(buyer.id)
        assert view.answers == (
            queries.Said("From 3 to 100 ms.", now),
            queries.Said(f"Up to 300 ms with the new software. {HIDDEN}", later),
        )
        assert kinds(asked)[-1] == ("question:added_to", ["an e-mail address"])
        assert [mail.context["subject"].partition(":")[0] for mail in mails(buyer)] == [
            "The seller answered",
            "The seller added",
        ]
        assert [row[1] for row in queries.latest()[0].answers] == [
            None,
            "Up to 300 ms with the new software. mail@clinic.example",
        ]

    def test_of_a_manager_counts_and_nobody_else_answers(self, asked, shop, buyer, now):
        manager, technician = make_user(), make_user()
        make_member(clinic=shop, user=manager, role=ClinicRole.MANAGER)
        make_member(clinic=shop, user=technician, role=ClinicRole.TECHNICIAN)
        elsewhere = make_user()
        make_clinic(owner=elsewhere, seller=True)
        for who, refusal in ((technician, WrongRole), (buyer, NotFound), (elsewhere, NotFound)):
            with pytest.raises(refusal):
                answer(asked, who, now)
            with pytest.raises(refusal):
                service.decline(question_id=asked, actor_id=who.id, because="No.", at=now)
        assert stands(asked).state is QuestionState.OPEN
        assert db.session.scalars(select(QuestionAnswer)).all() == []

        answer(asked, manager, now)

    @pytest.mark.parametrize("state", ["sold", "withdrawn"])
    def test_comes_too_late_when_the_unit_is_gone(self, asked, unit, seller, now, state):
        unit.state = state
        db.session.commit()
        with pytest.raises(Conflict):
            answer(asked, seller, now)

        assert db.session.scalars(select(QuestionAnswer)).all() == []
        assert not queries.one_of_sellers(seller.id, asked).can_be_answered

    @pytest.mark.parametrize("words", [" ", "x" * 1001])
    def test_says_something_and_not_too_much(self, asked, seller, now, words):
        with pytest.raises(Invalid):
            answer(asked, seller, now, words)
        assert stands(asked).state is QuestionState.OPEN


class TestDecline:
    def test_tells_who_asked_why_and_nobody_else(self, asked, buyer, seller, now):
        service.decline(question_id=asked, actor_id=seller.id, because="It is in the papers; a@b.example", at=now)

        assert (stands(asked).state, stands(asked).declined_because) == (
            QuestionState.DECLINED,
            f"It is in the papers; {HIDDEN}",
        )
        (mail,) = mails(buyer)
        assert mail.context["lines"][-1] == f"It is in the papers; {HIDDEN}"
        with pytest.raises(NotFound):
            queries.readable_by(make_user().id, asked)
        with pytest.raises(IllegalMove):
            service.decline(question_id=asked, actor_id=seller.id, because="Again.", at=now)

    def test_may_be_thought_better_of(self, asked, seller, now):
        service.decline(question_id=asked, actor_id=seller.id, because="No.", at=now)
        answer(asked, seller, now)

        assert (stands(asked).state, stands(asked).declined_because) == (QuestionState.ANSWERED, None)
        moves = db.session.execute(select(QuestionMove.event, QuestionMove.reason).order_by(QuestionMove.at)).all()
        assert ("declined", "No.") in [tuple(move) for move in moves]

    def test_has_a_reason(self, asked, seller, now):
        with pytest.raises(Invalid) as refusal:
            service.decline(question_id=asked, actor_id=seller.id, because=" ", at=now)
        assert refusal.value.field == "words"
        assert stands(asked).state is QuestionState.OPEN


class TestWithdraw:
    def test_is_for_who_asked_and_while_it_waits(self, asked, buyer, seller, now):
        for who in (seller, make_user()):
            with pytest.raises(NotFound):
                service.withdraw(question_id=asked, actor_id=who.id, at=now)
        service.withdraw(question_id=asked, actor_id=buyer.id, at=now)

        assert stands(asked).state is QuestionState.WITHDRAWN
        assert queries.of_sellers(seller.id) == []
        with pytest.raises(IllegalMove):
            answer(asked, seller, now)
        with pytest.raises(NotFound):
            service.withdraw(question_id=seller.id, actor_id=buyer.id, at=now)


class TestModeration:
    def test_hides_and_shows_again_with_a_reason_that_both_sides_read(self, asked, unit, buyer, seller, moderator, now):
        answer(asked, seller, now)
        reporter = make_user()
        for _ in range(2):
            moderating.report(question_id=asked, reporter_id=reporter.id, reason=" It names a patient. ", at=now)
        (reported,) = queries.reported()
        assert (reported.id, reported.reasons) == (asked, ("It names a patient.",))

        moderating.hide(question_id=asked, actor_id=moderator.id, because="It names a patient.", at=now)
        assert queries.reported() == []
        assert stands(asked).hidden_by == moderator.id
        for person in (buyer, seller):
            assert mails(person)[-1].context["subject"] == "Our staff hid a question about the Candela GentleMax Pro"
        with pytest.raises(NotFound):
            queries.readable_by(reporter.id, asked)
        assert queries.readable_by(buyer.id, asked).hidden_because == "It names a patient."
        assert queries.readable_by(seller.id, asked).hidden_because == "It names a patient."
        with pytest.raises(Conflict):
            moderating.hide(question_id=asked, actor_id=moderator.id, because="Again.", at=now)

        moderating.restore(question_id=asked, actor_id=moderator.id, because="It names nobody.", at=now)
        assert (stands(asked).hidden_at, stands(asked).hidden_because) == (None, None)
        assert queries.readable_by(reporter.id, asked).id == asked
        with pytest.raises(Conflict):
            moderating.restore(question_id=asked, actor_id=moderator.id, because="Again.", at=now)
        assert [kind for kind, _ in kinds(asked)] == [
            "question:asked",
            "question:answered",
            "question:reported",
            "question:hidden",
            "question:restored",
        ]
        shown = db.session.scalars(select(QuestionMove.shown).where(QuestionMove.shown.is_not(None))).all()
        assert sorted(shown) == [Shown.HIDDEN, Shown.RESTORED]

    def test_finds_nothing_wrong(self, asked, buyer, moderator, now):
        moderating.report(question_id=asked, reporter_id=buyer.id, reason="By mistake.", at=now)
        moderating.leave(question_id=asked, actor_id=moderator.id, at=now)

        assert queries.reported() == []
        assert stands(asked).hidden_at is None
        assert kinds(asked)[-1] == ("question:left", None)

    @pytest.mark.parametrize("part", ["asked it", "sells it", "sold it once"])
    def test_is_not_for_who_has_a_part_in_it(self, unit, shop, moderator, now, part):
        asker = moderator if part == "asked it" else make_user()
        question_id = ask(unit, asker, now)
        if part != "asked it":
            make_member(clinic=shop, user=moderator, left_at=now if part == "sold it once" else None)
        by = {"question_id": question_id, "actor_id": moderator.id, "at": now}

        for act in (
            lambda: moderating.hide(**by, because="It is unkind."),
            lambda: moderating.restore(**by, because="It is kind."),
            lambda: moderating.leave(**by),
        ):
            with pytest.raises(moderating.OwnQuestion):
                act()
        assert stands(question_id).hidden_at is None

    @pytest.mark.parametrize("words", ["", " ", "x" * 501])
    def test_says_why(self, asked, buyer, moderator, now, words):
        for act in (
            lambda: moderating.report(question_id=asked, reporter_id=buyer.id, reason=words, at=now),
            lambda: moderating.hide(question_id=asked, actor_id=moderator.id, because=words, at=now),
            lambda: moderating.restore(question_id=asked, actor_id=moderator.id, because=words, at=now),
        ):
            with pytest.raises(Invalid):
                act()
        assert db.session.scalars(select(QuestionReport)).all() == []
        assert stands(asked).hidden_at is None

    def test_what_one_cannot_read_one_does_not_report(self, asked, now):
        with pytest.raises(NotFound):
            moderating.report(question_id=asked, reporter_id=make_user().id, reason="Wrong.", at=now)
        assert db.session.scalars(select(QuestionReport)).all() == []


class TestLists:
    def test_put_what_waits_longest_first_in_one_statement(self, unit, shop, seller, now):
        hour = timedelta(hours=1)
        people = [make_user() for _ in range(4)]
        ids = [ask(unit, person, now + number * hour, f"No. {number}") for number, person in enumerate(people)]
        for number in (0, 1):
            answer(ids[number], seller, now)
        mine, theirs = seller.id, people[1].id
        with count_statements() as sent:
            found = queries.of_sellers(mine)

        assert len(sent) == 1
        assert [one.words for one in found] == ["No. 2", "No. 3", "No. 1", "No. 0"]
        assert found[0].title == "Candela GentleMax Pro 2018"
        with count_statements() as sent:
            assert [one.words for one in queries.of_asker(theirs)] == ["No. 1"]
        assert len(sent) == 1

    def test_are_of_those_who_sell_the_unit(self, asked, shop, now):
        technician = make_user()
        make_member(clinic=shop, user=technician, role=ClinicRole.TECHNICIAN)
        other = make_user()
        make_clinic(owner=other, seller=True)
        for person in (technician, other):
            assert queries.of_sellers(person.id) == []
            with pytest.raises(NotFound):
                queries.one_of_sellers(person.id, asked)

    def test_the_desk_counts_what_waits(self, asked, unit, seller, moderator, now):
        ask(unit, make_user(), now)
        assert desk.interest_in([unit.id], at=now)[unit.id].questions == 2
        answer(asked, seller, now)
        assert desk.interest_in([unit.id], at=now)[unit.id].questions == 1
        waiting = queries.of_sellers(seller.id)[0]
        moderating.hide(question_id=waiting.id, actor_id=moderator.id, because="Rude.", at=now)
        assert desk.interest_in([unit.id], at=now)[unit.id].questions == 0


class TestFrozen:
    @pytest.fixture
    def told(self, scene, now):
        """Asked and answered, with a correction; asked and waiting; answered and hidden."""
        person, moderator = make_user(), make_staff("moderator")
        question = ask(scene.listing, person, now - timedelta(days=2))
        answer(question, scene.seller, now - timedelta(days=1))
        answer(question, scene.seller, now, "It is 3 to 300 ms.")
        ask(scene.listing, person, now, "Does it wait?")
        hidden = ask(scene.listing, make_user(), now, "A rude one?")
        answer(hidden, scene.seller, now, "A rude answer.")
        moderating.hide(question_id=hidden, actor_id=moderator.id, because="Rude.", at=now)
        return question

    def test_what_was_answered_is_part_of_the_report_that_the_order_rests_on(self, scene, told, now):
        order = the_order(place(scene, at=now))
        document = reports.report(order.report_id).document

        answers = db.session.execute(select(QuestionAnswer.id).where(QuestionAnswer.question_id == told)).all()
        assert {one["id"] for one in document["questions"][0]["answers"]} == {str(row.id) for row in answers}
        assert [
            (
                one["words"],
                one["asked_on"],
                [(said["words"], said["said_on"]) for said in one["answers"]],
            )
            for one in document["questions"]
        ] == [
            (
                WORDS,
                (now - timedelta(days=2)).date().isoformat(),
                [
                    ("From 3 to 100 ms.", (now - timedelta(days=1)).date().isoformat()),
                    ("It is 3 to 300 ms.", now.date().isoformat()),
                ],
            )
        ]

    def test_what_is_answered_later_or_hidden_does_not_change_it(self, scene, told, now):
        order = the_order(place(scene, at=now))
        before = reports.report(order.report_id).document
        answer(told, scene.seller, now, "Later.")
        moderating.hide(question_id=told, actor_id=make_staff("moderator").id, because="Rude.", at=now)

        assert reports.report(order.report_id).document == before
        with assert_refused_by("condition_reports_is_append_only"):
            db.session.execute(update(ConditionReport).values(canonical="{}"))

    def test_a_unit_of_which_nobody_asked_has_the_report_that_it_had(self, scene, now):
        ask(scene.listing, make_user(), now)

        assert "questions" not in reports.document_of(listings.listing(scene.listing.id))

    def test_an_order_cannot_rest_on_a_report_that_leaves_an_answer_out(self, scene, told, now):
        order = the_order(place(scene, at=now))
        answer(told, scene.seller, now, "Not in the report.")
        columns = {column.name: getattr(order, column.name) for column in order.__table__.columns}
        columns |= {"id": uuid4(), "form_key": uuid4(), "number": order.number + 1}
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        db.session.execute(text("ALTER TABLE orders DISABLE TRIGGER orders_ask_the_gate"))
        with assert_refused_by("orders_rest_on_all_answers"):
            db.session.execute(
                text(f"INSERT INTO orders ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks})"),
                {name: getattr(value, "value", value) for name, value in columns.items()},
            )


class TestConstraints:
    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"words": " "}, "questions_question_asks_something"),
            ({"state": "declined"}, "questions_declining_has_a_reason"),
            ({"declined_because": "No."}, "questions_declining_has_a_reason"),
            ({"hidden_because": "Rude."}, "questions_hiding_is_signed_and_has_a_reason"),
        ],
    )
    def test_a_question_is_whole(self, unit, buyer, now, values, constraint):
        row = {"listing_id": unit.id, "asker_id": buyer.id, "words": WORDS, "asked_at": now, "state": "open"}
        with assert_refused_by(constraint):
            db.session.add(Question(**row | values))
            db.session.flush()

    def test_nobody_asks_the_same_twice(self, asked, unit, buyer, now):
        row = {"listing_id": unit.id, "asker_id": buyer.id, "words": WORDS, "asked_at": now, "state": "open"}
        with assert_refused_by("nobody_asks_the_same_twice"):
            db.session.add(Question(**row))
            db.session.flush()

    @pytest.mark.parametrize("change", [update(Question).values(words="Else?"), delete(Question)])
    def test_what_was_asked_stays_as_it_was_asked(self, asked, change):
        with assert_refused_by("question_keeps_its_words"):
            db.session.execute(change)

    @pytest.mark.parametrize("table", ["question_answers", "question_moves"])
    def test_what_was_answered_and_what_happened_is_never_changed(self, asked, seller, now, table):
        answer(asked, seller, now)
        for statement in (f"UPDATE {table} SET at = now()", f"DELETE FROM {table}"):
            with assert_refused_by(f"{table}_is_append_only"):
                db.session.execute(text(statement))
        with assert_refused_by(f"{table}_is_append_only"):
            db.session.execute(text(f"TRUNCATE {table}"))
        with assert_refused_by("questions_is_append_only"):
            db.session.execute(text("TRUNCATE questions CASCADE"))

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"number": 1}, "answers_are_numbered_apart"),
            ({"number": 0}, "question_answers_answers_are_counted_from_one"),
            ({"words": " "}, "question_answers_answer_says_something"),
        ],
    )
    def test_an_answer_is_whole(self, asked, seller, now, values, constraint):
        answer(asked, seller, now)
        row = {"question_id": asked, "number": 2, "words": "Yes.", "answered_by": seller.id, "at": now}
        with assert_refused_by(constraint):
            db.session.add(QuestionAnswer(**row | values))
            db.session.flush()

    def test_reports_are_whole_and_there_once(self, asked, buyer, now):
        row = {"question_id": asked, "reporter_id": buyer.id, "reason": "x", "at": now}
        for values, constraint in (
            ({"reason": " "}, "question_reports_report_says_why"),
            ({"settled_at": now}, "question_reports_settlement_is_signed"),
        ):
            with assert_refused_by(constraint):
                db.session.add(QuestionReport(**row | values))
                db.session.flush()
        db.session.add(QuestionReport(**row))
        db.session.flush()
        with assert_refused_by("one_report_per_question_and_person"):
            db.session.add(QuestionReport(**row))
            db.session.flush()

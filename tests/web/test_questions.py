"""Pages of questions: asked without a name, shown before they are sent, answered for everybody, hidden by staff."""

import pytest
from sqlalchemy import select

from marketplace.catalog import queries as catalog
from marketplace.extensions import db
from marketplace.kernel.contacts import HIDDEN
from marketplace.questions import queries, service
from marketplace.questions.models import Question, QuestionReport
from marketplace.questions.states import QuestionState
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_listing
from tests.factories.orders import make_scene, place
from tests.pages import browser_of, hidden, text
from tests.support import count_statements

WORDS = "Which pulse widths does it allow?"
WITH_CONTACT = "Call me at 512 555 0100, please: which pulse widths?"


@pytest.fixture
def seller():
    return make_user(name="Selma Vogt")


@pytest.fixture
def unit(seller):
    return make_listing(clinic=make_clinic(owner=seller, seller=True, name="Desert Aesthetics"))


@pytest.fixture
def person():
    return make_user(name="Dana Reyes")


@pytest.fixture
def buyer(app, person):
    return browser_of(app, person)


@pytest.fixture
def desk(app, seller):
    return browser_of(app, seller)


@pytest.fixture
def asked(unit, person, now):
    return service.ask(listing_id=unit.id, asker_id=person.id, words=WORDS, at=now)


@pytest.fixture
def answered(asked, seller, now):
    service.answer(question_id=asked, actor_id=seller.id, words="From 3 to 100 ms.", at=now)
    return asked


def questions():
    return db.session.scalars(select(Question)).all()


class TestAsk:
    def test_leads_from_the_device_to_ones_questions(self, client, buyer, unit):
        assert f"/sign-in?next=/devices/{unit.id}/ask" in client.get(f"/devices/{unit.id}").text
        page = buyer.get(f"/devices/{unit.id}").text
        assert f'href="/devices/{unit.id}/ask"' in page
        assert "Nothing was asked and answered yet." in page
        answer = buyer.post(f"/devices/{unit.id}/ask", data={"words": WORDS})

        assert (answer.status_code, answer.location) == (303, "/questions")
        page = text(buyer.get("/questions"))
        assert WORDS in page
        assert "waits for an answer" in page
        assert WORDS in text(buyer.get(f"/devices/{unit.id}/ask"))

    def test_shows_what_will_arrive_before_it_sends_it(self, buyer, unit):
        address = f"/devices/{unit.id}/ask"
        page = buyer.post(address, data={"words": WITH_CONTACT})

        assert page.status_code == 200
        assert "We hid a telephone number." in text(page)
        assert "Contact is shared after payment." in text(page)
        assert f"Call me at {HIDDEN}, please: which pulse widths?" in text(page)
        assert questions() == []
        seen = hidden(page.text, "seen")
        # Other words than those that were shown are shown again.
        again = buyer.post(address, data={"words": f"{WITH_CONTACT} Or a@b.example", "seen": seen})
        assert "We hid a telephone number and an e-mail address." in text(again)
        assert questions() == []

        assert buyer.post(address, data={"words": WITH_CONTACT, "seen": seen}).status_code == 303
        (one,) = questions()
        assert (one.words, one.original) == (f"Call me at {HIDDEN}, please: which pulse widths?", WITH_CONTACT)

    @pytest.mark.parametrize(
        ("words", "sentence"), [("", "Write a sentence."), ("x" * 501, "Write at most 500 signs.")]
    )
    def test_says_what_is_wrong_beside_the_field(self, buyer, unit, words, sentence):
        page = buyer.post(f"/devices/{unit.id}/ask", data={"words": words})

        assert page.status_code == 422
        assert sentence in text(page)
        assert questions() == []

    def test_is_not_for_a_unit_off_the_market_nor_for_staff_nor_without_a_confirmed_address(self, app, buyer, unit):
        for who in (make_staff("moderator"), make_user(confirmed=False)):
            browser = browser_of(app, who)
            assert browser.post(f"/devices/{unit.id}/ask", data={"words": WORDS}).status_code == 403
            assert f"/devices/{unit.id}/ask" not in browser.get(f"/devices/{unit.id}").text
        unit.state = "paused"
        db.session.commit()
        assert "not on the market" in text(buyer.get(f"/devices/{unit.id}/ask"))
        assert f"/devices/{unit.id}/ask" not in buyer.get(f"/devices/{unit.id}").text
        assert buyer.post(f"/devices/{unit.id}/ask", data={"words": WORDS}).status_code == 404
        assert questions() == []

    def test_is_taken_back_by_who_asked(self, app, buyer, asked):
        stranger = browser_of(app, make_user())
        assert stranger.post(f"/questions/{asked}/withdraw").status_code == 404
        assert buyer.post(f"/questions/{asked}/withdraw").status_code == 303

        assert questions()[0].state is QuestionState.WITHDRAWN
        assert "Take it back" not in text(buyer.get("/questions"))

    def test_with_nothing_asked_says_where_to_begin(self, buyer):
        assert "You asked nothing yet" in text(buyer.get("/questions"))


class TestWhoReadsWhat:
    def test_an_answer_is_for_everybody_and_who_asked_for_nobody(self, client, app, answered, unit, desk):
        for reader in (client, browser_of(app, make_user(name="Bob Stone")), desk):
            page = text(reader.get(f"/devices/{unit.id}"))
            assert WORDS in page
            assert "From 3 to 100 ms." in page
            assert "A buyer, " in page
            assert "Dana" not in page
        assert "Report it" not in text(client.get(f"/devices/{unit.id}"))

    def test_what_waits_is_for_who_asked_and_who_sells(self, client, app, asked, unit, buyer, desk):
        other = browser_of(app, make_user())
        for reader in (client, other):
            assert WORDS not in text(reader.get(f"/devices/{unit.id}"))
        assert WORDS not in text(other.get(f"/devices/{unit.id}/ask"))
        assert other.get(f"/questions/{asked}/report").status_code == 404
        assert WORDS in text(buyer.get("/questions"))
        assert WORDS in text(desk.get("/sell/questions"))
        assert "Dana" not in text(desk.get(f"/sell/questions/{asked}"))

    def test_a_strangers_page_still_takes_one_statement_and_is_new_with_an_answer(
        self, client, asked, unit, seller, now
    ):
        catalog.modalities()
        address = f"/devices/{unit.id}"
        named = {"If-None-Match": client.get(address).headers["ETag"]}
        assert client.get(address, headers=named).status_code == 304
        service.answer(question_id=asked, actor_id=seller.id, words="From 3 to 100 ms.", at=now)
        with count_statements() as sent:
            second = client.get(address, headers=named)

        assert second.status_code == 200
        assert "From 3 to 100 ms." in second.text
        assert len(sent) == 1


class TestSeller:
    def test_sees_what_waits_at_the_desk_and_answers_it(self, desk, buyer, asked, unit):
        assert "1 question waits" in text(desk.get("/sell"))
        assert "1 question waits for an answer" in text(desk.get(f"/sell/{unit.id}"))
        page = text(desk.get("/sell/questions"))
        assert page.index("Waiting for an answer") < page.index(WORDS)
        assert "Answered and declined" not in page
        page = text(desk.get(f"/sell/questions/{asked}"))
        assert "Your answer" in page
        assert "Decline it" in page
        answer = desk.post(f"/sell/questions/{asked}", data={"words": "From 3 to 100 ms."})

        assert (answer.status_code, answer.location) == (303, "/sell/questions")
        page = text(desk.get("/sell/questions"))
        assert "No question waits" in page
        assert page.index("Answered and declined") < page.index(WORDS)
        page = text(desk.get(f"/sell/questions/{asked}"))
        assert "Add to your answer" in page
        assert "Decline it" not in page
        assert desk.post(f"/sell/questions/{asked}", data={"words": "And 300 ms."}).status_code == 303
        assert "added later" in text(buyer.get("/questions"))
        assert "question waits" not in text(desk.get("/sell"))

    def test_reads_what_will_arrive_before_an_answer_is_sent(self, desk, asked):
        page = desk.post(f"/sell/questions/{asked}", data={"words": "See www.desert.example"})
        assert "We hid a web address." in text(page)
        assert questions()[0].state is QuestionState.OPEN
        sent = {"words": "See www.desert.example", "seen": hidden(page.text, "seen")}
        assert desk.post(f"/sell/questions/{asked}", data=sent).status_code == 303
        assert queries.latest()[0].answers[0][:2] == (f"See {HIDDEN}", "See www.desert.example")

    def test_declines_in_words_that_are_shown_before(self, desk, buyer, asked, unit):
        address = f"/sell/questions/{asked}/decline"
        page = desk.post(address, data={"no-words": ""})
        assert page.status_code == 422
        assert "<details open>" in page.text
        page = desk.post(address, data={"no-words": "Ask a@b.example"})
        assert "We hid an e-mail address." in text(page)
        assert questions()[0].state is QuestionState.OPEN
        sent = {"no-words": "Ask a@b.example", "no-seen": hidden(page.text, "no-seen")}
        assert desk.post(address, data=sent).status_code == 303

        page = text(buyer.get("/questions"))
        assert "not answered" in page
        assert f"Ask {HIDDEN}" in page
        assert f"Ask {HIDDEN}" in text(buyer.get(f"/devices/{unit.id}/ask"))
        assert "Your clinic did not answer" in text(desk.get(f"/sell/questions/{asked}"))
        assert f'You said why: <span class="as-written">Ask {HIDDEN}' in text(desk.get("/sell/questions"))

    @pytest.mark.parametrize("path", ["", "/decline"])
    def test_is_told_what_is_too_long(self, desk, asked, path):
        page = desk.post(f"/sell/questions/{asked}{path}", data={"words": "x" * 1001, "no-words": "x" * 501})
        assert page.status_code == 422
        assert "Write at most" in text(page)

    def test_does_not_answer_about_what_is_sold(self, desk, answered, unit):
        unit.state = "sold"
        db.session.commit()
        assert "Add to your answer" not in text(desk.get(f"/sell/questions/{answered}"))
        assert desk.post(f"/sell/questions/{answered}", data={"words": "More."}).status_code == 409

    def test_of_another_clinic_finds_nothing(self, app, asked):
        other = make_user()
        make_clinic(owner=other, seller=True)
        browser = browser_of(app, other)
        for path in ("", "/decline"):
            answer = browser.post(f"/sell/questions/{asked}{path}", data={"words": "No.", "no-words": "No."})
            assert answer.status_code == 404
        assert questions()[0].state is QuestionState.OPEN


class TestReport:
    def test_comes_from_anybody_who_is_signed_in(self, app, client, answered, unit):
        assert client.get(f"/questions/{answered}/report").status_code == 303
        for who in (make_user(), make_user(confirmed=False), make_staff("verifier")):
            browser = browser_of(app, who)
            assert "Report it" in text(browser.get(f"/devices/{unit.id}"))
            assert WORDS in text(browser.get(f"/questions/{answered}/report"))
            assert browser.post(f"/questions/{answered}/report", data={"reason": ""}).status_code == 422
            answer = browser.post(f"/questions/{answered}/report", data={"reason": "It is rude."})
            assert (answer.status_code, answer.location) == (303, f"/devices/{unit.id}")

        assert len(db.session.scalars(select(QuestionReport)).all()) == 3


class TestModerator:
    @pytest.fixture
    def staff(self, app):
        return browser_of(app, make_staff("moderator"))

    def test_hides_what_was_reported_and_shows_it_again(self, app, client, staff, buyer, desk, answered, unit, person):
        assert "Nothing is reported" in text(staff.get("/staff/asked"))
        browser_of(app, person).post(f"/questions/{answered}/report", data={"reason": "It is rude."})
        page = text(staff.get("/staff/asked"))
        assert "It is rude." in page
        assert "Dana Reyes" in page
        assert staff.post(f"/staff/asked/{answered}/hide", data={"because": ""}).status_code == 422
        assert staff.post(f"/staff/asked/{answered}/hide", data={"because": "Names a patient."}).status_code == 303

        assert "Nothing is reported" in text(staff.get("/staff/asked"))
        assert WORDS not in client.get(f"/devices/{unit.id}").text
        for side in (buyer.get("/questions"), desk.get("/sell/questions"), desk.get(f"/sell/questions/{answered}")):
            assert "hidden by our staff" in text(side)
            assert "Names a patient." in text(side)
        assert staff.post(f"/staff/asked/{answered}/restore", data={}).status_code == 422
        assert staff.post(f"/staff/asked/{answered}/restore", data={"because": "Nobody."}).status_code == 303
        assert WORDS in client.get(f"/devices/{unit.id}").text

    def test_finds_nothing_wrong(self, staff, buyer, answered):
        buyer.post(f"/questions/{answered}/report", data={"reason": "By mistake."})
        assert staff.post(f"/staff/asked/{answered}/leave").status_code == 303
        assert "Nothing is reported" in text(staff.get("/staff/asked"))

    def test_reads_what_was_taken_out(self, staff, unit, person, seller, now):
        question = service.ask(listing_id=unit.id, asker_id=person.id, words=WITH_CONTACT, at=now)
        service.answer(question_id=question, actor_id=seller.id, words="I am a@b.example", at=now)
        page = text(staff.get("/staff/asked"))

        assert f'As it was written: <span class="as-written">{WITH_CONTACT}' in page
        assert "As it was written: I am a@b.example" in page

    def test_changes_nothing_as_verifier(self, app, answered):
        verifier = browser_of(app, make_staff("verifier"))
        page = text(verifier.get("/staff/asked"))
        assert WORDS in page
        assert "Hide it" not in page
        for act in ("hide", "restore", "leave"):
            assert verifier.post(f"/staff/asked/{answered}/{act}", data={"because": "x"}).status_code == 403
        assert questions()[0].hidden_at is None

    def test_begins_with_nothing(self, staff):
        assert "Nobody asked anything yet" in text(staff.get("/staff/asked"))


def test_both_sides_read_with_the_order_what_was_answered_before_it(app, now):
    scene = make_scene(now)
    question = service.ask(listing_id=scene.listing.id, asker_id=make_user().id, words=WORDS, at=now)
    service.answer(question_id=question, actor_id=scene.seller.id, words="From 3 to 100 ms.", at=now)
    order = place(scene, at=now)
    service.answer(question_id=question, actor_id=scene.seller.id, words="After the order.", at=now)
    for person in (scene.buyer, scene.seller):
        browser = browser_of(app, person)
        page = text(browser.get(f"/orders/{order}/report"))
        assert "What buyers asked, and the seller answered" in page
        assert WORDS in page
        assert "From 3 to 100 ms." in page
        assert "After the order." not in page
        assert "1 question was answered before it" in text(browser.get(f"/orders/{order}"))

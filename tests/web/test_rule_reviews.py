"""Where no rule speaks: asked from the page of a device, decided at a desk by two, and read by whoever asked."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from marketplace.eligibility import reviews
from marketplace.eligibility.states import ReviewState
from tests.factories.accounts import make_staff, make_user
from tests.factories.listings import make_handpiece, make_listing
from tests.support import sign_in


@pytest.fixture
def laser(scene):
    return make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")])


@pytest.fixture
def asker(client, scene):
    sign_in(client, scene.buyer)
    return client


@pytest.fixture
def desks(app):
    found = []
    for _ in range(2):
        desk = app.test_client()
        sign_in(desk, make_staff("verifier"))
        found.append(desk)
    return found


@pytest.fixture
def asked(asker, scene, laser):
    answer = asker.post(
        f"/rule-reviews/ask?listing={laser.id}&procedure=ABLATIVE&place=TX",
        data={"operator": str(scene.practitioner.id), "question": "It is medicine, and she is a physician."},
    )
    assert answer.status_code == 303
    return answer.headers["Location"].rsplit("/", 1)[-1]


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def proposal(scene, now, **changes):
    return {
        "licence": str(scene.prescriber.id),
        "grounds": "A physician practises medicine.",
        "ref": "Tex. Occ. Code 157.001",
        "url": "",
        "text_version": "read today",
        "evidence": "P",
        "valid_from": (now.date() - timedelta(days=1)).isoformat(),
        "valid_to": (now.date() + timedelta(days=30)).isoformat(),
        **changes,
    }


class TestAsking:
    def test_begins_at_the_verdict_of_a_device(self, asker, laser):
        page = asker.get(f"/devices/{laser.id}")

        assert f"/rule-reviews/ask?listing={laser.id}&amp;procedure=ABLATIVE&amp;place=TX" in page.text

    def test_says_what_can_come_of_it(self, asker, laser):
        text = text_of(asker.get(f"/rule-reviews/ask?listing={laser.id}&procedure=ABLATIVE&place=TX"))

        assert "No rule that we have read says who may do ablative resurfacing in Texas." in text
        assert "for one purchase. Nobody else, and nothing else." in text

    def test_is_kept_and_listed(self, asker, asked, scene):
        text = text_of(asker.get(f"/rule-reviews/{asked}"))

        assert "Ablative resurfacing in Texas" in text
        assert "waits for our staff" in text
        assert asked in asker.get("/rule-reviews").text

    def test_without_words_is_asked_again(self, asker, laser, scene):
        answer = asker.post(
            f"/rule-reviews/ask?listing={laser.id}&procedure=ABLATIVE",
            data={"operator": str(scene.practitioner.id), "question": ""},
        )

        assert answer.status_code == 422
        assert "Say why you believe it is lawful there." in answer.text

    @pytest.mark.parametrize("query", ["", "?procedure=ABLATIVE", "?listing={listing}", "?listing={listing}&procedure=X",
                                       "?listing={listing}&procedure=ABLATIVE&place=NV"])  # fmt: skip
    def test_is_about_a_device_a_procedure_and_a_site(self, asker, laser, query):
        assert asker.get(f"/rule-reviews/ask{query.format(listing=laser.id)}").status_code == 404

    def test_where_a_rule_speaks_is_refused(self, asker, scene):
        answer = asker.post(
            f"/rule-reviews/ask?listing={scene.listing.id}&procedure=HAIR_NONABLATIVE",
            data={"operator": str(scene.practitioner.id), "question": "Please."},
        )

        assert answer.status_code == 409
        assert reviews.queue(waiting=True) == []

    def test_is_taken_back(self, asker, asked):
        assert "taken back" in text_of(asker.post(f"/rule-reviews/{asked}/withdraw", follow_redirects=True))

    def test_is_nobody_elses(self, app, asked, scene):
        other = app.test_client()
        sign_in(other, make_user())

        assert other.get(f"/rule-reviews/{asked}").status_code == 404
        assert other.post(f"/rule-reviews/{asked}/withdraw").status_code == 404
        assert "Nothing asked yet" in other.get("/rule-reviews").text


class TestDeciding:
    def test_takes_two_desks_and_opens_the_device(self, asker, asked, desks, scene, laser, now):
        first, second = desks
        assert "Ablative resurfacing in Texas" in first.get("/staff/rule-reviews").text
        first.post(f"/staff/rule-reviews/{asked}/propose", data=proposal(scene, now))
        assert "You proposed it" in first.get(f"/staff/rule-reviews/{asked}").text
        assert first.post(f"/staff/rule-reviews/{asked}/approve").status_code == 403
        assert reviews.review(asked).state is ReviewState.PROPOSED

        assert second.post(f"/staff/rule-reviews/{asked}/approve").status_code == 409
        assert 'name="read" value="2"' in second.get(f"/staff/rule-reviews/{asked}").text
        answer = second.post(f"/staff/rule-reviews/{asked}/approve", data={"read": "2"}, follow_redirects=True)

        assert "Approved, for this purchase only." in answer.text
        assert "may go ahead" in text_of(asker.get(f"/rule-reviews/{asked}"))

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"grounds": ""}, "Say why it is lawful there."),
            ({"evidence": "S"}, "A text that was not read opens nothing."),
            ({"valid_to": "2020-01-01"}, "It holds for up to 90 days from its first."),
            ({"valid_from": "soon"}, "Not a valid date value."),
        ],
    )
    def test_a_proposal_that_lacks_something_says_what(self, desks, asked, scene, now, change, sentence):
        answer = desks[0].post(f"/staff/rule-reviews/{asked}/propose", data=proposal(scene, now, **change))

        assert answer.status_code == 422
        assert sentence in answer.text
        assert reviews.review(asked).state is ReviewState.ASKED

    def test_who_is_no_physician_can_only_be_refused(self, asker, desks, laser, scene):
        answer = asker.post(
            f"/rule-reviews/ask?listing={laser.id}&procedure=ABLATIVE",
            data={"operator": str(scene.buyer.id), "question": "Please."},
        )
        review = answer.headers["Location"].rsplit("/", 1)[-1]

        page = desks[0].get(f"/staff/rule-reviews/{review}")

        assert "so this can only be refused" in page.text

    def test_each_other_answer_has_its_words(self, asker, asked, desks, scene, now):
        first, second = desks
        path = f"/staff/rule-reviews/{asked}"
        assert first.post(f"{path}/refuse", data={"refuse-words": ""}).status_code == 422
        first.post(f"{path}/propose", data=proposal(scene, now))
        second.post(f"{path}/send_back", data={"send_back-words": "Which section?"})
        assert reviews.review(asked).state is ReviewState.ASKED
        first.post(f"{path}/propose", data=proposal(scene, now))
        second.post(f"{path}/approve", data={"read": "4"})
        assert "End it now" in second.get(path).text
        second.post(f"{path}/end", data={"end-words": "The board wrote to us."})
        assert reviews.review(asked).state is ReviewState.ENDED
        assert "The board wrote to us." in asker.get(f"/rule-reviews/{asked}").text
        assert "There is nothing for you to decide." in second.get(path).text

    def test_a_question_is_refused(self, asked, desks):
        answer = desks[0].post(
            f"/staff/rule-reviews/{asked}/refuse", data={"refuse-words": "No text says so."}, follow_redirects=True
        )

        assert "Refused." in answer.text
        assert reviews.review(asked).state is ReviewState.REFUSED

    def test_others_of_the_staff_read_only(self, app, asked, scene, now):
        desk = app.test_client()
        sign_in(desk, make_staff("moderator"))

        assert "There is nothing for you to decide." in desk.get(f"/staff/rule-reviews/{asked}").text
        assert desk.post(f"/staff/rule-reviews/{asked}/propose", data=proposal(scene, now)).status_code == 403
        assert desk.get(f"/staff/rule-reviews/{uuid4()}").status_code == 404

    def test_members_see_no_desk(self, asker, asked):
        assert asker.get("/staff/rule-reviews").status_code == 403

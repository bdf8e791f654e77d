"""From the desk: ask outside, follow the questions on the case, and rest on an answer."""

import pytest
from sqlalchemy import select

from marketplace.credentials.models import CheckMethod, ConfirmationRequest, CredentialCheck
from marketplace.credentials.policy import AddressFrom, Asked
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.links.models import SignedLink
from marketplace.links.service import Said
from marketplace.links.states import Answer, LinkState
from tests.factories.accounts import make_staff, make_user
from tests.factories.credentials import make_credential
from tests.factories.links import BOARD, ask, ask_and_answer, the_link
from tests.pages import press, text, token
from tests.support import count_statements, sign_in

WHOM = {
    "asked": "issuer",
    "office": "Board of Lasers",
    "email": "clerk@board.example",
    "found": "own_page",
    "source": "https://board.example/contact",
}


@pytest.fixture
def vera(client):
    vera = make_staff(name="Vera Lind")
    sign_in(client, vera)
    return vera


@pytest.fixture
def taken(vera):
    return make_credential(holder=make_user(name="Dana Reyes"), state="in_review", verifier=vera, number="LHR-10442")


def address(credential, *path) -> str:
    return "/".join(["/staff/credentials", str(credential.id), *map(str, path)])


class TestAsk:
    def test_from_the_question_to_the_look(self, client, taken, vera, now):
        page = text(client.get(address(taken)))
        assert "Nobody outside has been asked." in page
        new = address(taken, "questions", "new")
        assert f'href="{new}"' in page

        page = text(client.get(new))
        answer = client.post(new, data={"csrf_token": token(page), **WHOM})
        assert (answer.status_code, answer.location) == (303, address(taken))
        (request,) = db.session.scalars(select(ConfirmationRequest))
        assert (request.asked, request.address_from) == (Asked.ISSUER, AddressFrom.OWN_PAGE)
        page = text(client.get(address(taken)))
        for shown in ("Issuer: Board of Lasers", "waits for an answer", "https://board.example/contact", "not opened"):
            assert shown in page

        link_id = ask_and_answer(taken, vera.id, at=clock.now())
        page = text(client.get(address(taken)))
        for shown in ("confirms it", "Carla Munoz, licensing clerk", "In force.", "Answer, SHA-256:"):
            assert shown in page
        answer = press(client, page, address(taken, "questions", link_id, "cite"))
        assert (answer.status_code, answer.location) == (303, address(taken))
        (check,) = db.session.scalars(select(CredentialCheck))
        assert (check.method, check.link_id, check.verifier_id) == (CheckMethod.ISSUER_LINK, link_id, vera.id)
        assert "Answer through a link that we mailed" in text(client.get(address(taken)))

    @pytest.mark.parametrize("missing", WHOM)
    def test_says_what_is_missing_and_sends_nothing(self, client, taken, missing):
        answer = client.post(address(taken, "questions", "new"), data={**WHOM, missing: ""})
        assert answer.status_code == 422
        assert db.session.scalars(select(SignedLink)).all() == []

    def test_what_will_not_do_stands_beside_its_field(self, client, taken):
        answer = client.post(address(taken, "questions", "new"), data={**WHOM, "email": "clerk"})
        assert answer.status_code == 422
        assert "email-error" in text(answer)

    def test_sends_again_and_takes_back(self, client, taken, vera, now):
        link_id, _ = ask(taken, vera.id, at=now)
        page = text(client.get(address(taken)))
        assert press(client, page, address(taken, "questions", link_id, "again")).status_code == 303
        assert the_link(link_id).state is LinkState.REPLACED
        newer = db.session.scalars(select(SignedLink.id).where(SignedLink.state == LinkState.WAITING)).one()
        page = text(client.get(address(taken)))
        assert "replaced by a newer one" in page
        assert press(client, page, address(taken, "questions", newer, "withdraw")).status_code == 303
        assert the_link(newer).state is LinkState.WITHDRAWN

    def test_warns_of_an_address_that_the_applicant_gave(self, client, taken, vera, now):
        from dataclasses import replace

        whom = replace(BOARD, found=AddressFrom.APPLICANT, source="On the certificate.")
        link_id = ask_and_answer(taken, vera.id, at=now, whom=whom)
        page = text(client.get(address(taken)))
        assert "the applicant gave the address" in page
        cite = address(taken, "questions", link_id, "cite")
        assert f'action="{cite}"' not in page
        answer = client.post(cite)
        assert answer.status_code == 403
        assert db.session.scalars(select(CredentialCheck)).all() == []

    @pytest.mark.parametrize(
        ("answer", "words"), [(Answer.NOT_CONFIRMED, "does not confirm it"), (Answer.CANNOT_SAY, "cannot say")]
    )
    def test_words_every_answer(self, client, taken, vera, now, answer, words):
        ask_and_answer(taken, vera.id, at=now, said=Said(answer, "Carla Munoz", "clerk"))
        assert words in text(client.get(address(taken)))

    def test_a_look_by_hand_cannot_pretend_to_be_an_answer(self, client, taken, now):
        page = text(client.get(address(taken)))
        assert 'value="issuer_link"' not in page
        data = {
            "check-outcome": "confirmed", "check-source_name": "Board", "check-method": "issuer_link",
            "check-retrieved_at": now.strftime("%Y-%m-%dT%H:%M"), "check-note": "Said yes.",
        }  # fmt: skip
        assert client.post(address(taken, "check"), data=data).status_code == 422
        assert db.session.scalars(select(CredentialCheck)).all() == []

    def test_the_case_takes_as_many_statements_for_many_questions_as_for_one(self, client, taken, vera, now):
        from dataclasses import replace

        counts = []
        for name in ("a", "b", "c"):
            ask(taken, vera.id, at=now, whom=replace(BOARD, email=f"{name}@board.example"))
            with count_statements() as sent:
                assert client.get(address(taken)).status_code == 200
            counts.append(len(sent))
        assert len(set(counts)) == 1


class TestDoors:
    def paths(self, credential, link_id):
        return [address(credential, "questions", "new")] + [
            address(credential, "questions", link_id, act) for act in ("again", "withdraw", "cite")
        ]

    @pytest.mark.parametrize("role", ["moderator", "auditor", "admin", "finance"])
    def test_other_staff_ask_nobody(self, app, taken, vera, now, role):
        link_id, _ = ask(taken, vera.id, at=now)
        other = app.test_client()
        sign_in(other, make_staff(role))
        for path in self.paths(taken, link_id):
            assert other.post(path, data=WHOM).status_code == 403
        assert the_link(link_id).state is LinkState.WAITING

    def test_the_holder_learns_nothing(self, app, taken, vera, now):
        link_id, _ = ask(taken, vera.id, at=now)
        holder = app.test_client()
        sign_in(holder, db.session.get_one(type(vera), taken.holder_id))
        for path in self.paths(taken, link_id):
            assert holder.post(path, data=WHOM).status_code == 403
        assert "Board of Lasers" not in text(holder.get(f"/credentials/{taken.id}"))

    def test_a_verifier_who_has_not_taken_the_case_asks_nobody(self, app, taken, vera, now):
        link_id = ask_and_answer(taken, vera.id, at=now)
        other = app.test_client()
        sign_in(other, make_staff())
        for path in self.paths(taken, link_id):
            assert other.post(path, data=WHOM).status_code == 403
        assert "Ask the issuer, employer or medical director" not in text(other.get(address(taken)))
        assert db.session.scalars(select(CredentialCheck)).all() == []

    def test_nobody_is_sent_to_sign_in(self, app, taken, vera, now):
        link_id, _ = ask(taken, vera.id, at=now)
        for path in self.paths(taken, link_id):
            assert app.test_client().post(path, data=WHOM).status_code == 303
        assert the_link(link_id).state is LinkState.WAITING

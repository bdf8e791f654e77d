"""The verification desk: the verifier who has the case, the one who has not, other staff, and everybody else."""

import csv
import re
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace import audit
from marketplace.credentials import service
from marketplace.credentials.drawing import Lots
from marketplace.credentials.findings import PersonNpi
from marketplace.credentials.models import ApprovalAudit, Credential
from marketplace.credentials.policy import Claim
from marketplace.credentials.states import CredentialState
from marketplace.documents import contents, isolation
from marketplace.extensions import db
from marketplace.orders.placing import NotCleared
from marketplace.registers.sources import sources
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.clinics import make_member, make_site
from tests.factories.credentials import make_check, make_credential, make_signal, make_type
from tests.factories.documents import pdf, picture
from tests.factories.links import ask_and_answer
from tests.factories.orders import make_scene, place
from tests.factories.registers import make_snapshot
from tests.support import count_statements, sign_in

_S = CredentialState


@pytest.fixture(autouse=True)
def files_are_opened_here(monkeypatch):
    monkeypatch.setattr(isolation, "cleaned", contents.cleaned)
    monkeypatch.setattr(isolation, "page_picture", contents.page_picture)


@pytest.fixture
def victor(client):
    victor = make_staff(name="Victor Stone")
    sign_in(client, victor)
    return victor


@pytest.fixture
def taken(victor):
    """A case that Victor has taken."""
    return make_credential(holder=make_user(name="Dana Reyes"), state="in_review", verifier=victor, number="LHR-10442")


def page(answer) -> str:
    return answer.get_data(as_text=True)


def address(credential, *path) -> str:
    return "/".join(["/staff/credentials", str(credential.id), *map(str, path)])


def seen(now, **changes):
    given = {
        "check-name": "REYES, DANA M",
        "check-number": "10442",
        "check-outcome": "confirmed",
        "check-source_name": "TDLR licence search",
        "check-source_url": "https://www.tdlr.texas.gov/LicenseSearch/",
        "check-method": "portal",
        "check-retrieved_at": now.strftime("%Y-%m-%dT%H:%M"),
        "check-note": "Active.",
    }
    return {**given, **changes}


def state(credential) -> CredentialState:
    db.session.refresh(credential)
    return credential.state


class TestStatements:
    """What a case asks of the database: a verifier waits for each."""

    def sent(self, client, case):
        path = address(case)
        db.session.expunge_all()  # What is remembered here must not spare the page a look.
        with count_statements() as sent:
            assert client.get(path).status_code == 200
        return sent

    def test_an_ordinary_case_takes_eighteen(self, client, taken):
        assert len(self.sent(client, taken)) == 18

    def test_a_case_with_doubts_about_others_takes_one_more_however_many(self, client, taken, victor, now):
        for number in range(3):
            other = make_credential(holder=make_user(name=f"Ann {number}"), number=f"LHR-9{number}")
            make_signal(taken, kind="number_elsewhere", cause="It is on two accounts.", other_id=other.id)
            assert len(self.sent(client, taken)) == 19

    def test_the_case_of_a_site_takes_these(self, client, victor, now):
        """A look at the source, a question that was answered, and its site."""
        case = make_credential(
            site=make_site(), type_code="US-TX:TDLR:LHR_FACILITY", state="in_review", verifier=victor
        )
        make_check(case, verifier=victor, retrieved_at=now)
        ask_and_answer(case, victor.id, at=now)
        assert len(self.sent(client, case)) == 21

    def test_a_case_that_is_decided_takes_fewer(self, client, victor):
        decided = make_credential(verifier=victor)
        # Nothing waits: neither what it would renew, nor the names, signals and answers of a queue.
        assert len(self.sent(client, decided)) == 16


class TestQueue:
    def test_says_when_nobody_waits(self, client, victor):
        assert "All done" in page(client.get("/staff/credentials"))

    @pytest.fixture
    def waiting(self, victor, now):
        """One late case, one that a colleague has, one just handed in, one with a signal and one for second eyes."""
        late = make_credential(holder=make_user(name="Late Lana"), state="submitted", at=now - timedelta(days=9))
        make_credential(holder=make_user(name="Now Nick"), state="submitted", at=now)
        make_credential(holder=make_user(name="Hers Hana"), state="in_review", verifier=make_staff(name="Vera Sun"))
        make_credential(
            holder=make_user(name="Two Tess"), type_code="RN", state="awaiting_second", at=now - timedelta(days=8)
        )
        make_signal(late, kind="number_form", cause="It is not written so.")

    def test_has_the_longest_waiting_first_with_what_there_is_to_say(self, client, waiting):
        shown = page(client.get("/staff/credentials"))
        assert shown.index("Late Lana") < shown.index("Two Tess") < shown.index("Hers Hana") < shown.index("Now Nick")
        for words in ("late", "in time", "under an hour", "Vera Sun has it", "4 waiting", "needs second eyes"):
            assert words in shown
        assert "number not in the state’s form" in shown

    def test_marks_answers_and_lets_free_cases_be_claimed_where_they_stand(self, client, waiting, victor, now):
        answered = make_credential(holder=make_user(name="Ann Swer"), state="in_review", verifier=victor)
        ask_and_answer(answered, victor.id, at=now)

        shown = page(client.get("/staff/credentials?show=answered"))

        assert "Ann Swer" in shown
        assert "Late Lana" not in shown
        assert "the issuer answered" in shown
        assert "· answered" in page(client.get(address(answered)))
        free = page(client.get("/staff/credentials?show=free"))
        assert free.count("/claim") == free.count("the case of ") == 3
        assert "/claim" not in page(client.get("/staff/credentials?show=mine"))

    def test_who_only_reads_claims_nothing(self, app, waiting):
        auditor = app.test_client()
        sign_in(auditor, make_staff("auditor"))

        assert "/claim" not in page(auditor.get("/staff/credentials?show=free"))

    @pytest.mark.parametrize(
        ("show", "names"),
        [
            ("free", ["Late Lana", "Two Tess", "Now Nick"]),
            ("mine", []),
            ("late", ["Late Lana", "Two Tess"]),
            ("signals", ["Late Lana"]),
            ("second", ["Two Tess"]),
            ("nonsense", ["Late Lana", "Two Tess", "Hers Hana", "Now Nick"]),
        ],
    )
    def test_shows_the_part_that_is_asked_for(self, client, waiting, show, names):
        shown = page(client.get(f"/staff/credentials?show={show}"))
        everybody = ("Late Lana", "Two Tess", "Hers Hana", "Now Nick")
        assert [name for name in everybody if name in shown] == names

    def test_a_case_that_was_drawn_for_a_colleague_says_so_and_is_not_taken(self, client, victor, app, monkeypatch):
        monkeypatch.setitem(app.extensions["second_light_ports"], Lots, Lots(drawn=True))
        vera = make_staff(name="Vera Lind")
        hers, his = (make_credential(state="submitted", drawn_for=one.id) for one in (vera, victor))
        sign_in(client, victor)

        assert "It was drawn for Vera Lind: nobody chooses whom they verify." in page(client.get(address(hers)))
        assert client.post(address(hers, "claim")).status_code == 403
        listed = page(client.get("/staff/credentials?show=free"))
        assert listed.count("drawn for you") == listed.count("/claim") == 1
        assert client.post("/staff/credentials/next").location == address(his)

    def test_gives_out_the_next_case(self, client, waiting, victor):
        answer = client.post("/staff/credentials/next")
        taken = db.session.scalars(select(Credential).where(Credential.claimed_by == victor.id)).one()
        assert (answer.status_code, answer.location) == (303, address(taken))
        assert db.session.get(type(victor), taken.holder_id).name == "Late Lana"

    def test_has_no_next_case_of_ones_own_people(self, client, victor):
        site = make_site()
        make_member(clinic=site.clinic, user=victor)
        own = make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted")
        answer = client.post("/staff/credentials/next")
        assert (answer.status_code, answer.location) == (303, "/staff/credentials")
        assert state(own) is _S.SUBMITTED

    @pytest.mark.parametrize("role", ["moderator", "auditor", "admin"])
    def test_can_be_read_by_other_staff(self, client, role):
        sign_in(client, make_staff(role))
        assert client.get("/staff/credentials").status_code == 200

    def test_is_closed_to_finance_members_and_visitors(self, app, client):
        assert client.get("/staff/credentials").status_code == 303
        for person in (make_staff("finance"), make_user()):
            other = app.test_client()
            sign_in(other, person)
            assert other.get("/staff/credentials").status_code == 403


class TestCase:
    def test_offers_to_take_it_and_shows_no_document(self, client, victor):
        credential = make_credential(state="submitted")
        shown = page(client.get(address(credential)))
        assert "Take the case" in shown
        assert "/documents/" not in shown
        assert "Yes, verify it" not in shown

    def test_shows_claim_source_and_decision_to_who_has_it(self, client, taken):
        shown = page(client.get(address(taken)))
        for words in (
            "LHR-10442",
            "Dana Reyes",
            "Look it up at its source",
            "Yes, verify it",
            "Yes, reject it",
            "Send the question",
        ):
            assert words in shown
        assert 'value="Texas Department of Licensing and Regulation"' in shown

    def test_says_who_has_it(self, client, victor):
        credential = make_credential(state="in_review", verifier=make_staff(name="Vera Sun"))
        shown = page(client.get(address(credential)))
        assert "Vera Sun has this case." in shown
        assert "Yes, verify it" not in shown

    @pytest.mark.parametrize(
        ("state", "offered", "hidden"),
        [
            ("verified", ("Yes, suspend it", "Yes, revoke it", "newer look"), ("Lift the suspension",)),
            ("suspended", ("Lift the suspension", "Yes, revoke it"), ("Yes, suspend it",)),
            ("revoked", ("documents with it",), ("Yes, revoke it", "Record the look")),
            ("rejected", ("documents with it",), ("Yes, revoke it", "Record the look")),
        ],
    )
    def test_offers_what_its_state_allows(self, client, victor, state, offered, hidden):
        shown = page(client.get(address(make_credential(state=state))))
        assert [words for words in offered if words not in shown] == []
        assert [words for words in hidden if words in shown] == []

    def test_shows_the_looks_the_signals_and_what_it_renews(self, client, victor, taken, now):
        make_check(taken, verifier=victor, retrieved_at=now, matched={"name": "REYES, DANA M"}, note="<b>Active</b>")
        earlier = make_credential(
            holder=db.session.get(type(victor), taken.holder_id), number="LHR-10442", at=now - timedelta(days=700)
        )
        other = make_credential(holder=make_user(name="Mallory Stone"), number="LHR 10442", state="submitted")
        make_signal(taken, kind="number_elsewhere", cause="Two accounts claim this number.", other_id=other.id)

        shown = page(client.get(address(taken)))

        assert "REYES, DANA M" in shown
        assert "&lt;b&gt;Active&lt;/b&gt;" in shown
        assert "Mallory Stone" in shown
        assert address(earlier) in shown

    def test_is_not_there_for_the_holders_colleague_nor_under_an_unknown_id(self, client, victor):
        site = make_site()
        make_member(clinic=site.clinic, user=victor)
        own = make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted")
        assert client.get(address(own)).status_code == 404
        assert client.get(f"/staff/credentials/{uuid4()}").status_code == 404

    def test_other_staff_only_look(self, client, taken, app):
        other = app.test_client()
        sign_in(other, make_staff("auditor"))
        shown = page(other.get(address(taken)))
        assert "Yes, verify it" not in shown
        assert "Record the look" not in shown
        for path in (
            "claim",
            "verify",
            "release",
            "check",
            "reject",
            "ask",
            "suspend",
            "revoke",
            "reinstate",
            "reconfirm",
        ):
            assert other.post(address(taken, path)).status_code == 403
        assert state(taken) is _S.IN_REVIEW


class TestNpi:
    NPI = "1234567893"

    @pytest.fixture
    def licence(self, victor, now):
        doctor = make_user(name="Amir Khan")
        kept(PersonNpi(user_id=doctor.id, npi=self.NPI, stated_at=now))
        return make_credential(type_code="MD_DO", holder=doctor, state="in_review", verifier=victor, number="K1234")

    def test_stands_beside_the_case_as_a_match_that_nobody_can_accept(self, client, licence):
        make_snapshot(
            "US:NPPES",
            {"npi": self.NPI, "number": self.NPI, "family_name": "KHAN", "given_name": "AMIR", "status": "A",
             "license_type": "Dermatology, licence K1234 of TX", "state": "TX"},
        )  # fmt: skip

        shown = page(client.get(address(licence)))

        assert "Stated NPI" in shown
        assert "Strong, 92 of 100" in shown
        assert "Dermatology, licence K1234 of TX" in shown
        assert "Record: it confirms" not in shown
        asked = re.search(
            r'href="https://([^/"]+)/api/\?version=2\.1&amp;number=1234567893"', client.get(address(licence)).text
        )
        assert asked is not None
        assert sources()["US:NPPES"].address.startswith(asked[1])

    def test_that_is_not_there_is_told_in_all_it_may_mean(self, client, licence):
        assert "No answers of NPPES are loaded, so nobody knows whose it is." in page(client.get(address(licence)))
        make_snapshot("US:NPPES:WEEKLY")
        assert "and the full one is not loaded, so that means nothing." in page(client.get(address(licence)))
        make_snapshot("US:NPPES:FULL")
        assert "It was never given to anybody, or was given since." in page(client.get(address(licence)))

    def test_is_nowhere_on_other_cases(self, client, taken):
        assert "Stated NPI" not in page(client.get(address(taken)))


class TestClaimAndRelease:
    def test_takes_and_puts_back(self, client, victor):
        credential = make_credential(state="submitted")
        answer = client.post(address(credential, "claim"))
        assert (answer.status_code, answer.location) == (303, address(credential))
        assert state(credential) is _S.IN_REVIEW
        assert client.post(address(credential, "release")).status_code == 303
        assert state(credential) is _S.SUBMITTED

    def test_tells_the_second_one(self, client, victor):
        answer = client.post(address(make_credential(state="in_review"), "claim"))
        assert answer.status_code == 409
        assert "A colleague is looking at this one." in page(answer)

    def test_refuses_ones_own(self, client, victor):
        own = make_credential(holder=victor, state="submitted")
        assert client.post(address(own, "claim")).status_code == 403
        assert state(own) is _S.SUBMITTED


class TestCheck:
    def test_keeps_the_look(self, client, taken, now):
        shot = (BytesIO(picture()), "portal.png")
        answer = client.post(address(taken, "check"), data=seen(now, **{"check-screenshot": shot}))
        assert (answer.status_code, answer.location) == (303, address(taken))
        shown = page(client.get(address(taken)))
        assert "REYES, DANA M" in shown
        assert "portal.png" in shown

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"check-outcome": ""}, "Say what the source answered."),
            (
                {"check-note": "", "check-name": "", "check-number": ""},
                "Show what was seen: what agrees, a screenshot, or a note.",
            ),
            ({"check-source_name": ""}, "Name the source that was looked at."),
            ({"check-retrieved_at": "yesterday"}, "Not a valid datetime value."),
            ({"check-screenshot": (BytesIO(b"x"), "x.exe")}, "“x.exe” is not a PDF, JPEG or PNG file."),
        ],
    )
    def test_says_what_is_wrong_and_keeps_what_was_typed(self, client, taken, now, changes, sentence):
        answer = client.post(address(taken, "check"), data=seen(now, **changes))
        assert answer.status_code == 422
        assert sentence in page(answer)
        assert ('value="REYES, DANA M"' in page(answer)) is ("check-name" not in changes)
        db.session.refresh(taken)
        assert taken.checks == []


class TestVerify:
    def test_says_yes_on_a_look(self, client, taken, victor, now):
        client.post(address(taken, "check"), data=seen(now))
        answer = client.post(address(taken, "verify"))
        assert (answer.status_code, answer.location) == (303, "/staff/credentials")
        assert state(taken) is _S.VERIFIED

    def test_refuses_without_one(self, client, taken):
        answer = client.post(address(taken, "verify"))
        assert answer.status_code == 409
        assert "Look at the primary source" in page(answer)
        assert state(taken) is _S.IN_REVIEW


class TestConfirm:
    def test_records_the_look_and_says_yes_in_one_step(self, client, taken, now):
        ticked = {"check-same": ["name", "number"], "check-outcome": "confirmed", "check-note": "", "check-name": ""}
        answer = client.post(address(taken, "confirm"), data=seen(now, **{**ticked, "check-number": ""}))
        assert (answer.status_code, answer.location) == (303, "/staff/credentials")
        assert state(taken) is _S.VERIFIED
        [check] = taken.checks
        assert (check.matched, check.score) == ({"name": "Dana Reyes", "number": "LHR-10442"}, 100)
        assert "Verified. The person has been told." in page(client.get("/staff/credentials"))

    def test_does_not_say_yes_on_a_look_that_says_something_else(self, client, taken, now):
        answer = client.post(address(taken, "confirm"), data=seen(now, **{"check-outcome": ["differs", "confirmed"]}))
        assert answer.status_code == 409
        assert state(taken) is _S.IN_REVIEW

    def test_keeps_what_was_typed_where_something_is_missing(self, client, taken, now):
        answer = client.post(address(taken, "confirm"), data=seen(now, **{"check-source_name": ""}))
        assert answer.status_code == 422
        assert 'value="REYES, DANA M"' in page(answer)

    def test_of_what_takes_two_waits_for_the_second(self, client, victor, now):
        nurse = make_credential(holder=make_user(name="Dana Reyes"), type_code="RN", state="in_review", verifier=victor)
        assert "which two verifiers confirm" in page(client.get(address(nurse)))
        client.post(address(nurse, "confirm"), data=seen(now))
        assert state(nurse) is _S.AWAITING_SECOND
        assert "It waits for a second verifier." in page(client.get("/staff/credentials"))
        shown = page(client.get(address(nurse)))
        assert "You have given the first yes to this one." in shown
        assert "Take the case" not in shown
        assert client.post(address(nurse, "claim")).status_code == 403


class TestNextCase:
    """Whatever was decided, the next case is open: the longest waiting that one may take, or has taken."""

    @pytest.fixture
    def others(self, now):
        return [
            make_credential(holder=make_user(name=name), state="submitted", at=now - timedelta(days=days))
            for name, days in (("Late Lana", 3), ("New Nick", 2))
        ]

    @pytest.mark.parametrize("way", ["verify", "confirm", "reject", "ask"])
    def test_is_taken_after_every_decision(self, client, taken, others, victor, now, way):
        sent = {
            "verify": {},
            "confirm": seen(now),
            "reject": {"reject-because": "altered", "reject-words": "It was painted over."},
            "ask": {"ask-because": "page_missing", "ask-words": "Where is page two?"},
        }
        if way == "verify":
            client.post(address(taken, "check"), data=seen(now))

        answer = client.post(address(taken, way), data=sent[way])

        assert (answer.status_code, answer.location) == (303, address(others[0]))
        assert state(taken) is not _S.IN_REVIEW
        assert (state(others[0]), others[0].claimed_by) == (_S.IN_REVIEW, victor.id)
        assert state(others[1]) is _S.SUBMITTED
        assert "This is the next case." in page(client.get(answer.location))

    def test_is_one_that_the_verifier_has_already(self, client, taken, others, victor, now):
        mine = make_credential(state="in_review", verifier=victor, at=now - timedelta(days=5))

        assert client.post(address(taken, "confirm"), data=seen(now)).location == address(mine)
        assert [state(other) for other in others] == [_S.SUBMITTED, _S.SUBMITTED]

    def test_is_nobodys_whom_the_verifier_works_with(self, client, taken, others, victor, now):
        site = make_site()
        make_member(clinic=site.clinic, user=victor)
        at = now - timedelta(days=9)
        near = make_credential(site=site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted", at=at)

        assert client.post(address(taken, "confirm"), data=seen(now)).location == address(others[0])
        assert state(near) is _S.SUBMITTED

    def test_is_the_queue_where_nothing_waits(self, client, taken, now):
        answer = client.post(address(taken, "confirm"), data=seen(now))

        assert answer.location == "/staff/credentials"
        assert "Nothing else waits for you." in page(client.get(answer.location))


class TestSignals:
    def test_are_resolved_in_words(self, client, victor, taken):
        signal = make_signal(taken, cause="It is not written so.")
        assert "It is not written so." in page(client.get(address(taken)))
        path, field = address(taken, "signals", signal.id), f"signal-{signal.id}-words"
        assert client.post(path, data={field: ""}).status_code == 422
        assert signal.resolved_at is None
        assert client.post(path, data={field: "An old number."}).status_code == 303
        assert signal.resolved_by == victor.id
        assert "An old number." in page(client.get(address(taken)))


class TestReAudit:
    @pytest.fixture
    def chosen(self, victor, now):
        credential = make_credential(at=now - timedelta(days=3))
        db.session.add(
            ApprovalAudit(
                credential_id=credential.id, check_id=credential.deciding_check_id, verified_by=credential.verified_by,
                chosen_at=now - timedelta(days=1),
            )
        )  # fmt: skip
        db.session.commit()
        return db.session.scalars(select(ApprovalAudit)).one()

    def path(self, audit, act):
        return f"/staff/credentials/{audit.credential_id}/audits/{audit.id}/{act}"

    def test_is_offered_to_others_and_upheld_on_a_look(self, client, chosen, now):
        assert "To look at again" in page(client.get("/staff/credentials"))
        case = f"/staff/credentials/{chosen.credential_id}"
        assert "Upheld: my look confirms it" in page(client.get(case))
        assert client.post(self.path(chosen, "uphold")).status_code == 409
        client.post(f"{case}/check", data=seen(now))
        assert client.post(self.path(chosen, "uphold")).status_code == 303
        assert chosen.outcome == "upheld"
        assert "To look at again" not in page(client.get("/staff/credentials"))

    def test_that_fails_suspends_with_words_only(self, client, chosen):
        credential = db.session.get(Credential, chosen.credential_id)
        assert client.post(self.path(chosen, "fail"), data={"fail-words": ""}).status_code == 422
        assert state(credential) is _S.VERIFIED
        assert client.post(self.path(chosen, "fail"), data={"fail-words": "It lapsed."}).status_code == 303
        assert (state(credential), chosen.words) == (_S.SUSPENDED, "It lapsed.")

    def test_tells_who_approved_it_that_a_colleague_looks(self, client, app, chosen):
        approver = app.test_client()
        sign_in(approver, db.session.get(type(make_user()), chosen.verified_by))
        shown = page(approver.get(f"/staff/credentials/{chosen.credential_id}"))
        assert "You approved this one: a colleague looks at it again." in shown
        assert approver.post(self.path(chosen, "fail"), data={"fail-words": "Oh."}).status_code == 403


class TestStaleClaim:
    def test_is_offered_for_taking_over(self, client, victor, now):
        hers = make_credential(
            state="in_review", verifier=make_staff(name="Vera Sun"), claimed_at=now - timedelta(hours=2)
        )
        assert "Take it over" in page(client.get(address(hers)))
        assert "Vera Sun has it, for too long" in page(client.get("/staff/credentials"))
        assert client.post(address(hers, "claim")).status_code == 303
        db.session.refresh(hers)
        assert hers.claimed_by == victor.id


class TestFigures:
    def test_are_shown_and_given_as_a_table(self, client, victor, now):
        make_credential(at=now - timedelta(hours=5))
        make_credential(state="rejected", at=now - timedelta(hours=5))
        make_credential(state="submitted", at=now - timedelta(days=9))
        shown = page(client.get("/staff/credentials/figures"))
        for words in ("1 waiting, 1 of them late", "2, 100 %", "NCQA", 'class="bar-verified"', 'class="bar-rejected"'):
            assert words in shown
        answer = client.get("/staff/credentials/figures.csv")
        assert answer.mimetype == "text/csv"
        rows = list(csv.reader(page(answer).lstrip("\ufeff").splitlines()))
        assert rows[0] == ["figure", "of", "number"]
        assert ["late", "waiting", "1"] in rows
        assert ["decided", "last 30 days", "2"] in rows
        assert ["purchases refused", "last 90 days", "0"] in rows

    def test_say_in_words_why_the_gate_refused(self, client, victor, now):
        scene = make_scene(now)
        service.suspend(credential_id=scene.licence.id, actor_id=make_staff().id, words="Lapsed.", at=now)
        with pytest.raises(NotCleared):
            place(scene, at=now)
        shown = page(client.get("/staff/credentials/figures"))
        assert "The credential is suspended" in shown
        assert ["refused because", "SUSPENDED", "1"] in list(
            csv.reader(page(client.get("/staff/credentials/figures.csv")).splitlines())
        )

    def test_of_an_empty_desk_promise_nothing(self, client, victor):
        shown = page(client.get("/staff/credentials/figures"))
        assert "0 waiting, 0 of them late" in shown
        assert "None in the last 30 days." in shown

    def test_are_closed_to_members(self, app):
        member = app.test_client()
        sign_in(member, make_user())
        assert member.get("/staff/credentials/figures").status_code == 403
        assert member.get("/staff/credentials/figures.csv").status_code == 403


class TestReject:
    def test_says_no(self, client, taken):
        answer = client.post(
            address(taken, "reject"), data={"reject-because": "altered", "reject-words": "The date was painted over."}
        )
        assert answer.status_code == 303
        assert state(taken) is _S.REJECTED
        assert taken.reason == "The document was altered. The date was painted over."

    @pytest.mark.parametrize(
        "sent", [{}, {"reject-because": "altered"}, {"reject-because": "altered", "reject-words": "  "}]
    )
    def test_needs_reason_and_words(self, client, taken, sent):
        answer = client.post(address(taken, "reject"), data=sent)
        assert answer.status_code == 422
        assert '<details class="decide" data-key="R" open>' in page(answer)
        assert state(taken) is _S.IN_REVIEW


class TestAsk:
    def test_asks(self, client, taken):
        assert (
            client.post(address(taken, "ask"), data={"ask-because": "scope", "ask-words": "Which level?"}).status_code
            == 303
        )
        assert state(taken) is _S.NEEDS_INFO

    def test_needs_words(self, client, taken):
        assert client.post(address(taken, "ask"), data={"ask-because": "scope", "ask-words": ""}).status_code == 422
        assert state(taken) is _S.IN_REVIEW


class TestWatch:
    @pytest.mark.parametrize(("act", "after"), [("suspend", _S.SUSPENDED), ("revoke", _S.REVOKED)])
    def test_takes_away_with_words_only(self, client, victor, act, after):
        credential = make_credential()
        assert client.post(address(credential, act), data={f"{act}-words": ""}).status_code == 422
        assert state(credential) is _S.VERIFIED
        assert client.post(address(credential, act), data={f"{act}-words": "The board's order."}).status_code == 303
        assert state(credential) is after

    @pytest.mark.parametrize(("act", "before"), [("reinstate", "suspended"), ("reconfirm", "verified")])
    def test_confirms_again_on_a_newer_look_only(self, client, victor, now, act, before):
        credential = make_credential(state=before, at=now - timedelta(days=100))
        assert client.post(address(credential, act)).status_code == 409
        client.post(address(credential, "check"), data=seen(now))
        assert client.post(address(credential, act)).status_code == 303
        assert state(credential) is _S.VERIFIED
        assert credential.verified_by == victor.id


class TestDocuments:
    @pytest.fixture
    def case(self, victor, now):
        make_type("RN")
        credential_id = service.submit(
            actor_id=make_user(name="Dana Reyes").id,
            claim=Claim("RN", "TX", "7", "Dana Reyes", expires_on=now.date()),
            files=[("scan.png", picture()), ("back.pdf", pdf(2))],
            at=now,
        )
        return db.session.get(Credential, credential_id)

    def test_stand_beside_the_claim_once_it_is_taken(self, client, case):
        client.post(address(case, "claim"))
        scan, file = [document.document_id for document in case.documents]
        shown = page(client.get(address(case)))
        assert f'<img src="{address(case, "documents", scan)}" width="60" height="40" alt="scan.png"' in shown
        assert f'<img src="{address(case, "documents", file, "pages", 2)}" alt="back.pdf, page 2 of 2"' in shown

        answers = [
            client.get(address(case, "documents", scan)),
            client.get(address(case, "documents", file)),
            client.get(address(case, "documents", file, "pages", 2)),
        ]

        assert [answer.mimetype for answer in answers] == ["image/png", "application/pdf", "image/jpeg"]
        assert {answer.headers["Content-Security-Policy"] for answer in answers} == {"sandbox; default-src 'none'"}
        views = [event for event in audit.events_about("credential", case.id) if event.kind == "document:viewed"]
        assert len(views) == 3

    def test_are_not_there_before_it_is_taken_nor_for_anybody_else(self, client, app, case):
        scan, file = [document.document_id for document in case.documents]
        paths = [("documents", scan), ("documents", file, "pages", 1)]
        assert [client.get(address(case, *path)).status_code for path in paths] == [404, 404]
        client.post(address(case, "claim"))
        assert client.get(address(case, "documents", file, "pages", 3)).status_code == 404
        for person, status in ((make_staff(), 404), (make_staff("admin"), 403), (make_user(), 403)):
            other = app.test_client()
            sign_in(other, person)
            assert [other.get(address(case, *path)).status_code for path in paths] == [status, status]

"""The gate's answer as pages show it; every cure leads to where it begins, or nowhere."""

from uuid import UUID

import pytest

from marketplace.eligibility.reasons import CureCode, Key, ReasonCode
from marketplace.eligibility.verdict import (
    Answer,
    Citation,
    Cure,
    Evidence,
    Objection,
    Restriction,
    Route,
    Verdict,
)
from marketplace.kernel.terms import ProcedureClass
from marketplace.web import gate

CLINIC, LISTING, ORDER, CREDENTIAL = (UUID(int=number) for number in (1, 2, 3, 4))
AROUND = gate.Around(clinic_id=CLINIC, listing_id=LISTING, order_id=ORDER)

LINKS = {
    CureCode.SUBMIT_CREDENTIAL: "/credentials/new/TX/MD_DO",
    CureCode.RENEW_CREDENTIAL: "/credentials",
    CureCode.ADD_TO_CREDENTIAL: "/credentials",
    CureCode.ANSWER_REVIEWER: "/credentials",
    CureCode.AWAIT_REVIEW: "/credentials",
    CureCode.AWAIT_RECHECK: "/credentials",
    CureCode.AWAIT_START: "/credentials",
    CureCode.CHOOSE_OPERATOR: f"/devices/{LISTING}/order",
    CureCode.INVITE_OPERATOR: f"/clinics/{CLINIC}",
    CureCode.INVITE_PRACTITIONER: f"/clinics/{CLINIC}",
    CureCode.INVITE_COLLEAGUE: f"/clinics/{CLINIC}",
    CureCode.CONFIRM_ORDER: f"/orders/{ORDER}",
    CureCode.SIGN_RESTRICTION: f"/devices/{LISTING}/order",
    CureCode.NARROW_USES: f"/devices/{LISTING}/order",
    CureCode.CORRECT_USES: f"/devices/{LISTING}/order",
    CureCode.REMOVE_HANDPIECE: None,
    CureCode.NAME_SAFETY_OFFICER: f"/clinics/{CLINIC}",
    CureCode.ASK_SELLER: None,
    CureCode.CHOOSE_ANOTHER_DEVICE: "/devices",
    CureCode.ASK_FOR_REVIEW: f"/rule-reviews/ask?listing={LISTING}&procedure={CREDENTIAL}&place=TX",
    CureCode.CONTACT_STAFF: None,
}
_NOT_ABOUT_ONE = {CureCode.CHOOSE_ANOTHER_DEVICE, CureCode.SUBMIT_CREDENTIAL}


@pytest.fixture(autouse=True)
def _request(app):
    with app.test_request_context():
        yield


def cure(code: CureCode) -> Cure:
    target = "MD_DO" if code is CureCode.SUBMIT_CREDENTIAL else str(CREDENTIAL)
    return Cure(code, "Do this.", target=target, state="TX")


def objection(code=ReasonCode.NO_CREDENTIAL, **changed) -> Objection:
    values = {"key": Key.OPERATOR, "subjects": (), "sentence": "Dana has none.", "cures": ()}
    return Objection(code=code, **{**values, **changed})


def curable() -> Objection:
    return objection(cures=(cure(CureCode.SUBMIT_CREDENTIAL),))


class TestCures:
    @pytest.mark.parametrize("code", CureCode)
    def test_each_leads_to_where_it_begins(self, code):
        assert gate._link(cure(code), AROUND) == LINKS[code]

    @pytest.mark.parametrize("code", sorted(set(CureCode) - _NOT_ABOUT_ONE))
    def test_where_nothing_is_known_around_it_leads_nowhere(self, code):
        assert gate._link(Cure(code, "Do this."), gate.Around()) is None

    @pytest.mark.parametrize("url", sorted({url for url in LINKS.values() if url}))
    def test_where_it_leads_there_is_a_page(self, app, url):
        assert app.url_map.bind("localhost").match(url.partition("?")[0], method="GET")

    @pytest.mark.parametrize(
        ("target", "state", "url"),
        [
            ("US-TX:TDLR:LHR", "TX", "/credentials/new/TX/US-TX:TDLR:LHR"),
            ("US-TX:TDLR:LHR", "CA", "/credentials/new?state=CA"),  # no such kind there
            ("MD_DO", None, "/credentials/new"),  # from whichever state
            ("NO_SUCH_KIND", "TX", "/credentials/new?state=TX"),
            (None, None, "/credentials/new"),
        ],
    )
    def test_a_form_is_only_offered_where_there_is_one(self, target, state, url):
        assert gate._link(Cure(CureCode.SUBMIT_CREDENTIAL, "Submit it.", target=target, state=state), AROUND) == url


class TestTitles:
    @pytest.mark.parametrize(
        ("verdict", "title", "chip"),
        [
            (Verdict(), "You can buy this in Texas", "You can buy this in Texas"),
            (
                Verdict(restriction=Restriction((ProcedureClass.HAIR_NONABLATIVE, ProcedureClass.TATTOO), (), "Only.")),
                "You can buy this in Texas, for hair removal and tattoo removal only",
                "You can buy this for hair removal and tattoo removal",
            ),
            (
                Verdict(objections=(curable(),)),
                "One thing stands against this purchase",
                "One thing missing",
            ),
            (
                Verdict(objections=(curable(), curable())),
                "Two things stand against this purchase",
                "Two things missing",
            ),
            (
                Verdict(objections=(curable(),) * 12),
                "12 things stand against this purchase",
                "12 things missing",
            ),
            (
                Verdict(objections=(curable(), objection())),
                "Two things stand against this purchase",
                "Not open to you",
            ),
            (
                Verdict(objections=(objection(ReasonCode.NO_RULE),)),
                "No rule here for Texas yet",
                "No rule here for Texas yet",
            ),
            (
                Verdict(objections=(objection(), objection(ReasonCode.NO_RULE))),
                "Two things stand against this purchase",
                "No rule here for Texas yet",
            ),
        ],
    )
    def test_say_it_in_one_line(self, verdict, title, chip):
        assert gate.title(verdict, "TX") == title
        assert gate.chip(verdict.gist, "TX") == chip

    def test_nothing_is_written_as_no_things(self):
        assert gate.against(0) == "No things stand against this purchase"


class TestPanel:
    def test_shows_everything_that_the_verdict_says(self):
        verdict = Verdict(
            objections=(
                objection(
                    cures=(Cure(CureCode.ASK_SELLER, "Ask the seller."),),
                    citations=(
                        Citation("16 TAC 118.2", "https://example.test", "2024", Evidence.PRIMARY),
                        Citation("X"),
                    ),
                    routes=(
                        Route("TX-1", "Technician", confirmed=True),
                        Route("TX-1", "Nurse", confirmed=False, lacks=("a licence", "an exam")),
                    ),
                ),
            ),
            answers=(
                Answer(Key.SITE, "site", met=True, sentence="The site is licensed."),
                Answer(Key.OPERATOR, "operator", met=False, sentence="Nobody."),
            ),
            restriction=Restriction((ProcedureClass.TATTOO,), (), "Only for tattoos."),
            limits=("Not on minors.",),
        )

        shown = gate.shown(verdict, state="TX", around=AROUND)

        assert (shown.outcome, shown.restriction, shown.limits) == ("not_yet", "Only for tattoos.", ("Not on minors.",))
        assert shown.answers == (gate.ShownAnswer("Site", "The site is licensed.", ok=True),)
        (one,) = shown.objections
        assert (one.code, one.sentence, one.cures) == (
            "NO_CREDENTIAL", "Dana has none.", (gate.ShownCure("Ask the seller.", None),),
        )  # fmt: skip
        assert one.citations == (
            gate.ShownCitation("16 TAC 118.2", "https://example.test", "2024", "text read"),
            gate.ShownCitation("X", None, None, None),
        )
        assert one.routes == (
            "Technician: met",
            "Nurse (believed, not confirmed in law): a licence; an exam",
        )

    def test_a_yes_without_a_restriction_has_none(self):
        assert gate.shown(Verdict(), state="TX").restriction is None

    @pytest.mark.parametrize("key", Key)
    def test_every_key_has_its_name(self, key):
        assert gate.KEY_LABELS[key]

    @pytest.mark.parametrize("evidence", Evidence)
    def test_every_kind_of_evidence_has_its_words(self, evidence):
        assert gate.EVIDENCE_WORDS[evidence]

"""Requests to arrange something: who may ask for what, and that nothing leaves the house without its person's word."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace.audit import AuditEvent
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.leads import queries, service
from marketplace.leads.models import Lead, LeadMove, LeadProposal
from marketplace.leads.service import AlreadyAsked, AnotherIsProposed, HandedIn, OwnLead
from marketplace.leads.states import LeadEvent, LeadKind, LeadState
from marketplace.listings.models import Listing
from marketplace.notifications.models import Mail
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing
from tests.support import assert_refused_by, promised_mails


@pytest.fixture
def moderator():
    return make_staff("moderator")


def finance(scene, now, **changed):
    values = {
        "user_id": scene.buyer.id, "listing_id": scene.listing.id, "site_id": scene.site.id, "amount": Money(500_000),
        "months": 36, "words": " In business since 2015. ", "at": now,
    }  # fmt: skip
    return service.finance(**values | changed)


def hand_in(scene, now, user=None, **changed):
    values = {
        "kind": LeadKind.TRADE_IN, "clinic_id": scene.clinic.id, "device": " Lumenis M22, 2016 ", "words": "It works.",
        "hoped_for": Money(1_200_000),
    }  # fmt: skip
    return service.hand_in(user_id=(user or scene.buyer).id, said=HandedIn(**values | changed), at=now)


def propose(lead_id, moderator, now, **changed):
    values = {"partner": "First Lender", "partner_email": "desk@lender.example", "words": "They lend to clinics."}
    service.propose(lead_id=lead_id, actor_id=moderator.id, at=now, **values | changed)


def read_by(scene, lead_id) -> int:
    """The number of the proposal that the buyer's page shows."""
    return queries.own(scene.buyer.id, lead_id).proposed.number


def state_of(lead_id):
    return db.session.scalars(select(Lead.state).where(Lead.id == lead_id)).one()


def moves_of(lead_id):
    rows = select(LeadMove.event, LeadMove.state).where(LeadMove.lead_id == lead_id).order_by(LeadMove.position)
    return [tuple(row) for row in db.session.execute(rows)]


class TestFinance:
    def test_keeps_what_was_asked_and_reserves_nothing(self, scene, now):
        lead = queries.own(scene.buyer.id, finance(scene, now))

        assert (lead.kind, lead.state, lead.amount, lead.months) == (
            LeadKind.FINANCE,
            LeadState.OPEN,
            Money(500_000),
            36,
        )
        assert (lead.words, lead.clinic_id, lead.site_state) == ("In business since 2015.", scene.clinic.id, "TX")
        assert lead.device.startswith(scene.listing.title)
        assert moves_of(lead.id) == [(None, LeadState.OPEN)]
        assert str(db.session.get_one(Listing, scene.listing.id).state) == "published"
        assert promised_mails() == []
        kinds = db.session.scalars(select(AuditEvent.kind).where(AuditEvent.subject_id == lead.id)).all()
        assert kinds == ["lead:asked"]

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"amount": Money(0)}, "amount"),
            ({"amount": Money(99_999_999)}, "amount"),
            ({"months": 5}, "months"),
            ({"months": 121}, "months"),
            ({"words": "x" * 2001}, "words"),
        ],
    )
    def test_refuses_what_cannot_be_and_keeps_nothing(self, scene, now, changed, field):
        with pytest.raises(Invalid) as refusal:
            finance(scene, now, **changed)
        assert refusal.value.field == field
        assert queries.of_person(scene.buyer.id) == []

    def test_takes_the_whole_price_and_no_months(self, scene, now):
        price = Money(db.session.get_one(Listing, scene.listing.id).price_minor)
        assert queries.own(scene.buyer.id, finance(scene, now, amount=price, months=None)).amount == price

    def test_is_for_a_site_of_ones_own_and_a_unit_there_is(self, scene, now):
        stranger = make_user()
        for changed in ({"site_id": uuid4()}, {"listing_id": uuid4()}, {"user_id": stranger.id}):
            with pytest.raises(NotFound):
                finance(scene, now, **changed)

    def test_is_of_a_unit_on_the_market_that_is_not_ones_own(self, scene, now):
        draft = make_listing(clinic=scene.seller_clinic, state="draft")
        with pytest.raises(Conflict):
            finance(scene, now, listing_id=draft.id)
        ours = make_listing(clinic=scene.clinic, handpieces=["DIODE_HR"])
        with pytest.raises(Invalid, match="Your own clinic sells it"):
            finance(scene, now, listing_id=ours.id)

    def test_is_asked_once_while_it_waits(self, scene, now):
        first = finance(scene, now)
        with pytest.raises(AlreadyAsked):
            finance(scene, now)
        service.withdraw(lead_id=first, user_id=scene.buyer.id, at=now)
        assert finance(scene, now) != first

    def test_has_its_bound(self, scene, now, monkeypatch):
        monkeypatch.setattr(service, "MOST_LEADS", 1)
        finance(scene, now)
        with pytest.raises(Invalid, match="1 things at a time"):
            hand_in(scene, now)


class TestHandIn:
    @pytest.mark.parametrize("kind", [LeadKind.TRADE_IN, LeadKind.BROKERAGE, LeadKind.CONSIGNMENT])
    def test_keeps_what_was_asked(self, scene, now, kind):
        lead = queries.own(scene.buyer.id, hand_in(scene, now, kind=kind))
        assert (lead.kind, lead.device, lead.amount, lead.price) == (kind, "Lumenis M22, 2016", Money(1_200_000), None)

    def test_need_not_name_an_amount(self, scene, now):
        assert queries.own(scene.buyer.id, hand_in(scene, now, hoped_for=None)).amount is None

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"kind": LeadKind.FINANCE}, "kind"),
            ({"device": "  "}, "device"),
            ({"device": "x" * 201}, "device"),
            ({"hoped_for": Money(0)}, "amount"),
        ],
    )
    def test_refuses_what_cannot_be(self, scene, now, changed, field):
        with pytest.raises(Invalid) as refusal:
            hand_in(scene, now, **changed)
        assert refusal.value.field == field
        assert queries.of_person(scene.buyer.id) == []

    def test_is_for_a_clinic_of_ones_own(self, scene, now):
        with pytest.raises(NotFound):
            hand_in(scene, now, clinic_id=make_clinic().id)


class TestHandingOn:
    def test_a_partner_is_proposed_and_its_person_asked(self, scene, now, moderator):
        lead_id = finance(scene, now)
        propose(lead_id, moderator, now)

        lead = queries.own(scene.buyer.id, lead_id)
        assert (lead.state, lead.proposed.partner) == (LeadState.PROPOSED, "First Lender")
        (mail,) = promised_mails()
        assert (mail.to, mail.template) == (scene.buyer.email, "lead_news")
        assert mail.context["subject"] == "May we pass your request to First Lender?"
        assert (
            mail.context["lines"][0] == f"You asked about financing the {scene.listing.title}. We propose First Lender:"
        )
        assert "lender.example" not in str(mail.context)

    def test_goes_out_with_its_persons_word_and_says_what_the_gate_says(self, scene, now, moderator):
        lead_id = finance(scene, now)
        propose(lead_id, moderator, now)
        shown = queries.passed_on(queries.own(scene.buyer.id, lead_id), at=now)
        service.agree(lead_id=lead_id, user_id=scene.buyer.id, read=read_by(scene, lead_id), at=now)

        (mail,) = promised_mails(Mail.template == "lead_handed_on")
        assert (mail.to, mail.context["partner"], mail.context["kind"]) == (
            "desk@lender.example", "First Lender", "financing",
        )  # fmt: skip
        assert mail.context["lines"] == [list(line) for line in shown]
        said = dict(shown)
        assert said["Write to"] == scene.buyer.email
        assert said["To be financed"] == "$5,000"
        assert said["Over"] == "36 months"
        assert said["Place of use"] == "Texas"
        assert said["The gate today"].startswith("would clear this buyer")
        assert state_of(lead_id) is LeadState.HANDED_ON
        assert moves_of(lead_id)[1:] == [
            (LeadEvent.PROPOSED, LeadState.PROPOSED), (LeadEvent.AGREED, LeadState.HANDED_ON),
        ]  # fmt: skip
        assert queries.own(scene.buyer.id, lead_id).proposals[0].agreed is True

    def test_says_that_financing_opens_no_gate(self, scene, now):
        db.session.execute(text("UPDATE credentials SET state = 'suspended', reason = 'x'"))
        db.session.commit()
        lead = queries.own(scene.buyer.id, finance(scene, now))
        assert queries.cleared(lead, at=now) is False
        assert "Financing changes nothing about that" in dict(queries.passed_on(lead, at=now))["The gate today"]

    def test_says_so_where_the_gate_cannot_be_asked(self, scene, now):
        lead = queries.own(scene.buyer.id, finance(scene, now))
        db.session.execute(text("UPDATE clinic_sites SET closed_at = :now"), {"now": now})
        db.session.commit()
        assert queries.cleared(lead, at=now) is None
        assert dict(queries.passed_on(lead, at=now))["The gate today"].startswith("cannot be asked")

    def test_of_a_device_that_is_handed_in_says_no_gate(self, scene, now):
        lead = queries.own(scene.buyer.id, hand_in(scene, now, words=""))
        assert queries.cleared(lead, at=now) is None
        assert queries.passed_on(lead, at=now) == [
            ("Who asks", f"{scene.buyer.name}, {scene.clinic.name}"),
            ("Write to", scene.buyer.email),
            ("Device", "Lumenis M22, 2016"),
            ("Hoped for", "$12,000"),
        ]
        bare = queries.own(scene.buyer.id, hand_in(scene, now, hoped_for=None))
        assert "Hoped for" not in dict(queries.passed_on(bare, at=now))

    def test_a_no_keeps_it_in_the_house(self, scene, now, moderator):
        lead_id = hand_in(scene, now)
        propose(lead_id, moderator, now)
        service.decline(lead_id=lead_id, user_id=scene.buyer.id, read=read_by(scene, lead_id), at=now)

        assert state_of(lead_id) is LeadState.OPEN
        assert promised_mails(Mail.template == "lead_handed_on") == []
        propose(lead_id, moderator, now, partner="Second")
        assert [one.agreed for one in queries.own(scene.buyer.id, lead_id).proposals] == [False, None]
        assert (
            promised_mails()[1].context["lines"][0]
            == "You asked about a trade-in: Lumenis M22, 2016. We propose Second:"
        )

    @pytest.mark.parametrize("act", [service.agree, service.decline])
    def test_who_read_of_another_partner_has_said_nothing_about_this_one(self, scene, now, moderator, act):
        lead_id = hand_in(scene, now)
        propose(lead_id, moderator, now)
        read = read_by(scene, lead_id)
        service.decline(lead_id=lead_id, user_id=scene.buyer.id, read=read, at=now)
        propose(lead_id, moderator, now, partner="Second")

        with pytest.raises(AnotherIsProposed, match="Nothing was handed on"):
            act(lead_id=lead_id, user_id=scene.buyer.id, read=read, at=now)

        assert state_of(lead_id) is LeadState.PROPOSED
        assert [one.agreed for one in queries.own(scene.buyer.id, lead_id).proposals] == [False, None]
        assert promised_mails(Mail.template == "lead_handed_on") == []

    def test_nobody_answers_for_another_and_nobody_who_was_not_asked(self, scene, now, moderator):
        lead_id = finance(scene, now)
        with pytest.raises(NotFound):
            service.withdraw(lead_id=lead_id, user_id=scene.owner.id, at=now)
        for act in (service.agree, service.decline):
            with pytest.raises(NotFound):
                act(lead_id=lead_id, user_id=scene.owner.id, read=1, at=now)
            with pytest.raises(IllegalMove):
                act(lead_id=lead_id, user_id=scene.buyer.id, read=1, at=now)
        with pytest.raises(NotFound):
            propose(uuid4(), moderator, now)
        assert promised_mails() == []

    def test_taken_back_the_proposal_is_off(self, scene, now, moderator):
        lead_id = finance(scene, now)
        propose(lead_id, moderator, now)
        service.withdraw(lead_id=lead_id, user_id=scene.buyer.id, at=now)

        assert state_of(lead_id) is LeadState.WITHDRAWN
        assert queries.own(scene.buyer.id, lead_id).proposed is None
        assert promised_mails(Mail.template == "lead_handed_on") == []

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"partner": " "}, "partner"),
            ({"partner": "x" * 201}, "partner"),
            ({"partner_email": "nobody"}, "partner_email"),
            ({"partner_email": "a b@c"}, "partner_email"),
            ({"partner_email": "@c"}, "partner_email"),
            ({"words": ""}, "words"),
            ({"words": "x" * 1001}, "words"),
        ],
    )
    def test_a_proposal_says_who_and_what(self, scene, now, moderator, changed, field):
        lead_id = finance(scene, now)
        with pytest.raises(Invalid) as refusal:
            propose(lead_id, moderator, now, **changed)
        assert refusal.value.field == field
        assert state_of(lead_id) is LeadState.OPEN


class TestClose:
    def test_tells_its_person_why(self, scene, now, moderator):
        lead_id = finance(scene, now)
        propose(lead_id, moderator, now)
        service.close(lead_id=lead_id, actor_id=moderator.id, because=" Nobody lends on it. ", at=now)

        lead = queries.own(scene.buyer.id, lead_id)
        assert (lead.state, lead.closed_because, lead.proposed) == (LeadState.CLOSED, "Nobody lends on it.", None)
        assert promised_mails()[-1].context["lines"][1] == "Nobody lends on it."

    def test_asks_for_a_reason(self, scene, now, moderator):
        lead_id = finance(scene, now)
        with pytest.raises(Invalid):
            service.close(lead_id=lead_id, actor_id=moderator.id, because=" ", at=now)
        assert state_of(lead_id) is LeadState.OPEN

    def test_nobody_handles_what_is_their_own_or_their_clinics(self, scene, now, moderator):
        lead_id = finance(scene, now)
        make_member(clinic=scene.clinic, user=moderator, left_at=now + timedelta(days=1))
        with pytest.raises(OwnLead):
            service.close(lead_id=lead_id, actor_id=moderator.id, because="x", at=now)
        with pytest.raises(OwnLead):
            propose(lead_id, scene.buyer, now)
        assert state_of(lead_id) is LeadState.OPEN


class TestDesk:
    def test_shows_those_first_that_wait_longest(self, scene, now, moderator):
        second = hand_in(scene, now)
        first = finance(scene, now - timedelta(hours=2))
        done = hand_in(scene, now, device="Other")
        propose(done, moderator, now)
        service.agree(lead_id=done, user_id=scene.buyer.id, read=read_by(scene, done), at=now)

        assert [one.id for one in queries.waiting()] == [first, second]
        assert [one.id for one in queries.handed_on()] == [done]


class TestDatabase:
    def row(self, scene, now, **changed):
        values = {
            "kind": LeadKind.FINANCE, "user_id": scene.buyer.id, "clinic_id": scene.clinic.id, "site_id": scene.site.id,
            "listing_id": scene.listing.id, "device": "", "amount_minor": 1, "words": "", "created_at": now,
        }  # fmt: skip
        return Lead(**values | changed)

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("leads_financing_names_its_unit", {"listing_id": None}),
            ("leads_device_that_is_handed_in_is_named", {"device": "M22"}),
            ("leads_financing_names_the_place_of_use", {"site_id": None}),
            ("leads_lead_amount_is_positive", {"amount_minor": 0}),
            ("leads_financing_says_how_much", {"amount_minor": None}),
            ("leads_lead_months_are_plausible", {"months": 5}),
            ("leads_lead_words_are_short", {"words": "x" * 2001}),
            ("leads_closed_lead_says_why", {"state": LeadState.CLOSED}),
            ("handed_on_was_agreed_to", {"state": LeadState.HANDED_ON}),
        ],
    )
    def test_refuses_a_request_that_cannot_be(self, scene, now, constraint, changed):
        with assert_refused_by(constraint):
            db.session.add(self.row(scene, now, **changed))
            db.session.flush()

    def test_refuses_a_site_of_another_clinic(self, scene, now):
        with assert_refused_by("lead_is_for_a_site_of_its_clinic"):
            db.session.add(self.row(scene, now, clinic_id=scene.seller_clinic.id))
            db.session.flush()

    def test_refuses_the_same_financing_twice(self, scene, now):
        kept(self.row(scene, now))
        with assert_refused_by("one_live_financing_per_person_and_unit"):
            db.session.add(self.row(scene, now))
            db.session.flush()

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("lead_proposals_partner_is_named", {"partner": " "}),
            ("lead_proposals_proposal_says_what_they_do", {"words": ""}),
            ("lead_proposals_partner_can_be_written_to", {"partner_email": "nobody"}),
            ("lead_proposals_proposal_answer_is_dated", {"agreed": True}),
            ("one_open_proposal_per_lead", {}),
        ],
    )
    def test_refuses_a_proposal_that_cannot_be(self, scene, now, moderator, constraint, changed):
        lead_id = finance(scene, now)
        propose(lead_id, moderator, now)
        values = {
            "lead_id": lead_id, "partner": "A", "partner_email": "a@b", "words": "x", "proposed_by": moderator.id,
            "proposed_at": now,
        }  # fmt: skip
        with assert_refused_by(constraint):
            db.session.add(LeadProposal(**values | changed))
            db.session.flush()

    @pytest.mark.parametrize(
        "change", ["UPDATE lead_proposals SET partner_email = 'x@y'", "DELETE FROM lead_proposals"]
    )
    def test_keeps_a_proposal_as_it_was_made(self, scene, now, moderator, change):
        propose(finance(scene, now), moderator, now)
        with assert_refused_by("proposal_is_answered_once"):
            db.session.execute(text(change))

    def test_takes_one_answer(self, scene, now, moderator):
        lead_id = finance(scene, now)
        propose(lead_id, moderator, now)
        service.decline(lead_id=lead_id, user_id=scene.buyer.id, read=read_by(scene, lead_id), at=now)
        with assert_refused_by("proposal_is_answered_once"):
            db.session.execute(text("UPDATE lead_proposals SET agreed = true"))

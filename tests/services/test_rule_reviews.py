"""Questions about what no rule speaks of: two members of staff, physicians of the place only, for one purchase."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from marketplace import audit
from marketplace.catalog.models import DeviceModel
from marketplace.clinics import queries as clinics
from marketplace.eligibility import reviews, service, told
from marketplace.eligibility.models import Moment, RuleReview, RuleReviewMove
from marketplace.eligibility.reviews import Proposal
from marketplace.eligibility.sale import Purchase
from marketplace.eligibility.states import ReviewState
from marketplace.eligibility.verdict import Evidence, Outcome, Reach
from marketplace.extensions import db
from marketplace.kernel.errors import ChangedSinceRead, Invalid, NotFound, Refused
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.terms import ProcedureClass
from marketplace.listings import queries as listings
from marketplace.listings import search
from marketplace.listings.models import Listing
from marketplace.listings.qualified import of_cards, reached_by
from marketplace.notifications.models import Mail
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member, make_site
from tests.factories.credentials import make_credential, make_type
from tests.factories.listings import make_handpiece, make_listing
from tests.pages import browser_of
from tests.support import assert_refused_by

ABLATIVE = ProcedureClass.ABLATIVE


@pytest.fixture
def sale(scene):
    """A CO2 laser: no rule of Texas speaks of ablative work."""
    return listings.sale_of(make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")]).id)


@pytest.fixture
def staff():
    return make_staff("verifier").id, make_staff("verifier").id


@pytest.fixture
def purchase(scene):
    return Purchase(
        buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, site_id=scene.site.id, operator_id=scene.practitioner.id
    )


@pytest.fixture
def ask(scene, sale, now):
    def ask(**changes):
        wanted = {
            "actor_id": scene.buyer.id,
            "sale": sale,
            "site_id": scene.site.id,
            "operator_id": scene.practitioner.id,
            "procedure": ABLATIVE,
            "question": "Dr. Okafor has done ablative work for ten years.",
            "at": now,
        }
        return reviews.ask(**{**wanted, **changes})

    return ask


@pytest.fixture
def proposal(scene, now):
    return Proposal(
        licence_id=scene.prescriber.id,
        grounds="A physician practises medicine, of which ablative work is a part.",
        ref="Tex. Occ. Code 157.001",
        url="https://statutes.example/157",
        text_version="read today",
        evidence=Evidence.PRIMARY,
        valid_from=now.date() - timedelta(days=1),
        valid_to=now.date() + timedelta(days=30),
    )


@pytest.fixture
def proposed(ask, proposal, staff, now):
    review = ask()
    reviews.propose(review_id=review, actor_id=staff[0], proposal=proposal, at=now)
    return review


@pytest.fixture
def approved(proposed, staff, now):
    reviews.approve(review_id=proposed, actor_id=staff[1], at=now)
    return proposed


def state_of(review):
    return reviews.review(review).state


def mails():
    return [mail for mail in db.session.query(Mail) if mail.template == "rule_review"]


class TestAsking:
    def test_is_kept_with_its_words_and_waits(self, ask, scene, now):
        review = ask(question="  Why not?  ")

        found = reviews.review(review)
        assert (found.state, found.place, found.procedure, found.question) == (
            ReviewState.ASKED, "TX", ABLATIVE, "Why not?",
        )  # fmt: skip
        assert [row.id for row in reviews.queue(waiting=True)] == [review]
        assert reviews.queue(waiting=False) == []
        assert [row.id for row in reviews.asked_by(scene.buyer.id)] == [review]
        assert reviews.own(review, user_id=scene.buyer.id) is found
        assert audit.events_about("rule_review", review)[0].kind == "rule_review:asked"

    def test_opens_nothing(self, ask, sale, purchase, now):
        ask()

        assert service.preview(sale=sale, purchase=purchase, at=now).outcome is Outcome.NO_RULE

    def test_is_not_there_for_others(self, ask, scene):
        review = ask()

        with pytest.raises(NotFound):
            reviews.own(review, user_id=scene.owner.id)
        with pytest.raises(NotFound):
            reviews.review(uuid4())

    def test_the_same_question_waits_only_once(self, ask, scene, now):
        review = ask()
        with pytest.raises(reviews.AskedAlready):
            ask(actor_id=scene.owner.id)
        reviews.withdraw(review_id=review, actor_id=scene.buyer.id, at=now)

        assert ask() != review

    def test_a_stranger_cannot_ask_nor_be_asked_for(self, ask):
        with pytest.raises(NotFound):
            ask(actor_id=make_user().id)
        with pytest.raises(NotFound):
            ask(operator_id=make_user().id)
        with pytest.raises(NotFound):
            ask(site_id=uuid4())
        assert reviews.queue(waiting=True) == []

    def test_where_a_rule_speaks_there_is_nothing_to_ask(self, ask, scene):
        hair = listings.sale_of(scene.listing.id)
        with pytest.raises(reviews.NothingToAsk, match="A rule of Texas says who may do hair removal"):
            ask(sale=hair, procedure=ProcedureClass.HAIR_NONABLATIVE)
        with pytest.raises(reviews.NothingToAsk, match="Nothing in this sale is for focused ultrasound"):
            ask(procedure=ProcedureClass.HIFU)

    @pytest.mark.parametrize("words", ["", "   ", "x" * 4001])
    def test_says_why(self, ask, words):
        with pytest.raises(Invalid) as refusal:
            ask(question=words)

        assert refusal.value.field == "question"

    def test_is_taken_back_by_whoever_asked(self, ask, scene, now):
        review = ask()
        with pytest.raises(NotFound):
            reviews.withdraw(review_id=review, actor_id=scene.owner.id, at=now)
        reviews.withdraw(review_id=review, actor_id=scene.buyer.id, at=now)

        assert state_of(review) is ReviewState.WITHDRAWN
        with pytest.raises(NotFound):
            reviews.withdraw(review_id=uuid4(), actor_id=scene.buyer.id, at=now)


class TestProposing:
    def test_opens_nothing_yet(self, proposed, sale, purchase, now):
        assert state_of(proposed) is ReviewState.PROPOSED
        assert service.preview(sale=sale, purchase=purchase, at=now).outcome is Outcome.NO_RULE
        assert mails() == []

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"grounds": " "}, "grounds"),
            ({"grounds": "x" * 4001}, "grounds"),
            ({"ref": ""}, "ref"),
            ({"text_version": ""}, "text_version"),
            ({"evidence": Evidence.SECONDARY}, "evidence"),
        ],
    )
    def test_names_a_text_that_was_read(self, ask, proposal, staff, now, change, field):
        review = ask()
        with pytest.raises(Invalid) as refusal:
            reviews.propose(review_id=review, actor_id=staff[0], proposal=replace(proposal, **change), at=now)

        assert refusal.value.field == field
        assert state_of(review) is ReviewState.ASKED

    @pytest.mark.parametrize(("days", "holds"), [(-1, False), (0, True), (90, True), (91, False)])
    def test_holds_for_up_to_ninety_days(self, ask, proposal, staff, now, days, holds):
        review = ask()
        bent = replace(proposal, valid_to=proposal.valid_from + timedelta(days=days))
        if holds:
            reviews.propose(review_id=review, actor_id=staff[0], proposal=bent, at=now)
        else:
            with pytest.raises(Invalid):
                reviews.propose(review_id=review, actor_id=staff[0], proposal=bent, at=now)

        assert (state_of(review) is ReviewState.PROPOSED) is holds

    def test_is_for_physicians_of_the_place_only(self, ask, proposal, scene, staff, now):
        review = ask(operator_id=scene.buyer.id)
        for licence in (scene.prescriber.id, scene.licence.id):
            with pytest.raises(reviews.NotAPhysician):
                reviews.propose(
                    review_id=review, actor_id=staff[0], proposal=replace(proposal, licence_id=licence), at=now
                )
        assert reviews.licences_for(reviews.review(review), at=now) == []
        assert state_of(review) is ReviewState.ASKED

    @pytest.mark.parametrize("change", ["state = 'suspended', reason = 'x'", "jurisdiction = 'OK'",
                                        "expires_on = CURRENT_DATE - 2"])  # fmt: skip
    def test_asks_for_a_licence_that_stands(self, ask, proposal, scene, staff, now, change):
        review = ask()
        db.session.execute(text(f"UPDATE credentials SET {change} WHERE id = :id"), {"id": scene.prescriber.id})
        db.session.commit()

        with pytest.raises(reviews.NotAPhysician):
            reviews.propose(review_id=review, actor_id=staff[0], proposal=proposal, at=now)

    def test_a_licence_without_an_end_will_do(self, ask, scene, now):
        db.session.execute(text("UPDATE credentials SET expires_on = NULL WHERE id = :id"), {"id": scene.prescriber.id})
        db.session.commit()

        assert [row.id for row in reviews.licences_for(reviews.review(ask()), at=now)] == [scene.prescriber.id]

    def test_is_sent_back_for_a_better_one(self, proposed, proposal, staff, now):
        with pytest.raises(Invalid):
            reviews.send_back(review_id=proposed, actor_id=staff[1], words=" ", at=now)
        reviews.send_back(review_id=proposed, actor_id=staff[1], words="Which section?", at=now)

        assert state_of(proposed) is ReviewState.ASKED
        reviews.propose(review_id=proposed, actor_id=staff[1], proposal=proposal, at=now)
        assert reviews.review(proposed).proposed_by == staff[1]


class TestWords:
    def test_of_a_question_and_of_every_answer_are_neither_missing_nor_too_many(self, ask, staff, now):
        longest = "x" * reviews.LONGEST_TEXT
        review = ask(question=f" {longest} ")
        assert reviews.review(review).question == longest

        for words in ("", "  ", f"{longest}x"):
            with pytest.raises(Invalid):
                ask(question=words)
            with pytest.raises(Invalid):
                reviews.refuse(review_id=review, actor_id=staff[0], reason=words, at=now)
        assert [row.id for row in reviews.queue(waiting=True)] == [review]
        assert (state_of(review), mails()) == (ReviewState.ASKED, [])

        reviews.refuse(review_id=review, actor_id=staff[0], reason=longest, at=now)
        assert (state_of(review), reviews.review(review).reason) == (ReviewState.REFUSED, longest)


class TestASiteThatWasClosedSince:
    @pytest.fixture
    def closed(self, proposed, scene, now):
        db.session.execute(
            text("UPDATE clinic_sites SET closed_at = :at WHERE id = :id"), {"at": now, "id": scene.site.id}
        )
        return proposed

    def test_can_be_refused_and_no_more(self, closed, staff, now):
        with pytest.raises(reviews.NotAPhysician):
            reviews.approve(review_id=closed, actor_id=staff[1], at=now)
        assert state_of(closed) is ReviewState.PROPOSED

        reviews.refuse(review_id=closed, actor_id=staff[1], reason="The site is closed.", at=now)
        assert state_of(closed) is ReviewState.REFUSED

    def test_its_page_opens(self, closed, app, scene):
        page = browser_of(app, make_staff("verifier")).get(f"/staff/rule-reviews/{closed}")

        assert page.status_code == 200
        assert scene.site.name in page.text

    def test_a_site_that_never_was_is_none(self):
        with pytest.raises(NotFound):
            clinics.site_of_record(uuid4())


class TestApproving:
    def test_clears_exactly_this_purchase(self, approved, scene, sale, purchase, now):
        verdict = service.preview(sale=sale, purchase=purchase, at=now)

        assert verdict.outcome is Outcome.YES
        assert verdict.rule_ids == (f"ONE-OFF-{str(approved)[:8]}",)
        assert scene.prescriber.id in verdict.credential_ids
        (mail,) = mails()
        assert (mail.to, mail.context["state"]) == (scene.buyer.email, "approved")

    def test_is_kept_with_the_answer_and_replayed(self, approved, sale, purchase, staff, now):
        decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)
        reviews.end(review_id=approved, actor_id=staff[0], reason="The board wrote to us.", at=now)

        assert decision.cleared
        assert service.replay(decision.id) == decision.verdict
        assert not service.assess(moment=Moment.PAYMENT_START, sale=sale, purchase=purchase, at=now).cleared

    def test_clears_nothing_else(self, approved, scene, sale, purchase, now):
        other = listings.sale_of(make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")]).id)
        colleague = make_user()
        make_member(clinic=scene.clinic, user=colleague)
        make_credential(type_code="MD_DO", holder=colleague, verifier=make_staff(), at=now - timedelta(days=2),
                        expires_on=(now + timedelta(days=90)).date())  # fmt: skip
        elsewhere = make_site(clinic=scene.clinic)
        for asked, changed in (
            (other, purchase),
            (sale, replace(purchase, operator_id=colleague.id)),
            (sale, replace(purchase, site_id=elsewhere.id)),
            (sale, replace(purchase, practitioner_id=colleague.id)),
        ):
            assert service.preview(sale=asked, purchase=changed, at=now).outcome is Outcome.NO_RULE
        later = now + timedelta(days=32)
        assert service.preview(sale=sale, purchase=purchase, at=later).outcome is Outcome.NO_RULE

    def test_takes_two(self, proposed, staff, now):
        with pytest.raises(reviews.DecidedByOne):
            reviews.approve(review_id=proposed, actor_id=staff[0], at=now)

        assert state_of(proposed) is ReviewState.PROPOSED

    def test_takes_the_proposal_that_was_read(self, proposed, proposal, staff, now):
        read = len(reviews.review(proposed).moves)
        reviews.send_back(review_id=proposed, actor_id=staff[0], words="Wider days.", at=now)
        reviews.propose(review_id=proposed, actor_id=staff[0], proposal=proposal, at=now)

        with pytest.raises(ChangedSinceRead):
            reviews.approve(review_id=proposed, actor_id=staff[1], at=now, read=read)
        assert state_of(proposed) is ReviewState.PROPOSED

        reviews.approve(review_id=proposed, actor_id=staff[1], at=now, read=read + 2)
        assert state_of(proposed) is ReviewState.APPROVED

    def test_takes_a_proposal(self, ask, staff, now):
        review = ask()
        with pytest.raises(IllegalMove):
            reviews.approve(review_id=review, actor_id=staff[1], at=now)

    def test_asks_for_the_licence_again(self, proposed, scene, staff, sale, purchase, now):
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.prescriber.id}
        )
        db.session.commit()

        with pytest.raises(reviews.NotAPhysician):
            reviews.approve(review_id=proposed, actor_id=staff[1], at=now)
        assert state_of(proposed) is ReviewState.PROPOSED
        assert mails() == []

    def test_ends_with_the_licence(self, approved, scene, sale, purchase, now):
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.prescriber.id}
        )
        db.session.commit()

        assert not service.preview(sale=sale, purchase=purchase, at=now).cleared

    @pytest.mark.parametrize("side", ["clinic", "seller_clinic"])
    def test_nobody_of_either_clinic_decides(self, ask, proposal, scene, now, side):
        review = ask()
        former = make_staff("verifier")
        make_member(clinic=getattr(scene, side), user=former, left_at=now)
        with pytest.raises(Refused):
            reviews.propose(review_id=review, actor_id=former.id, proposal=proposal, at=now)
        with pytest.raises(Refused):
            reviews.refuse(review_id=review, actor_id=scene.buyer.id, reason="x", at=now)

        assert state_of(review) is ReviewState.ASKED

    @pytest.mark.parametrize("side", ["clinic", "seller_clinic"])
    def test_nor_sends_back_what_was_proposed(self, proposed, scene, now, side):
        former = make_staff("verifier")
        make_member(clinic=getattr(scene, side), user=former, left_at=now)
        with pytest.raises(Refused):
            reviews.send_back(review_id=proposed, actor_id=former.id, words="Not well.", at=now)

        assert state_of(proposed) is ReviewState.PROPOSED

    @pytest.mark.parametrize("side", ["clinic", "seller_clinic"])
    def test_nor_ends_what_was_approved(self, approved, scene, now, side):
        former = make_staff("verifier")
        make_member(clinic=getattr(scene, side), user=former, left_at=now)
        with pytest.raises(Refused):
            reviews.end(review_id=approved, actor_id=former.id, reason="x", at=now)

        assert state_of(approved) is ReviewState.APPROVED


class TestRefusingAndEnding:
    def test_one_may_refuse_with_a_reason(self, ask, staff, scene, now):
        review = ask()
        with pytest.raises(Invalid):
            reviews.refuse(review_id=review, actor_id=staff[0], reason="", at=now)
        reviews.refuse(review_id=review, actor_id=staff[0], reason="The board says no.", at=now)

        assert (state_of(review), reviews.review(review).decided_by) == (ReviewState.REFUSED, staff[0])
        assert mails()[0].context["reason"] == "The board says no."
        assert [row.id for row in reviews.queue(waiting=False)] == [review]

    def test_whoever_proposed_may_think_again(self, proposed, staff, now):
        reviews.refuse(review_id=proposed, actor_id=staff[0], reason="I misread it.", at=now)

        assert (state_of(proposed), reviews.review(proposed).decided_by) == (ReviewState.REFUSED, None)

    def test_an_approved_one_ends_early_with_a_reason(self, approved, staff, sale, purchase, now):
        with pytest.raises(Invalid):
            reviews.end(review_id=approved, actor_id=staff[0], reason=" ", at=now)
        reviews.end(review_id=approved, actor_id=staff[0], reason="The board wrote to us.", at=now)

        assert state_of(approved) is ReviewState.ENDED
        assert service.preview(sale=sale, purchase=purchase, at=now).outcome is Outcome.NO_RULE
        assert [move.state for move in reviews.review(approved).moves] == ["asked", "proposed", "approved", "ended"]


class TestTables:
    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ("state = 'approved', decided_by = proposed_by", "rule_reviews_one_off_is_decided_by_two"),
            ("state = 'approved'", "rule_reviews_approval_of_a_one_off_is_signed"),
            ("decided_by = operator_id", "rule_reviews_nobody_decides_their_own_one_off"),
            ("grounds = ' '", "rule_reviews_proposal_is_whole"),
            ("grounds = NULL", "rule_reviews_proposal_is_whole"),
            ("cited_evidence = 'S'", "rule_reviews_one_off_rests_on_a_text_that_was_read"),
            ("valid_to = valid_from + 91", "rule_reviews_one_off_ends_within_90_days"),
            ("state = 'refused', reason = ' '", "rule_reviews_no_to_a_review_has_a_reason"),
            ("state = 'refused', reason = NULL", "rule_reviews_no_to_a_review_has_a_reason"),
            ("place = 'Texas'", "rule_reviews_are_about_their_site"),
            ("place = 'OK'", "rule_reviews_are_about_their_site"),
            ("procedure = 'HIFU'", "rule_reviews_keep_their_scope"),
            ("state = 'approved', decided_by = :other, valid_to = valid_to + 1", "approved_as_proposed"),
        ],
    )
    def test_refuse_what_was_not_decided_so(self, proposed, staff, change, constraint):
        with assert_refused_by(constraint):
            db.session.execute(
                text(f"UPDATE rule_reviews SET {change} WHERE id = :id"), {"id": proposed, "other": staff[1]}
            )

    def test_refuse_who_is_no_physician_of_the_place(self, proposed, scene, staff):
        approve = text("UPDATE rule_reviews SET state = 'approved', decided_by = :who WHERE id = :id")
        make_type("RN")
        for change in ("state = 'suspended', reason = 'x'", "type_code = 'RN'", "jurisdiction = 'OK'"):
            with db.session.begin_nested() as nested:
                db.session.execute(text(f"UPDATE credentials SET {change} WHERE id = :id"), {"id": scene.prescriber.id})
                with assert_refused_by("one_offs_are_for_physicians_of_the_place"):
                    db.session.execute(approve, {"who": staff[1], "id": proposed})
                nested.rollback()

    def test_keep_what_was_decided(self, approved):
        for change in ("state = 'proposed'", "valid_to = valid_to + 1", "grounds = 'Other'"):
            with assert_refused_by("decided_reviews_are_fixed"):
                db.session.execute(text(f"UPDATE rule_reviews SET {change} WHERE id = :id"), {"id": approved})
        with assert_refused_by("rule_reviews_are_kept"):
            db.session.execute(text("DELETE FROM rule_reviews"))
        with assert_refused_by("rule_review_moves_is_append_only"):
            db.session.execute(text("UPDATE rule_review_moves SET words = 'x'"))
        assert db.session.query(RuleReviewMove).count() == 3

    def test_begin_with_a_question_and_wait_once(self, proposed):
        found = reviews.review(proposed)
        scope = {
            name: getattr(found, name)
            for name in (
                "place",
                "procedure",
                "listing_id",
                "site_id",
                "operator_id",
                "asked_by",
                "asked_at",
                "question",
            )
        }
        with assert_refused_by("rule_reviews_begin_with_a_question"):
            db.session.add(RuleReview(**scope, state=ReviewState.WITHDRAWN))
            db.session.flush()
        with assert_refused_by("one_open_review_of_a_purchase"):
            db.session.add(RuleReview(**scope))
            db.session.flush()

    def test_know_a_place_by_its_postal_code(self, proposed, scene):
        db.session.execute(text("ALTER TABLE clinic_sites DROP CONSTRAINT clinic_sites_state_is_a_postal_code"))
        db.session.execute(text("UPDATE clinic_sites SET state = 'Texas' WHERE id = :id"), {"id": scene.site.id})
        found = reviews.review(proposed)
        with assert_refused_by("rule_reviews_place_is_a_postal_code"):
            db.session.add(
                RuleReview(
                    place="Texas",
                    procedure=ProcedureClass.HIFU,
                    listing_id=found.listing_id,
                    site_id=found.site_id,
                    operator_id=found.operator_id,
                    asked_by=found.asked_by,
                    asked_at=found.asked_at,
                    question="x",
                )
            )
            db.session.flush()


class TestMarket:
    def test_what_was_decided_for_one_unit_does_not_qualify_for_its_twin(self, scene, sale, purchase, approved, now):
        unit = db.session.get_one(Listing, sale.listing_id)
        twin = make_listing(
            clinic=scene.seller_clinic,
            model=db.session.get_one(DeviceModel, unit.model_id),
            handpieces=[make_handpiece("CO2")],
        )
        assert twin.configuration == unit.configuration

        known = reached_by(purchase=purchase, at=now)

        assert known.units == {unit.id: (Reach.CLOSED, Reach.TODAY)}
        assert known.kinds[unit.configuration].reach is Reach.CLOSED
        shown = {}
        for reach in Reach:
            found = search.find(known.narrow(search.Wanted(), [reach]))
            shown[reach] = {card.id for card in found.cards}
            assert known.count(search.Wanted()).get(reach, 0) == found.total == len(found.cards)
        assert unit.id in shown[Reach.TODAY]
        cards = search.find(search.Wanted()).cards
        said = of_cards(cards, purchase=told.around(purchase), at=now, version=search.version())
        assert (said[unit.id].reach, said[twin.id].reach) == (Reach.TODAY, Reach.CLOSED)
        assert twin.id in shown[Reach.CLOSED]
        assert unit.id not in shown[Reach.CLOSED] | shown[Reach.MISSING]
        assert known.count(search.Wanted(text="nothing of the kind")) == {}

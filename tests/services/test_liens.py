"""Liens: what a seller states of one, what was found filed, and that nothing leaves before its release was read."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update

from marketplace.adapters.mail import SmtpMailer
from marketplace.audit import AuditEvent
from marketplace.documents.service import FileNotTaken
from marketplace.eligibility.models import Moment
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.listings import liens
from marketplace.listings import service as listings
from marketplace.listings.liens import FilingNotStated, Lien, OwnFilings, Search
from marketplace.listings.models import Listing, Paper
from marketplace.listings.terms import FilingFound, PaperKind
from marketplace.listings.units import FilingSearch
from marketplace.listings.unsaid import missing_from
from marketplace.notifications.models import Mail
from marketplace.orders import freeing, steps
from marketplace.orders import service as orders
from marketplace.orders.freeing import LienRests, NotForYou
from marketplace.orders.handovers import LienRelease
from marketplace.orders.models import Order
from marketplace.orders.refusals import OwnOrder
from marketplace.orders.states import OrderState
from tests.conftest import settings_for
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.documents import make_document, picture
from tests.factories.listings import make_listing
from tests.factories.orders import decide, make_order, make_scene
from tests.support import assert_refused_by, promised_mails


@pytest.fixture
def scene(scene, now):
    stated(scene.listing, now)
    return scene


@pytest.fixture
def order(funds_held):
    return funds_held


@pytest.fixture
def finance():
    return make_staff("finance")


@pytest.fixture
def moderator():
    return make_staff("moderator")


def stated(listing, now, **changed):
    """State a lien with a letter that is good for ten more days."""
    said = {
        "title": "financed",
        "lender": "First Equipment Finance",
        "payoff_through": str((now + timedelta(10)).date()),
    }
    listing.particulars = {**listing.particulars, **said, **changed}
    db.session.commit()


def letter(listing, owner, now):
    document = make_document(owner=owner)
    kept(
        Paper(
            listing_id=listing.id, document_id=document.id, kind=PaperKind.PAYOFF_LETTER, words="Letter", added_at=now
        )
    )


def hand_in(order, actor, now, **changed):
    values = {"words": " Release of 20 November ", "filename": "release.png", "content": picture(), "at": now}
    return freeing.hand_in(order_id=order.id, actor_id=actor.id, **values | changed)


def judge(order, finance, now, *, confirmed=True, because="Called them back; the loan is paid."):
    freeing.judge(order_id=order.id, actor_id=finance.id, confirmed=confirmed, because=because, at=now)


def search(listing, moderator, now, **changed):
    values = {
        "debtor_name": " Desert Aesthetics LLC ", "office": "Arizona Secretary of State, online", "through": now.date(),
        "found": FilingFound.NOTHING, "file_number": "", "at": now,
    }  # fmt: skip
    made = Search(**values | changed)
    freeing.note_search(listing_id=listing.id, actor_id=moderator.id, made=made)


def state_of(order):
    return db.session.scalars(select(Order.state).where(Order.id == order.id)).one()


class TestDraft:
    @pytest.fixture
    def draft(self, scene, now):
        draft = make_listing(clinic=scene.seller_clinic, state="draft", handpieces=["DIODE_HR"])
        stated(draft, now)
        return draft

    def said_of(self, draft):
        return [(one.step, one.field) for one in missing_from(draft.id) if one.step != "photos"]

    def test_names_the_lender_the_day_and_brings_the_letter(self, draft, scene, now):
        draft.particulars = {
            key: said for key, said in draft.particulars.items() if key not in ("lender", "payoff_through")
        }
        db.session.commit()
        assert [one for one in self.said_of(draft) if one[0] != "terms"] == [
            ("statements", "lender"), ("statements", "payoff_through"), ("condition", "papers"),
        ]  # fmt: skip
        stated(draft, now)
        letter(draft, scene.seller, now)
        assert [one for one in self.said_of(draft) if one[0] != "terms"] == []

    def test_without_a_lien_asks_for_none_of_it(self, draft):
        draft.particulars = {**draft.particulars, "title": "free"}
        db.session.commit()
        assert liens.of(draft) is None
        assert [one for one in self.said_of(draft) if one[0] != "terms"] == []

    @pytest.mark.parametrize(("days", "passes"), [(0, True), (-1, False)])
    def test_goes_to_staff_while_its_letter_is_good(self, draft, now, days, passes):
        stated(draft, now, payoff_through=str((now + timedelta(days)).date()))
        if passes:
            liens.refuse_a_lapsed_letter(draft, at=now)
        else:
            with pytest.raises(Invalid, match="The payoff letter was good through"):
                liens.refuse_a_lapsed_letter(draft, at=now)

    def test_a_letter_without_a_day_is_no_matter_of_days(self, draft, now):
        stated(draft, now, payoff_through="")
        liens.refuse_a_lapsed_letter(draft, at=now)
        assert liens.of(draft) == Lien("First Equipment Finance", None, "")

    def test_is_submitted_with_a_good_letter_only(self, draft, scene, now, monkeypatch):
        monkeypatch.setattr(listings, "missing", lambda _: [])
        stated(draft, now, payoff_through=str((now - timedelta(1)).date()))
        with pytest.raises(Invalid, match="The payoff letter was good through"):
            listings.submit(listing_id=draft.id, actor_id=scene.seller.id, at=now)
        assert str(db.session.get_one(Listing, draft.id).state) == "draft"


class TestFilings:
    def test_are_searched_under_the_stated_name_or_the_sellers_legal_one(self, scene, now):
        assert liens.debtor_of(scene.listing.id) == "Desert Aesthetics LLC"
        stated(scene.listing, now, debtor_name="Desert Holdings Inc")
        assert liens.debtor_of(scene.listing.id) == "Desert Holdings Inc"
        with pytest.raises(NotFound):
            liens.debtor_of(uuid4())

    def test_what_was_found_stays_the_latest_first(self, scene, moderator, now):
        search(scene.listing, moderator, now)
        search(scene.listing, moderator, now, found=FilingFound.TERMINATED, file_number=" 2019-77 ")
        found = [(one.found, one.file_number) for one in liens.searches_of(scene.listing.id)]
        assert found == [(FilingFound.TERMINATED, "2019-77"), (FilingFound.NOTHING, None)]
        kinds = db.session.scalars(select(AuditEvent.kind).where(AuditEvent.subject_id == scene.listing.id)).all()
        assert kinds.count("filings:searched") == 2

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"debtor_name": " "}, "debtor_name"),
            ({"office": " "}, "office"),
            ({"found": FilingFound.THIS_UNIT}, "file_number"),
        ],
    )
    def test_a_search_says_what_and_where(self, scene, moderator, now, changed, field):
        with pytest.raises(Invalid) as refusal:
            search(scene.listing, moderator, now, **changed)
        assert refusal.value.field == field
        with pytest.raises(Invalid) as refusal:
            search(scene.listing, moderator, now, through=now.date() + timedelta(1))
        assert refusal.value.field == "through"
        assert liens.searches_of(scene.listing.id) == []

    def test_are_no_matter_of_the_sellers_own_people(self, scene, moderator, now):
        make_member(clinic=scene.seller_clinic, user=moderator, left_at=now + timedelta(1))
        with pytest.raises(OwnFilings):
            search(scene.listing, moderator, now)
        with pytest.raises(NotFound):
            made = Search("A", "B", now.date(), FilingFound.NOTHING, None, now)
            freeing.note_search(listing_id=uuid4(), actor_id=moderator.id, made=made)

    def test_one_on_the_unit_keeps_it_off_the_market_until_it_is_stated_or_gone(self, scene, moderator, now):
        unit = make_listing(clinic=scene.seller_clinic, state="in_review", handpieces=["DIODE_HR"], submitted_at=now)
        search(unit, moderator, now, found=FilingFound.THIS_UNIT, file_number="2024-1")
        with pytest.raises(FilingNotStated):
            listings.approve(listing_id=unit.id, actor_id=moderator.id, at=now)
        assert str(db.session.get_one(Listing, unit.id).state) == "in_review"
        stated(unit, now)
        liens.refuse_what_is_not_stated(unit)
        unit.particulars = {**unit.particulars, "title": "free"}
        search(unit, moderator, now, found=FilingFound.TERMINATED, file_number="2024-1")
        listings.approve(listing_id=unit.id, actor_id=moderator.id, at=now)
        assert str(db.session.get_one(Listing, unit.id).state) == "published"


class TestFreeing:
    def test_a_unit_without_a_lien_needs_nothing(self, now):
        scene = make_scene(now)
        order = make_order("funds_held", scene, at=now)
        assert freeing.of_order(order.id) is None
        assert freeing.of_order(uuid4()) is None
        with pytest.raises(Conflict, match="Nothing is stated to rest"):
            hand_in(order, scene.seller, now)
        orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)
        assert state_of(order) is OrderState.RELEASED_TO_SHIP

    def test_it_does_not_leave_before_the_release_was_found_good(self, scene, order, finance, now):
        lien = freeing.of_order(order.id)
        assert (lien.lender, lien.debtor_name, lien.freed, lien.takes_a_release) == (
            "First Equipment Finance", "Desert Aesthetics LLC", False, True,
        )  # fmt: skip
        with pytest.raises(LienRests):
            orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)
        hand_in(order, scene.seller, now)
        with pytest.raises(LienRests):
            orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)
        assert state_of(order) is OrderState.FUNDS_HELD

        judge(order, finance, now)
        assert freeing.of_order(order.id).freed
        orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)
        assert state_of(order) is OrderState.RELEASED_TO_SHIP

    def test_both_sides_hear_of_a_good_one(self, scene, order, finance, now):
        hand_in(order, scene.seller, now)
        before = len(promised_mails())
        judge(order, finance, now)
        told = [(mail.to, mail.context["subject"].split(" is ")[-1]) for mail in promised_mails()[before:]]
        assert told == [(scene.buyer.email, "free of its lien"), (scene.seller.email, "accepted")]
        kinds = db.session.scalars(select(AuditEvent.kind).where(AuditEvent.subject_id == order.id)).all()
        assert {"order:lien_release_handed_in", "order:lien_release_confirmed"} <= set(kinds)

    def test_one_that_does_not_do_keeps_it_and_another_can_follow(self, scene, order, finance, now):
        hand_in(order, scene.seller, now)
        judge(order, finance, now, confirmed=False, because="It names another serial number.")
        lien = freeing.of_order(order.id)
        assert (lien.freed, lien.takes_a_release, lien.releases[0].because) == (
            False, True, "It names another serial number.",
        )  # fmt: skip
        assert promised_mails()[-1].to == scene.seller.email
        with pytest.raises(LienRests):
            orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)
        hand_in(order, scene.seller, now)
        judge(order, finance, now)
        assert [one.confirmed for one in freeing.of_order(order.id).releases] == [True, False]

    def test_one_at_a_time(self, scene, order, finance, now):
        hand_in(order, scene.seller, now)
        with pytest.raises(Conflict, match="A release is here already"):
            hand_in(order, scene.seller, now)
        judge(order, finance, now)
        with pytest.raises(Conflict, match="A release is here already"):
            hand_in(order, scene.seller, now)

    def test_only_its_seller_hands_it_in(self, scene, order, now):
        with pytest.raises(NotForYou):
            hand_in(order, scene.buyer, now)
        with pytest.raises(NotFound):
            hand_in(order, make_user(), now)
        assert freeing.of_order(order.id).releases == ()

    def test_says_what_the_paper_is_and_is_one(self, scene, order, now):
        for words in (" ", "x" * 201):
            with pytest.raises(Invalid):
                hand_in(order, scene.seller, now, words=words)
        with pytest.raises(FileNotTaken):
            hand_in(order, scene.seller, now, content=b"MZ")
        assert freeing.of_order(order.id).releases == ()

    def test_is_over_once_the_order_is(self, scene, now):
        gone = make_order("cancelled", scene, at=now)
        with pytest.raises(Conflict, match="This order is over"):
            hand_in(gone, scene.seller, now)

    def test_finance_says_how_it_found_out_and_judges_nothing_of_its_own(self, scene, order, finance, now):
        hand_in(order, scene.seller, now)
        with pytest.raises(Invalid):
            judge(order, finance, now, because=" ")
        make_member(clinic=scene.clinic, user=finance, left_at=now + timedelta(1))
        with pytest.raises(OwnOrder):
            judge(order, finance, now)
        assert freeing.of_order(order.id).waits is not None

    def test_nothing_is_judged_that_does_not_wait(self, order, finance, now):
        with pytest.raises(Conflict, match="No release waits"):
            judge(order, finance, now)

    def test_the_desk_has_what_waits(self, scene, order, finance, now):
        document = hand_in(order, scene.seller, now)
        (one,) = freeing.waiting()
        assert (one.order_id, one.number, one.lender, one.document_id, one.words) == (
            order.id, order.number, "First Equipment Finance", document, "Release of 20 November",
        )  # fmt: skip
        judge(order, finance, now)
        assert freeing.waiting() == []


class TestFoundLater:
    """A filing on this very unit that staff find once it is ordered, and of which its seller said nothing."""

    @pytest.fixture
    def unstated(self, scene, now):
        scene.listing.particulars = {**scene.listing.particulars, "title": "free"}
        db.session.commit()
        return make_order("funds_held", scene, at=now)

    def buyers_mails(self):
        return promised_mails(Mail.context["subject"].astext.startswith("A filing was found"))

    def found(self, scene, moderator, now, found=FilingFound.THIS_UNIT):
        search(scene.listing, moderator, now, found=found, file_number="2024-1")

    def test_its_seller_is_told(self, scene, unstated, moderator, now):
        self.found(scene, moderator, now)

        (mail,) = promised_mails(Mail.template == "filing_found")
        assert mail.to == scene.seller.email
        assert mail.context == {
            "name": "Selma Vogt", "title": scene.listing.title, "listing_id": str(scene.listing.id),
            "office": "Arizona Secretary of State, online", "number": "2024-1",
        }  # fmt: skip

    def test_the_mail_can_be_read(self, scene, unstated, moderator, now, app, tmp_path):
        self.found(scene, moderator, now)
        (mail,) = promised_mails(Mail.template == "filing_found")
        mailer = SmtpMailer(app, settings_for("postgresql+psycopg://nowhere/none", tmp_path))

        message = mailer.written(mail_id=mail.id, to=mail.to, template=mail.template, context=mail.context)

        assert message["Subject"] == f"A filing was found on {scene.listing.title}"
        for kind in ("plain", "html"):
            words = message.get_body((kind,)).get_content()
            assert "found number 2024-1 (Arizona Secretary of State, online)" in words
            assert f"http://localhost/sell/{scene.listing.id}" in words

    @pytest.mark.parametrize("found", [FilingFound.NOTHING, FilingFound.NOT_THIS_UNIT, FilingFound.TERMINATED])
    def test_of_anything_else_nobody_is(self, scene, unstated, moderator, now, found):
        self.found(scene, moderator, now, found=found)
        assert promised_mails(Mail.template == "filing_found") == []

    @pytest.mark.parametrize("state", ["draft", "sold", "withdrawn"])
    def test_nor_where_it_is_not_for_sale(self, scene, moderator, now, state):
        gone = make_listing(clinic=scene.seller_clinic, state=state)
        search(gone, moderator, now, found=FilingFound.THIS_UNIT, file_number="2024-1")
        assert promised_mails(Mail.template == "filing_found") == []

    def test_who_ordered_it_is_told(self, scene, unstated, moderator, now):
        self.found(scene, moderator, now)

        (mail,) = self.buyers_mails()
        assert mail.to == scene.buyer.email
        assert mail.context["subject"] == f"A filing was found on the {scene.listing.title}"
        assert mail.context["path"] == f"/orders/{unstated.id}/lien"
        assert "that its seller had not stated. The seller was told." in mail.context["lines"][0]

    def test_both_once_for_each_time_that_one_comes_up(self, scene, unstated, moderator, now):
        this = FilingFound.THIS_UNIT
        for found, told in ((this, 1), (this, 1), (FilingFound.TERMINATED, 1), (this, 2)):
            self.found(scene, moderator, now, found=found)
            assert len(promised_mails(Mail.template == "filing_found")) == told
            assert len(self.buyers_mails()) == told

    @pytest.mark.parametrize("state", ["in_transit", "accepted", "cancelled"])
    def test_nobody_who_has_it_or_takes_it_no_more(self, scene, moderator, now, state):
        scene.listing.particulars = {**scene.listing.particulars, "title": "free"}
        db.session.commit()
        make_order(state, scene, at=now)
        search(scene.listing, moderator, now, found=FilingFound.THIS_UNIT, file_number="2024-1")
        assert self.buyers_mails() == []

    def test_nor_of_what_the_seller_states(self, scene, order, moderator, now):
        self.found(scene, moderator, now)
        assert promised_mails(Mail.template == "filing_found") == self.buyers_mails() == []

    def test_it_stays_until_a_release_was_found_good(self, scene, unstated, moderator, finance, now):
        self.found(scene, moderator, now)
        lien = freeing.of_order(unstated.id)
        assert (lien.lender, lien.payoff_through, lien.freed, lien.takes_a_release) == ("", None, False, True)
        with pytest.raises(LienRests):
            orders.release_to_ship(order_id=unstated.id, actor_id=scene.seller.id, at=now)
        assert state_of(unstated) is OrderState.FUNDS_HELD
        hand_in(unstated, scene.seller, now)
        assert freeing.waiting()[0].lender == "First Equipment Finance"  # Answers that the question left stay.
        judge(unstated, finance, now)
        orders.release_to_ship(order_id=unstated.id, actor_id=scene.seller.id, at=now)
        assert state_of(unstated) is OrderState.RELEASED_TO_SHIP

    @pytest.mark.parametrize("found", [FilingFound.NOT_THIS_UNIT, FilingFound.TERMINATED])
    def test_it_leaves_where_the_latest_search_found_none_on_it(self, scene, unstated, moderator, now, found):
        self.found(scene, moderator, now)
        self.found(scene, moderator, now, found)
        assert freeing.of_order(unstated.id) is None
        orders.release_to_ship(order_id=unstated.id, actor_id=scene.seller.id, at=now)
        assert state_of(unstated) is OrderState.RELEASED_TO_SHIP

    def test_one_that_was_released_to_ship_is_not_sent_off(self, scene, unstated, moderator, now):
        orders.release_to_ship(order_id=unstated.id, actor_id=scene.seller.id, at=now)
        self.found(scene, moderator, now)
        with pytest.raises(LienRests):
            orders.dispatch(order_id=unstated.id, actor_id=scene.seller.id, carrier="A", tracking="1", at=now)
        assert state_of(unstated) is OrderState.RELEASED_TO_SHIP

    @pytest.mark.parametrize("state", ["funds_held", "released_to_ship"])
    def test_it_is_looked_at_again_after_the_gate_was_asked(self, scene, moderator, now, monkeypatch, state):
        scene.listing.particulars = {**scene.listing.particulars, "title": "free"}
        db.session.commit()
        order = make_order(state, scene, at=now)
        ask = steps.ask_the_gate

        def ask_and_find(*args, **values):
            decision = ask(*args, **values)
            self.found(scene, moderator, now)
            return decision

        monkeypatch.setattr(steps, "ask_the_gate", ask_and_find)
        with pytest.raises(LienRests):
            if state == "funds_held":
                orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)
            else:
                orders.dispatch(order_id=order.id, actor_id=scene.seller.id, carrier="A", tracking="1", at=now)
        assert str(state_of(order)) == state

    def test_found_on_its_way_it_keeps_nobody_from_saying_that_it_arrived(self, scene, moderator, now):
        scene.listing.particulars = {**scene.listing.particulars, "title": "free"}
        db.session.commit()
        order = make_order("in_transit", scene, at=now)
        self.found(scene, moderator, now)
        signer = orders.Signer(member_id=scene.buyer.id)
        orders.report_arrival(order_id=order.id, actor_id=scene.buyer.id, signer=signer, at=now)
        assert state_of(order) is OrderState.UNDER_INSPECTION

    def test_the_database_refuses_it_as_well(self, scene, unstated, moderator, now):
        self.found(scene, moderator, now)
        yes = decide(unstated, Moment.SHIP_RELEASE, at=now)
        with assert_refused_by("device_leaves_free_of_its_lien"):
            db.session.execute(
                update(Order)
                .where(Order.id == unstated.id)
                .values(state=OrderState.RELEASED_TO_SHIP, release_decision_id=yes)
            )


class TestDatabase:
    def test_refuses_that_a_device_leaves_with_its_lien(self, order, now):
        yes = decide(order, Moment.SHIP_RELEASE, at=now)
        with assert_refused_by("device_leaves_free_of_its_lien"):
            db.session.execute(
                update(Order)
                .where(Order.id == order.id)
                .values(state=OrderState.RELEASED_TO_SHIP, release_decision_id=yes)
            )

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("filing_searches_filings_are_searched_under_a_name", {"debtor_name": " "}),
            ("filing_searches_filings_are_searched_somewhere", {"office": ""}),
            ("filing_searches_what_is_found_has_its_number", {"found": FilingFound.THIS_UNIT}),
            ("filing_searches_filings_are_searched_up_to_a_day_that_was", {"days": 2}),
        ],
    )
    def test_refuses_a_search_that_cannot_be(self, scene, moderator, now, constraint, changed):
        changed = {**changed, "through": now.date() + timedelta(changed.get("days", 0))}
        changed.pop("days", None)
        values = {
            "listing_id": scene.listing.id, "debtor_name": "A", "office": "B", "found": FilingFound.NOTHING,
            "searched_by": moderator.id, "at": now,
        }  # fmt: skip
        with assert_refused_by(constraint):
            db.session.add(FilingSearch(**values | changed))
            db.session.flush()

    @pytest.mark.parametrize("change", ["UPDATE filing_searches SET office = 'x'", "DELETE FROM filing_searches"])
    def test_keeps_what_was_found(self, scene, moderator, now, change):
        search(scene.listing, moderator, now)
        with assert_refused_by("filing_searches_stay"):
            db.session.execute(text(change))

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("lien_releases_lien_release_is_named", {"words": " "}),
            ("lien_releases_lien_judgement_is_whole", {"confirmed": True}),
            ("lien_releases_lien_judgement_is_whole", {"because": "So it is."}),
            ("one_lien_release_waits", {}),
        ],
    )
    def test_refuses_a_release_that_cannot_be(self, scene, order, now, constraint, changed):
        hand_in(order, scene.seller, now)
        release = self.release(scene, order, now, **changed)
        with assert_refused_by(constraint):
            db.session.add(release)
            db.session.flush()

    def release(self, scene, order, now, **changed):
        values = {
            "order_id": order.id, "document_id": make_document(owner=scene.seller).id, "words": "x",
            "handed_in_by": scene.seller.id, "handed_in_at": now,
        }  # fmt: skip
        return LienRelease(**values | changed)

    def test_refuses_a_second_one_that_frees_a_paper_twice_and_a_judge_of_their_own(self, scene, order, finance, now):
        document = hand_in(order, scene.seller, now)
        judge(order, finance, now)
        judged = {"confirmed": True, "because": "x", "judged_by": finance.id, "judged_at": now}
        for constraint, changed in (
            ("one_lien_release_frees", judged),
            ("uq_lien_releases_document_id", {"document_id": document}),
            (
                "lien_releases_nobody_judges_their_own_release",
                judged | {"judged_by": scene.seller.id, "confirmed": False},
            ),
        ):
            release = self.release(scene, order, now, **changed)
            with assert_refused_by(constraint):
                db.session.add(release)
                db.session.flush()

    @pytest.mark.parametrize("change", ["UPDATE lien_releases SET words = 'x'", "DELETE FROM lien_releases"])
    def test_keeps_a_release_as_it_was_handed_in(self, scene, order, now, change):
        hand_in(order, scene.seller, now)
        with assert_refused_by("lien_release_is_judged_once"):
            db.session.execute(text(change))

    def test_lets_a_release_be_judged_once(self, scene, order, finance, now):
        hand_in(order, scene.seller, now)
        judge(order, finance, now)
        with assert_refused_by("lien_release_is_judged_once"):
            db.session.execute(text("UPDATE lien_releases SET confirmed = false"))

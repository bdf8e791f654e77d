"""The filter by the gate's answer shows and counts what the gate answers, row by row, whatever happened before it asked."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select

from marketplace.catalog.models import DeviceModel
from marketplace.clinics.states import SellerStanding
from marketplace.eligibility import publishing, told
from marketplace.eligibility import service as eligibility
from marketplace.eligibility.devices import devices_of
from marketplace.eligibility.facts import Asked
from marketplace.eligibility.gathering import circumstances_of, sellers_of
from marketplace.eligibility.models import PolicyStanding
from marketplace.eligibility.remembering import Memory
from marketplace.eligibility.rulebook import reference_document
from marketplace.eligibility.sale import Purchase
from marketplace.eligibility.verdict import Reach
from marketplace.extensions import db, reading
from marketplace.listings import figures, kinds, qualified, search
from marketplace.listings import queries as listings
from marketplace.listings.asked import ask
from marketplace.listings.market import MarketKind, MarketUnit
from marketplace.listings.models import Listing
from marketplace.listings.qualified import Reached, reached_by
from marketplace.listings.states import ListingState
from marketplace.recalls.models import Recall, RecallMatch, RecallRelease
from marketplace.recalls.states import MatchState
from marketplace.registers.models import RegisterSnapshot
from tests.factories.accounts import kept, make_staff
from tests.factories.catalog import make_model
from tests.factories.clinics import make_clinic
from tests.factories.credentials import make_credential
from tests.factories.documents import make_document
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_scene
from tests.factories.recalls import make_recall
from tests.factories.registers import make_snapshot
from tests.support import count_statements

KINDS = (("DIODE_HR",), ("ALEX",), ("ALEX", "NDYAG_LP"), ("CO2",), ("IPL",))


@pytest.fixture
def scene(scene):
    """A clinic of Texas, and two units of each kind for sale by its seller."""
    for codes in KINDS:
        model = make_model(modality_codes=codes)
        for _ in range(2):
            make_listing(clinic=scene.seller_clinic, model=model, handpieces=[make_handpiece(code) for code in codes])
    return scene


@pytest.fixture
def purchase(scene):
    return Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)


@pytest.fixture
def judged(monkeypatch):
    """How many questions the gate is asked anew by a process that knows no answer yet."""
    asked = []
    monkeypatch.setattr(eligibility, "_answered", Memory(8))
    narrowed = eligibility.narrowed
    monkeypatch.setattr(eligibility, "narrowed", lambda *given: asked.append(given) or narrowed(*given))
    return asked


def shown(purchase, at, **wanted) -> dict:
    """What each answer of the filter shows; what it counts must be as many, whichever answers are chosen."""
    known = reached_by(purchase=purchase, at=at)
    asked = search.Wanted(**wanted)
    by_reach = {}
    for reach in Reach:
        found = search.find(known.narrow(asked, [reach]))
        assert found.total == len(found.cards)
        by_reach |= {card.id: reach for card in found.cards}
    assert Counter(by_reach.values()) == known.count(asked) == known.count(known.narrow(asked, [Reach.MISSING]))
    figures.forget()
    search.find(known.narrow(asked, [Reach.TODAY]), next_to=known.next_to)
    assert {known_by.counted_by for known_by in map(_ready, known.next_to(asked))} <= set(figures.remembered())
    assert known.count(asked) == Counter(by_reach.values())
    both = search.find(known.narrow(asked, [Reach.TODAY, Reach.CLOSED]))
    assert {card.id for card in both.cards} == {one for one, reach in by_reach.items() if reach is not Reach.MISSING}
    return by_reach


def _ready(wanted):
    with reading() as connection:
        return ask(kinds.market(connection), wanted)


def judged_one_by_one(purchase, at) -> dict:
    """What the gate answers about each unit on its own, from facts that were gathered row by row."""
    around, policy = circumstances_of(purchase), publishing.published_policy().policy
    sales = listings.sales_of(listings.for_sale())
    devices, sellers = devices_of(sales), sellers_of(sales)
    gists = {}
    for sale in sales:
        device, seller = devices[sale.listing_id], sellers[sale.seller_clinic_id]
        gists[sale.listing_id] = eligibility.narrowed(
            around.with_device(asked=Asked.PREVIEW, device=device, seller=seller), policy, at
        ).gist
    return gists


def on_cards(purchase, at) -> dict:
    """What the cards of the first page say."""
    cards = search.find(search.Wanted()).cards
    return qualified.of_cards(cards, purchase=told.around(purchase), at=at, version=search.version())


def ways(gists) -> dict:
    return {listing_id: gist.reach for listing_id, gist in gists.items()}


def test_asks_the_gate_once_about_each_different_question(scene, purchase, judged, now):
    first = reached_by(purchase=purchase, at=now)
    assert len(judged) == len(KINDS) + 1

    assert reached_by(purchase=purchase, at=now + timedelta(seconds=1)) == first
    assert len(judged) == len(KINDS) + 1


def test_asks_again_for_another_operator_and_about_another_unit(scene, purchase, judged, now):
    reached_by(purchase=purchase, at=now)
    before = len(judged)

    make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("RF_NEEDLE")])
    reached_by(purchase=purchase, at=now)
    assert len(judged) == before + 1

    reached_by(purchase=replace(purchase, operator_id=scene.practitioner.id), at=now)
    assert len(judged) == 2 * before + 2


def test_an_empty_market_asks_nothing(now):
    scene = make_scene(now)
    scene.listing.state = ListingState.WITHDRAWN
    db.session.flush()
    purchase = Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)

    assert reached_by(purchase=purchase, at=now) == Reached()


def test_counts_a_kind_that_came_between_two_statements(scene, purchase, now):
    version = search.version()
    known = reached_by(purchase=purchase, at=now, version=version)
    before = known.count(search.Wanted(), version=version)
    make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("RF_NEEDLE")])
    figures.forget()

    assert known.count(search.Wanted(), version=version) == before | {Reach.CLOSED: before[Reach.CLOSED] + 1}


def test_counts_figures_that_are_newer_than_the_kinds_known(scene, purchase, now):
    """Another thread may keep figures with a kind that was not there yet when this one read the kinds."""
    known = reached_by(purchase=purchase, at=now)
    before, stale = known.count(search.Wanted()), kinds._known[0]
    make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("RF_NEEDLE")])
    search.find(search.Wanted())
    kinds._known[0] = kinds.Market(search.version(), stale.kinds, stale.vocabulary)

    assert known.count(search.Wanted()) == before | {Reach.CLOSED: before[Reach.CLOSED] + 1}


def change_a_recall(lot):
    """Open a recall of a model, or end it, or open it again."""
    model_id = lot.choice(db.session.scalars(select(Listing.model_id).order_by(Listing.id).limit(4)).all())
    match = db.session.scalar(select(RecallMatch).where(RecallMatch.model_id == model_id))
    if match is None:
        make_recall(model_id, number=f"Z-{model_id}", state=MatchState.CONFIRMED)
    else:
        match.state = MatchState.CLOSED if match.state is MatchState.CONFIRMED else MatchState.CONFIRMED


def let_a_unit_out(lot, at):
    """Let a unit out of a recall of its model, or take that back."""
    found = select(RecallMatch, Listing).join(Listing, Listing.model_id == RecallMatch.model_id)
    rows = db.session.execute(found.order_by(RecallMatch.found_at, Listing.id)).all()
    if not rows:
        return
    match, unit = lot.choice(rows)
    release = db.session.scalar(
        select(RecallRelease).where(RecallRelease.serial == unit.serial_normal, RecallRelease.ended_at.is_(None))
    )
    if release is None:
        let_out(match, unit, at)
    else:
        release.ended_at, release.ended_because = at, "Wrong."


def let_out(match, unit, at):
    return kept(
        RecallRelease(
            match_id=match.id, kind="corrected", serial=unit.serial_normal, document_id=make_document().id,
            performed_by="Candela", performed_on=at.date(), words="Kit 7.", proposed_by=make_staff().id,
            proposed_at=at, confirmed_by=make_staff().id, confirmed_at=at,
        )
    )  # fmt: skip


def test_what_a_newer_file_says_of_a_recall_is_another_market(scene, now):
    match = make_recall(scene.listing.model_id, state=MatchState.CONFIRMED)
    recall = db.session.get(Recall, match.recall_id)
    seen = {search.version()}

    recall.firm = "Another Firm"
    db.session.flush()
    seen.add(search.version())
    db.session.get(RegisterSnapshot, recall.snapshot_id).retrieved_at = now - timedelta(days=2)
    db.session.flush()
    seen.add(search.version())
    make_snapshot("US:FDA:ENFORCEMENT")
    seen.add(search.version())
    assert len(seen) == 4

    db.session.get(RegisterSnapshot, recall.snapshot_id).rows_read += 1
    db.session.flush()
    assert search.version() in seen


def test_cards_cost_no_statement_unless_one_of_them_was_decided_about_on_its_own(scene, purchase, now):
    around, version = told.around(purchase), search.version()
    cards = search.find(search.Wanted()).cards
    qualified.of_cards(cards, purchase=around, at=now, version=version)
    with count_statements() as sent:
        qualified.of_cards(cards, purchase=around, at=now, version=version)
    assert sent == []


def test_a_card_of_an_unchecked_seller_says_what_its_own_page_says(scene, purchase, now):
    seller = make_clinic(name="Nobody Looked")
    model = db.session.get_one(DeviceModel, scene.listing.model_id)
    twin = make_listing(clinic=seller, model=model, handpieces=[make_handpiece("DIODE_HR")])
    assert twin.configuration == scene.listing.configuration

    said = on_cards(purchase, now)
    assert said == judged_one_by_one(purchase, now)
    assert said[twin.id].reach is not said[scene.listing.id].reach


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_it_is_what_judging_every_row_would_show(scene, purchase, now, seed):
    lot, at = Random(seed), now
    proposer, publisher = make_staff(), make_staff()
    licences = [scene.licence, scene.prescriber]

    def change_a_paper():
        lot.choice(licences).jurisdiction = lot.choice(["TX", "TX", "TX", "AZ"])

    def let_a_paper_end():
        lot.choice(licences).expires_on = (at + timedelta(days=lot.choice([-1, 0, 300, 300, 300]))).date()

    def bring_a_paper():
        made = make_credential(
            holder=lot.choice([scene.buyer, scene.practitioner]), verified_at=at, expires_on=at.date() + timedelta(400)
        )
        licences.append(made)

    def change_a_unit():
        unit = lot.choice(db.session.scalars(select(Listing).order_by(Listing.id)).all())
        unit.state = lot.choice([ListingState.PUBLISHED, ListingState.PUBLISHED, ListingState.WITHDRAWN])
        unit.price_minor = lot.choice([3_900_000, 4_250_000])

    def bring_a_unit():
        codes = lot.choice(KINDS)
        make_listing(
            clinic=scene.seller_clinic,
            model=make_model(modality_codes=codes),
            handpieces=[make_handpiece(code) for code in codes],
        )

    def change_the_seller():
        scene.seller_clinic.seller_standing = lot.choice([SellerStanding.VERIFIED] * 3 + [SellerStanding.SUSPENDED])
        suspended = scene.seller_clinic.seller_standing is SellerStanding.SUSPENDED
        scene.seller_clinic.seller_reason = "Sold what it did not own." if suspended else None

    def change_the_rules():
        document = reference_document()
        kept = [rule for rule in document["rules"] if not rule["id"].startswith("TX") or lot.random() < 0.8]
        version = publishing.draft_policy(
            document=document | {"rules": kept}, standing=PolicyStanding.REFERENCE, proposed_by=proposer.id, at=at
        )
        publishing.publish_policy(version_id=version, published_by=publisher.id, at=at)

    def let_time_pass():
        nonlocal at
        at += timedelta(hours=lot.choice([0, 1, 7, 30]))

    deeds = (
        change_a_paper, let_a_paper_end, bring_a_paper, change_a_unit, bring_a_unit, change_the_seller, change_the_rules,
        let_time_pass, let_time_pass, lambda: change_a_recall(lot), lambda: let_a_unit_out(lot, at), lambda: let_a_unit_out(lot, at),
    )  # fmt: skip
    seen = set()
    for _ in range(25):
        lot.choice(deeds)()
        db.session.flush()
        gists = judged_one_by_one(purchase, at)
        assert on_cards(purchase, at) == gists
        expected = ways(gists)
        assert shown(purchase, at) == expected
        dear = {one.id for one in db.session.scalars(select(Listing).where(Listing.price_minor > 4_000_000))}
        assert shown(purchase, at, text="austin", spans={"price": (4_000_001, None)}) == {
            one: reach for one, reach in expected.items() if one in dear
        }
        seen.update(expected.values())
    assert len(seen) > 1


class TestLetOutOfARecall:
    """A recalled model's unit that was cleared is found as what it is, and no other with it."""

    @pytest.fixture
    def units(self, now):
        """A clinic that is cleared, and three units for sale that nothing tells apart but their serial numbers."""
        scene = make_scene(now)
        others = [
            make_listing(clinic=scene.seller_clinic, model=db.session.get(DeviceModel, scene.listing.model_id),
                         handpieces=[part.modality_code for part in scene.listing.handpieces])
            for _ in range(2)
        ]  # fmt: skip
        make_recall(scene.listing.model_id, state=MatchState.CONFIRMED)
        purchase = Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)
        return [scene.listing, *others], purchase

    def of(self, unit):
        return db.session.scalar(select(RecallMatch).where(RecallMatch.model_id == unit.model_id))

    @pytest.mark.parametrize("which", range(3))
    def test_is_found_alone_whichever_it_is(self, units, now, which):
        (lot, purchase), one = units, units[0][which].id
        release = let_out(self.of(lot[which]), lot[which], now)
        answers = shown(purchase, now)
        assert {unit for unit, reach in answers.items() if reach is Reach.TODAY} == {one}
        assert answers == ways(judged_one_by_one(purchase, now))
        free = search.find(search.Wanted(chosen={"recall": ("none",)}))
        assert [card.id for card in free.cards] == [one]
        assert free.counts["recall"] == {"none": 1, "open": 2}

        release.ended_at, release.ended_because = now, "Wrong."
        db.session.flush()
        assert set(shown(purchase, now).values()) == {Reach.CLOSED}
        assert search.find(search.Wanted(chosen={"recall": ("none",)})).total == 0

    def test_of_one_of_two_recalls_is_still_under_the_other(self, units, now):
        lot, purchase = units
        let_out(self.of(lot[0]), lot[0], now)
        make_recall(lot[0].model_id, number="Z-2-2026", state=MatchState.CONFIRMED)

        assert set(shown(purchase, now).values()) == {Reach.CLOSED}
        assert search.find(search.Wanted(chosen={"recall": ("none",)})).total == 0

    def test_is_nothing_special_once_the_recall_is_over(self, units, now):
        lot, purchase = units
        match = self.of(lot[0])
        let_out(match, lot[1], now)
        match.state = MatchState.CLOSED
        db.session.flush()

        assert set(shown(purchase, now).values()) == {Reach.TODAY}
        rows = db.session.execute(select(MarketKind.spared).join(MarketUnit, MarketUnit.kind_id == MarketKind.id)).all()
        assert [row.spared for row in rows] == [False] * 3

"""What a draft would change: exactly what the gate itself would answer differently, in bounded work."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete

from marketplace.clinics import places
from marketplace.clinics import queries as clinics
from marketplace.clinics.models import ClinicMember
from marketplace.eligibility import editing, publishing, service, simulating, told
from marketplace.eligibility.policy import Policy
from marketplace.eligibility.reasons import CureCode, Key, ReasonCode
from marketplace.eligibility.sale import Purchase
from marketplace.eligibility.simulating import Flip, Simulation
from marketplace.eligibility.verdict import Objection
from marketplace.extensions import db
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import queries as listings
from marketplace.orders import simulating as market
from marketplace.orders.states import UNSHIPPED
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member, make_site
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_order, make_scene, place
from tests.support import count_statements


@pytest.fixture
def before(scene):
    return publishing.published_policy().policy


def without(policy: Policy, *rule_ids: str) -> Policy:
    document = policy.document
    return Policy(replace(document, rules=tuple(rule for rule in document.rules if rule.id not in rule_ids)))


def simulate(before, after, now, **changes):
    asked = {
        "before": before,
        "after": after,
        "sales": listings.sales_of(listings.for_sale()),
        "sites": clinics.open_sites(),
        "orders": [],
        "at": now,
    }
    return simulating.simulate(**{**asked, **changes})


def test_says_for_everybody_what_the_gate_itself_would_say(scene, before, now):
    for code in ("DIODE_HR", "ALEX", "CO2"):
        make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece(code)])
    after = without(before, "TX-HAIR-TDLR-1")
    sales = listings.sales_of(listings.for_sale())

    found = simulate(before, after, now)

    lost = {(flip.user_id, listing) for flip in found.flips if not flip.gains for listing in flip.listing_ids}
    expected = set()
    for member in clinics.members_of(scene.clinic.id):
        purchase = Purchase(buyer_id=member.user_id, clinic_id=scene.clinic.id, site_id=scene.site.id,
                            operator_id=member.user_id)  # fmt: skip
        verdicts = service.previews(sales=sales, purchase=purchase, at=now)
        expected |= {
            (member.user_id, sale.listing_id) for sale, said in zip(sales, verdicts, strict=True) if said.cleared
        }
    assert lost == expected
    assert scene.buyer.id in {user for user, _ in lost}
    assert found.listings_lost == 3
    assert found.listings_gained == 0
    assert found.looked_at == (4, 4)


def test_the_other_way_round_it_is_a_gain_with_what_stood_against_it(scene, before, now):
    found = simulate(without(before, "TX-HAIR-TDLR-1"), before, now)

    assert {flip.gains for flip in found.flips} == {True}
    assert found.listings_gained == 1
    assert all("No rule that was read" in flip.why[0].sentence for flip in found.flips)
    assert {one.scenario.place for one in found.vectors} == {"TX"}


def test_places_that_it_does_not_reach_are_not_asked_about(scene, before, now):
    with count_statements() as sent:
        found = simulate(before, without(before, "NV-ADV-EST-1"), now)

    assert (found.flips, found.looked_at) == ((), (1, 0))
    assert len(sent) <= 8


def test_a_change_beside_the_rules_reaches_every_place(scene, before, now):
    document = before.document
    prescribers = tuple(replace(entry, types=("PA",)) for entry in document.ordering.prescribers)
    strict = Policy(replace(document, ordering=replace(document.ordering, prescribers=prescribers)))

    found = simulate(before, strict, now)

    assert {flip.user_id for flip in found.flips} >= {scene.buyer.id}
    assert found.comparison.beside


def test_units_that_are_alike_are_asked_about_once(scene, before, now, monkeypatch):
    for _ in range(6):
        make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")])
    after, asked = without(before, "TX-HAIR-TDLR-1"), []
    monkeypatch.setattr(
        simulating, "narrowed", lambda facts, policy, at: asked.append(facts) or service.narrowed(facts, policy, at)
    )
    with count_statements() as many:
        found = simulate(before, after, now)

    assert found.listings_lost == 7
    assert len(asked) == 4 * 2
    listings_before = listings.sales_of(listings.for_sale()[:1])
    with count_statements() as one:
        simulate(before, after, now, sales=listings_before)
    assert len(many) <= len(one) + 2


def test_a_model_counts_for_somebody_who_was_trained_on_one(scene, before, now):
    trained = make_user(name="Tara Trained")
    make_member(clinic=scene.clinic, user=trained, role=ClinicRole.TECHNICIAN)
    make_credential(
        type_code="MODEL_TRAINING", holder=trained, verifier=make_staff(), at=now - timedelta(days=2),
        device_model_id=scene.listing.model_id,
    )  # fmt: skip
    make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")])
    sales = listings.sales_of(listings.for_sale())
    devices = simulating.devices_of(sales)
    units = [simulating._Unit(sale.listing_id, devices[sale.listing_id], None) for sale in sales]
    (site,) = [site for site in clinics.open_sites() if site.id == scene.site.id]
    there = simulating._standpoints(site, told.at_site(site.id))

    kinds = {around.operator.name: simulating._kinds(units, around) for _, around in there}

    assert len(kinds["Tara Trained"]) == 2
    assert len(kinds["Alice Martin"]) == 1


def a_draft_without(rule_id, now):
    actor = make_staff("admin").id
    draft = editing.draft_from_published(actor_id=actor, at=now)
    editing.drop_rule(version_id=draft, revision=1, rule_id=rule_id, actor_id=actor, at=now)
    return draft


def test_open_orders_are_asked_about_at_their_next_moment(scene, now):
    order = make_order("awaiting_practitioner", scene, at=now)
    draft = a_draft_without("TX-HAIR-TDLR-1", now)

    found = market.simulate(version_id=draft, at=now)

    (flip,) = found.orders
    assert (flip.order_id, flip.number, flip.gains) == (order.id, order.number, False)
    assert (flip.listing_id, flip.buyer_id) == (scene.listing.id, scene.buyer.id)
    assert "hair removal" in flip.why[0].sentence.lower()
    assert [cure.code for cure in flip.why[0].cures] == [CureCode.ASK_FOR_REVIEW]
    assert found.looked_at[0] == 0


@pytest.mark.parametrize("state", sorted(UNSHIPPED))
def test_every_order_whose_device_has_not_left_is_asked_about(scene, now, state):
    order = make_order(state, scene, at=now)
    draft = a_draft_without("TX-HAIR-TDLR-1", now)

    assert [flip.order_id for flip in market.simulate(version_id=draft, at=now).orders] == [order.id]


def test_each_site_is_told_of_once_with_whoever_buys_for_it(scene, now):
    draft = a_draft_without("TX-HAIR-TDLR-1", now)
    make_order("awaiting_practitioner", scene, at=now)
    market.simulate(version_id=draft, at=now)
    with count_statements() as one:
        market.simulate(version_id=draft, at=now)
    for _ in range(2):
        unit = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")])
        place(scene, at=now, listing_id=unit.id)
    make_site(clinic=scene.clinic, state="TX", name="Second")
    market.simulate(version_id=draft, at=now)
    with count_statements() as more:
        found = market.simulate(version_id=draft, at=now)

    assert len(found.orders) == 3
    assert len(more) == len(one) + 1


def test_who_bought_and_has_left_is_asked_about_as_the_gate_will(scene, now):
    draft = a_draft_without("TX-HAIR-TDLR-1", now)
    make_order("awaiting_practitioner", scene, at=now)
    db.session.execute(delete(ClinicMember).where(ClinicMember.user_id == scene.buyer.id))

    assert market.simulate(version_id=draft, at=now).orders == ()


def test_a_clinic_that_everybody_has_left_is_asked_about_nobody(scene, before, now):
    db.session.execute(delete(ClinicMember).where(ClinicMember.clinic_id == scene.clinic.id))

    assert simulate(before, without(before, "TX-HAIR-TDLR-1"), now).flips == ()


def test_an_order_for_a_closed_site_keeps_nobody_from_simulating(scene, now):
    make_order("awaiting_practitioner", scene, at=now)
    owner = make_member(clinic=scene.clinic, role=ClinicRole.OWNER).user_id
    places.close_site(site_id=scene.site.id, actor_id=owner, at=now)
    draft = editing.draft_from_published(actor_id=make_staff("admin").id, at=now)

    assert market.simulate(version_id=draft, at=now).orders == ()


def test_an_order_whose_answer_stays_is_not_named(scene, now):
    make_order("awaiting_practitioner", scene, at=now)
    draft = editing.draft_from_published(actor_id=make_staff("admin").id, at=now)

    assert market.simulate(version_id=draft, at=now).orders == ()


def test_what_changes_is_counted_by_reason(scene, now):
    make_order("awaiting_practitioner", make_scene(now), at=now)
    draft = a_draft_without("TX-HAIR-TDLR-1", now)

    found = market.simulate(version_id=draft, at=now)

    (counted,) = found.reasons
    assert (counted.code, counted.gains) == (ReasonCode.NO_RULE, False)
    assert (counted.standpoints, counted.listings, counted.orders) == (len(found.flips), 1, 1)
    assert counted.standpoints >= 2
    assert "No rule that was read" in counted.sentence


def test_what_falls_away_is_counted_apart_from_what_newly_stands():
    where = object()
    said = [objection(ReasonCode.NO_RULE, "first"), objection(ReasonCode.NO_RULE, "second")]
    flips = (
        Flip(UUID(int=1), "A", where, True, (UUID(int=7), UUID(int=8)), tuple(said)),
        Flip(UUID(int=2), "B", where, False, (UUID(int=7),), (objection(ReasonCode.EXPIRED, "over"),)),
        Flip(UUID(int=3), "C", where, False, (UUID(int=7),), (objection(ReasonCode.EXPIRED, "also over"),)),
    )

    found = Simulation(None, flips, (), (), (0, 0))

    assert [
        (one.gains, one.code, one.sentence, one.standpoints, one.listings, one.orders) for one in found.reasons
    ] == [
        (False, ReasonCode.EXPIRED, "over", 2, 1, 0),
        (True, ReasonCode.NO_RULE, "first", 1, 2, 0),
    ]


def objection(code, sentence):
    return Objection(code, Key.RULE, (), sentence, ())

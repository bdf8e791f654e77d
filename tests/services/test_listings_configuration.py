"""A unit's configuration is what the gate looks at in it, whoever writes the row: the market is judged by it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from marketplace.eligibility import service as eligibility
from marketplace.eligibility.sale import Purchase
from marketplace.extensions import db
from marketplace.listings import drafting, queries, search
from marketplace.listings.conditions import configuration
from marketplace.listings.models import Handpiece, Listing
from marketplace.listings.terms import Modification
from tests.conftest import NOON
from tests.factories.accounts import make_user
from tests.factories.catalog import make_model, real_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_scene
from tests.support import assert_refused_by

NOW_IN_FORCE = text("SET CONSTRAINTS ALL IMMEDIATE")


def counted_slowly(listing: Listing) -> tuple[set[str], str]:
    """What the row should say, from its parts alone."""
    codes = db.session.scalars(select(Handpiece.modality_code).where(Handpiece.listing_id == listing.id)).all()
    stated = configuration(
        model_id=listing.model_id,
        modality_codes=codes,
        rx_label_present=listing.rx_label_present,
        id_label_present=listing.id_label_present,
        modification=listing.modification,
    )
    return set(codes), stated


ANSWER = st.sampled_from([None, True, False])
EDIT = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(["ALEX", "IPL", "CO2", "DIODE_HR"])),
    st.tuples(st.just("change"), st.sampled_from(["ALEX", "IPL", "CO2"])),
    st.tuples(st.just("remove"), st.none()),
    st.tuples(st.just("model"), st.integers(0, 1)),
    st.tuples(st.just("terms"), st.tuples(ANSWER, ANSWER, st.sampled_from([None, *Modification]))),
)


class TestNeverWrong:
    @settings(max_examples=25, deadline=None)
    @given(st.lists(EDIT, min_size=1, max_size=8))
    def test_after_any_edits_it_is_what_a_slow_recount_finds(self, app, edits):
        seller = make_user()
        models = [make_model(), make_model()]
        draft = make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True), model=models[0])
        for what, value in edits:
            self.edit(draft.id, seller.id, models, what, value)
            db.session.execute(NOW_IN_FORCE)
            db.session.execute(text("SET CONSTRAINTS ALL DEFERRED"))
            row = db.session.get_one(Listing, draft.id, populate_existing=True)
            assert (set(row.modality_codes), row.configuration) == counted_slowly(row)

    def edit(self, listing_id, actor_id, models, what, value):
        mine = {"listing_id": listing_id, "actor_id": actor_id}
        parts = queries.listing(listing_id).handpieces
        if what in ("add", "change"):
            part = parts[0].id if what == "change" and parts else None
            drafting.put_handpiece(
                **mine, handpiece_id=part, name="Head", modality_code=value, serial="", counter=None,
                rated_life=None, rated_life_source="", at=NOON,
            )  # fmt: skip
        elif what == "remove" and parts:
            drafting.remove_handpiece(**mine, handpiece_id=parts[-1].id)
        elif what == "model":
            drafting.describe_device(
                **mine, model_id=models[value].id, serial="", year=None, city="Austin", state_code="TX", at=NOON
            )
        elif what == "terms":
            rx, label, modification = value
            drafting.attest(**mine, rx_label_present=rx, id_label_present=label, modification=modification, said={})

    @pytest.mark.parametrize(
        "lie",
        [
            "UPDATE listings SET configuration = 'x'",
            "UPDATE listings SET modality_codes = '{IPL}'",
            "UPDATE listings SET modality_codes = '{ALEX,ALEX}'",
            "UPDATE listings SET rx_label_present = NOT rx_label_present",
            "UPDATE listings SET id_label_present = NOT id_label_present",
            "UPDATE listings SET modification = 'unknown'",
            "UPDATE listing_handpieces SET modality_code = 'IPL'",
            "DELETE FROM listing_handpieces",
        ],
    )
    def test_the_database_refuses_a_row_that_says_something_else(self, lie):
        make_listing(handpieces=["ALEX"])
        with assert_refused_by("listings_say_what_they_sell"):
            db.session.execute(text(lie))
            db.session.execute(NOW_IN_FORCE)

    def test_the_database_refuses_a_handpiece_that_nothing_speaks_of(self):
        listing = make_listing(handpieces=["ALEX"])
        with assert_refused_by("listings_say_what_they_sell"):
            db.session.add(make_handpiece("ALEX", listing_id=listing.id, position=2))
            db.session.flush()
            db.session.execute(NOW_IN_FORCE)

    def test_a_listing_leaves_with_its_handpieces(self):
        listing = make_listing(state="draft", handpieces=["ALEX"])
        db.session.execute(text("ALTER TABLE listing_moves DISABLE TRIGGER ALL"))
        db.session.execute(text("DELETE FROM listing_moves WHERE listing_id = :id"), {"id": listing.id})
        db.session.execute(text("DELETE FROM listings WHERE id = :id"), {"id": listing.id})
        db.session.execute(NOW_IN_FORCE)

        assert db.session.scalars(select(Handpiece).where(Handpiece.listing_id == listing.id)).all() == []


class TestQualifiedFor:
    def test_units_of_one_configuration_get_one_answer(self, now):
        """Judging each different configuration once finds exactly what judging every unit finds."""
        scene = make_scene(now)
        m22 = real_model("Lumenis M22")
        for parts in (
            ["DIODE_HR"],
            ["CO2"],
            ["DIODE_HR", "CO2"],
            ["CO2", "DIODE_HR"],
            ["IPL"],
            ["DIODE"],
            ["DIODE", "DIODE"],
        ):
            for values in ({}, {"rx_label_present": False}, {"modification": Modification.UNKNOWN}):
                make_listing(clinic=scene.seller_clinic, model=m22, handpieces=parts, **values)
        make_listing(clinic=make_clinic(), handpieces=["DIODE_HR"])
        purchase = Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)
        known = search.configurations()
        units = list(db.session.scalars(select(Listing)))

        def verdicts(sales):
            answers = eligibility.previews(sales=sales, purchase=purchase, at=now)
            return {sale.listing_id: verdict for sale, verdict in zip(sales, answers, strict=True)}

        once = verdicts(queries.sales_of(one.listing_id for one in known))
        by_key = {one.key: once[one.listing_id] for one in known}
        every = verdicts(queries.sales_of(unit.id for unit in units))
        cleared = {key for key, verdict in by_key.items() if verdict.cleared}
        found = search.find(replace(search.Wanted(), configurations=tuple(cleared)))

        assert {card.id for card in found.cards} == {unit for unit, verdict in every.items() if verdict.cleared}
        assert found.total == len(found.cards) == 3
        assert found.counts["modality"] == {"DIODE_HR": 2, "IPL": 1}
        for unit in units:
            if unit.clinic_id == scene.seller_clinic.id:
                one, own = by_key[unit.configuration], every[unit.id]
                assert (one.outcome, len(one.objections)) == (own.outcome, len(own.objections))

"""The market's own rows are what a slow recount of the listings finds, whoever changed what, and in whichever order."""

from collections import Counter
from dataclasses import replace
from runpy import run_path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import MultiRange, Range

from marketplace.catalog import queries as catalog
from marketplace.clinics.models import Clinic
from marketplace.extensions import db, reading
from marketplace.kernel import clock
from marketplace.kernel.text import normal_number
from marketplace.listings import asked as questions
from marketplace.listings import figures, kinds, landed, recounting, search
from marketplace.listings import queries as listing_queries
from marketplace.listings.derived import derive
from marketplace.listings.facets import FACE_FACETS, KIND_FACETS, RANGES
from marketplace.listings.ladders import LADDERS, LIGHT, Step
from marketplace.listings.market import (
    UNKNOWN,
    MarketCount,
    MarketFace,
    MarketKind,
    MarketPlace,
    MarketShard,
    MarketSpots,
    MarketUnit,
)
from marketplace.listings.models import Handpiece, Listing, Photo
from marketplace.listings.places import miles, point_of
from marketplace.listings.search import Near, Wanted, find
from marketplace.listings.terms import CounterDirection, CounterUnit, Grade, Recertification
from marketplace.recalls.models import RecallMatch, RecallRelease
from marketplace.recalls.states import MatchState
from marketplace.web import landing
from tests.factories.accounts import make_staff
from tests.factories.catalog import make_maker, make_model, real_model
from tests.factories.clinics import make_clinic
from tests.factories.documents import make_document
from tests.factories.listings import make_handpiece, make_listing, make_photo
from tests.factories.recalls import make_recall
from tests.support import assert_refused_by

STATES = ["draft", "published", "reserved", "sold", "withdrawn"]


def slow_units():
    """What stands on the market, read from the listings themselves."""
    checked = dict(db.session.execute(select(Clinic.id, Clinic.seller_standing == "verified")).all())
    recalls = recalled()
    return {
        one.id: (
            one.configuration, checked[one.clinic_id], tuple(sorted(one.modality_codes)), one.state_code, str(one.grade),
            tuple(one.traits), one.published_at, one.price_minor, one.year,
            2**31 - 1 if one.life_used_percent is None else one.life_used_percent, one.shots_left, slow_landed(one),
            one.latitude, one.longitude, recalls.get(one.id) == 0,
            frozenset().union(*(sizes(part.particulars.get("spot_sizes_mm")) for part in one.handpieces)),
        )
        for one in db.session.scalars(select(Listing).where(Listing.state == "published"))
    }  # fmt: skip


def recalled():
    """Units whose models have open recalls, and of each how many of those concern it, asked one by one."""
    rows = db.session.execute(
        select(Listing.id, func.recall_concerns(RecallMatch.id, Listing.serial_normal, None))
        .join(RecallMatch, RecallMatch.model_id == Listing.model_id)
        .where(RecallMatch.state == "confirmed")
    )
    found = {}
    for listing_id, concerned in rows:
        found[listing_id] = found.get(listing_id, 0) + concerned
    return found


def slow_landed(unit):
    """What a unit costs in all, from what its page would show."""
    found = landing.cost_of(listing_queries.listing(unit.id), landing.assumed_in({})).comparable
    return 2**31 - 1 if found is None else found.minor


def kept_units():
    """What the market's own rows say."""
    unit, face, kind, place, spot = (
        one.__table__.c for one in (MarketUnit, MarketFace, MarketKind, MarketPlace, MarketSpots)
    )
    rows = db.session.execute(
        select(
            unit.listing_id, kind.configuration, kind.checked, kind.modality_codes, face.state_code, face.grade,
            face.traits, unit.published_at, unit.price_minor, unit.year, unit.used, unit.shots_left, unit.landed,
            place.latitude, place.longitude, kind.spared, spot.spots,
        )
        .join(MarketFace, face.id == unit.face_id)
        .join(MarketKind, kind.id == unit.kind_id)
        .join(MarketPlace, place.id == unit.place_id, isouter=True)
        .join(MarketSpots, spot.id == unit.spot_id, isouter=True)
    ).all()  # fmt: skip
    return {
        row.listing_id: (
            *row[1:3], tuple(row[3]), *row[4:6], tuple(row[6]), *row[7:16],
            frozenset(size for one in row.spots or () for size in range(one.lower, one.upper)),
        )
        for row in rows
    }  # fmt: skip


def kept_counts():
    counts = MarketCount.__table__.c
    rows = db.session.execute(
        select(counts.kind_id, counts.face_id, func.sum(counts.units)).group_by(counts.kind_id, counts.face_id)
    ).all()
    return Counter({(kind, face): number for kind, face, number in rows if number})


def assert_nothing_is_wrong():
    db.session.expire_all()
    assert kept_units() == slow_units()
    assert kept_counts() == Counter(map(tuple, db.session.execute(select(MarketUnit.kind_id, MarketUnit.face_id))))


EDIT = st.one_of(
    st.tuples(st.just("state"), st.integers(0, 5), st.sampled_from(STATES)),
    st.tuples(st.just("price"), st.integers(0, 5), st.integers(10_000, 10_003)),
    st.tuples(
        st.just("price"), st.integers(0, 5), st.sampled_from([999_999, 1_000_000, 2_999_999, 3_000_000, 8_000_000])
    ),
    st.tuples(st.just("year"), st.integers(0, 5), st.sampled_from([2009, 2010, 2012, 2013, 2022])),
    st.tuples(st.just("spots"), st.integers(0, 5), st.sampled_from([None, "3;6", "2.5-4;12", "12", "9-6"])),
    st.tuples(st.just("place"), st.integers(0, 5), st.sampled_from(["TX", "AZ"])),
    st.tuples(st.just("grade"), st.integers(0, 5), st.sampled_from(Grade)),
    st.tuples(st.just("terms"), st.integers(0, 5), st.sampled_from(Recertification)),
    st.tuples(st.just("quote"), st.integers(0, 5), st.sampled_from([None, 0, 1, 90_000])),
    st.tuples(
        st.just("worn"),
        st.integers(0, 5),
        st.sampled_from([None, 240_000, 250_000, 794_999, 795_000, 800_000, 1_000_000]),
    ),
    st.tuples(st.just("parts"), st.integers(0, 5), st.sampled_from(["ALEX", "IPL"])),
    st.tuples(st.just("zip"), st.integers(0, 5), st.sampled_from([None, "78701", "00000"])),
    st.tuples(st.just("standing"), st.integers(0, 1), st.sampled_from(["verified", "suspended"])),
    st.tuples(st.just("all"), st.integers(0, 1), st.sampled_from(STATES)),
    st.tuples(st.just("recall"), st.integers(0, 1), st.sampled_from(["confirmed", "closed", "candidate"])),
    st.tuples(st.just("let out"), st.integers(0, 5), st.sampled_from(["proposed", "agreed", "ended"])),
    st.tuples(st.just("serial"), st.integers(0, 5), st.sampled_from(["A1", "A2"])),
)
COLUMNS = {
    "state": "state", "price": "price_minor", "year": "year", "place": "state_code", "grade": "grade",
    "terms": "recertification", "quote": "recertification_minor", "zip": "postal_code",
}  # fmt: skip
QUESTION = st.fixed_dictionaries(
    {
        "text": st.sampled_from(["", "alex", "austin", "candela 2018", "lumenis hair", "yag laser"]),
        "chosen": st.fixed_dictionaries(
            {},
            optional={
                "modality": st.sampled_from([("ALEX",), ("IPL", "ALEX")]),
                "maker": st.sampled_from([("Candela",), ("Lumenis", "Acme")]),
                "state": st.sampled_from([("TX",), ("TX", "AZ"), ("WY",)]),
                "grade": st.sampled_from([("A",), ("A", "B")]),
                "recertification": st.sampled_from([("yes",), ("yes", "no")]),
                "recall": st.sampled_from([("none",), ("open",), ("none", "open")]),
            },
        ),
        "spans": st.fixed_dictionaries(
            {},
            optional={
                "price": st.sampled_from([(10_001, None), (None, 10_001), (10_001, 10_002)]),
                "landed": st.sampled_from([(None, 10_002), (None, 100_001)]),
                "spot": st.sampled_from([(600, None), (None, 249), (250, 250), (401, 599), (1201, 600)]),
                "year": st.sampled_from([(2010, 2012), (2017, None)]),
                "used": st.sampled_from([(None, 24), (25, 79), (100, None)]),
            },
        ),
        "near": st.sampled_from([None, Near(point_of("78704"), 50), Near(point_of("10001"), 50)]),
        "light": st.sampled_from([(None, None), (700, 800)]),
    }
)


class TestNeverWrong:
    @pytest.fixture
    def units(self):
        clinics = [make_clinic(seller=True, name=f"Clinic {number}") for number in (1, 2)]
        models = [real_model("Candela GentleMax Pro"), real_model("Lumenis M22")]
        for number, model in enumerate(models):
            make_recall(model.id, number=f"Z-{number}-2026", state=MatchState.CONFIRMED)
        self.staff, self.paper = [make_staff().id, make_staff().id], make_document().id
        return [
            make_listing(clinic=clinics[number % 2], model=models[number % 2], price_minor=10_000 + number, year=2016 + number)
            for number in range(6)
        ]  # fmt: skip

    @settings(max_examples=40, deadline=None)
    @given(st.lists(EDIT, min_size=1, max_size=8), QUESTION)
    def test_after_any_edits_rows_and_figures_are_what_a_slow_recount_finds(self, units, edits, question):
        ids = [unit.id for unit in units]
        versions = [search.version()]
        with db.session.begin_nested() as done:
            for edit in edits:
                before = slow_units()
                self.edit(ids, *edit)
                db.session.flush()
                if slow_units() != before:
                    assert search.version() not in versions
                versions.append(search.version())
            assert_nothing_is_wrong()
            wanted = Wanted(**question)
            found = find(wanted, literally=True, in_steps=True)
            assert (found.total, found.counts) == recounted(wanted)
            assert found.steps == recounted_steps(wanted)
            figures.forget()
            with pytest.MonkeyPatch.context() as patch:  # Whichever way is the shorter one, the other says the same.
                patch.setattr(figures, "_is_mostly_inside", lambda *_: True)
                find(Wanted(), in_steps=True)
                assert replace(find(wanted, literally=True, in_steps=True), cards=[]) == replace(found, cards=[])
            done.rollback()
        assert search.version() == versions[0]

    def edit(self, ids, what, which, value):
        if what == "all":
            db.session.execute(update(Listing).where(Listing.id.in_(ids[which::2])).values(state=value))
        elif what == "recall":
            match = db.session.scalars(select(RecallMatch).order_by(RecallMatch.found_at)).all()[which]
            match.state = value
            judged = value != "candidate"
            match.decided_by, match.decided_at = (self.staff[0], clock.now()) if judged else (None, None)
            match.reason = "Read." if judged else None
        elif what == "let out":
            self.let_out(db.session.get(Listing, ids[which]), value)
        elif what == "standing":
            clinic_id = db.session.scalars(select(Clinic.id).where(Clinic.name == f"Clinic {which + 1}")).first()
            db.session.execute(
                update(Clinic).where(Clinic.id == clinic_id).values(seller_standing=value, seller_reason="asked")
            )
        else:
            self.change(db.session.get(Listing, ids[which]), what, value)

    def let_out(self, listing, value):
        """Propose, agree to or end what lets a unit out of the recall of its model."""
        match_id = db.session.scalar(select(RecallMatch.id).where(RecallMatch.model_id == listing.model_id))
        release = db.session.scalar(
            select(RecallRelease).where(
                RecallRelease.match_id == match_id,
                RecallRelease.serial == listing.serial_normal,
                RecallRelease.ended_at.is_(None),
            )
        )
        if release is None:
            release = RecallRelease(
                match_id=match_id, kind="corrected", serial=listing.serial_normal, document_id=self.paper,
                performed_by="Candela", performed_on=clock.now().date(), words="Kit 7.", proposed_by=self.staff[0],
                proposed_at=clock.now(),
            )  # fmt: skip
            db.session.add(release)
        if value == "agreed" and release.confirmed_at is None:
            release.confirmed_by, release.confirmed_at = self.staff[1], clock.now()
        elif value == "ended":
            release.ended_at, release.ended_because = clock.now(), "Wrong."

    def change(self, listing, what, value):
        if what in COLUMNS:
            setattr(listing, COLUMNS[what], value)
        elif what == "worn":
            listing.handpieces[0].counter_value = 400_000 if value is None else value
            listing.handpieces[0].rated_life = None if value is None else 1_000_000
        elif what == "spots":
            listing.handpieces[0].particulars = {} if value is None else {"spot_sizes_mm": value}
        elif what == "serial":
            listing.serial = f"{value}-{listing.price_minor}-{listing.id}"
            listing.serial_normal = normal_number(listing.serial)
        else:
            listing.handpieces[0].modality_code = value
        derive(listing, catalog.model(listing.model_id))

    def test_when_everything_is_counted_anew(self, units):
        db.session.execute(update(Listing).where(Listing.id == units[0].id).values(state="sold"))
        for unit, spots in ((units[1], "3;6"), (units[2], "3;6"), (units[3], "2.5-4;12")):
            unit.handpieces[0].particulars = {"spot_sizes_mm": spots}
        db.session.flush()
        before, version = kept_units(), search.version()
        db.session.execute(text("UPDATE market_units SET spot_id = NULL"))
        db.session.execute(text("DELETE FROM market_spots"))
        db.session.execute(text("SELECT market_rebuild()"))

        assert_nothing_is_wrong()
        assert kept_units() == before
        assert [len(before[unit.id][-1]) for unit in units[1:5]] == [2, 2, 152, 1]
        assert search.version() != version
        assert db.session.scalar(select(func.count()).select_from(MarketSpots)) == 3

    def test_the_figure_of_a_shard_alone_may_be_below_zero(self, units):
        """What came under one shard may leave under another."""
        kind, face = db.session.execute(
            select(MarketUnit.kind_id, MarketUnit.face_id).where(MarketUnit.listing_id == units[0].id)
        ).one()
        shard = db.session.scalar(
            text("INSERT INTO market_shards (version) VALUES (gen_random_uuid()) RETURNING shard")
        )
        db.session.execute(
            text("INSERT INTO market_counts (kind_id, face_id, shard, units) VALUES (:kind, :face, :shard, -1)"),
            {"kind": kind, "face": face, "shard": shard},
        )
        db.session.execute(
            update(MarketCount)
            .where(MarketCount.kind_id == kind, MarketCount.face_id == face, MarketCount.shard != shard)
            .values(units=4)
        )

        assert kept_counts()[kind, face] == 3
        assert find(Wanted()).total == 6


def recounted(wanted):
    """Count one by one in Python, from the listings and the catalogue."""
    total = 0
    counts = {name: Counter() for name in (*KIND_FACETS, *FACE_FACETS)}
    for _, answers, missed in seen_one_by_one(wanted):
        total += not missed
        for name, own in answers.items():
            if set(missed) <= {name}:
                counts[name].update(own)
    return total, {name: dict(counter) for name, counter in counts.items()}


def recounted_steps(wanted):
    """Look at every unit and at every step, leaving the range itself out of what is wanted."""
    found = {}
    for name, ladder in (*LADDERS.items(), ("light", LIGHT)):
        spans = {one: span for one, span in wanted.spans.items() if one != name}
        beside = replace(wanted, spans=spans, light=(None, None) if name == "light" else wanted.light)
        units = [unit for unit, _, missed in seen_one_by_one(beside) if not missed]
        alone = [
            Wanted(light=span) if name == "light" else Wanted(spans={name: span} if span != (None, None) else {})
            for span in ladder.spans
        ]
        found[name] = tuple(
            Step(*span, sum(within_spans(unit, one) for unit in units))
            for span, one in zip(ladder.spans, alone, strict=True)
        )
    return found


def seen_one_by_one(wanted):
    """Return units that have the words and the figures, what they answer, and which choices they miss."""
    recalls = recalled()
    checked = dict(db.session.execute(select(Clinic.id, Clinic.seller_standing == "verified")).all())
    for unit in db.session.scalars(select(Listing).where(Listing.state == "published")):
        model = catalog.model(unit.model_id)
        answers = {
            "modality": set(unit.modality_codes),
            "procedure": {str(p) for code in unit.modality_codes for p in catalog.modalities()[code].procedure_classes},
            "maker": {model.maker},
            "model": {model.title},
            "state": {unit.state_code},
            "grade": {str(unit.grade)},
            "service": {"record"} if unit.inclusions.get("service_record") == "included" else set(),
            "recertification": {str(unit.recertification)} - {"unknown"},
            "warranty": {str(unit.warranty)} - {"None"},
            "training": {"included"} if unit.training_included else set(),
            "recall": {"open" if recalls.get(unit.id) else "none"},
        }
        assert unit.clinic_id in checked
        if not (has_words(unit, model, wanted.text) and within_spans(unit, wanted)):
            continue
        yield unit, answers, [name for name, values in wanted.chosen.items() if not answers[name] & set(values)]


def has_words(unit, model, asked):
    modalities = catalog.modalities()
    said = f"{model.title} {unit.city} Texas Arizona {unit.year}".replace(
        "Texas" if unit.state_code == "AZ" else "Arizona", ""
    )
    for part in unit.handpieces:
        one = modalities[part.modality_code]
        said += f" {part.name} {one.name} {' '.join(one.aliases)} " + " ".join(p.words for p in one.procedure_classes)
        said += " laser" * (one.hazard_class == "IV")
    words = said.casefold().replace(":", " ").split()
    return all(
        any(word.startswith(typed) for word in words) for typed in asked.split() if typed != "laser" or asked == "laser"
    )


def within_spots(said, least, most):
    """Say whether one of the sizes lies between two hundredths of millimetres, sizes in between the ends of one as well."""
    return any((least is None or size >= least) and (most is None or size <= most) for size in sizes(said))


def sizes(said):
    """Return the spot sizes that somebody stated, in hundredths of a millimetre."""
    ends = [sorted(round(100 * float(end)) for end in one.split("-")) for one in said.split(";")] if said else ()
    return {size for least, most in ((one[0], one[-1]) for one in ends) for size in range(least, most + 1)}


STATED = {"used": "life_used_percent"}


def within_spans(unit, wanted):
    for name, (least, most) in wanted.spans.items():
        if name == "spot":
            if not any(within_spots(part.particulars.get("spot_sizes_mm"), least, most) for part in unit.handpieces):
                return False
            continue
        value = slow_landed(unit) if name == "landed" else getattr(unit, STATED.get(name, RANGES[name]))
        if value in (None, UNKNOWN) or (least is not None and value < least) or (most is not None and value > most):
            return False
    if wanted.near is not None:
        here = point_of(unit.postal_code or "")
        if here is None or miles(wanted.near.point, here) > wanted.near.within:
            return False
    emitted = catalog.emits(
        sorted(unit.modality_codes),
        model_modalities=catalog.model(unit.model_id).modality_codes, model_bands=catalog.model(unit.model_id).bands,
    )  # fmt: skip
    least, most = wanted.light
    if (least, most) == (None, None):
        return True
    return any((most is None or low <= most) and (least is None or high >= least) for low, high in emitted)


class TestInAll:
    """What a unit costs in all: in order, within a range, page by page, and counted anew where the rule has changed."""

    @pytest.fixture
    def units(self):
        quotes = [None, 500, 0, None, 500, 90]
        return [
            make_listing(clinic=make_clinic(seller=True), price_minor=10_000 + number, recertification_minor=quote)
            for number, quote in enumerate(quotes)
        ]

    def test_the_cheapest_come_first_and_what_is_not_known_last(self, units):
        found = find(Wanted(sort=search.Sort.LANDED))

        first = [(10_002, units[2].id), (10_095, units[5].id), (10_501, units[1].id), (10_504, units[4].id)]
        assert [(card.landed.minor, card.id) for card in found.cards[:4]] == first
        unknown = sorted([units[0].id, units[3].id])
        assert [(card.landed, card.id) for card in found.cards[4:]] == [(None, one) for one in unknown]

    @pytest.mark.parametrize("few", [0, 2_000])
    def test_pages_turn_by_it_and_back(self, units, monkeypatch, few):
        monkeypatch.setattr(search, "PAGE_SIZE", 2)
        monkeypatch.setattr(search, "_FEW", few)
        wanted, seen = Wanted(sort=search.Sort.LANDED), []
        whole = [2, 5, 1, 4, *sorted([0, 3], key=lambda number: units[number].id)]
        for _ in range(3):
            found = find(wanted)
            seen += [card.id for card in found.cards]
            wanted = replace(wanted, cursor=found.later)
        assert seen == [units[number].id for number in whole]
        assert found.later is None
        back = find(replace(wanted, cursor=found.earlier))
        assert [card.id for card in back.cards] == seen[2:4]

    @pytest.mark.parametrize(("most", "total"), [(10_001, 0), (10_002, 1), (10_504, 4), (99_999_999, 4)])
    def test_a_limit_belongs_to_its_range_and_what_is_not_known_is_in_none(self, units, most, total):
        assert find(Wanted(spans={"landed": (None, most)})).total == total

    def test_what_was_there_before_was_counted_by_the_same_rule(self, units):
        """The migration writes it once, in SQL."""
        first = run_path("migrations/versions/0029_landed.py")["FIRST"]
        up, down = CounterDirection
        wears = [
            (794_999, up, 1_000_000), (795_000, up, 1_000_000), (205_001, down, 1_000_000), (205_000, down, 1_000_000),
            (205_001, down, None), (None, None, 1_000_000),
        ]  # fmt: skip
        no = Recertification.NO
        terms = [
            (no, None),
            (Recertification.YES, None),
            (Recertification.YES, 7),
            (Recertification.UNKNOWN, 7),
            (None, None),
        ]
        made = []
        for value, direction, rated in wears:
            for asked, quote in terms:
                part = make_handpiece(
                    counter_value=value, counter_direction=direction, rated_life=rated,
                    counter_unit=None if value is None else CounterUnit.SHOTS,
                )  # fmt: skip
                made.append(
                    make_listing(state="draft", handpieces=[part], recertification=asked, recertification_minor=quote)
                )
        made.append(make_listing(state="draft", handpieces=[], recertification=no))
        for left in (20, 21):
            part = make_handpiece(counter_unit=CounterUnit.PERCENT_LEFT, counter_value=left)
            made.append(make_listing(state="draft", recertification=no, handpieces=[part]))
        db.session.flush()
        expected = {one.id: one.beyond_minor for one in made}
        assert set(expected.values()) == {None, 0, 7}
        db.session.execute(update(Listing).values(beyond_minor=None))
        db.session.execute(text(first))

        rows = db.session.execute(select(Listing.id, Listing.beyond_minor).where(Listing.id.in_(expected)))
        assert dict(rows.all()) == expected

    def test_another_rule_of_ours_is_counted_anew_once(self, units, monkeypatch):
        assert recounting.recount() == 0
        before = search.version()
        monkeypatch.setattr(landed, "WORN", 40)
        monkeypatch.setattr(recounting, "AT_ONCE", 4)

        assert recounting.recount() == 4
        assert search.version() != before
        assert_nothing_is_wrong()
        assert find(Wanted(spans={"landed": (None, 99_999_999)})).total == 0
        assert recounting.recount() == 0


class TestChosenKinds:
    def test_what_strangers_choose_does_not_fill_the_memory(self, monkeypatch):
        make_listing(model=real_model("Lumenis M22"))
        monkeypatch.setattr(questions, "_MOST_CHOSEN", 1)
        found = [find(Wanted(chosen={"maker": (maker,)})).total for maker in ("Lumenis", "Candela", "Lumenis")]
        with reading() as connection:
            known = kinds.market(connection).chosen

        assert found == [1, 0, 1]
        assert list(known) == [("maker", frozenset({"Lumenis"}))]


class TestVersion:
    """The name of what the market is now changes with everything that pages show of it, and with nothing else."""

    @pytest.fixture
    def unit(self):
        return make_listing(photos=1)

    @pytest.mark.parametrize(
        "change",
        [
            lambda unit: db.session.execute(update(Listing).where(Listing.id == unit.id).values(description="Else")),
            lambda _: db.session.execute(update(Photo).values(alternative_text="Else")),
            lambda _: db.session.execute(delete(Photo)),
            lambda _: db.session.execute(update(Handpiece).values(particulars={"spot_sizes_mm": "7"})),
            lambda _: db.session.execute(text("UPDATE modalities SET name = name")),
            lambda _: db.session.execute(text("UPDATE device_models SET name = name")),
            lambda _: make_maker(name="New"),
            lambda _: make_listing(clinic=make_clinic(seller=True)),
        ],
    )
    def test_changes_with(self, unit, change):
        before = search.version()
        change(unit)
        db.session.flush()

        assert search.version() != before

    def test_stays_with_what_is_not_on_the_market(self, unit):
        draft = make_listing(state="draft", clinic=make_clinic(seller=True), model=make_model())
        before = search.version()
        draft.description = "Else"
        draft.photos.append(make_photo())
        db.session.flush()
        draft.state = "withdrawn"
        db.session.flush()

        assert search.version() == before

    @pytest.mark.own_database
    def test_nobody_waits_for_somebody_who_changes_something_else(self, own_app):
        """Each transaction that changes the market holds a share of its own; together they are counted right."""
        with own_app.app_context():
            clinic = make_clinic(seller=True)
            model = make_model()
            units = [make_listing(clinic=clinic, model=model) for _ in range(3)]
            ids = [unit.id for unit in units]
            db.session.commit()
            first, second = db.engine.connect(), db.engine.connect()
            try:
                sold = "UPDATE listings SET state = 'sold' WHERE id = %s"
                first.exec_driver_sql(sold, (ids[0],))
                second.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
                second.exec_driver_sql(sold, (ids[1],))
                seen = search.version()
                second.commit()
                between = search.version()
                first.commit()
            finally:
                first.close()
                second.close()

            assert len({seen, between, search.version()}) == 3
            assert len(db.session.scalars(select(MarketShard.shard)).all()) == 2
            assert_nothing_is_wrong()
            assert find(Wanted()).total == 1


class TestConstraints:
    def test_a_kind_is_said_once(self):
        unit = make_listing()

        with assert_refused_by("kinds_differ"):
            db.session.add(
                MarketKind(configuration=unit.configuration, checked=True, model_id=unit.model_id, modality_codes=[])
            )
            db.session.flush()
        with assert_refused_by("faces_differ"):
            db.session.add(MarketFace(state_code="TX", grade="B", traits=unit.traits))
            db.session.flush()
        with assert_refused_by("places_differ"):
            db.session.add_all(MarketPlace(latitude=30.271, longitude=-97.743) for _ in range(2))
            db.session.flush()
        with assert_refused_by("spots_differ"):
            db.session.add_all(MarketSpots(spots=MultiRange([Range(300, 301)])) for _ in range(2))
            db.session.flush()

    def test_a_place_is_a_zip_code_and_a_point_has_two_ends(self):
        unit = make_listing(postal_code="78701")

        for values, constraint in (
            ({"postal_code": "7870"}, "listings_postal_code_is_a_zip"),
            ({"longitude": None}, "listings_point_is_whole"),
        ):
            with assert_refused_by(constraint):
                db.session.execute(update(Listing).where(Listing.id == unit.id).values(**values))
        assert (unit.latitude, unit.longitude) == (30.271, -97.743)


def test_the_database_measures_as_we_do():
    here, there = point_of("78701"), point_of("96799")
    measured = db.session.scalar(
        select(func.miles_between(here.latitude, here.longitude, there.latitude, there.longitude))
    )

    assert measured == pytest.approx(miles(here, there), rel=1e-12)
    assert db.session.scalar(text("SELECT miles_between(1, 2, NULL, NULL)")) is None

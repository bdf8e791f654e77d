"""What buyers look for: held against every unit, each pair told once, answered once, and never with a name."""

from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given, settings
from sqlalchemy import select, text, update

from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import fitting, search
from marketplace.listings import queries as listings
from marketplace.listings.models import Listing
from marketplace.listings.search import Sort, Wanted
from marketplace.notifications.models import Mail
from marketplace.wants import matching, queries, service
from marketplace.wants.access import Part, WantAct, may
from marketplace.wants.models import ListingToMatch, Want, WantAnswer, WantMatch, WantMove, WantReport
from marketplace.wants.states import WANT, WantEvent, WantState
from marketplace.watching import desk
from marketplace.watching import queries as watching_queries
from marketplace.watching import service as watching
from tests.factories.accounts import make_staff, make_user
from tests.factories.catalog import make_model, real_model
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.listings import make_listing
from tests.factories.orders import make_scene
from tests.services.test_market import QUESTION
from tests.support import assert_refused_by, count_statements, promised_jobs, promised_mails, run_jobs

M22 = Wanted(chosen={"model": ("Lumenis M22",)}, spans={"price": (None, 4_000_000)})


@pytest.fixture
def person():
    return make_user(name="Dana Reyes")


@pytest.fixture
def seller():
    return make_user(name="Walter Finch")


@pytest.fixture
def shop(seller):
    return make_clinic(owner=seller, seller=True, name="Sonoran")


@pytest.fixture
def unit(shop):
    return make_listing(clinic=shop, model=real_model("Lumenis M22"), price_minor=3_900_000, year=2018)


def said(now, **values):
    given = {
        "title": "Lumenis M22", "query": "model=Lumenis+M22&max=40000", "wanted": M22, "note": "With ResurFX, please.",
        "until": (now + timedelta(days=60)).date(), "place": "TX", **values,
    }  # fmt: skip
    return service.Said(**given)


def post(person, now, **values):
    want_id = service.post(user_id=person.id, said=said(now, **values), at=now)
    matching.match_want(want_id=want_id, at=now)
    return want_id


def change(unit, **values):
    db.session.execute(update(Listing).where(Listing.id == unit.id).values(**values))
    db.session.commit()


def matches():
    rows = db.session.execute(select(WantMatch.want_id, WantMatch.listing_id, WantMatch.fits, WantMatch.told_at))
    return {(row.want_id, row.listing_id): (row.fits, row.told_at) for row in rows}


def mails():
    found = promised_mails(Mail.template == "want_news")
    return [(mail.to, mail.context["words"]) for mail in found]


def waiting():
    return set(db.session.scalars(select(ListingToMatch.listing_id)))


NEW = "It has come to the market, or its price fell, and it fits what you look for."
OFFERED = "Its seller offers it to you."


class TestStates:
    @pytest.mark.parametrize(("state", "event"), list(product(WantState, WantEvent)))
    def test_a_move_is_listed_or_refused(self, state, event):
        if event in WANT.events_from(state):
            assert WANT.after(state, event) in WantState
        else:
            with pytest.raises(IllegalMove):
                WANT.after(state, event)

    def test_what_is_over_stays_so(self):
        for state in (WantState.CLOSED, WantState.EXPIRED, WantState.REMOVED):
            assert WANT.events_from(state) == ()


class TestFitting:
    """The same conditions as of a search, asked from the other side, also of a unit that is not on the market."""

    @pytest.fixture
    def units(self):
        clinics = [make_clinic(seller=True), make_clinic()]
        models = [real_model("Candela GentleMax Pro"), real_model("Lumenis M22")]
        return [
            make_listing(
                clinic=clinics[number % 2], model=models[number // 2 % 2], price_minor=10_000 + number,
                year=2016 + number, state_code=["TX", "AZ"][number % 2], postal_code=["78701", None][number % 2],
                recertification_minor=[None, 90_000][number % 2],
            )
            for number in range(6)
        ]  # fmt: skip

    @settings(max_examples=60, deadline=None)
    @given(QUESTION)
    def test_finds_what_a_search_finds_on_the_market_and_off_it(self, units, question):
        wanted = Wanted(**question)
        found = {card.id for card in search.find(wanted, literally=True).cards}
        ids = [unit.id for unit in units]

        assert set(fitting.among([("this", wanted)], ids)["this"]) == found
        assert set(fitting.on_market(wanted, 100)) == found
        with db.session.begin_nested() as done:
            db.session.execute(update(Listing).values(state="draft"))
            assert search.find(wanted).total == 0
            assert set(fitting.among([("this", wanted)], ids)["this"]) == found
            done.rollback()

    def test_narrows_by_light_by_what_the_gate_answers_and_to_some(self, units):
        ids = [unit.id for unit in units]
        for wanted in (
            Wanted(light=(500, 600)),
            Wanted(configurations=(units[0].configuration,), units=(units[2].id,), but=(units[0].id,)),
        ):
            found = {card.id for card in search.find(wanted).cards}
            assert 0 < len(found) < 6
            assert set(fitting.among([(1, wanted)], ids)[1]) == found
        assert fitting.on_market(Wanted(), 2) == [units[5].id, units[4].id]

    def test_a_unit_that_says_little_fits_what_asks_for_little(self, shop):
        draft = make_listing(
            state="draft", clinic=shop, model=real_model("Lumenis M22"), price_minor=None, year=None, grade=None
        )
        asked = {
            "any": Wanted(),
            "model": Wanted(chosen={"model": ("Lumenis M22",)}),
            "price": M22,
            "grade": Wanted(chosen={"grade": ("B",)}),
        }

        found = fitting.among(asked.items(), [draft.id])
        assert {name for name, units in found.items() if units} == {"any", "model"}
        assert fitting.among(asked.items(), []) == {name: [] for name in asked}


class TestPost:
    def test_is_kept_with_its_first_move_and_held_against_everything(self, person, unit, now):
        want_id = service.post(
            user_id=person.id, said=said(now, wanted=Wanted(chosen=M22.chosen, sort=Sort.CHEAPEST)), at=now
        )

        assert ("match_want", {"want_id": str(want_id)}) in promised_jobs()
        (move,) = db.session.scalars(select(WantMove)).all()
        assert (move.want_id, move.event, move.state, move.actor_id, move.at) == (
            want_id,
            None,
            WantState.OPEN,
            person.id,
            now,
        )
        want = db.session.get_one(Want, want_id)
        assert (want.wanted["sort"], want.clinic_id, want.place) == ("newest", None, "TX")
        run_jobs(only="match_want")
        assert set(matches()) == {(want_id, unit.id)}

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"place": "ZZ"}, "place"),
            ({"wanted": Wanted(spans={"price": (None, 1)})}, "model"),
            ({"wanted": Wanted(text="call 512 555 0100")}, "words"),
            ({"note": "dana@clinic.example"}, "note"),
            ({"note": "x" * 501}, "note"),
            ({"until_days": -1}, "until"),
            ({"until_days": 181}, "until"),
            ({"site_id": uuid4()}, "site_id"),
        ],
    )
    def test_what_makes_no_sense_is_refused_and_nothing_kept(self, person, now, values, field):
        days = values.pop("until_days", None) if "until_days" in values else None
        if days is not None:
            values = {"until": (now + timedelta(days=days)).date()}
        with pytest.raises(Invalid) as refusal:
            service.post(user_id=person.id, said=said(now, **values), at=now)

        assert refusal.value.field == field
        assert db.session.scalars(select(Want)).all() == []
        assert "match_want" not in [name for name, _ in promised_jobs()]

    @pytest.mark.parametrize("days", [0, 180])
    def test_both_ends_of_its_time_are_possible(self, person, now, days):
        post(person, now, until=(now + timedelta(days=days)).date())

    def test_only_so_many_at_a_time(self, person, now):
        first = post(person, now)
        for _ in range(service.MOST_WANTS - 1):
            post(person, now)
        with pytest.raises(Invalid) as refusal:
            post(person, now)
        assert refusal.value.sentence == f"You can look for {service.MOST_WANTS} things at a time."

        service.move(user_id=person.id, want_id=first, event=WantEvent.CLOSED, at=now)
        post(person, now)

    def test_for_a_site_it_is_that_of_its_clinic(self, person, now):
        clinic = make_clinic(owner=person, name="Lone Star")
        site = make_site(clinic=clinic, state="AZ")
        want_id = post(person, now, site_id=site.id)

        own = queries.own(person.id, want_id)
        assert (own.clinic_name, own.place, own.site_id) == ("Lone Star", "AZ", site.id)


class TestMatching:
    def test_what_fits_already_is_no_news_and_what_comes_is_told_once(self, person, unit, now):
        want_id = post(person, now)
        assert matches() == {(want_id, unit.id): (True, now)}
        assert mails() == []

        second = make_listing(model=real_model("Lumenis M22"), price_minor=4_000_000)
        assert matching.match_changed(at=now) >= 1
        assert waiting() == set()
        assert matches()[want_id, second.id] == (True, now)
        assert mails() == [(person.email, NEW)]
        change(second, description="Another word")
        assert matching.match_changed(at=now) == 1
        assert mails() == [(person.email, NEW)]

    def test_a_draft_is_known_to_its_seller_and_told_when_it_comes(self, person, shop, now):
        draft = make_listing(state="draft", clinic=shop, model=real_model("Lumenis M22"), price_minor=3_000_000)
        want_id = post(person, now)
        assert matches() == {(want_id, draft.id): (True, None)}
        assert queries.count_for([draft.id], at=now) == {draft.id: 1}
        change(draft, description="Another word")
        assert matching.match_changed(at=now) == 1
        assert matches() == {(want_id, draft.id): (True, None)}
        assert mails() == []

        published = make_staff("moderator")
        change(draft, state="published", approved_by=published.id, published_at=now, submitted_at=now)
        matching.match_changed(at=now)
        assert mails() == [(person.email, NEW)]

    def test_too_dear_is_no_match_until_the_price_falls(self, person, unit, now):
        change(unit, price_minor=4_000_001)
        want_id = post(person, now)
        assert matches() == {}

        change(unit, price_minor=4_000_000)
        matching.match_changed(at=now)
        assert mails() == [(person.email, NEW)]
        change(unit, price_minor=4_500_000)
        matching.match_changed(at=now)
        assert matches() == {(want_id, unit.id): (False, now)}
        assert queries.count_for([unit.id], at=now) == {}
        change(unit, price_minor=3_500_000)
        matching.match_changed(at=now)
        assert matches() == {(want_id, unit.id): (True, now)}
        assert len(mails()) == 1

    def test_what_is_sold_or_withdrawn_fits_nothing(self, person, unit, now):
        want_id = post(person, now)
        change(unit, state="sold")
        matching.match_changed(at=now)

        assert matches() == {(want_id, unit.id): (False, now)}

    def test_a_muted_want_is_told_nothing_then_or_later(self, person, now):
        want_id = post(person, now)
        service.mute(user_id=person.id, want_id=want_id, muted=True)
        make_listing(model=real_model("Lumenis M22"), price_minor=1_000_000)
        matching.match_changed(at=now)
        service.mute(user_id=person.id, want_id=want_id, muted=False)
        db.session.execute(update(Listing).values(description="again"))
        matching.match_changed(at=now)

        assert [told for _, told in matches().values()] == [now]
        assert mails() == []

    def test_nobody_is_told_of_what_they_sell_themselves(self, seller, shop, unit, now):
        make_member(clinic=shop, user=(colleague := make_user()), role=ClinicRole.TECHNICIAN)
        for who in (seller, colleague):
            post(who, now)
        change(unit, description="Another word")
        matching.match_changed(at=now)

        assert matches() == {}

    def test_after_a_crash_nothing_was_told_and_all_is_told_then(self, person, now, monkeypatch):
        want_id = post(person, now)
        made = make_listing(model=real_model("Lumenis M22"), price_minor=1_000_000)
        real = matching.mail

        def dies(*given):
            real(*given)
            raise RuntimeError("the power went")

        monkeypatch.setattr(matching, "mail", dies)
        with pytest.raises(RuntimeError):
            matching.match_changed(at=now)
        assert (want_id, made.id) not in matches()
        assert made.id in waiting()
        assert mails() == []

        monkeypatch.setattr(matching, "mail", real)
        matching.match_changed(at=now)
        assert mails() == [(person.email, NEW)]
        assert matching.match_changed(at=now) == 0

    def test_a_round_ends(self, person, unit, now, monkeypatch):
        monkeypatch.setattr(matching, "MOST_AT_ONCE", 1)
        make_listing()

        assert matching.match_changed(at=now) == 1
        assert len(waiting()) == 1

    def test_edited_it_fits_what_it_says_now(self, person, unit, now):
        want_id = post(person, now)
        other = Wanted(text="candela")
        service.edit(user_id=person.id, want_id=want_id, said=said(now, wanted=other, title="Candela"), at=now)
        run_jobs(only="match_want")

        assert matches() == {(want_id, unit.id): (False, now)}

    @pytest.mark.parametrize("why", ["paused", "disabled", "left", "over"])
    def test_a_want_that_stands_no_longer_is_shown_to_nobody(self, person, unit, now, why):
        clinic = make_clinic()
        member = make_member(clinic=clinic, user=person)
        site = make_site(clinic=clinic)
        want_id = post(person, now, site_id=site.id)
        assert queries.count_for([unit.id], at=now) == {unit.id: 1}
        later = now
        if why == "paused":
            service.move(user_id=person.id, want_id=want_id, event=WantEvent.PAUSED, at=now)
        elif why == "disabled":
            person.disabled_at = now
        elif why == "left":
            member.left_at = now
        else:
            later = now + timedelta(days=61)
        db.session.flush()

        assert queries.count_for([unit.id], at=later) == {}
        assert queries.of_listing(unit.id, at=later) == []
        assert queries.public(at=later) == ([], False)
        with pytest.raises(NotFound):
            queries.one_of_listing(unit.id, want_id, at=later)
        db.session.execute(update(WantMatch).values(fits=False))
        matching.match_want(want_id=want_id, at=later)
        change(unit, description="Another word")
        matching.match_changed(at=later)
        assert [fits for fits, _ in matches().values()] == [False]

    def test_resumed_it_is_held_against_everything_again(self, person, unit, now):
        want_id = post(person, now)
        for event in (WantEvent.PAUSED, WantEvent.RESUMED):
            service.move(user_id=person.id, want_id=want_id, event=event, at=now)

        assert promised_jobs().count(("match_want", {"want_id": str(want_id)})) == 2


class TestMoves:
    def test_are_its_buyers_alone(self, person, now):
        want_id = post(person, now)
        stranger = make_user()
        acts = (
            lambda: service.edit(user_id=stranger.id, want_id=want_id, said=said(now), at=now),
            lambda: service.move(user_id=stranger.id, want_id=want_id, event=WantEvent.CLOSED, at=now),
            lambda: service.mute(user_id=stranger.id, want_id=want_id, muted=True),
            lambda: queries.own(stranger.id, want_id),
        )
        for act in acts:
            with pytest.raises(NotFound):
                act()
        own = queries.own(person.id, want_id)
        assert (own.state, own.muted) == (WantState.OPEN, False)

    def test_only_those_that_are_a_buyers(self, person, now):
        want_id = post(person, now)
        with pytest.raises(Invalid):
            service.move(user_id=person.id, want_id=want_id, event=WantEvent.REMOVED, at=now)
        assert queries.own(person.id, want_id).state is WantState.OPEN

    def test_what_is_over_cannot_be_changed(self, person, now):
        want_id = post(person, now)
        service.move(user_id=person.id, want_id=want_id, event=WantEvent.CLOSED, at=now)
        with pytest.raises(Conflict):
            service.edit(user_id=person.id, want_id=want_id, said=said(now), at=now)
        with pytest.raises(IllegalMove):
            service.move(user_id=person.id, want_id=want_id, event=WantEvent.RESUMED, at=now)

    def test_it_ends_by_itself_the_day_after_its_last(self, person, unit, now):
        want_id = post(person, now, until=now.date())
        assert queries.count_for([unit.id], at=now) == {unit.id: 1}
        assert queries.count_for([unit.id], at=now + timedelta(days=1)) == {}

        assert service.expire(at=now) == 0
        assert service.expire(at=now + timedelta(days=1)) == 1
        assert service.expire(at=now + timedelta(days=1)) == 0
        assert queries.own(person.id, want_id).state is WantState.EXPIRED
        newest = db.session.scalars(select(WantMove).where(WantMove.event.is_not(None))).one()
        assert (newest.event, newest.actor_id) == (WantEvent.EXPIRED, None)

    def test_the_link_of_a_mail_mutes_it_once(self, person, now):
        want_id = post(person, now)
        key = db.session.scalar(select(Want.stop_key))
        assert watching_queries.stoppable(key).words == "mails about the Lumenis M22 that you look for"
        watching.stop(stop_key=key)
        assert queries.own(person.id, want_id).muted
        assert queries.title_by_stop_key(key) is None


class TestOfAClinic:
    """Those who run the clinic look after what is looked for on its behalf; the mails stay with who posted it."""

    @pytest.fixture
    def owner(self):
        return make_user(name="Olive Stone")

    @pytest.fixture
    def clinic(self, owner, person):
        clinic = make_clinic(owner=owner, name="Lone Star")
        make_member(clinic=clinic, user=person, role=ClinicRole.TECHNICIAN)
        return clinic

    @pytest.fixture
    def site(self, clinic):
        return make_site(clinic=clinic)

    @pytest.fixture
    def want_id(self, person, site, now):
        return post(person, now, site_id=site.id)

    @pytest.mark.parametrize(("act", "part"), list(product(WantAct, Part)))
    def test_what_each_part_may_do_stands_in_one_table(self, act, part):
        refused = {(WantAct.MUTE, Part.IN_CHARGE)}
        assert may(act, frozenset({part})) is ((act, part) not in refused)
        assert not may(act, frozenset())

    def test_an_owner_or_manager_reads_changes_and_closes_it(self, person, owner, clinic, site, want_id, now):
        manager = make_user()
        make_member(clinic=clinic, user=manager, role=ClinicRole.MANAGER)
        service.edit(
            user_id=manager.id, want_id=want_id, said=said(now, title="Lumenis M22 One", site_id=site.id), at=now
        )
        service.move(user_id=owner.id, want_id=want_id, event=WantEvent.PAUSED, at=now)
        service.move(user_id=manager.id, want_id=want_id, event=WantEvent.CLOSED, at=now)

        (theirs,) = queries.of_person(owner.id)
        assert (theirs.id, theirs.title, theirs.state, theirs.person, theirs.mine) == (
            want_id, "Lumenis M22 One", WantState.CLOSED, person.name, False,
        )  # fmt: skip
        assert queries.own(person.id, want_id).mine
        moves = db.session.execute(select(WantMove.event, WantMove.actor_id).where(WantMove.event.is_not(None))).all()
        assert {tuple(move) for move in moves} == {("paused", owner.id), ("closed", manager.id)}

    def test_it_stays_the_clinics_and_its_mails_its_posters(self, owner, want_id, now):
        elsewhere = make_site(clinic=make_clinic(owner=owner))
        for site_id in (None, elsewhere.id):
            with pytest.raises(Invalid) as refusal:
                service.edit(user_id=owner.id, want_id=want_id, said=said(now, site_id=site_id), at=now)
            assert refusal.value.field == "site_id"
        with pytest.raises(NotFound):
            service.mute(user_id=owner.id, want_id=want_id, muted=True)
        own = queries.own(owner.id, want_id)
        assert (own.clinic_name, own.muted) == ("Lone Star", False)

    @pytest.mark.parametrize("who", ["technician", "former", "elsewhere"])
    def test_nobody_else_knows_of_it(self, clinic, want_id, now, who):
        other = make_user()
        if who == "elsewhere":
            make_clinic(owner=other)
        else:
            gone = {"left_at": now} if who == "former" else {}
            role = ClinicRole.MANAGER if who == "former" else ClinicRole.TECHNICIAN
            make_member(clinic=clinic, user=other, role=role, **gone)
        assert queries.of_person(other.id) == []
        for act in (
            lambda: queries.own(other.id, want_id),
            lambda: service.move(user_id=other.id, want_id=want_id, event=WantEvent.CLOSED, at=now),
            lambda: service.edit(user_id=other.id, want_id=want_id, said=said(now), at=now),
        ):
            with pytest.raises(NotFound):
                act()
        assert db.session.scalar(select(Want.state)) is WantState.OPEN

    def test_what_somebody_looks_for_themselves_is_theirs_alone(self, person, owner, clinic, now):
        want_id = post(person, now)
        with pytest.raises(NotFound):
            queries.own(owner.id, want_id)
        with pytest.raises(NotFound):
            service.move(user_id=owner.id, want_id=want_id, event=WantEvent.CLOSED, at=now)


class TestAnswer:
    def offer(self, want_id, unit, seller, now):
        service.answer(want_id=want_id, listing_id=unit.id, actor_id=seller.id, at=now)

    def test_is_mailed_once_and_stands_on_the_buyers_page(self, person, seller, unit, now):
        want_id = post(person, now)
        self.offer(want_id, unit, seller, now)

        assert mails() == [(person.email, OFFERED)]
        (offered,) = queries.fitting(want_id)
        assert (offered.listing_id, offered.clinic_name, offered.answered_at) == (unit.id, "Sonoran", now)
        assert queries.own(person.id, want_id).answers == 1
        assert queries.one_of_listing(unit.id, want_id, at=now).answered_with == unit.id
        with pytest.raises(service.AlreadyAnswered):
            self.offer(want_id, unit, seller, now)
        assert len(mails()) == 1

    def test_a_second_unit_of_the_same_seller_is_no_second_answer(self, person, seller, shop, unit, now):
        second = make_listing(clinic=shop, model=real_model("Lumenis M22"), price_minor=1_000_000)
        want_id = post(person, now)
        self.offer(want_id, unit, seller, now)
        with pytest.raises(service.AlreadyAnswered):
            self.offer(want_id, second, seller, now)
        assert [one.listing_id for one in db.session.scalars(select(WantAnswer))] == [unit.id]

    def test_of_a_muted_want_no_mail_is_sent(self, person, seller, unit, now):
        want_id = post(person, now)
        service.mute(user_id=person.id, want_id=want_id, muted=True)
        self.offer(want_id, unit, seller, now)

        assert mails() == []
        assert queries.own(person.id, want_id).answers == 1

    @pytest.mark.parametrize("why", ["stranger", "technician", "no_match", "paused_want", "paused_unit", "no_unit"])
    def test_is_refused_and_nothing_told(self, person, seller, shop, unit, now, why):
        want_id = post(person, now)
        who, which = seller, unit
        if why == "stranger":
            who = make_user()
        elif why == "technician":
            make_member(clinic=shop, user=(who := make_user()), role=ClinicRole.TECHNICIAN)
        elif why == "no_match":
            db.session.execute(update(WantMatch).values(fits=False))
        elif why == "paused_want":
            service.move(user_id=person.id, want_id=want_id, event=WantEvent.PAUSED, at=now)
        elif why == "paused_unit":
            change(unit, state="paused")
        else:
            which = Want(id=uuid4())
        expected = {"paused_unit": Conflict, "technician": Exception}.get(why, NotFound)
        with pytest.raises(expected):
            self.offer(want_id, which, who, now)

        assert db.session.scalars(select(WantAnswer)).all() == []
        assert mails() == []

    def test_only_so_many_a_day(self, person, seller, unit, now, monkeypatch):
        monkeypatch.setattr(service, "MOST_ANSWERS_A_DAY", 1)
        first, second = post(person, now), post(make_user(), now)
        self.offer(first, unit, seller, now)
        with pytest.raises(Conflict):
            self.offer(second, unit, seller, now)
        self.offer(second, unit, seller, now + timedelta(days=1))


class TestCleared:
    def test_says_yes_or_no_of_this_very_unit_for_the_buyers_site(self, now):
        scene = make_scene(now)
        hair = Wanted(chosen={"modality": ("DIODE_HR",)})
        can = post(scene.buyer, now, wanted=hair, site_id=scene.site.id)
        cannot = post(scene.owner, now, wanted=hair, site_id=scene.site.id)
        nobody_knows = post(make_user(), now, wanted=hair)
        sale = listings.sale_of(scene.listing.id)
        assert queries.cleared(can, sale, at=now) is True
        assert queries.cleared(cannot, sale, at=now) is False
        assert queries.cleared(nobody_knows, sale, at=now) is None

    def test_nobody_knows_while_no_rules_are_published(self, person, unit, now):
        clinic = make_clinic(owner=person)
        want_id = post(person, now, site_id=make_site(clinic=clinic).id)
        assert queries.cleared(want_id, listings.sale_of(unit.id), at=now) is None


class TestModeration:
    def test_what_is_reported_stands_before_staff_until_it_is_settled(self, person, seller, unit, now):
        want_id = post(person, now)
        for reason in ("It names a rival.", "Again."):
            service.report(want_id=want_id, listing_id=unit.id, reporter_id=seller.id, reason=reason, at=now)
        (one,) = queries.reported()
        assert (one.id, one.person, one.reasons) == (want_id, "Dana Reyes", ("It names a rival.",))

        moderator = make_staff("moderator")
        service.leave(want_id=want_id, actor_id=moderator.id, at=now)
        assert queries.reported() == []
        assert [one.id for one in queries.open_ones()] == [want_id]

    def test_staff_do_not_judge_their_own(self, person, shop, now):
        mine = post(person, now)
        site = make_site(clinic=make_clinic(owner=person))
        of_clinic = post(person, now, site_id=site.id)
        colleague = make_staff("moderator")
        make_member(clinic=site.clinic, user=colleague, left_at=now)

        for want_id, actor in ((mine, person), (of_clinic, colleague)):
            with pytest.raises(service.OwnWant):
                service.leave(want_id=want_id, actor_id=actor.id, at=now)
            with pytest.raises(service.OwnWant):
                service.remove(want_id=want_id, actor_id=actor.id, because="It is mine.", at=now)

    def test_staff_take_it_away_and_say_why(self, person, seller, unit, now):
        want_id = post(person, now)
        service.report(want_id=want_id, listing_id=unit.id, reporter_id=seller.id, reason="Wrong.", at=now)
        moderator = make_staff("moderator")
        with pytest.raises(Invalid):
            service.remove(want_id=want_id, actor_id=moderator.id, because=" ", at=now)
        service.remove(want_id=want_id, actor_id=moderator.id, because="It names people.", at=now)

        own = queries.own(person.id, want_id)
        assert (own.state, own.removed_because) == (WantState.REMOVED, "It names people.")
        assert queries.reported() == queries.open_ones() == []
        assert queries.public(at=now) == ([], False)
        with pytest.raises(IllegalMove):
            service.remove(want_id=want_id, actor_id=moderator.id, because="Twice", at=now)

    @pytest.mark.parametrize("reason", ["", " ", "x" * 501])
    def test_a_report_says_why(self, person, seller, unit, now, reason):
        want_id = post(person, now)
        with pytest.raises(Invalid):
            service.report(want_id=want_id, listing_id=unit.id, reporter_id=seller.id, reason=reason, at=now)
        assert db.session.scalars(select(WantReport)).all() == []

    def test_only_who_was_shown_it_reports_it(self, person, seller, unit, now):
        want_id = post(person, now)
        stranger = make_listing(clinic=make_clinic(owner=(other := make_user()), seller=True), model=make_model())
        for listing, who in ((stranger, other), (unit, other)):
            with pytest.raises(NotFound):
                service.report(want_id=want_id, listing_id=listing.id, reporter_id=who.id, reason="Wrong.", at=now)
        for act in (service.leave, lambda **given: service.remove(because="Gone", **given)):
            with pytest.raises(NotFound):
                act(want_id=uuid4(), actor_id=seller.id, at=now)


class TestDesk:
    def test_says_in_one_statement_what_a_seller_wants_to_know(self, person, unit, shop, now):
        draft = make_listing(state="draft", clinic=shop, price_minor=None, model=real_model("Lumenis M22"))
        # That somebody belongs to another clinic that sells takes nothing away here.
        make_listing(clinic=(other := make_clinic(seller=True, name="Other")))
        make_member(clinic=other, user=person)
        post(person, now)
        post(make_user(), now, wanted=Wanted(chosen={"model": ("Lumenis M22",)}))
        watching.watch(user_id=person.id, listing_id=unit.id, at=now)
        db.session.execute(
            text("INSERT INTO listing_views VALUES (:id, :day, 7), (:id, :old, 9)"),
            {"id": unit.id, "day": now.date(), "old": (now - timedelta(days=31)).date()},
        )
        ids = [unit.id, draft.id]
        with count_statements() as sent:
            known = desk.interest_in(ids, at=now)

        assert len(sent) == 1
        assert known == {ids[0]: desk.Interest(7, 1, 2, None), ids[1]: desk.Interest(0, 0, 1, None)}


class TestConstraints:
    @pytest.fixture
    def want_id(self, person, now):
        return post(person, now)

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"title": " "}, "wants_want_has_a_title"),
            ({"note": "x" * 501}, "wants_want_note_is_short"),
            ({"state": "removed"}, "wants_removal_has_a_reason"),
            ({"removed_because": "x"}, "wants_removal_has_a_reason"),
            ({"until": "2000-01-01"}, "wants_want_ends_after_it_began"),
        ],
    )
    def test_a_want_is_whole(self, want_id, values, constraint):
        with assert_refused_by(constraint):
            db.session.execute(update(Want).values(**values))

    def test_a_site_is_of_a_clinic(self, want_id):
        site = make_site()
        with assert_refused_by("wants_site_is_of_a_clinic"):
            db.session.execute(update(Want).values(site_id=site.id))

    def test_a_link_is_of_one_want(self, person, want_id, now):
        key = db.session.scalar(select(Want.stop_key))
        other = post(person, now)
        with assert_refused_by("uq_wants_stop_key"):
            db.session.execute(update(Want).where(Want.id == other).values(stop_key=key))

    def test_reports_and_answers_are_whole_and_there_once(self, person, seller, unit, want_id, now):
        report = {"want_id": want_id, "reporter_id": person.id, "reason": "x", "at": now}
        for values, constraint in (
            ({"reason": " "}, "want_reports_report_says_why"),
            ({"settled_at": now}, "want_reports_settlement_is_signed"),
        ):
            with assert_refused_by(constraint):
                db.session.add(WantReport(**report | values))
                db.session.flush()
        db.session.add(WantReport(**report))
        db.session.flush()
        with assert_refused_by("one_report_per_want_and_person"):
            db.session.add(WantReport(**report))
            db.session.flush()
        service.answer(want_id=want_id, listing_id=unit.id, actor_id=seller.id, at=now)
        with assert_refused_by("one_answer_per_want_and_seller"):
            db.session.add(
                WantAnswer(want_id=want_id, clinic_id=unit.clinic_id, listing_id=unit.id, answered_by=seller.id, at=now)
            )
            db.session.flush()

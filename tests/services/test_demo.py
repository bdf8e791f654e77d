"""The demo as it is loaded: a whole small market, in which every refusal and every state can be met."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import selectinload

from marketplace import audit
from marketplace.accounts import service as accounts
from marketplace.accounts.models import User
from marketplace.app import create_app
from marketplace.catalog import queries as catalog
from marketplace.clinics import queries as clinics
from marketplace.clinics.models import Clinic, ClinicSite
from marketplace.config import Mode
from marketplace.credentials import asking, matching
from marketplace.credentials.findings import RegisterFinding
from marketplace.credentials.models import Credential
from marketplace.credentials.states import CredentialState
from marketplace.dev.demo import links, shelves, under_way
from marketplace.dev.demo.cast import HOUSES, OFFICIALS, PARTNER_KEY, PASSWORD, SHARING_CODE
from marketplace.dev.demo.market import FEATURED, SOLD, sold
from marketplace.dev.demo.sales import PLANS, RECALLED, sale_to
from marketplace.dev.demo.then import Calendar
from marketplace.eligibility import editing, publishing, receipts
from marketplace.eligibility import service as eligibility
from marketplace.eligibility.models import EligibilityDecision, PolicyStanding, PolicyState, PolicyVersion
from marketplace.eligibility.reasons import ReasonCode
from marketplace.eligibility.sale import Purchase
from marketplace.extensions import adapter_of, db
from marketplace.guides import knowing, prices
from marketplace.inspections import queries as inspections
from marketplace.inspections.models import Inspection
from marketplace.inspections.states import InspectionState
from marketplace.kernel import clock
from marketplace.kernel.terms import ProcedureClass
from marketplace.leads import queries as leads
from marketplace.listings import liens, reports
from marketplace.listings import queries as listings
from marketplace.listings.models import Listing, PriceSet
from marketplace.listings.ports import PhotoStore
from marketplace.listings.states import ListingState
from marketplace.listings.unsaid import missing
from marketplace.messages import queries as messages
from marketplace.messages.models import OrderMessage
from marketplace.notifications.models import Mail
from marketplace.orders import reserving
from marketplace.orders import service as orders
from marketplace.orders.models import Offer, Order, OrderHold, Reservation
from marketplace.orders.offer_states import OfferState
from marketplace.orders.reservation_states import ReservationState
from marketplace.orders.states import ENDED_WITHOUT_SALE, OrderState
from marketplace.partners import asking as partners_asking
from marketplace.partners import service as partners
from marketplace.partners.asked import Question
from marketplace.partners.models import PartnerAnswer
from marketplace.payments import service as payments
from marketplace.payments.models import (
    IntentKind,
    IntentState,
    LedgerEntry,
    MoneyIntent,
    Payment,
    ProviderEvent,
    ProviderEventState,
    SellerAccount,
)
from marketplace.payments.states import PaymentState
from marketplace.questions import queries as questions
from marketplace.recalls import queries as recalls
from marketplace.recalls.states import MatchState
from marketplace.registers import queries as registers
from marketplace.registers.normal import Strength
from marketplace.registers.sources import sources
from marketplace.reviews import queries as reviews
from marketplace.reviews import standing
from marketplace.ripple import Cause
from marketplace.wants import queries as wants
from marketplace.wants.models import WantMatch
from marketplace.watching import queries as watching
from tests.conftest import settings_for
from tests.factories.payments import do_jobs
from tests.support import promised_jobs

pytestmark = [pytest.mark.own_database, pytest.mark.xdist_group("demo")]  # One worker loads it, once.

GENTLEMAX = "Candela GentleMax Pro"
M22 = "Lumenis M22"
LIGHTSHEER = "Lumenis LightSheer Desire / Infinity (family)"
PICOSURE = "Cynosure PicoSure"
ACUPULSE = "Lumenis AcuPulse"
MORPHEUS = "InMode Morpheus8 / Fractora"
PRICES = {f"{maker} {model}": price * 100 for _, maker, model, _, price, _ in FEATURED}

EVERY = [*map(sale_to, sold()), *PLANS]

HAIR, VASCULAR = ProcedureClass.HAIR_NONABLATIVE, ProcedureClass.VASCULAR_PIGMENT
_R = ReasonCode


@pytest.fixture(scope="module")
def demo(fresh_database, local_stripe_server, tmp_path_factory):
    """The app over a database with the whole demo in it."""
    local_stripe_server.reset()
    settings = settings_for(
        fresh_database(),
        tmp_path_factory.mktemp("demo"),
        mode=Mode.DEMO,
        stripe_api_base=local_stripe_server.base_url,
    )
    app = create_app(settings)
    assert loaded_by_command(app) == "The demo is loaded."
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    catalog.forget()


def loaded_by_command(app) -> str:
    return app.test_cli_runner().invoke(args=["demo", "load"], catch_exceptions=False).output.splitlines()[-1]


@pytest.fixture(autouse=True)
def _inside(demo):
    with demo.app_context():
        yield
        db.session.remove()


def named(title: str) -> Listing:
    """The unit of that maker and model which the tour visits."""
    return db.session.scalars(select(Listing).where(Listing.title == title, Listing.price_minor == PRICES[title])).one()


def purchase_of(name: str, *uses: ProcedureClass) -> Purchase:
    user = db.session.scalars(select(User.id).where(User.name == name)).one()
    (site,) = clinics.sites_of_person(user)
    return Purchase(
        buyer_id=user, clinic_id=site.clinic_id, site_id=site.id, operator_id=user, declared_uses=frozenset(uses)
    )


def answer(name: str, title: str):
    (verdict,) = eligibility.previews(
        sales=[listings.sale_of(named(title).id)], purchase=purchase_of(name), at=clock.now()
    )
    return verdict


def credentials_of(name: str) -> list[Credential]:
    holder = select(User.id).where(User.name == name).scalar_subquery()
    return list(db.session.scalars(select(Credential).where(Credential.holder_id == holder)))


def count(model, column) -> dict:
    return dict(db.session.execute(select(column, func.count()).select_from(model).group_by(column)).all())


class TestPeople:
    def test_forty_one_people_twelve_clinics_eight_states(self):
        assert db.session.scalar(select(func.count()).select_from(User)) == 41
        assert db.session.scalar(select(func.count()).select_from(Clinic)) == 12
        assert len(set(db.session.scalars(select(ClinicSite.state)))) == 8

    def test_they_sign_in_with_the_password_that_is_offered(self):
        for person in (HOUSES[0].people[0], OFFICIALS[0]):
            assert accounts.sign_in(email=person.email, password=PASSWORD, at=clock.now()).token

    def test_they_belong_to_their_clinics(self):
        for house in HOUSES:
            clinic = db.session.scalars(select(Clinic.id).where(Clinic.name == house.name)).one()
            assert {(member.name, member.role) for member in clinics.members_of(clinic)} == {
                (person.name, person.role) for person in house.people
            }

    def test_one_seller_was_not_checked_and_one_cannot_be_paid(self):
        assert count(Clinic, Clinic.seller_standing) == {"verified": 11, "unverified": 1}
        payable = select(Clinic.name).where(
            Clinic.seller_standing == "verified", Clinic.id.not_in(select(SellerAccount.clinic_id))
        )
        assert db.session.scalars(payable).all() == ["Hill Country Skin"]


class TestCredentials:
    def test_they_are_in_every_state_of_a_review(self):
        proofs = [proof for house in HOUSES for who in (house, *house.people) for proof in who.proofs]

        found = count(Credential, Credential.state)

        told = Counter(CredentialState(proof.ending) for proof in proofs)
        # One is suspended while an order is played, so that the demo has an order on hold.
        assert found == told + Counter([CredentialState.SUSPENDED]) - Counter([CredentialState.VERIFIED])
        assert sum(found.values()) == len(proofs) == 45

    def test_each_rests_on_a_document_that_can_be_opened(self):
        held = select(Credential).options(selectinload(Credential.documents))

        assert {len(credential.documents) for credential in db.session.scalars(held)} == {1}

    def test_what_was_suspended_while_an_order_was_played_holds_it(self):
        (credential,) = credentials_of("Ingrid Olsen")
        (hold,) = db.session.scalars(select(OrderHold).where(OrderHold.cause != Cause.RECALL_CONFIRMED))

        assert credential.state is CredentialState.SUSPENDED
        assert (hold.cause, hold.reference, hold.lifted_at) == (Cause.CREDENTIAL_SUSPENDED, credential.id, None)


class TestAnswers:
    def test_dana_may_buy_an_alexandrite_laser_for_hair_only(self):
        verdict = answer("Dana Reyes", GENTLEMAX)

        assert verdict.cleared
        assert verdict.restriction.uses == (HAIR,)
        assert verdict.restriction.left_out == (VASCULAR,)

    @pytest.mark.parametrize(
        ("name", "title", "codes"),
        [
            ("Priya Nair", LIGHTSHEER, [_R.EXPIRED]),
            ("Marcus Webb", LIGHTSHEER, [_R.NOT_AN_OPERATOR_CERTIFICATE]),
            ("Elena Soto", LIGHTSHEER, [_R.IN_REVIEW]),
            ("Tyler Brooks", GENTLEMAX, [_R.NO_PRACTITIONER]),
            ("Joan Whitfield", LIGHTSHEER, [_R.NO_CREDENTIAL, _R.NO_PRACTITIONER]),
            ("Ben Yazzie", M22, [_R.ENDORSEMENT_MISSING]),
            ("Sam Porter", M22, [_R.WRONG_STATE]),
            ("Irene Maddox", LIGHTSHEER, [_R.REVOKED, _R.NO_CREDENTIAL, _R.NO_PRACTITIONER]),
            ("Lucia Fernandez", GENTLEMAX, [_R.OTHER_MODEL, _R.NO_RULE]),
            ("Simone Grant", MORPHEUS, [_R.NO_RULE]),
            ("Jade Kim", ACUPULSE, [_R.NO_RULE]),
            ("Holly Drake", LIGHTSHEER, [_R.SUSPENDED]),
            ("Nina Petrov", LIGHTSHEER, [_R.REJECTED]),
            ("Laura Finley", GENTLEMAX, [_R.NOT_ACCEPTED]),
        ],
    )
    def test_everybody_else_is_told_what_stands_against_it(self, name, title, codes):
        verdict = answer(name, title)

        assert [objection.code for objection in verdict.objections] == codes
        assert all(objection.cures for objection in verdict.objections)

    def test_rosa_reads_which_question_she_has_to_answer(self):
        (objection,) = answer("Rosa Delgado", LIGHTSHEER).objections

        assert "waits for an answer to the verifier's question" in objection.sentence

    @pytest.mark.parametrize(
        ("name", "title"),
        [
            ("Nora Castillo", GENTLEMAX),
            ("Nora Castillo", M22),
            ("Ben Yazzie", LIGHTSHEER),
            ("Lucia Fernandez", LIGHTSHEER),
            ("Simone Grant", GENTLEMAX),
            ("Jade Kim", GENTLEMAX),
            ("Margaret Sloan", ACUPULSE),
            ("Helen Cho", PICOSURE),
        ],
    )
    def test_the_cleared_are_cleared(self, name, title):
        assert answer(name, title).cleared

    def test_nora_may_do_all_that_an_m22_does(self):
        assert answer("Nora Castillo", M22).restriction is None

    def test_the_rules_are_in_force_for_reference(self):
        rules = publishing.published_policy()

        assert (rules.number, rules.standing) == (1, PolicyStanding.REFERENCE)


class TestListings:
    @pytest.fixture
    def all_listings(self):
        whole = select(Listing).options(
            selectinload(Listing.handpieces), selectinload(Listing.photos), selectinload(Listing.moves)
        )
        return db.session.scalars(whole).all()

    def test_they_are_in_every_state(self):
        kept = len([plan for plan in EVERY if plan.end not in ENDED_WITHOUT_SALE])
        gone = len([plan for plan in EVERY if plan.end is OrderState.SETTLED])

        assert count(Listing, Listing.state) == {
            ListingState.DRAFT: 11,
            ListingState.IN_REVIEW: 11,
            ListingState.PUBLISHED: 213 + len(sold()) - kept,
            ListingState.PAUSED: 1,
            ListingState.RESERVED: kept - gone,
            ListingState.SOLD: gone,
            ListingState.WITHDRAWN: 4,
        }

    def test_their_moves_lead_to_where_they_stand(self, all_listings):
        for listing in all_listings:
            assert listing.moves[-1].state is listing.state
            assert listing.moves[0].event is None

    def test_nothing_is_offered_that_the_forms_would_not_let_through(self, all_listings):
        for listing in all_listings:
            if listing.state is not ListingState.DRAFT or listing.review_note:
                assert missing(listing) == []

    def test_every_photo_has_its_files(self, all_listings):
        store = adapter_of(PhotoStore)
        stems = {photo.storage_key for listing in all_listings for photo in listing.photos}

        assert len(stems) == len(shelves.known_models()) + len(FEATURED)
        for stem in stems:
            assert store.get(f"{stem}-480.webp").startswith(b"RIFF")

    def test_the_tour_stands_on_the_first_page(self):
        newest = select(Listing.title).where(Listing.state == "published").order_by(Listing.published_at.desc())

        assert set(db.session.scalars(newest.limit(len(FEATURED)))) == set(PRICES)


class TestOrders:
    def test_there_is_one_in_every_state(self):
        assert count(Order, Order.state) == Counter(plan.end for plan in EVERY)

    def test_each_is_its_buyers(self):
        placed = db.session.execute(select(User.name, Order.state).join(User, User.id == Order.buyer_id)).all()

        assert Counter(map(tuple, placed)) == Counter((plan.buyer, plan.end) for plan in EVERY)

    def test_money_is_where_the_orders_say(self):
        assert count(Payment, Payment.state) == {
            PaymentState.PROCESSING: 1,
            PaymentState.HELD: 9,
            PaymentState.RELEASING: 1,
            PaymentState.RELEASED: 2 + len(sold()),
            PaymentState.REFUNDING: 1,
            PaymentState.REFUNDED: 1,
        }

    def test_a_seller_who_cannot_be_paid_yet_is_waited_for(self):
        intents = db.session.execute(select(MoneyIntent.kind, MoneyIntent.state)).all()

        assert Counter(map(tuple, intents)) == {
            (IntentKind.RELEASE, IntentState.DONE): 2 + len(sold()),
            (IntentKind.RELEASE, IntentState.BLOCKED): 1,
            (IntentKind.REFUND, IntentState.DONE): 2,
        }

    def test_one_is_held_by_an_open_recall_and_one_is_disputed(self):
        held = db.session.execute(
            select(Listing.title, Order.state)
            .join(Order, Order.listing_id == Listing.id)
            .join(OrderHold, OrderHold.order_id == Order.id)
            .where(OrderHold.cause == Cause.RECALL_CONFIRMED, OrderHold.lifted_at.is_(None))
        ).all()
        disputed = db.session.scalars(select(Payment.frozen_reason).where(Payment.frozen_reason.is_not(None))).all()

        assert held == [(RECALLED, OrderState.FUNDS_HELD)]
        assert len(disputed) == 1

    def test_the_price_guide_tells_what_was_paid_for_the_popular_models(self):
        known = {one.title: one.sold.n for one in prices.models_with_a_guide()}

        assert known == {f"{maker} {model}": len(years) for maker, model, _, years, _ in SOLD}
        duet = prices.guide(knowing.model_at("lumenis-lightsheer-duet").id)
        assert [(one.year, one.sold.n) for one in duet.years if one.sold] == [(2016, 3), (2014, 3)]
        assert Counter((row[2], row[3]) for row in prices.sold_rows()) == {
            ("LightSheer Duet", 2014): 3, ("PicoSure", 2013): 3, ("AcuPulse", 2012): 3,
        }  # fmt: skip

    def test_what_was_sold_before_anybody_looked_was_sold_in_its_month(self):
        """With every guard of the database asked at that time, and with money that moved then at the provider."""
        sales = {sale.serial: sale.months_ago for sale in sold()}
        rows = db.session.execute(
            select(Listing.serial, Order, EligibilityDecision.decided_at)
            .join(Order, Order.listing_id == Listing.id)
            .join(EligibilityDecision, EligibilityDecision.id == Order.release_decision_id)
            .where(Listing.serial.in_(sales))
        ).all()

        assert len(rows) == len(sales)
        for serial, order, released in rows:
            day = timedelta(days=1)
            began = order.placed_at
            assert abs(clock.now() - began - sales[serial] * 30 * day) < day / 4
            assert released - began == 2 * day  # Asked anew as it left.
            assert order.accepted_at - began == 9 * day
            assert {move.at - began for move in order.moves} == {number * day for number in (0, 1, 2, 7, 9)}

    def test_buyers_said_how_it_went_and_three_sellers_have_earned_their_badge(self):
        sellers = select(Clinic.name, Clinic.id).join(SellerAccount, SellerAccount.clinic_id == Clinic.id)
        histories = {name: reviews.seller(key, at=clock.now()).history for name, key in db.session.execute(sellers)}

        assert sum(one.reviews for one in histories.values()) == len(sold())
        assert {name for name, one in histories.items() if standing.earned(one)} == {
            "Desert Ridge Aesthetics", "Gulf Coast Dermatology", "Sonoran Laser Supply",
        }  # fmt: skip

    def test_the_past_is_over(self, demo):
        """The clock of the local Stripe stands at now again, and no database has another answer to what time it is."""
        calendar = Calendar(demo.extensions["second_light_settings"])

        assert abs(calendar.ask_stripe("/_sim/clock", seconds=0)["now"] - clock.now().timestamp()) < 60
        assert db.session.scalar(text("SELECT to_regnamespace('demo_time')")) is None
        assert db.session.scalar(select(func.max(PriceSet.at))) <= clock.now()

    def test_most_units_show_what_they_cost_in_all_and_some_do_not(self):
        whole = select(Listing.beyond_minor.is_not(None)).where(Listing.state == ListingState.PUBLISHED)
        told = Counter(db.session.scalars(whole))

        assert 0.6 < told[True] / told.total() < 0.9

    def test_nothing_is_lost(self, demo):
        done = demo.test_cli_runner().invoke(args=["payments", "verify"])

        assert done.output.splitlines()[-1] == "Nothing is lost."

    def test_the_ledger_balances(self):
        journals = db.session.execute(
            select(func.count(), func.sum(LedgerEntry.amount_minor)).group_by(LedgerEntry.journal_id)
        ).all()

        assert len(journals) > len(PLANS) / 2
        assert {total for _, total in journals} == {0}

    def test_looking_again_at_the_provider_changes_nothing(self):
        before = count(Order, Order.state), count(Payment, Payment.state)

        payments.reconcile(live=False, at=clock.now())
        orders.catch_up(at=clock.now())

        assert (count(Order, Order.state), count(Payment, Payment.state)) == before

    def test_reading_all_that_the_provider_says_happened_changes_nothing_either(self):
        before = count(Order, Order.state), count(Payment, Payment.state)

        assert payments.poll_events(at=clock.now()) > len(PLANS)
        do_jobs()

        assert (count(Order, Order.state), count(Payment, Payment.state)) == before
        assert set(count(ProviderEvent, ProviderEvent.state)) == {ProviderEventState.DONE, ProviderEventState.IGNORED}


class TestTraces:
    def test_the_audit_chain_is_whole(self):
        assert list(audit.broken_links()) == []

    def test_what_happened_to_listings_is_in_the_audit_trail(self):
        told = select(audit.AuditEvent.kind, func.count()).where(audit.AuditEvent.kind.like("listing:%"))
        trail = dict(db.session.execute(told.group_by(audit.AuditEvent.kind)).all())

        moved = db.session.execute(text("SELECT coalesce(event, 'drafted'), count(*) FROM listing_moves GROUP BY 1"))
        assert trail == {f"listing:{event}": number for event, number in moved}
        assert trail["listing:drafted"] == 240 + len(sold())

    def test_no_mail_waits_but_those_with_a_link_to_try_and_no_job_but_theirs(self):
        assert [name for name, _ in promised_jobs()] == ["send_mail", "send_mail"]
        assert sorted(db.session.execute(select(Mail.to, Mail.template)).all()) == [
            ("amir.khan@demo.example", "order_link"),
            ("office@gulf-coast.demo.example", "claim_question"),
        ]

    def test_a_case_has_an_answer_from_outside_and_a_question_that_waits(self):
        claim = db.session.scalars(
            select(Credential).join(User, User.id == Credential.holder_id).where(User.name == links.CLAIMANT)
        ).one()
        waiting, answered = asking.requests_about(claim.id, at=clock.now())
        assert (answered.worth, answered.answered.answer, answered.may_confirm) == ("used", "confirmed", True)
        assert (waiting.worth, waiting.asked, waiting.opened_at) == ("waiting", "employer", None)

    def test_a_house_where_somebody_lives_is_left_as_it_is(self, demo):
        def rows():
            return {
                table.name: db.session.scalar(select(func.count()).select_from(table))
                for table in db.metadata.sorted_tables
            }

        before = rows()

        assert loaded_by_command(demo) == "The demo is here already."
        assert rows() == before


def test_the_registers_are_loaded_and_two_findings_wait(demo):
    with demo.app_context():
        assert sorted(registers.current(sources())) == [
            "TX:TDLR", "TX:TMB", "US:FDA:ENFORCEMENT", "US:FDA:RECALL", "US:LEIE",
        ]  # fmt: skip
        found = db.session.execute(select(RegisterFinding.kind, RegisterFinding.state).order_by(RegisterFinding.kind))
        assert list(found) == [("exclusion", "open"), ("missing", "open")]


def test_somebody_watches_devices_and_searches(demo):
    with demo.app_context():
        person = db.session.scalars(select(User.id).where(User.name == "Dana Reyes")).one()
        assert len(watching.watched_by(person)) == 2
        assert {one.name for one in watching.saved_by(person)} == {"Alexandrite for hair", "Anything of Lumenis"}


def test_three_say_what_they_look_for_and_sellers_are_told_of_it(demo):
    with demo.app_context():
        found, more = wants.public(at=clock.now())
        assert ({one.title for one in found}, more) == (
            {"Lumenis M22", "Candela, Alexandrite 755", "picosecond"},
            False,
        )
        assert len(set(db.session.scalars(select(WantMatch.want_id)))) >= 2


def test_what_is_to_be_arranged_waits_is_proposed_and_was_handed_on(demo):
    with demo.app_context():
        told = {(one.person, one.kind.value, one.state.value) for one in [*leads.waiting(), *leads.handed_on()]}
    assert told == {
        ("Dana Reyes", "finance", "proposed"),
        ("Dana Reyes", "trade_in", "open"),
        ("Walter Finch", "consignment", "handed_on"),
    }


def test_a_reseller_may_ask_about_dana_with_what_is_told_to_everybody(demo):
    holder, at = partners.holder_of(PARTNER_KEY.shown, at=clock.now()), clock.now()
    code = SHARING_CODE.shown
    hair = frozenset({ProcedureClass.HAIR_NONABLATIVE})
    given = partners_asking.ask(holder=holder, question=Question(code, "candela-gentlemax-pro", uses=hair), at=at)

    assert db.session.get_one(PartnerAnswer, given).allowed is True
    first = db.session.scalars(select(PartnerAnswer).order_by(PartnerAnswer.position)).first()
    assert (first.facts["device"]["model"], first.allowed) == ("M22", False)


def test_one_device_is_financed_and_says_so(demo):
    with demo.app_context():
        units = db.session.scalars(select(Listing).where(Listing.particulars["title"].astext == liens.FINANCED)).all()
        assert [str(one.state) for one in units] == ["published"]
        assert [one.file_number for one in liens.searches_of(units[0].id)] == ["DEMO-0001"]
        assert missing(units[0]) == []


def test_one_device_was_looked_at_and_another_waits(demo):
    with demo.app_context():
        states = select(Inspection.state, func.count()).group_by(Inspection.state)
        assert dict(db.session.execute(states).all()) == {InspectionState.SIGNED: 1, InspectionState.ASKED: 1}
        assert [one.name for one in inspections.inspectors()] == ["Lucia Fernandez"]


def test_people_talk_before_the_sale_and_after_it(demo):
    with demo.app_context():
        shown = {one.words: one for one in questions.latest()}
        states = sorted(one.state for one in shown.values())
        assert states == ["answered"] * 4 + ["declined"] + ["open"] * 2
        assert [one.title for one in questions.reported()] == ["Lumenis M22"]
        masked = "Could you call me at [contact hidden] about the freight to Austin?"
        assert shown[masked].original == "Could you call me at 512 555 0100 about the freight to Austin?"
        dana = db.session.scalars(select(User.id).where(User.name == "Dana Reyes")).one()
        threads = {
            state: messages.thread(order, user_id=dana)
            for order, state in db.session.execute(
                select(Order.id, Order.state).where(Order.id.in_(select(OrderMessage.order_id)), Order.buyer_id == dana)
            )
        }
        waiting, arrived = threads[OrderState.AWAITING_PAYMENT], threads[OrderState.UNDER_INSPECTION]
        assert [one.words for one in waiting.messages] == [
            "Please call me at [contact hidden] before you book the freight."
        ]
        assert "602 555 0147" in arrived.messages[1].words
        inspected = select(Order.report_id).where(Order.buyer_id == dana, Order.state == OrderState.UNDER_INSPECTION)
        assert len(reports.report(db.session.scalars(inspected).one()).document["questions"]) == 1
        speakers = select(OrderMessage.speaker).join(Payment, Payment.order_id == OrderMessage.order_id)
        assert sorted(db.session.scalars(speakers.where(Payment.frozen_reason == "disputed"))) == ["seller", "staff"]


def test_one_recall_is_open_and_another_waits(demo):
    with demo.app_context():
        found = [(one.number, one.model, one.state) for state in MatchState for one in recalls.in_state(state)]
        assert sorted(found) == [
            ("Z-1346-2022", "Zeltiq CoolSculpting", MatchState.CANDIDATE),
            ("Z-1346-2022", "Zeltiq CoolSculpting Elite", MatchState.CANDIDATE),
            ("Z-1354-2023", "Solta Thermage CPT", MatchState.CONFIRMED),
        ]


def test_whoever_waits_for_a_verifier_in_texas_is_found_in_its_roster(demo):
    with demo.app_context():
        waiting = select(Credential).where(Credential.number == "11820")
        [offer] = matching.offers_for(db.session.scalars(waiting).one().id)

        assert (offer.entry.name, offer.strength, offer.agrees) == ("ELENA SOTO", Strength.STRONG, True)


class TestUnderWay:
    """What somebody is in the middle of, to be looked at and gone on with."""

    def test_says_so_where_the_buyer_may_buy_nothing(self, now):
        with pytest.raises(LookupError, match="open to Dana Reyes"):
            under_way._offer(None, iter(()), now)

    def test_a_draft_of_the_policy_changes_one_rule(self):
        (draft,) = db.session.scalars(select(PolicyVersion).where(PolicyVersion.state == PolicyState.DRAFT))
        (edit,) = editing.edits_of(draft.id)

        assert edit.rule_id == under_way.EDITED
        before, after = (
            {option.name for rule in policy.document.rules if rule.id == edit.rule_id for option in rule.options}
            for policy in (publishing.published_policy().policy, editing.policy_in(draft))
        )
        assert before - after == {
            "TDLR laser hair removal certificate: Apprentice-in-training under direct supervision"
        }
        assert after < before

    def test_a_device_is_kept_for_a_buyer_who_is_still_qualifying_and_another_is_asked_for(self):
        waiting = {row.state: row for row in db.session.scalars(select(Reservation))}

        assert set(waiting) == {ReservationState.GRANTED, ReservationState.ASKED}
        kept = reserving.kept(waiting[ReservationState.GRANTED].listing_id, at=clock.now())
        names = {row.state: db.session.get_one(User, row.buyer_id).name for row in waiting.values()}
        assert names == {ReservationState.GRANTED: "Elena Soto", ReservationState.ASKED: "Priya Nair"}
        assert kept is not None
        assert kept.until > clock.now() + timedelta(days=8)

    def test_an_offer_waits_for_its_seller_and_another_for_its_buyer(self):
        made = db.session.scalars(select(Offer).order_by(Offer.made_at)).all()

        assert [one.state for one in made] == [OfferState.OPEN, OfferState.COUNTERED]
        assert {db.session.get_one(User, one.buyer_id).name for one in made} == {"Dana Reyes"}

    def test_a_receipt_names_the_handpiece_that_stays_with_the_seller(self):
        ben = db.session.scalars(select(User.id).where(User.name == "Ben Yazzie")).one()
        (order,) = db.session.scalars(select(Order).where(Order.buyer_id == ben))

        assert order.left_out
        receipt = receipts.receipt(order.payment_decision_id)
        assert receipt.verdict.cleared
        sold = {part.id for part in receipt.facts.device.handpieces}
        assert sold.isdisjoint(order.left_out)
        assert sold

"""Closing one's own account: not while others rest on somebody; then everything of theirs is taken back."""

import pytest
from sqlalchemy import func, select, update

from marketplace.accounts import closing
from marketplace.accounts import service as accounts
from marketplace.accounts.closing import StaffAccount
from marketplace.accounts.models import KnownBrowser, ParkedForm, SessionEnd, User, UserSession
from marketplace.audit import AuditEvent
from marketplace.clinics.models import ClinicMember, ClinicSite
from marketplace.credentials.models import Credential
from marketplace.credentials.states import CredentialState
from marketplace.extensions import db
from marketplace.inspections import service as inspections
from marketplace.inspections.states import InspectionKind
from marketplace.kernel.errors import Conflict
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole
from marketplace.leads import service as leads
from marketplace.leads.models import Lead
from marketplace.leads.service import HandedIn
from marketplace.leads.states import LeadKind, LeadState
from marketplace.listings.search import Wanted
from marketplace.listings.states import ListingState
from marketplace.notifications.models import Mail
from marketplace.orders import offering
from marketplace.orders.models import Offer, Order, OrderHold, Reservation
from marketplace.orders.offer_states import OfferState
from marketplace.orders.reservation_states import ReservationState
from marketplace.orders.states import OrderState
from marketplace.partners import service as partners
from marketplace.partners import sharing
from marketplace.partners.models import SharingCode
from marketplace.privacy import leaving
from marketplace.privacy.leaving import StillNeeded
from marketplace.wants import service as wants
from marketplace.wants.models import Want
from marketplace.wants.service import Said
from marketplace.wants.states import WantState
from marketplace.watching import service as watching
from marketplace.watching.models import Cadence, SavedSearch, Watch
from tests.factories.accounts import kept, make_session, make_staff, make_user
from tests.factories.clinics import make_clinic, make_member
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.sales import unguarded
from tests.support import promised_mails


def paths(user):
    return [one.path for one in leaving.obstacles(user.id)]


def is_open(user) -> bool:
    return db.session.scalar(select(User.disabled_at).where(User.id == user.id)) is None


def count(kind, *which) -> int:
    return db.session.scalar(select(func.count()).select_from(kind).where(*which))


class TestObstacles:
    @pytest.mark.parametrize("who", ["buyer", "practitioner", "owner", "seller"])
    def test_an_order_under_way_needs_whoever_it_names_and_who_runs_a_side_alone(self, funds_held, scene, who, now):
        person = getattr(scene, who)
        assert paths(person)[0] == f"/orders/{funds_held.id}"
        with pytest.raises(StillNeeded, match=f"Order {funds_held.number} is under way"):
            leaving.leave(user_id=person.id, at=now)
        assert is_open(person)

    def test_it_needs_nobody_else(self, funds_held, scene):
        colleague = db.session.scalars(select(User).where(User.name == "Priya Nair")).one()
        assert paths(colleague) == []

    def test_nor_the_owner_beside_whom_another_stays(self, funds_held, scene):
        make_member(clinic=scene.clinic, user=make_user(), role=ClinicRole.OWNER)
        assert paths(scene.owner) == []

    def test_one_whose_seller_was_paid_needs_nobody(self, accepted, scene):
        assert paths(scene.buyer) == [f"/orders/{accepted.id}"]
        with unguarded("orders"):
            db.session.execute(update(Order).values(state="settled"))
        assert paths(scene.buyer) == []

    @pytest.mark.parametrize("state", ["cancelled", "lapsed", "refunded"])
    def test_one_that_is_over_needs_nobody(self, funds_held, scene, state):
        with unguarded("orders"):
            db.session.execute(update(Order).values(state=state))
        assert paths(scene.buyer) == []

    def test_members_need_their_last_owner(self, scene):
        (one,) = leaving.obstacles(scene.owner.id)
        assert (one.path, one.words) == (
            f"/clinics/{scene.clinic.id}",
            f"{scene.clinic.name} has no other owner who stays.",
        )

    @pytest.mark.parametrize("state", list(ListingState))
    def test_so_do_devices_on_offer(self, state, now):
        owner = make_user()
        make_listing(clinic=make_clinic(owner=owner, seller=True), state=state)
        on_offer = state in {"in_review", "published", "paused", "reserved"}
        assert paths(owner) == (["/sell"] if on_offer else [])

    def test_an_inspection_waits_for_whom_it_was_given_to(self, scene, now):
        inspector, moderator = make_user(), make_staff("moderator")
        inspections.appoint(email=inspector.email, firm="Looks", skills="Twenty years.", actor_id=moderator.id, at=now)
        asked = inspections.ask(
            listing_id=scene.listing.id,
            asker_id=scene.buyer.id,
            kind=InspectionKind.OPERATING,
            words="Fire it.",
            at=now,
        )
        inspections.let_in(inspection_id=asked, actor_id=scene.seller.id, words="Tuesday.", at=now)
        assert paths(inspector) == []
        inspections.assign(inspection_id=asked, inspector_id=inspector.id, actor_id=moderator.id, at=now)
        assert paths(inspector) == [f"/inspections/{asked}"]
        inspections.close(inspection_id=asked, actor_id=moderator.id, because="Nobody came.", at=now)
        assert paths(inspector) == []

    def test_nothing_needs_somebody_who_only_looked_around(self):
        assert leaving.obstacles(make_user().id) == []


class TestLeave:
    @pytest.fixture
    def buyer(self, scene, now):
        """A buyer who has asked for everything that can be asked for, and has a clinic of their own beside."""
        buyer, site, clinic = scene.buyer, scene.site, scene.clinic
        listing = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")])
        watching.watch(user_id=buyer.id, listing_id=listing.id, at=now)
        watching.save(user_id=buyer.id, name="x", query="", wanted=Wanted(), cadence=Cadence.DAILY, at=now)
        said = Said("Diode", "modality=DIODE_HR", Wanted(chosen={"modality": ("DIODE_HR",)}), "", now.date(), "TX")
        wants.post(user_id=buyer.id, said=said, at=now)
        offering.make(listing_id=scene.listing.id, buyer_id=buyer.id, site_id=site.id, amount=Money(3_000_000), at=now)
        reserved = {"listing_id": listing.id, "buyer_id": buyer.id, "clinic_id": clinic.id}
        kept(Reservation(**reserved, message="Soon.", state="asked", asked_at=now))
        leads.hand_in(user_id=buyer.id, said=HandedIn(LeadKind.TRADE_IN, clinic.id, "Lumenis M22"), at=now)
        partner, _ = partners.open_partner(name="A reseller", email="desk@reseller.example", at=now)
        sharing.give(person_id=buyer.id, partner_id=partner, site_id=site.id, days=30, at=now)
        make_credential(holder=buyer, type_code="MD_DO", state="submitted", number="Q1")
        make_clinic(owner=buyer, name="Mine Alone")
        make_session(buyer, at=now)
        kept(KnownBrowser(digest=b"b" * 32, user_id=buyer.id, first_at=now, last_at=now, user_agent="x"))
        accounts.park_form(user_id=buyer.id, path="/x", fields=[], at=now)
        db.session.commit()
        return buyer

    def test_takes_back_what_waits_and_forgets_what_was_kept(self, buyer, scene, now):
        assert leaving.obstacles(buyer.id) == []
        leaving.leave(user_id=buyer.id, at=now)

        for kind in (Watch, SavedSearch, KnownBrowser, ParkedForm):
            assert count(kind, kind.user_id == buyer.id) == 0
        assert db.session.scalars(select(Want.state)).all() == [WantState.CLOSED]
        assert db.session.scalars(select(Offer.state)).all() == [OfferState.WITHDRAWN]
        assert db.session.scalars(select(Reservation.state)).all() == [ReservationState.WITHDRAWN]
        assert db.session.scalars(select(Lead.state)).all() == [LeadState.WITHDRAWN]
        assert db.session.scalars(select(SharingCode.revoked_at)).all() == [now]
        states = db.session.scalars(select(Credential.state).where(Credential.holder_id == buyer.id))
        assert sorted(states) == [CredentialState.VERIFIED, CredentialState.WITHDRAWN]

    def test_leaves_the_clinics_but_the_one_that_is_theirs_alone(self, buyer, scene, now):
        leaving.leave(user_id=buyer.id, at=now)

        left = dict(
            db.session.execute(
                select(ClinicMember.clinic_id, ClinicMember.left_at).where(ClinicMember.user_id == buyer.id)
            ).all()
        )
        assert left.pop(scene.clinic.id) == now
        assert list(left.values()) == [None]
        assert db.session.get_one(ClinicSite, scene.site.id, populate_existing=True).laser_safety_officer_id is None

    def test_closes_the_account_and_writes_once(self, buyer, now):
        leaving.leave(user_id=buyer.id, at=now)

        assert not is_open(buyer)
        assert set(db.session.scalars(select(UserSession.ended_because).where(UserSession.user_id == buyer.id))) == {
            SessionEnd.ACCOUNT_DISABLED
        }
        (mail,) = promised_mails(Mail.template == "account_closed")
        assert (mail.to, mail.context) == (buyer.email, {"name": "Alice Martin"})
        event = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == "account:disabled")).one()
        assert (event.actor_id, event.subject_id, event.data["reason"]) == (
            buyer.id, buyer.id, "Closed by the person whose it is.",
        )  # fmt: skip

    def test_what_is_the_clinics_or_a_colleagues_stays(self, buyer, scene, now):
        make_member(clinic=scene.clinic, user=make_user(), role=ClinicRole.OWNER)
        db.session.execute(update(Want).values(clinic_id=scene.clinic.id, site_id=scene.site.id))
        case = make_credential(site=scene.site, type_code="US-TX:TDLR:LHR_FACILITY", state="submitted", number="Q2")
        leaving.leave(user_id=scene.owner.id, at=now)

        assert not is_open(scene.owner)
        assert db.session.scalars(select(Want.state)).all() == [WantState.OPEN]
        assert db.session.get_one(Credential, case.id, populate_existing=True).state is CredentialState.SUBMITTED

    def test_what_is_over_stays_as_it_is(self, buyer, now):
        leaving._take_back(buyer.id, now)
        leaving._take_back(buyer.id, now)
        leaving.leave(user_id=buyer.id, at=now)
        assert not is_open(buyer)

    def test_who_is_interrupted_does_it_again(self, buyer, scene, now, monkeypatch):
        monkeypatch.setattr(leaving.closing, "close_own", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            leaving.leave(user_id=buyer.id, at=now)
        assert is_open(buyer)
        monkeypatch.undo()
        leaving.leave(user_id=buyer.id, at=now)
        assert not is_open(buyer)

    def test_twice_is_refused(self, buyer, now):
        leaving.leave(user_id=buyer.id, at=now)
        with pytest.raises(Conflict, match="disabled already"):
            leaving.leave(user_id=buyer.id, at=now)

    def test_staff_do_not_go_by_themselves(self, scene, now):
        verifier = make_staff()
        make_member(clinic=scene.seller_clinic, user=verifier)
        for go in (leaving.leave, closing.close_own):
            with pytest.raises(StaffAccount):
                go(user_id=verifier.id, at=now)
        assert is_open(verifier)
        assert count(ClinicMember, ClinicMember.user_id == verifier.id, ClinicMember.left_at.is_(None)) == 1

    def test_what_they_were_named_for_meanwhile_is_held(self, funds_held, scene, now, monkeypatch):
        """An order that was placed between the look and the closing."""
        monkeypatch.setattr(leaving, "obstacles", lambda _user_id: [])
        leaving.leave(user_id=scene.buyer.id, at=now)
        assert count(OrderHold, OrderHold.order_id == funds_held.id, OrderHold.lifted_at.is_(None)) >= 1
        assert db.session.get_one(Order, funds_held.id, populate_existing=True).state is OrderState.FUNDS_HELD

    def test_what_rests_on_a_closed_account_is_held(self, funds_held, scene, now):
        closing.close_own(user_id=scene.buyer.id, at=now)
        (hold,) = db.session.scalars(select(OrderHold).where(OrderHold.lifted_at.is_(None)))
        assert (hold.order_id, hold.cause, hold.placed_by) == (funds_held.id, "account_closed", scene.buyer.id)

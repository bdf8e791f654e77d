"""Say what one looks for, change it, end it; answer it with a unit; and keep it decent. `_move` alone writes states."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from .. import audit, queue
from ..accounts.models import User
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..extensions import db, unit_of_work
from ..kernel.contacts import reaches
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.shapes import write
from ..kernel.terms import STATES
from ..kernel.wording import gettext_noop
from ..listings import search
from ..listings.models import Listing
from ..listings.search import Wanted
from ..listings.states import ListingState
from . import matching, queries
from .access import WantAct, may
from .models import Want, WantAnswer, WantMatch, WantMove, WantReport
from .states import ALIVE, WANT, WantEvent, WantState

MOST_WANTS = 10
_TOO_MANY = gettext_noop("You can look for 10 things at a time.")
USUAL, LONGEST = timedelta(days=60), timedelta(days=180)
_WRONG_DAY = gettext_noop("Choose a day from today on, at most 180 days ahead.")
MOST_ANSWERS_A_DAY = 30


class AlreadyAnswered(Conflict):
    """A seller answers a want once."""

    code = "want_already_answered"


class OwnWant(Refused):
    """Nobody judges what they look for themselves, or their own clinic does."""

    code = "own_want"

    def __init__(self) -> None:
        super().__init__(
            "This is your own request, or one of a clinic to which you belong or belonged.",
            cure="Leave it to a colleague.",
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What a buyer says: what is looked for, its address as a search, for whom, where it will be used, until when."""

    title: str
    query: str
    wanted: Wanted
    note: str
    until: date
    place: str
    site_id: UUID | None = None


def post(*, user_id: UUID, said: Said, at: datetime) -> UUID:
    """
    Let sellers know what somebody looks for.

    :raises Invalid: it says too little, too long, or how to reach somebody; or there are too many
    """
    _require(said, at)
    with unit_of_work():
        # Two forms sent at once must not both be the last one that is allowed.
        db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
        mine = select(func.count()).select_from(Want).where(Want.user_id == user_id, Want.state.in_(ALIVE))
        if (db.session.scalar(mine) or 0) >= MOST_WANTS:
            raise Invalid(_TOO_MANY, cure=gettext_noop("Close one of them first."))
        want = Want(user_id=user_id, created_at=at, state=WantState.OPEN)
        _say(want, said)
        db.session.add(want)
        db.session.flush()
        db.session.add(WantMove(want_id=want.id, event=None, state=want.state, actor_id=user_id, at=at))
        _note("want:posted", want, user_id, at)
        queue.promise("match_want", want_id=str(want.id))
        return want.id


def edit(*, user_id: UUID, want_id: UUID, said: Said, at: datetime) -> None:
    """
    Look for something else, for longer, or elsewhere; who runs its clinic may, too, and it stays the clinic's.

    :raises NotFound: it is not theirs
    :raises Conflict: it is over
    :raises Invalid: as for a new one
    """
    _require(said, at)
    with unit_of_work():
        want = _theirs(user_id, want_id, WantAct.CHANGE)
        if want.state not in ALIVE:
            raise Conflict(gettext_noop("This is over."), cure=gettext_noop("Say anew what you look for."))
        stays_with = want.clinic_id if want.user_id != user_id else None
        _say(want, said)
        if stays_with is not None and want.clinic_id != stays_with:
            raise Invalid(
                gettext_noop("It is your clinic's request: choose one of the clinic's sites."), field="site_id"
            )
        db.session.flush()
        _note("want:edited", want, user_id, at)
        queue.promise("match_want", want_id=str(want.id))


def move(*, user_id: UUID, want_id: UUID, event: WantEvent, at: datetime) -> None:
    """
    Pause, resume or close it, as its buyer or as one who runs the clinic that it is for.

    :raises NotFound: it is not theirs
    :raises marketplace.kernel.machine.IllegalMove: it is over, or is so already
    """
    if event not in (WantEvent.PAUSED, WantEvent.RESUMED, WantEvent.CLOSED):
        raise Invalid(gettext_noop("Pause it, resume it or close it."))
    with unit_of_work():
        want = _theirs(user_id, want_id, WantAct.MOVE)
        _move(want, event, actor_id=user_id, at=at)
        if event is WantEvent.RESUMED:
            queue.promise("match_want", want_id=str(want.id))


def mute(*, user_id: UUID, want_id: UUID, muted: bool) -> None:
    """
    Get no mails about it, or get them again.

    :raises NotFound: it is not theirs
    """
    with unit_of_work():
        _theirs(user_id, want_id, WantAct.MUTE).muted = muted


def mute_by_link(stop_key: UUID) -> bool:
    """Mute the want of a mail's link; say whether there is one. A step of the caller's work."""
    muted = update(Want).where(Want.stop_key == stop_key).values(muted=True).returning(Want.id)
    return db.session.scalar(muted) is not None


def expire(*, at: datetime) -> int:
    """End the wants whose last day is over; return how many."""
    with unit_of_work():
        over = db.session.scalars(
            select(Want)
            .where(Want.state.in_(ALIVE), Want.until < at.date())
            .order_by(Want.id)
            .with_for_update(key_share=True, skip_locked=True)
        ).all()
        for want in over:
            _move(want, WantEvent.EXPIRED, actor_id=None, at=at)
        return len(over)


def answer(*, want_id: UUID, listing_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Offer a unit that is for sale to somebody who looks for one, once for each seller; the buyer gets a mail.

    :raises NotFound: it is not the person's unit, or no want that it fits
    :raises Conflict: the unit is not on the market
    :raises AlreadyAnswered: somebody of this seller has answered
    """
    with unit_of_work():
        listing = _of_seller(listing_id, actor_id)
        want = db.session.scalar(
            select(Want)
            .join(WantMatch, WantMatch.want_id == Want.id)
            .where(
                Want.id == want_id,
                WantMatch.listing_id == listing_id,
                WantMatch.fits,
                matching.standing(at),
                matching.foreign_to(listing.clinic_id),
            )
            .with_for_update(of=Want, key_share=True)
        )
        if want is None:
            raise NotFound("Nobody looks for this device in this way any more.")
        if listing.state is not ListingState.PUBLISHED:
            raise Conflict("Only a device on the market can be offered.", cure="Put it on the market first.")
        today = (
            select(func.count())
            .select_from(WantAnswer)
            .where(WantAnswer.clinic_id == listing.clinic_id, WantAnswer.at > at - timedelta(days=1))
        )
        if (db.session.scalar(today) or 0) >= MOST_ANSWERS_A_DAY:
            raise Conflict(f"A seller can answer {MOST_ANSWERS_A_DAY} times a day.", cure="Come back tomorrow.")
        row = {
            "want_id": want_id, "clinic_id": listing.clinic_id, "listing_id": listing_id, "answered_by": actor_id,
            "at": at,
        }  # fmt: skip
        made = db.session.scalar(insert(WantAnswer).values(**row).on_conflict_do_nothing().returning(WantAnswer.id))
        if made is None:
            raise AlreadyAnswered("Your clinic has answered this already.")
        audit.record(
            "want:answered", actor_id=actor_id, subject_type="want", subject_id=want_id, at=at, listing=listing_id
        )
        if not want.muted:
            person = db.session.get_one(User, want.user_id)
            matching.mail(want, person, listing, "Its seller offers it to you.", at)


def report(*, want_id: UUID, listing_id: UUID, reporter_id: UUID, reason: str, at: datetime) -> None:
    """
    Ask staff to look at a want; a second time nothing happens.

    :raises NotFound: it is not the person's unit, or no want that it fits
    :raises Invalid: no reason, or a long one
    """
    said = reason.strip()
    if not 1 <= len(said) <= 500:
        raise Invalid("Say in up to 500 signs what is wrong with it.", field="reason")
    with unit_of_work():
        _of_seller(listing_id, reporter_id)
        shown = select(WantMatch.want_id).where(WantMatch.want_id == want_id, WantMatch.listing_id == listing_id)
        if db.session.scalar(shown) is None:
            raise NotFound("There is no such request.")
        row = {"want_id": want_id, "reporter_id": reporter_id, "reason": said, "at": at}
        db.session.execute(insert(WantReport).values(**row).on_conflict_do_nothing())


def remove(*, want_id: UUID, actor_id: UUID, because: str, at: datetime) -> None:
    """
    Take a want away, as staff; its buyer reads why.

    :raises NotFound: there is none
    :raises OwnWant: it is theirs
    :raises Invalid: no reason
    :raises marketplace.kernel.machine.IllegalMove: it is over already
    """
    said = because.strip()[:500]
    if not said:
        raise Invalid("Say why.", field="because")
    with unit_of_work():
        want = _of_staff(want_id, actor_id)
        want.removed_because = said
        _move(want, WantEvent.REMOVED, actor_id=actor_id, at=at)
        _settle(want_id, actor_id, at)


def leave(*, want_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Find nothing wrong with a want that was reported.

    :raises NotFound: there is none
    :raises OwnWant: it is theirs
    """
    with unit_of_work():
        want = _of_staff(want_id, actor_id)
        _settle(want_id, actor_id, at)
        _note("want:left", want, actor_id, at)


def _settle(want_id: UUID, actor_id: UUID, at: datetime) -> None:
    db.session.execute(
        update(WantReport)
        .where(WantReport.want_id == want_id, WantReport.settled_at.is_(None))
        .values(settled_at=at, settled_by=actor_id)
    )


def _require(said: Said, at: datetime) -> None:
    if said.place not in STATES:
        raise Invalid(gettext_noop("Choose the state where it will be used."), field="place")
    chosen = said.wanted.chosen
    if not said.wanted.text and not any(chosen.get(name) for name in ("model", "maker", "modality")):
        raise Invalid(gettext_noop("Choose a model, a maker or a modality, or write what you look for."), field="model")
    for field, words in (("words", said.wanted.text), ("note", said.note)):
        if reaches(words):
            raise Invalid(
                gettext_noop("Leave out addresses, sites and telephone numbers: sellers answer through this house."),
                field=field,
            )
    if len(said.note.strip()) > 500:
        raise Invalid(gettext_noop("Write at most 500 signs."), field="note")
    if not at.date() <= said.until <= (at + LONGEST).date():
        raise Invalid(_WRONG_DAY, field="until")


def _say(want: Want, said: Said) -> None:
    clinic_id = None
    place = said.place
    if said.site_id is not None:
        site = next((one for one in clinics.sites_of_person(want.user_id) if one.id == said.site_id), None)
        if site is None:
            raise Invalid(gettext_noop("Choose one of your sites."), field="site_id")
        clinic_id, place = site.clinic_id, site.state
    want.clinic_id, want.site_id, want.place = clinic_id, said.site_id, place
    want.title, want.query, want.note, want.until = said.title[:200], said.query, said.note.strip(), said.until
    want.wanted = write(search.kept(said.wanted))


def _move(want: Want, event: WantEvent, *, actor_id: UUID | None, at: datetime) -> None:
    want.state = WANT.after(want.state, event)
    db.session.add(WantMove(want_id=want.id, event=event, state=want.state, actor_id=actor_id, at=at))
    db.session.flush()
    _note(f"want:{event}", want, actor_id, at)


def _note(kind: str, want: Want, actor_id: UUID | None, at: datetime) -> None:
    audit.record(kind, actor_id=actor_id, subject_type="want", subject_id=want.id, at=at)


def _theirs(user_id: UUID, want_id: UUID, act: WantAct) -> Want:
    want = db.session.get(Want, want_id, with_for_update={"key_share": True}, populate_existing=True)
    if want is None or not may(act, queries.parts_in(want, user_id)):
        raise NotFound(gettext_noop("There is no such request among yours."))
    return want


def _of_staff(want_id: UUID, actor_id: UUID) -> Want:
    want = db.session.get(Want, want_id, with_for_update={"key_share": True}, populate_existing=True)
    if want is None:
        raise NotFound("There is no such request.")
    theirs = want.clinic_id is not None and clinics.ever_member(user_id=actor_id, clinic_id=want.clinic_id)
    if theirs or want.user_id == actor_id:
        raise OwnWant
    return want


def _of_seller(listing_id: UUID, actor_id: UUID) -> Listing:
    listing = db.session.get(Listing, listing_id, with_for_update={"key_share": True}, populate_existing=True)
    if listing is None:
        raise NotFound("There is no such device.")
    clinics.require_role(user_id=actor_id, clinic_id=listing.clinic_id, roles=MANAGERS)
    return listing

"""What would I need for this device in this state? The shortest list of what is missing, for anybody who asks."""

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from ..catalog import queries as catalog
from ..clinics.queries import Site
from ..credentials.types import credential_types
from ..eligibility import foreseeing
from ..eligibility.reasons import CureCode
from ..eligibility.verdict import Objection
from ..kernel import clock
from ..kernel.terms import STATES, ProcedureClass
from ..listings import queries as listings
from ..listings.facts import ListingFacts
from . import gate, standpoint
from .access import public
from .gate import ShownObjection
from .language import gettext, in_every_language

bp = Blueprint("needs", __name__)


@dataclass(frozen=True, slots=True)
class ShownNeed:
    """One thing that is missing: for which uses, what cures it, who issues it, and where it is written."""

    missing: ShownObjection
    uses: tuple[str, ...]
    issuers: tuple[str, ...]


@bp.get("/what-would-i-need")
@public
@in_every_language
def ask() -> ResponseReturnValue:
    """Choose a device and a state, and read what is missing."""
    device = _listing()
    model_id = request.args.get("model", type=UUID)
    state = request.args.get("state", "")
    here = next((site for site in standpoint.sites() if site.state == state), None)
    asked = state in STATES and (device is not None or model_id is not None)
    missing = _missing(device, model_id, state, here) if asked else ()
    around = gate.Around(clinic_id=here.clinic_id if here else None, listing_id=device.id if device else None)
    return render_template(
        "needs/ask.html",
        device=device,
        models=catalog.models_for_choice(),
        model_id=model_id,
        states=STATES,
        state=state,
        site=here,
        asked=asked,
        title=device.title if device else catalog.model(model_id).title if model_id else "",
        needs=[_shown(one, around) for one in missing],
    )


def _listing() -> ListingFacts | None:
    asked = request.args.get("listing", type=UUID)
    return listings.on_display(asked) if asked else None


def _missing(
    device: ListingFacts | None, model_id: UUID | None, state: str, here: Site | None
) -> tuple[Objection, ...]:
    return foreseeing.needs(
        model_id=None if device else model_id,
        sale=device.sale if device else None,
        state=state,
        purchase=standpoint.purchase(here) if here else None,
        at=clock.now(),
    )


def _shown(objection: Objection, around: gate.Around) -> ShownNeed:
    words = {use.value: gettext(use.words) for use in ProcedureClass}
    wanted = [cure.target for cure in objection.cures if cure.code is CureCode.SUBMIT_CREDENTIAL and cure.target]
    return ShownNeed(
        missing=gate.objection(objection, around),
        uses=tuple(words[subject] for subject in objection.subjects if subject in words),
        issuers=tuple(dict.fromkeys(credential_types()[code].issuer for code in wanted)),
    )

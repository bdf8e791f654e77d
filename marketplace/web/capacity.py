"""What may I buy? Every kind of device and use, as the gate would answer this person for one of their sites."""

from dataclasses import dataclass

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ..catalog import queries as catalog
from ..catalog.queries import ModalityFacts, Source
from ..eligibility import service as eligibility
from ..eligibility.reasons import ReasonCode
from ..eligibility.verdict import Verdict
from ..kernel import clock
from ..kernel.terms import STATES, ProcedureClass
from . import gate, standpoint
from .access import public
from .standpoint import ABOUT_OPERATING, Chip

bp = Blueprint("capacity", __name__)


@dataclass(frozen=True, slots=True)
class ShownUse:
    """One use of a modality, and whether this person may operate a device for it."""

    words: str
    chip: Chip


@dataclass(frozen=True, slots=True)
class ShownModality:
    """A modality with its light and its uses; it is open if any of them is."""

    name: str
    bands: tuple[Source, ...]
    is_open: bool
    uses: tuple[ShownUse, ...]


@bp.get("/what-may-i-buy")
@public
def mine() -> ResponseReturnValue:
    """Show what the reader may operate and buy; strangers are shown where to read the rules."""
    sites = standpoint.sites()
    site = standpoint.chosen(sites)
    if site is None:
        return render_template("capacity/nobody.html", states=STATES, signed_in=current_user.is_authenticated)
    answers = eligibility.capacity(purchase=standpoint.purchase(site), at=clock.now())
    around = gate.Around(clinic_id=site.clinic_id)
    modalities = [_shown(modality, answers) for modality in catalog.modalities().values() if modality.procedure_classes]
    return render_template(
        "capacity/mine.html",
        sites=sites,
        site=site,
        place=STATES[site.state],
        modalities=sorted(modalities, key=lambda modality: not modality.is_open),
        light=[
            band for modality in modalities if modality.is_open for band in modality.bands if not isinstance(band, str)
        ],
        unruled=sorted({use.words for (_, use), verdict in answers.items() if _is_unruled(verdict)}),
        open_uses=sorted({use.words for (_, use), verdict in answers.items() if _operates(verdict)}),
        everywhere=gate.shown(_in_the_way_of_all(list(answers.values())), state=site.state, around=around),
        missing=gate.shown(_missing_proofs(list(answers.values())), state=site.state, around=around),
    )


def _is_unruled(verdict: Verdict) -> bool:
    return standpoint.may_operate(verdict).outcome == "no_rule"


def _operates(verdict: Verdict) -> bool:
    return standpoint.may_operate(verdict).outcome == "yes"


def _shown(modality: ModalityFacts, answers: dict[tuple[str, ProcedureClass], Verdict]) -> ShownModality:
    uses = tuple(
        ShownUse(use.words, standpoint.may_operate(answers[modality.code, use])) for use in modality.procedure_classes
    )
    return ShownModality(
        name=modality.name,
        bands=catalog.usually_emits(modality.code),
        is_open=any(use.chip.outcome == "yes" for use in uses),
        uses=uses,
    )


def _in_the_way_of_all(verdicts: list[Verdict]) -> Verdict:
    """Return what stands against every purchase alike: the practitioner, the site, standing."""
    wanted = {
        (objection.code, objection.sentence): objection
        for verdict in verdicts
        if _operates(verdict)
        for objection in verdict.objections
        if objection.key not in ABOUT_OPERATING
    }
    return Verdict(objections=tuple(wanted.values()))


def _missing_proofs(verdicts: list[Verdict]) -> Verdict:
    """Return each distinct thing that the person's own proofs lack, once."""
    lacking = {
        (objection.code, objection.sentence): objection
        for verdict in verdicts
        for objection in verdict.objections
        if objection.key in ABOUT_OPERATING and objection.code is not ReasonCode.NO_RULE
    }
    return Verdict(objections=tuple(lacking.values()))

"""What may I buy, and what may my clinic? Every kind of device and use, as the gate would answer for a site."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ..accounts.access import Permission
from ..catalog import queries as catalog
from ..catalog.queries import ModalityFacts, Source
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.queries import Site
from ..eligibility import foreseeing
from ..eligibility import service as eligibility
from ..eligibility.publishing import NoPolicy
from ..eligibility.reasons import ReasonCode
from ..eligibility.verdict import Verdict
from ..kernel import clock
from ..kernel.terms import STATES, ProcedureClass
from . import gate, rules, standpoint
from .access import me, public, requires
from .language import gettext, in_every_language
from .standpoint import ABOUT_OPERATING, Chip

bp = Blueprint("capacity", __name__)
bp.register_error_handler(NoPolicy, rules.none_in_force)


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
@in_every_language
def mine() -> ResponseReturnValue:
    """Show what the reader may operate and buy; strangers are shown where to read the rules."""
    seen = standpoint.look()
    site = seen.site
    if site is None or seen.around is None:
        return render_template("capacity/nobody.html", states=STATES, signed_in=current_user.is_authenticated)
    answers = eligibility.capacity(purchase=seen.around, at=clock.now())
    around = gate.Around(clinic_id=site.clinic_id)
    modalities = [_shown(modality, answers) for modality in catalog.modalities().values() if modality.procedure_classes]
    return render_template(
        "capacity/mine.html",
        sites=seen.sites,
        site=site,
        place=STATES[site.state],
        modalities=sorted(modalities, key=lambda modality: not modality.is_open),
        light=[
            band for modality in modalities if modality.is_open for band in modality.bands if not isinstance(band, str)
        ],
        unruled=sorted({gettext(use.words) for (_, use), verdict in answers.items() if _is_unruled(verdict)}),
        open_uses=sorted({gettext(use.words) for (_, use), verdict in answers.items() if _operates(verdict)}),
        everywhere=gate.shown(_in_the_way_of_all(list(answers.values())), state=site.state, around=around),
        missing=gate.shown(_missing_proofs(list(answers.values())), state=site.state, around=around),
    )


@dataclass(frozen=True, slots=True)
class ShownClass:
    """A kind of device that is open at a site, one of its uses, and who may operate it."""

    name: str
    use: str
    operators: str


@dataclass(frozen=True, slots=True)
class ShownSite:
    """A site of a clinic. What is lost is by name of the modality, with its uses."""

    id: UUID
    name: str
    place: str
    zone: str
    open: tuple[ShownClass, ...]
    losses: tuple[dict[str, Any], ...]
    lapses: tuple[dict[str, Any], ...]


@bp.get("/clinics/<uuid:clinic_id>/capacity")
@requires(Permission.CLINIC_READ)
@in_every_language
def clinic(clinic_id: UUID) -> ResponseReturnValue:
    """Show owners and managers what their clinic may buy and operate, and what hangs on one person."""
    clinics.require_role(user_id=me().id, clinic_id=clinic_id, roles=MANAGERS)
    return render_template(
        "capacity/clinic.html",
        clinic=clinics.clinic(clinic_id),
        sites=[_shown_site(site) for site in clinics.sites_of(clinic_id)],
    )


def _shown_site(site: Site) -> ShownSite:
    found = foreseeing.clinic_capacity(site_id=site.id, at=clock.now())
    modalities = catalog.modalities()
    return ShownSite(
        id=site.id,
        name=site.name,
        place=STATES[site.state],
        zone=site.time_zone,
        open=tuple(
            ShownClass(gettext(modalities[code].name), gettext(use.words), ", ".join(names))
            for (code, use), names in found.operators.items()
        ),
        losses=tuple({"name": loss.name, "lost": _by_name(loss.lost)} for loss in found.losses),
        lapses=tuple(
            {"at": lapse.at, "holder": lapse.holder, "credential": lapse.credential, "lost": _by_name(lapse.lost)}
            for lapse in found.lapses
        ),
    )


def _by_name(lost: Iterable[foreseeing.DeviceClass]) -> list[tuple[str, list[str]]]:
    """Put the uses of a modality together under its name."""
    together: dict[str, list[str]] = {}
    for code, use in lost:
        together.setdefault(gettext(catalog.modalities()[code].name), []).append(gettext(use.words))
    return list(together.items())


def _is_unruled(verdict: Verdict) -> bool:
    return standpoint.may_operate(verdict).outcome == "no_rule"


def _operates(verdict: Verdict) -> bool:
    return standpoint.may_operate(verdict).outcome == "yes"


def _shown(modality: ModalityFacts, answers: dict[tuple[str, ProcedureClass], Verdict]) -> ShownModality:
    uses = tuple(
        ShownUse(gettext(use.words), standpoint.may_operate(answers[modality.code, use]))
        for use in modality.procedure_classes
    )
    return ShownModality(
        name=gettext(modality.name),
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

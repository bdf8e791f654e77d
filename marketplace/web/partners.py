"""How resellers ask the gate: the API, its codes and its limits, read off the tables that answers are made from."""

from flask import Blueprint, current_app, render_template, url_for
from flask.typing import ResponseReturnValue

from ..config import Settings
from ..eligibility.reasons import Key
from ..kernel.terms import ProcedureClass
from ..partners import sharing, told
from ..partners.asked import FIELDS, LARGEST, NEEDED
from ..partners.contract import PROBLEMS
from . import eligibility
from .access import public
from .gate import KEY_LABELS

bp = Blueprint("partners", __name__)

EXAMPLE = """{"allowed": true,
 "as_of": "2026-11-29T15:04:00Z", "valid_until": "2026-11-30T15:04:00Z",
 "model": {"slug": "candela-gentlemax-pro", …}, "place": {"state": "TX"},
 "keys": [
   {"key": "device", "state": "unknown", "reasons": [],
    "open": ["RX_LABEL_NOT_SEEN", "ID_LABEL_NOT_SEEN", "MODIFICATION_UNKNOWN"], …},
   {"key": "seller", "state": "not_asked", "open": ["SELLER_NOT_VERIFIED"], …},
   {"key": "operator", "state": "met", "citations": [{"ref": "…", "evidence": "P"}], …}, …],
 "restriction": {"uses": ["HAIR_NONABLATIVE"], "sentence": "…", …},
 "policy": {"version": 1, "standing": "reference", "notice": "Reference rules, …"},
 "receipt": {"code": "7K2M-…", "url": "…/check/7K2M-…", "badge": "…/badge/7K2M-….svg"}}"""


@bp.get("/partners")
@public
def about() -> ResponseReturnValue:
    """Say how a reseller asks, what comes back, and what it is not."""
    key, code = current_app.extensions.get("second_light_demo_partner", ("slk_…", "SL-…"))
    settings: Settings = current_app.extensions["second_light_settings"]
    return render_template(
        "partners/about.html",
        address=settings.base_url + url_for("eligibility.ask"),
        contract=url_for("eligibility.contract"),
        badge=settings.base_url + "/badge/CODE.svg",
        check=settings.base_url + "/check/CODE",
        fields=[(name, name in NEEDED, words) for name, words in FIELDS.items()],
        uses=[(str(use), use.words) for use in ProcedureClass],
        keys=[(str(key), KEY_LABELS[key]) for key in Key],
        states=told.STATES,
        reasons=told.REASONS,
        problems=PROBLEMS,
        most=eligibility.MOST,
        most_asked=sharing.MOST_ASKED,
        largest=LARGEST,
        minutes=eligibility.BADGE_LASTS // 60,
        demo="second_light_demo_partner" in current_app.extensions,
        example_key=key,
        example_code=code,
        example=EXAMPLE,
    )

"""A reseller of the demo who may ask about Dana, with a key and a code that are told to everybody."""

from datetime import datetime, timedelta

from ...partners import asking, service, sharing
from ...partners.asked import Question
from .cast import PARTNER_KEY, SHARING_CODE
from .people import Stage

PARTNER = "Example Remarketing (demo)"


def let_ask(stage: Stage, *, now: datetime) -> None:
    """Let a reseller in, Dana give it a code, and it have asked once: about a model for which Texas has no rule."""
    at = now - timedelta(days=2)
    partner_id, key = service.open_partner(name=PARTNER, email="desk@dealer.demo.example", at=at, minted=PARTNER_KEY)
    code = sharing.give(
        person_id=stage.people["Dana Reyes"], partner_id=partner_id, site_id=stage.sites["lone_star"], days=90, at=at,
        minted=SHARING_CODE,
    )  # fmt: skip
    at = now - timedelta(days=1)
    asking.ask(holder=service.holder_of(key, at=at), question=Question(code, "lumenis-m22"), at=at)

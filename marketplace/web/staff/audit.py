"""The audit trail as its readers see it: what happened, to what, by whom, and whether the chain still holds."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from ... import audit
from ...accounts import queries as accounts
from ...accounts.access import Permission
from ...audit import AuditEvent, Wanted
from ...config import Settings
from ...kernel import clock
from ...kernel.spreadsheets import csv_of
from ...trail import service
from .. import tables
from ..access import requires

bp = Blueprint("staff_audit", __name__)

PER_PAGE = 100
WALKED = 1_000  # Of the newest events every page looks whether they hold together; of all when asked.
EXPORTED = 10_000
_LARGEST = 2**63 - 1
_COLUMNS = (
    "position", "at", "kind", "actor_id", "actor", "subject_type", "subject_id", "data", "previous_hash", "hash",
)  # fmt: skip


@bp.get("/staff/audit")
@requires(Permission.AUDIT_READ)
def trail() -> ResponseReturnValue:
    """Show the newest events first, narrowed by kind and subject, and say whether the chain holds."""
    wanted = _wanted()
    settings: Settings = current_app.extensions["second_light_settings"]
    found = audit.newest(wanted, limit=PER_PAGE + 1)
    events, more = found[:PER_PAGE], len(found) > PER_PAGE
    extent = audit.extent()
    whole = "whole" in request.args or extent.events <= WALKED
    return render_template(
        "staff/audit.html",
        wanted=wanted,
        events=events,
        actors=_actors(events),
        extent=extent,
        walked=extent.events if whole else WALKED,
        broken=list(audit.broken_links(after=0 if whole else audit.position_before_newest(WALKED))),
        older=_address("staff_audit.trail", replace(wanted, before=events[-1].position)) if more else None,
        newest=_address("staff_audit.trail", replace(wanted, before=None)) if wanted.before else None,
        export=_address("staff_audit.export", wanted),
        exported=EXPORTED,
        key=service.public_half(settings.audit_key) if settings.audit_key else None,
    )


@bp.get("/staff/audit.csv")
@requires(Permission.AUDIT_READ)
def export() -> ResponseReturnValue:
    """Send the events as a table, newest first."""
    events = audit.newest(_wanted(), limit=EXPORTED)
    actors = _actors(events)
    rows = (
        (
            event.position, event.at.isoformat(), event.kind, event.actor_id, actors.get(event.actor_id),
            event.subject_type, event.subject_id, audit.written(event.data), event.previous_hash, event.hash,
        )
        for event in events
    )  # fmt: skip
    return tables.download("second-light-audit.csv", csv_of(_COLUMNS, rows))


@bp.get("/staff/audit.jsonl")
@requires(Permission.AUDIT_READ)
def whole() -> ResponseReturnValue:
    """Send the whole trail, signed, as it is read: nothing of it is gathered first."""
    settings: Settings = current_app.extensions["second_light_settings"]
    lines = service.export(key=settings.audit_key, at=clock.now())
    answer = Response(stream_with_context(lines), mimetype="application/jsonl")
    answer.headers["Content-Disposition"] = "attachment; filename=second-light-audit.jsonl"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _wanted() -> Wanted:
    before = request.args.get("before", type=int)
    return Wanted(
        kind=request.args.get("kind") or None,
        subject_type=request.args.get("subject_type") or None,
        subject_id=request.args.get("subject_id", type=UUID),
        before=before if before is not None and 0 < before <= _LARGEST else None,
    )


def _address(endpoint: str, wanted: Wanted) -> str:
    return url_for(endpoint, **{name: value for name, value in asdict(wanted).items() if value is not None})


def _actors(events: Iterable[AuditEvent]) -> dict[Any, str]:
    ids = {event.actor_id for event in events if event.actor_id is not None}
    return {user_id: person.name for user_id, person in accounts.people(ids).items()}

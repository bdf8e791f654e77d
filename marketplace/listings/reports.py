"""
The condition report: everything that a seller states of a unit, frozen and numbered.

It is the contract: an order keeps the newest one, and what arrives is compared with exactly its words. The words of
questions, grades and checklist stand in it as they were read then.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import JSONB

from ..extensions import adapter_of, db
from ..kernel.errors import NotFound
from ..kernel.terms import STATES
from . import fields, queries
from .conditions import GRADES, INCLUSIONS, checklist
from .facts import ListingFacts, PhotoFacts
from .fields import Place
from .models import ConditionReport
from .ports import AnsweredQuestions

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it was frozen. It holds serial numbers: `without_serials` is for those who may not know them."""

    id: UUID
    listing_id: UUID
    version: int
    digest: str
    made_at: datetime
    document: dict[str, Any]


def freeze(*, listing_id: UUID, actor_id: UUID | None, at: datetime) -> UUID:
    """
    Freeze what is stated of a unit now and return the report; where nothing changed since the newest, that one.

    A step of the caller's work, under the lock of the listing.
    """
    db.session.flush()
    canonical = canonical_of(document_of(queries.listing(listing_id)))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    newest = db.session.execute(
        select(ConditionReport.id, ConditionReport.version, ConditionReport.digest)
        .where(ConditionReport.listing_id == listing_id)
        .order_by(ConditionReport.version.desc())
        .limit(1)
    ).one_or_none()
    if newest is not None and newest.digest == digest:
        return UUID(str(newest.id))
    report = ConditionReport(
        listing_id=listing_id,
        version=newest.version + 1 if newest is not None else 1,
        canonical=canonical,
        digest=digest,
        made_by=actor_id,
        made_at=at,
    )
    db.session.add(report)
    db.session.flush()
    return report.id


def report(report_id: UUID) -> Report:
    """
    Return a report. Asks nothing about the reader: only for pages that did.

    :raises NotFound: there is none
    """
    row = db.session.get(ConditionReport, report_id)
    if row is None:
        raise NotFound("There is no such condition report.")
    return _report(row)


def answered_in(report_id: UUID | None) -> int:
    """Return how many questions were answered by when a report was frozen; none where there is no report."""
    kept = cast(ConditionReport.canonical, JSONB)["questions"]
    return db.session.scalar(select(func.jsonb_array_length(kept)).where(ConditionReport.id == report_id)) or 0


def newest_version(listing_id: UUID) -> int | None:
    """Return the number of a unit's newest report, if it has any."""
    return db.session.scalar(select(func.max(ConditionReport.version)).where(ConditionReport.listing_id == listing_id))


def of_version(listing_id: UUID, version: int) -> Report | None:
    """Return the report of a unit with this number, if there is one."""
    row = db.session.scalars(
        select(ConditionReport).where(ConditionReport.listing_id == listing_id, ConditionReport.version == version)
    ).one_or_none()
    return _report(row) if row is not None else None


def canonical_of(document: dict[str, Any]) -> str:
    """Write a document in the one form in which its digest is taken."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def document_of(listing: ListingFacts) -> dict[str, Any]:
    """Return everything that is stated of a unit, with the words in which it was asked; what buyers asked as well."""
    grade = listing.grade
    codes = [*listing.model.modality_codes, *(part.modality_code for part in listing.handpieces)]
    counting = listing.counting
    asked = adapter_of(AnsweredQuestions).of_unit(listing.id)
    return {
        "format": FORMAT,
        "unit": {
            "maker": listing.model.maker,
            "model": listing.model.name,
            "serial": listing.serial,
            "year": listing.year,
            "place": f"{listing.city}, {STATES[listing.state_code]}",
        },
        "condition": {
            "grade": grade,
            "name": GRADES[grade].name if grade else None,
            "definition": GRADES[grade].definition if grade else None,
            "last_service_on": _day(listing.last_service_on),
            "description": listing.description,
            "said": _said(Place.CONDITION, codes, listing.particulars),
        },
        "inclusions": {INCLUSIONS[item]: str(answer) for item, answer in checklist(listing.inclusions).items()},
        "lawful_sale": {
            "rx_label_present": listing.rx_label_present,
            "id_label_present": listing.id_label_present,
            "modification": listing.modification,
            "said": _said(Place.STATEMENT, codes, listing.particulars),
        },
        "console": {
            "said": _said(Place.DEVICE, codes, listing.particulars),
            "counters": [
                {
                    "part": counter.part,
                    "serial": counter.serial,
                    "value": counter.value,
                    "unit": counter.unit,
                    "direction": counter.direction,
                    "read_on": _day(counter.read_on),
                    "rated_life": counter.rated_life,
                    "rated_life_source": counter.rated_life_source,
                }
                for counter in listing.counters
            ],
        },
        "handpieces": [
            {
                "id": str(part.id),
                "name": part.name,
                "modality": part.modality_code,
                "serial": part.serial,
                "value": part.counter_value,
                "unit": part.counter_unit,
                "direction": part.counter_direction,
                "read_on": _day(part.counter_read_on),
                "rated_life": part.rated_life,
                "rated_life_source": part.rated_life_source,
                "said": _said(Place.HANDPIECE, [part.modality_code], part.particulars),
            }
            for part in listing.handpieces
        ],
        "promises": {
            "recertification": listing.recertification,
            "recertification_quote": str(listing.recertification_quote) if listing.recertification_quote else None,
            "warranty": listing.warranty,
            "warranty_months": listing.warranty_months,
            "warranty_transferable": listing.warranty_transferable,
            "warranty_provider": listing.warranty_provider,
            "training_included": listing.training_included,
        },
        "photos": [_photo(photo, counting) for photo in listing.photos],
        "papers": [
            {"id": str(paper.document_id), "kind": paper.kind, "words": paper.words, "digest": paper.digest}
            for paper in listing.papers
        ],
        # Reports of units about which nobody asked anything say what they always said.
        **({"questions": asked} if asked else {}),
    }


def without_serials(document: Any) -> Any:
    """Return a document for those who may not know serial numbers: each is masked but for its last two signs."""
    if isinstance(document, dict):
        return {key: masked(value) if key == "serial" else without_serials(value) for key, value in document.items()}
    return [without_serials(value) for value in document] if isinstance(document, list) else document


def masked(serial: str | None) -> str | None:
    """Return a serial number for the public: only its last two signs, and never more than half of it."""
    if serial is None:
        return None
    shown = min(2, len(serial) // 2)
    return "•" * 4 + serial[len(serial) - shown :]


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """
    Return what differs between two reports, as triples of where, before and after, in the order of the report.

    What stands in only one of them is empty in the other.
    """
    old, new = dict(_lines(before)), dict(_lines(after))
    return [
        (place, old.get(place, ""), new.get(place, ""))
        for place in dict.fromkeys((*old, *new))
        if old.get(place, "") != new.get(place, "")
    ]


def _lines(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in {"format", "id", "definition"}:
                yield from _lines(inner, f"{place} · {key}" if place else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            name = inner.get("name") or inner.get("part") or inner.get("words") or inner.get("shows") or number
            yield from _lines(inner, f"{place} · {name}")
    else:
        yield place.replace("_", " "), "" if value is None else str(value)


def _photo(photo: PhotoFacts, counting: dict[UUID, str]) -> dict[str, Any]:
    told = {"shows": photo.alternative_text, "shots": ", ".join(photo.shows), "digest": photo.digest}
    part_id = photo.counter_id or photo.handpiece_id
    return {**told, "counter": counting[part_id]} if part_id in counting else told


def _said(place: Place, codes: list[str], said: dict[str, str]) -> dict[str, str]:
    return dict(fields.written(place, codes, said))


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _report(row: ConditionReport) -> Report:
    return Report(row.id, row.listing_id, row.version, row.digest, row.made_at, json.loads(row.canonical))

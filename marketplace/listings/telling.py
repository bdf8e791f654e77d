"""A unit told in one statement: the question, its answer as it comes, and what the answer says."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, literal_column, select

from ..catalog import queries as catalog
from ..clinics.states import SellerStanding
from ..documents.models import Document
from ..extensions import as_text, reading
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.told import day, key, moment, money, one_of
from .facts import CounterFacts, HandpieceFacts, ListingFacts, PaperFacts, PhotoFacts
from .models import ConsoleCounter, Handpiece, Paper, Photo, PriceSet
from .states import ListingState, PhotoState
from .terms import CounterDirection, CounterUnit, Grade, Modification, PaperKind, Recertification, Shot, Warranty

_S = PriceSet.__table__.c
_THIS: ColumnElement[UUID] = literal_column("unit.id")
HISTORY = select(_S.price_minor, _S.currency, _S.at).order_by(_S.at, _S.id)
"""What was asked for units and since when, oldest first."""
PRICES = as_text(HISTORY.where(_S.listing_id == _THIS)).replace("listing_prices.", "")
"""What was asked for the listing that is called `unit`, for a larger statement; `prices_told` reads the answer."""

_PARTS = {
    "model": catalog.OF_UNIT,
    **{
        name: f"SELECT * FROM {kind.__tablename__} WHERE listing_id = unit.id ORDER BY position"  # noqa: S608  Names of ours.
        for name, kind in (("handpieces", Handpiece), ("counters", ConsoleCounter), ("photos", Photo))
    },
    "papers": as_text(
        select(Paper.id, Paper.document_id, Paper.kind, Paper.words, Document.digest)
        .join(Document, Document.id == Paper.document_id)
        .where(Paper.listing_id == _THIS)
        .order_by(Paper.added_at, Paper.id)
    ),
}


def question(states: Iterable[ListingState], **beside: str) -> str:
    """
    Return the statement that asks for a unit in some states, whole, as one text in JSON, with what others ask beside.

    It takes `id`. Where there is no such unit, there is no row. Above 4096 signs its driver would read it anew each
    time.
    """
    among = ", ".join(f"'{state}'" for state in states)
    parts = ", ".join(
        f"(SELECT json_agg(o) FROM ({asked}) o) {name}"  # noqa: S608  Statements and names of ours.
        for name, asked in {**_PARTS, **beside}.items()
    )
    return (
        "SELECT row_to_json(w)::text FROM (SELECT c.name clinic_name, c.created_at clinic_since, c.seller_standing,"  # noqa: S608  Names of ours; values are bound.
        f" unit.*, {parts} FROM listings unit JOIN clinics c ON c.id = unit.clinic_id"
        f" WHERE unit.id = %(id)s AND unit.state IN ({among})) w"
    )


def tell(asked: str, listing_id: UUID, **given: object) -> str:
    """
    Return what a `question` is answered about one unit, as it comes: the same text says the same of it.

    :raises NotFound: there is no such unit in one of these states
    """
    with reading() as connection:
        told = connection.exec_driver_sql(asked, {"id": listing_id, **given}).scalar()
    if told is None:
        raise NotFound("There is no such device.", cure="It may have been withdrawn. Look for another one.")
    return str(told)


def prices_told(told: Iterable[Mapping[str, Any]]) -> list[tuple[Money, datetime]]:
    """Return a history of prices as a larger statement told it."""
    return [(Money(one["price_minor"], one["currency"]), datetime.fromisoformat(one["at"])) for one in told]


def listing_told(told: Mapping[str, Any]) -> ListingFacts:
    """Return a unit as the answer to a `question` tells it."""
    currency = told["currency"]
    return ListingFacts(
        id=UUID(told["id"]),
        state=ListingState(told["state"]),
        clinic_id=UUID(told["clinic_id"]),
        clinic_name=told["clinic_name"],
        clinic_since=datetime.fromisoformat(told["clinic_since"]),
        seller_standing=SellerStanding(told["seller_standing"]),
        created_by=UUID(told["created_by"]),
        model=catalog.model_told(told["model"][0]),
        title=told["title"],
        serial=told["serial"],
        year=told["year"],
        grade=one_of(Grade, told["grade"]),
        price=money(told["price_minor"], currency),
        city=told["city"],
        state_code=told["state_code"],
        postal_code=told["postal_code"],
        description=told["description"],
        rx_label_present=told["rx_label_present"],
        id_label_present=told["id_label_present"],
        modification=one_of(Modification, told["modification"]),
        recertification=one_of(Recertification, told["recertification"]),
        recertification_quote=money(told["recertification_minor"], currency),
        warranty=one_of(Warranty, told["warranty"]),
        warranty_months=told["warranty_months"],
        warranty_transferable=told["warranty_transferable"],
        warranty_provider=told["warranty_provider"],
        training_included=told["training_included"],
        last_service_on=day(told["last_service_on"]),
        particulars=told["particulars"],
        inclusions=told["inclusions"],
        life_used_percent=told["life_used_percent"],
        configuration=told["configuration"],
        review_note=told["review_note"],
        review_notes=told["review_notes"],
        approved_version=told["approved_version"],
        serial_normal=told["serial_normal"],
        created_at=datetime.fromisoformat(told["created_at"]),
        submitted_at=moment(told["submitted_at"]),
        published_at=moment(told["published_at"]),
        handpieces=tuple(_handpiece(one, currency) for one in told["handpieces"] or ()),
        counters=tuple(_counter(one) for one in told["counters"] or ()),
        all_photos=tuple(_photo(one) for one in told["photos"] or ()),
        papers=tuple(_paper(one) for one in told["papers"] or ()),
    )


def _handpiece(told: Mapping[str, Any], currency: str) -> HandpieceFacts:
    return HandpieceFacts(
        id=UUID(told["id"]),
        name=told["name"],
        modality_code=told["modality_code"],
        serial=told["serial"],
        particulars=told["particulars"],
        counter_value=told["counter_value"],
        counter_unit=one_of(CounterUnit, told["counter_unit"]),
        counter_direction=one_of(CounterDirection, told["counter_direction"]),
        counter_read_on=day(told["counter_read_on"]),
        rated_life=told["rated_life"],
        rated_life_source=told["rated_life_source"],
        reduction=money(told["reduction_minor"], currency),
    )


def _counter(told: Mapping[str, Any]) -> CounterFacts:
    return CounterFacts(
        id=UUID(told["id"]),
        part=told["part"],
        serial=told["serial"],
        value=told["value"],
        unit=CounterUnit(told["unit"]),
        direction=CounterDirection(told["direction"]),
        read_on=date.fromisoformat(told["read_on"]),
        rated_life=told["rated_life"],
        rated_life_source=told["rated_life_source"],
    )


def _photo(told: Mapping[str, Any]) -> PhotoFacts:
    return PhotoFacts(
        id=UUID(told["id"]),
        stem=told["storage_key"],
        alternative_text=told["alternative_text"],
        digest=told["digest"],
        shows=tuple(map(Shot, told["shows"])),
        added_at=moment(told["added_at"]),
        state=PhotoState(told["state"]),
        refusal=told["refusal"],
        counter_id=key(told["counter_id"]),
        handpiece_id=key(told["handpiece_id"]),
    )


def _paper(told: Mapping[str, Any]) -> PaperFacts:
    return PaperFacts(
        id=UUID(told["id"]),
        document_id=UUID(told["document_id"]),
        kind=PaperKind(told["kind"]),
        words=told["words"],
        digest=told["digest"],
    )

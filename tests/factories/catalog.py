"""The catalogue: the real one on request, or single models; modalities are always the real ones."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from sqlalchemy import select, text

from marketplace import audit
from marketplace.catalog import queries, service
from marketplace.catalog.models import DeviceModel, Maker, Modality
from marketplace.catalog.terms import Standing
from marketplace.extensions import db, unit_of_work
from marketplace.kernel.text import slug
from tests.factories.accounts import LONG_AGO, kept

_numbers = count(1)


def load_catalogue() -> None:
    """Keep the real catalogue (32 modalities, 20 makers, 76 models), unless it is there."""
    if db.session.scalar(select(DeviceModel.id).where(DeviceModel.slug == "lumenis-m22")) is None:
        _load("catalogue", service.shipped(), ("modalities", "makers", "device_models"))


def real_model(title: str) -> DeviceModel:
    """Return a model of the real catalogue by its maker and name: "Candela GentleMax Pro"."""
    load_catalogue()
    return db.session.scalars(select(DeviceModel).join(Maker).where(Maker.name + " " + DeviceModel.name == title)).one()


def load_modalities() -> None:
    """Keep the real modalities, unless they are there."""
    if db.session.scalar(select(Modality.code).limit(1)) is None:
        files = service.shipped()
        only_headers = {name: said.splitlines()[0] + "\n" for name, said in files.items() if name.endswith(".csv")}
        _load("modalities", {**files, **only_headers}, ("modalities",))
    queries.forget()


_written: dict[str, dict[str, str]] = {}  # By table what was loaded, once this process has loaded it the long way.


def _load(what: str, sources: Mapping[str, str], tables: Iterable[str]) -> None:
    """Load sources, or leave behind what loading them does: hundreds of tests begin so."""
    if what in _written and db.session.scalar(select(Maker.id).limit(1)) is None:
        _copy(_written[what])
        return
    service.load(sources=sources, at=LONG_AGO)
    _written[what] = {
        table: db.session.scalar(text(f"SELECT jsonb_agg(to_jsonb(one))::text FROM {table} one")) for table in tables
    }


def _copy(written: Mapping[str, str]) -> None:
    created = 0
    with unit_of_work():
        for table, rows in written.items():
            copied = f"SELECT * FROM jsonb_populate_recordset(NULL::{table}, :rows)"
            statement = text(f"INSERT INTO {table} {copied} ON CONFLICT DO NOTHING")
            created += db.session.execute(statement, {"rows": rows}).rowcount
        audit.record(
            "catalogue:loaded", actor_id=None, subject_type="catalogue", subject_id=service.CATALOGUE, at=LONG_AGO,
            created=created, changed=0,
        )  # fmt: skip
    queries.forget()


def make_maker(*, name: str = "Candela", **values: Any) -> Maker:
    """Keep a maker, or return the one of this name."""
    found = db.session.scalar(select(Maker).where(Maker.name == name))
    return found or kept(Maker(**{"name": name, "slug": slug(name), "aliases": [], **values}))


def make_model(
    *, maker: Maker | None = None, name: str | None = None, modality_codes: tuple[str, ...] = ("ALEX",), **values: Any
) -> DeviceModel:
    """Keep a model; every call makes another one unless it is named. Loads the real modalities."""
    load_modalities()
    maker = maker or make_maker()
    name = name or f"GentleLASE {next(_numbers)}"
    return kept(
        DeviceModel(
            maker_id=maker.id,
            name=name,
            modality_codes=list(modality_codes),
            **{
                "slug": slug(f"{maker.name} {name}"),
                "bands": [],
                "k_numbers": [],
                "product_code": "GEX",
                "standing": Standing.SOURCED,
                "source": "test",
                **values,
            },
        )
    )

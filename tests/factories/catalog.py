"""The catalogue: the real one on request, or single models; modalities are always the real ones."""

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
        service.load(sources=service.shipped(), at=LONG_AGO)


def real_model(title: str) -> DeviceModel:
    """Return a model of the real catalogue by its maker and name: "Candela GentleMax Pro"."""
    load_catalogue()
    return db.session.scalars(select(DeviceModel).join(Maker).where(Maker.name + " " + DeviceModel.name == title)).one()


_written: list[str] = []  # The modalities as one text, once this process has read and written them the long way.
_COPY = text("INSERT INTO modalities SELECT * FROM jsonb_populate_recordset(NULL::modalities, :rows)")


def load_modalities() -> None:
    """Keep the real modalities, unless they are there."""
    if db.session.scalar(select(Modality.code).limit(1)) is None:
        if _written:
            _copy(_written[0])
        else:
            files = service.shipped()
            only_headers = {name: said.splitlines()[0] + "\n" for name, said in files.items() if name.endswith(".csv")}
            service.load(sources={**files, **only_headers}, at=LONG_AGO)
            _written.append(db.session.scalar(text("SELECT jsonb_agg(to_jsonb(one))::text FROM modalities one")))
    queries.forget()


def _copy(modalities: str) -> None:
    """Leave behind what loading them does: hundreds of tests begin so."""
    with unit_of_work():
        created = db.session.execute(_COPY, {"rows": modalities}).rowcount
        audit.record(
            "catalogue:loaded", actor_id=None, subject_type="catalogue", subject_id=service.CATALOGUE, at=LONG_AGO,
            created=created, changed=0,
        )  # fmt: skip


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

"""Makers, device models, modalities and what procedures each modality enables."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import Text

from ..extensions import Base, Keyed
from .terms import Emission, HazardClass, Standing


class Modality(Base):
    """A way of treating: its energy, wavelengths and procedure classes. An undetermined one enables nothing known."""

    __tablename__ = "modalities"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="Other words that people search for.")
    emission: Mapped[Emission]
    hazard_class: Mapped[HazardClass]
    bands: Mapped[list[list[float]]] = mapped_column(JSONB, comment="Pairs of nm, low and high; equal for a line.")
    procedure_classes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    determined: Mapped[bool] = mapped_column(comment="False: too vague to know what it enables, so the gate says no.")
    caution: Mapped[str | None]
    source: Mapped[str]
    position: Mapped[int]


class Maker(Keyed, Base):
    """Who made the device. Brands change hands: `aliases` are the names under which people look for it."""

    __tablename__ = "makers"

    name: Mapped[str] = mapped_column(unique=True)
    slug: Mapped[str] = mapped_column(unique=True)
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text))
    note: Mapped[str | None] = mapped_column(comment="Where the other names come from.")


class DeviceModel(Keyed, Base):
    """A model as its maker names it. Empty fields are unknown, and stay so until a source is found."""

    __tablename__ = "device_models"
    __table_args__ = (
        UniqueConstraint("maker_id", "name", name="model_name_is_unique_per_maker"),
        UniqueConstraint("id", "maker_id", name="model_has_one_maker"),
        CheckConstraint("product_code IS NULL OR product_code ~ '^[A-Z]{3}$'", name="product_code_is_three_letters"),
    )

    maker_id: Mapped[UUID] = mapped_column(ForeignKey("makers.id"), index=True)
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    modality_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="In the order of the source.")
    bands: Mapped[list[list[float]]] = mapped_column(JSONB, comment="Pairs of nm; empty: none, or unknown.")
    wavelengths_note: Mapped[str | None]
    k_numbers: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="510(k) submissions seen; empty: none found.")
    product_code: Mapped[str | None]
    standing: Mapped[Standing]
    note: Mapped[str | None]
    source: Mapped[str]

    maker: Mapped[Maker] = relationship(lazy="joined")

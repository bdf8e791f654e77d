"""What is to be sold, and to whom for which use: the two halves of a question to the gate. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..kernel.terms import ProcedureClass
from .facts import Modification


@dataclass(frozen=True, slots=True)
class SoldHandpiece:
    """A part of the sale that treats."""

    id: UUID
    name: str
    modality_code: str


@dataclass(frozen=True, slots=True)
class Sale:
    """The unit in the configuration that is offered, as its seller describes it."""

    listing_id: UUID
    seller_clinic_id: UUID
    model_id: UUID
    handpieces: tuple[SoldHandpiece, ...]
    rx_label_present: bool | None
    id_label_present: bool | None
    modification: Modification


@dataclass(frozen=True, slots=True)
class Purchase:
    """
    Who would buy, for which site, operated by whom and for what.

    `declared_uses` empty: everything the device enables. `practitioner_id` None: whoever of the clinic can order it.
    `confirmed_at` and `statements` are what that practitioner signed for this very order.
    """

    buyer_id: UUID
    clinic_id: UUID
    site_id: UUID
    operator_id: UUID | None
    declared_uses: frozenset[ProcedureClass] = frozenset()
    restriction_signed: bool = False
    practitioner_id: UUID | None = None
    confirmed_at: datetime | None = None
    statements: frozenset[str] = frozenset()

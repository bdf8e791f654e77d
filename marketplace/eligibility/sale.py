"""What is to be sold, and to whom for which use: the two halves of a question to the gate. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ..kernel.errors import Invalid
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
    """The unit in the configuration that is offered, as its seller describes it. `serial` is for its receipts."""

    listing_id: UUID
    seller_clinic_id: UUID
    model_id: UUID
    handpieces: tuple[SoldHandpiece, ...]
    rx_label_present: bool | None
    id_label_present: bool | None
    modification: Modification
    serial: str | None = None

    def without(self, left_out: Collection[UUID]) -> "Sale":
        """
        Return the sale of the same unit without these handpieces.

        :raises Invalid: one of them is not the unit's, or nothing would be left that treats
        """
        if not set(left_out) <= {part.id for part in self.handpieces}:
            raise Invalid("This handpiece is not part of the device.", cure="Open the device's page again.")
        kept = tuple(part for part in self.handpieces if part.id not in left_out)
        if left_out and not kept:
            raise Invalid("At least one handpiece has to stay in the sale.", cure="Leave fewer handpieces out.")
        return replace(self, handpieces=kept)


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

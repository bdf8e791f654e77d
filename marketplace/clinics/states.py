"""In which standing a clinic sells, and what changes it. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class SellerStanding(StrEnum):
    """Whether staff found the clinic to be one that may lawfully hold and sell a prescription device."""

    UNVERIFIED = "unverified"
    IN_REVIEW = "in_review"
    AWAITING_SECOND = "awaiting_second"  # One verifier found that it may sell; a second one must find the same.
    VERIFIED = "verified"
    REFUSED = "refused"
    SUSPENDED = "suspended"

    @property
    def words(self) -> str:
        """Say the standing as a person would."""
        return {
            SellerStanding.UNVERIFIED: "has not asked to sell",
            SellerStanding.IN_REVIEW: "being checked",
            SellerStanding.AWAITING_SECOND: "being checked a second time",
            SellerStanding.VERIFIED: "may sell",
            SellerStanding.REFUSED: "may not sell",
            SellerStanding.SUSPENDED: "may not sell for now",
        }[self]


class SellerBasis(StrEnum):
    """In which capacity a seller holds the device, 21 CFR 801.109(a)(1)."""

    PRACTITIONER = "practitioner"
    PRACTICE = "practice"
    DISTRIBUTOR = "distributor"

    @property
    def words(self) -> str:
        """Say the capacity as a person would."""
        return {
            SellerBasis.PRACTITIONER: "a practitioner licensed by law to use or order the use of the device",
            SellerBasis.PRACTICE: "a practice that holds it for use by or on the order of such a practitioner",
            SellerBasis.DISTRIBUTOR: "a person regularly and lawfully engaged in distributing such devices",
        }[self]


class SellerEvent(StrEnum):
    """What happens to a clinic's standing as a seller."""

    ASKED = "asked"
    FIRST_APPROVED = "first_approved"
    VERIFIED = "verified"
    REFUSED = "refused"
    SUSPENDED = "suspended"


_S, _E = SellerStanding, SellerEvent

SELLER: Machine[SellerStanding, SellerEvent] = Machine(
    {
        (_S.UNVERIFIED, _E.ASKED): _S.IN_REVIEW,
        (_S.REFUSED, _E.ASKED): _S.IN_REVIEW,
        (_S.IN_REVIEW, _E.FIRST_APPROVED): _S.AWAITING_SECOND,
        (_S.IN_REVIEW, _E.REFUSED): _S.REFUSED,
        (_S.AWAITING_SECOND, _E.VERIFIED): _S.VERIFIED,
        (_S.AWAITING_SECOND, _E.REFUSED): _S.REFUSED,
        (_S.VERIFIED, _E.SUSPENDED): _S.SUSPENDED,
        (_S.SUSPENDED, _E.FIRST_APPROVED): _S.AWAITING_SECOND,
        (_S.SUSPENDED, _E.REFUSED): _S.REFUSED,
    }
)

DECISIONS: dict[SellerStanding, SellerEvent] = {
    SellerStanding.AWAITING_SECOND: SellerEvent.FIRST_APPROVED,
    SellerStanding.VERIFIED: SellerEvent.VERIFIED,
    SellerStanding.REFUSED: SellerEvent.REFUSED,
    SellerStanding.SUSPENDED: SellerEvent.SUSPENDED,
}
"""The standings that staff can decide on, and the event that leads there."""

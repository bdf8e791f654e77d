"""Partners and their keys, what people let them ask, and every answer that they were given."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from ..extensions import Base, Keyed, Sequenced


class Partner(Keyed, Base):
    """A reseller who asks here before they sell elsewhere. Ended, none of its keys opens anything."""

    __tablename__ = "partners"
    __table_args__ = (
        CheckConstraint("length(trim(name)) BETWEEN 1 AND 100", name="partner_has_a_name"),
        CheckConstraint("email = lower(email) AND email LIKE '%_@_%'", name="partner_address_is_normal"),
        CheckConstraint("ended_at >= opened_at", name="end_follows_opening"),
        Index(
            "one_living_partner_per_name", func.lower(text("name")), unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )  # fmt: skip

    name: Mapped[str] = mapped_column(comment="People read it where they say whom they let ask.")
    email: Mapped[str] = mapped_column(comment="Where the partner is written to.")
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PartnerKey(Keyed, Base):
    """A key of a partner; there may be several, so that one can be replaced. Only its end is ever written (trigger)."""

    __tablename__ = "partner_keys"
    __table_args__ = (
        UniqueConstraint("id", "partner_id", name="key_is_of_one_partner"),
        CheckConstraint("octet_length(digest) = 32", name="key_is_digested"),
        CheckConstraint("prefix ~ '^[0-9A-HJKMNP-TV-Z]{8}$'", name="prefix_is_readable"),
        CheckConstraint("revoked_at >= made_at", name="revocation_follows_making"),
    )

    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"), index=True)
    prefix: Mapped[str] = mapped_column(unique=True, comment="By which it is found and spoken of; no secret.")
    digest: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of the key, which is not kept.")
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(comment="When it last opened, to the minute.")
    revoked_at: Mapped[datetime | None]


class SharingCode(Keyed, Base):
    """What lets one partner ask about one person at one site, for a time. Only its end is ever written (trigger)."""

    __tablename__ = "sharing_codes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["site_id", "clinic_id"],
            ["clinic_sites.id", "clinic_sites.clinic_id"],
            name="code_is_for_a_site_of_the_clinic",
        ),
        # Lets an answer point at a code together with whom it is for and about.
        UniqueConstraint("id", "partner_id", "person_id", "site_id", name="code_is_for_these"),
        CheckConstraint("octet_length(digest) = 32", name="code_is_digested"),
        CheckConstraint("length(ending) = 4", name="code_is_recognised_by_its_ending"),
        CheckConstraint(
            "expires_at > given_at AND expires_at <= given_at + interval '90 days'", name="consent_ends_within_90_days"
        ),
        CheckConstraint("revoked_at >= given_at", name="revocation_follows_giving"),
    )

    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"), index=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    site_id: Mapped[UUID]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True, comment="SHA-256 of the code, which is not kept.")
    ending: Mapped[str] = mapped_column(comment="Its last four signs, by which its person recognises it.")
    given_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class PartnerAnswer(Sequenced, Base):
    """
    One answer to a partner, with everything it was based on and its receipt. Never changed, never removed (trigger).

    It was asked with a living key, under a code that its person had given and not taken back (trigger).
    """

    __tablename__ = "partner_answers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["key_id", "partner_id"],
            ["partner_keys.id", "partner_keys.partner_id"],
            name="answer_is_to_the_keys_partner",
        ),
        ForeignKeyConstraint(
            ["sharing_code_id", "partner_id", "person_id", "site_id"],
            ["sharing_codes.id", "sharing_codes.partner_id", "sharing_codes.person_id", "sharing_codes.site_id"],
            name="answer_is_about_whom_the_code_is",
        ),
        CheckConstraint(
            "allowed = (jsonb_array_length(verdict -> 'objections') = 0)", name="allowed_means_no_objection"
        ),
        CheckConstraint("receipt_code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'", name="code_is_readable"),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_is_sha256"),
        CheckConstraint(
            "valid_until > answered_at AND valid_until <= answered_at + interval '1 day'",
            name="answer_holds_a_day_at_most",
        ),
        Index("ix_partner_answers_code", "sharing_code_id", "position"),
    )

    receipt_code: Mapped[str] = mapped_column(unique=True, comment="Whoever has it may check the receipt.")
    partner_id: Mapped[UUID] = mapped_column(ForeignKey("partners.id"))
    key_id: Mapped[UUID]
    sharing_code_id: Mapped[UUID]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    site_id: Mapped[UUID] = mapped_column(ForeignKey("clinic_sites.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("device_models.id"))
    handpieces: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="Modalities of what is sold with it.")
    declared_uses: Mapped[list[str]] = mapped_column(ARRAY(Text))
    policy_version_id: Mapped[UUID] = mapped_column(ForeignKey("policy_versions.id"))
    facts: Mapped[dict[str, Any]]
    verdict: Mapped[dict[str, Any]]
    left_open: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, comment="What cannot be asked of a unit that is not listed here, by key and reason."
    )
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, comment="What each credential rested on, with its digests."
    )
    allowed: Mapped[bool]
    answered_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    digest: Mapped[str] = mapped_column(comment="SHA-256 of the answer and everything beside it.")

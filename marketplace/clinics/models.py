"""Organisations, their sites (places of use), members and invitations."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..extensions import Base, Keyed
from ..kernel.terms import ClinicRole
from .states import SellerBasis, SellerStanding


class Clinic(Keyed, Base):
    """An organisation that buys or sells. `seller_standing` is written by staff only."""

    __tablename__ = "clinics"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_is_given"),
        CheckConstraint(
            "seller_standing <> 'verified' OR (seller_basis IS NOT NULL AND seller_checked_by IS NOT NULL"
            " AND seller_checked_at IS NOT NULL AND length(trim(coalesce(seller_evidence, ''))) > 0)",
            name="verified_seller_has_evidence",
        ),
        CheckConstraint(
            "seller_standing <> 'verified' OR (seller_first_checked_by IS NOT NULL"
            " AND seller_first_checked_by <> seller_checked_by)",
            name="two_people_verify_a_seller",
        ),
        CheckConstraint(
            "seller_standing <> 'awaiting_second' OR seller_first_checked_by IS NOT NULL",
            name="second_look_follows_a_first",
        ),
        CheckConstraint(
            "(seller_first_checked_by IS NULL) = (seller_first_checked_at IS NULL) AND (seller_first_checked_by IS NULL"
            " OR length(trim(coalesce(seller_first_evidence, ''))) > 0)",
            name="first_look_has_evidence",
        ),
        CheckConstraint(
            "seller_standing <> 'in_review' OR (seller_basis IS NOT NULL AND seller_asked_at IS NOT NULL"
            " AND length(trim(coalesce(seller_statement, ''))) > 0)",
            name="asking_states_a_basis",
        ),
        CheckConstraint(
            "seller_standing NOT IN ('refused', 'suspended') OR length(trim(coalesce(seller_reason, ''))) > 0",
            name="seller_is_told_why",
        ),
        CheckConstraint("purchase_limit_minor >= 0", name="purchase_limit_is_not_negative"),
        CheckConstraint(
            "CASE WHEN purchase_limit_then_at IS NULL THEN purchase_limit_then_minor IS NULL"
            " ELSE purchase_limit_minor IS NOT NULL"
            " AND coalesce(purchase_limit_then_minor > purchase_limit_minor, true) END",
            name="purchase_limit_is_only_raised_later",
        ),
    )

    name: Mapped[str]
    legal_name: Mapped[str]
    seller_standing: Mapped[SellerStanding] = mapped_column(default=SellerStanding.UNVERIFIED)
    seller_basis: Mapped[SellerBasis | None]
    seller_statement: Mapped[str | None] = mapped_column(comment="What the clinic said of itself when it asked.")
    seller_asked_at: Mapped[datetime | None]
    seller_reason: Mapped[str | None] = mapped_column(comment="What the clinic was told about the decision.")
    seller_evidence: Mapped[str | None] = mapped_column(comment="What staff looked at, and where.")
    seller_checked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    seller_checked_at: Mapped[datetime | None]
    seller_first_checked_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id"), comment="The other of the two people who found that it may sell."
    )
    seller_first_checked_at: Mapped[datetime | None]
    seller_first_evidence: Mapped[str | None]
    purchase_limit_minor: Mapped[int | None] = mapped_column(
        comment="Above this price a second person approves an order; empty: never."
    )
    purchase_limit_then_minor: Mapped[int | None] = mapped_column(BigInteger, comment="The higher one that waits.")
    purchase_limit_then_at: Mapped[datetime | None] = mapped_column(
        comment="From when that one counts, unless an owner sets another before; empty: none waits."
    )
    created_at: Mapped[datetime]

    sites: Mapped[list["ClinicSite"]] = relationship(back_populates="clinic", order_by="ClinicSite.name")
    members: Mapped[list["ClinicMember"]] = relationship(back_populates="clinic")


class ClinicSite(Keyed, Base):
    """A place of use. Its state decides which rules hold, its time zone when a day ends."""

    __tablename__ = "clinic_sites"
    __table_args__ = (
        CheckConstraint("state ~ '^[A-Z]{2}$'", name="state_is_a_postal_code"),
        CheckConstraint("postal_code ~ '^[0-9]{5}(-[0-9]{4})?$'", name="postal_code_is_a_zip"),
        # Lets other tables point at a site together with the clinic it belongs to.
        UniqueConstraint("id", "clinic_id", name="site_belongs_to_one_clinic"),
    )

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), index=True)
    name: Mapped[str]
    street: Mapped[str]
    city: Mapped[str]
    state: Mapped[str]
    postal_code: Mapped[str]
    time_zone: Mapped[str] = mapped_column(comment="IANA name.")
    laser_safety_officer_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id"), comment="The member named as laser safety officer of this site."
    )
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    changed_at: Mapped[datetime | None] = mapped_column(
        comment="When its officer, state or zone last changed; what they were before, the database keeps."
    )

    clinic: Mapped[Clinic] = relationship(back_populates="sites")


class ClinicMember(Keyed, Base):
    """
    What a person is to a clinic, from when to when: offered by the clinic, accepted by the person, ended by either.

    `starts_on` and `ends_on` are calendar days where the device is used; both belong to it. Leaving ends the row; it is
    not removed.
    """

    __tablename__ = "clinic_members"
    __table_args__ = (
        Index(
            "one_membership_per_person", "clinic_id", "user_id", unique=True,
            postgresql_where=text("left_at IS NULL"),
        ),
        CheckConstraint("left_at IS NULL OR left_at >= joined_at", name="leaving_follows_joining"),
        CheckConstraint("ends_on >= starts_on", name="end_follows_start"),
    )  # fmt: skip

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[ClinicRole]
    joined_at: Mapped[datetime]
    starts_on: Mapped[date | None] = mapped_column(comment="The first day that counts, where devices are used.")
    ends_on: Mapped[date | None] = mapped_column(comment="The last day that counts; empty: until somebody ends it.")
    left_at: Mapped[datetime | None]
    left_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Empty: its last day is over.")
    changed_at: Mapped[datetime | None] = mapped_column(
        comment="When its role or days last changed; what they were before, the database keeps."
    )

    clinic: Mapped[Clinic] = relationship(back_populates="members")


class SiteBefore(Base):
    """What a site was until a change. Written by a trigger at every change; never changed, never removed (trigger)."""

    __tablename__ = "clinic_sites_before"
    __table_args__ = (Index("ix_clinic_sites_before_site", "site_id", "until", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    site_id: Mapped[UUID] = mapped_column(ForeignKey("clinic_sites.id"))
    laser_safety_officer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str]
    time_zone: Mapped[str]
    until: Mapped[datetime]


class MemberBefore(Base):
    """What a membership was until a change. Written and guarded as `SiteBefore` is."""

    __tablename__ = "clinic_members_before"
    __table_args__ = (Index("ix_clinic_members_before_member", "member_id", "until", "number"),)

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("clinic_members.id"))
    role: Mapped[ClinicRole]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    until: Mapped[datetime]


class ClinicInvitation(Keyed, Base):
    """An offer of membership, mailed; it becomes a membership when the person it was mailed to accepts it."""

    __tablename__ = "clinic_invitations"
    __table_args__ = (
        Index(
            "one_open_invitation_per_address", "clinic_id", "email", unique=True,
            postgresql_where=text("accepted_at IS NULL AND withdrawn_at IS NULL"),
        ),
        CheckConstraint("octet_length(token_digest) = 32", name="token_is_digested"),
        CheckConstraint("ends_on >= starts_on", name="offered_end_follows_start"),
    )  # fmt: skip

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    email: Mapped[str]
    role: Mapped[ClinicRole]
    starts_on: Mapped[date | None] = mapped_column(comment="The first day that counts, where devices are used.")
    ends_on: Mapped[date | None] = mapped_column(comment="The last day that counts; empty: until somebody ends it.")
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    invited_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]

    clinic: Mapped[Clinic] = relationship()

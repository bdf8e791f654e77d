"""Files of registers that were received here, and the rows of those that count."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from ..extensions import Base, Keyed
from .states import SnapshotState


class RegisterSnapshot(Keyed, Base):
    """
    One file of one register, as it was on the day it was fetched.

    `state` is written by `steps.move` and nowhere else. It outlives its rows: what rested on it can be told.
    """

    __tablename__ = "register_snapshots"
    __table_args__ = (
        CheckConstraint("file_digest ~ '^[0-9a-f]{64}$'", name="digest_is_sha256"),
        CheckConstraint("size_bytes > 0", name="file_is_not_empty"),
        CheckConstraint("retrieved_at <= received_at", name="fetched_before_it_was_received"),
        CheckConstraint("rows_loaded >= 0 AND rows_loaded + rows_refused <= rows_read", name="rows_add_up"),
        CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name="refusal_is_said"),
        CheckConstraint(
            "(state IN ('current', 'replaced')) = (current_since IS NOT NULL)", name="current_since_is_dated"
        ),
        CheckConstraint("state <> 'current' OR rows_loaded > 0", name="current_has_rows"),
        Index(
            "one_current_snapshot_per_source", "source_code", unique=True, postgresql_where=text("state = 'current'")
        ),
        Index(
            "one_loading_snapshot_per_source", "source_code", unique=True, postgresql_where=text("state = 'loading'")
        ),
    )

    source_code: Mapped[str] = mapped_column(comment="Its entry in registers/data/sources.json.")
    state: Mapped[SnapshotState] = mapped_column(default=SnapshotState.RECEIVED)
    filename: Mapped[str] = mapped_column(comment="As sent; shown, never used as a path.")
    file_key: Mapped[str | None] = mapped_column(comment="Where the file lies until it is loaded or refused.")
    file_digest: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[int] = mapped_column(comment="Of the file, for the progress of reading it; 0 where it has none.")
    encoding: Mapped[str]
    headers: Mapped[list[Any]]
    columns: Mapped[dict[str, Any]] = mapped_column(comment="Header -> the field it is read into; others are left out.")
    retrieved_at: Mapped[datetime] = mapped_column(comment="When it was fetched from its publisher.")
    received_at: Mapped[datetime]
    received_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Empty: by a command.")
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_loaded: Mapped[int] = mapped_column(default=0)
    rows_refused: Mapped[int] = mapped_column(default=0)
    report: Mapped[dict[str, Any]] = mapped_column(default=dict, comment="Kind of problem -> how many, and the first.")
    smaller_because: Mapped[str | None] = mapped_column(
        comment="Why it may hold far fewer rows than the one before it."
    )
    refusal: Mapped[str | None]
    current_since: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]


class RegisterRow(Base):
    """One row, reduced to what a comparison needs. `digest` is that of the kept fields, see `records.Row`."""

    __tablename__ = "register_rows"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="row_is_digested"),
        CheckConstraint("npi <> '0000000000'", name="unknown_npi_is_left_out"),
        CheckConstraint("number_key !~ '^0' AND number_key <> ''", name="number_key_has_no_leading_zero"),
        Index("ix_register_rows_number", "snapshot_id", "number_key"),
        Index("ix_register_rows_name", "snapshot_id", "family_head", "given_head"),
        Index("ix_register_rows_npi", "snapshot_id", "npi", postgresql_where=text("npi IS NOT NULL")),
    )

    snapshot_id: Mapped[UUID] = mapped_column(ForeignKey("register_snapshots.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, comment="Counted from 1, without header."
    )
    license_type: Mapped[str | None]
    number: Mapped[str | None]
    number_key: Mapped[str | None]
    family_name: Mapped[str | None]
    given_name: Mapped[str | None]
    middle_name: Mapped[str | None]
    business_name: Mapped[str | None]
    family_head: Mapped[str | None]
    given_head: Mapped[str | None]
    status: Mapped[str | None] = mapped_column(comment="The register's words, of all its columns.")
    discipline: Mapped[str | None] = mapped_column(comment="The register's words, where it says anything but no.")
    expires_on: Mapped[date | None]
    issued_on: Mapped[date | None]
    npi: Mapped[str | None]
    city: Mapped[str | None]
    state: Mapped[str | None]
    zip: Mapped[str | None]
    flaw: Mapped[str | None] = mapped_column(comment="What in it could not be read.")
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class RegisterNotice(Base):
    """One record about devices: a recall, an enforcement report, a 510(k) decision, see `notices.Notice`."""

    __tablename__ = "register_notices"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="notice_is_digested"),
        CheckConstraint("length(trim(number)) > 0", name="notice_has_a_number"),
        Index("ix_register_notices_number", "snapshot_id", "number"),
        Index("ix_register_notices_k_numbers", "k_numbers", postgresql_using="gin"),
    )

    snapshot_id: Mapped[UUID] = mapped_column(ForeignKey("register_snapshots.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[str]
    event: Mapped[str | None]
    firm: Mapped[str | None]
    product_code: Mapped[str | None]
    k_numbers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    device: Mapped[str | None] = mapped_column(comment="The device in its publisher's words.")
    codes: Mapped[str | None] = mapped_column(comment="Lots, serial numbers, ranges, or a rule; free text.")
    reason: Mapped[str | None]
    classification: Mapped[str | None]
    status: Mapped[str | None]
    started_on: Mapped[date | None]
    posted_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    flaw: Mapped[str | None] = mapped_column(comment="What in it could not be read.")
    digest: Mapped[bytes] = mapped_column(LargeBinary)

"""People, their sessions and the single-use tokens mailed to them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..extensions import Base, Keyed
from ..kernel.terms import StaffRole


class User(Keyed, Base):
    """A person. `email` is kept in its normal form, so that it can be unique."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email) AND email LIKE '%_@_%'", name="email_is_normal"),
        CheckConstraint("length(trim(name)) > 0", name="name_is_given"),
    )

    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(comment="The legal name, as on the person's certificates.")
    password_hash: Mapped[str]
    staff_role: Mapped[StaffRole | None]
    email_confirmed_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    reopened_at: Mapped[datetime | None] = mapped_column(comment="When it was last opened again after being disabled.")
    created_at: Mapped[datetime]


class AccountClosure(Base):
    """A while for which an account was closed. Written by a trigger when it opens again; never changed or removed."""

    __tablename__ = "account_closures"
    __table_args__ = (
        Index("ix_account_closures_user", "user_id", "closed_at"),
        CheckConstraint("reopened_at >= closed_at", name="reopening_follows_closing"),
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    closed_at: Mapped[datetime]
    reopened_at: Mapped[datetime]


class SessionEnd(StrEnum):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    ENDED_BY_OWNER = "ended_by_owner"
    ENDED_BY_STAFF = "ended_by_staff"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  The name of a cause.
    ROLE_CHANGED = "role_changed"
    ACCOUNT_DISABLED = "account_disabled"
    DISOWNED = "disowned"
    EMAIL_CHANGED = "email_changed"


class UserSession(Keyed, Base):
    """
    One sign-in.

    The cookie carries a random token; only its SHA-256 is kept here. Ending the row ends the session.
    """

    __tablename__ = "user_sessions"
    __table_args__ = (
        CheckConstraint("octet_length(token_digest) = 32", name="token_is_digested"),
        CheckConstraint("expires_at > created_at", name="expiry_follows_creation"),
        CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name="end_has_a_reason"),
        CheckConstraint("confirmed_at BETWEEN created_at AND expires_at", name="confirmed_while_it_lasts"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    token_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    confirmed_at: Mapped[datetime] = mapped_column(
        comment="When the person last showed that it is them; signing in is the first time."
    )
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[SessionEnd | None]
    user_agent: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="", comment="The network address of the sign-in.")

    user: Mapped[User] = relationship()


class TokenPurpose(StrEnum):
    """
    What a token allows, once.

    That of a second step is in the browser between password and code, not in a mail; that of a disowned sign-in shuts
    the account for whoever has its password.
    """

    CONFIRM_EMAIL = "confirm_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105  The name of a purpose.
    SECOND_STEP = "second_step"
    DISOWN = "disown"


class MailedToken(Keyed, Base):
    """A single-use right sent by mail. Only the digest is kept."""

    __tablename__ = "mailed_tokens"
    __table_args__ = (CheckConstraint("octet_length(digest) = 32", name="token_is_digested"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    purpose: Mapped[TokenPurpose]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class EmailChangeEnd(StrEnum):
    """Why a change of somebody's own address counts no more."""

    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    OBJECTED = "objected"


class EmailChange(Keyed, Base):
    """
    A change of one's own address: asked for, and made once its link was followed from the new address.

    Tokens are kept as digests. The old address has one for each of the two mails it gets, and either of them undoes the
    change; it has none if nobody ever proved that it was theirs.
    """

    __tablename__ = "email_changes"
    __table_args__ = (
        CheckConstraint("old_email <> new_email", name="addresses_differ"),
        CheckConstraint("new_email = lower(new_email) AND new_email LIKE '%_@_%'", name="new_email_is_normal"),
        CheckConstraint(
            "octet_length(link_digest) = 32 AND octet_length(coalesce(asked_objection, link_digest)) = 32"
            " AND octet_length(coalesce(moved_objection, link_digest)) = 32",
            name="tokens_are_digested",
        ),
        CheckConstraint("moved_at >= asked_at AND moved_at < expires_at", name="moved_while_the_link_served"),
        CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name="end_has_a_reason"),
        CheckConstraint(
            "moved_at IS NULL OR ended_because IS NULL OR ended_because = 'objected'", name="made_is_only_undone"
        ),
        Index(
            "one_change_at_a_time",
            "user_id",
            unique=True,
            postgresql_where=text("moved_at IS NULL AND ended_at IS NULL"),
        ),
        Index("ix_email_changes_user", "user_id"),
        Index("ix_email_changes_old_email", "old_email"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    old_email: Mapped[str]
    new_email: Mapped[str]
    link_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    asked_objection: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    moved_objection: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    moved_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[EmailChangeEnd | None]


class KnownBrowser(Base):
    """A browser in which the person signed in: it keeps a random token for a year, and only its digest is kept here."""

    __tablename__ = "known_browsers"
    __table_args__ = (CheckConstraint("octet_length(digest) = 32", name="token_is_digested"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    user_agent: Mapped[str]


class SecondFactor(Base):
    """
    The secret that somebody's program for one-time codes shares with us (RFC 6238), sealed.

    It counts once a first code has shown that the program has it. Of each time step one code is taken, and none of an
    earlier one afterwards (trigger).
    """

    __tablename__ = "second_factors"
    __table_args__ = (
        CheckConstraint("octet_length(sealed) > 28", name="secret_is_sealed"),
        CheckConstraint("(on_since IS NULL) = (last_step IS NULL)", name="first_code_turns_it_on"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    begun_at: Mapped[datetime]
    on_since: Mapped[datetime | None]
    last_step: Mapped[int | None] = mapped_column(BigInteger, comment="The latest time step of which a code was taken.")


class RecoveryCode(Keyed, Base):
    """A code for the day the telephone is gone. Only its digest is kept; it serves once (trigger)."""

    __tablename__ = "recovery_codes"
    __table_args__ = (
        UniqueConstraint("user_id", "digest", name="recovery_codes_differ"),
        CheckConstraint("octet_length(digest) = 32", name="code_is_digested"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("second_factors.user_id", ondelete="CASCADE"))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ParkedForm(Keyed, Base):
    """
    What somebody had typed when their session ran out, kept for a while until they have signed in again.

    Never holds passwords or files. `ticket_digest` is the SHA-256 of a ticket in that browser's cookie.
    """

    __tablename__ = "parked_forms"
    __table_args__ = (Index("ix_parked_forms_expires_at", "expires_at"),)

    ticket_digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id"),
        index=True,
        comment="Whose session it had been: nobody else gets to see it. Empty: not known.",
    )
    path: Mapped[str]
    fields: Mapped[list[list[str]]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

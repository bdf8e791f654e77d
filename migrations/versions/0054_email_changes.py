"""Changes of a person's own address: proved from the new one, told to the old one, which can undo them."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"

ENDS = [
    "signed_out", "ended_by_owner", "ended_by_staff", "password_changed", "role_changed", "account_disabled", "disowned",
]  # fmt: skip


def _ends(values):
    op.drop_constraint(op.f("user_sessions_sessionend"), "user_sessions", type_="check")
    listed = ", ".join(repr(value) for value in values)
    op.create_check_constraint(op.f("user_sessions_sessionend"), "user_sessions", f"ended_because IN ({listed})")


def upgrade():
    _ends([*ENDS, "email_changed"])
    op.create_table(
        "email_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("old_email", sa.Text(), nullable=False),
        sa.Column("new_email", sa.Text(), nullable=False),
        sa.Column("link_digest", sa.LargeBinary(), nullable=False),
        sa.Column("asked_objection", sa.LargeBinary(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_objection", sa.LargeBinary(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "ended_because",
            sa.Enum(
                "withdrawn",
                "replaced",
                "objected",
                name="emailchangeend",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.CheckConstraint("old_email <> new_email", name=op.f("email_changes_addresses_differ")),
        sa.CheckConstraint(
            "new_email = lower(new_email) AND new_email LIKE '%_@_%'", name=op.f("email_changes_new_email_is_normal")
        ),
        sa.CheckConstraint(
            "octet_length(link_digest) = 32 AND octet_length(coalesce(asked_objection, link_digest)) = 32"
            " AND octet_length(coalesce(moved_objection, link_digest)) = 32",
            name=op.f("email_changes_tokens_are_digested"),
        ),
        sa.CheckConstraint(
            "moved_at >= asked_at AND moved_at < expires_at", name=op.f("email_changes_moved_while_the_link_served")
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name=op.f("email_changes_end_has_a_reason")),
        sa.CheckConstraint(
            "moved_at IS NULL OR ended_because IS NULL OR ended_because = 'objected'",
            name=op.f("email_changes_made_is_only_undone"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_email_changes_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_email_changes")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_email_changes_link_digest")),
    )
    op.create_index("ix_email_changes_user", "email_changes", ["user_id"])
    op.create_index("ix_email_changes_old_email", "email_changes", ["old_email"])
    op.create_index(op.f("ix_email_changes_asked_objection"), "email_changes", ["asked_objection"])
    op.create_index(op.f("ix_email_changes_moved_objection"), "email_changes", ["moved_objection"])
    op.create_index(
        "one_change_at_a_time",
        "email_changes",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("moved_at IS NULL AND ended_at IS NULL"),
    )


def downgrade():
    op.drop_table("email_changes")
    op.execute("UPDATE user_sessions SET ended_because = 'ended_by_owner' WHERE ended_because = 'email_changed'")
    _ends(ENDS)

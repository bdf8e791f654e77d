"""Browsers that a person signed in with, so that a new one is told by mail and can be disowned."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"

PURPOSES = ["confirm_email", "reset_password", "second_step"]
ENDS = ["signed_out", "ended_by_owner", "ended_by_staff", "password_changed", "role_changed", "account_disabled"]


def _listed(table, column, name, values):
    op.drop_constraint(op.f(name), table, type_="check")
    op.create_check_constraint(op.f(name), table, f"{column} IN ({', '.join(repr(value) for value in values)})")


def upgrade():
    _listed("mailed_tokens", "purpose", "mailed_tokens_tokenpurpose", [*PURPOSES, "disown"])
    _listed("user_sessions", "ended_because", "user_sessions_sessionend", [*ENDS, "disowned"])
    op.create_table(
        "known_browsers",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("known_browsers_token_is_digested")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_known_browsers_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", "digest", name=op.f("pk_known_browsers")),
    )


def downgrade():
    op.drop_table("known_browsers")
    op.execute("UPDATE user_sessions SET ended_because = 'ended_by_owner' WHERE ended_because = 'disowned'")
    op.execute("DELETE FROM mailed_tokens WHERE purpose = 'disown'")
    _listed("user_sessions", "ended_because", "user_sessions_sessionend", ENDS)
    _listed("mailed_tokens", "purpose", "mailed_tokens_tokenpurpose", PURPOSES)

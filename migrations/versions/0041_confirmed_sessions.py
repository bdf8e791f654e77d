"""A session says when its person last showed that it is them; signing in was the first time."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade():
    words = "When the person last showed that it is them; signing in is the first time."
    op.add_column("user_sessions", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True, comment=words))
    op.execute("UPDATE user_sessions SET confirmed_at = created_at")
    op.alter_column("user_sessions", "confirmed_at", nullable=False)
    op.create_check_constraint(
        op.f("user_sessions_confirmed_while_it_lasts"),
        "user_sessions",
        "confirmed_at BETWEEN created_at AND expires_at",
    )


def downgrade():
    op.drop_column("user_sessions", "confirmed_at")

"""How far the provider's list of events was read is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade():
    op.create_table(
        "event_cursor",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("read_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("event_cursor_there_is_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_cursor")),
    )


def downgrade():
    op.drop_table("event_cursor")

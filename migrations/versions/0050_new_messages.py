"""Finding quickly which orders have messages that somebody was told of and has not read."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"


def upgrade():
    op.create_index(
        "ix_order_thread_marks_told", "order_thread_marks", ["user_id"], postgresql_where=sa.text("told_at IS NOT NULL")
    )


def downgrade():
    op.drop_index("ix_order_thread_marks_told", "order_thread_marks")

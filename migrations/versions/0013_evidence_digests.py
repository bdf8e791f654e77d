"""Verifiers get one mail a working day about evidence that is due."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade():
    op.create_table(
        "evidence_digests",
        sa.Column("on_day", sa.Date(), primary_key=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("overdue", sa.Integer(), nullable=False),
        sa.Column("due_soon", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "overdue >= 0 AND due_soon >= 0 AND overdue + due_soon > 0", name="digest_is_about_something"
        ),
        sa.CheckConstraint("extract(isodow FROM on_day) < 6", name="digest_is_of_a_working_day"),
    )


def downgrade():
    op.drop_table("evidence_digests")

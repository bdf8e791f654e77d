"""What waits for somebody, and what touches an account that is seldom used, is found without reading all of the books."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_INDEXES = (
    ("payments", "state"),
    ("money_intents", "state"),
    ("provider_events", "state"),
    ("ledger_entries", "account"),
)


def upgrade():
    for table, column in _INDEXES:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    op.create_index(
        "frozen_payments", "payments", ["created_at"], postgresql_where=sa.text("frozen_reason IS NOT NULL")
    )


def downgrade():
    op.drop_index("frozen_payments", "payments")
    for table, column in _INDEXES:
        op.drop_index(op.f(f"ix_{table}_{column}"), table)

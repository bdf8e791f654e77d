"""What bank transfers bring beyond the price has a place in the books, and a way back."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_KINDS = (
    "paid provider_fee released refund_sent refund_arrived refunded reversed fronted recovered dispute_taken dispute_fee"
    " dispute_returned charged_back charged_back_late"
)
_ACCOUNTS = (
    "provider_clearing provider_fees held fee_revenue refund_pending disputed dispute_fees seller_receivable suspense"
)
_NEW_KINDS = "surplus_came surplus_sent surplus_came_back"
_WORDS = {
    ("money_intents", "kind", "money_intents_intentkind"): ("release refund reversal", "surplus"),
    ("ledger_journals", "kind", "ledger_journals_journalkind"): (_KINDS, _NEW_KINDS),
    ("ledger_totals", "kind", "ledger_totals_journalkind"): (_KINDS, _NEW_KINDS),
    ("ledger_entries", "account", "ledger_entries_account"): (_ACCOUNTS, "buyers_cash"),
    ("ledger_totals", "account", "ledger_totals_account"): (_ACCOUNTS, "buyers_cash"),
}


def _among(table, column, name, words):
    op.drop_constraint(op.f(name), table, type_="check")
    listed = ", ".join(repr(word) for word in words.split())
    op.create_check_constraint(op.f(name), table, f"{column} IN ({listed})")


def upgrade():
    for name, comment in (
        ("surplus_minor", "What bank transfers brought beyond the price."),
        ("surplus_returned_minor", "What of it was sent back."),
    ):
        op.add_column("payments", sa.Column(name, sa.Integer(), nullable=False, server_default="0", comment=comment))
        op.alter_column("payments", name, server_default=None)
    op.create_check_constraint(
        op.f("payments_surplus_is_covered"),
        "payments",
        "surplus_returned_minor >= 0 AND surplus_returned_minor <= surplus_minor",
    )
    for (table, column, name), (before, new) in _WORDS.items():
        _among(table, column, name, f"{before} {new}")


def downgrade():
    for (table, column, name), (before, _) in _WORDS.items():
        _among(table, column, name, before)
    op.drop_constraint(op.f("payments_surplus_is_covered"), "payments", type_="check")
    op.drop_column("payments", "surplus_returned_minor")
    op.drop_column("payments", "surplus_minor")

"""What the books come to, day by day, kept beside them in the same transaction, so that no page adds up a million entries."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_KINDS = (
    "paid",
    "provider_fee",
    "released",
    "refund_sent",
    "refund_arrived",
    "refunded",
    "reversed",
    "fronted",
    "recovered",
    "dispute_taken",
    "dispute_fee",
    "dispute_returned",
    "charged_back",
    "charged_back_late",
)
_ACCOUNTS = (
    "provider_clearing",
    "provider_fees",
    "held",
    "fee_revenue",
    "refund_pending",
    "disputed",
    "dispute_fees",
    "seller_receivable",
    "suspense",
)
_FOUND_BEFORE = (
    "books_differ not_ours unbalanced money_unaccounted state_and_books_differ state_without_move event_overdue"
    " event_given_up intent_overdue order_and_money_differ balance_too_low"
)

# A slot is taken by trying, never by waiting: nobody waits for anybody, so no two can wait for each other. Whoever
# finds none free writes in one of their own.
_FOLLOW = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        slot integer := 0;
    BEGIN
        WHILE slot < 64 AND NOT pg_try_advisory_xact_lock(1818583397, slot) LOOP
            slot := slot + 1;
        END LOOP;
        IF slot = 64 THEN
            slot := 64 + pg_backend_pid();
        END IF;
        INSERT INTO ledger_totals AS kept (day, kind, account, currency, slot, amount_minor)
        SELECT (journal.at AT TIME ZONE 'UTC')::date, journal.kind, written.account, written.currency,
               follow.slot, sum(written.amount_minor)
        FROM written JOIN ledger_journals journal ON journal.id = written.journal_id,
             (SELECT slot) AS follow(slot)
        GROUP BY 1, 2, 3, 4, 5
        ON CONFLICT ON CONSTRAINT pk_ledger_totals
            DO UPDATE SET amount_minor = kept.amount_minor + excluded.amount_minor;
        RETURN NULL;
    END $$
"""
_GUARD = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP IN ('DELETE', 'TRUNCATE') OR pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION 'the totals follow the entries, and nobody else writes them'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_totals_follow_the_entries';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.create_table(
        "ledger_totals",
        sa.Column("day", sa.Date(), nullable=False, comment="In UTC."),
        sa.Column(
            "kind",
            sa.Enum(*_KINDS, name="journalkind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "account",
            sa.Enum(*_ACCOUNTS, name="account", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", "account", "currency", "slot", name=op.f("pk_ledger_totals")),
        postgresql_with={"fillfactor": 50},
    )
    # From here on nobody writes an entry until this migration has ended, and none is counted twice.
    op.execute(f"CREATE FUNCTION ledger_totals_follow() {_FOLLOW}")
    op.execute(
        "CREATE TRIGGER totals_follow AFTER INSERT ON ledger_entries REFERENCING NEW TABLE AS written"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_totals_follow()"
    )
    op.execute(
        "INSERT INTO ledger_totals (day, kind, account, currency, slot, amount_minor)"
        " SELECT (journal.at AT TIME ZONE 'UTC')::date, journal.kind, entry.account, entry.currency, 0,"
        " sum(entry.amount_minor) FROM ledger_entries entry JOIN ledger_journals journal"
        " ON journal.id = entry.journal_id GROUP BY 1, 2, 3, 4"
    )
    op.execute(f"CREATE FUNCTION ledger_totals_guard() {_GUARD}")
    op.execute(
        "CREATE TRIGGER totals_are_guarded BEFORE INSERT OR UPDATE OR DELETE ON ledger_totals"
        " FOR EACH ROW EXECUTE FUNCTION ledger_totals_guard()"
    )
    op.execute(
        "CREATE TRIGGER totals_are_never_emptied BEFORE TRUNCATE ON ledger_totals"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_totals_guard()"
    )
    _findings(f"{_FOUND_BEFORE} totals_differ")


def downgrade():
    op.execute("DELETE FROM kept_findings WHERE code = 'totals_differ'")
    _findings(_FOUND_BEFORE)
    op.execute("DROP TRIGGER totals_follow ON ledger_entries")
    op.drop_table("ledger_totals")
    op.execute("DROP FUNCTION ledger_totals_follow()")
    op.execute("DROP FUNCTION ledger_totals_guard()")


def _findings(words):
    op.drop_constraint(op.f("kept_findings_findingcode"), "kept_findings", type_="check")
    among = ", ".join(repr(word) for word in words.split())
    op.create_check_constraint(op.f("kept_findings_findingcode"), "kept_findings", f"code IN ({among})")

"""What shows how somebody was cleared, or where money went, cannot be emptied in one stroke either."""

from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

# Rows of these change or go one by one, as their rooms say; what hangs on them is protected through them.
KEPT = (
    "approval_audits",
    "credential_documents",
    "email_changes",
    "evidence_digests",
    "filing_searches",
    "inspection_moves",
    "inspection_reports",
    "lead_moves",
    "lead_proposals",
    "lien_releases",
    "listing_counters",
    "listing_handpieces",
    "listing_papers",
    "listing_photos",
    "money_decisions",
    "money_intents",
    "offers",
    "partial_refunds",
    "person_npis",
    "provider_events",
    "question_reports",
    "refund_proposals",
    "register_findings",
    "register_notices",
    "register_type_mappings",
    "risk_signals",
    "second_factors",
    "seller_accounts",
    "stolen_units",
    "want_moves",
)


def upgrade():
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade():
    for table in KEPT:
        op.execute(f"DROP TRIGGER {table}_is_never_emptied ON {table}")

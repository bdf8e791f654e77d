"""Where words are demanded they are there: what is absent is not longer than nothing either, and no CHECK let it pass."""

from alembic import op

revision = "0009"
down_revision = "0008"

# Table and name -> the condition, with the columns whose words are demanded.
DEMANDS = {
    ("clinics", "asking_states_a_basis"): (
        "seller_standing <> 'in_review' OR (seller_basis IS NOT NULL AND seller_asked_at IS NOT NULL"
        " AND length(trim({seller_statement})) > 0)"
    ),
    ("clinics", "verified_seller_has_evidence"): (
        "seller_standing <> 'verified' OR (seller_basis IS NOT NULL AND seller_checked_by IS NOT NULL"
        " AND seller_checked_at IS NOT NULL AND length(trim({seller_evidence})) > 0)"
    ),
    ("credentials", "a_no_has_a_reason"): (
        "state NOT IN ('rejected', 'needs_info', 'suspended', 'revoked') OR length(trim({reason})) > 0"
    ),
    ("risk_signals", "signal_is_resolved_in_words"): (
        "(resolved_at IS NULL) = (resolved_by IS NULL) AND (resolved_at IS NULL OR length(trim({resolution})) > 0)"
    ),
    ("approval_audits", "failed_audit_says_why"): "outcome <> 'failed' OR length(trim({words})) > 0",
    ("rule_reviews", "proposal_is_whole"): (
        "state NOT IN ('proposed', 'approved', 'ended') OR (licence_id IS NOT NULL AND length(trim({grounds})) > 0"
        " AND length(trim({cited_ref})) > 0 AND length(trim({cited_version})) > 0 AND cited_evidence IS NOT NULL"
        " AND valid_from IS NOT NULL AND valid_to IS NOT NULL AND proposed_by IS NOT NULL)"
    ),
    ("rule_reviews", "no_to_a_review_has_a_reason"): (
        "state NOT IN ('refused', 'ended') OR length(trim({reason})) > 0"
    ),
}


class _Columns(dict):
    def __init__(self, written):
        self.written = written

    def __missing__(self, column):
        return self.written.format(column)


def upgrade():
    _demand("coalesce({}, '')")


def downgrade():
    _demand("{}")


def _demand(written):
    for (table, name), condition in DEMANDS.items():
        op.drop_constraint(op.f(f"{table}_{name}"), table, type_="check")
        op.create_check_constraint(op.f(f"{table}_{name}"), table, condition.format_map(_Columns(written)))

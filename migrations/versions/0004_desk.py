"""The verification desk: two people where it takes two, evidence that grows old, signals of doubt, and re-audits."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# What an enum may say, by the name of its check: before, and from now on.
CREDENTIAL_STATES = (
    "submitted", "in_review", "needs_info", "verified", "rejected", "suspended", "revoked", "superseded", "withdrawn",
)  # fmt: skip
CREDENTIAL_EVENTS = (
    "claimed", "unclaimed", "verified", "rejected", "info_asked", "resubmitted", "withdrawn", "suspended", "reinstated",
    "reconfirmed", "revoked", "superseded",
)  # fmt: skip
SELLER_STANDINGS = ("unverified", "in_review", "verified", "refused", "suspended")
WORDS = (
    ("credentials", "state", "credentialstate", CREDENTIAL_STATES, ("awaiting_second", "in_second_review")),
    ("credential_moves", "state", "credentialstate", CREDENTIAL_STATES, ("awaiting_second", "in_second_review")),
    ("credential_moves", "event", "credentialevent", CREDENTIAL_EVENTS, ("taken_over", "first_approved")),
    ("clinics", "seller_standing", "sellerstanding", SELLER_STANDINGS, ("awaiting_second",)),
)

CHECKS = {
    "credential_types": {"evidence_grows_old": "evidence_days > 0"},
    "credentials": {
        "verified_rests_on_a_check": (
            "state NOT IN ('verified', 'suspended', 'revoked', 'superseded') OR (deciding_check_id IS NOT NULL"
            " AND verified_at IS NOT NULL AND verified_by IS NOT NULL AND decided_at IS NOT NULL)"
        ),
        "nobody_approves_their_own": "first_approved_by <> holder_id AND first_approved_by <> submitted_by",
        "second_eyes_are_anothers": "first_approved_by <> verified_by AND first_approved_by <> claimed_by",
        "first_yes_is_whole": (
            "(first_approved_by IS NULL) = (first_check_id IS NULL)"
            " AND (first_approved_by IS NULL) = (first_approved_at IS NULL)"
        ),
        "second_review_follows_a_first_yes": (
            "CASE WHEN state IN ('awaiting_second', 'in_second_review') THEN first_approved_by IS NOT NULL"
            " ELSE state NOT IN ('submitted', 'in_review', 'needs_info') OR first_approved_by IS NULL END"
        ),
        "review_has_a_reviewer": "(state IN ('in_review', 'in_second_review')) = (claimed_by IS NOT NULL)",
    },
    "credential_checks": {
        "confirmation_shows_what_was_seen": (
            "outcome <> 'confirmed' OR document_id IS NOT NULL OR length(trim(note)) > 0 OR matched <> '{}'"
        ),
        "confirmation_falls_due_again": "outcome <> 'confirmed' OR next_due IS NOT NULL",
        "file_digest_is_sha256": "file_digest ~ '^[0-9a-f]{64}$'",
        "score_is_a_percentage": "score BETWEEN 0 AND 100",
    },
    "credential_moves": {"a_no_has_a_code": "event NOT IN ('rejected', 'info_asked') OR reason_code IS NOT NULL"},
    "clinics": {
        "two_people_verify_a_seller": (
            "seller_standing <> 'verified' OR (seller_first_checked_by IS NOT NULL"
            " AND seller_first_checked_by <> seller_checked_by)"
        ),
        "second_look_follows_a_first": ("seller_standing <> 'awaiting_second' OR seller_first_checked_by IS NOT NULL"),
        "first_look_has_evidence": (
            "(seller_first_checked_by IS NULL) = (seller_first_checked_at IS NULL) AND (seller_first_checked_by IS NULL"
            " OR length(trim(coalesce(seller_first_evidence, ''))) > 0)"
        ),
    },
}
REPLACED = {
    ("credentials", "verified_rests_on_a_check"): (
        "state NOT IN ('verified', 'suspended', 'revoked', 'superseded') OR"
        " (deciding_check_id IS NOT NULL AND verified_at IS NOT NULL AND verified_by IS NOT NULL)"
    ),
    ("credentials", "review_has_a_reviewer"): "(state = 'in_review') = (claimed_by IS NOT NULL)",
    ("credential_checks", "confirmation_shows_what_was_seen"): (
        "outcome <> 'confirmed' OR document_id IS NOT NULL OR length(trim(note)) > 0"
    ),
}
PENDING = "state IN ('submitted', 'in_review', 'awaiting_second', 'in_second_review', 'needs_info')"
OPEN = "state IN ('submitted', 'in_review', 'awaiting_second', 'in_second_review')"

FUNCTIONS = {
    # Asked of every yes, also of one that only renews an earlier yes; what was verified before this rule stays so.
    "credential_approval_holds()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        stood boolean := TG_OP = 'UPDATE' AND OLD.state IN ('verified', 'suspended');
        kind credential_types;
    BEGIN
        IF NEW.state <> 'verified' OR (TG_OP = 'UPDATE' AND OLD.state = 'verified'
                AND (NEW.deciding_check_id, NEW.verified_by, NEW.first_check_id, NEW.first_approved_by)
                IS NOT DISTINCT FROM
                (OLD.deciding_check_id, OLD.verified_by, OLD.first_check_id, OLD.first_approved_by)) THEN
            RETURN NEW;
        END IF;
        SELECT * INTO kind FROM credential_types WHERE code = NEW.type_code;
        IF EXISTS (
            SELECT FROM credential_checks
            WHERE (id = NEW.deciding_check_id OR (id = NEW.first_check_id AND NOT stood))
                AND (retrieved_at < NEW.decided_at - make_interval(days => kind.evidence_days)
                    OR recorded_at > NEW.decided_at)
        ) THEN
            RAISE EXCEPTION 'the evidence for credential % is too old, or younger than the decision', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'evidence_is_of_its_time';
        END IF;
        IF EXISTS (SELECT FROM risk_signals WHERE credential_id = NEW.id AND resolved_at IS NULL) THEN
            RAISE EXCEPTION 'credential % has a signal that nobody has resolved', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'verified_leaves_no_signal_open';
        END IF;
        IF NEW.first_check_id IS NULL AND (kind.two_verifiers OR EXISTS (
            SELECT FROM risk_signals WHERE credential_id = NEW.id AND resolved_by = NEW.verified_by
        )) THEN
            RAISE EXCEPTION 'credential % takes two verifiers', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'two_verifiers_approve';
        END IF;
        IF NEW.first_check_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM credential_checks
            WHERE id = NEW.first_check_id AND outcome = 'confirmed' AND verifier_id = NEW.first_approved_by
        ) THEN
            RAISE EXCEPTION 'the first yes to credential % is not confirmed by its source', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'first_yes_is_confirmed_by_its_source';
        END IF;
        RETURN NEW;
    END $$
    """,
    # For rows that a person closes once: TG_ARGV[0] is the column that says so.
    "keep_closed()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR to_jsonb(OLD) ->> TG_ARGV[0] IS NOT NULL THEN
            RAISE EXCEPTION '% keeps what a person wrote', TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_TABLE_NAME || '_are_closed_once';
        END IF;
        RETURN NEW;
    END $$
    """,
}


def upgrade():
    _allow(lambda before, added: (*before, *added))
    op.add_column("credential_types", sa.Column("two_verifiers", sa.Boolean(), nullable=False, server_default=sa.false(),
                                                comment="Two different people must confirm it."))  # fmt: skip
    op.add_column("credential_types", sa.Column("evidence_days", sa.Integer(), nullable=False, server_default="120",
                                                comment="How old a look at its source may be when it is decided on."))  # fmt: skip
    op.alter_column("credential_types", "two_verifiers", server_default=None)
    op.alter_column("credential_types", "evidence_days", server_default=None)
    _upgrade_credentials()
    _upgrade_clinics()
    _create_tables()
    for table, name in REPLACED:
        op.drop_constraint(op.f(f"{table}_{name}"), table)
    for table, checks in CHECKS.items():
        for name, condition in checks.items():
            _check(table, name, condition)
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    op.execute(
        "CREATE TRIGGER credentials_are_approved_well BEFORE INSERT OR UPDATE ON credentials"
        " FOR EACH ROW EXECUTE FUNCTION credential_approval_holds()"
    )
    for table, column in (("risk_signals", "resolved_at"), ("approval_audits", "audited_at")):
        op.execute(
            f"CREATE TRIGGER {table}_are_closed_once BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION keep_closed('{column}')"
        )


def _upgrade_credentials():
    user, check = sa.ForeignKey("users.id"), "The other of the two people who said yes, where it takes two."
    for column in (
        sa.Column("decided_at", sa.DateTime(timezone=True), comment="When the last yes was given."),
        sa.Column("first_approved_by", sa.Uuid(), user, comment=check),
        sa.Column("first_approved_at", sa.DateTime(timezone=True)),
        sa.Column("first_check_id", sa.Uuid(), comment="What the other of the two saw at the source."),
    ):
        op.add_column("credentials", column)
    op.execute("UPDATE credentials SET decided_at = verified_at")
    op.create_foreign_key(
        "first_check_is_of_this_credential", "credentials", "credential_checks", ["first_check_id", "id"],
        ["id", "credential_id"],
    )  # fmt: skip
    op.execute("ALTER TABLE credentials DROP CONSTRAINT a_number_has_one_holder")
    op.execute("DROP EXTENSION btree_gist")
    op.drop_index("one_pending_credential_per_number")
    for name, owner in (("", "holder_id"), ("_of_a_site", "site_id")):
        op.create_index(
            f"one_pending_credential_per_number{name}", "credentials",
            ["type_code", "jurisdiction", "number_normal", owner], unique=True, postgresql_where=sa.text(PENDING),
        )  # fmt: skip
    op.drop_index("ix_credentials_queue")
    op.create_index("ix_credentials_queue", "credentials", ["submitted_at"], postgresql_where=sa.text(OPEN))
    for column in (
        sa.Column("file_digest", sa.Text(), comment="SHA-256 of the screenshot, letter or register file."),
        sa.Column("score", sa.Integer(), comment="How many of a hundred compared fields agree with the claim."),
        sa.Column("next_due", sa.Date(), comment="The day by which the source must be looked at again."),
    ):
        op.add_column("credential_checks", column)
    op.add_column(
        "credential_moves",
        sa.Column("reason_code", sa.Text(), comment="Why, of the desk's list; of a refusal or a question."),
    )
    _fill("credential_checks", "next_due = (retrieved_at AT TIME ZONE 'UTC')::date + 120 WHERE outcome = 'confirmed'")
    _fill("credential_moves", "reason_code = 'not_coded' WHERE event IN ('rejected', 'info_asked')")


def _upgrade_clinics():
    comment = "The other of the two people who found that it may sell."
    for column in (
        sa.Column("seller_first_checked_by", sa.Uuid(), sa.ForeignKey("users.id"), comment=comment),
        sa.Column("seller_first_checked_at", sa.DateTime(timezone=True)),
        sa.Column("seller_first_evidence", sa.Text()),
    ):
        op.add_column("clinics", column)
    # One person let them sell; they sell again when a second one has looked.
    op.execute(
        "UPDATE clinics SET seller_standing = 'awaiting_second', seller_first_checked_by = seller_checked_by,"
        " seller_first_checked_at = seller_checked_at, seller_first_evidence = seller_evidence"
        " WHERE seller_standing = 'verified'"
    )


def _create_tables():
    op.create_table(
        "risk_signals",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("credential_id", sa.Uuid(), sa.ForeignKey("credentials.id"), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "number_elsewhere", "document_elsewhere", "number_form", "name_differs", "dates", "rejections",
                name="signalkind", native_enum=False, create_constraint=True, length=40,
            ),
            nullable=False,
        ),
        sa.Column("other_id", sa.Uuid(), sa.ForeignKey("credentials.id"),
                  comment="The other credential of a pair that cannot both be true."),
        sa.Column("cause", sa.Text(), nullable=False, comment="What was found, in words for staff."),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.Column("resolved_by", sa.Uuid(), sa.ForeignKey("users.id")),
        sa.Column("resolution", sa.Text()),
        sa.CheckConstraint("other_id <> credential_id", name="signal_points_elsewhere"),
        sa.CheckConstraint("length(trim(cause)) > 0", name="signal_has_a_cause"),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by IS NULL) AND (resolved_at IS NULL OR length(trim(resolution)) > 0)",
            name="signal_is_resolved_in_words",
        ),
    )  # fmt: skip
    op.create_index(op.f("ix_risk_signals_other_id"), "risk_signals", ["other_id"])
    op.create_index(
        "one_signal_per_cause", "risk_signals", ["credential_id", "kind", "cause"], unique=True,
        postgresql_where=sa.text("other_id IS NULL"),
    )  # fmt: skip
    op.create_index("one_signal_per_pair", "risk_signals", ["credential_id", "kind", "other_id"], unique=True)
    op.create_table(
        "approval_audits",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("credential_id", sa.Uuid(), sa.ForeignKey("credentials.id"), nullable=False),
        sa.Column("check_id", sa.Uuid(), sa.ForeignKey("credential_checks.id"), nullable=False, unique=True,
                  comment="What the approval rested on."),
        sa.Column("verified_by", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("first_approved_by", sa.Uuid(), sa.ForeignKey("users.id")),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum("upheld", "failed", name="auditoutcome", native_enum=False, create_constraint=True, length=40),
        ),
        sa.Column("auditor_id", sa.Uuid(), sa.ForeignKey("users.id")),
        sa.Column("audited_at", sa.DateTime(timezone=True)),
        sa.Column("audit_check_id", sa.Uuid(), sa.ForeignKey("credential_checks.id"), comment="What the auditor saw."),
        sa.Column("words", sa.Text()),
        sa.CheckConstraint(
            "auditor_id <> verified_by AND auditor_id <> first_approved_by", name="audit_is_somebody_elses"
        ),
        sa.CheckConstraint(
            "(audited_at IS NULL) = (auditor_id IS NULL) AND (audited_at IS NULL) = (outcome IS NULL)",
            name="audit_is_whole",
        ),
        sa.CheckConstraint("outcome <> 'failed' OR length(trim(words)) > 0", name="failed_audit_says_why"),
        sa.CheckConstraint("outcome <> 'upheld' OR audit_check_id IS NOT NULL", name="upheld_audit_rests_on_a_look"),
    )  # fmt: skip
    op.create_index(op.f("ix_approval_audits_credential_id"), "approval_audits", ["credential_id"])


def downgrade():
    op.drop_table("approval_audits")
    op.drop_table("risk_signals")
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature} CASCADE")
    for table, checks in CHECKS.items():
        for name in checks:
            op.drop_constraint(op.f(f"{table}_{name}"), table)
    op.execute("UPDATE clinics SET seller_standing = 'in_review' WHERE seller_standing = 'awaiting_second'")
    for column in ("seller_first_checked_by", "seller_first_checked_at", "seller_first_evidence"):
        op.drop_column("clinics", column)
    _downgrade_credentials()
    for (table, name), condition in REPLACED.items():
        _check(table, name, condition)
    _allow(lambda before, _: before)
    op.drop_column("credential_types", "two_verifiers")
    op.drop_column("credential_types", "evidence_days")


def _downgrade_credentials():
    op.execute(
        "UPDATE credentials SET state = 'submitted', claimed_by = NULL, claimed_at = NULL"
        " WHERE state IN ('awaiting_second', 'in_second_review')"
    )
    # Of two people with one number only one fits the earlier rule: who stands, or who came first.
    op.execute(
        "UPDATE credentials later SET state = 'withdrawn', claimed_by = NULL, claimed_at = NULL"
        " WHERE later.state IN ('submitted', 'in_review', 'needs_info') AND EXISTS ("
        " SELECT FROM credentials other WHERE (other.type_code, other.jurisdiction, other.number_normal)"
        " = (later.type_code, later.jurisdiction, later.number_normal)"
        " AND COALESCE(other.holder_id, other.site_id) <> COALESCE(later.holder_id, later.site_id)"
        " AND (other.state IN ('verified', 'suspended') OR (other.state IN ('submitted', 'in_review', 'needs_info')"
        " AND (other.submitted_at, other.id) < (later.submitted_at, later.id))))"
    )
    _fill(
        "credential_moves",
        "event = 'unclaimed' WHERE event = 'first_approved'",
        "event = 'claimed' WHERE event = 'taken_over'",
        "state = 'submitted' WHERE state = 'awaiting_second'",
        "state = 'in_review' WHERE state = 'in_second_review'",
    )
    for column in ("decided_at", "first_approved_by", "first_approved_at", "first_check_id"):
        op.drop_column("credentials", column)
    for column in ("file_digest", "score", "next_due"):
        op.drop_column("credential_checks", column)
    op.drop_column("credential_moves", "reason_code")
    op.drop_index("ix_credentials_queue")
    op.create_index(
        "ix_credentials_queue", "credentials", ["submitted_at"],
        postgresql_where=sa.text("state IN ('submitted', 'in_review')"),
    )  # fmt: skip
    op.drop_index("one_pending_credential_per_number_of_a_site")
    op.drop_index("one_pending_credential_per_number")
    op.create_index(
        "one_pending_credential_per_number", "credentials", ["type_code", "jurisdiction", "number_normal"], unique=True,
        postgresql_where=sa.text("state IN ('submitted', 'in_review', 'needs_info')"),
    )  # fmt: skip
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute(
        "ALTER TABLE credentials ADD CONSTRAINT a_number_has_one_holder EXCLUDE USING gist"
        " (type_code WITH =, jurisdiction WITH =, number_normal WITH =, COALESCE(holder_id, site_id) WITH <>)"
        " WHERE (state IN ('submitted', 'in_review', 'needs_info', 'verified', 'suspended'))"
    )


def _allow(chosen):
    for table, column, name, before, added in WORDS:
        words = ", ".join(f"'{word}'" for word in chosen(before, added))
        op.drop_constraint(op.f(f"{table}_{name}"), table)
        _check(table, name, f"{column} IN ({words})")


def _check(table, name, condition):
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_{name} CHECK ({condition})")


def _fill(table, *updates):
    """Fill what is new in rows that are otherwise never changed."""
    op.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_is_append_only")
    for update in updates:
        op.execute(f"UPDATE {table} SET {update}")
    op.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_is_append_only")

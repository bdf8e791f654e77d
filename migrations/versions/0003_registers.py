"""Files of public registers, their rows, what they say against somebody, and the row that a check has seen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade():
    op.create_table(
        "person_npis",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("npi", sa.Text(), nullable=False),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("npi ~ '^[12][0-9]{9}$'", name=op.f("person_npis_npi_has_ten_digits")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_person_npis_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_person_npis")),
    )
    op.create_table(
        "register_snapshots",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source_code", sa.Text(), nullable=False, comment="Its entry in registers/data/sources.json."),
        sa.Column(
            "state",
            sa.Enum(
                "received",
                "checked",
                "loading",
                "current",
                "replaced",
                "refused",
                name="snapshotstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("filename", sa.Text(), nullable=False, comment="As sent; shown, never used as a path."),
        sa.Column("file_key", sa.Text(), nullable=True, comment="Where the file lies until it is loaded or refused."),
        sa.Column("file_digest", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "lines",
            sa.Integer(),
            nullable=False,
            comment="Of the file, for the progress of reading it; 0 where it has none.",
        ),
        sa.Column("encoding", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(), nullable=False),
        sa.Column(
            "columns",
            postgresql.JSONB(),
            nullable=False,
            comment="Header -> the field it is read into; others are left out.",
        ),
        sa.Column(
            "retrieved_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was fetched from its publisher.",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Uuid(), nullable=True, comment="Empty: by a command."),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_loaded", sa.Integer(), nullable=False),
        sa.Column("rows_refused", sa.Integer(), nullable=False),
        sa.Column("report", postgresql.JSONB(), nullable=False, comment="Kind of problem -> how many, and the first."),
        sa.Column(
            "smaller_because",
            sa.Text(),
            nullable=True,
            comment="Why it may hold far fewer rows than the one before it.",
        ),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("current_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'refused') = (refusal IS NOT NULL)", name=op.f("register_snapshots_refusal_is_said")
        ),
        sa.CheckConstraint(
            "(state IN ('current', 'replaced')) = (current_since IS NOT NULL)",
            name=op.f("register_snapshots_current_since_is_dated"),
        ),
        sa.CheckConstraint("file_digest ~ '^[0-9a-f]{64}$'", name=op.f("register_snapshots_digest_is_sha256")),
        sa.CheckConstraint("state <> 'current' OR rows_loaded > 0", name=op.f("register_snapshots_current_has_rows")),
        sa.CheckConstraint(
            "retrieved_at <= received_at", name=op.f("register_snapshots_fetched_before_it_was_received")
        ),
        sa.CheckConstraint(
            "rows_loaded >= 0 AND rows_loaded + rows_refused <= rows_read", name=op.f("register_snapshots_rows_add_up")
        ),
        sa.CheckConstraint("size_bytes > 0", name=op.f("register_snapshots_file_is_not_empty")),
        sa.ForeignKeyConstraint(["received_by"], ["users.id"], name=op.f("fk_register_snapshots_received_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_snapshots")),
    )
    op.create_index(
        "one_current_snapshot_per_source",
        "register_snapshots",
        ["source_code"],
        unique=True,
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_index(
        "one_loading_snapshot_per_source",
        "register_snapshots",
        ["source_code"],
        unique=True,
        postgresql_where=sa.text("state = 'loading'"),
    )
    op.create_table(
        "register_type_mappings",
        sa.Column("source_code", sa.Text(), nullable=False),
        sa.Column("license_type", sa.Text(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=True, comment="Empty: none that is known here."),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_register_type_mappings_decided_by_users")),
        sa.ForeignKeyConstraint(
            ["type_code"], ["credential_types.code"], name=op.f("fk_register_type_mappings_type_code_credential_types")
        ),
        sa.PrimaryKeyConstraint("source_code", "license_type", name=op.f("pk_register_type_mappings")),
    )
    op.create_table(
        "register_rows",
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column(
            "position", sa.Integer(), autoincrement=False, nullable=False, comment="Counted from 1, without header."
        ),
        sa.Column("license_type", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("number_key", sa.Text(), nullable=True),
        sa.Column("family_name", sa.Text(), nullable=True),
        sa.Column("given_name", sa.Text(), nullable=True),
        sa.Column("middle_name", sa.Text(), nullable=True),
        sa.Column("business_name", sa.Text(), nullable=True),
        sa.Column("family_head", sa.Text(), nullable=True),
        sa.Column("given_head", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True, comment="The register's words, of all its columns."),
        sa.Column(
            "discipline", sa.Text(), nullable=True, comment="The register's words, where it says anything but no."
        ),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("npi", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("zip", sa.Text(), nullable=True),
        sa.Column("flaw", sa.Text(), nullable=True, comment="What in it could not be read."),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("npi <> '0000000000'", name=op.f("register_rows_unknown_npi_is_left_out")),
        sa.CheckConstraint(
            "number_key !~ '^0' AND number_key <> ''", name=op.f("register_rows_number_key_has_no_leading_zero")
        ),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("register_rows_row_is_digested")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["register_snapshots.id"],
            name=op.f("fk_register_rows_snapshot_id_register_snapshots"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "position", name=op.f("pk_register_rows")),
    )
    op.create_index(
        "ix_register_rows_name", "register_rows", ["snapshot_id", "family_head", "given_head"], unique=False
    )
    op.create_index(
        "ix_register_rows_npi",
        "register_rows",
        ["snapshot_id", "npi"],
        unique=False,
        postgresql_where=sa.text("npi IS NOT NULL"),
    )
    op.create_index("ix_register_rows_number", "register_rows", ["snapshot_id", "number_key"], unique=False)
    op.create_table(
        "register_findings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "missing",
                "status_changed",
                "expiry_changed",
                "discipline",
                "exclusion",
                name="findingkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("credential_id", sa.Uuid(), nullable=True),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column("row_digest", sa.LargeBinary(), nullable=True),
        sa.Column("strength", sa.Text(), nullable=False, comment="How well the entry fits, in words."),
        sa.Column(
            "shown", postgresql.JSONB(), nullable=False, comment="What the register shows, and what it showed before."
        ),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "dismissed",
                "confirmed",
                name="findingstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'exclusion') = (credential_id IS NULL)", name=op.f("register_findings_changes_are_of_credentials")
        ),
        sa.CheckConstraint(
            "(kind = 'exclusion') = (user_id IS NOT NULL)", name=op.f("register_findings_exclusions_are_of_people")
        ),
        sa.CheckConstraint(
            "(kind = 'missing') = (row_digest IS NULL)", name=op.f("register_findings_only_what_is_missing_has_no_row")
        ),
        sa.CheckConstraint(
            "(state = 'open') = (resolved_at IS NULL) AND (state = 'open') = (resolved_by IS NULL) AND (state = 'open' OR coalesce(length(trim(reason)), 0) > 0)",
            name=op.f("register_findings_resolved_with_a_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credentials.id"], name=op.f("fk_register_findings_credential_id_credentials")
        ),
        sa.ForeignKeyConstraint(["resolved_by"], ["users.id"], name=op.f("fk_register_findings_resolved_by_users")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["register_snapshots.id"], name=op.f("fk_register_findings_snapshot_id_register_snapshots")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_register_findings_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_findings")),
        sa.UniqueConstraint("credential_id", "kind", "snapshot_id", name="one_finding_per_change"),
    )
    op.create_index(
        "ix_register_findings_open",
        "register_findings",
        ["found_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "one_finding_per_person_and_entry",
        "register_findings",
        ["user_id", "row_digest"],
        unique=True,
        postgresql_where=sa.text("kind = 'exclusion'"),
    )
    op.add_column(
        "credential_checks",
        sa.Column(
            "snapshot_id",
            sa.Uuid(),
            nullable=True,
            comment="The file of a register in which it was seen; it has its digest.",
        ),
    )
    op.add_column(
        "credential_checks",
        sa.Column("row_digest", sa.LargeBinary(), nullable=True, comment="Of the row in that file."),
    )
    op.create_foreign_key(
        op.f("fk_credential_checks_snapshot_id_register_snapshots"),
        "credential_checks",
        "register_snapshots",
        ["snapshot_id"],
        ["id"],
    )
    op.create_check_constraint(
        op.f("credential_checks_a_register_row_is_of_a_file"),
        "credential_checks",
        "(snapshot_id IS NULL) = (row_digest IS NULL)",
    )
    op.create_check_constraint(
        op.f("credential_checks_a_register_row_is_seen_in_a_register"),
        "credential_checks",
        "snapshot_id IS NULL OR method = 'register_file'",
    )


def downgrade():
    op.drop_constraint(
        op.f("credential_checks_a_register_row_is_seen_in_a_register"), "credential_checks", type_="check"
    )
    op.drop_constraint(op.f("credential_checks_a_register_row_is_of_a_file"), "credential_checks", type_="check")
    op.drop_constraint(
        op.f("fk_credential_checks_snapshot_id_register_snapshots"), "credential_checks", type_="foreignkey"
    )
    op.drop_column("credential_checks", "row_digest")
    op.drop_column("credential_checks", "snapshot_id")
    op.drop_table("register_findings")
    op.drop_table("register_rows")
    op.drop_table("register_type_mappings")
    op.drop_table("register_snapshots")
    op.drop_table("person_npis")

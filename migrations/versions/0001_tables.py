"""The tables of every room, and the queue's own."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

TABLES = (
    "audit_events",
    "credential_types",
    "mails",
    "makers",
    "modalities",
    "provider_events",
    "rate_limits",
    "users",
    "clinics",
    "device_models",
    "documents",
    "mailed_tokens",
    "parked_forms",
    "policy_versions",
    "user_sessions",
    "clinic_invitations",
    "clinic_members",
    "clinic_sites",
    "listings",
    "seller_accounts",
    "credentials",
    "eligibility_decisions",
    "listing_handpieces",
    "listing_moves",
    "listing_photos",
    "credential_checks",
    "credential_documents",
    "credential_moves",
    "decision_credentials",
    "orders",
    "ledger_journals",
    "order_moves",
    "payments",
    "ledger_entries",
    "money_intents",
    "payment_moves",
)


def upgrade():
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")  # Lets one number have one holder.
    # The queue's schema has per cent signs in it, which only the driver itself leaves alone.
    queue = Path(__file__).parents[1] / "sql" / "procrastinate_3_10.sql"
    op.get_bind().connection.driver_connection.execute(queue.read_text(encoding="utf-8"))
    op.create_table(
        "audit_events",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="What happened, such as order:placed."),
        sa.Column("actor_id", sa.Uuid(), nullable=True, comment="Who did it; empty for the house itself."),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False, comment="The hash of the event before this one."),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("hash", name=op.f("uq_audit_events_hash")),
        sa.UniqueConstraint("previous_hash", name=op.f("uq_audit_events_previous_hash")),
    )
    op.create_index(op.f("ix_audit_events_actor_id"), "audit_events", ["actor_id"], unique=False)
    op.create_index("ix_audit_events_subject", "audit_events", ["subject_type", "subject_id"], unique=False)
    op.create_table(
        "credential_types",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="person or site"),
        sa.Column("entry", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("subject IN ('person', 'site')", name=op.f("credential_types_subject_is_person_or_site")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_credential_types")),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("context", postgresql.JSONB(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "promised", "sent", "failed", name="mailstate", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("promised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("mails_sending_is_dated")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
    )
    op.create_table(
        "makers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("aliases", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True, comment="Where the other names come from."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_makers")),
        sa.UniqueConstraint("name", name=op.f("uq_makers_name")),
        sa.UniqueConstraint("slug", name=op.f("uq_makers_slug")),
    )
    op.create_table(
        "modalities",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "aliases", postgresql.ARRAY(sa.Text()), nullable=False, comment="Other words that people search for."
        ),
        sa.Column(
            "emission",
            sa.Enum(
                "light",
                "radio_frequency",
                "light_and_radio_frequency",
                "ultrasound",
                "cold",
                "magnetic",
                "vacuum",
                name="emission",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "hazard_class",
            sa.Enum(
                "IV", "not_a_laser", "unknown", name="hazardclass", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("bands", postgresql.JSONB(), nullable=False, comment="Pairs of nm, low and high; equal for a line."),
        sa.Column("procedure_classes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "determined",
            sa.Boolean(),
            nullable=False,
            comment="False: too vague to know what it enables, so the gate says no.",
        ),
        sa.Column("caution", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_modalities")),
    )
    op.create_table(
        "provider_events",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=True),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("api_version", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "done",
                "ignored",
                "failed",
                name="providereventstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_provider_events")),
    )
    op.create_index(op.f("ix_provider_events_object_id"), "provider_events", ["object_id"], unique=False)
    op.create_table(
        "rate_limits",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_limits")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="The legal name, as on the person's certificates."),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column(
            "staff_role",
            sa.Enum(
                "verifier",
                "moderator",
                "finance",
                "auditor",
                "admin",
                name="staffrole",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("email_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email) AND email LIKE '%_@_%'", name=op.f("users_email_is_normal")),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("users_name_is_given")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "clinics",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=False),
        sa.Column(
            "seller_standing",
            sa.Enum(
                "unverified",
                "in_review",
                "verified",
                "refused",
                "suspended",
                name="sellerstanding",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "seller_basis",
            sa.Enum(
                "practitioner",
                "practice",
                "distributor",
                name="sellerbasis",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "seller_statement", sa.Text(), nullable=True, comment="What the clinic said of itself when it asked."
        ),
        sa.Column("seller_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seller_reason", sa.Text(), nullable=True, comment="What the clinic was told about the decision."),
        sa.Column("seller_evidence", sa.Text(), nullable=True, comment="What staff looked at, and where."),
        sa.Column("seller_checked_by", sa.Uuid(), nullable=True),
        sa.Column("seller_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "seller_standing <> 'verified' OR (seller_basis IS NOT NULL AND seller_checked_by IS NOT NULL AND seller_checked_at IS NOT NULL AND length(trim(seller_evidence)) > 0)",
            name=op.f("clinics_verified_seller_has_evidence"),
        ),
        sa.CheckConstraint(
            "seller_standing <> 'in_review' OR (seller_basis IS NOT NULL AND seller_asked_at IS NOT NULL AND length(trim(seller_statement)) > 0)",
            name=op.f("clinics_asking_states_a_basis"),
        ),
        sa.CheckConstraint(
            "seller_standing NOT IN ('refused', 'suspended') OR length(trim(coalesce(seller_reason, ''))) > 0",
            name=op.f("clinics_seller_is_told_why"),
        ),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("clinics_name_is_given")),
        sa.ForeignKeyConstraint(["seller_checked_by"], ["users.id"], name=op.f("fk_clinics_seller_checked_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinics")),
    )
    op.create_table(
        "device_models",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("maker_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("modality_codes", postgresql.ARRAY(sa.Text()), nullable=False, comment="In the order of the source."),
        sa.Column("bands", postgresql.JSONB(), nullable=False, comment="Pairs of nm; empty: none, or unknown."),
        sa.Column("wavelengths_note", sa.Text(), nullable=True),
        sa.Column(
            "k_numbers",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="510(k) submissions seen; empty: none found.",
        ),
        sa.Column("product_code", sa.Text(), nullable=True),
        sa.Column(
            "standing",
            sa.Enum(
                "sourced", "general knowledge", name="standing", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "product_code IS NULL OR product_code ~ '^[A-Z]{3}$'",
            name=op.f("device_models_product_code_is_three_letters"),
        ),
        sa.ForeignKeyConstraint(["maker_id"], ["makers.id"], name=op.f("fk_device_models_maker_id_makers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_models")),
        sa.UniqueConstraint("maker_id", "name", name="model_name_is_unique_per_maker"),
        sa.UniqueConstraint("slug", name=op.f("uq_device_models_slug")),
    )
    op.create_index(op.f("ix_device_models_maker_id"), "device_models", ["maker_id"], unique=False)
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column(
            "media_type",
            sa.Enum(
                "application/pdf",
                "image/jpeg",
                "image/png",
                name="mediatype",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "filename", sa.Text(), nullable=False, comment="What the owner called it; shown, never used as a path."
        ),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("received_digest", sa.Text(), nullable=False, comment="SHA-256 of the bytes as they arrived."),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True, comment="Pixels; images only."),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True, comment="PDF only."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("documents_digest_is_sha256")),
        sa.CheckConstraint(
            "storage_key ~ '^[0-9a-f]{2}/[0-9a-f-]{36}\\.(pdf|jpg|png)$'", name=op.f("documents_storage_key_is_ours")
        ),
        sa.CheckConstraint("size_bytes BETWEEN 1 AND 10485760", name=op.f("documents_size_is_within_limits")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_documents_owner_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_documents_storage_key")),
    )
    op.create_index(op.f("ix_documents_owner_id"), "documents", ["owner_id"], unique=False)
    op.create_table(
        "mailed_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "confirm_email",
                "reset_password",
                name="tokenpurpose",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("mailed_tokens_token_is_digested")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_mailed_tokens_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_mailed_tokens_digest")),
    )
    op.create_index(op.f("ix_mailed_tokens_user_id"), "mailed_tokens", ["user_id"], unique=False)
    op.create_table(
        "parked_forms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "user_id",
            sa.Uuid(),
            nullable=True,
            comment="Whose session it had been: nobody else gets to see it. Empty: not known.",
        ),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_parked_forms_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked_forms")),
        sa.UniqueConstraint("ticket_digest", name=op.f("uq_parked_forms_ticket_digest")),
    )
    op.create_index("ix_parked_forms_expires_at", "parked_forms", ["expires_at"], unique=False)
    op.create_index(op.f("ix_parked_forms_user_id"), "parked_forms", ["user_id"], unique=False)
    op.create_table(
        "policy_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "published",
                "retired",
                name="policystate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "standing",
            sa.Enum(
                "reference",
                "confirmed_by_counsel",
                name="policystanding",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the document in canonical JSON."),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("policy_versions_digest_is_sha256")),
        sa.CheckConstraint(
            "state = 'draft' OR (published_at IS NOT NULL AND published_by IS NOT NULL AND proposed_by IS NOT NULL)",
            name=op.f("policy_versions_publication_is_signed"),
        ),
        sa.CheckConstraint("published_by <> proposed_by", name=op.f("policy_versions_published_by_two")),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"], name=op.f("fk_policy_versions_proposed_by_users")),
        sa.ForeignKeyConstraint(["published_by"], ["users.id"], name=op.f("fk_policy_versions_published_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_versions")),
        sa.UniqueConstraint("number", name=op.f("uq_policy_versions_number")),
    )
    op.create_index(
        "one_published_policy",
        "policy_versions",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "ended_because",
            sa.Enum(
                "signed_out",
                "ended_by_owner",
                "ended_by_staff",
                "password_changed",
                "role_changed",
                "account_disabled",
                name="sessionend",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False, comment="The network address of the sign-in."),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name=op.f("user_sessions_end_has_a_reason")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("user_sessions_expiry_follows_creation")),
        sa.CheckConstraint("octet_length(token_digest) = 32", name=op.f("user_sessions_token_is_digested")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_user_sessions_token_digest")),
    )
    op.create_index(op.f("ix_user_sessions_user_id"), "user_sessions", ["user_id"], unique=False)
    op.create_table(
        "clinic_invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "owner",
                "manager",
                "technician",
                "practitioner",
                name="clinicrole",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(token_digest) = 32", name=op.f("clinic_invitations_token_is_digested")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_clinic_invitations_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["invited_by"], ["users.id"], name=op.f("fk_clinic_invitations_invited_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic_invitations")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_clinic_invitations_token_digest")),
    )
    op.create_index(
        "one_open_invitation_per_address",
        "clinic_invitations",
        ["clinic_id", "email"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL AND withdrawn_at IS NULL"),
    )
    op.create_table(
        "clinic_members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "owner",
                "manager",
                "technician",
                "practitioner",
                name="clinicrole",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "left_at IS NULL OR left_at >= joined_at", name=op.f("clinic_members_leaving_follows_joining")
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_clinic_members_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_clinic_members_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic_members")),
    )
    op.create_index(op.f("ix_clinic_members_user_id"), "clinic_members", ["user_id"], unique=False)
    op.create_index(
        "one_membership_per_person",
        "clinic_members",
        ["clinic_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_table(
        "clinic_sites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False, comment="IANA name."),
        sa.Column(
            "laser_safety_officer_id",
            sa.Uuid(),
            nullable=True,
            comment="The member named as laser safety officer of this site.",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("postal_code ~ '^[0-9]{5}(-[0-9]{4})?$'", name=op.f("clinic_sites_postal_code_is_a_zip")),
        sa.CheckConstraint("state ~ '^[A-Z]{2}$'", name=op.f("clinic_sites_state_is_a_postal_code")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_clinic_sites_clinic_id_clinics")),
        sa.ForeignKeyConstraint(
            ["laser_safety_officer_id"], ["users.id"], name=op.f("fk_clinic_sites_laser_safety_officer_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic_sites")),
        sa.UniqueConstraint("id", "clinic_id", name="site_belongs_to_one_clinic"),
    )
    op.create_index(op.f("ix_clinic_sites_clinic_id"), "clinic_sites", ["clinic_id"], unique=False)
    op.create_table(
        "listings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False, comment="Maker and model as they were when it was listed."),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("serial_normal", sa.Text(), nullable=True),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column(
            "grade",
            sa.Enum("A", "B", "C", "D", name="grade", native_enum=False, create_constraint=True, length=40),
            nullable=True,
        ),
        sa.Column("price_minor", sa.Integer(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("state_code", sa.Text(), nullable=False, comment="Where the unit stands; not where it may be used."),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "rx_label_present", sa.Boolean(), nullable=True, comment="The seller sees the Rx legend, 21 CFR 801.109(b)."
        ),
        sa.Column(
            "id_label_present", sa.Boolean(), nullable=True, comment="The seller sees the maker's label, 21 CFR 1010.3."
        ),
        sa.Column(
            "modification",
            sa.Enum(
                "none",
                "serviced",
                "remanufactured",
                "unknown",
                name="modification",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "recertification",
            sa.Enum(
                "yes", "no", "unknown", name="recertification", native_enum=False, create_constraint=True, length=40
            ),
            nullable=True,
            comment="What the maker asks of a new owner.",
        ),
        sa.Column(
            "recertification_minor", sa.Integer(), nullable=True, comment="The maker's quote, where the seller has one."
        ),
        sa.Column("last_service_on", sa.Date(), nullable=True),
        sa.Column(
            "inclusions",
            postgresql.JSONB(),
            nullable=False,
            comment="Checklist item -> included, absent or not_stated.",
        ),
        sa.Column(
            "modality_codes",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="Those of the handpieces, for finding.",
        ),
        sa.Column(
            "life_used_percent",
            sa.Integer(),
            nullable=True,
            comment="The most used handpiece, where rated life is known.",
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "in_review",
                "published",
                "reserved",
                "sold",
                "withdrawn",
                name="listingstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("review_note", sa.Text(), nullable=True, comment="Why staff sent it back."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "form_key", sa.Uuid(), nullable=False, comment="The form it came from; a second submission finds it."
        ),
        sa.Column(
            "search",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', search_words)", persisted=True),
            nullable=False,
        ),
        sa.Column(
            "search_words", sa.Text(), nullable=False, comment="Everything it can be found by, folded as questions are."
        ),
        sa.Column(
            "configuration",
            sa.Text(),
            nullable=False,
            comment="Digest of what the gate looks at: two units with the same one get the same answer.",
        ),
        sa.CheckConstraint("currency ~ '^[a-z]{3}$'", name=op.f("listings_currency_is_iso")),
        sa.CheckConstraint(
            "state IN ('draft', 'withdrawn') OR (serial_normal IS NOT NULL AND year IS NOT NULL AND grade IS NOT NULL AND price_minor IS NOT NULL AND rx_label_present IS NOT NULL AND id_label_present IS NOT NULL AND modification IS NOT NULL)",
            name=op.f("listings_offered_unit_is_complete"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('published', 'reserved', 'sold') OR (published_at IS NOT NULL AND approved_by IS NOT NULL)",
            name=op.f("listings_published_was_approved"),
        ),
        sa.CheckConstraint("state_code ~ '^[A-Z]{2}$'", name=op.f("listings_place_is_a_postal_code")),
        sa.CheckConstraint("price_minor BETWEEN 10000 AND 99999999", name=op.f("listings_price_is_within_limits")),
        sa.CheckConstraint("year BETWEEN 1985 AND 2100", name=op.f("listings_year_is_plausible")),
        sa.ForeignKeyConstraint(["approved_by"], ["users.id"], name=op.f("fk_listings_approved_by_users")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_listings_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_listings_created_by_users")),
        sa.ForeignKeyConstraint(["model_id"], ["device_models.id"], name=op.f("fk_listings_model_id_device_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
        sa.UniqueConstraint("form_key", name=op.f("uq_listings_form_key")),
    )
    op.create_index(op.f("ix_listings_clinic_id"), "listings", ["clinic_id"], unique=False)
    op.create_index(
        "ix_listings_configuration",
        "listings",
        ["configuration"],
        unique=False,
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_index("ix_listings_modalities", "listings", ["modality_codes"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_listings_model_id"), "listings", ["model_id"], unique=False)
    op.create_index(
        "ix_listings_on_market",
        "listings",
        ["published_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'published'"),
    )
    op.create_index(
        "ix_listings_price", "listings", ["price_minor"], unique=False, postgresql_where=sa.text("state = 'published'")
    )
    op.create_index("ix_listings_search", "listings", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        "one_live_listing_per_unit",
        "listings",
        ["model_id", "serial_normal"],
        unique=True,
        postgresql_where=sa.text("state IN ('in_review', 'published', 'reserved')"),
    )
    op.create_table(
        "seller_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True, comment="The provider's id; empty until it answered."),
        sa.Column("payable", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why it cannot be paid, as the provider says."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_seller_accounts_clinic_id_clinics")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seller_accounts")),
        sa.UniqueConstraint("clinic_id", name=op.f("uq_seller_accounts_clinic_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_seller_accounts_reference")),
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("submitted_by", sa.Uuid(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column(
            "jurisdiction",
            sa.Text(),
            nullable=False,
            comment="The state that issued it or, for private ones, of the holder.",
        ),
        sa.Column("number", sa.Text(), nullable=False, comment="As typed."),
        sa.Column("number_normal", sa.Text(), nullable=False),
        sa.Column("name_on_credential", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("endorsements", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("device_model_id", sa.Uuid(), nullable=True, comment="For training records: the model trained on."),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True, comment="Empty: the credential carries no end."),
        sa.Column(
            "state",
            sa.Enum(
                "submitted",
                "in_review",
                "needs_info",
                "verified",
                "rejected",
                "suspended",
                "revoked",
                "superseded",
                "withdrawn",
                name="credentialstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=True,
            comment="Why it was rejected, or what is asked for; shown to the person.",
        ),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.Column(
            "verified_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the primary source was last seen to confirm it.",
        ),
        sa.Column("deciding_check_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(state = 'in_review') = (claimed_by IS NOT NULL)", name=op.f("credentials_review_has_a_reviewer")
        ),
        sa.CheckConstraint("jurisdiction ~ '^[A-Z]{2}$'", name=op.f("credentials_jurisdiction_is_a_postal_code")),
        sa.CheckConstraint(
            "state NOT IN ('rejected', 'needs_info', 'suspended', 'revoked') OR length(trim(reason)) > 0",
            name=op.f("credentials_a_no_has_a_reason"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('verified', 'suspended', 'revoked', 'superseded') OR (deciding_check_id IS NOT NULL AND verified_at IS NOT NULL AND verified_by IS NOT NULL)",
            name=op.f("credentials_verified_rests_on_a_check"),
        ),
        sa.CheckConstraint(
            "(holder_id IS NULL) <> (site_id IS NULL)", name=op.f("credentials_belongs_to_a_person_or_a_site")
        ),
        sa.CheckConstraint(
            "expires_on IS NULL OR issued_on IS NULL OR expires_on >= issued_on",
            name=op.f("credentials_expiry_follows_issue"),
        ),
        sa.CheckConstraint("length(number_normal) > 0", name=op.f("credentials_number_is_given")),
        sa.CheckConstraint(
            "verified_by <> holder_id AND verified_by <> submitted_by",
            name=op.f("credentials_nobody_verifies_their_own"),
        ),
        sa.ForeignKeyConstraint(["claimed_by"], ["users.id"], name=op.f("fk_credentials_claimed_by_users")),
        sa.ForeignKeyConstraint(
            ["device_model_id"], ["device_models.id"], name=op.f("fk_credentials_device_model_id_device_models")
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["users.id"], name=op.f("fk_credentials_holder_id_users")),
        sa.ForeignKeyConstraint(["site_id"], ["clinic_sites.id"], name=op.f("fk_credentials_site_id_clinic_sites")),
        sa.ForeignKeyConstraint(["submitted_by"], ["users.id"], name=op.f("fk_credentials_submitted_by_users")),
        sa.ForeignKeyConstraint(
            ["type_code"], ["credential_types.code"], name=op.f("fk_credentials_type_code_credential_types")
        ),
        sa.ForeignKeyConstraint(["verified_by"], ["users.id"], name=op.f("fk_credentials_verified_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
    )
    op.create_index(op.f("ix_credentials_holder_id"), "credentials", ["holder_id"], unique=False)
    op.create_index(
        "ix_credentials_queue",
        "credentials",
        ["submitted_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('submitted', 'in_review')"),
    )
    op.create_index(op.f("ix_credentials_site_id"), "credentials", ["site_id"], unique=False)
    op.create_index(op.f("ix_credentials_type_code"), "credentials", ["type_code"], unique=False)
    op.create_index(
        "one_pending_credential_per_number",
        "credentials",
        ["type_code", "jurisdiction", "number_normal"],
        unique=True,
        postgresql_where=sa.text("state IN ('submitted', 'in_review', 'needs_info')"),
    )
    op.create_index(
        "one_standing_credential_per_number",
        "credentials",
        ["type_code", "jurisdiction", "number_normal"],
        unique=True,
        postgresql_where=sa.text("state IN ('verified', 'suspended')"),
    )
    # After the unique indexes: two submissions at the same instant wait for each other there, and cannot deadlock here.
    op.execute(
        "ALTER TABLE credentials ADD CONSTRAINT a_number_has_one_holder EXCLUDE USING gist"
        " (type_code WITH =, jurisdiction WITH =, number_normal WITH =, COALESCE(holder_id, site_id) WITH <>)"
        " WHERE (state IN ('submitted', 'in_review', 'needs_info', 'verified', 'suspended'))"
    )
    op.create_table(
        "eligibility_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "moment",
            sa.Enum(
                "order",
                "payment_start",
                "payment_received",
                "ship_release",
                name="moment",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("practitioner_id", sa.Uuid(), nullable=True),
        sa.Column("declared_uses", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("policy_version_id", sa.Uuid(), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("verdict", postgresql.JSONB(), nullable=False),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "valid_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The earliest expiry or freshness limit it rests on.",
        ),
        sa.CheckConstraint(
            "cleared = (jsonb_array_length(verdict -> 'objections') = 0)",
            name=op.f("eligibility_decisions_cleared_means_no_objection"),
        ),
        sa.ForeignKeyConstraint(["buyer_id"], ["users.id"], name=op.f("fk_eligibility_decisions_buyer_id_users")),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_eligibility_decisions_listing_id_listings")
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["users.id"], name=op.f("fk_eligibility_decisions_operator_id_users")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"],
            ["policy_versions.id"],
            name=op.f("fk_eligibility_decisions_policy_version_id_policy_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["users.id"], name=op.f("fk_eligibility_decisions_practitioner_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["site_id"], ["clinic_sites.id"], name=op.f("fk_eligibility_decisions_site_id_clinic_sites")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eligibility_decisions")),
        sa.UniqueConstraint(
            "id", "moment", "cleared", "listing_id", "buyer_id", "operator_id", "site_id", name="decision_is_about_this"
        ),
    )
    op.create_index(
        "ix_eligibility_decisions_listing", "eligibility_decisions", ["listing_id", "buyer_id"], unique=False
    )
    op.create_table(
        "listing_handpieces",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("modality_code", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("counter_value", sa.Integer(), nullable=True),
        sa.Column(
            "counter_unit",
            sa.Enum(
                "shots",
                "pulses",
                "hours",
                "lines",
                "cycles",
                "percent_left",
                name="counterunit",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "counter_direction",
            sa.Enum("up", "down", name="counterdirection", native_enum=False, create_constraint=True, length=40),
            nullable=True,
        ),
        sa.Column("counter_read_on", sa.Date(), nullable=True),
        sa.Column(
            "rated_life",
            sa.Integer(),
            nullable=True,
            comment="In the counter's unit, as the seller states it; empty: not stated.",
        ),
        sa.Column("rated_life_source", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(counter_value IS NULL) = (counter_unit IS NULL) AND (counter_value IS NULL) = (counter_direction IS NULL)",
            name=op.f("listing_handpieces_counter_is_whole"),
        ),
        sa.CheckConstraint("counter_value >= 0", name=op.f("listing_handpieces_counter_is_not_negative")),
        sa.CheckConstraint("rated_life > 0", name=op.f("listing_handpieces_rated_life_is_positive")),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_listing_handpieces_listing_id_listings"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["modality_code"], ["modalities.code"], name=op.f("fk_listing_handpieces_modality_code_modalities")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_handpieces")),
        sa.UniqueConstraint(
            "listing_id", "position", deferrable=True, initially="DEFERRED", name="handpiece_positions_differ"
        ),
    )
    op.create_index(op.f("ix_listing_handpieces_listing_id"), "listing_handpieces", ["listing_id"], unique=False)
    op.create_table(
        "listing_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column(
            "event",
            sa.Enum(
                "submitted",
                "approved",
                "sent_back",
                "recalled",
                "reserved",
                "released",
                "sold",
                "withdrawn",
                name="listingevent",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
            comment="Empty for the creation itself.",
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "in_review",
                "published",
                "reserved",
                "sold",
                "withdrawn",
                name="listingstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_listing_moves_actor_id_users")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_listing_moves_listing_id_listings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_moves")),
    )
    op.create_index(op.f("ix_listing_moves_listing_id"), "listing_moves", ["listing_id"], unique=False)
    op.create_table(
        "listing_photos",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False, comment="Stem; each size and format is a file beside it."),
        sa.Column(
            "alternative_text", sa.Text(), nullable=False, comment="What the photo shows, in the seller's words."
        ),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("listing_photos_digest_is_sha256")),
        sa.CheckConstraint(
            "storage_key ~ '^[0-9a-f]{2}/[0-9a-f-]{36}$'", name=op.f("listing_photos_storage_key_is_ours")
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_listing_photos_listing_id_listings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_photos")),
        sa.UniqueConstraint(
            "listing_id", "position", deferrable=True, initially="DEFERRED", name="photo_positions_differ"
        ),
    )
    op.create_index(op.f("ix_listing_photos_listing_id"), "listing_photos", ["listing_id"], unique=False)
    op.create_table(
        "credential_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column(
            "method",
            sa.Enum(
                "portal",
                "register_file",
                "phone",
                "letter",
                "issuer_link",
                "document_seen",
                name="checkmethod",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "outcome",
            sa.Enum(
                "confirmed",
                "differs",
                "not_found",
                "not_reachable",
                name="checkoutcome",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("retrieved_at", sa.DateTime(timezone=True), nullable=False, comment="When the source was looked at."),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verifier_id", sa.Uuid(), nullable=False),
        sa.Column(
            "document_id", sa.Uuid(), nullable=True, comment="A screenshot or letter; its digest is the document's."
        ),
        sa.Column("matched", postgresql.JSONB(), nullable=False, comment="Field -> what the source showed."),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "outcome <> 'confirmed' OR document_id IS NOT NULL OR length(trim(note)) > 0",
            name=op.f("credential_checks_confirmation_shows_what_was_seen"),
        ),
        sa.CheckConstraint("length(trim(source_name)) > 0", name=op.f("credential_checks_source_is_named")),
        sa.CheckConstraint("retrieved_at <= recorded_at", name=op.f("credential_checks_seen_before_it_was_recorded")),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credentials.id"], name=op.f("fk_credential_checks_credential_id_credentials")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_credential_checks_document_id_documents")
        ),
        sa.ForeignKeyConstraint(["verifier_id"], ["users.id"], name=op.f("fk_credential_checks_verifier_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential_checks")),
        sa.UniqueConstraint("id", "credential_id", name="check_belongs_to_one_credential"),
    )
    op.create_index(op.f("ix_credential_checks_credential_id"), "credential_checks", ["credential_id"], unique=False)
    op.create_table(
        "credential_documents",
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credentials.id"], name=op.f("fk_credential_documents_credential_id_credentials")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_credential_documents_document_id_documents")
        ),
        sa.PrimaryKeyConstraint("credential_id", "document_id", name=op.f("pk_credential_documents")),
    )
    op.create_table(
        "credential_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column(
            "event",
            sa.Enum(
                "claimed",
                "unclaimed",
                "verified",
                "rejected",
                "info_asked",
                "resubmitted",
                "withdrawn",
                "suspended",
                "reinstated",
                "reconfirmed",
                "revoked",
                "superseded",
                name="credentialevent",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
            comment="Empty for the submission itself.",
        ),
        sa.Column(
            "state",
            sa.Enum(
                "submitted",
                "in_review",
                "needs_info",
                "verified",
                "rejected",
                "suspended",
                "revoked",
                "superseded",
                "withdrawn",
                name="credentialstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
            comment="The state it led to.",
        ),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_credential_moves_actor_id_users")),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credentials.id"], name=op.f("fk_credential_moves_credential_id_credentials")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential_moves")),
    )
    op.create_index(op.f("ix_credential_moves_credential_id"), "credential_moves", ["credential_id"], unique=False)
    op.create_table(
        "decision_credentials",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credentials.id"], name=op.f("fk_decision_credentials_credential_id_credentials")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["eligibility_decisions.id"],
            name=op.f("fk_decision_credentials_decision_id_eligibility_decisions"),
        ),
        sa.PrimaryKeyConstraint("decision_id", "credential_id", name=op.f("pk_decision_credentials")),
    )
    op.create_index(
        op.f("ix_decision_credentials_credential_id"), "decision_credentials", ["credential_id"], unique=False
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False, start=10001), nullable=False),
        sa.Column("form_key", sa.Uuid(), nullable=False, comment="The form it came from; sent twice it is one order."),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("seller_clinic_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_clinic_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column(
            "declared_uses", postgresql.ARRAY(sa.Text()), nullable=False, comment="What the buyer signed to use it for."
        ),
        sa.Column(
            "use_restriction",
            sa.Text(),
            nullable=True,
            comment="The sentence the buyer signed, where uses were narrowed.",
        ),
        sa.Column("price_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("fee_bps", sa.Integer(), nullable=False),
        sa.Column("fee_minor", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False, comment="The recorded yes this sale rests on."),
        sa.Column(
            "decision_moment",
            sa.Enum(
                "order",
                "payment_start",
                "payment_received",
                "ship_release",
                name="moment",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("decision_cleared", sa.Boolean(), nullable=False),
        sa.Column("payment_decision_id", sa.Uuid(), nullable=True),
        sa.Column("release_decision_id", sa.Uuid(), nullable=True),
        sa.Column("practitioner_id", sa.Uuid(), nullable=True),
        sa.Column("practitioner_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "practitioner_statement", sa.Text(), nullable=True, comment="What the practitioner signed, word for word."
        ),
        sa.Column(
            "practitioner_statements",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="Codes of the statements that the rules asked the practitioner to sign.",
        ),
        sa.Column(
            "state",
            sa.Enum(
                "awaiting_practitioner",
                "awaiting_payment",
                "payment_processing",
                "held_not_cleared",
                "funds_held",
                "released_to_ship",
                "in_transit",
                "under_inspection",
                "accepted",
                "settled",
                "cancelled",
                "lapsed",
                "refunding",
                "refunded",
                name="orderstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why it ended or is held, for the people it concerns."),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Unpaid after this, it lapses and the unit is free again.",
        ),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("tracking", sa.Text(), nullable=True),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("inspection_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state IN ('accepted', 'settled')) = (accepted_at IS NOT NULL)", name=op.f("orders_acceptance_is_dated")
        ),
        sa.CheckConstraint("currency ~ '^[a-z]{3}$'", name=op.f("orders_currency_is_iso")),
        sa.CheckConstraint("decision_cleared AND decision_moment = 'order'", name=op.f("orders_rests_on_a_yes")),
        sa.CheckConstraint(
            "state = 'awaiting_practitioner' OR state IN ('cancelled', 'lapsed') OR (practitioner_id IS NOT NULL AND practitioner_confirmed_at IS NOT NULL)",
            name=op.f("orders_paid_orders_are_ordered_by_a_practitioner"),
        ),
        sa.CheckConstraint(
            "state IN ('awaiting_practitioner', 'awaiting_payment', 'payment_processing', 'cancelled', 'lapsed') OR state IN ('held_not_cleared', 'refunding', 'refunded') OR payment_decision_id IS NOT NULL",
            name=op.f("orders_payment_was_cleared"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('released_to_ship', 'in_transit', 'under_inspection', 'accepted', 'settled') OR release_decision_id IS NOT NULL",
            name=op.f("orders_shipping_was_cleared"),
        ),
        sa.CheckConstraint("buyer_clinic_id <> seller_clinic_id", name=op.f("orders_buyer_is_not_seller")),
        sa.CheckConstraint("fee_minor >= 0 AND fee_minor <= price_minor", name=op.f("orders_fee_is_within_the_price")),
        sa.CheckConstraint("price_minor > 0", name=op.f("orders_price_is_positive")),
        sa.ForeignKeyConstraint(["buyer_clinic_id"], ["clinics.id"], name=op.f("fk_orders_buyer_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["buyer_id"], ["users.id"], name=op.f("fk_orders_buyer_id_users")),
        sa.ForeignKeyConstraint(
            ["decision_id", "decision_moment", "decision_cleared", "listing_id", "buyer_id", "operator_id", "site_id"],
            [
                "eligibility_decisions.id",
                "eligibility_decisions.moment",
                "eligibility_decisions.cleared",
                "eligibility_decisions.listing_id",
                "eligibility_decisions.buyer_id",
                "eligibility_decisions.operator_id",
                "eligibility_decisions.site_id",
            ],
            name="decision_is_about_this_order",
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_orders_listing_id_listings")),
        sa.ForeignKeyConstraint(["operator_id"], ["users.id"], name=op.f("fk_orders_operator_id_users")),
        sa.ForeignKeyConstraint(
            ["payment_decision_id"],
            ["eligibility_decisions.id"],
            name=op.f("fk_orders_payment_decision_id_eligibility_decisions"),
        ),
        sa.ForeignKeyConstraint(["practitioner_id"], ["users.id"], name=op.f("fk_orders_practitioner_id_users")),
        sa.ForeignKeyConstraint(
            ["release_decision_id"],
            ["eligibility_decisions.id"],
            name=op.f("fk_orders_release_decision_id_eligibility_decisions"),
        ),
        sa.ForeignKeyConstraint(["seller_clinic_id"], ["clinics.id"], name=op.f("fk_orders_seller_clinic_id_clinics")),
        sa.ForeignKeyConstraint(
            ["site_id", "buyer_clinic_id"],
            ["clinic_sites.id", "clinic_sites.clinic_id"],
            name="site_is_the_buying_clinics",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_orders_decision_id")),
        sa.UniqueConstraint("form_key", name=op.f("uq_orders_form_key")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
    )
    op.create_index(op.f("ix_orders_buyer_clinic_id"), "orders", ["buyer_clinic_id"], unique=False)
    op.create_index(op.f("ix_orders_buyer_id"), "orders", ["buyer_id"], unique=False)
    op.create_index(
        "ix_orders_expiring",
        "orders",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('awaiting_practitioner', 'awaiting_payment')"),
    )
    op.create_index(op.f("ix_orders_seller_clinic_id"), "orders", ["seller_clinic_id"], unique=False)
    op.create_index(
        "one_live_order_per_unit",
        "orders",
        ["listing_id"],
        unique=True,
        postgresql_where=sa.text("NOT (state IN ('cancelled', 'lapsed', 'refunded'))"),
    )
    op.create_table(
        "ledger_journals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dedupe", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "paid",
                "provider_fee",
                "released",
                "refund_sent",
                "refund_arrived",
                "refunded",
                name="journalkind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_ledger_journals_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_journals")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_ledger_journals_dedupe")),
    )
    op.create_index(op.f("ix_ledger_journals_order_id"), "ledger_journals", ["order_id"], unique=False)
    op.create_table(
        "order_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "event",
            sa.Enum(
                "confirmed",
                "payment_started",
                "payment_failed",
                "paid",
                "paid_not_cleared",
                "cleared",
                "ship_released",
                "dispatched",
                "delivered",
                "accepted",
                "settled",
                "cancelled",
                "lapsed",
                "refund_started",
                "refunded",
                name="orderevent",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
            comment="Empty for the placing itself.",
        ),
        sa.Column(
            "state",
            sa.Enum(
                "awaiting_practitioner",
                "awaiting_payment",
                "payment_processing",
                "held_not_cleared",
                "funds_held",
                "released_to_ship",
                "in_transit",
                "under_inspection",
                "accepted",
                "settled",
                "cancelled",
                "lapsed",
                "refunding",
                "refunded",
                name="orderstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_order_moves_actor_id_users")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_moves_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_moves")),
    )
    op.create_index(op.f("ix_order_moves_order_id"), "order_moves", ["order_id"], unique=False)
    op.create_table(
        "payments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("payee_clinic_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("fee_bps", sa.Integer(), nullable=False),
        sa.Column("fee_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "new",
                "checkout_open",
                "processing",
                "paid",
                "held",
                "releasing",
                "released",
                "refunding",
                "refunded",
                "failed",
                "expired",
                "quarantined",
                name="paymentstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("checkout_id", sa.Text(), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("payment_reference", sa.Text(), nullable=True, comment="The provider's payment intent."),
        sa.Column("charge_id", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("received_minor", sa.Integer(), nullable=False),
        sa.Column("refunded_minor", sa.Integer(), nullable=False),
        sa.Column("transferred_minor", sa.Integer(), nullable=False),
        sa.Column("reversed_minor", sa.Integer(), nullable=False),
        sa.Column("available_on", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "release_not_before", sa.DateTime(timezone=True), nullable=True, comment="End of the method's risk window."
        ),
        sa.Column(
            "hold_deadline",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="A decision must fall before this; see PAYMENTS decision.",
        ),
        sa.Column("frozen_reason", sa.Text(), nullable=True, comment="Set: no release until somebody lifted it."),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, comment="The checkout page closes."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("currency ~ '^[a-z]{3}$'", name=op.f("payments_currency_is_iso")),
        sa.CheckConstraint(
            "state NOT IN ('paid', 'held', 'releasing', 'released', 'refunding', 'refunded') OR (received_minor = amount_minor AND charge_id IS NOT NULL)",
            name=op.f("payments_paid_means_received_in_full"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("payments_amount_is_positive")),
        sa.CheckConstraint(
            "fee_minor >= 0 AND fee_minor <= amount_minor", name=op.f("payments_fee_is_within_the_amount")
        ),
        sa.CheckConstraint(
            "received_minor >= 0 AND refunded_minor >= 0 AND refunded_minor <= received_minor",
            name=op.f("payments_refunds_are_covered"),
        ),
        sa.CheckConstraint(
            "reversed_minor >= 0 AND reversed_minor <= transferred_minor AND transferred_minor - reversed_minor <= received_minor - refunded_minor",
            name=op.f("payments_transfers_are_covered"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id_orders")),
        sa.ForeignKeyConstraint(["payee_clinic_id"], ["clinics.id"], name=op.f("fk_payments_payee_clinic_id_clinics")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("charge_id", name=op.f("uq_payments_charge_id")),
        sa.UniqueConstraint("checkout_id", name=op.f("uq_payments_checkout_id")),
        sa.UniqueConstraint("payment_reference", name=op.f("uq_payments_payment_reference")),
    )
    op.create_index(op.f("ix_payments_order_id"), "payments", ["order_id"], unique=False)
    op.create_index(
        "one_active_payment_per_order",
        "payments",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('failed', 'expired')"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("journal_id", sa.Uuid(), nullable=False),
        sa.Column(
            "account",
            sa.Enum(
                "provider_clearing",
                "provider_fees",
                "held",
                "fee_revenue",
                "refund_pending",
                "suspense",
                name="account",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ledger_entries_amount_is_not_zero")),
        sa.ForeignKeyConstraint(
            ["journal_id"], ["ledger_journals.id"], name=op.f("fk_ledger_entries_journal_id_ledger_journals")
        ),
        sa.PrimaryKeyConstraint("journal_id", "account", "currency", name=op.f("pk_ledger_entries")),
    )
    op.create_table(
        "money_intents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dedupe", sa.Text(), nullable=False, comment="Such as <order id>:release; at most one ever."),
        sa.Column(
            "kind",
            sa.Enum("release", "refund", name="intentkind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending", "blocked", "done", name="intentstate", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True, comment="The provider's transfer or refund."),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False, comment="How often the provider was asked in vain."),
        sa.Column(
            "next_try_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="A job is promised for then; if it was lost, reconciling finds this.",
        ),
        sa.CheckConstraint(
            "(state = 'done') = (reference IS NOT NULL)", name=op.f("money_intents_done_has_a_reference")
        ),
        sa.CheckConstraint("attempt >= 1", name=op.f("money_intents_attempts_count_from_one")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_money_intents_payment_id_payments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_money_intents")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_money_intents_dedupe")),
        sa.UniqueConstraint("reference", name=op.f("uq_money_intents_reference")),
    )
    op.create_index(op.f("ix_money_intents_payment_id"), "money_intents", ["payment_id"], unique=False)
    op.create_table(
        "payment_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column(
            "event",
            sa.Enum(
                "checkout_opened",
                "processing",
                "paid",
                "held",
                "release_requested",
                "released",
                "refund_requested",
                "refunded",
                "failed",
                "expired",
                "quarantined",
                name="paymentevent",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "new",
                "checkout_open",
                "processing",
                "paid",
                "held",
                "releasing",
                "released",
                "refunding",
                "refunded",
                "failed",
                "expired",
                "quarantined",
                name="paymentstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_payment_moves_payment_id_payments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_moves")),
    )
    op.create_index(op.f("ix_payment_moves_payment_id"), "payment_moves", ["payment_id"], unique=False)
    op.create_foreign_key(
        "deciding_check_is_of_this_credential",
        "credentials",
        "credential_checks",
        ["deciding_check_id", "id"],
        ["id", "credential_id"],
    )


def downgrade():
    op.drop_constraint("deciding_check_is_of_this_credential", "credentials")
    for table in reversed(TABLES):
        op.drop_table(table)
    _drop_the_queue()


def _drop_the_queue():
    bind = op.get_bind()
    for (table,) in bind.execute(
        sa.text(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'procrastinate\\_%'"
        )
    ).all():
        op.execute(f'DROP TABLE "{table}" CASCADE')
    for (name,) in bind.execute(
        sa.text(
            "SELECT oid::regprocedure::text FROM pg_proc"
            " WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'procrastinate\\_%'"
        )
    ).all():
        op.execute(f"DROP FUNCTION {name} CASCADE")
    for (name,) in bind.execute(
        sa.text(
            "SELECT typname FROM pg_type WHERE typnamespace = current_schema()::regnamespace"
            " AND typname LIKE 'procrastinate\\_%' AND typtype IN ('e', 'c')"
        )
    ).all():
        op.execute(f'DROP TYPE IF EXISTS "{name}" CASCADE')

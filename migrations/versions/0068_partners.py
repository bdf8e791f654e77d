"""Partners who ask the gate about a person who agreed, the codes by which people agree, and every answer given."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None

CONSENT = """
    CREATE FUNCTION require_a_living_consent() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM sharing_codes code
            JOIN partners partner ON partner.id = code.partner_id
            JOIN partner_keys used ON used.id = NEW.key_id
            WHERE code.id = NEW.sharing_code_id AND code.given_at <= NEW.answered_at
                AND code.expires_at > NEW.answered_at AND code.revoked_at IS NULL
                AND used.revoked_at IS NULL AND partner.ended_at IS NULL
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'answer_is_under_a_living_consent',
                MESSAGE = 'nobody let this partner ask, or not any more';
        END IF;
        RETURN NEW;
    END $$
"""
KEYS_STAY = """
    CREATE FUNCTION keep_partner_keys() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE'
            AND (OLD.id, OLD.partner_id, OLD.prefix, OLD.digest, OLD.made_at)
                = (NEW.id, NEW.partner_id, NEW.prefix, NEW.digest, NEW.made_at)
            AND (OLD.revoked_at IS NULL OR (OLD.revoked_at = NEW.revoked_at AND OLD.used_at IS NOT DISTINCT FROM NEW.used_at))
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'partner_keys_stay',
            MESSAGE = 'a key stays what it is, and stays revoked';
    END $$
"""
CODES_STAY = """
    CREATE FUNCTION keep_sharing_codes() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.revoked_at IS NULL
            AND (OLD.id, OLD.partner_id, OLD.person_id, OLD.clinic_id, OLD.site_id, OLD.digest, OLD.ending, OLD.given_at,
                OLD.expires_at)
                = (NEW.id, NEW.partner_id, NEW.person_id, NEW.clinic_id, NEW.site_id, NEW.digest, NEW.ending, NEW.given_at,
                NEW.expires_at)
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'sharing_codes_stay',
            MESSAGE = 'what somebody agreed to stays as it is, and stays revoked';
    END $$
"""


def _moment(name, *, empty=False, comment=None):
    return sa.Column(name, sa.DateTime(timezone=True), nullable=empty, comment=comment)


def _text(name, comment=None):
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def _id(name, *, to=None):
    keys = (sa.ForeignKey(to),) if to else ()
    return sa.Column(name, sa.Uuid(), *keys, nullable=False)


def upgrade():
    op.create_table(
        "partners",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _text("name", "People read it where they say whom they let ask."),
        _text("email", "Where the partner is written to."),
        _moment("opened_at"),
        _moment("ended_at", empty=True),
        sa.CheckConstraint("length(trim(name)) BETWEEN 1 AND 100", name="partner_has_a_name"),
        sa.CheckConstraint("email = lower(email) AND email LIKE '%_@_%'", name="partner_address_is_normal"),
        sa.CheckConstraint("ended_at >= opened_at", name="end_follows_opening"),
    )
    op.create_index(
        "one_living_partner_per_name",
        "partners",
        [sa.text("lower(name)")],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "partner_keys",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _id("partner_id", to="partners.id"),
        sa.Column(
            "prefix", sa.Text(), nullable=False, unique=True, comment="By which it is found and spoken of; no secret."
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the key, which is not kept."),
        _moment("made_at"),
        _moment("used_at", empty=True, comment="When it last opened, to the minute."),
        _moment("revoked_at", empty=True),
        sa.UniqueConstraint("id", "partner_id", name="key_is_of_one_partner"),
        sa.CheckConstraint("octet_length(digest) = 32", name="key_is_digested"),
        sa.CheckConstraint("prefix ~ '^[0-9A-HJKMNP-TV-Z]{8}$'", name="prefix_is_readable"),
        sa.CheckConstraint("revoked_at >= made_at", name="revocation_follows_making"),
    )
    op.create_index("ix_partner_keys_partner_id", "partner_keys", ["partner_id"])
    op.create_table(
        "sharing_codes",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _id("partner_id", to="partners.id"),
        _id("person_id", to="users.id"),
        _id("clinic_id", to="clinics.id"),
        _id("site_id"),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, unique=True, comment="SHA-256 of the code, which is not kept."
        ),
        _text("ending", "Its last four signs, by which its person recognises it."),
        _moment("given_at"),
        _moment("expires_at"),
        _moment("revoked_at", empty=True),
        sa.ForeignKeyConstraint(
            ["site_id", "clinic_id"],
            ["clinic_sites.id", "clinic_sites.clinic_id"],
            name="code_is_for_a_site_of_the_clinic",
        ),
        sa.UniqueConstraint("id", "partner_id", "person_id", "site_id", name="code_is_for_these"),
        sa.CheckConstraint("octet_length(digest) = 32", name="code_is_digested"),
        sa.CheckConstraint("length(ending) = 4", name="code_is_recognised_by_its_ending"),
        sa.CheckConstraint(
            "expires_at > given_at AND expires_at <= given_at + interval '90 days'", name="consent_ends_within_90_days"
        ),
        sa.CheckConstraint("revoked_at >= given_at", name="revocation_follows_giving"),
    )
    op.create_index("ix_sharing_codes_partner_id", "sharing_codes", ["partner_id"])
    op.create_index("ix_sharing_codes_person_id", "sharing_codes", ["person_id"])
    _answers()
    for function in (CONSENT, KEYS_STAY, CODES_STAY):
        op.execute(function)
    for table, kept in (("partner_keys", "keep_partner_keys"), ("sharing_codes", "keep_sharing_codes")):
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {kept}()"
        )
    op.execute(
        "CREATE TRIGGER answer_is_under_a_living_consent BEFORE INSERT ON partner_answers FOR EACH ROW"
        " EXECUTE FUNCTION require_a_living_consent()"
    )
    op.execute(
        "CREATE TRIGGER partner_answers_is_append_only BEFORE UPDATE OR DELETE ON partner_answers"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    for table in ("partners", "partner_keys", "sharing_codes", "partner_answers"):
        op.execute(
            f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _answers():
    op.create_table(
        "partner_answers",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "receipt_code", sa.Text(), nullable=False, unique=True, comment="Whoever has it may check the receipt."
        ),
        _id("partner_id", to="partners.id"),
        _id("key_id"),
        _id("sharing_code_id"),
        _id("person_id", to="users.id"),
        _id("site_id", to="clinic_sites.id"),
        _id("model_id", to="device_models.id"),
        sa.Column(
            "handpieces", postgresql.ARRAY(sa.Text()), nullable=False, comment="Modalities of what is sold with it."
        ),
        sa.Column("declared_uses", postgresql.ARRAY(sa.Text()), nullable=False),
        _id("policy_version_id", to="policy_versions.id"),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("verdict", postgresql.JSONB(), nullable=False),
        sa.Column(
            "left_open",
            postgresql.JSONB(),
            nullable=False,
            comment="What cannot be asked of a unit that is not listed here, by key and reason.",
        ),
        sa.Column(
            "evidence",
            postgresql.JSONB(),
            nullable=False,
            comment="What each credential rested on, with its digests.",
        ),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        _moment("answered_at"),
        _moment("valid_until"),
        _text("digest", "SHA-256 of the answer and everything beside it."),
        sa.ForeignKeyConstraint(
            ["key_id", "partner_id"],
            ["partner_keys.id", "partner_keys.partner_id"],
            name="answer_is_to_the_keys_partner",
        ),
        sa.ForeignKeyConstraint(
            ["sharing_code_id", "partner_id", "person_id", "site_id"],
            ["sharing_codes.id", "sharing_codes.partner_id", "sharing_codes.person_id", "sharing_codes.site_id"],
            name="answer_is_about_whom_the_code_is",
        ),
        sa.CheckConstraint(
            "allowed = (jsonb_array_length(verdict -> 'objections') = 0)", name="allowed_means_no_objection"
        ),
        sa.CheckConstraint("receipt_code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'", name="code_is_readable"),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_is_sha256"),
        sa.CheckConstraint(
            "valid_until > answered_at AND valid_until <= answered_at + interval '1 day'",
            name="answer_holds_a_day_at_most",
        ),
    )
    op.create_index("ix_partner_answers_code", "partner_answers", ["sharing_code_id", "position"])


def downgrade():
    for table in ("partner_answers", "sharing_codes", "partner_keys", "partners"):
        op.drop_table(table)
    for function in ("require_a_living_consent", "keep_partner_keys", "keep_sharing_codes"):
        op.execute(f"DROP FUNCTION {function}()")

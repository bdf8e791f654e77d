"""Second factors: sealed secrets of which each time step counts once, and recovery codes that serve once."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"

RISING = """
    CREATE FUNCTION second_factor_keep_steps()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.last_step IS NOT NULL AND (NEW.last_step IS NULL OR NEW.last_step < OLD.last_step
                OR NEW.on_since IS DISTINCT FROM OLD.on_since OR NEW.sealed IS DISTINCT FROM OLD.sealed) THEN
            RAISE EXCEPTION 'no code of a step that is past is taken'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'second_factors_steps_only_rise';
        END IF;
        RETURN NEW;
    END $$
"""
ONCE = """
    CREATE FUNCTION recovery_code_serve_once()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.used_at IS NOT NULL OR (NEW.user_id, NEW.digest) IS DISTINCT FROM (OLD.user_id, OLD.digest) THEN
            RAISE EXCEPTION 'a recovery code serves once'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'recovery_codes_serve_once';
        END IF;
        RETURN NEW;
    END $$
"""


def _purposes(*purposes):
    op.drop_constraint(op.f("mailed_tokens_tokenpurpose"), "mailed_tokens", type_="check")
    listed = ", ".join(f"'{purpose}'" for purpose in purposes)
    op.create_check_constraint(op.f("mailed_tokens_tokenpurpose"), "mailed_tokens", f"purpose IN ({listed})")


def upgrade():
    _purposes("confirm_email", "reset_password", "second_step")
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("on_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "last_step", sa.BigInteger(), nullable=True, comment="The latest time step of which a code was taken."
        ),
        sa.CheckConstraint("octet_length(sealed) > 28", name=op.f("second_factors_secret_is_sealed")),
        sa.CheckConstraint(
            "(on_since IS NULL) = (last_step IS NULL)", name=op.f("second_factors_first_code_turns_it_on")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_second_factors_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("recovery_codes_code_is_digested")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["second_factors.user_id"],
            name=op.f("fk_recovery_codes_user_id_second_factors"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint("user_id", "digest", name="recovery_codes_differ"),
    )
    op.execute(RISING)
    op.execute(ONCE)
    op.execute(
        "CREATE TRIGGER steps_only_rise BEFORE UPDATE ON second_factors"
        " FOR EACH ROW EXECUTE FUNCTION second_factor_keep_steps()"
    )
    op.execute(
        "CREATE TRIGGER codes_serve_once BEFORE UPDATE ON recovery_codes"
        " FOR EACH ROW EXECUTE FUNCTION recovery_code_serve_once()"
    )


def downgrade():
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
    op.execute("DROP FUNCTION second_factor_keep_steps()")
    op.execute("DROP FUNCTION recovery_code_serve_once()")
    op.execute("DELETE FROM mailed_tokens WHERE purpose = 'second_step'")
    _purposes("confirm_email", "reset_password")

"""Which verifier takes a case is drawn by lot, and nobody else takes it."""

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision = "0057"


def upgrade():
    op.add_column(
        "credentials",
        sa.Column(
            "drawn_for",
            sa.Uuid(),
            nullable=True,
            comment="On which verifier the lot fell: nobody else takes the case (trigger).",
        ),
    )
    op.add_column("credentials", sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_credentials_drawn_for_users"), "credentials", "users", ["drawn_for"], ["id"])
    op.execute(
        """
        CREATE FUNCTION cases_go_where_the_lot_fell() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.claimed_by IS NOT NULL AND NEW.claimed_by IS DISTINCT FROM OLD.claimed_by
               AND NEW.drawn_for IS NOT NULL AND NEW.drawn_for <> NEW.claimed_by THEN
                RAISE EXCEPTION 'the lot fell on somebody else'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'cases_go_where_the_lot_fell';
            END IF;
            RETURN NEW;
        END
        $$;
        CREATE TRIGGER cases_go_where_the_lot_fell BEFORE UPDATE OF claimed_by ON credentials
            FOR EACH ROW EXECUTE FUNCTION cases_go_where_the_lot_fell();
        """
    )


def downgrade():
    op.execute("DROP TRIGGER cases_go_where_the_lot_fell ON credentials")
    op.execute("DROP FUNCTION cases_go_where_the_lot_fell()")
    op.drop_constraint(op.f("fk_credentials_drawn_for_users"), "credentials", type_="foreignkey")
    op.drop_column("credentials", "drawn_at")
    op.drop_column("credentials", "drawn_for")

"""A raised purchase limit waits for a day, sellers' reviews are never emptied, and lifting a suspension takes two."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"

BEFORE = """SELECT purchase_limit_minor FROM clinics WHERE id = NEW.buyer_clinic_id
                    AND purchase_limit_minor < NEW.price_minor"""
NOW = """SELECT counts FROM (
                    SELECT CASE WHEN purchase_limit_then_at <= NEW.placed_at THEN purchase_limit_then_minor
                        ELSE purchase_limit_minor END AS counts
                    FROM clinics WHERE id = NEW.buyer_clinic_id
                ) limits WHERE counts < NEW.price_minor"""
FUNCTION = """
    CREATE OR REPLACE FUNCTION order_ask_for_approval()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.approval_limit_minor IS DISTINCT FROM (
                {limit}
            ) OR NEW.approved_by IS NOT NULL THEN
                RAISE EXCEPTION 'an order begins unapproved, under the limit of its clinic'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_take_the_limit_of_their_clinic';
            END IF;
            RETURN NEW;
        END IF;
        IF NEW.approval_limit_minor IS DISTINCT FROM OLD.approval_limit_minor OR OLD.approved_by IS NOT NULL
                AND (NEW.approved_by, NEW.approved_at, NEW.approval_decision_id)
                IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.approval_decision_id) THEN
            RAISE EXCEPTION 'limit and approval of an order stay as they are'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'orders_approval_is_fixed';
        END IF;
        IF NEW.approved_by IS NOT NULL AND OLD.approved_by IS NULL THEN
            IF NOT EXISTS (
                SELECT FROM clinic_members WHERE clinic_id = NEW.buyer_clinic_id AND user_id = NEW.approved_by
                    AND left_at IS NULL AND role IN ('owner', 'manager')
            ) THEN
                RAISE EXCEPTION 'whoever approves an order runs the clinic that buys'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_are_approved_by_those_in_charge';
            END IF;
            IF NOT gate_said_yes(NEW.approval_decision_id, 'payment_start', NEW) THEN
                RAISE EXCEPTION 'an order is only approved on a fresh yes of the gate'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_approval_is_cleared';
            END IF;
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.add_column(
        "clinics",
        sa.Column("purchase_limit_then_minor", sa.BigInteger(), nullable=True, comment="The higher one that waits."),
    )
    op.add_column(
        "clinics",
        sa.Column(
            "purchase_limit_then_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="From when that one counts, unless an owner sets another before; empty: none waits.",
        ),
    )
    op.create_check_constraint(
        op.f("clinics_purchase_limit_is_only_raised_later"),
        "clinics",
        "CASE WHEN purchase_limit_then_at IS NULL THEN purchase_limit_then_minor IS NULL"
        " ELSE purchase_limit_minor IS NOT NULL"
        " AND coalesce(purchase_limit_then_minor > purchase_limit_minor, true) END",
    )
    op.execute(FUNCTION.replace("{limit}", NOW))
    op.execute(
        "CREATE TRIGGER reviews_is_never_emptied BEFORE TRUNCATE ON reviews"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade():
    op.execute(FUNCTION.replace("{limit}", BEFORE))
    op.execute("DROP TRIGGER reviews_is_never_emptied ON reviews")
    op.drop_constraint(op.f("clinics_purchase_limit_is_only_raised_later"), "clinics", type_="check")
    op.drop_column("clinics", "purchase_limit_then_at")
    op.drop_column("clinics", "purchase_limit_then_minor")

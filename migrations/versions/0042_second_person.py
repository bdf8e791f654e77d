"""Above a limit of the buying clinic a second person of it approves an order before it can be paid."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"

# A separate guard beside that of the gate: what it asks is the clinic's own rule, and its answer the gate's.
APPROVAL = """
    CREATE FUNCTION order_ask_for_approval()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.approval_limit_minor IS DISTINCT FROM (
                SELECT purchase_limit_minor FROM clinics WHERE id = NEW.buyer_clinic_id
                    AND purchase_limit_minor < NEW.price_minor
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
        sa.Column(
            "purchase_limit_minor",
            sa.Integer(),
            nullable=True,
            comment="Above this price a second person approves an order; empty: never.",
        ),
    )
    op.create_check_constraint(op.f("clinics_purchase_limit_is_not_negative"), "clinics", "purchase_limit_minor >= 0")
    op.add_column(
        "orders",
        sa.Column(
            "approval_limit_minor",
            sa.Integer(),
            nullable=True,
            comment="The limit of the buying clinic that the price lay above; empty: nobody had to approve.",
        ),
    )
    op.add_column("orders", sa.Column("approved_by", sa.Uuid(), nullable=True))
    op.add_column("orders", sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "orders",
        sa.Column("approval_decision_id", sa.Uuid(), nullable=True, comment="The fresh yes that it was approved on."),
    )
    op.create_foreign_key(op.f("fk_orders_approved_by_users"), "orders", "users", ["approved_by"], ["id"])
    op.create_foreign_key(
        op.f("fk_orders_approval_decision_id_eligibility_decisions"),
        "orders",
        "eligibility_decisions",
        ["approval_decision_id"],
        ["id"],
    )
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"orders_{name}"), "orders", condition)
    op.execute(APPROVAL)
    op.execute(
        "CREATE TRIGGER orders_ask_for_approval BEFORE INSERT OR UPDATE ON orders"
        " FOR EACH ROW EXECUTE FUNCTION order_ask_for_approval()"
    )


CHECKS = {
    "approval_is_asked_above_the_limit": "approval_limit_minor < price_minor",
    "approval_is_whole": (
        "(approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (approval_decision_id IS NULL)"
        " AND (approved_by IS NULL OR approval_limit_minor IS NOT NULL)"
    ),
    "nobody_approves_their_own_order": "approved_by <> buyer_id",
    "dear_orders_are_approved_before_they_are_paid": (
        "approval_limit_minor IS NULL OR approved_by IS NOT NULL"
        " OR state IN ('awaiting_practitioner', 'awaiting_payment', 'cancelled', 'lapsed')"
    ),
}


def downgrade():
    op.execute("DROP TRIGGER orders_ask_for_approval ON orders")
    op.execute("DROP FUNCTION order_ask_for_approval()")
    for name in CHECKS:
        op.drop_constraint(op.f(f"orders_{name}"), "orders", type_="check")
    for column in ("approval_decision_id", "approved_at", "approved_by", "approval_limit_minor"):
        op.drop_column("orders", column)
    op.drop_constraint(op.f("clinics_purchase_limit_is_not_negative"), "clinics", type_="check")
    op.drop_column("clinics", "purchase_limit_minor")

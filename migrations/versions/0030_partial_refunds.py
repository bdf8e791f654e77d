"""Parts of a price go back to the buyer while the sale stands, and what the seller owes of them is kept apart."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_FRONTED = "Given back from our own money: the seller owes it."
_FRONTED_NOW = "Given back from our own money, and not yet had back from the seller, who owes it."
_COVERED = (
    "reversed_minor >= 0 AND reversed_minor <= transferred_minor AND fronted_minor >= 0"
    " AND fronted_minor <= transferred_minor"
    " AND transferred_minor - greatest(reversed_minor, fronted_minor) <= received_minor - refunded_minor"
)
_COVERED_NOW = (
    "reversed_minor >= 0 AND fronted_minor >= 0 AND reversed_minor + fronted_minor <= transferred_minor"
    " AND transferred_minor - reversed_minor - fronted_minor <= received_minor - refunded_minor"
)
_GUARD = """
    CREATE FUNCTION partial_refunds_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            RAISE EXCEPTION 'a partial refund stays on record'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'partial_refunds_stay';
        END IF;
        IF TG_OP = 'UPDATE' THEN
            IF (NEW.payment_id, NEW.number, NEW.amount_minor, NEW.payout_minor, NEW.fee_minor, NEW.after_release)
               IS DISTINCT FROM
               (OLD.payment_id, OLD.number, OLD.amount_minor, OLD.payout_minor, OLD.fee_minor, OLD.after_release)
            THEN
                RAISE EXCEPTION 'a partial refund is what was decided'
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'partial_refunds_stay';
            END IF;
            RETURN NEW;
        END IF;
        IF NEW.amount_minor + (SELECT coalesce(sum(amount_minor), 0) FROM partial_refunds
                               WHERE payment_id = NEW.payment_id)
           > (SELECT conceded_minor FROM payments WHERE id = NEW.payment_id)
        THEN
            RAISE EXCEPTION 'more would go back in parts than the payment says'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'partial_refunds_are_counted';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.add_column(
        "payments",
        sa.Column(
            "conceded_minor",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="What of the price goes back in parts, arrived or not: the sale stands for the rest.",
        ),
    )
    op.alter_column("payments", "conceded_minor", server_default=None)
    op.create_check_constraint(
        op.f("payments_partial_refunds_leave_something"),
        "payments",
        "conceded_minor = 0 OR"
        " (conceded_minor > 0 AND conceded_minor < amount_minor AND received_minor = amount_minor)",
    )
    _covered(_COVERED_NOW, "UPDATE payments SET fronted_minor = greatest(fronted_minor - reversed_minor, 0)")
    op.alter_column("payments", "fronted_minor", existing_type=sa.Integer(), comment=_FRONTED_NOW)
    op.create_table(
        "partial_refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="Counted from 1 for each payment."),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column(
            "payout_minor", sa.Integer(), nullable=False, comment="What of it was, or would have been, the seller's."
        ),
        sa.Column("fee_minor", sa.Integer(), nullable=False, comment="What of it was, or would have been, our fee."),
        sa.Column(
            "after_release",
            sa.Boolean(),
            nullable=False,
            comment="The seller had been paid: theirs is taken back first.",
        ),
        sa.Column(
            "fronted", sa.Boolean(), nullable=False, comment="The seller's share of it came from our own money."
        ),
        sa.Column(
            "state",
            sa.Enum(
                "asked", "covered", "sent", "arrived",
                name="partialstate", native_enum=False, create_constraint=True, length=40,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, as both sides read it."),
        sa.Column("decided_by", sa.Uuid(), nullable=False, comment="Who agreed last, or decided as staff."),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "amount_minor >= 100", name=op.f("partial_refunds_partial_refund_is_of_a_dollar_or_more")
        ),
        sa.CheckConstraint(
            "payout_minor > 0 AND fee_minor >= 0 AND payout_minor + fee_minor = amount_minor",
            name=op.f("partial_refunds_shares_make_the_partial_refund"),
        ),
        sa.CheckConstraint("length(trim(reason)) > 0", name=op.f("partial_refunds_partial_refund_says_why")),
        sa.CheckConstraint(
            "(state = 'arrived') = (arrived_at IS NOT NULL)", name=op.f("partial_refunds_arrival_is_dated")
        ),
        sa.CheckConstraint(
            "after_release OR (state <> 'asked' AND NOT fronted)",
            name=op.f("partial_refunds_only_what_was_sent_is_taken_back"),
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_partial_refunds_payment_id_payments")),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_partial_refunds_decided_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partial_refunds")),
        sa.UniqueConstraint("payment_id", "number", name=op.f("partial_refunds_are_numbered")),
    )  # fmt: skip
    op.create_index(
        "one_partial_refund_on_its_way",
        "partial_refunds",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'arrived'"),
    )
    op.execute(_GUARD)
    op.execute(
        "CREATE TRIGGER partial_refunds_are_guarded BEFORE INSERT OR UPDATE OR DELETE ON partial_refunds"
        " FOR EACH ROW EXECUTE FUNCTION partial_refunds_guard()"
    )


def downgrade():
    op.drop_table("partial_refunds")
    op.execute("DROP FUNCTION partial_refunds_guard()")
    op.alter_column("payments", "fronted_minor", existing_type=sa.Integer(), comment=_FRONTED)
    _covered(_COVERED, "UPDATE payments SET fronted_minor = fronted_minor + reversed_minor WHERE fronted_minor > 0")
    op.drop_constraint(op.f("payments_partial_refunds_leave_something"), "payments", type_="check")
    op.drop_column("payments", "conceded_minor")


def _covered(rule, change):
    op.drop_constraint(op.f("payments_transfers_are_covered"), "payments", type_="check")
    op.execute(change)
    op.create_check_constraint(op.f("payments_transfers_are_covered"), "payments", rule)

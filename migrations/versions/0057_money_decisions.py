"""Two people of finance lift what a payment stands still for, and decide about money that is held for too long."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"

_KINDS = (
    "paid provider_fee released refund_sent refund_arrived refunded reversed fronted recovered dispute_taken dispute_fee"
    " dispute_returned charged_back charged_back_late surplus_came surplus_sent surplus_came_back"
)
_PAYMENT_EVENTS = (
    "checkout_opened processing paid held release_requested released reversal_requested reversed fronted"
    " refund_requested refunded failed expired quarantined charged_back"
)
_ORDER_EVENTS = (
    "confirmed payment_started payment_failed paid paid_not_cleared cleared ship_released dispatched delivered"
    " accepted settled cancelled lapsed refund_started refunded charged_back"
)
_WORDS = {
    ("payment_moves", "event", "payment_moves_paymentevent"): (
        _PAYMENT_EVENTS,
        "reopened readmitted paid_late release_called_off",
    ),
    ("order_moves", "event", "order_moves_orderevent"): (
        _ORDER_EVENTS,
        "return_decided release_decided",
    ),
    ("money_intents", "state", "money_intents_intentstate"): ("pending blocked done", "calling_off called_off"),
    ("ledger_journals", "kind", "ledger_journals_journalkind"): (_KINDS, "refund_came_back"),
    ("ledger_totals", "kind", "ledger_totals_journalkind"): (_KINDS, "refund_came_back"),
}
_DECISION_STATES = ("open", "approved", "declined", "withdrawn")
_CHECKS = {
    "decision_says_why": "length(trim(reason)) > 0 AND length(trim(evidence)) > 0",
    "only_a_lift_names_its_freeze": "(kind = 'lift') = (lifts IS NOT NULL) AND (lifts IS NULL) = (frozen_at IS NULL)",
    "who_gives_back_says_where_the_device_is": "(kind = 'give_back') = (device IS NOT NULL)",
    "closing_is_whole": "(state = 'open') = (closed_by IS NULL) AND (closed_by IS NULL) = (closed_at IS NULL)",
    "nobody_approves_what_they_proposed": "state <> 'approved' OR closed_by <> proposed_by",
    "only_ones_own_is_withdrawn": "state <> 'withdrawn' OR closed_by = proposed_by",
}

DECISIONS = """
CREATE FUNCTION money_decisions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'open' THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' AND OLD.state = 'open' AND (
        (NEW.id, NEW.payment_id, NEW.kind, NEW.lifts, NEW.frozen_at, NEW.device, NEW.reason, NEW.evidence,
         NEW.proposed_by, NEW.proposed_at)
        IS NOT DISTINCT FROM
        (OLD.id, OLD.payment_id, OLD.kind, OLD.lifts, OLD.frozen_at, OLD.device, OLD.reason, OLD.evidence,
         OLD.proposed_by, OLD.proposed_at)
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was proposed stays, and is answered once'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'money_decisions_stay';
END $$
"""

# A dispute that was won ends by itself; everything else that holds a payment up is lifted by two people, this once.
FREEZES = """
CREATE FUNCTION payment_freezes_are_lifted_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.frozen_reason IS NULL THEN
        NEW.frozen_at := NULL;
    ELSIF NEW.frozen_at IS NULL THEN
        NEW.frozen_at := clock_timestamp();
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.frozen_reason IS NOT NULL AND OLD.frozen_reason <> 'disputed'
            AND NEW.frozen_reason IS DISTINCT FROM OLD.frozen_reason AND NOT EXISTS (
        SELECT FROM money_decisions WHERE payment_id = NEW.id AND kind = 'lift' AND state = 'approved'
            AND lifts = OLD.frozen_reason AND frozen_at = OLD.frozen_at
    ) THEN
        RAISE EXCEPTION 'what a payment stands still for is lifted by two people'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_freezes_are_lifted_by_two';
    END IF;
    RETURN NEW;
END $$
"""

MOVES = """
CREATE FUNCTION payment_moves_that_two_decide() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.event IN ('reopened', 'readmitted', 'paid_late', 'release_called_off') AND NOT EXISTS (
        SELECT FROM money_decisions WHERE payment_id = NEW.payment_id AND state = 'approved'
            AND kind = CASE NEW.event WHEN 'release_called_off' THEN 'give_back' ELSE 'lift' END
    ) THEN
        RAISE EXCEPTION 'this happens to a payment only where two people decided it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_moves_that_two_decide';
    END IF;
    RETURN NEW;
END $$
"""

ORDERS = """
CREATE FUNCTION order_moves_that_two_decide() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.event IN ('return_decided', 'release_decided') AND NOT EXISTS (
        SELECT FROM money_decisions decision JOIN payments ON payments.id = decision.payment_id
        WHERE payments.order_id = NEW.order_id AND decision.state = 'approved'
            AND decision.closed_by = NEW.actor_id AND decision.closed_at = NEW.at
            AND decision.kind = CASE NEW.event WHEN 'return_decided' THEN 'give_back' ELSE 'release' END
    ) THEN
        RAISE EXCEPTION 'this happens to an order only where two people of finance decided it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_moves_that_two_decide';
    END IF;
    RETURN NEW;
END $$
"""
_TRIGGERS = {
    "money_decisions_stay": ("money_decisions", "INSERT OR UPDATE OR DELETE"),
    "payment_freezes_are_lifted_by_two": ("payments", "INSERT OR UPDATE"),
    "payment_moves_that_two_decide": ("payment_moves", "INSERT"),
    "order_moves_that_two_decide": ("order_moves", "INSERT"),
}


def _among(table, column, name, words, *, also_before=True):
    op.drop_constraint(op.f(name), table, type_="check")
    listed = ", ".join(repr(word) for word in words.split())
    op.create_check_constraint(op.f(name), table, f"{column} IN ({listed})", postgresql_not_valid=not also_before)


def upgrade():
    op.create_table(
        "money_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("lifts", sa.Text(), nullable=True, comment="What is lifted, and with its moment: this once."),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("device", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "evidence", sa.Text(), nullable=False, comment="What was looked at, and where it can be found again."
        ),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_money_decisions")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_money_decisions_payment_id_payments")),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"], name=op.f("fk_money_decisions_proposed_by_users")),
        sa.ForeignKeyConstraint(["closed_by"], ["users.id"], name=op.f("fk_money_decisions_closed_by_users")),
        sa.CheckConstraint("kind IN ('lift', 'give_back', 'release')", name=op.f("money_decisions_decisionkind")),
        sa.CheckConstraint("device IN ('with_seller', 'with_buyer')", name=op.f("money_decisions_deviceis")),
        sa.CheckConstraint(
            f"state IN ({', '.join(map(repr, _DECISION_STATES))})", name=op.f("money_decisions_decisionstate")
        ),
        *(sa.CheckConstraint(says, name=op.f(f"money_decisions_{name}")) for name, says in _CHECKS.items()),
    )
    op.create_index("ix_money_decisions_payment_id", "money_decisions", ["payment_id"])
    op.create_index(
        "one_open_decision_per_payment",
        "money_decisions",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.add_column("payments", sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE payments SET frozen_at = clock_timestamp() WHERE frozen_reason IS NOT NULL")
    op.alter_column(
        "payments",
        "frozen_reason",
        comment="Set: no release until two people lifted it.",
        existing_comment="Set: no release until somebody lifted it.",
        existing_type=sa.Text(),
        existing_nullable=True,
    )
    for (table, column, name), (before, new) in _WORDS.items():
        _among(table, column, name, f"{before} {new}")
    for function in (DECISIONS, FREEZES, MOVES, ORDERS):
        op.execute(function)
    for name, (table, when) in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def downgrade():
    for name, (table, _) in _TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(f"DROP FUNCTION {name}()")
    # What happened is not written anew in words that did not mean it: such rows stay, and no further one comes.
    for (table, column, name), (before, _) in _WORDS.items():
        _among(table, column, name, before, also_before=False)
    op.alter_column(
        "payments",
        "frozen_reason",
        comment="Set: no release until somebody lifted it.",
        existing_comment="Set: no release until two people lifted it.",
        existing_type=sa.Text(),
        existing_nullable=True,
    )
    op.drop_column("payments", "frozen_at")
    op.drop_table("money_decisions")

"""What each seller's payments come to, kept beside them in the same transaction, so that no page adds up 100,000 of them."""

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"

_NAMES = ("orders", "price", "given_back", "held", "paid", "reversed", "owed")

# The same as `payments.payee_totals.FIGURES`; `payments verify` compares the two.
FIGURES = """
    CREATE FUNCTION payment_figures(payment payments) RETURNS bigint[] LANGUAGE sql IMMUTABLE AS $$
        SELECT CASE WHEN payment.received_minor > 0 THEN ARRAY[
            1,
            payment.amount_minor,
            CASE WHEN payment.state IN ('reversing', 'refunding', 'refunded') THEN payment.amount_minor
                ELSE payment.conceded_minor END,
            CASE WHEN payment.state IN ('paid', 'held', 'releasing') THEN sale.worth - greatest(
                sale.worth * payment.fee_bps / 10000, least(payment.fee_least_minor, sale.worth / 2)
            ) ELSE 0 END,
            payment.transferred_minor,
            payment.reversed_minor,
            CASE WHEN payment.state = 'charged_back' THEN payment.transferred_minor - payment.reversed_minor
                ELSE payment.fronted_minor END
        ]::bigint[] ELSE array_fill(0::bigint, ARRAY[7]) END
        FROM (SELECT (payment.amount_minor - payment.conceded_minor)::bigint AS worth) sale
    $$
"""

# A slot is taken by trying, never by waiting, as in `ledger_totals_follow`.
FOLLOW = """
    CREATE FUNCTION payee_totals_follow() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        nothing bigint[] := array_fill(0::bigint, ARRAY[7]);
        was bigint[] := nothing;
        now_is bigint[] := nothing;
        slot integer := 0;
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            was := payment_figures(OLD);
        END IF;
        IF TG_OP <> 'DELETE' THEN
            now_is := payment_figures(NEW);
        END IF;
        IF was = now_is AND (TG_OP <> 'UPDATE'
                OR (OLD.payee_clinic_id, OLD.currency) = (NEW.payee_clinic_id, NEW.currency)) THEN
            RETURN NULL;
        END IF;
        WHILE slot < 64 AND NOT pg_try_advisory_xact_lock(1885435252, slot) LOOP
            slot := slot + 1;
        END LOOP;
        IF slot = 64 THEN
            slot := 64 + pg_backend_pid();
        END IF;
        INSERT INTO payee_totals AS kept (clinic_id, currency, slot, orders, price, given_back, held, paid, reversed, owed)
        SELECT moved.clinic_id, moved.currency, follow.slot, sum(moved.by[1]), sum(moved.by[2]), sum(moved.by[3]),
               sum(moved.by[4]), sum(moved.by[5]), sum(moved.by[6]), sum(moved.by[7])
        FROM (
            SELECT OLD.payee_clinic_id, OLD.currency, ARRAY(SELECT -one FROM unnest(was) one)
            WHERE TG_OP <> 'INSERT'
            UNION ALL
            SELECT NEW.payee_clinic_id, NEW.currency, now_is
            WHERE TG_OP <> 'DELETE'
        ) moved (clinic_id, currency, by), (SELECT slot) AS follow(slot)
        GROUP BY moved.clinic_id, moved.currency, follow.slot
        ON CONFLICT ON CONSTRAINT pk_payee_totals DO UPDATE SET
            orders = kept.orders + excluded.orders,
            price = kept.price + excluded.price,
            given_back = kept.given_back + excluded.given_back,
            held = kept.held + excluded.held,
            paid = kept.paid + excluded.paid,
            reversed = kept.reversed + excluded.reversed,
            owed = kept.owed + excluded.owed;
        RETURN NULL;
    END $$
"""
GUARD = """
    CREATE FUNCTION payee_totals_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP IN ('DELETE', 'TRUNCATE') OR pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION 'the totals follow the payments, and nobody else writes them'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payee_totals_follow_the_payments';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.create_table(
        "payee_totals",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _NAMES),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_payee_totals_clinic_id_clinics")),
        sa.PrimaryKeyConstraint("clinic_id", "currency", "slot", name=op.f("pk_payee_totals")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index(
        "payments_of_payee",
        "payments",
        ["payee_clinic_id", sa.text("hold_deadline DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("received_minor > 0"),
    )
    op.execute(FIGURES)
    op.execute(FOLLOW)
    # From here on nobody changes a payment until this migration has ended, and none is counted twice.
    op.execute(
        "CREATE TRIGGER payee_totals_follow AFTER INSERT OR UPDATE OR DELETE ON payments"
        " FOR EACH ROW EXECUTE FUNCTION payee_totals_follow()"
    )
    op.execute(FILL)
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER payee_totals_are_guarded BEFORE INSERT OR UPDATE OR DELETE ON payee_totals"
        " FOR EACH ROW EXECUTE FUNCTION payee_totals_guard()"
    )
    op.execute(
        "CREATE TRIGGER payee_totals_are_never_emptied BEFORE TRUNCATE ON payee_totals"
        " FOR EACH STATEMENT EXECUTE FUNCTION payee_totals_guard()"
    )


FILL = """
    INSERT INTO payee_totals (clinic_id, currency, slot, orders, price, given_back, held, paid, reversed, owed)
    SELECT payee_clinic_id, currency, 0, sum(come_to[1]), sum(come_to[2]), sum(come_to[3]), sum(come_to[4]),
           sum(come_to[5]), sum(come_to[6]), sum(come_to[7])
    FROM (SELECT payee_clinic_id, currency, payment_figures(payments) AS come_to FROM payments) each_payment
    GROUP BY 1, 2
"""


def downgrade():
    op.execute("DROP TRIGGER payee_totals_follow ON payments")
    op.execute("DROP FUNCTION payee_totals_follow()")
    op.drop_table("payee_totals")
    op.execute("DROP FUNCTION payee_totals_guard()")
    op.execute("DROP FUNCTION payment_figures(payments)")
    op.drop_index("payments_of_payee", table_name="payments")

"""The ways of paying that we know, and money that can still fail: it is never called held."""

from alembic import op

revision = "0019"
down_revision = "0018"

HELD_WHEN_SAFE = """
CREATE FUNCTION payment_held_when_safe() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'held' AND NOT EXISTS (
        SELECT FROM payments WHERE id = NEW.payment_id AND release_not_before <= NEW.at
    ) THEN
        RAISE EXCEPTION 'money that can still fail is not held'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_moves_held_when_safe';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade():
    op.create_check_constraint(
        op.f("payments_method_is_one_of_ours"), "payments", "method IN ('card', 'bank_debit', 'bank_transfer')"
    )
    op.execute(HELD_WHEN_SAFE)
    op.execute(
        "CREATE TRIGGER payment_moves_held_when_safe BEFORE INSERT ON payment_moves"
        " FOR EACH ROW EXECUTE FUNCTION payment_held_when_safe()"
    )


def downgrade():
    op.execute("DROP TRIGGER payment_moves_held_when_safe ON payment_moves")
    op.execute("DROP FUNCTION payment_held_when_safe()")
    op.drop_constraint(op.f("payments_method_is_one_of_ours"), "payments", type_="check")

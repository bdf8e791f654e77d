"""Orders wait for a day when the address they go to, or an address of their people, was changed."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"

BEFORE = (
    "credential_suspended",
    "credential_revoked",
    "membership_ended",
    "account_closed",
    "site_closed",
    "safety_officer_unnamed",
    "seller_suspended",
    "recall_confirmed",
    "answer_turned",
)
NOW = (*BEFORE[:-1], "address_changed", "email_changed", BEFORE[-1])

KEPT = "(OLD.id, OLD.order_id, OLD.cause, OLD.reference, OLD.words, OLD.placed_by, OLD.placed_at) THEN"
# The end of a wait may be put off, never brought nearer.
KEPT_UNTIL = """(OLD.id, OLD.order_id, OLD.cause, OLD.reference, OLD.words, OLD.placed_by, OLD.placed_at)
                OR (NEW.until IS DISTINCT FROM OLD.until
                    AND coalesce(NEW.until <= OLD.until OR NEW.lifted_at IS NOT NULL, true)) THEN"""
LIFTED = "        SELECT * INTO ordered FROM orders WHERE id = NEW.order_id;"
PUT_OFF = """        IF NEW.lifted_at IS NULL AND NEW.until > OLD.until THEN
            RETURN NEW;
        END IF;
        SELECT * INTO ordered FROM orders WHERE id = NEW.order_id;"""


def _reword(words, others):
    """Change some words of what 0005 wrote, whatever else later migrations made it say."""
    written = op.get_bind().scalar(
        sa.text("SELECT pg_get_functiondef(CAST('order_hold_keep_history()' AS regprocedure))")
    )
    assert written.count(words) == 1, f"order_hold_keep_history does not say {words!r} once"
    op.execute(sa.text(written.replace(words, others).replace(":", "\\:")))


def _causes(causes):
    op.drop_constraint(op.f("order_holds_cause"), "order_holds")
    listed = ", ".join(f"'{cause}'" for cause in causes)
    op.create_check_constraint(op.f("order_holds_cause"), "order_holds", f"cause IN ({listed})")


def upgrade():
    words = "Nothing lifts it earlier, so that somebody can object; it may be put off. Empty: not waited out."
    op.add_column("order_holds", sa.Column("until", sa.DateTime(timezone=True), nullable=True, comment=words))
    op.create_check_constraint(op.f("order_holds_waiting_has_a_length"), "order_holds", "until > placed_at")
    op.create_check_constraint(op.f("order_holds_waiting_is_waited_out"), "order_holds", "lifted_at >= until")
    _causes(NOW)
    _reword(KEPT, KEPT_UNTIL)
    _reword(LIFTED, PUT_OFF)


def downgrade():
    _reword(PUT_OFF, LIFTED)
    _reword(KEPT_UNTIL, KEPT)
    # What waited for such a change is held for good: history is not rewritten, and nothing leaves unseen.
    op.execute("ALTER TABLE order_holds DISABLE TRIGGER holds_keep_their_history")
    op.execute("UPDATE order_holds SET cause = 'answer_turned' WHERE cause IN ('address_changed', 'email_changed')")
    op.execute("ALTER TABLE order_holds ENABLE TRIGGER holds_keep_their_history")
    _causes(BEFORE)
    op.drop_column("order_holds", "until")

"""The gate's answer to an offer is kept as one: nothing is signed yet, and no order may rest on it."""

from alembic import op

revision = "0056"
down_revision = "0055"

MOMENTS = ["order", "payment_start", "payment_received", "ship_release"]


def _listed(table, column, values):
    op.drop_constraint(op.f(f"{table}_moment"), table, type_="check")
    op.create_check_constraint(op.f(f"{table}_moment"), table, f"{column} IN ({', '.join(map(repr, values))})")


def upgrade():
    _listed("eligibility_decisions", "moment", ["offer", *MOMENTS])
    _listed("orders", "decision_moment", ["offer", *MOMENTS])


def downgrade():
    _listed("orders", "decision_moment", MOMENTS)
    op.execute("ALTER TABLE eligibility_decisions DISABLE TRIGGER USER")  # Else nothing changes what was answered.
    op.execute("UPDATE eligibility_decisions SET moment = 'order' WHERE moment = 'offer'")
    op.execute("ALTER TABLE eligibility_decisions ENABLE TRIGGER USER")
    _listed("eligibility_decisions", "moment", MOMENTS)

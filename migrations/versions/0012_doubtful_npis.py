"""What NPPES has against a stated NPI is a signal of doubt."""

from alembic import op

revision = "0012"
down_revision = "0011"

KINDS = ("number_elsewhere", "document_elsewhere", "number_form", "name_differs", "dates", "rejections")


def upgrade():
    _allow(*KINDS, "npi")


def downgrade():
    # What a person has resolved is kept against changes; what was never known before goes with its kind.
    op.execute("ALTER TABLE risk_signals DISABLE TRIGGER USER")
    op.execute("DELETE FROM risk_signals WHERE kind = 'npi'")
    op.execute("ALTER TABLE risk_signals ENABLE TRIGGER USER")
    _allow(*KINDS)


def _allow(*kinds):
    op.drop_constraint(op.f("risk_signals_signalkind"), "risk_signals", type_="check")
    words = ", ".join(f"'{kind}'" for kind in kinds)
    op.create_check_constraint(op.f("risk_signals_signalkind"), "risk_signals", f"kind IN ({words})")

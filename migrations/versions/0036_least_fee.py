"""Our fee has a least, frozen with the order and its payment as the rate is."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade():
    for table in ("orders", "payments"):
        op.add_column(
            table,
            sa.Column(
                "fee_least_minor",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="Below this our fee does not fall.",
            ),
        )
        op.alter_column(table, "fee_least_minor", server_default=None)
        op.create_check_constraint(op.f(f"{table}_least_fee_is_not_negative"), table, "fee_least_minor >= 0")


def downgrade():
    for table in ("payments", "orders"):
        op.drop_constraint(op.f(f"{table}_least_fee_is_not_negative"), table, type_="check")
        op.drop_column(table, "fee_least_minor")

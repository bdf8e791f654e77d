"""When reconciling last looked at a payment is kept, so that none waits behind others for ever."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

COMMENT = "When reconciling took it up last, whether or not the provider answered."


def upgrade():
    op.add_column("payments", sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True, comment=COMMENT))


def downgrade():
    op.drop_column("payments", "looked_at")

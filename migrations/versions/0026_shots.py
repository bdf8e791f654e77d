"""A photo says which of the needed things it shows, and when it was added."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0026"
down_revision = "0025"


def upgrade():
    op.add_column(
        "listing_photos",
        sa.Column(
            "shows", ARRAY(sa.Text()), nullable=False, server_default="{}", comment="Of `Shot`, as its seller says."
        ),
    )
    op.alter_column("listing_photos", "shows", server_default=None)
    op.add_column(
        "listing_photos",
        sa.Column(
            "added_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Its day is that of the code of possession.",
        ),
    )
    op.create_check_constraint(
        op.f("listing_photos_photo_shows_what_is_asked"),
        "listing_photos",
        "shows <@ ARRAY['front', 'rating_plate', 'rx_label', 'counter_screen', 'tip', 'accessories', 'possession']",
    )


def downgrade():
    op.drop_column("listing_photos", "added_at")
    op.drop_column("listing_photos", "shows")

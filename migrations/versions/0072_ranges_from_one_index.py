"""A range of prices or of used life is counted from its own index alone, with the other ranges and their steps."""

from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade():
    _make("price", "price_minor", ["kind_id", "face_id", "year", "used"])
    _make("used", "used", ["kind_id", "face_id", "price_minor", "year"])


def downgrade():
    _make("price", "price_minor", ["kind_id", "face_id"])
    _make("used", "used", None)


def _make(name, column, included):
    op.drop_index(f"ix_market_units_{name}", "market_units")
    op.create_index(
        f"ix_market_units_{name}", "market_units", [column, "listing_id"], unique=False, postgresql_include=included
    )

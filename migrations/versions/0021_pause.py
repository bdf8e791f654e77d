"""A unit may be paused, is told by its maker and serial number, and keeps the prices that were asked; views are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

STATES = "draft in_review published reserved sold withdrawn"
EVENTS = "submitted approved sent_back recalled reserved released sold withdrawn"
WORDS = {
    ("listings", "state", "listings_listingstate"): (STATES, "paused"),
    ("listing_moves", "state", "listing_moves_listingstate"): (STATES, "paused"),
    ("listing_moves", "event", "listing_moves_listingevent"): (EVENTS, "paused resumed"),
}
APPROVED = "state NOT IN ({}) OR (published_at IS NOT NULL AND approved_by IS NOT NULL)"
LIVE = "state IN ({})"
MAKER = "Who made the unit: with its serial number, which unit it is."


def upgrade():
    op.create_unique_constraint("model_has_one_maker", "device_models", ["id", "maker_id"])
    op.add_column("listings", sa.Column("maker_id", sa.Uuid(), nullable=True, comment=MAKER))
    op.execute("ALTER TABLE listings DISABLE TRIGGER USER")
    op.execute(
        "UPDATE listings SET maker_id = device_models.maker_id FROM device_models WHERE device_models.id = model_id"
    )
    op.execute("ALTER TABLE listings ENABLE TRIGGER USER")
    op.alter_column("listings", "maker_id", nullable=False)
    op.create_foreign_key(
        "maker_is_that_of_the_model", "listings", "device_models", ["model_id", "maker_id"], ["id", "maker_id"]
    )
    for (table, column, name), (before, new) in WORDS.items():
        _checked(table, name, _among(column, f"{before} {new}"))
    _checked("listings", "listings_published_was_approved", APPROVED.format(_words("published paused reserved sold")))
    _indexed(["maker_id", "serial_normal"], "in_review published paused reserved")
    op.create_table(
        "listing_prices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("price_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("price_minor > 0", name=op.f("listing_prices_price_is_positive")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_listing_prices_listing_id_listings")),
        sa.ForeignKeyConstraint(["set_by"], ["users.id"], name=op.f("fk_listing_prices_set_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_prices")),
    )
    op.create_index(op.f("ix_listing_prices_listing_id"), "listing_prices", ["listing_id"], unique=False)
    op.execute(
        "INSERT INTO listing_prices (id, listing_id, price_minor, currency, set_by, at)"
        " SELECT gen_random_uuid(), id, price_minor, currency, created_by, published_at FROM listings"
        " WHERE published_at IS NOT NULL AND price_minor IS NOT NULL"
    )
    for name, when in (("is_append_only", "BEFORE UPDATE OR DELETE"), ("is_never_emptied", "BEFORE TRUNCATE")):
        each = "STATEMENT" if when.endswith("TRUNCATE") else "ROW"
        op.execute(
            f"CREATE TRIGGER listing_prices_{name} {when} ON listing_prices FOR EACH {each}"
            " EXECUTE FUNCTION refuse_change()"
        )
    op.create_table(
        "listing_views",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("listing_views_views_are_counted")),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_listing_views_listing_id_listings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listing_id", "day", name=op.f("pk_listing_views")),
    )


def downgrade():
    op.drop_table("listing_views")
    op.drop_table("listing_prices")
    op.execute("UPDATE listings SET state = 'draft' WHERE state = 'paused'")
    op.execute("ALTER TABLE listing_moves DISABLE TRIGGER USER")
    op.execute("DELETE FROM listing_moves WHERE event IN ('paused', 'resumed') OR state = 'paused'")
    op.execute("ALTER TABLE listing_moves ENABLE TRIGGER USER")
    _indexed(["model_id", "serial_normal"], "in_review published reserved")
    _checked("listings", "listings_published_was_approved", APPROVED.format(_words("published reserved sold")))
    for (table, column, name), (before, _) in WORDS.items():
        _checked(table, name, _among(column, before))
    op.drop_constraint("maker_is_that_of_the_model", "listings", type_="foreignkey")
    op.drop_column("listings", "maker_id")
    op.drop_constraint("model_has_one_maker", "device_models", type_="unique")


def _indexed(columns, states):
    op.drop_index("one_live_listing_per_unit", "listings")
    op.create_index(
        "one_live_listing_per_unit", "listings", columns, unique=True,
        postgresql_where=sa.text(LIVE.format(_words(states))),
    )  # fmt: skip


def _words(words):
    return ", ".join(f"'{word}'" for word in words.split())


def _among(column, words):
    return f"{column} IN ({_words(words)})"


def _checked(table, name, condition):
    op.drop_constraint(op.f(name), table, type_="check")
    op.create_check_constraint(op.f(name), table, condition)

"""A device leaves no more with a filing that was found on it after it was listed than with a lien that was stated."""

from alembic import op

revision = "0064"
down_revision = "0063"

_LEAVES = """
    CREATE OR REPLACE FUNCTION orders_leave_free_of_liens() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF ({rests}) AND NOT EXISTS (SELECT FROM lien_releases WHERE order_id = NEW.id AND confirmed) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'device_leaves_free_of_its_lien',
                MESSAGE = 'a lien rests on this device';
        END IF;
        RETURN NEW;
    END $$
"""
_STATED = "EXISTS (SELECT FROM listings WHERE id = NEW.listing_id AND particulars ->> 'title' = 'financed')"
# Whoever finds one when the device is on its way stops nobody from saying that it has arrived.
_FOUND = (
    "NEW.state IN ('released_to_ship', 'in_transit') AND 'this_unit' ="
    " (SELECT one.found FROM filing_searches AS one WHERE one.listing_id = NEW.listing_id ORDER BY one.position DESC LIMIT 1)"
)

# Whoever lets the device leave holds its order: what was found comes after that, or is seen by it.
_WAITS = """
    CREATE FUNCTION filing_search_waits_for_orders() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM orders WHERE listing_id = NEW.listing_id ORDER BY id FOR NO KEY UPDATE;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.execute(_LEAVES.format(rests=f"{_STATED} OR {_FOUND}"))
    op.execute(_WAITS)
    op.execute(
        "CREATE TRIGGER filing_search_waits_for_orders BEFORE INSERT ON filing_searches"
        " FOR EACH ROW EXECUTE FUNCTION filing_search_waits_for_orders()"
    )


def downgrade():
    op.execute("DROP TRIGGER filing_search_waits_for_orders ON filing_searches")
    op.execute("DROP FUNCTION filing_search_waits_for_orders()")
    op.execute(_LEAVES.format(rests=_STATED))

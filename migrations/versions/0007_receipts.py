"""Orders sell what was judged, listings say what they sell, receipts can be checked, units wait for who qualifies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0007"
down_revision = "0006"

FUNCTIONS = {
    # What `conditions.configuration` writes, said by the database.
    "configuration_of(unit listings)": """
    RETURNS text LANGUAGE sql STABLE AS $$
        SELECT left(encode(sha256(convert_to(format('%s|%s|%s|%s|%s', unit.model_id,
            (SELECT string_agg(modality_code, ',' ORDER BY modality_code COLLATE "C")
             FROM listing_handpieces WHERE listing_id = unit.id),
            unit.rx_label_present, unit.id_label_present, unit.modification), 'UTF8')), 'hex'), 32)
    $$
    """,
    "listing_say_what_it_sells()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        written jsonb := to_jsonb(COALESCE(NEW, OLD));
        changed uuid := (written ->> (CASE TG_TABLE_NAME WHEN 'listings' THEN 'id' ELSE 'listing_id' END))::uuid;
    BEGIN
        IF EXISTS (
            SELECT FROM listings unit WHERE unit.id = changed AND (
                unit.configuration <> configuration_of(unit) OR ARRAY(SELECT unnest(unit.modality_codes) ORDER BY 1)
                    <> ARRAY(SELECT DISTINCT modality_code FROM listing_handpieces WHERE listing_id = changed ORDER BY 1))
        ) THEN
            RAISE EXCEPTION 'listing % says something else than what it sells', changed
                USING ERRCODE = 'check_violation', CONSTRAINT = 'listings_say_what_they_sell';
        END IF;
        RETURN NULL;
    END $$
    """,
    "reduction_for(left_out uuid[])": """
    RETURNS integer LANGUAGE sql STABLE AS $$
        SELECT COALESCE(sum(reduction_minor), 0)::integer FROM listing_handpieces WHERE id = ANY(left_out)
    $$
    """,
    "order_sell_what_was_judged()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        asked uuid;
        sold text[];
        judged text[];
    BEGIN
        IF TG_OP = 'UPDATE' AND NEW.left_out IS DISTINCT FROM OLD.left_out THEN
            RAISE EXCEPTION 'what is left out of a promise does not change'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'orders_left_out_is_fixed';
        END IF;
        SELECT array_agg(id || ' ' || modality_code ORDER BY id) INTO sold
        FROM listing_handpieces WHERE listing_id = NEW.listing_id AND id <> ALL(NEW.left_out);
        IF TG_OP = 'INSERT' AND (sold IS NULL OR EXISTS (
            SELECT FROM unnest(NEW.left_out) part
            WHERE NOT EXISTS (SELECT FROM listing_handpieces WHERE id = part AND listing_id = NEW.listing_id)
        )) THEN
            RAISE EXCEPTION 'an order leaves out parts of its own unit, and not all of them'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_leave_out_parts_of_their_unit';
        END IF;
        FOREACH asked IN ARRAY ARRAY[
            CASE WHEN TG_OP = 'INSERT' THEN NEW.decision_id END,
            CASE WHEN TG_OP = 'INSERT' OR NEW.payment_decision_id IS DISTINCT FROM OLD.payment_decision_id
                THEN NEW.payment_decision_id END,
            CASE WHEN TG_OP = 'INSERT' OR NEW.release_decision_id IS DISTINCT FROM OLD.release_decision_id
                THEN NEW.release_decision_id END
        ] LOOP
            CONTINUE WHEN asked IS NULL;
            SELECT array_agg((part ->> 'id') || ' ' || (part ->> 'modality') ORDER BY (part ->> 'id')::uuid) INTO judged
            FROM eligibility_decisions answer, jsonb_array_elements(answer.facts -> 'device' -> 'handpieces') part
            WHERE answer.id = asked;
            IF judged IS DISTINCT FROM sold THEN
                RAISE EXCEPTION 'the gate judged another configuration than the one that is sold'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_sell_what_was_judged';
            END IF;
        END LOOP;
        RETURN NEW;
    END $$
    """,
}

TRIGGERS = {
    "listings_say_what_they_sell": (
        "CREATE CONSTRAINT TRIGGER listings_say_what_they_sell AFTER INSERT OR UPDATE OF id, model_id, modality_codes,"
        " rx_label_present, id_label_present, modification, configuration ON listings"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION listing_say_what_it_sells()"
    ),
    "handpieces_are_in_what_is_said": (
        "CREATE CONSTRAINT TRIGGER handpieces_are_in_what_is_said AFTER INSERT OR DELETE OR UPDATE OF modality_code"
        " ON listing_handpieces DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION listing_say_what_it_sells()"
    ),
    "handpieces_stay_with_their_unit": (
        "CREATE TRIGGER handpieces_stay_with_their_unit BEFORE UPDATE OF listing_id ON listing_handpieces"
        " FOR EACH ROW WHEN (NEW.listing_id <> OLD.listing_id) EXECUTE FUNCTION refuse_change()"
    ),
    "orders_sell_what_was_judged": (
        "CREATE TRIGGER orders_sell_what_was_judged BEFORE INSERT OR UPDATE ON orders"
        " FOR EACH ROW EXECUTE FUNCTION order_sell_what_was_judged()"
    ),
}

LEFT_OUT = "Handpieces of the unit that the buyer does not buy; the gate judged the rest."
REDUCTION = "By how much the price falls for a buyer who leaves it out; empty: not at all."
WHOLE_PRICE = "AND price_minor = NEW.price_minor"
REDUCED_PRICE = "AND price_minor - reduction_for(NEW.left_out) = NEW.price_minor"


def upgrade():
    op.add_column(
        "orders", sa.Column("left_out", ARRAY(sa.UUID()), nullable=False, server_default="{}", comment=LEFT_OUT)
    )
    op.alter_column("orders", "left_out", server_default=None)
    op.add_column("listing_handpieces", sa.Column("reduction_minor", sa.Integer(), nullable=True, comment=REDUCTION))
    op.create_check_constraint(
        op.f("listing_handpieces_reduction_is_positive"), "listing_handpieces", "reduction_minor > 0"
    )
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    _reword("order_ask_the_gate()", WHOLE_PRICE, REDUCED_PRICE)
    op.execute("UPDATE listings SET configuration = configuration_of(listings)")
    for trigger in TRIGGERS.values():
        op.execute(trigger)


def downgrade():
    _reword("order_ask_the_gate()", REDUCED_PRICE, WHOLE_PRICE)
    op.execute("DROP TRIGGER handpieces_stay_with_their_unit ON listing_handpieces")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature} CASCADE")
    op.drop_column("listing_handpieces", "reduction_minor")
    op.drop_column("orders", "left_out")


def _reword(function, words, others):
    """Change some words of a function that earlier migrations wrote, whatever else they made it say."""
    written = op.get_bind().scalar(
        sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))"), {"name": function}
    )
    assert written.count(words) == 1, f"{function} does not say {words!r} once"
    op.execute(sa.text(written.replace(words, others).replace(":", "\\:")))

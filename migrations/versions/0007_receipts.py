"""Orders sell what was judged, listings say what they sell, receipts can be checked, units wait for who qualifies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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
    "order_wait_for_its_holder()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM reservations WHERE listing_id = NEW.listing_id AND state = 'granted'
                AND held_until > now() AND buyer_id <> NEW.buyer_id) THEN
            RAISE EXCEPTION 'the seller waits for somebody else'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_wait_for_the_holder';
        END IF;
        RETURN NEW;
    END $$
    """,
    # The listing is locked, as an order locks it: of the two that come at once one sees the other.
    "reservation_keep_its_promise()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND ((NEW.listing_id, NEW.buyer_id, NEW.clinic_id) IS DISTINCT FROM
                (OLD.listing_id, OLD.buyer_id, OLD.clinic_id)
                OR OLD.held_until IS NOT NULL AND NEW.held_until IS DISTINCT FROM OLD.held_until) THEN
            RAISE EXCEPTION 'a reservation keeps its unit, its buyer and its time'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reservations_keep_their_promise';
        END IF;
        IF NEW.state = 'granted' AND (TG_OP = 'INSERT' OR OLD.state <> 'granted') THEN
            PERFORM FROM listings WHERE id = NEW.listing_id AND state = 'published' AND clinic_id <> NEW.clinic_id
                FOR UPDATE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'only a unit on the market is kept, and for another clinic'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'reservations_keep_units_on_the_market';
            END IF;
        END IF;
        RETURN NEW;
    END $$
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
    "orders_wait_for_the_holder": (
        "CREATE TRIGGER orders_wait_for_the_holder BEFORE INSERT ON orders"
        " FOR EACH ROW EXECUTE FUNCTION order_wait_for_its_holder()"
    ),
    "reservations_keep_their_promise": (
        "CREATE TRIGGER reservations_keep_their_promise BEFORE INSERT OR UPDATE ON reservations"
        " FOR EACH ROW EXECUTE FUNCTION reservation_keep_its_promise()"
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
    _create_receipts()
    _create_reservations()
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


def _create_receipts():
    op.create_table(
        "gate_receipts",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False, comment="Whoever has it may check the receipt."),
        sa.Column("serial", sa.Text(), nullable=True, comment="The unit's, as it was then."),
        sa.Column("evidence", JSONB(), nullable=False, comment="What each credential rested on, with its digests."),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the answer and everything beside it."),
        sa.CheckConstraint("code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'", name=op.f("gate_receipts_code_is_readable")),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("gate_receipts_digest_is_sha256")),
        sa.ForeignKeyConstraint(
            ["decision_id"],
            ["eligibility_decisions.id"],
            name=op.f("fk_gate_receipts_decision_id_eligibility_decisions"),
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_gate_receipts")),
        sa.UniqueConstraint("code", name=op.f("uq_gate_receipts_code")),
    )
    for name, when in (("is_append_only", "BEFORE UPDATE OR DELETE"), ("is_never_emptied", "BEFORE TRUNCATE")):
        each = "STATEMENT" if when.endswith("TRUNCATE") else "ROW"
        op.execute(
            f"CREATE TRIGGER gate_receipts_{name} {when} ON gate_receipts FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        )


def _create_reservations():
    op.create_table(
        "reservations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False, comment="For which the buyer would buy."),
        sa.Column("message", sa.Text(), nullable=False, comment="What the buyer tells the seller."),
        sa.Column(
            "state",
            sa.Enum(
                "asked",
                "granted",
                "declined",
                "withdrawn",
                "given_up",
                "used",
                "lapsed",
                name="reservationstate",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(message) BETWEEN 1 AND 1000", name=op.f("reservations_message_is_said")),
        sa.CheckConstraint(
            "state NOT IN ('granted', 'used', 'given_up') OR held_until IS NOT NULL",
            name=op.f("reservations_granted_has_an_end"),
        ),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (decided_by IS NULL) AND (state <> 'declined' OR decided_at IS NOT NULL)"
            " AND (held_until IS NULL OR decided_at IS NOT NULL)",
            name=op.f("reservations_decision_is_signed"),
        ),
        sa.CheckConstraint(
            "held_until > decided_at AND held_until <= decided_at + interval '14 days'",
            name=op.f("reservations_grant_is_bounded"),
        ),
        sa.ForeignKeyConstraint(["buyer_id"], ["users.id"], name=op.f("fk_reservations_buyer_id_users")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_reservations_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_reservations_decided_by_users")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_reservations_listing_id_listings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    op.create_index(op.f("ix_reservations_buyer_id"), "reservations", ["buyer_id"])
    op.create_index(
        "one_holder_per_unit",
        "reservations",
        ["listing_id"],
        unique=True,
        postgresql_where=sa.text("state = 'granted'"),
    )
    op.create_index(
        "one_request_per_buyer_and_unit",
        "reservations",
        ["listing_id", "buyer_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('asked', 'granted')"),
    )


def downgrade():
    _reword("order_ask_the_gate()", REDUCED_PRICE, WHOLE_PRICE)
    op.execute("DROP TRIGGER handpieces_stay_with_their_unit ON listing_handpieces")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature} CASCADE")
    op.drop_table("reservations")
    op.drop_table("gate_receipts")
    op.drop_column("listing_handpieces", "reduction_minor")
    op.drop_column("orders", "left_out")


def _reword(function, words, others):
    """Change some words of a function that earlier migrations wrote, whatever else they made it say."""
    written = op.get_bind().scalar(
        sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))"), {"name": function}
    )
    assert written.count(words) == 1, f"{function} does not say {words!r} once"
    op.execute(sa.text(written.replace(words, others).replace(":", "\\:")))

"""Offers below the asked price, what sellers say of them, and orders at a price that was agreed."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"

STATES = ("open", "countered", "accepted", "declined", "withdrawn", "lapsed")
ASKED = "AND price_minor - reduction_for(NEW.left_out) = NEW.price_minor"
AGREED = (
    "AND CASE WHEN NEW.offer_id IS NULL THEN price_minor - reduction_for(NEW.left_out)"
    " ELSE offered_price(NEW) END = NEW.price_minor"
)
PROMISE = {side: (f"{side}.fee_minor, {side}.decision_id)", f"{side}.fee_minor, {side}.decision_id, {side}.offer_id)")
           for side in ("NEW", "OLD")}  # fmt: skip
# A price below the asked one is that of an agreement with this very buyer, for the whole unit, which stands until now.
OFFERED_PRICE = """
    CREATE FUNCTION offered_price(ordered orders)
    RETURNS integer LANGUAGE sql STABLE AS $$
        SELECT offer.agreed_minor FROM offers offer JOIN reservations kept ON kept.id = offer.reservation_id
        WHERE offer.id = ordered.offer_id AND offer.state = 'accepted' AND offer.listing_id = ordered.listing_id
            AND offer.buyer_id = ordered.buyer_id AND offer.clinic_id = ordered.buyer_clinic_id
            AND offer.currency = ordered.currency AND ordered.left_out = '{}'
            AND kept.state IN ('granted', 'used') AND kept.held_until > now()
    $$
"""
KEEPS_ITS_WORD = """
    CREATE FUNCTION offer_keeps_its_word()
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        later text[] := '{state,counter_minor,agreed_minor,reservation_id,answered_by,moved_at}';
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NOT EXISTS (
                SELECT FROM eligibility_decisions answer JOIN listings unit ON unit.id = answer.listing_id
                WHERE answer.id = NEW.decision_id AND answer.cleared AND answer.listing_id = NEW.listing_id
                    AND answer.buyer_id = NEW.buyer_id AND answer.site_id = NEW.site_id
                    AND unit.state = 'published' AND unit.clinic_id <> NEW.clinic_id
                    AND NEW.amount_minor < unit.price_minor
            ) THEN
                RAISE EXCEPTION 'only who is cleared offers, and less than is asked'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'offers_are_cleared';
            END IF;
            RETURN NEW;
        END IF;
        IF TG_OP = 'DELETE' OR OLD.state NOT IN ('open', 'countered') AND NEW IS DISTINCT FROM OLD
            OR to_jsonb(NEW) - later <> to_jsonb(OLD) - later
            OR OLD.counter_minor IS NOT NULL AND NEW.counter_minor IS DISTINCT FROM OLD.counter_minor
        THEN
            RAISE EXCEPTION 'what was offered, named and agreed does not change'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'offers_keep_their_word';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.create_table(
        "offers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False, comment="The recorded yes with which it was made."),
        sa.Column("amount_minor", sa.Integer(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "counter_minor", sa.Integer(), nullable=True, comment="The seller's own price, where they named one."
        ),
        sa.Column("agreed_minor", sa.Integer(), nullable=True),
        sa.Column(
            "reservation_id",
            sa.Uuid(),
            nullable=True,
            comment="What keeps unit and price for the buyer once they are agreed.",
        ),
        sa.Column("answered_by", sa.Uuid(), nullable=True, comment="Who answered for the seller."),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="offerstate", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor >= 10000", name=op.f("offers_offer_is_of_a_hundred_or_more")),
        sa.CheckConstraint("currency ~ '^[a-z]{3}$'", name=op.f("offers_offer_currency_is_iso")),
        sa.CheckConstraint("counter_minor > amount_minor", name=op.f("offers_counter_is_above_the_offer")),
        sa.CheckConstraint(
            "state <> 'countered' OR counter_minor IS NOT NULL", name=op.f("offers_counter_names_a_price")
        ),
        sa.CheckConstraint(
            "(state = 'accepted') = (agreed_minor IS NOT NULL) AND (state = 'accepted') = (reservation_id IS NOT NULL)"
            " AND (state <> 'accepted' OR answered_by IS NOT NULL)",
            name=op.f("offers_agreement_is_whole"),
        ),
        sa.CheckConstraint(
            "agreed_minor = amount_minor OR agreed_minor = coalesce(counter_minor, 0)",
            name=op.f("offers_agreed_price_was_named"),
        ),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_offers_{column}_{table}"))
            for column, table in (
                ("listing_id", "listings"),
                ("buyer_id", "users"),
                ("clinic_id", "clinics"),
                ("site_id", "clinic_sites"),
                ("decision_id", "eligibility_decisions"),
                ("reservation_id", "reservations"),
                ("answered_by", "users"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
    )
    op.create_index(op.f("ix_offers_buyer_id"), "offers", ["buyer_id"])
    op.create_index(
        "one_open_offer_per_buyer_and_unit",
        "offers",
        ["listing_id", "buyer_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('open', 'countered')"),
    )
    op.create_table(
        "offer_terms",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.Column("floor_minor", sa.Integer(), nullable=True, comment="Told to no buyer."),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("floor_minor > 0", name=op.f("offer_terms_floor_is_positive")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_offer_terms_listing_id_listings")),
        sa.ForeignKeyConstraint(["set_by"], ["users.id"], name=op.f("fk_offer_terms_set_by_users")),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_offer_terms")),
    )
    words = "The agreed offer whose price it has; empty: the asked price."
    op.add_column("orders", sa.Column("offer_id", sa.Uuid(), nullable=True, comment=words))
    op.create_foreign_key(op.f("fk_orders_offer_id_offers"), "orders", "offers", ["offer_id"], ["id"])
    op.create_unique_constraint(op.f("uq_orders_offer_id"), "orders", ["offer_id"])
    op.execute(OFFERED_PRICE)
    op.execute(KEEPS_ITS_WORD)
    op.execute(
        "CREATE TRIGGER offers_keep_their_word BEFORE INSERT OR UPDATE OR DELETE ON offers"
        " FOR EACH ROW EXECUTE FUNCTION offer_keeps_its_word()"
    )
    _reword("order_ask_the_gate()", ASKED, AGREED)
    for words, others in PROMISE.values():
        _reword("order_ask_the_gate()", words, others)


def downgrade():
    _reword("order_ask_the_gate()", AGREED, ASKED)
    for words, others in PROMISE.values():
        _reword("order_ask_the_gate()", others, words)
    op.execute("DROP FUNCTION offered_price(orders)")
    op.drop_column("orders", "offer_id")
    op.drop_table("offer_terms")
    op.drop_table("offers")
    op.execute("DROP FUNCTION offer_keeps_its_word()")


def _reword(function, words, others):
    """Change some words of a function that earlier migrations wrote, whatever else they made it say."""
    written = op.get_bind().scalar(
        sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))"), {"name": function}
    )
    assert written.count(words) == 1, f"{function} does not say {words!r} once"
    op.execute(sa.text(written.replace(words, others).replace(":", "\\:")))

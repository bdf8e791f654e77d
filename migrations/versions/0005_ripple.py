"""Orders that are held when what they rest on is lost, memberships with a beginning and an end."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

CAUSES = (
    "credential_suspended",
    "credential_revoked",
    "membership_ended",
    "account_closed",
    "site_closed",
    "safety_officer_unnamed",
    "seller_suspended",
    "answer_turned",
)

DAYS = {
    "starts_on": "The first day that counts, where devices are used.",
    "ends_on": "The last day that counts; empty: until somebody ends it.",
}

FUNCTIONS = {
    # Whoever is lost is lost under a lock of the clinic, the account or the credential. FOR SHARE makes us wait for
    # that, and we then see it; and it makes whoever is about to be lost wait for us, and then see our order.
    "decision_stands(decision uuid)": """
    RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        answer eligibility_decisions;
        seller uuid;
        site clinic_sites;
        people uuid[];
    BEGIN
        SELECT * INTO answer FROM eligibility_decisions WHERE id = decision;
        SELECT clinic_id INTO seller FROM listings WHERE id = answer.listing_id;
        SELECT * INTO site FROM clinic_sites WHERE id = answer.site_id;
        people := ARRAY[answer.buyer_id, answer.operator_id] || answer.practitioner_id;
        PERFORM FROM clinics WHERE id IN (site.clinic_id, seller) ORDER BY id FOR SHARE;
        PERFORM FROM users WHERE id = ANY (people) ORDER BY id FOR SHARE;
        SELECT * INTO site FROM clinic_sites WHERE id = answer.site_id;
        RETURN site.closed_at IS NULL
            AND (site.laser_safety_officer_id IS NOT NULL
                OR coalesce(answer.facts #>> '{site,safety_officer_named}', 'true') = 'false')
            AND EXISTS (SELECT FROM clinics WHERE id = seller AND seller_standing = 'verified')
            AND people_belong(people, site.id)
            AND credentials_stand(decision);
    END $$
    """,
    # A membership counts from the first to the last of its days, where the device is used.
    "people_belong(people uuid[], place uuid)": """
    RETURNS boolean LANGUAGE sql AS $$
        SELECT NOT EXISTS (
            SELECT FROM unnest(people) AS wanted (id) WHERE wanted.id IS NOT NULL AND NOT EXISTS (
                SELECT FROM clinic_members member
                JOIN clinic_sites site ON site.clinic_id = member.clinic_id AND site.id = place
                JOIN users person ON person.id = member.user_id
                WHERE member.user_id = wanted.id AND member.left_at IS NULL AND person.disabled_at IS NULL
                    AND (member.starts_on IS NULL OR member.starts_on <= (now() AT TIME ZONE site.time_zone)::date)
                    AND (member.ends_on IS NULL OR member.ends_on >= (now() AT TIME ZONE site.time_zone)::date)
            )
        )
    $$
    """,
    "order_is_held(ordered uuid)": """
    RETURNS boolean LANGUAGE sql AS $$
        SELECT EXISTS (SELECT FROM order_holds WHERE order_id = ordered AND lifted_at IS NULL)
    $$
    """,
    "order_hold_keep_history()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        ordered orders;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.lifted_at IS NOT NULL THEN
                RAISE EXCEPTION 'a hold begins by holding'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'holds_begin_by_holding';
            END IF;
            -- A step that is being taken is waited for; one that comes later finds the hold.
            PERFORM FROM orders WHERE id = NEW.order_id FOR UPDATE;
            RETURN NEW;
        END IF;
        IF TG_OP <> 'UPDATE' OR OLD.lifted_at IS NOT NULL
                OR (NEW.id, NEW.order_id, NEW.cause, NEW.reference, NEW.words, NEW.placed_by, NEW.placed_at)
                IS DISTINCT FROM
                (OLD.id, OLD.order_id, OLD.cause, OLD.reference, OLD.words, OLD.placed_by, OLD.placed_at) THEN
            RAISE EXCEPTION 'a hold keeps what was written'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'holds_keep_their_history';
        END IF;
        SELECT * INTO ordered FROM orders WHERE id = NEW.order_id;
        IF NOT EXISTS (
            SELECT FROM eligibility_decisions answer
            WHERE answer.id = NEW.lifted_decision_id AND answer.decided_at >= OLD.placed_at
                AND gate_said_yes(answer.id, answer.moment, ordered)
        ) THEN
            RAISE EXCEPTION 'a hold is only lifted by a fresh yes of the gate'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'holds_are_lifted_by_a_yes';
        END IF;
        RETURN NEW;
    END $$
    """,
}

# What 0002 wrote, with what it asks now.
GATE_SAID_YES = """
    CREATE OR REPLACE FUNCTION gate_said_yes(decision uuid, asked text, ordered orders)
    RETURNS boolean LANGUAGE sql AS $$
        SELECT EXISTS (
            SELECT FROM eligibility_decisions answer
            WHERE answer.id = decision AND answer.moment = asked AND answer.cleared
                AND answer.listing_id = ordered.listing_id AND answer.buyer_id = ordered.buyer_id
                AND answer.operator_id = ordered.operator_id AND answer.site_id = ordered.site_id
                AND answer.decided_at BETWEEN now() - interval '15 minutes' AND now() + interval '5 minutes'
                AND EXISTS (SELECT FROM decision_credentials WHERE decision_id = decision)
        ) AND {stands}(decision)
    $$
"""

ORDER_ASK_THE_GATE = """
    CREATE OR REPLACE FUNCTION order_ask_the_gate()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'awaiting_practitioner' THEN
                RAISE EXCEPTION 'an order begins by awaiting its practitioner'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_begin_at_the_beginning';
            END IF;
{belonging_before}            IF NOT gate_said_yes(NEW.decision_id, 'order', NEW) THEN
                RAISE EXCEPTION 'no order without a yes of the gate that still stands'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_are_cleared';
            END IF;
            IF NOT EXISTS (
                SELECT FROM listings WHERE id = NEW.listing_id AND state = 'reserved' AND clinic_id = NEW.seller_clinic_id
                    AND price_minor = NEW.price_minor AND currency = NEW.currency
            ) THEN
                RAISE EXCEPTION 'an order repeats the price and the seller of its reserved listing'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_match_their_listing';
            END IF;
{belonging_after}            RETURN NEW;
        END IF;
        IF (NEW.listing_id, NEW.seller_clinic_id, NEW.buyer_id, NEW.buyer_clinic_id, NEW.site_id, NEW.operator_id,
                NEW.declared_uses, NEW.price_minor, NEW.currency, NEW.fee_minor, NEW.decision_id)
                IS DISTINCT FROM
                (OLD.listing_id, OLD.seller_clinic_id, OLD.buyer_id, OLD.buyer_clinic_id, OLD.site_id, OLD.operator_id,
                OLD.declared_uses, OLD.price_minor, OLD.currency, OLD.fee_minor, OLD.decision_id) THEN
            RAISE EXCEPTION 'what was promised does not change'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'orders_promise_is_fixed';
        END IF;
{standing_still}        IF NEW.state = 'funds_held' AND OLD.state <> 'funds_held'
                AND NOT gate_said_yes(NEW.payment_decision_id, 'payment_received', NEW) THEN
            RAISE EXCEPTION 'money is only held for an order that the gate cleared again'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_payment_is_cleared';
        END IF;
        IF NEW.state = 'released_to_ship' AND OLD.state <> 'released_to_ship'
                AND NOT gate_said_yes(NEW.release_decision_id, 'ship_release', NEW) THEN
            RAISE EXCEPTION 'equipment only leaves on a fresh yes of the gate'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_shipping_is_cleared';
        END IF;
        IF NEW.state IN ('in_transit', 'under_inspection', 'accepted', 'settled') AND NEW.state <> OLD.state
                AND OLD.state <> (CASE NEW.state WHEN 'in_transit' THEN 'released_to_ship'
                    WHEN 'under_inspection' THEN 'in_transit' WHEN 'accepted' THEN 'under_inspection'
                    ELSE 'accepted' END) THEN
            RAISE EXCEPTION 'no step of a delivery is left out'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_leave_no_step_out';
        END IF;
        RETURN NEW;
    END $$
"""

BELONGING = """            IF NOT people_belong(ARRAY[NEW.buyer_id, NEW.operator_id], NEW.site_id) THEN
                RAISE EXCEPTION 'buyer and operator belong to the buying clinic'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_people_are_members';
            END IF;
"""

BELONGING_BEFORE = """            IF (SELECT count(DISTINCT user_id) FROM clinic_members WHERE clinic_id = NEW.buyer_clinic_id
                    AND left_at IS NULL AND user_id IN (NEW.buyer_id, NEW.operator_id))
                    <> (CASE WHEN NEW.buyer_id = NEW.operator_id THEN 1 ELSE 2 END) THEN
                RAISE EXCEPTION 'buyer and operator belong to the buying clinic'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_people_are_members';
            END IF;
"""

STANDING_STILL = """        IF NEW.state IN ('funds_held', 'released_to_ship', 'in_transit') AND NEW.state <> OLD.state
                AND order_is_held(NEW.id) THEN
            RAISE EXCEPTION 'an order on hold goes no further'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_on_hold_stand_still';
        END IF;
        IF NEW.practitioner_id IS DISTINCT FROM OLD.practitioner_id
                AND NOT people_belong(ARRAY[NEW.practitioner_id], NEW.site_id) THEN
            RAISE EXCEPTION 'the ordering practitioner belongs to the buying clinic'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_practitioner_is_a_member';
        END IF;
"""

TRIGGERS = (
    (
        "CREATE TRIGGER holds_keep_their_history BEFORE INSERT OR UPDATE OR DELETE ON order_holds"
        " FOR EACH ROW EXECUTE FUNCTION order_hold_keep_history()"
    ),
    (
        "CREATE TRIGGER order_holds_is_never_emptied BEFORE TRUNCATE ON order_holds"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    ),
)


def upgrade():
    for table in ("clinic_members", "clinic_invitations"):
        for day, words in DAYS.items():
            op.add_column(table, sa.Column(day, sa.Date(), nullable=True, comment=words))
    words = "Empty: its last day is over."
    op.add_column("clinic_members", sa.Column("left_by", sa.Uuid(), nullable=True, comment=words))
    op.create_foreign_key(op.f("fk_clinic_members_left_by_users"), "clinic_members", "users", ["left_by"], ["id"])
    op.create_check_constraint(op.f("clinic_members_end_follows_start"), "clinic_members", "ends_on >= starts_on")
    op.create_check_constraint(
        op.f("clinic_invitations_offered_end_follows_start"), "clinic_invitations", "ends_on >= starts_on"
    )
    op.create_table(
        "order_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(*CAUSES, name="cause", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "reference", sa.Uuid(), nullable=False, comment="The credential, person, site or clinic that was lost."
        ),
        sa.Column("words", sa.Text(), nullable=False, comment="What happened, as the buying side and staff read it."),
        sa.Column("placed_by", sa.Uuid(), nullable=True, comment="Empty: the house itself."),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.Uuid(), nullable=True, comment="Empty: the house itself."),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_decision_id", sa.Uuid(), nullable=True, comment="The fresh yes that ended it."),
        sa.CheckConstraint("length(trim(words)) > 0", name=op.f("order_holds_hold_says_why")),
        sa.CheckConstraint(
            "(lifted_at IS NULL) = (lifted_decision_id IS NULL) AND (lifted_by IS NULL OR lifted_at IS NOT NULL)",
            name=op.f("order_holds_lifting_rests_on_an_answer"),
        ),
        sa.CheckConstraint("lifted_at >= placed_at", name=op.f("order_holds_lifting_follows_placing")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_holds_order_id_orders")),
        sa.ForeignKeyConstraint(["placed_by"], ["users.id"], name=op.f("fk_order_holds_placed_by_users")),
        sa.ForeignKeyConstraint(["lifted_by"], ["users.id"], name=op.f("fk_order_holds_lifted_by_users")),
        sa.ForeignKeyConstraint(
            ["lifted_decision_id"],
            ["eligibility_decisions.id"],
            name=op.f("fk_order_holds_lifted_decision_id_eligibility_decisions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_holds")),
    )
    op.create_index(
        "one_open_hold_per_cause",
        "order_holds",
        ["order_id", "cause", "reference"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_index("ix_order_holds_reference", "order_holds", ["reference"])
    op.execute("SET LOCAL check_function_bodies = off")  # They name each other.
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    op.execute(GATE_SAID_YES.format(stands="decision_stands"))
    op.execute(ORDER_ASK_THE_GATE.format(belonging_before=BELONGING, belonging_after="", standing_still=STANDING_STILL))
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade():
    op.execute(GATE_SAID_YES.format(stands="credentials_stand"))
    op.execute(ORDER_ASK_THE_GATE.format(belonging_before="", belonging_after=BELONGING_BEFORE, standing_still=""))
    op.drop_table("order_holds")
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_column("clinic_members", "left_by")
    for table in ("clinic_members", "clinic_invitations"):
        for day in DAYS:
            op.drop_column(table, day)

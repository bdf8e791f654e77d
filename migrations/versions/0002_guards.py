"""What constraints alone cannot say: append-only records, balanced journals, and the gate held against direct SQL."""

from alembic import op

revision = "0002"
down_revision = "0001"

APPEND_ONLY = (
    "audit_events",
    "eligibility_decisions",
    "decision_credentials",
    "credential_checks",
    "credential_moves",
    "listing_moves",
    "order_moves",
    "payment_moves",
    "ledger_journals",
    "ledger_entries",
)

FUNCTIONS = {
    "refuse_change()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% keeps what was written', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_TABLE_NAME || '_is_append_only';
    END $$
    """,
    "policy_keep_published()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.state <> 'draft' AND (TG_OP = 'DELETE' OR (NEW.document, NEW.digest, NEW.number, NEW.standing)
                IS DISTINCT FROM (OLD.document, OLD.digest, OLD.number, OLD.standing)) THEN
            RAISE EXCEPTION 'a published policy keeps its words'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'published_policy_is_fixed';
        END IF;
        IF TG_OP = 'UPDATE' AND NEW.state = 'draft' AND OLD.state <> 'draft' THEN
            RAISE EXCEPTION 'a published policy does not become a draft again'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'published_policy_is_fixed';
        END IF;
        RETURN COALESCE(NEW, OLD);
    END $$
    """,
    "ledger_balance()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        journal uuid := CASE TG_TABLE_NAME WHEN 'ledger_journals' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                           ELSE (to_jsonb(NEW) ->> 'journal_id')::uuid END;
    BEGIN
        IF NOT EXISTS (SELECT FROM ledger_entries WHERE journal_id = journal) OR EXISTS (
            SELECT FROM ledger_entries WHERE journal_id = journal GROUP BY currency HAVING sum(amount_minor) <> 0
        ) THEN
            RAISE EXCEPTION 'journal % does not balance', journal
                USING ERRCODE = 'check_violation', CONSTRAINT = 'journals_balance';
        END IF;
        RETURN NULL;
    END $$
    """,
    "credential_check_confirms()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state = 'verified' AND NOT EXISTS (
            SELECT FROM credential_checks
            WHERE id = NEW.deciding_check_id AND outcome = 'confirmed' AND verifier_id = NEW.verified_by
        ) THEN
            RAISE EXCEPTION 'credential % is not confirmed by its primary source', NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'verified_is_confirmed_by_its_source';
        END IF;
        RETURN NEW;
    END $$
    """,
    # FOR SHARE: a credential that is being revoked makes us wait, and we then see the revocation.
    "credentials_stand(decision uuid)": """
    RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        today date := (SELECT (now() AT TIME ZONE site.time_zone)::date FROM eligibility_decisions answer
                       JOIN clinic_sites site ON site.id = answer.site_id WHERE answer.id = decision);
        credential record;
    BEGIN
        FOR credential IN
            SELECT c.state, c.expires_on FROM credentials c
            JOIN decision_credentials d ON d.credential_id = c.id
            WHERE d.decision_id = decision ORDER BY c.id FOR SHARE OF c
        LOOP
            IF credential.state <> 'verified' OR credential.expires_on < today THEN
                RETURN false;
            END IF;
        END LOOP;
        RETURN true;
    END $$
    """,
    "gate_said_yes(decision uuid, asked text, ordered orders)": """
    RETURNS boolean LANGUAGE sql AS $$
        SELECT EXISTS (
            SELECT FROM eligibility_decisions answer
            WHERE answer.id = decision AND answer.moment = asked AND answer.cleared
                AND answer.listing_id = ordered.listing_id AND answer.buyer_id = ordered.buyer_id
                AND answer.operator_id = ordered.operator_id AND answer.site_id = ordered.site_id
                AND answer.decided_at BETWEEN now() - interval '15 minutes' AND now() + interval '5 minutes'
                AND EXISTS (SELECT FROM decision_credentials WHERE decision_id = decision)
        ) AND credentials_stand(decision)
    $$
    """,
    "order_ask_the_gate()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'awaiting_practitioner' THEN
                RAISE EXCEPTION 'an order begins by awaiting its practitioner'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_begin_at_the_beginning';
            END IF;
            IF NOT gate_said_yes(NEW.decision_id, 'order', NEW) THEN
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
            IF (SELECT count(DISTINCT user_id) FROM clinic_members WHERE clinic_id = NEW.buyer_clinic_id
                    AND left_at IS NULL AND user_id IN (NEW.buyer_id, NEW.operator_id))
                    <> (CASE WHEN NEW.buyer_id = NEW.operator_id THEN 1 ELSE 2 END) THEN
                RAISE EXCEPTION 'buyer and operator belong to the buying clinic'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_people_are_members';
            END IF;
            RETURN NEW;
        END IF;
        IF (NEW.listing_id, NEW.seller_clinic_id, NEW.buyer_id, NEW.buyer_clinic_id, NEW.site_id, NEW.operator_id,
                NEW.declared_uses, NEW.price_minor, NEW.currency, NEW.fee_minor, NEW.decision_id)
                IS DISTINCT FROM
                (OLD.listing_id, OLD.seller_clinic_id, OLD.buyer_id, OLD.buyer_clinic_id, OLD.site_id, OLD.operator_id,
                OLD.declared_uses, OLD.price_minor, OLD.currency, OLD.fee_minor, OLD.decision_id) THEN
            RAISE EXCEPTION 'what was promised does not change'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'orders_promise_is_fixed';
        END IF;
        IF NEW.state = 'funds_held' AND OLD.state <> 'funds_held'
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
    """,
    "payment_match_order()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM orders WHERE id = NEW.order_id AND price_minor = NEW.amount_minor AND currency = NEW.currency
                AND fee_minor = NEW.fee_minor AND seller_clinic_id = NEW.payee_clinic_id
        ) THEN
            RAISE EXCEPTION 'a payment repeats the price, fee and seller of its order'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_match_their_order';
        END IF;
        RETURN NEW;
    END $$
    """,
}

TRIGGERS = (
    *(
        f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        for table in APPEND_ONLY
    ),
    *(
        f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in APPEND_ONLY
    ),
    (
        "CREATE TRIGGER policy_keeps_published BEFORE UPDATE OR DELETE ON policy_versions"
        " FOR EACH ROW EXECUTE FUNCTION policy_keep_published()"
    ),
    (
        "CREATE CONSTRAINT TRIGGER journals_balance AFTER INSERT ON ledger_journals"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balance()"
    ),
    (
        "CREATE CONSTRAINT TRIGGER entries_balance AFTER INSERT ON ledger_entries"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_balance()"
    ),
    (
        "CREATE TRIGGER credentials_are_confirmed BEFORE INSERT OR UPDATE ON credentials"
        " FOR EACH ROW EXECUTE FUNCTION credential_check_confirms()"
    ),
    (
        "CREATE TRIGGER orders_ask_the_gate BEFORE INSERT OR UPDATE ON orders"
        " FOR EACH ROW EXECUTE FUNCTION order_ask_the_gate()"
    ),
    (
        "CREATE TRIGGER payments_match_orders BEFORE INSERT ON payments"
        " FOR EACH ROW EXECUTE FUNCTION payment_match_order()"
    ),
)


def upgrade():
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    for trigger in TRIGGERS:
        op.execute(trigger)


def downgrade():
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature} CASCADE")

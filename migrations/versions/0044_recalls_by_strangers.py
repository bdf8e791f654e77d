"""Nobody judges a recall of a model that a clinic of theirs sells or buys, or lets units out of one."""

from alembic import op

revision = "0044"
down_revision = "0043"

# A clinic that somebody has left counts as theirs: nobody leaves one for an afternoon.
IS_NEAR = """
    CREATE FUNCTION recall_is_near(recall uuid, person uuid)
    RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT EXISTS (
            SELECT FROM clinic_members member
            JOIN recall_matches judged ON judged.id = recall
            JOIN listings unit ON unit.model_id = judged.model_id
            LEFT JOIN orders sale ON sale.listing_id = unit.id
            WHERE member.user_id = person
                AND member.clinic_id IN (unit.clinic_id, sale.seller_clinic_id, sale.buyer_clinic_id)
        )
    $$
"""

BY_STRANGERS = """
    CREATE FUNCTION recall_is_judged_by_strangers()
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        people uuid[];
    BEGIN
        IF TG_TABLE_NAME = 'recall_moves' THEN
            people := ARRAY[NEW.actor_id];
        ELSIF TG_OP = 'INSERT' THEN
            people := ARRAY[NEW.proposed_by, NEW.confirmed_by, NEW.ended_by];
        ELSE
            people := array_remove(ARRAY[
                CASE WHEN OLD.confirmed_by IS NULL THEN NEW.confirmed_by END,
                CASE WHEN OLD.ended_by IS NULL THEN NEW.ended_by END
            ], NULL);
        END IF;
        IF EXISTS (SELECT FROM unnest(people) AS person WHERE recall_is_near(NEW.match_id, person)) THEN
            RAISE EXCEPTION 'who belongs, or belonged, to a clinic that sells or buys such a unit judges no recall of it'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'recall_is_judged_by_strangers';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.execute(IS_NEAR)
    op.execute(BY_STRANGERS)
    op.execute(
        "CREATE TRIGGER recall_is_judged_by_strangers BEFORE INSERT ON recall_moves"
        " FOR EACH ROW EXECUTE FUNCTION recall_is_judged_by_strangers()"
    )
    op.execute(
        "CREATE TRIGGER recall_is_released_by_strangers BEFORE INSERT OR UPDATE ON recall_releases"
        " FOR EACH ROW EXECUTE FUNCTION recall_is_judged_by_strangers()"
    )


def downgrade():
    op.execute("DROP TRIGGER recall_is_released_by_strangers ON recall_releases")
    op.execute("DROP TRIGGER recall_is_judged_by_strangers ON recall_moves")
    op.execute("DROP FUNCTION recall_is_judged_by_strangers(), recall_is_near(uuid, uuid)")

"""Units that an open recall does not, or no longer, concern: by what its notice names, or because they were corrected."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0038"
down_revision = "0037"

# The one place that says which units a recall concerns: pages, the gate and the guard of orders all ask here. At `moment`
# as it was then; NULL: as it is now. A unit whose number nobody knows may be any unit.
RECALL_CONCERNS = """
    CREATE FUNCTION recall_concerns(recall uuid, unit text, moment timestamptz)
    RETURNS boolean LANGUAGE sql STABLE AS $$
        SELECT unit IS NULL OR NOT EXISTS (
            SELECT FROM recall_releases let_out
            WHERE let_out.match_id = recall
                AND let_out.confirmed_at <= coalesce(moment, 'infinity')
                AND (let_out.ended_at IS NULL OR let_out.ended_at > moment)
                AND (
                    let_out.kind = 'corrected' AND let_out.serial = unit
                    OR let_out.kind = 'narrowed' AND NOT EXISTS (
                        SELECT FROM unnest(let_out.named_from, let_out.named_to) AS named (first, last)
                        WHERE length(unit) = length(named.first)
                            AND regexp_replace(unit, '[0-9]+$', '') = regexp_replace(named.first, '[0-9]+$', '')
                            AND unit COLLATE "C" BETWEEN named.first AND named.last
                    )
                )
        )
    $$
"""

KEEPS_ITS_WORD = """
    CREATE FUNCTION recall_release_keeps_its_word()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE'
            OR to_jsonb(NEW) - '{confirmed_by,confirmed_at,ended_by,ended_at,ended_because}'::text[]
                <> to_jsonb(OLD) - '{confirmed_by,confirmed_at,ended_by,ended_at,ended_because}'::text[]
            OR OLD.ended_at IS NOT NULL
            OR OLD.confirmed_at IS NOT NULL AND (NEW.confirmed_at, NEW.confirmed_by) IS DISTINCT FROM
                (OLD.confirmed_at, OLD.confirmed_by)
        THEN
            RAISE EXCEPTION 'what lets units out of a recall is agreed to once, ends once, and never says anything else'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'recall_release_keeps_its_word';
        END IF;
        RETURN NEW;
    END $$
"""

# What 0015 wrote, with what it asks now: a recall that does not concern the unit lets the yes stand.
DECISION_STANDS = """
    CREATE OR REPLACE FUNCTION decision_stands(decision uuid)
    RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        answer eligibility_decisions;
        seller uuid;
        model uuid;
        unit text;
        site clinic_sites;
        people uuid[];
    BEGIN
        SELECT * INTO answer FROM eligibility_decisions WHERE id = decision;
        SELECT clinic_id, model_id, serial_normal INTO seller, model, unit FROM listings WHERE id = answer.listing_id;
        SELECT * INTO site FROM clinic_sites WHERE id = answer.site_id;
        people := ARRAY[answer.buyer_id, answer.operator_id] || answer.practitioner_id;
        PERFORM FROM clinics WHERE id IN (site.clinic_id, seller) ORDER BY id FOR SHARE;
        PERFORM FROM users WHERE id = ANY (people) ORDER BY id FOR SHARE;
        PERFORM FROM device_models WHERE id = model FOR SHARE;
        SELECT * INTO site FROM clinic_sites WHERE id = answer.site_id;
        RETURN site.closed_at IS NULL
            AND (site.laser_safety_officer_id IS NOT NULL
                OR coalesce(answer.facts #>> '{{site,safety_officer_named}}', 'true') = 'false')
            AND EXISTS (SELECT FROM clinics WHERE id = seller AND seller_standing = 'verified')
            AND people_belong(people, site.id)
            AND credentials_stand(decision)
            AND NOT EXISTS (SELECT FROM recall_matches WHERE model_id = model AND state = 'confirmed'{units});
    END $$
"""


def upgrade():
    op.create_table(
        "recall_releases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("narrowed", "corrected", name="releasekind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "named_from", ARRAY(sa.Text()),
            comment="Serial numbers that the notice names, normalised: of each range the first.",
        ),
        sa.Column("named_to", ARRAY(sa.Text()), comment="Of each range the last."),
        sa.Column("serial", sa.Text(), comment="Of the unit that was corrected, normalised."),
        sa.Column("document_id", sa.Uuid(), comment="Shows the correction."),
        sa.Column("performed_by", sa.Text()),
        sa.Column("performed_on", sa.Date()),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.Uuid()),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.Uuid(), comment="Empty: the house itself."),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_because", sa.Text()),
        sa.CheckConstraint(
            "CASE kind WHEN 'narrowed' THEN serial IS NULL AND document_id IS NULL AND performed_by IS NULL"
            " AND performed_on IS NULL AND coalesce(cardinality(named_from), 0) > 0"
            " AND cardinality(named_from) = coalesce(cardinality(named_to), 0)"
            " ELSE named_from IS NULL AND named_to IS NULL AND coalesce(length(serial), 0) > 0"
            " AND document_id IS NOT NULL AND coalesce(length(trim(performed_by)), 0) > 0"
            " AND performed_on IS NOT NULL END",
            name=op.f("recall_releases_release_is_whole"),
        ),
        sa.CheckConstraint("length(trim(words)) > 0", name=op.f("recall_releases_release_says_why")),
        sa.CheckConstraint("confirmed_by <> proposed_by", name=op.f("recall_releases_release_takes_two_people")),
        sa.CheckConstraint(
            "(confirmed_by IS NULL) = (confirmed_at IS NULL)", name=op.f("recall_releases_agreement_is_dated")
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name=op.f("recall_releases_end_says_why")),
        sa.ForeignKeyConstraint(
            ["match_id"], ["recall_matches.id"], name=op.f("fk_recall_releases_match_id_recall_matches")
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_recall_releases_document_id_documents")
        ),
        *(
            sa.ForeignKeyConstraint([who], ["users.id"], name=op.f(f"fk_recall_releases_{who}_users"))
            for who in ("proposed_by", "confirmed_by", "ended_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall_releases")),
    )  # fmt: skip
    op.create_index(op.f("ix_recall_releases_match_id"), "recall_releases", ["match_id"])
    op.create_index(
        "one_living_narrowing_per_match", "recall_releases", ["match_id"], unique=True,
        postgresql_where=sa.text("kind = 'narrowed' AND ended_at IS NULL"),
    )  # fmt: skip
    op.create_index(
        "one_living_correction_per_unit", "recall_releases", ["match_id", "serial"], unique=True,
        postgresql_where=sa.text("kind = 'corrected' AND ended_at IS NULL"),
    )  # fmt: skip
    op.execute(RECALL_CONCERNS)
    op.execute(KEEPS_ITS_WORD)
    op.execute(
        "CREATE TRIGGER recall_release_keeps_its_word BEFORE UPDATE OR DELETE ON recall_releases"
        " FOR EACH ROW EXECUTE FUNCTION recall_release_keeps_its_word()"
    )
    op.execute(
        "CREATE TRIGGER recall_releases_is_never_emptied BEFORE TRUNCATE ON recall_releases"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER recall_releases_change_the_market AFTER INSERT OR UPDATE OR DELETE ON recall_releases"
        " FOR EACH STATEMENT EXECUTE FUNCTION market_look_different()"
    )
    op.execute(DECISION_STANDS.format(units=" AND recall_concerns(id, unit, NULL)"))


def downgrade():
    op.execute(DECISION_STANDS.format(units=""))
    op.drop_table("recall_releases")
    op.execute("DROP FUNCTION recall_release_keeps_its_word(), recall_concerns(uuid, text, timestamptz)")

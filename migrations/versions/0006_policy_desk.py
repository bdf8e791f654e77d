"""Drafts that several people edit, with every edit kept; reviews of what no rule speaks of, decided by two."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

APPEND_ONLY = ("policy_edits", "rule_review_moves")

KEEP_PUBLISHED = """
    CREATE OR REPLACE FUNCTION policy_keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
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
        {more}
        RETURN COALESCE(NEW, OLD);
    END $$
"""
EDITORS_DO_NOT_PUBLISH = """
        IF TG_OP = 'UPDATE' AND NEW.state = 'published' AND EXISTS (
            SELECT FROM policy_edits WHERE version_id = NEW.id AND actor_id = NEW.published_by
        ) THEN
            RAISE EXCEPTION 'whoever edited a policy does not publish it'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'editors_do_not_publish';
        END IF;
"""


STATES = ("asked", "proposed", "approved", "refused", "withdrawn", "ended")
EVENTS = ("proposed", "sent_back", "approved", "refused", "withdrawn", "ended")
EVIDENCE = ("P", "O", "S", "X")
PROCEDURES = (
    "HAIR_NONABLATIVE",
    "SKIN_NONABLATIVE",
    "VASCULAR_PIGMENT",
    "TATTOO",
    "FRACTIONAL_NONABLATIVE",
    "ABLATIVE",
    "RF_NEEDLE",
    "RF_SURFACE",
    "HIFU",
    "CRYO",
    "EMS",
    "LASER_LIPO",
)
REVIEW_POINTS = {
    "listing_id": "listings",
    "site_id": "clinic_sites",
    "operator_id": "users",
    "asked_by": "users",
    "licence_id": "credentials",
    "proposed_by": "users",
    "decided_by": "users",
}
REVIEW_FACTS = {
    "place_is_a_postal_code": "place ~ '^[A-Z]{2}$'",
    "proposal_is_whole": (
        "state NOT IN ('proposed', 'approved', 'ended') OR (licence_id IS NOT NULL AND length(trim(grounds)) > 0"
        " AND length(trim(cited_ref)) > 0 AND length(trim(cited_version)) > 0 AND cited_evidence IS NOT NULL"
        " AND valid_from IS NOT NULL AND valid_to IS NOT NULL AND proposed_by IS NOT NULL)"
    ),
    "one_off_rests_on_a_text_that_was_read": "cited_evidence IN ('P', 'O')",
    "one_off_ends_within_90_days": "valid_to BETWEEN valid_from AND valid_from + 90",
    "approval_of_a_one_off_is_signed": "state NOT IN ('approved', 'ended') OR decided_by IS NOT NULL",
    "one_off_is_decided_by_two": "decided_by <> proposed_by",
    "nobody_decides_their_own_one_off": (
        "asked_by NOT IN (proposed_by, decided_by) AND operator_id NOT IN (proposed_by, decided_by)"
    ),
    "no_to_a_review_has_a_reason": "state NOT IN ('refused', 'ended') OR length(trim(reason)) > 0",
}
# A decision for one physician: the licence of the place is his, and stands, at the moment it is approved.
KEEP_SCOPE = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            RAISE EXCEPTION 'a review is kept'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'rule_reviews_are_kept';
        END IF;
        IF NOT EXISTS (SELECT FROM clinic_sites WHERE id = NEW.site_id AND state = NEW.place) THEN
            RAISE EXCEPTION 'a review is about the place where the site is'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'rule_reviews_are_about_their_site';
        END IF;
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'asked' THEN
                RAISE EXCEPTION 'a review begins with a question'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'rule_reviews_begin_with_a_question';
            END IF;
            RETURN NEW;
        END IF;
        IF (NEW.place, NEW.procedure, NEW.listing_id, NEW.site_id, NEW.operator_id, NEW.asked_by, NEW.asked_at,
                NEW.question) IS DISTINCT FROM (OLD.place, OLD.procedure, OLD.listing_id, OLD.site_id, OLD.operator_id,
                OLD.asked_by, OLD.asked_at, OLD.question) THEN
            RAISE EXCEPTION 'what a review is about does not change'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'rule_reviews_keep_their_scope';
        END IF;
        IF OLD.state IN ('approved', 'refused', 'withdrawn', 'ended') AND (
            NOT (OLD.state = 'approved' AND NEW.state = 'ended') OR
            (NEW.licence_id, NEW.grounds, NEW.cited_ref, NEW.cited_url, NEW.cited_version, NEW.cited_evidence,
                NEW.valid_from, NEW.valid_to, NEW.proposed_by, NEW.decided_by) IS DISTINCT FROM
            (OLD.licence_id, OLD.grounds, OLD.cited_ref, OLD.cited_url, OLD.cited_version, OLD.cited_evidence,
                OLD.valid_from, OLD.valid_to, OLD.proposed_by, OLD.decided_by)
        ) THEN
            RAISE EXCEPTION 'a decided review only ends'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'decided_reviews_are_fixed';
        END IF;
        IF NEW.state = 'approved' AND (OLD.state <> 'proposed'
            OR (NEW.licence_id, NEW.grounds, NEW.cited_ref, NEW.cited_version, NEW.cited_evidence, NEW.valid_from,
                NEW.valid_to, NEW.proposed_by) IS DISTINCT FROM (OLD.licence_id, OLD.grounds, OLD.cited_ref,
                OLD.cited_version, OLD.cited_evidence, OLD.valid_from, OLD.valid_to, OLD.proposed_by)) THEN
            RAISE EXCEPTION 'what is approved is what was proposed'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'approved_as_proposed';
        END IF;
        IF NEW.state = 'approved' THEN
            PERFORM FROM credentials c JOIN clinic_sites site ON site.id = NEW.site_id
            WHERE c.id = NEW.licence_id AND c.holder_id = NEW.operator_id AND c.type_code = 'MD_DO'
                AND c.jurisdiction = NEW.place AND c.state = 'verified'
                AND (c.expires_on IS NULL OR c.expires_on >= (now() AT TIME ZONE site.time_zone)::date)
            FOR SHARE OF c;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'a one-off is for a physician who is licensed in the place'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'one_offs_are_for_physicians_of_the_place';
            END IF;
        END IF;
        RETURN NEW;
    END $$
"""


def _words(name, values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.add_column(
        "policy_versions",
        sa.Column("based_on_id", sa.Uuid(), nullable=True, comment="The version that this one began as a copy of."),
    )
    op.add_column(
        "policy_versions",
        sa.Column(
            "revision",
            sa.Integer(),
            server_default="1",
            nullable=False,
            comment="Counts the edits, so that nobody writes over what they have not seen.",
        ),
    )
    op.add_column("policy_versions", sa.Column("discarded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("policy_versions", sa.Column("discarded_by", sa.Uuid(), nullable=True))
    for column, table in (("based_on_id", "policy_versions"), ("discarded_by", "users")):
        op.create_foreign_key(f"fk_policy_versions_{column}_{table}", "policy_versions", table, [column], ["id"])
    op.create_check_constraint(
        op.f("policy_versions_only_drafts_are_discarded"),
        "policy_versions",
        "discarded_at IS NULL OR (state = 'draft' AND discarded_by IS NOT NULL)",
    )
    op.create_check_constraint(op.f("policy_versions_revision_counts_from_one"), "policy_versions", "revision > 0")
    op.create_table(
        "policy_edits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, comment="The revision that it led to."),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True, comment="Empty: the rule is new."),
        sa.Column("after", postgresql.JSONB(), nullable=True, comment="Empty: the rule was left out."),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_policy_edits_actor_id_users")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["policy_versions.id"], name=op.f("fk_policy_edits_version_id_policy_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_edits")),
        sa.UniqueConstraint("version_id", "revision", name="each_revision_is_one_edit"),
    )
    op.create_table(
        "rule_reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", _words("reviewstate", STATES), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, comment="The state of the site."),
        sa.Column("procedure", _words("procedureclass", PROCEDURES), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("question", sa.Text(), nullable=False, comment="Why the asker believes that it is lawful there."),
        sa.Column(
            "licence_id",
            sa.Uuid(),
            nullable=True,
            comment="The physician's licence of the place that the decision rests on.",
        ),
        sa.Column("grounds", sa.Text(), nullable=True),
        sa.Column("cited_ref", sa.Text(), nullable=True),
        sa.Column("cited_url", sa.Text(), nullable=True),
        sa.Column("cited_version", sa.Text(), nullable=True),
        sa.Column("cited_evidence", _words("evidence", EVIDENCE), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("proposed_by", sa.Uuid(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why not, or why no longer; the asker reads it."),
        *(sa.CheckConstraint(rule, name=op.f(f"rule_reviews_{name}")) for name, rule in REVIEW_FACTS.items()),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_rule_reviews_{column}_{table}"))
            for column, table in REVIEW_POINTS.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_reviews")),
    )
    op.create_index(op.f("ix_rule_reviews_operator_id"), "rule_reviews", ["operator_id"])
    op.create_index(op.f("ix_rule_reviews_asked_by"), "rule_reviews", ["asked_by"])
    op.create_index(
        "one_open_review_of_a_purchase",
        "rule_reviews",
        ["listing_id", "site_id", "operator_id", "procedure"],
        unique=True,
        postgresql_where=sa.text("state IN ('asked', 'proposed')"),
    )
    op.create_table(
        "rule_review_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("event", _words("reviewevent", EVENTS), nullable=True, comment="Empty for the question itself."),
        sa.Column("state", _words("reviewstate", STATES), nullable=False, comment="The state it led to."),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_rule_review_moves_actor_id_users")),
        sa.ForeignKeyConstraint(
            ["review_id"], ["rule_reviews.id"], name=op.f("fk_rule_review_moves_review_id_rule_reviews")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_review_moves")),
    )
    op.create_index(op.f("ix_rule_review_moves_review_id"), "rule_review_moves", ["review_id"])
    op.execute(f"CREATE FUNCTION rule_review_keep_its_scope() {KEEP_SCOPE}")
    op.execute(
        "CREATE TRIGGER rule_reviews_keep_their_scope BEFORE INSERT OR UPDATE OR DELETE ON rule_reviews"
        " FOR EACH ROW EXECUTE FUNCTION rule_review_keep_its_scope()"
    )
    op.execute(KEEP_PUBLISHED.format(more=EDITORS_DO_NOT_PUBLISH))
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade():
    op.execute(KEEP_PUBLISHED.format(more=""))
    op.execute("DROP TABLE rule_review_moves, rule_reviews, policy_edits")
    op.execute("DROP FUNCTION rule_review_keep_its_scope()")
    op.drop_constraint("policy_versions_only_drafts_are_discarded", "policy_versions")
    op.drop_constraint("policy_versions_revision_counts_from_one", "policy_versions")
    for column in ("discarded_by", "discarded_at", "revision", "based_on_id"):
        op.drop_column("policy_versions", column)

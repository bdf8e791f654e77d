"""Records about devices from openFDA, and the recalls among them that may concern a model here."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0015"
down_revision = "0014"

CAUSES = (
    "credential_suspended credential_revoked membership_ended account_closed site_closed safety_officer_unnamed"
    " seller_suspended answer_turned"
)

# What 0005 wrote, with what it asks now: no yes stands for a model under an open recall.
DECISION_STANDS = """
    CREATE OR REPLACE FUNCTION decision_stands(decision uuid)
    RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE
        answer eligibility_decisions;
        seller uuid;
{model}        site clinic_sites;
        people uuid[];
    BEGIN
        SELECT * INTO answer FROM eligibility_decisions WHERE id = decision;
        {unit} WHERE id = answer.listing_id;
        SELECT * INTO site FROM clinic_sites WHERE id = answer.site_id;
        people := ARRAY[answer.buyer_id, answer.operator_id] || answer.practitioner_id;
        PERFORM FROM clinics WHERE id IN (site.clinic_id, seller) ORDER BY id FOR SHARE;
        PERFORM FROM users WHERE id = ANY (people) ORDER BY id FOR SHARE;
{waiting}        SELECT * INTO site FROM clinic_sites WHERE id = answer.site_id;
        RETURN site.closed_at IS NULL
            AND (site.laser_safety_officer_id IS NOT NULL
                OR coalesce(answer.facts #>> '{{site,safety_officer_named}}', 'true') = 'false')
            AND EXISTS (SELECT FROM clinics WHERE id = seller AND seller_standing = 'verified')
            AND people_belong(people, site.id)
            AND credentials_stand(decision){recall};
    END $$
"""

BEFORE = {"model": "", "unit": "SELECT clinic_id INTO seller FROM listings", "waiting": "", "recall": ""}
NOW = {
    "model": "        model uuid;\n",
    "unit": "SELECT clinic_id, model_id INTO seller, model FROM listings",
    "waiting": "        PERFORM FROM device_models WHERE id = model FOR SHARE;\n",
    "recall": "\n            AND NOT EXISTS (SELECT FROM recall_matches WHERE model_id = model AND state = 'confirmed')",
}

WORDS = ("event", "firm", "product_code", "device", "codes", "reason", "classification", "status")
DAYS = ("started_on", "posted_on", "ended_on")
COMMENTS = {
    "codes": "Lots, serial numbers, ranges, or a rule; free text.",
    "classification": "Stands in enforcement reports alone.",
}


def upgrade():
    op.create_table(
        "register_notices",
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("firm", sa.Text(), nullable=True),
        sa.Column("product_code", sa.Text(), nullable=True),
        sa.Column("k_numbers", ARRAY(sa.Text()), nullable=False),
        sa.Column("device", sa.Text(), nullable=True, comment="The device in its publisher's words."),
        sa.Column("codes", sa.Text(), nullable=True, comment=COMMENTS["codes"]),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("classification", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        *(sa.Column(day, sa.Date(), nullable=True) for day in DAYS),
        sa.Column("flaw", sa.Text(), nullable=True, comment="What in it could not be read."),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("register_notices_notice_is_digested")),
        sa.CheckConstraint("length(trim(number)) > 0", name=op.f("register_notices_notice_has_a_number")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["register_snapshots.id"],
            name=op.f("fk_register_notices_snapshot_id_register_snapshots"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "position", name=op.f("pk_register_notices")),
    )
    op.create_index("ix_register_notices_number", "register_notices", ["snapshot_id", "number"])
    op.create_index("ix_register_notices_k_numbers", "register_notices", ["k_numbers"], postgresql_using="gin")
    op.create_table(
        "recalls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False, comment="Such as Z-1346-2022."),
        *(sa.Column(name, sa.Text(), nullable=True, comment=COMMENTS.get(name)) for name in WORDS),
        sa.Column("k_numbers", ARRAY(sa.Text()), nullable=False),
        *(sa.Column(day, sa.Date(), nullable=True) for day in DAYS),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False, comment="The file whose words these are."),
        sa.CheckConstraint("length(trim(number)) > 0", name=op.f("recalls_recall_has_a_number")),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["register_snapshots.id"], name=op.f("fk_recalls_snapshot_id_register_snapshots")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recalls")),
        sa.UniqueConstraint("number", name=op.f("uq_recalls_number")),
    )
    op.create_table(
        "recall_matches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recall_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("basis", _words("basis", "k_number name product_code"), nullable=False),
        sa.Column("state", _words("matchstate", "candidate confirmed rejected closed"), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'candidate') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)"
            " AND (state = 'candidate' OR coalesce(length(trim(reason)), 0) > 0)",
            name=op.f("recall_matches_judged_with_a_reason"),
        ),
        sa.ForeignKeyConstraint(["recall_id"], ["recalls.id"], name=op.f("fk_recall_matches_recall_id_recalls")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["device_models.id"], name=op.f("fk_recall_matches_model_id_device_models")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_recall_matches_decided_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall_matches")),
        sa.UniqueConstraint("recall_id", "model_id", name="one_match_per_recall_and_model"),
    )
    op.create_index(op.f("ix_recall_matches_model_id"), "recall_matches", ["model_id"])
    op.create_index(
        "ix_recall_matches_open", "recall_matches", ["model_id"], postgresql_where=sa.text("state = 'confirmed'")
    )
    op.create_table(
        "recall_moves",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("event", _words("matchevent", "confirmed rejected closed says_more"), nullable=False),
        sa.Column("state", _words("matchstate", "candidate confirmed rejected closed"), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True, comment="Empty: the house itself."),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["match_id"], ["recall_matches.id"], name=op.f("fk_recall_moves_match_id_recall_matches")
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_recall_moves_actor_id_users")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_recall_moves")),
    )
    op.create_index(op.f("ix_recall_moves_match_id"), "recall_moves", ["match_id"])
    op.execute(
        "CREATE TRIGGER recall_moves_is_append_only BEFORE UPDATE OR DELETE ON recall_moves"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER recall_moves_is_never_emptied BEFORE TRUNCATE ON recall_moves"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    _causes(CAUSES + " recall_confirmed")
    op.execute(DECISION_STANDS.format(**NOW))


def downgrade():
    op.execute(DECISION_STANDS.format(**BEFORE))
    _causes(CAUSES)
    for table in ("recall_moves", "recall_matches", "recalls", "register_notices"):
        op.drop_table(table)


def _words(name, words):
    return sa.Enum(*words.split(), name=name, native_enum=False, create_constraint=True, length=40)


def _causes(words):
    op.drop_constraint(op.f("order_holds_cause"), "order_holds", type_="check")
    listed = ", ".join(f"'{word}'" for word in words.split())
    op.create_check_constraint(op.f("order_holds_cause"), "order_holds", f"cause IN ({listed})")

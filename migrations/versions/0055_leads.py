"""What people want arranged around a device, and to whom it was handed on."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"

KINDS = ("finance", "trade_in", "brokerage", "consignment")
STATES = ("open", "proposed", "handed_on", "closed", "withdrawn")
EVENTS = ("proposed", "agreed", "declined", "closed", "withdrawn")

# Nothing leaves the house without its person's word: not by a repair of the data either.
HANDED_ON = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.state = 'handed_on' AND NOT EXISTS (
            SELECT FROM lead_proposals WHERE lead_id = NEW.id AND agreed
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'handed_on_was_agreed_to',
                MESSAGE = 'nobody agreed to hand this request on';
        END IF;
        RETURN NULL;
    END $$
"""
ANSWERED = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR OLD.answered_at IS NOT NULL
            OR (NEW.lead_id, NEW.partner, NEW.partner_email, NEW.words)
                IS DISTINCT FROM (OLD.lead_id, OLD.partner, OLD.partner_email, OLD.words) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'proposal_is_answered_once',
                MESSAGE = 'a proposal stays as it was made, and is answered once';
        END IF;
        RETURN NEW;
    END $$
"""


def _enum(name, values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "leads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", _enum("leadkind", KINDS), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("clinic_id", sa.Uuid(), nullable=False, comment="For whom it is wanted."),
        sa.Column("site_id", sa.Uuid(), nullable=True, comment="Where the financed unit would be used."),
        sa.Column("listing_id", sa.Uuid(), nullable=True, comment="The unit to be financed."),
        sa.Column("device", sa.Text(), nullable=False, comment="What is to be handed in or sold; empty: financing."),
        sa.Column(
            "amount_minor", sa.Integer(), nullable=True, comment="To be financed; else what the person hopes for."
        ),
        sa.Column("months", sa.Integer(), nullable=True, comment="Over which the person would pay."),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("state", _enum("leadstate", STATES), nullable=False),
        sa.Column("closed_because", sa.Text(), nullable=True, comment="Why staff closed it, for its person to read."),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'finance') = (listing_id IS NOT NULL)", name=op.f("leads_financing_names_its_unit")
        ),
        sa.CheckConstraint("(kind = 'finance') = (device = '')", name=op.f("leads_device_that_is_handed_in_is_named")),
        sa.CheckConstraint(
            "(kind = 'finance') = (site_id IS NOT NULL)", name=op.f("leads_financing_names_the_place_of_use")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("leads_lead_amount_is_positive")),
        sa.CheckConstraint("kind <> 'finance' OR amount_minor IS NOT NULL", name=op.f("leads_financing_says_how_much")),
        sa.CheckConstraint(
            "months IS NULL OR kind = 'finance' AND months BETWEEN 6 AND 120",
            name=op.f("leads_lead_months_are_plausible"),
        ),
        sa.CheckConstraint("length(words) <= 2000", name=op.f("leads_lead_words_are_short")),
        sa.CheckConstraint(
            "(state = 'closed') = (length(trim(coalesce(closed_because, ''))) > 0)",
            name=op.f("leads_closed_lead_says_why"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_leads_user_id_users")),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinics.id"], name=op.f("fk_leads_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_leads_listing_id_listings")),
        sa.ForeignKeyConstraint(
            ["site_id", "clinic_id"],
            ["clinic_sites.id", "clinic_sites.clinic_id"],
            name="lead_is_for_a_site_of_its_clinic",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leads")),
    )
    op.create_index(op.f("ix_leads_user_id"), "leads", ["user_id"])
    op.create_index("ix_leads_waiting", "leads", ["created_at", "id"], postgresql_where=sa.text("state = 'open'"))
    op.create_index(
        "one_live_financing_per_person_and_unit",
        "leads",
        ["user_id", "listing_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('open', 'proposed')"),
    )
    op.create_table(
        "lead_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("event", _enum("leadevent", EVENTS), nullable=True),
        sa.Column("state", _enum("leadstate", STATES), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_moves_lead_id_leads")),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_lead_moves_actor_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_moves")),
    )
    op.create_index(op.f("ix_lead_moves_lead_id"), "lead_moves", ["lead_id"])
    op.create_table(
        "lead_proposals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("partner_email", sa.Text(), nullable=False),
        sa.Column(
            "words",
            sa.Text(),
            nullable=False,
            comment="What they do, and what staff know of their terms; nothing is invented.",
        ),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(trim(partner)) BETWEEN 1 AND 200", name=op.f("lead_proposals_partner_is_named")),
        sa.CheckConstraint(
            "length(trim(words)) BETWEEN 1 AND 1000", name=op.f("lead_proposals_proposal_says_what_they_do")
        ),
        sa.CheckConstraint(
            "partner_email ~ '^[^@[:space:]]+@[^@[:space:]]+$'", name=op.f("lead_proposals_partner_can_be_written_to")
        ),
        sa.CheckConstraint(
            "(agreed IS NULL) = (answered_at IS NULL)", name=op.f("lead_proposals_proposal_answer_is_dated")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=op.f("fk_lead_proposals_lead_id_leads")),
        sa.ForeignKeyConstraint(["proposed_by"], ["users.id"], name=op.f("fk_lead_proposals_proposed_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_proposals")),
    )
    op.create_index(
        "one_open_proposal_per_lead",
        "lead_proposals",
        ["lead_id"],
        unique=True,
        postgresql_where=sa.text("answered_at IS NULL"),
    )
    op.execute(f"CREATE FUNCTION leads_handed_on() {HANDED_ON}")
    op.execute(
        "CREATE TRIGGER handed_on_was_agreed_to AFTER INSERT OR UPDATE OF state ON leads"
        " FOR EACH ROW EXECUTE FUNCTION leads_handed_on()"
    )
    op.execute(f"CREATE FUNCTION lead_proposals_answered() {ANSWERED}")
    op.execute(
        "CREATE TRIGGER proposal_is_answered_once BEFORE UPDATE OR DELETE ON lead_proposals"
        " FOR EACH ROW EXECUTE FUNCTION lead_proposals_answered()"
    )


def downgrade():
    op.drop_table("lead_proposals")
    op.execute("DROP FUNCTION lead_proposals_answered()")
    op.drop_table("lead_moves")
    op.drop_table("leads")
    op.execute("DROP FUNCTION leads_handed_on()")

"""What rests on a unit: what was found filed, and the release without which it does not leave."""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"

PAPERS = ["service", "calibration", "lien_release", "manual", "other"]
FOUND = ("nothing", "not_this_unit", "this_unit", "terminated")

KEPT = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'filing_searches_stay',
            MESSAGE = 'what a search of filings found stays as it was written';
    END $$
"""
JUDGED = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR OLD.judged_at IS NOT NULL
            OR (NEW.order_id, NEW.document_id, NEW.words, NEW.handed_in_by, NEW.handed_in_at)
                IS DISTINCT FROM (OLD.order_id, OLD.document_id, OLD.words, OLD.handed_in_by, OLD.handed_in_at) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'lien_release_is_judged_once',
                MESSAGE = 'the release of a lien stays as it was handed in, and is judged once';
        END IF;
        RETURN NEW;
    END $$
"""
# The lien follows the machine: a unit on which one is stated stays where it is until its release was found good.
FREED = """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM listings WHERE id = NEW.listing_id AND particulars ->> 'title' = 'financed')
            AND NOT EXISTS (SELECT FROM lien_releases WHERE order_id = NEW.id AND confirmed) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'device_leaves_free_of_its_lien',
                MESSAGE = 'a lien rests on this device';
        END IF;
        RETURN NEW;
    END $$
"""


def _papers(kinds):
    op.drop_constraint(op.f("listing_papers_paperkind"), "listing_papers", type_="check")
    op.create_check_constraint(
        op.f("listing_papers_paperkind"), "listing_papers", f"kind IN ({', '.join(repr(kind) for kind in kinds)})"
    )


def upgrade():
    _papers([*PAPERS, "payoff_letter"])
    op.create_table(
        "filing_searches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("debtor_name", sa.Text(), nullable=False, comment="Exactly as it was searched."),
        sa.Column("office", sa.Text(), nullable=False, comment="Where: the filing office, and how."),
        sa.Column("through", sa.Date(), nullable=False, comment="The day up to which the office's index was complete."),
        sa.Column(
            "found",
            sa.Enum(*FOUND, name="filingfound", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("file_number", sa.Text(), nullable=True, comment="Of the filing that was found."),
        sa.Column("searched_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "length(trim(debtor_name)) > 0", name=op.f("filing_searches_filings_are_searched_under_a_name")
        ),
        sa.CheckConstraint("length(trim(office)) > 0", name=op.f("filing_searches_filings_are_searched_somewhere")),
        sa.CheckConstraint(
            "found = 'nothing' OR length(trim(coalesce(file_number, ''))) > 0",
            name=op.f("filing_searches_what_is_found_has_its_number"),
        ),
        sa.CheckConstraint(
            "through <= (at AT TIME ZONE 'UTC')::date",
            name=op.f("filing_searches_filings_are_searched_up_to_a_day_that_was"),
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_filing_searches_listing_id_listings")),
        sa.ForeignKeyConstraint(["searched_by"], ["users.id"], name=op.f("fk_filing_searches_searched_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filing_searches")),
    )
    op.create_index(op.f("ix_filing_searches_listing_id"), "filing_searches", ["listing_id"])
    op.create_table(
        "lien_releases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False, comment="What it is, in the seller's words."),
        sa.Column("handed_in_by", sa.Uuid(), nullable=False),
        sa.Column("handed_in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=True),
        sa.Column("because", sa.Text(), nullable=True, comment="How finance found that out; both sides read it."),
        sa.Column("judged_by", sa.Uuid(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(trim(words)) BETWEEN 1 AND 200", name=op.f("lien_releases_lien_release_is_named")),
        sa.CheckConstraint(
            "(judged_at IS NULL) = (judged_by IS NULL) AND (judged_at IS NULL) = (confirmed IS NULL)"
            " AND (judged_at IS NULL) = (length(trim(coalesce(because, ''))) = 0)",
            name=op.f("lien_releases_lien_judgement_is_whole"),
        ),
        sa.CheckConstraint("judged_by <> handed_in_by", name=op.f("lien_releases_nobody_judges_their_own_release")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_lien_releases_order_id_orders")),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name=op.f("fk_lien_releases_document_id_documents")),
        sa.ForeignKeyConstraint(["handed_in_by"], ["users.id"], name=op.f("fk_lien_releases_handed_in_by_users")),
        sa.ForeignKeyConstraint(["judged_by"], ["users.id"], name=op.f("fk_lien_releases_judged_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lien_releases")),
        sa.UniqueConstraint("document_id", name=op.f("uq_lien_releases_document_id")),
    )
    op.create_index(
        "one_lien_release_waits",
        "lien_releases",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("judged_at IS NULL"),
    )
    op.create_index(
        "one_lien_release_frees", "lien_releases", ["order_id"], unique=True, postgresql_where=sa.text("confirmed")
    )
    op.execute(f"CREATE FUNCTION filing_searches_stay() {KEPT}")
    op.execute(
        "CREATE TRIGGER filing_searches_stay BEFORE UPDATE OR DELETE ON filing_searches"
        " FOR EACH ROW EXECUTE FUNCTION filing_searches_stay()"
    )
    op.execute(f"CREATE FUNCTION lien_releases_judged() {JUDGED}")
    op.execute(
        "CREATE TRIGGER lien_release_is_judged_once BEFORE UPDATE OR DELETE ON lien_releases"
        " FOR EACH ROW EXECUTE FUNCTION lien_releases_judged()"
    )
    op.execute(f"CREATE FUNCTION orders_leave_free_of_liens() {FREED}")
    op.execute(
        "CREATE TRIGGER orders_leave_free_of_liens BEFORE INSERT OR UPDATE OF state, listing_id ON orders"
        " FOR EACH ROW WHEN (NEW.state IN ('released_to_ship', 'in_transit', 'under_inspection', 'accepted', 'settled'))"
        " EXECUTE FUNCTION orders_leave_free_of_liens()"
    )


def downgrade():
    op.execute("DROP TRIGGER orders_leave_free_of_liens ON orders")
    op.execute("DROP FUNCTION orders_leave_free_of_liens()")
    op.drop_table("lien_releases")
    op.execute("DROP FUNCTION lien_releases_judged()")
    op.drop_table("filing_searches")
    op.execute("DROP FUNCTION filing_searches_stay()")
    op.execute("DELETE FROM listing_papers WHERE kind = 'payoff_letter'")
    _papers(PAPERS)

"""The condition report is the contract: frozen, numbered, and kept by the order that rests on it; papers of a unit."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

PAPERS = ("service", "calibration", "lien_release", "manual", "other")
KEPT = "Canonical JSON; nothing that was stated is anywhere else."
RESTS = "What the seller stated when the order was placed; empty in orders older than reports."

FUNCTIONS = {
    "order_carry_its_report()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF NEW.report_id IS DISTINCT FROM OLD.report_id THEN
                RAISE EXCEPTION 'what an order rests on does not change'
                    USING ERRCODE = 'restrict_violation', CONSTRAINT = 'orders_report_is_fixed';
            END IF;
        ELSIF NEW.report_id IS NULL OR NEW.report_id IS DISTINCT FROM
                (SELECT id FROM condition_reports WHERE listing_id = NEW.listing_id ORDER BY version DESC LIMIT 1) THEN
            RAISE EXCEPTION 'an order rests on the newest condition report of its unit'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_rest_on_the_newest_report';
        END IF;
        RETURN NEW;
    END $$
    """,
}


def upgrade():
    op.create_table(
        "condition_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False, comment=KEPT),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of `canonical` in UTF-8."),
        sa.Column("made_by", sa.Uuid(), nullable=True, comment="Who submitted or ordered; empty: the house itself."),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("condition_reports_version_is_counted_from_one")),
        sa.CheckConstraint(
            "digest = encode(sha256(convert_to(canonical, 'UTF8')), 'hex')",
            name=op.f("condition_reports_digest_is_of_what_is_kept"),
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_condition_reports_listing_id_listings")),
        sa.ForeignKeyConstraint(["made_by"], ["users.id"], name=op.f("fk_condition_reports_made_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_condition_reports")),
        sa.UniqueConstraint("id", "listing_id", name="report_is_of_this_unit"),
        sa.UniqueConstraint("listing_id", "version", name="report_versions_differ"),
    )
    op.create_table(
        "listing_papers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*PAPERS, name="paperkind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("words", sa.Text(), nullable=False, comment="What it is, in the seller's words."),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(trim(words)) > 0", name=op.f("listing_papers_paper_is_named")),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listings.id"], name=op.f("fk_listing_papers_listing_id_listings"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_listing_papers_document_id_documents")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_papers")),
        sa.UniqueConstraint("document_id", name=op.f("uq_listing_papers_document_id")),
    )
    op.create_index(op.f("ix_listing_papers_listing_id"), "listing_papers", ["listing_id"], unique=False)
    op.add_column("orders", sa.Column("report_id", sa.Uuid(), nullable=True, comment=RESTS))
    op.create_foreign_key(
        "report_is_of_the_ordered_unit",
        "orders",
        "condition_reports",
        ["report_id", "listing_id"],
        ["id", "listing_id"],
    )
    for name, when in (("is_append_only", "BEFORE UPDATE OR DELETE"), ("is_never_emptied", "BEFORE TRUNCATE")):
        each = "STATEMENT" if when.endswith("TRUNCATE") else "ROW"
        op.execute(
            f"CREATE TRIGGER condition_reports_{name} {when} ON condition_reports FOR EACH {each}"
            " EXECUTE FUNCTION refuse_change()"
        )
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    op.execute(
        "CREATE TRIGGER orders_rest_on_a_report BEFORE INSERT OR UPDATE OF report_id ON orders"
        " FOR EACH ROW EXECUTE FUNCTION order_carry_its_report()"
    )


def downgrade():
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature} CASCADE")
    op.drop_constraint("report_is_of_the_ordered_unit", "orders", type_="foreignkey")
    op.drop_column("orders", "report_id")
    op.drop_table("listing_papers")
    op.drop_table("condition_reports")

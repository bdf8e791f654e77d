"""What buyers say of completed sales, and what sellers answer."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"

# Only of a sale that its buyer accepted, so that the gate let it through and the device was there; by that buyer or by
# whoever stands in for them, and by nobody who has a part in the seller.
OF_A_COMPLETED_SALE = """
    CREATE FUNCTION review_is_of_a_completed_sale()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM orders sale JOIN clinic_members member ON member.clinic_id = sale.buyer_clinic_id
            WHERE sale.id = NEW.order_id AND sale.seller_clinic_id = NEW.seller_clinic_id
                AND sale.state IN ('accepted', 'settled') AND sale.release_decision_id IS NOT NULL
                AND member.user_id = NEW.author_id AND member.left_at IS NULL
        ) THEN
            RAISE EXCEPTION 'a review is of a completed sale, by its buying side'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'reviews_are_of_completed_sales';
        END IF;
        IF EXISTS (
            SELECT FROM clinic_members WHERE clinic_id = NEW.seller_clinic_id AND user_id = NEW.author_id
        ) THEN
            RAISE EXCEPTION 'nobody reviews a clinic they belong or belonged to'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'reviews_are_independent';
        END IF;
        RETURN NEW;
    END $$
"""

KEEPS_ITS_WORDS = """
    CREATE FUNCTION review_keeps_its_words()
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        later text[] := '{answer,answered_by,answered_at,hidden_because,hidden_by,hidden_at}';
    BEGIN
        IF TG_OP = 'DELETE' OR to_jsonb(NEW) - later <> to_jsonb(OLD) - later
            OR OLD.answer IS NOT NULL AND NEW.answer IS DISTINCT FROM OLD.answer
            OR OLD.hidden_because IS NOT NULL AND NEW.hidden_because IS DISTINCT FROM OLD.hidden_because
        THEN
            RAISE EXCEPTION 'a review, its answer and why it is hidden never change'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reviews_keep_their_words';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="One review of one sale."),
        sa.Column("seller_clinic_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True, comment="The seller's one answer."),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "hidden_because", sa.Text(), nullable=True, comment="Why staff took the words away; everybody reads it."
        ),
        sa.Column("hidden_by", sa.Uuid(), nullable=True),
        sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name=op.f("reviews_rating_is_from_one_to_five")),
        sa.CheckConstraint("length(trim(words)) BETWEEN 1 AND 2000", name=op.f("reviews_review_has_words")),
        sa.CheckConstraint(
            "(answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answered_by IS NULL)",
            name=op.f("reviews_answer_is_signed"),
        ),
        sa.CheckConstraint(
            "length(trim(coalesce(answer, '-'))) BETWEEN 1 AND 2000", name=op.f("reviews_answer_has_words")
        ),
        sa.CheckConstraint(
            "(hidden_because IS NULL) = (hidden_at IS NULL) AND (hidden_because IS NULL) = (hidden_by IS NULL)",
            name=op.f("reviews_hiding_is_signed"),
        ),
        sa.CheckConstraint(
            "length(trim(coalesce(hidden_because, '-'))) BETWEEN 1 AND 500", name=op.f("reviews_hiding_says_why")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_reviews_order_id_orders")),
        sa.ForeignKeyConstraint(["seller_clinic_id"], ["clinics.id"], name=op.f("fk_reviews_seller_clinic_id_clinics")),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_reviews_author_id_users")),
        sa.ForeignKeyConstraint(["answered_by"], ["users.id"], name=op.f("fk_reviews_answered_by_users")),
        sa.ForeignKeyConstraint(["hidden_by"], ["users.id"], name=op.f("fk_reviews_hidden_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.UniqueConstraint("order_id", name=op.f("uq_reviews_order_id")),
    )
    op.create_index("ix_reviews_seller", "reviews", ["seller_clinic_id", "written_at"])
    op.create_index(op.f("ix_reviews_author_id"), "reviews", ["author_id"])
    op.execute(OF_A_COMPLETED_SALE)
    op.execute(KEEPS_ITS_WORDS)
    op.execute(
        "CREATE TRIGGER reviews_are_of_completed_sales BEFORE INSERT ON reviews"
        " FOR EACH ROW EXECUTE FUNCTION review_is_of_a_completed_sale()"
    )
    op.execute(
        "CREATE TRIGGER reviews_keep_their_words BEFORE UPDATE OR DELETE ON reviews"
        " FOR EACH ROW EXECUTE FUNCTION review_keeps_its_words()"
    )


def downgrade():
    op.drop_table("reviews")
    op.execute("DROP FUNCTION review_is_of_a_completed_sale()")
    op.execute("DROP FUNCTION review_keeps_its_words()")

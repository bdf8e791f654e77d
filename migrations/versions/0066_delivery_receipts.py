"""Who signed for a device when it came: a member of the clinic that bought it, or somebody whom it does not name."""

import sqlalchemy as sa
from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

NAMED = """
    CREATE FUNCTION require_a_signer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM delivery_receipts WHERE order_id = NEW.id) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'arrival_names_who_signed',
                MESSAGE = 'nobody said who signed for the device';
        END IF;
        RETURN NEW;
    END $$
"""
MEMBER = """
    CREATE FUNCTION require_a_signer_of_the_clinic() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.member_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM clinic_members member JOIN orders ON orders.buyer_clinic_id = member.clinic_id
            WHERE orders.id = NEW.order_id AND member.user_id = NEW.member_id
        ) THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'signer_is_of_the_buying_clinic',
                MESSAGE = 'who signed never belonged to the clinic that bought';
        END IF;
        RETURN NEW;
    END $$
"""
STAYS = """
    CREATE FUNCTION keep_delivery_receipts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.settled_at IS NULL
            AND (OLD.order_id, OLD.signed_by, OLD.told_by, OLD.told_at, OLD.attested)
                = (NEW.order_id, NEW.signed_by, NEW.told_by, NEW.told_at, NEW.attested)
            AND OLD.member_id IS NOT DISTINCT FROM NEW.member_id
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'delivery_receipts_stay',
            MESSAGE = 'who signed for a device stays as it was told, and is settled once';
    END $$
"""


def upgrade():
    op.create_table(
        "delivery_receipts",
        sa.Column("order_id", sa.Uuid(), sa.ForeignKey("orders.id"), primary_key=True),
        sa.Column("signed_by", sa.Text(), nullable=False, comment="The name that stands on the carrier's receipt."),
        sa.Column(
            "member_id",
            sa.Uuid(),
            sa.ForeignKey("users.id"),
            comment="Whose name of the buying clinic it is; empty: nobody's there.",
        ),
        sa.Column("told_by", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attested", sa.Boolean(), nullable=False, comment="By the carrier, read by staff."),
        sa.Column("finding", sa.Text(), comment="What staff found of somebody whom the clinic does not name."),
        sa.Column("settled_by", sa.Uuid(), sa.ForeignKey("users.id")),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("length(trim(signed_by)) BETWEEN 1 AND 200", name="signer_is_named"),
        sa.CheckConstraint(
            "(settled_at IS NULL) = (settled_by IS NULL)"
            " AND (settled_at IS NULL) = (length(trim(coalesce(finding, ''))) = 0)",
            name="receipt_is_settled_whole",
        ),
        sa.CheckConstraint("settled_at IS NULL OR member_id IS NULL", name="only_a_doubt_is_settled"),
        sa.CheckConstraint("settled_by <> told_by", name="nobody_settles_what_they_told"),
    )
    op.create_index(
        "ix_delivery_receipts_open",
        "delivery_receipts",
        ["told_at"],
        postgresql_where=sa.text("member_id IS NULL AND settled_at IS NULL"),
    )
    op.execute(NAMED)
    op.execute(MEMBER)
    op.execute(STAYS)
    op.execute(
        "CREATE TRIGGER arrival_names_who_signed AFTER UPDATE OF state ON orders FOR EACH ROW"
        " WHEN (NEW.state = 'under_inspection' AND OLD.state <> 'under_inspection')"
        " EXECUTE FUNCTION require_a_signer()"
    )
    op.execute(
        "CREATE TRIGGER signer_is_of_the_buying_clinic BEFORE INSERT ON delivery_receipts FOR EACH ROW"
        " EXECUTE FUNCTION require_a_signer_of_the_clinic()"
    )
    op.execute(
        "CREATE TRIGGER delivery_receipts_stay BEFORE UPDATE OR DELETE ON delivery_receipts FOR EACH ROW"
        " EXECUTE FUNCTION keep_delivery_receipts()"
    )
    op.execute(
        "CREATE TRIGGER delivery_receipts_is_never_emptied BEFORE TRUNCATE ON delivery_receipts"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade():
    op.execute("DROP TRIGGER arrival_names_who_signed ON orders")
    op.drop_table("delivery_receipts")
    for function in ("require_a_signer", "require_a_signer_of_the_clinic", "keep_delivery_receipts"):
        op.execute(f"DROP FUNCTION {function}()")

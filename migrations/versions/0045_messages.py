"""What the two sides of an order write to each other, and how far each person has read."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"

SPEAKERS = ("buyer", "seller", "staff")


def _speaker():
    return sa.Enum(*SPEAKERS, name="speaker", native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "order_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("speaker", _speaker(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False, comment="As it was written."),
        sa.Column(
            "masked", sa.Text(), nullable=True, comment="What is read until the payment is held; empty: the same."
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "length(trim(words)) BETWEEN 1 AND 2000", name=op.f("order_messages_message_says_something")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_messages_order_id_orders")),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_order_messages_author_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_messages")),
    )
    op.create_index("ix_order_messages_order_id", "order_messages", ["order_id", "at"])
    op.create_table(
        "order_thread_marks",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("speaker", _speaker(), nullable=False, comment="For whom they read."),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "told_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="A mail was promised; no other until they have read.",
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_thread_marks_order_id_orders")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_order_thread_marks_user_id_users")),
        sa.PrimaryKeyConstraint("order_id", "user_id", name=op.f("pk_order_thread_marks")),
    )
    op.execute(
        "CREATE TRIGGER order_messages_is_append_only BEFORE UPDATE OR DELETE ON order_messages"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER order_messages_is_never_emptied BEFORE TRUNCATE ON order_messages"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade():
    op.drop_table("order_thread_marks")
    op.drop_table("order_messages")

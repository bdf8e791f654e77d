"""The one mail of a working day to staff about what waits on their desks."""

import sqlalchemy as sa
from alembic import op

revision = "0065"
down_revision = "0064"


def upgrade():
    op.create_table(
        "desk_digests",
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leads", sa.Integer(), nullable=False),
        sa.Column("inspections", sa.Integer(), nullable=False),
        sa.Column("releases", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "leads >= 0 AND inspections >= 0 AND releases >= 0 AND leads + inspections + releases > 0",
            name=op.f("desk_digests_desk_digest_is_about_something"),
        ),
        sa.CheckConstraint(
            "extract(isodow FROM on_day) < 6", name=op.f("desk_digests_desk_digest_is_of_a_working_day")
        ),
        sa.PrimaryKeyConstraint("on_day", name=op.f("pk_desk_digests")),
    )
    op.execute(
        "CREATE TRIGGER desk_digests_is_never_emptied BEFORE TRUNCATE ON desk_digests"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade():
    op.drop_table("desk_digests")

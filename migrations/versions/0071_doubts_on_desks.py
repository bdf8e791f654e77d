"""The morning mail of the desks says as well how many deliveries were signed for by somebody whom nobody names."""

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

NAME = "desk_digests_desk_digest_is_about_something"
BEFORE = "leads >= 0 AND inspections >= 0 AND releases >= 0 AND leads + inspections + releases > 0"
AFTER = (
    "leads >= 0 AND inspections >= 0 AND releases >= 0 AND doubts >= 0 AND leads + inspections + releases + doubts > 0"
)


def upgrade():
    op.add_column("desk_digests", sa.Column("doubts", sa.Integer(), server_default="0", nullable=False))
    op.alter_column("desk_digests", "doubts", server_default=None)
    _say(AFTER)


def downgrade():
    # That a day had its mail stays known, also of one that was about nothing else.
    op.execute("UPDATE desk_digests SET releases = releases + doubts")
    _say(BEFORE)
    op.drop_column("desk_digests", "doubts")


def _say(rule):
    op.drop_constraint(op.f(NAME), "desk_digests")
    op.create_check_constraint(op.f(NAME), "desk_digests", rule)

"""What staff ask of a draft is kept with what stood at its place when they asked."""

from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade():
    # What stood there is not known of notes that were asked before: they stay until the draft is submitted.
    op.execute(
        "UPDATE listings SET review_notes = (SELECT jsonb_object_agg(step, jsonb_build_object('words', words))"
        " FROM jsonb_each(review_notes) AS note (step, words)) WHERE review_notes <> '{}'"
    )


def downgrade():
    op.execute(
        "UPDATE listings SET review_notes = (SELECT jsonb_object_agg(place, note -> 'words')"
        " FROM jsonb_each(review_notes) AS kept (place, note)) WHERE review_notes <> '{}'"
    )

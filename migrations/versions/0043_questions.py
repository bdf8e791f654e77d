"""Questions about units, what was answered to them, and that neither changes once it was said."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"

STATES = ("open", "answered", "declined", "withdrawn")
EVENTS = ("answered", "added_to", "declined", "withdrawn")
ORIGINAL = "As it was written, where contact was taken out of it; for staff alone."

# Who asked what about which unit stays as it was said; what happens to it is all that may change.
KEEPS_ITS_WORDS = """
    CREATE FUNCTION question_keeps_its_words()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' OR (NEW.listing_id, NEW.asker_id, NEW.words, NEW.original, NEW.asked_at) IS DISTINCT FROM
                (OLD.listing_id, OLD.asker_id, OLD.words, OLD.original, OLD.asked_at) THEN
            RAISE EXCEPTION 'what was asked stays as it was asked'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'question_keeps_its_words';
        END IF;
        RETURN NEW;
    END $$
"""

# What an order rests on tells everything that was asked and answered by then, and shown: no less, and no more.
TELLS_THE_ANSWERS = """
    CREATE FUNCTION order_tell_the_answers()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM condition_reports report WHERE report.id = NEW.report_id
                AND coalesce(jsonb_path_query_array(report.canonical::jsonb, '$.questions[*].answers[*].id'), '[]')
                    IS DISTINCT FROM (
                        SELECT coalesce(jsonb_agg(answer.id ORDER BY asked.asked_at, asked.id, answer.number), '[]')
                        FROM questions asked JOIN question_answers answer ON answer.question_id = asked.id
                        WHERE asked.listing_id = NEW.listing_id AND asked.state = 'answered'
                            AND asked.hidden_at IS NULL
                    )
        ) THEN
            RAISE EXCEPTION 'what an order rests on tells all that was answered'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_rest_on_all_answers';
        END IF;
        RETURN NEW;
    END $$
"""


def _enum(name, values):
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade():
    op.create_table(
        "questions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("asker_id", sa.Uuid(), nullable=False, comment="Nobody but staff learns who."),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=True, comment=ORIGINAL),
        sa.Column("state", _enum("questionstate", STATES), nullable=False),
        sa.Column("declined_because", sa.Text(), nullable=True, comment="As who asked reads it; contact is taken out."),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hidden_by", sa.Uuid(), nullable=True),
        sa.Column("hidden_because", sa.Text(), nullable=True),
        sa.CheckConstraint("length(trim(words)) BETWEEN 1 AND 1000", name=op.f("questions_question_asks_something")),
        sa.CheckConstraint(
            "(state = 'declined') = (declined_because IS NOT NULL)", name=op.f("questions_declining_has_a_reason")
        ),
        sa.CheckConstraint(
            "(hidden_at IS NULL) = (hidden_because IS NULL) AND (hidden_at IS NULL) = (hidden_by IS NULL)",
            name=op.f("questions_hiding_is_signed_and_has_a_reason"),
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_questions_listing_id_listings")),
        sa.ForeignKeyConstraint(["asker_id"], ["users.id"], name=op.f("fk_questions_asker_id_users")),
        sa.ForeignKeyConstraint(["hidden_by"], ["users.id"], name=op.f("fk_questions_hidden_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
    )
    op.create_index(op.f("ix_questions_asker_id"), "questions", ["asker_id"])
    op.create_index("ix_questions_listing_id", "questions", ["listing_id", "asked_at"])
    op.create_index(
        "nobody_asks_the_same_twice", "questions", ["listing_id", "asker_id", sa.text("md5(words)")], unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )  # fmt: skip
    op.create_table(
        "question_answers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=True, comment=ORIGINAL),
        sa.Column("answered_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("question_answers_answers_are_counted_from_one")),
        sa.CheckConstraint(
            "length(trim(words)) BETWEEN 1 AND 2000", name=op.f("question_answers_answer_says_something")
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_question_answers_question_id_questions")
        ),
        sa.ForeignKeyConstraint(["answered_by"], ["users.id"], name=op.f("fk_question_answers_answered_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_answers")),
        sa.UniqueConstraint("question_id", "number", name="answers_are_numbered_apart"),
    )
    op.create_table(
        "question_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("event", _enum("questionevent", EVENTS), nullable=True),
        sa.Column("shown", _enum("shown", ("hidden", "restored")), nullable=True),
        sa.Column("state", _enum("questionstate", STATES), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_question_moves_question_id_questions")
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_question_moves_actor_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_moves")),
    )
    op.create_index(op.f("ix_question_moves_question_id"), "question_moves", ["question_id"])
    op.create_table(
        "question_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("reporter_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("length(trim(reason)) BETWEEN 1 AND 500", name=op.f("question_reports_report_says_why")),
        sa.CheckConstraint(
            "(settled_at IS NULL) = (settled_by IS NULL)", name=op.f("question_reports_settlement_is_signed")
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["questions.id"], name=op.f("fk_question_reports_question_id_questions")
        ),
        sa.ForeignKeyConstraint(["reporter_id"], ["users.id"], name=op.f("fk_question_reports_reporter_id_users")),
        sa.ForeignKeyConstraint(["settled_by"], ["users.id"], name=op.f("fk_question_reports_settled_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_reports")),
        sa.UniqueConstraint("question_id", "reporter_id", name="one_report_per_question_and_person"),
    )
    op.execute(KEEPS_ITS_WORDS)
    op.execute(
        "CREATE TRIGGER questions_keep_their_words BEFORE UPDATE OR DELETE ON questions"
        " FOR EACH ROW EXECUTE FUNCTION question_keeps_its_words()"
    )
    for table in ("question_answers", "question_moves"):
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in ("questions", "question_answers", "question_moves"):
        op.execute(
            f"CREATE TRIGGER {table}_is_never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(TELLS_THE_ANSWERS)
    op.execute(
        "CREATE TRIGGER orders_tell_the_answers BEFORE INSERT ON orders"
        " FOR EACH ROW EXECUTE FUNCTION order_tell_the_answers()"
    )


def downgrade():
    op.execute("DROP TRIGGER orders_tell_the_answers ON orders")
    op.execute("DROP FUNCTION order_tell_the_answers()")
    for table in ("question_reports", "question_moves", "question_answers", "questions"):
        op.drop_table(table)
    op.execute("DROP FUNCTION question_keeps_its_words()")

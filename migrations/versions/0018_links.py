"""Links that are mailed for one thing and serve once, what was answered through them, and where addresses were found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"

FUNCTIONS = {
    "signed_link_keep_its_word()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        keeps boolean;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            keeps := NEW.state = 'waiting' AND NEW.opened_at IS NULL;
        ELSIF TG_OP = 'DELETE' THEN
            keeps := false;
        ELSE
            keeps := OLD.state = 'waiting'
                AND (OLD.opened_at IS NULL OR NEW.opened_at IS NOT DISTINCT FROM OLD.opened_at)
                AND (NEW.id, NEW.purpose, NEW.subject_id, NEW.recipient_id, NEW.bound, NEW.digest, NEW.sent_to,
                     NEW.sent_by, NEW.sent_at, NEW.expires_at)
                IS NOT DISTINCT FROM
                    (OLD.id, OLD.purpose, OLD.subject_id, OLD.recipient_id, OLD.bound, OLD.digest, OLD.sent_to,
                     OLD.sent_by, OLD.sent_at, OLD.expires_at);
        END IF;
        IF NOT keeps THEN
            RAISE EXCEPTION 'a link begins as waiting, ends once, and is always about the same'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'signed_links_keep_their_word';
        END IF;
        RETURN NEW;
    END $$
    """,
    "link_answer_use_its_link()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM signed_links WHERE id = NEW.link_id AND state = 'used' AND ended_at = NEW.answered_at
        ) THEN
            RAISE EXCEPTION 'an answer comes through a link that is used with it'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'answers_use_their_link';
        END IF;
        RETURN NEW;
    END $$
    """,
    "signed_link_be_answered()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM link_answers WHERE link_id = NEW.id) THEN
            RAISE EXCEPTION 'a used link has its answer'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'used_links_are_answered';
        END IF;
        RETURN NULL;
    END $$
    """,
    "link_answer_be_the_orders()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM orders JOIN signed_links ON signed_links.subject_id = orders.id
            WHERE signed_links.id = NEW.link_id AND orders.practitioner_id = signed_links.recipient_id
                AND orders.practitioner_confirmed_at = NEW.answered_at AND orders.practitioner_statement = NEW.words
        ) THEN
            RAISE EXCEPTION 'what was signed through a link is the order''s own signature'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'signed_answers_are_the_orders';
        END IF;
        RETURN NULL;
    END $$
    """,
    "credential_check_say_what_was_answered()": """
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.method = 'issuer_link' AND NOT EXISTS (
            SELECT FROM link_answers JOIN confirmation_requests USING (link_id)
            WHERE link_id = NEW.link_id AND answered_at = NEW.retrieved_at AND link_answers.digest = NEW.file_digest
                AND NEW.outcome = CASE answer
                    WHEN 'confirmed' THEN 'confirmed' WHEN 'not_confirmed' THEN 'differs' ELSE 'not_reachable' END
                AND (answer <> 'confirmed' OR address_from <> 'applicant')
        ) THEN
            RAISE EXCEPTION 'a look through a link says what was answered, when, from an address that counts'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'looks_say_what_was_answered';
        END IF;
        RETURN NEW;
    END $$
    """,
}

TRIGGERS = (
    (
        "CREATE TRIGGER signed_links_keep_their_word BEFORE INSERT OR UPDATE OR DELETE ON signed_links"
        " FOR EACH ROW EXECUTE FUNCTION signed_link_keep_its_word()"
    ),
    (
        "CREATE TRIGGER signed_links_is_never_emptied BEFORE TRUNCATE ON signed_links"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    ),
    (
        "CREATE CONSTRAINT TRIGGER used_links_are_answered AFTER UPDATE ON signed_links"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'used') EXECUTE FUNCTION signed_link_be_answered()"
    ),
    (
        "CREATE TRIGGER answers_use_their_link BEFORE INSERT ON link_answers"
        " FOR EACH ROW EXECUTE FUNCTION link_answer_use_its_link()"
    ),
    (
        "CREATE CONSTRAINT TRIGGER signed_answers_are_the_orders AFTER INSERT ON link_answers"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.purpose = 'sign_order')"
        " EXECUTE FUNCTION link_answer_be_the_orders()"
    ),
    (
        "CREATE TRIGGER looks_say_what_was_answered BEFORE INSERT ON credential_checks"
        " FOR EACH ROW EXECUTE FUNCTION credential_check_say_what_was_answered()"
    ),
    *(
        f"CREATE TRIGGER {table}_{name} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        for table in ("link_answers", "confirmation_requests")
        for name, when, each in (
            ("is_append_only", "BEFORE UPDATE OR DELETE", "ROW"),
            ("is_never_emptied", "BEFORE TRUNCATE", "STATEMENT"),
        )
    ),
)


def _among(name, *words):
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def _purpose():
    return sa.Column("purpose", _among("linkpurpose", "sign_order", "confirm_claim"), nullable=False)


def upgrade():
    _create_links()
    _create_answers()
    _create_requests()
    op.add_column(
        "credential_checks",
        sa.Column(
            "link_id",
            sa.Uuid(),
            nullable=True,
            comment="The mailed link through which the source answered; the look says what was answered (trigger).",
        ),
    )
    op.create_check_constraint(
        op.f("credential_checks_an_answer_came_through_a_link"),
        "credential_checks",
        "link_id IS NULL OR method = 'issuer_link'",
    )
    op.create_foreign_key(
        "answer_is_about_this_credential",
        "credential_checks",
        "confirmation_requests",
        ["link_id", "credential_id"],
        ["link_id", "credential_id"],
    )
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION {signature} {body}")
    for trigger in TRIGGERS:
        op.execute(trigger)


def _create_links():
    op.create_table(
        "signed_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        _purpose(),
        sa.Column(
            "subject_id",
            sa.Uuid(),
            nullable=False,
            comment="The order to be signed, or the credential that is claimed.",
        ),
        sa.Column(
            "recipient_id",
            sa.Uuid(),
            nullable=True,
            comment="The only person for whom it serves; empty: somebody without an account.",
        ),
        sa.Column("bound", JSONB(), nullable=False, comment="What it is about, as it was when it was sent."),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the token, which is not kept."),
        sa.Column("sent_to", sa.Text(), nullable=False),
        sa.Column("sent_by", sa.Uuid(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "opened_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When somebody pressed the button to read it.",
        ),
        sa.Column("state", _among("linkstate", "waiting", "used", "withdrawn", "replaced"), nullable=False),
        sa.Column(
            "ended_at", sa.DateTime(timezone=True), nullable=True, comment="When it was used, withdrawn or replaced."
        ),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("signed_links_token_is_digested")),
        sa.CheckConstraint(
            "sent_to = lower(sent_to) AND sent_to LIKE '%_@_%'", name=op.f("signed_links_address_is_normal")
        ),
        sa.CheckConstraint("expires_at > sent_at", name=op.f("signed_links_expiry_follows_sending")),
        sa.CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name=op.f("signed_links_end_is_dated")),
        sa.CheckConstraint("ended_at >= sent_at", name=op.f("signed_links_end_follows_sending")),
        sa.CheckConstraint("state <> 'used' OR ended_at < expires_at", name=op.f("signed_links_used_in_time")),
        sa.CheckConstraint("opened_at >= sent_at AND opened_at < expires_at", name=op.f("signed_links_opened_in_time")),
        sa.CheckConstraint(
            "purpose <> 'confirm_claim' OR state <> 'used' OR (opened_at IS NOT NULL AND opened_at <= ended_at)",
            name=op.f("signed_links_read_before_it_is_answered"),
        ),
        sa.CheckConstraint(
            "(purpose = 'sign_order') = (recipient_id IS NOT NULL)", name=op.f("signed_links_who_signs_is_known_here")
        ),
        sa.ForeignKeyConstraint(["recipient_id"], ["users.id"], name=op.f("fk_signed_links_recipient_id_users")),
        sa.ForeignKeyConstraint(["sent_by"], ["users.id"], name=op.f("fk_signed_links_sent_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_signed_links_digest")),
        sa.UniqueConstraint("id", "purpose", "subject_id", name="link_has_one_subject"),
    )
    op.create_index("ix_signed_links_subject", "signed_links", ["subject_id"])
    op.create_index(
        "one_waiting_link_per_address",
        "signed_links",
        ["purpose", "subject_id", "sent_to"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting'"),
    )


def _create_answers():
    op.create_table(
        "link_answers",
        sa.Column("link_id", sa.Uuid(), nullable=False),
        _purpose(),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("answer", _among("answer", "signed", "confirmed", "not_confirmed", "cannot_say"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="As the person wrote it, or as their account has it."),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "digest",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the question, the address it went to, and the answer.",
        ),
        sa.CheckConstraint(
            "(purpose = 'sign_order') = (answer = 'signed')", name=op.f("link_answers_answer_fits_its_purpose")
        ),
        sa.CheckConstraint(
            "length(trim(name)) > 0 AND length(trim(role)) > 0", name=op.f("link_answers_answer_says_who")
        ),
        sa.CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name=op.f("link_answers_digest_is_sha256")),
        sa.ForeignKeyConstraint(
            ["link_id", "purpose", "subject_id"],
            ["signed_links.id", "signed_links.purpose", "signed_links.subject_id"],
            name="answer_is_of_its_link",
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_link_answers")),
    )


def _create_requests():
    op.create_table(
        "confirmation_requests",
        sa.Column("link_id", sa.Uuid(), nullable=False),
        _purpose(),
        sa.Column("credential_id", sa.Uuid(), nullable=False),
        sa.Column("asked", _among("asked", "issuer", "employer", "medical_director"), nullable=False),
        sa.Column("office", sa.Text(), nullable=False, comment="Who is asked, by name."),
        sa.Column("address_from", _among("addressfrom", "own_page", "register", "call", "applicant"), nullable=False),
        sa.Column(
            "address_source",
            sa.Text(),
            nullable=False,
            comment="Where exactly the address was found: a page, a register, a call.",
        ),
        sa.CheckConstraint(
            "purpose = 'confirm_claim'", name=op.f("confirmation_requests_request_asks_for_a_confirmation")
        ),
        sa.CheckConstraint("length(trim(office)) > 0", name=op.f("confirmation_requests_office_is_named")),
        sa.CheckConstraint(
            "length(trim(address_source)) > 0", name=op.f("confirmation_requests_source_of_the_address_is_named")
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credentials.id"], name=op.f("fk_confirmation_requests_credential_id_credentials")
        ),
        sa.ForeignKeyConstraint(
            ["link_id", "purpose", "credential_id"],
            ["signed_links.id", "signed_links.purpose", "signed_links.subject_id"],
            name="request_is_what_its_link_asks",
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_confirmation_requests")),
        sa.UniqueConstraint("link_id", "credential_id", name="request_is_about_one_credential"),
    )
    op.create_index(op.f("ix_confirmation_requests_credential_id"), "confirmation_requests", ["credential_id"])


def downgrade():
    op.execute("DROP TRIGGER looks_say_what_was_answered ON credential_checks")
    op.drop_constraint("answer_is_about_this_credential", "credential_checks", type_="foreignkey")
    op.drop_constraint(op.f("credential_checks_an_answer_came_through_a_link"), "credential_checks", type_="check")
    op.drop_column("credential_checks", "link_id")
    for table in ("confirmation_requests", "link_answers", "signed_links"):
        op.drop_table(table)
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")

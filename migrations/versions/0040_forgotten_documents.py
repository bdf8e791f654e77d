"""Identity documents are forgotten: their bytes go, their rows say what they were and when that was."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"

IS_FORGOTTEN_RIGHTLY = """
    CREATE FUNCTION document_is_forgotten_rightly()
    RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.forgotten_at IS NOT NULL AND NEW.forgotten_at IS DISTINCT FROM OLD.forgotten_at THEN
            RAISE EXCEPTION 'what was forgotten does not come back'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'document_is_forgotten_once';
        END IF;
        IF NEW.forgotten_at IS NOT NULL AND (
            EXISTS (SELECT FROM credential_checks WHERE document_id = NEW.id)
            OR EXISTS (SELECT FROM listing_papers WHERE document_id = NEW.id)
            OR EXISTS (SELECT FROM recall_releases WHERE document_id = NEW.id)
        ) THEN
            RAISE EXCEPTION 'something rests on this document: it is a source itself'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'source_is_not_forgotten';
        END IF;
        IF NEW.forgotten_at IS NOT NULL AND OLD.forgotten_at IS NULL AND EXISTS (
            SELECT FROM credential_documents
            JOIN credentials ON credentials.id = credential_documents.credential_id
            WHERE credential_documents.document_id = NEW.id
                AND credentials.state NOT IN ('verified', 'rejected', 'revoked', 'superseded', 'withdrawn')
        ) THEN
            RAISE EXCEPTION 'the case of this document is open'
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'open_case_keeps_its_documents';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade():
    op.add_column(
        "documents",
        sa.Column(
            "forgotten_at",
            sa.DateTime(timezone=True),
            comment="When its bytes were given up; refused for what is a source, and while its case is open (trigger).",
        ),
    )
    op.create_check_constraint(
        op.f("documents_forgotten_after_it_came"), "documents", sa.text("forgotten_at > created_at")
    )
    op.create_index(op.f("ix_credential_documents_document_id"), "credential_documents", ["document_id"])
    op.execute(IS_FORGOTTEN_RIGHTLY)
    op.execute(
        "CREATE TRIGGER document_is_forgotten_rightly BEFORE UPDATE ON documents"
        " FOR EACH ROW EXECUTE FUNCTION document_is_forgotten_rightly()"
    )


def downgrade():
    op.execute("DROP TRIGGER document_is_forgotten_rightly ON documents")
    op.execute("DROP FUNCTION document_is_forgotten_rightly()")
    op.drop_index(op.f("ix_credential_documents_document_id"), "credential_documents")
    op.drop_column("documents", "forgotten_at")

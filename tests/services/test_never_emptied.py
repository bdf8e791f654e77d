"""No table that shows how somebody was cleared, what was sold or where money went can be emptied in one stroke."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from marketplace.extensions import db

# What is made anew from the rest, lapses by itself, or is only on its way.
EXPENDABLE = {
    "alembic_version", "clinic_invitations", "event_cursor", "kept_findings", "known_browsers", "listing_import_units",
    "listing_imports", "listing_views", "listings_to_match", "mailed_tokens", "mails", "market_counts", "market_faces",
    "market_grains", "market_kinds", "market_places", "market_shards", "market_spots", "market_tallies", "market_units",
    "offer_terms", "order_thread_marks", "parked_forms", "procrastinate_events", "procrastinate_jobs",
    "procrastinate_periodic_defers", "procrastinate_workers", "rate_limits", "recovery_codes", "register_rows", "saved_search_hits", "saved_searches",
    "user_sessions", "want_answers", "want_matches", "want_reports", "watches",
}  # fmt: skip


@pytest.fixture
def tables(db_session) -> list[str]:
    ours = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
    return list(db.session.scalars(text(ours)))


def test_only_what_is_expendable_can_be_emptied(tables):
    emptied, trouble = set(), set()
    for table in tables:
        undone = db.session.begin_nested()
        try:
            db.session.execute(text(f"TRUNCATE {table} CASCADE"))
            emptied.add(table)
        except DBAPIError as refusal:
            trouble |= {refusal.orig.sqlstate}
        undone.rollback()
    assert emptied == EXPENDABLE
    assert trouble == {"23001"}  # Our own guards, and nothing else.

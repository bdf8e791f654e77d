"""What is known of recalls names the market as well: a newer file of them changes what the gate answers about a kind."""

from alembic import op

revision = "0049"
down_revision = "0048"

TRIGGERS = {
    "recalls_change_the_market": (
        "recalls",
        "AFTER INSERT OR UPDATE OR DELETE ON recalls FOR EACH STATEMENT",
    ),
    "files_that_count_change_the_market": (
        "register_snapshots",
        "AFTER INSERT ON register_snapshots FOR EACH ROW WHEN (NEW.current_since IS NOT NULL)",
    ),
    "files_change_the_market": (
        "register_snapshots",
        (
            "AFTER UPDATE ON register_snapshots FOR EACH ROW WHEN ("
            "(NEW.current_since, NEW.retrieved_at) IS DISTINCT FROM (OLD.current_since, OLD.retrieved_at))"
        ),
    ),
}


def upgrade():
    for name, (_, when) in TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION market_look_different()")


def downgrade():
    for name, (table, _) in TRIGGERS.items():
        op.execute(f"DROP TRIGGER {name} ON {table}")

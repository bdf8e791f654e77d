"""Migrations are numbered, have one head, go up, down and up again, and arrive where the models are."""

import re
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from marketplace import database

# With what earlier schemas had no word for.
SOMEBODY = """
    WITH person AS (
        INSERT INTO users (id, email, name, password_hash, created_at)
        VALUES (gen_random_uuid(), 'dana@clinic.example', 'Dana Reyes', '-', now()) RETURNING id
    ), sessions AS (
        INSERT INTO user_sessions (id, user_id, token_digest, created_at, last_seen_at, expires_at, confirmed_at, ended_at,
            ended_because, user_agent, address)
        SELECT gen_random_uuid(), id, sha256(why::bytea), now(), now(), now() + interval '1 day', now(), now(), why, '', ''
        FROM person, unnest(ARRAY['disowned', 'email_changed']) AS why
    )
    INSERT INTO mailed_tokens (id, user_id, purpose, digest, created_at, expires_at)
    SELECT gen_random_uuid(), id, purpose, sha256(purpose::bytea), now(), now() + interval '1 day'
    FROM person, unnest(ARRAY['disown', 'second_step']) AS purpose
"""
VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"


def test_migrations_are_numbered_without_a_gap():
    numbers = [re.match(r"(\d{4})_[a-z_]+\.py$", path.name)[1] for path in sorted(VERSIONS.glob("*.py"))]

    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_there_is_one_head_and_it_is_the_newest():
    assert database.head() == f"{len(list(VERSIONS.glob('*.py'))):04}"


@pytest.mark.own_database
def test_the_models_are_at_the_head(fresh_database):
    engine = create_engine(fresh_database(), poolclass=NullPool)
    with engine.connect() as connection:
        assert database.differences(connection) == []
        assert database.is_current(connection)
    engine.dispose()


@pytest.mark.own_database
def test_down_and_up_again_leaves_nothing_behind_and_misses_nothing(fresh_database):
    engine = create_engine(fresh_database(), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO makers (id, name, slug, aliases) VALUES (gen_random_uuid(), 'Candela', 'candela', '{}')")
        )
        connection.execute(text(SOMEBODY))
    database.downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    with engine.connect() as connection:
        functions = connection.scalars(
            text(
                "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS"
                " (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') ORDER BY proname"
            )
        ).all()
        assert functions == []
        assert not database.is_current(connection)
    database.upgrade(engine)
    with engine.connect() as connection:
        assert database.differences(connection) == []
    engine.dispose()

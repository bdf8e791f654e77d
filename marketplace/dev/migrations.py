"""`python -m marketplace.dev.migrations`: fail when the migrations and the models tell different stories."""

import sys
import tempfile
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import create_engine

from marketplace import database
from marketplace.dev.postgres import Server
from marketplace.dev.trouble import Trouble


def main() -> int:
    """Migrate an empty database and compare; return the exit status."""
    try:
        database.head()
        with tempfile.TemporaryDirectory() as directory, Server.start(Path(directory), durable=False) as server:
            server.create_database("compared")
            engine = create_engine(server.url("compared"))
            database.upgrade(engine)
            with engine.connect() as connection:
                differences = database.differences(connection)
            engine.dispose()
    except (CommandError, Trouble) as problem:
        print(problem)
        return 1
    for difference in differences:
        print(difference)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

"""Everything the stand-in knows, as JSON documents in one SQLite file that survives a restart."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

Document = dict[str, Any]

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, number);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    created INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    """Documents by id and kind. One change at a time; a change that fails leaves nothing behind."""

    def __init__(self, path: Path | None) -> None:
        """Open the file, or a store in memory that is gone when it is closed."""
        self._lock = RLock()
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """Hold everybody else off, and keep all of what happens inside or none of it."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything."""
        with self.change():
            for table in ("objects", "answers", "settings"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  The names stand above.

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    # -- documents -------------------------------------------------------------------------------

    def put(self, document: Document) -> None:
        """Keep a document under its `id`, in the order in which they first came."""
        self._rows(
            "INSERT INTO objects (id, kind, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            document["id"],
            document["object"],
            json.dumps(document),
        )

    def find(self, document_id: str) -> Document | None:
        """Return the document of that id, of whatever kind."""
        rows = self._rows("SELECT body FROM objects WHERE id = ?", document_id)
        return json.loads(rows[0][0]) if rows else None

    def all(self, kind: str, **equal: object) -> list[Document]:
        """Return the documents of a kind, newest first, whose fields have these values."""
        wanted = [part for name, value in equal.items() for part in (f'$."{name}"', value)]
        rows = self._rows(
            "SELECT body FROM objects WHERE kind = ?"  # noqa: S608  Only its length depends on the caller.
            + " AND json_extract(body, ?) IS ?" * len(equal)
            + " ORDER BY number DESC",
            kind,
            *wanted,
        )
        return [json.loads(body) for (body,) in rows]

    # -- answers kept for idempotency keys -------------------------------------------------------

    def keep_answer(self, key: str, request: str, status: int, body: Document, at: int) -> None:
        """Keep what was answered to the first request with this key."""
        self._rows("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", key, request, status, json.dumps(body), at)

    def answer(self, key: str) -> tuple[str, int, Document] | None:
        """Return the request, status and body kept under the key."""
        rows = self._rows("SELECT request, status, body FROM answers WHERE key = ?", key)
        return (rows[0][0], rows[0][1], json.loads(rows[0][2])) if rows else None

    def prune_answers(self, before: int) -> None:
        """Forget the answers older than that."""
        self._rows("DELETE FROM answers WHERE created < ?", before)

    # -- settings --------------------------------------------------------------------------------

    def setting(self, name: str, default: Any) -> Any:
        """Return a setting as it was last set."""
        rows = self._rows("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else default

    def set(self, name: str, value: object) -> None:
        """Change a setting."""
        self._rows(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value),
        )

"""Files of registers that count here: the shortest legal rows, written past the importer."""

from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any

from marketplace.credentials.findings import FindingKind, RegisterFinding, RegisterTypeMapping
from marketplace.kernel import clock
from marketplace.registers.models import RegisterNotice, RegisterRow, RegisterSnapshot
from marketplace.registers.normal import core_number, head
from marketplace.registers.records import digest_of
from marketplace.registers.sources import EXCLUSIONS
from marketplace.registers.states import SnapshotState
from tests.factories.accounts import kept

_numbers = count(1)


def make_snapshot(
    source_code: str = "TX:TDLR",
    *rows: dict[str, Any],
    state: SnapshotState | str = SnapshotState.CURRENT,
    retrieved_at: datetime | None = None,
    **values: Any,
) -> RegisterSnapshot:
    """Keep a file with these rows; by default it counts, and was fetched an hour ago."""
    state, retrieved_at = SnapshotState(state), retrieved_at or clock.now() - timedelta(hours=1)
    counts = state in {SnapshotState.CURRENT, SnapshotState.REPLACED}
    number = next(_numbers)
    rows = rows or ({"business_name": "Nobody at all"},)
    defaults = {
        "filename": "list.csv",
        "file_digest": sha256(str(number).encode()).hexdigest(),
        "size_bytes": 100,
        "lines": len(rows) + 1,
        "encoding": "utf-8-sig",
        "headers": ["a", "b"],
        "columns": {},
        "received_at": retrieved_at,
        "rows_read": len(rows),
        "rows_loaded": len(rows),
        "report": {"problems": {}, "license_types": {row.get("license_type") or "": 1 for row in rows}},
        "current_since": retrieved_at if counts else None,
        "refusal": "It was cut off." if state is SnapshotState.REFUSED else None,
    }
    snapshot = kept(
        RegisterSnapshot(source_code=source_code, state=state, retrieved_at=retrieved_at, **{**defaults, **values})
    )
    for position, row in enumerate(rows, 1):
        make_row(snapshot, position, **row)
    return snapshot


def make_row(snapshot: RegisterSnapshot, position: int = 1, **values: Any) -> RegisterRow:
    """Keep one row; what it is found by follows from what it says."""
    values.setdefault("number_key", core_number(values.get("number") or ""))
    values.setdefault("family_head", head(values.get("family_name")))
    values.setdefault("given_head", head(values.get("given_name")))
    values.setdefault("digest", digest_of(sorted((name, str(value)) for name, value in values.items())))
    return kept(RegisterRow(snapshot_id=snapshot.id, position=position, **values))


def make_notice(snapshot: RegisterSnapshot, position: int = 1, **values: Any) -> RegisterNotice:
    """Keep one record about a device."""
    values = {"number": f"Z-{position:04}-2025", "k_numbers": [], "digest": b"\1" * 32, **values}
    return kept(RegisterNotice(snapshot_id=snapshot.id, position=position, **values))


def make_exclusions(*rows: dict[str, Any], **values: Any) -> RegisterSnapshot:
    """Keep a list of excluded persons that counts, and that names nobody who plays here unless told."""
    return make_snapshot(EXCLUSIONS, *rows, **values)


def make_mapping(source_code: str, license_type: str, type_code: str | None, **values: Any) -> RegisterTypeMapping:
    """Say what a register's words mean."""
    values.setdefault("decided_at", clock.now())
    return kept(RegisterTypeMapping(source_code=source_code, license_type=license_type, type_code=type_code, **values))


def make_finding(snapshot: RegisterSnapshot, **values: Any) -> RegisterFinding:
    """Keep a finding; of an exclusion unless it names a credential."""
    values.setdefault("kind", FindingKind.STATUS_CHANGED if "credential_id" in values else FindingKind.EXCLUSION)
    values.setdefault("row_digest", None if values["kind"] == FindingKind.MISSING else b"\1" * 32)
    values.setdefault("strength", "Fair: first and last name")
    values.setdefault("shown", {})
    values.setdefault("found_at", clock.now())
    return kept(RegisterFinding(snapshot_id=snapshot.id, **values))

"""What the database refuses of registers, whoever asks."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from marketplace.credentials.findings import FindingKind, FindingState, PersonNpi
from marketplace.extensions import db
from tests.factories.accounts import make_user
from tests.factories.credentials import make_check, make_credential, make_staff
from tests.factories.registers import make_finding, make_row, make_snapshot
from tests.support import assert_refused_by


@contextmanager
def refused_by(constraint):
    """Claim that the database refuses by this constraint what a factory writes inside."""
    with assert_refused_by(constraint), pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.factories.registers.kept", _flushed)
        patch.setattr("tests.factories.credentials.kept", _flushed)
        yield


class TestSnapshots:
    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("register_snapshots_digest_is_sha256", {"file_digest": "A" * 64}),
            ("register_snapshots_file_is_not_empty", {"size_bytes": 0}),
            ("register_snapshots_rows_add_up", {"rows_refused": 1}),
            ("register_snapshots_refusal_is_said", {"refusal": "It was cut off."}),
            ("register_snapshots_refusal_is_said", {"state": "refused", "refusal": None}),
            ("register_snapshots_current_since_is_dated", {"current_since": None}),
            ("register_snapshots_current_has_rows", {"rows_loaded": 0}),
        ],
    )
    def test_say_no_half_truth(self, constraint, values):
        with refused_by(constraint):
            make_snapshot(**values)

    def test_are_fetched_before_they_are_received(self, now):
        with refused_by("register_snapshots_fetched_before_it_was_received"):
            make_snapshot(retrieved_at=now, received_at=now - timedelta(seconds=1))

    @pytest.mark.parametrize(
        ("constraint", "state"),
        [("one_current_snapshot_per_source", "current"), ("one_loading_snapshot_per_source", "loading")],
    )
    def test_of_one_register_one_counts_and_one_is_loading(self, constraint, state):
        make_snapshot(state=state)
        make_snapshot("TX:TMB", state=state)

        with refused_by(constraint):
            make_snapshot(state=state)


class TestRows:
    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("register_rows_row_is_digested", {"digest": b"short"}),
            ("register_rows_unknown_npi_is_left_out", {"npi": "0000000000"}),
            ("register_rows_number_key_has_no_leading_zero", {"number_key": "012"}),
            ("register_rows_number_key_has_no_leading_zero", {"number_key": ""}),
        ],
    )
    def test_are_kept_in_their_normal_form(self, constraint, values):
        snapshot = make_snapshot()
        with refused_by(constraint):
            make_row(snapshot, 2, **values)


class TestFindings:
    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("register_findings_exclusions_are_of_people", {"kind": FindingKind.MISSING, "row_digest": None}),
            ("register_findings_changes_are_of_credentials", {"kind": FindingKind.EXCLUSION, "user_id": "set"}),
            ("register_findings_only_what_is_missing_has_no_row", {"row_digest": None}),
            ("register_findings_resolved_with_a_reason", {"state": FindingState.DISMISSED}),
            ("register_findings_resolved_with_a_reason", {"state": FindingState.DISMISSED, "resolved": True}),
            (
                "register_findings_resolved_with_a_reason",
                {"state": FindingState.DISMISSED, "resolved": True, "reason": "  "},
            ),
            ("register_findings_resolved_with_a_reason", {"resolved": True, "reason": "A reason."}),
        ],
    )
    def test_are_about_one_thing_and_resolved_with_a_reason(self, constraint, values, now):
        credential, staff = make_credential(), make_staff()
        values = {"credential_id": credential.id, **values}
        if values.get("user_id") or constraint.endswith("of_people"):
            values["user_id"] = credential.holder_id
        if values.pop("resolved", False):
            values |= {"resolved_at": now, "resolved_by": staff.id}
        snapshot = make_snapshot()
        with refused_by(constraint):
            make_finding(snapshot, **values)

    def test_are_one_for_each_change(self):
        snapshot, credential = make_snapshot(), make_credential()
        make_finding(snapshot, credential_id=credential.id)
        with refused_by("one_finding_per_change"):
            make_finding(snapshot, credential_id=credential.id, row_digest=b"\2" * 32)

    def test_are_one_for_each_person_and_entry(self):
        snapshot, user = make_snapshot(), make_user()
        make_finding(snapshot, user_id=user.id)
        with refused_by("one_finding_per_person_and_entry"):
            make_finding(snapshot, user_id=user.id)


class TestChecks:
    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("credential_checks_a_register_row_is_of_a_file", {"row_digest": b"\1" * 32}),
            ("credential_checks_a_register_row_is_seen_in_a_register", {"row_digest": b"\1" * 32, "snapshot": True}),
        ],
    )
    def test_name_a_row_and_its_file_or_neither(self, constraint, values, now):
        credential, staff, snapshot = make_credential(), make_staff(), make_snapshot()
        if values.get("snapshot"):
            values = {"row_digest": values["row_digest"], "snapshot_id": snapshot.id}
        with refused_by(constraint):
            make_check(credential, verifier=staff, retrieved_at=now, **values)


@pytest.mark.parametrize("npi", ["3234567893", "123456789", "12345678931", "123456789x"])
def test_person_npis_npi_has_ten_digits(npi, now):
    user = make_user()
    with assert_refused_by("person_npis_npi_has_ten_digits"):
        db.session.add(PersonNpi(user_id=user.id, npi=npi, stated_at=now))
        db.session.flush()


def _flushed(row):
    db.session.add(row)
    db.session.flush()
    return row

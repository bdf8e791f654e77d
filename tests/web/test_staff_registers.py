"""The registers' pages: a file on its way in, meanings of words, findings, and rows that become looks."""

from datetime import date, timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace.credentials import matching
from marketplace.credentials.findings import FindingState
from marketplace.credentials.models import CredentialCheck
from marketplace.dev import rosters
from marketplace.dev.rosters import licences
from marketplace.extensions import adapter_of, db
from marketplace.kernel import clock
from marketplace.registers import queries
from marketplace.registers.ports import RegisterFiles
from marketplace.registers.states import SnapshotState
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_site
from tests.factories.credentials import make_credential, make_signal, make_type
from tests.factories.registers import make_exclusions, make_finding, make_mapping, make_snapshot
from tests.support import promised_jobs, run_jobs, sign_in

LHR = "Laser Hair Removal Technician"


@pytest.fixture
def verifier(client):
    user = make_staff()
    sign_in(client, user)
    return user


@pytest.fixture(autouse=True)
def no_files_left():
    yield
    store = adapter_of(RegisterFiles)
    for name, _ in store.names():
        store.delete(name)


def page(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def sent(client, lines, *, source="TX:TDLR", at=None, **values):
    content = b"".join(rosters.written(lines))
    fetched = (at or clock.now() - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M")
    return client.post(
        f"/staff/registers/{source}/files",
        data={"file-file": (BytesIO(content), "list.csv"), "file-retrieved_at": fetched, **values},
        content_type="multipart/form-data",
    )


def words(answer):
    return answer.get_data(as_text=True)


class TestDoors:
    @pytest.mark.parametrize("address", ["/staff/registers", "/staff/registers/TX:TDLR", "/staff/registers/findings"])
    def test_members_and_strangers_stay_outside(self, client, address):
        assert client.get(address).status_code == 303
        sign_in(client, make_user())
        assert client.get(address).status_code == 403

    def test_others_of_the_staff_only_read(self, client):
        sign_in(client, make_staff("auditor"))
        finding = make_finding(make_exclusions(), user_id=make_user().id)
        file = make_snapshot(state="checked", current_since=None)

        assert "Load a newer file" not in page(client, "/staff/registers/TX:TDLR")
        assert "Verifiers judge this." in page(client, f"/staff/registers/findings/{finding.id}")
        assert "Try it by these columns" not in page(client, f"/staff/registers/files/{file.id}")
        assert sent(client, rosters.tdlr(licences(1))).status_code == 403
        assert client.post(f"/staff/registers/findings/{finding.id}").status_code == 403
        assert finding.state is FindingState.OPEN

    def test_what_is_not_there_is_not_found(self, client, verifier):
        for address in ("ZZ:NONE", f"files/{uuid4()}", f"findings/{uuid4()}"):
            page(client, f"/staff/registers/{address}", 404)


class TestRegisters:
    def test_say_how_old_each_is(self, client, verifier, now):
        make_exclusions(retrieved_at=now - timedelta(days=40))
        make_snapshot(retrieved_at=now - timedelta(days=2))

        html = page(client, "/staff/registers")

        assert "40 days of 31" in html
        assert html.count("too old") == 2  # The chip, and the sentence on top.
        assert "2 days of 31" in html
        assert html.count("never loaded") == 11
        assert "Nothing waits to be judged" in html

    def test_say_how_many_findings_wait(self, client, verifier):
        make_finding(make_exclusions(), user_id=make_user().id)
        assert "1 finding to judge" in page(client, "/staff/registers")

    def test_a_register_without_a_file_says_what_to_do(self, client, verifier):
        assert "Fetch it from its publisher and send it here." in page(client, "/staff/registers/US:LEIE")


class TestAFile:
    def test_comes_in_is_tried_loaded_and_counts(self, client, verifier):
        answer = sent(client, rosters.tdlr(licences(3)))
        assert answer.status_code == 303
        html = page(client, answer.location)
        assert "received, not tried" in html
        assert "A/C Contractor" in html  # The first row, to tell columns apart by.

        [found] = queries.snapshots_of("TX:TDLR")
        chosen = {
            f"column_{number}": found.columns[header].value if header in found.columns else ""
            for number, header in enumerate(found.headers)
        }
        address = answer.location
        assert client.post(f"{address}/columns", data=chosen).status_code == 303
        run_jobs(only="check_register_file")
        assert "Load 3 rows" in page(client, address)

        assert client.post(f"{address}/load").status_code == 303
        html = page(client, address)
        assert ("loading" in html, "js/progress.js" in html) == (True, True)
        run_jobs(only="load_register_file")
        html = page(client, address)
        assert ("counts" in html, "js/progress.js" in html) == (True, False)
        assert "A/C Contractor" in page(client, "/staff/registers/TX:TDLR")

    @pytest.mark.parametrize(
        ("lines", "values", "said"),
        [
            ([], {}, "The file is empty."),
            (["a,b"], {"file-retrieved_at": ""}, "Say when it was fetched."),
            (["a,b"], {"file-retrieved_at": "2999-01-01T00:00"}, "It cannot have been fetched in the future."),
        ],
    )
    def test_that_is_none_is_refused_in_a_sentence(self, client, verifier, lines, values, said):
        answer = sent(client, lines, **values)
        assert answer.status_code == 422
        assert said in words(answer)
        assert queries.snapshots_of("TX:TDLR") == []

    def test_that_was_forgotten_is_asked_for(self, client, verifier):
        answer = client.post("/staff/registers/TX:TDLR/files", data={"file-retrieved_at": "2026-01-01T00:00"})
        assert (answer.status_code, "Choose the file." in words(answer)) == (422, True)

    def test_cannot_be_read_by_columns_that_name_no_row(self, client, verifier):
        address = sent(client, rosters.tdlr(licences(1))).location
        left_out = {f"column_{number}": "" for number in range(19)}
        answer = client.post(f"{address}/columns", data={**left_out, "column_0": "license_type"})
        assert answer.status_code == 422
        assert "Choose the column with the number: it names a row." in words(answer)
        assert client.post(f"{address}/columns", data={"column_0": "birthday"}).status_code == 422
        assert promised_jobs() == []

    def test_that_shrank_is_loaded_with_a_reason_only(self, client, verifier, now):
        make_snapshot(rows_read=10, rows_loaded=10, retrieved_at=now - timedelta(days=1))
        file = make_snapshot(state="checked", rows_read=5, rows_loaded=5, file_key="00/" + "0" * 36)
        adapter_of(RegisterFiles).put(file.file_key, b"a,b\n1,2\n")
        address = f"/staff/registers/files/{file.id}"

        answer = client.post(f"{address}/load")
        assert answer.status_code == 422
        assert "Why it has so many fewer rows" in words(answer)
        assert client.post(f"{address}/load", data={"start-smaller_because": "x" * 2_001}).status_code == 422
        assert file.state is SnapshotState.CHECKED
        assert client.post(f"{address}/load", data={"start-smaller_because": "They closed."}).status_code == 303
        assert file.state is SnapshotState.LOADING

    def test_is_dropped_with_a_reason(self, client, verifier):
        address = sent(client, rosters.tdlr(licences(1))).location
        assert client.post(f"{address}/discard").status_code == 422
        assert client.post(f"{address}/discard", data={"discard-reason": " "}).status_code == 422
        assert client.post(f"{address}/discard", data={"discard-reason": "The wrong day."}).status_code == 303
        assert "The wrong day." in page(client, address)

    def test_says_what_is_wrong_in_it(self, client, verifier):
        report = {"problems": {"width": {"count": 30, "first": [[7, "20 columns where the header has 19"]]}}}
        file = make_snapshot(state="checked", report=report)
        html = page(client, f"/staff/registers/files/{file.id}")
        assert "Another number of columns than the header: not loaded: 30 rows" in html
        assert "Row 7: 20 columns where the header has 19" in html
        assert "and 29 more" in html


class TestMeanings:
    def test_are_decided_by_a_verifier_and_may_be_left_open(self, client, verifier):
        make_type("US-TX:TDLR:LHR")
        make_snapshot(
            report={"license_types": {LHR: 5, "A/C Contractor": 9, "Auctioneer": 1}}, retrieved_at=clock.now()
        )
        assert "3 types of licence without a meaning" in page(client, "/staff/registers/TX:TDLR")

        # Those that are used most come first.
        chosen = {"type_0": "none", "type_1": "US-TX:TDLR:LHR", "type_2": ""}
        assert client.post("/staff/registers/TX:TDLR/types", data=chosen).status_code == 303

        assert matching.type_mappings(["TX:TDLR"]) == {"TX:TDLR": {LHR: "US-TX:TDLR:LHR", "A/C Contractor": None}}
        html = page(client, "/staff/registers/TX:TDLR")
        assert "1 type of licence without a meaning" in html
        assert client.post("/staff/registers/TX:TDLR/types", data={"type_0": "MD_D0"}).status_code == 422

    def test_all_decided_is_said(self, client, verifier):
        make_snapshot(report={"license_types": {LHR: 5}})
        make_snapshot(state="replaced", report={"license_types": {"Auctioneer": 1}})
        make_mapping("TX:TDLR", LHR, None)
        assert "Every type of licence has its meaning." in page(client, "/staff/registers/TX:TDLR")


class TestFindings:
    def test_are_listed_by_state_and_judged_with_a_reason(self, client, verifier):
        user = make_user(name="Dana Reyes")
        finding = make_finding(make_exclusions(), user_id=user.id, shown={"name": "DANA REYES", "place": None})
        address = f"/staff/registers/findings/{finding.id}"
        assert "Dana Reyes" in page(client, "/staff/registers/findings")
        html = page(client, address)
        assert ("DANA REYES" in html, "the gate stays closed to them" in html) == (True, True)

        assert client.post(address, data={"event": "dismissed"}).status_code == 422
        assert finding.state is FindingState.OPEN
        answer = client.post(address, data={"event": "dismissed", "reason": "Another birthday."})
        assert answer.status_code == 303
        assert finding.state is FindingState.DISMISSED

        assert "Nothing here" in page(client, "/staff/registers/findings?state=nonsense")
        assert "Dana Reyes" in page(client, "/staff/registers/findings?state=dismissed")
        html = page(client, address)
        assert ("Another birthday." in html, "There is nothing left to judge." in html) == (True, True)

    def test_what_nppes_does_not_answer_for_is_looked_up_first(self, client, verifier):
        credential = make_credential(type_code="MD_DO")
        shown = {"npi": "1234567893", "before": "AMIR KHAN", "now": None}
        finding = make_finding(make_snapshot("US:NPPES"), credential_id=credential.id, kind="missing", shown=shown)

        html = page(client, f"/staff/registers/findings/{finding.id}")

        assert ("1234567893" in html, "look it up before you judge" in html) == (True, True)

    def test_a_reason_that_is_too_blank_stands_beside_its_field(self, client, verifier):
        finding = make_finding(make_exclusions(), user_id=make_user().id)
        answer = client.post(f"/staff/registers/findings/{finding.id}", data={"event": "confirmed", "reason": "\u2003"})
        assert answer.status_code == 422

    @pytest.mark.parametrize("of_site", [False, True])
    def test_a_change_leads_to_its_case(self, client, verifier, of_site):
        if of_site:
            make_type("US-TX:TDLR:LHR_FACILITY")
            credential = make_credential(site=make_site(), type_code="US-TX:TDLR:LHR_FACILITY")
        else:
            credential = make_credential(holder=make_user(name="Dana Reyes"))
        finding = make_finding(
            make_snapshot(rows_refused=0), credential_id=credential.id, shown={"before": "Active", "now": None}
        )

        html = page(client, f"/staff/registers/findings/{finding.id}")

        assert f"/staff/credentials/{credential.id}" in html
        assert ("of Dana Reyes" in html) is not of_site
        assert "the credential is suspended at once" in html


class TestOffers:
    @pytest.fixture
    def case(self, verifier, now):
        make_type("US-TX:TDLR:LHR")
        make_mapping("TX:TDLR", LHR, "US-TX:TDLR:LHR")
        return make_credential(
            holder=make_user(name="Dana Reyes"),
            number="10442",
            expires_on=date(2027, 8, 31),
            state="in_review",
            verifier=verifier,
            at=now - timedelta(days=1),
        )

    def roster(self, row=(), **values):
        known = {"license_type": LHR, "number": "10442", "family_name": "REYES", "given_name": "DANA"}
        return make_snapshot("TX:TDLR", {**known, "expires_on": date(2027, 8, 31), **dict(row)}, **values)

    def test_stand_on_the_case_and_become_a_look_when_recorded(self, client, case):
        file = self.roster()
        html = page(client, f"/staff/credentials/{case.id}")
        assert ("Strong, 92 of 100" in html, "Record: it differs" in html) == (True, True)

        answer = client.post(
            f"/staff/registers/offers/{case.id}",
            data={"snapshot_id": str(file.id), "position": "1", "outcome": "confirmed"},
        )

        assert answer.location == f"/staff/credentials/{case.id}"
        check = db.session.scalars(select(CredentialCheck)).one()
        assert (check.snapshot_id, check.outcome, check.retrieved_at) == (file.id, "confirmed", file.retrieved_at)
        assert case.state == "in_review"

    def test_of_a_register_that_is_too_old_cannot_be_recorded_there(self, client, case, now):
        self.roster(retrieved_at=now - timedelta(days=32))
        html = page(client, f"/staff/credentials/{case.id}")
        assert ("the register is too old" in html, "Record: it differs" in html) == (True, False)

    def verify(self, client, case, file):
        data = {"snapshot_id": str(file.id), "position": "1", "outcome": "confirmed"}
        return client.post(f"/staff/registers/offers/{case.id}/verify", data=data)

    def test_that_agrees_in_everything_is_one_step_from_a_yes(self, client, case, verifier):
        file = self.roster()
        html = page(client, f"/staff/credentials/{case.id}")
        # It is what the focus lands on, above everything that only explains.
        assert html.count("data-focus") == 1
        assert html.index("data-focus") < html.index("It confirms: verify") < html.index('id="standing"')

        answer = self.verify(client, case, file)

        assert (answer.status_code, answer.location) == (303, "/staff/credentials")
        assert case.state == "verified"
        check = db.session.scalars(select(CredentialCheck)).one()
        assert (check.snapshot_id, check.outcome, check.verifier_id) == (file.id, "confirmed", verifier.id)
        assert (case.deciding_check_id, case.verified_at) == (check.id, file.retrieved_at)

    @pytest.mark.parametrize(
        ("row", "roster", "status"),
        [
            ({"family_name": "STONE"}, {}, 422),
            ({"discipline": "Probation"}, {}, 422),
            ({"expires_on": date(2020, 1, 1)}, {}, 422),
            ({}, {"retrieved_at": clock.now() - timedelta(days=40)}, 422),
        ],
        ids=["another name", "discipline", "another day", "too old"],
    )
    def test_that_does_not_is_not(self, client, case, row, roster, status):
        file = self.roster(row, **roster)
        html = page(client, f"/staff/credentials/{case.id}")
        assert f"offers/{case.id}/verify" not in html
        assert 'class="desk-facts stack" tabindex="-1" data-focus' in html

        assert self.verify(client, case, file).status_code == status

        assert case.state == "in_review"
        assert db.session.scalars(select(CredentialCheck)).all() == []

    def test_with_a_doubt_that_is_open_is_not_and_never_is_verified_by_one(self, client, case):
        file = self.roster()
        make_signal(case)
        assert f"offers/{case.id}/verify" not in page(client, f"/staff/credentials/{case.id}")

        assert self.verify(client, case, file).status_code == 303
        assert case.state == "awaiting_second"

    def test_of_a_case_that_a_colleague_has_is_not(self, client, case, app):
        file = self.roster()
        other = app.test_client()
        sign_in(other, make_staff())
        assert f"offers/{case.id}/verify" not in page(other, f"/staff/credentials/{case.id}")

        assert self.verify(other, case, file).status_code == 403
        assert case.state == "in_review"

    def test_none_proves_nothing(self, client, case):
        assert "That proves nothing." in page(client, f"/staff/credentials/{case.id}")

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"outcome": "not_found"}, 422),
            ({"outcome": ""}, 422),
            ({"snapshot_id": "x"}, 422),
            ({"position": "0"}, 422),
            ({"position": "x"}, 422),
            ({"position": "2"}, 404),
        ],
    )
    def test_that_were_not_made_are_not_recorded(self, client, case, changes, status):
        file = self.roster()
        data = {"snapshot_id": str(file.id), "position": "1", "outcome": "confirmed", **changes}
        assert client.post(f"/staff/registers/offers/{case.id}", data=data).status_code == status
        assert db.session.scalars(select(CredentialCheck)).all() == []


class TestNpi:
    def test_is_stated_by_the_person_and_taken_back(self, client):
        sign_in(client, make_user())
        assert "Your National Provider Identifier" in page(client, "/credentials")
        assert client.post("/credentials/npi", data={"npi": "1234567893"}).status_code == 303
        assert 'value="1234567893"' in page(client, "/credentials/npi")
        assert client.post("/credentials/npi", data={"npi": ""}).status_code == 303
        assert "1234567893" not in page(client, "/credentials/npi")

    @pytest.mark.parametrize("npi", ["1234567890", "1" * 21])
    def test_that_cannot_be_one_is_refused_beside_its_field(self, client, npi):
        sign_in(client, make_user())
        answer = client.post("/credentials/npi", data={"npi": npi})
        assert answer.status_code == 422
        assert "npi-error" in words(answer)

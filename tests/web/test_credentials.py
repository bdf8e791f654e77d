"""The holder's pages: the owner, the manager of a site, the stranger, and whoever sends nonsense."""

import errno
import os
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace.adapters import storage
from marketplace.credentials import service
from marketplace.credentials.models import Credential, CredentialDocument
from marketplace.credentials.states import CredentialState
from marketplace.credentials.types import credential_types
from marketplace.documents import contents, isolation
from marketplace.documents.models import Document
from marketplace.extensions import db
from marketplace.kernel.days import written
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.catalog import make_model
from tests.factories.clinics import make_member, make_site
from tests.factories.credentials import make_check, make_credential, make_type
from tests.factories.documents import make_document, pdf, picture
from tests.support import sign_in

LHR = "US-TX:TDLR:LHR"
FACILITY = "US-TX:TDLR:LHR_FACILITY"


@pytest.fixture(autouse=True)
def files_are_opened_here(monkeypatch):
    monkeypatch.setattr(isolation, "cleaned", contents.cleaned)
    monkeypatch.setattr(isolation, "page_picture", contents.page_picture)


@pytest.fixture
def dana(client):
    dana = make_user(name="Dana Reyes")
    sign_in(client, dana)
    return dana


def said(now, **changes):
    given = {
        "name_on_credential": "Dana Reyes",
        "number": "LHR-10442",
        "level": "PROFESSIONAL",
        "expires_on": (now.date() + timedelta(days=400)).isoformat(),
        "documents": (BytesIO(picture()), "scan.png"),
    }
    return {name: value for name, value in {**given, **changes}.items() if value is not None}


def page(answer) -> str:
    return answer.get_data(as_text=True)


class TestSubmit:
    ADDRESS = f"/credentials/new/TX/{LHR}"

    def test_hands_it_in_and_shows_it(self, client, dana, now):
        make_type(LHR)

        answer = client.post(self.ADDRESS, data=said(now))

        row = db.session.scalar(select(Credential))
        assert (answer.status_code, answer.location) == (303, f"/credentials/{row.id}")
        assert (row.holder_id, row.level, row.state) == (dana.id, "PROFESSIONAL", CredentialState.SUBMITTED)
        shown = page(client.get(answer.location))
        assert "We have it. A verifier looks at it by" in shown
        assert "waiting for review" in shown
        assert "scan.png" in shown

    def test_takes_several_documents(self, client, dana, now):
        make_type(LHR)
        files = [(BytesIO(picture()), "front.png"), (BytesIO(pdf(2)), "back.pdf")]
        assert client.post(self.ADDRESS, data=said(now, documents=files)).status_code == 303
        assert len(db.session.scalar(select(Credential)).documents) == 2

    @pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_is_a_clear_refusal_and_nothing_is_kept(self, app, client, dana, now, monkeypatch, trouble):
        make_type(LHR)
        store = app.extensions["second_light_settings"].data_dir / "documents"
        before = {path for path in store.rglob("*") if path.is_file()}

        def full(*_):
            raise OSError(trouble, os.strerror(trouble))

        with monkeypatch.context() as patch:
            patch.setattr(storage.os, "fsync", full)
            answer = client.post(self.ADDRESS, data=said(now))

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "Nothing of what you sent was kept, and nothing was changed." in page(answer)
        assert db.session.scalar(select(Credential)) is None
        assert db.session.scalar(select(Document)) is None
        # Not even half a file, and it goes on by itself once there is room.
        assert {path for path in store.rglob("*") if path.is_file()} == before
        assert client.post(self.ADDRESS, data=said(now)).status_code == 303

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"number": ""}, "Write the number as it is on the document."),
            ({"number": "9" * 65}, "Field cannot be longer than 64 characters."),
            ({"level": ""}, "Choose the level on the document."),
            ({"level": "KING"}, "Not a valid choice"),
            ({"expires_on": ""}, "Write the day it expires."),
            ({"expires_on": "soon"}, "Not a valid date value."),
            ({"expires_on": "2020-01-01"}, "It has expired."),
            ({"expires_on": "9999-12-31"}, "Write a day between 1900 and 2199."),
            ({"issued_on": "0001-01-01"}, "Write a day between 1900 and 2199."),
            ({"documents": None}, "Add a scan or photograph of the document."),
            ({"documents": (BytesIO(b"hello"), "notes.pdf")}, "“notes.pdf” is not a PDF, JPEG or PNG file."),
        ],
    )
    def test_says_what_is_wrong_and_keeps_what_was_typed(self, client, dana, now, changes, sentence):
        make_type(LHR)

        answer = client.post(self.ADDRESS, data=said(now, **{"name_on_credential": "Dana M. Reyes", **changes}))

        assert answer.status_code == 422
        assert sentence in page(answer)
        assert 'value="Dana M. Reyes"' in page(answer)
        assert "Please choose the files again" in page(answer)
        assert db.session.scalars(select(Credential)).all() == []

    def test_a_number_of_somebody_elses_is_taken_without_a_word_about_them(self, client, dana, now):
        make_credential(holder=make_user(name="Mallory Stone"), number="LHR-10442")
        answer = client.post(self.ADDRESS, data=said(now))
        assert answer.status_code == 303
        assert "Mallory" not in page(client.get(answer.location))

    def test_warns_of_a_number_that_looks_odd_and_takes_it(self, client, dana, now):
        make_type("MD_DO")
        answer = client.post("/credentials/new/TX/MD_DO", data=said(now, number="12", level=None))
        assert answer.status_code == 303
        assert "The number 12 is not written as we know them from Texas." in page(client.get(answer.location))

    def test_does_not_warn_of_a_number_that_does_not(self, client, dana, now):
        make_type("MD_DO")
        answer = client.post("/credentials/new/TX/MD_DO", data=said(now, number="N1234", level=None))
        assert "is not written as" not in page(client.get(answer.location))

    def test_a_null_byte_is_refused_and_nothing_kept(self, client, dana, now):
        assert client.post(self.ADDRESS, data=said(now, number="1\0")).status_code == 400
        assert db.session.scalars(select(Credential)).all() == []

    def test_a_huge_field_is_refused_and_nothing_kept(self, client, dana, now):
        assert client.post(self.ADDRESS, data=said(now, number="9" * 300_000)).status_code == 413
        assert db.session.scalars(select(Credential)).all() == []

    def test_what_was_typed_is_text_and_nothing_else(self, client, dana, now):
        make_type(LHR)
        client.post(self.ADDRESS, data=said(now, name_on_credential="<script>alert(1)</script>"))
        shown = page(client.get(f"/credentials/{db.session.scalar(select(Credential.id))}"))
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)" in shown

    def test_mass_assignment_changes_nothing(self, client, dana, now):
        make_type(LHR)
        other = make_user()
        client.post(self.ADDRESS, data=said(now, state="verified", holder_id=str(other.id), verified_by=str(other.id)))
        row = db.session.scalar(select(Credential))
        assert (row.state, row.holder_id, row.verified_by) == (CredentialState.SUBMITTED, dana.id, None)

    @pytest.mark.parametrize("address", ["TX/NOTHING", "ZZ/RN", f"AZ/{LHR}"])
    def test_there_is_no_form_for_what_does_not_exist(self, client, dana, address):
        assert client.get(f"/credentials/new/{address}").status_code == 404

    @pytest.mark.parametrize("code", credential_types())
    def test_there_is_a_form_for_every_kind(self, client, dana, code):
        kind = credential_types()[code]
        answer = client.get(f"/credentials/new/{(kind.jurisdictions or ('TX',))[0]}/{code}")
        assert answer.status_code == 200
        assert ("What this does <em>not</em> open" in page(answer)) is (kind.does_not_open is not None)

    def test_asks_only_what_the_kind_asks_for(self, client, dana):
        model = make_model()
        shown = page(client.get("/credentials/new/TX/MODEL_TRAINING"))
        assert f'<option value="{model.id}">' in shown
        assert 'name="device_model_id"' in shown
        for name in ("number", "level", "endorsements", "site_id"):
            assert f'name="{name}"' not in shown

    def test_shows_how_numbers_are_written_where_it_is_known(self, client, dana):
        assert "Such as A123456 (MD), 20A12345 (DO)." in page(client.get("/credentials/new/CA/MD_DO"))

    def test_a_renewal_starts_from_the_earlier_one(self, client, dana):
        earlier = make_credential(holder=dana, number="LHR-77", level="TECHNICIAN")
        shown = page(client.get(f"{self.ADDRESS}?again={earlier.id}"))
        assert 'value="LHR-77"' in shown
        assert '<option selected value="TECHNICIAN">' in shown

    def test_a_renewal_of_somebody_elses_is_not_there(self, client, dana):
        assert client.get(f"{self.ADDRESS}?again={make_credential().id}").status_code == 404

    def test_needs_a_person_who_is_signed_in_and_not_staff(self, client):
        assert client.get(self.ADDRESS).status_code == 303
        sign_in(client, make_staff())
        assert client.get(self.ADDRESS).status_code == 403


class TestSubmitForASite:
    ADDRESS = f"/credentials/new/TX/{FACILITY}"

    def test_offers_the_sites_that_one_runs_in_that_state(self, client, dana, now):
        make_type(FACILITY)
        site = make_site(name="North Loop")
        make_member(clinic=site.clinic, user=dana, role="manager")
        make_site(clinic=site.clinic, state="AZ", name="Phoenix")
        assert "North Loop" in page(client.get(self.ADDRESS))
        assert "Phoenix" not in page(client.get(self.ADDRESS))

        answer = client.post(self.ADDRESS, data=said(now, level=None, site_id=str(site.id)))

        assert answer.status_code == 303
        assert db.session.scalar(select(Credential)).site_id == site.id
        assert "North Loop" in page(client.get(answer.location))

    def test_refuses_a_site_that_one_does_not_run(self, client, dana, now):
        make_type(FACILITY)
        site = make_site()
        make_member(clinic=make_site().clinic, user=dana, role="owner")
        answer = client.post(self.ADDRESS, data=said(now, level=None, site_id=str(site.id)))
        assert answer.status_code == 422
        assert db.session.scalars(select(Credential)).all() == []

    def test_says_what_to_do_without_a_site(self, client, dana):
        assert "No site in Texas" in page(client.get(self.ADDRESS))


class TestChoose:
    def test_asks_for_the_state_first(self, client, dana):
        shown = page(client.get("/credentials/new"))
        assert '<option value="TX">Texas</option>' in shown

    def test_lists_the_kinds_of_that_state_and_no_other(self, client, dana):
        shown = page(client.get("/credentials/new?state=TX"))
        assert "Texas laser hair removal certificate" in shown
        assert "Arizona" not in shown
        assert "Evidence only:" in shown

    def test_asks_again_for_a_state_that_does_not_exist(self, client, dana):
        assert "Which state issued it?" in page(client.get("/credentials/new?state=ZZ"))


class TestMine:
    def test_says_what_to_do_where_there_is_nothing(self, client, dana):
        assert "No credential yet" in page(client.get("/credentials"))

    def test_shows_each_with_its_standing(self, client, dana, now):
        make_credential(holder=dana, expires_on=now.date() + timedelta(days=30), level="PROFESSIONAL")
        make_credential(holder=dana, expires_on=now.date() - timedelta(days=30))
        make_credential(holder=dana, state="needs_info")
        make_credential(holder=dana, type_code="BLS:CMLSO", expires_on=None)
        make_credential(number="LHR-OTHER")

        shown = page(client.get("/credentials"))

        for words in ("verified", "expired", "we need more", "Renew it soon", "Evidence only", "Professional"):
            assert words in shown
        assert "LHR-OTHER" not in shown


class TestOne:
    def test_shows_the_reason_and_the_way_on(self, client, dana):
        credential = make_credential(holder=dana, state="needs_info", reason="Which level is it?")
        shown = page(client.get(f"/credentials/{credential.id}"))
        assert "Which level is it?" in shown
        assert f'href="/credentials/{credential.id}/answer"' in shown
        assert "Take it back" in shown

    def test_offers_nothing_that_cannot_be_done(self, client, dana):
        credential = make_credential(holder=dana, state="revoked")
        shown = page(client.get(f"/credentials/{credential.id}"))
        for words in ("/answer", "Take it back", "Submit it again", "Submit a renewal"):
            assert words not in shown

    def test_does_not_name_the_verifier(self, client, dana):
        victor = make_staff(name="Victor Verifier")
        credential = make_credential(holder=dana, verifier=victor)
        assert "Victor Verifier" not in page(client.get(f"/credentials/{credential.id}"))

    def test_says_when_the_look_is_too_old_for_the_rules(self, client, dana, now, monkeypatch):
        from types import SimpleNamespace

        from marketplace.eligibility import publishing

        limits = dict.fromkeys([kind.kind for kind in credential_types().values()], timedelta(days=120))
        published = SimpleNamespace(policy=SimpleNamespace(decision_limits=limits))
        monkeypatch.setattr(publishing, "published_policy", lambda: published)
        credential = make_credential(holder=dana, at=now - timedelta(days=130))
        assert "look too old" in page(client.get(f"/credentials/{credential.id}"))

    @pytest.mark.parametrize("path", ["", "/answer"])
    def test_is_not_there_for_strangers(self, client, dana, path):
        assert client.get(f"/credentials/{make_credential(state='needs_info').id}{path}").status_code == 404
        assert client.get(f"/credentials/{uuid4()}{path}").status_code == 404

    def test_is_not_there_for_a_colleague(self, client, dana):
        site = make_site()
        make_member(clinic=site.clinic, user=dana)
        credential = make_credential(site=site, type_code=FACILITY)
        assert client.get(f"/credentials/{credential.id}").status_code == 404

    def test_shows_the_model_it_names(self, client, dana, monkeypatch):
        from types import SimpleNamespace

        from marketplace.web import credentials as pages

        credential = make_credential(holder=dana, type_code="MODEL_TRAINING")
        model_id = uuid4()
        real = pages.queries.own

        def with_model(*arguments, **keywords):
            from dataclasses import replace

            return replace(real(*arguments, **keywords), device_model_id=model_id)

        monkeypatch.setattr(pages.queries, "own", with_model)
        monkeypatch.setattr(
            pages.catalog, "models_by_id", lambda _: {model_id: SimpleNamespace(title="Candela GentleMax Pro")}
        )
        assert "Candela GentleMax Pro" in page(client.get(f"/credentials/{credential.id}"))


class TestAnswer:
    def test_sends_it_back(self, client, dana, now):
        credential = make_credential(holder=dana, state="needs_info")
        assert "A reason in words." in page(client.get(f"/credentials/{credential.id}/answer"))

        answer = client.post(f"/credentials/{credential.id}/answer", data=said(now))

        assert (answer.status_code, answer.location) == (303, f"/credentials/{credential.id}")
        db.session.refresh(credential)
        assert (credential.state, credential.number) == (CredentialState.SUBMITTED, "LHR-10442")

    def test_keeps_what_was_typed(self, client, dana, now):
        credential = make_credential(holder=dana, state="needs_info")
        answer = client.post(f"/credentials/{credential.id}/answer", data=said(now, expires_on="2020-01-01"))
        assert answer.status_code == 422
        assert 'value="LHR-10442"' in page(answer)

    def test_refuses_where_nothing_was_asked(self, client, dana, now):
        credential = make_credential(holder=dana)
        assert client.post(f"/credentials/{credential.id}/answer", data=said(now)).status_code == 409

    def test_is_not_there_for_strangers(self, client, dana, now):
        credential = make_credential(state="needs_info")
        assert client.post(f"/credentials/{credential.id}/answer", data=said(now)).status_code == 404
        db.session.refresh(credential)
        assert credential.state is CredentialState.NEEDS_INFO


class TestWithdraw:
    def test_takes_it_back(self, client, dana):
        credential = make_credential(holder=dana, state="submitted")
        assert client.post(f"/credentials/{credential.id}/withdraw").status_code == 303
        assert "withdrawn" in page(client.get(f"/credentials/{credential.id}"))

    def test_is_not_there_for_strangers(self, client, dana):
        assert client.post(f"/credentials/{make_credential(state='submitted').id}/withdraw").status_code == 404


class TestForgotten:
    """What was handed in is deleted some time after the decision, and the page says when."""

    @pytest.fixture
    def paper_of(self, dana):
        def keep(case):
            of = {"filename": "licence.png", "width": 60, "height": 40}
            paper = make_document(owner=dana, created_at=case.submitted_at, **of)
            kept(CredentialDocument(credential_id=case.id, document_id=paper.id, position=0))
            return f"/credentials/{case.id}", f"/credentials/{case.id}/documents/{paper.id}"

        return keep

    def test_is_announced_with_its_day(self, client, dana, now, paper_of):
        case = make_credential(holder=dana, at=now - timedelta(hours=1))
        address, paper = paper_of(case)
        on = written((now + timedelta(days=90)).date())

        shown = page(client.get(address))

        assert f"We delete them on {on}, or later if something about them is still open then." in shown
        assert f'href="{paper}"' in shown

    def test_waits_for_what_is_open(self, client, dana, now, paper_of):
        address, _ = paper_of(make_credential(holder=dana, at=now - timedelta(days=91)))
        assert "in the night after the last open question about them is settled" in page(client.get(address))

    def test_is_promised_before_the_decision(self, client, dana, paper_of):
        address, _ = paper_of(make_credential(holder=dana, state="submitted"))
        shown = page(client.get(address))
        assert "We delete them 90 days after the decision. Only you see them, and the verifier" in shown

    def test_is_not_promised_where_the_paper_is_the_source(self, client, dana, now, paper_of):
        case = make_credential(holder=dana, type_code="MODEL_TRAINING")
        make_check(case, verifier=make_staff(), retrieved_at=now, method="document_seen")
        address, _ = paper_of(case)
        assert "the paper itself is what this rests on" in page(client.get(address))

    def test_is_said_in_the_place_of_the_link(self, client, dana, now, paper_of):
        address, paper = paper_of(make_credential(holder=dana, at=now - timedelta(days=91)))
        service.forget_documents(at=now)

        shown = page(client.get(address))
        answer = client.get(paper)

        today = written(now.date())
        assert f'licence.png<p class="small muted">Deleted on {today}.' in shown
        assert (paper in shown, "We delete" in shown) == (False, False)
        assert answer.status_code == 410
        assert f"This document was deleted on {today}." in page(answer)

    def test_is_said_to_the_verifier(self, app, dana, now, paper_of):
        case = make_credential(holder=dana, at=now - timedelta(days=91))
        paper_of(case)
        service.forget_documents(at=now)
        desk = app.test_client()
        sign_in(desk, make_staff())
        shown = page(desk.get(f"/staff/credentials/{case.id}"))
        assert f"its documents with it. 1 document was deleted on {written(now.date())}." in shown


class TestDocument:
    @pytest.fixture
    def handed_in(self, dana, now):
        from marketplace.credentials.policy import Claim

        make_type("RN")
        credential_id = service.submit(
            actor_id=dana.id,
            claim=Claim("RN", "TX", "7", "Dana Reyes", expires_on=now.date()),
            files=[("scan.png", picture()), ("Zeugnis für Dana.pdf", pdf())],
            at=now,
        )
        row = db.session.get(Credential, credential_id)
        return credential_id, [document.document_id for document in row.documents]

    def test_a_picture_is_shown_and_can_do_nothing(self, client, handed_in):
        credential_id, (scan, _) = handed_in
        answer = client.get(f"/credentials/{credential_id}/documents/{scan}")
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Disposition"].startswith("inline")

    def test_a_pdf_is_saved_and_never_shown(self, client, handed_in):
        credential_id, (_, file) = handed_in
        answer = client.get(f"/credentials/{credential_id}/documents/{file}")
        assert answer.mimetype == "application/pdf"
        assert answer.headers["Content-Disposition"].startswith("attachment; ")
        assert "filename*=UTF-8''Zeugnis%20f%C3%BCr%20Dana.pdf" in answer.headers["Content-Disposition"]
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"

    def test_is_not_there_for_anybody_else(self, app, client, handed_in):
        credential_id, (scan, _) = handed_in
        stranger = app.test_client()
        address = f"/credentials/{credential_id}/documents/{scan}"
        assert stranger.get(address).status_code == 303
        sign_in(stranger, make_user())
        assert stranger.get(address).status_code == 404
        assert client.get(f"/credentials/{credential_id}/documents/{uuid4()}").status_code == 404

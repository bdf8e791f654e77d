"""The database refuses an answer that nobody agreed to, and keeps what was agreed as it was."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.partners import service, sharing
from marketplace.partners.models import Partner, PartnerAnswer, PartnerKey, SharingCode
from tests.factories.clinics import make_clinic, make_site
from tests.factories.partners import EMAIL, ask, make_partner, share
from tests.support import assert_refused_by

DAY = timedelta(days=1)


@pytest.fixture
def answer(scene, now):
    partner_id, key = make_partner(at=now)
    code = share(scene, partner_id, at=now)
    return db.session.get_one(PartnerAnswer, ask(scene, key, code, at=now))


def again(answer, **changed) -> PartnerAnswer:
    names = [column.name for column in PartnerAnswer.__table__.columns if column.name not in {"id", "position"}]
    return PartnerAnswer(**{**{name: getattr(answer, name) for name in names}, "receipt_code": "0" * 16, **changed})


def add(row) -> None:
    db.session.add(row)
    db.session.flush()


class TestPartner:
    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"name": "  "}, "partners_partner_has_a_name"),
            ({"name": "x" * 101}, "partners_partner_has_a_name"),
            ({"email": "Desk@resale.example"}, "partners_partner_address_is_normal"),
            ({"email": "desk"}, "partners_partner_address_is_normal"),
            ({"ended_at": timedelta(seconds=-1)}, "partners_end_follows_opening"),
        ],
    )
    def test_is_whole(self, now, values, name):
        values = {key: now + value if isinstance(value, timedelta) else value for key, value in values.items()}
        with assert_refused_by(name):
            add(Partner(**{"name": "A", "email": EMAIL, "opened_at": now, **values}))

    def test_has_its_name_alone(self, now):
        add(Partner(name="A", email=EMAIL, opened_at=now, ended_at=now))
        add(Partner(name="A", email=EMAIL, opened_at=now))
        with assert_refused_by("one_living_partner_per_name"):
            add(Partner(name="a", email=EMAIL, opened_at=now))


class TestKey:
    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"digest": b"short"}, "partner_keys_key_is_digested"),
            ({"prefix": "AAAAAAAI"}, "partner_keys_prefix_is_readable"),
            ({"revoked_at": timedelta(seconds=-1)}, "partner_keys_revocation_follows_making"),
        ],
    )
    def test_is_whole(self, now, values, name):
        partner_id, _ = make_partner(at=now)
        values = {key: now + value if isinstance(value, timedelta) else value for key, value in values.items()}
        with assert_refused_by(name):
            add(
                PartnerKey(
                    **{"partner_id": partner_id, "prefix": "A" * 8, "digest": b"x" * 32, "made_at": now, **values}
                )
            )

    def test_is_one_of_its_prefix_and_of_one_partner(self, now):
        partner_id, key = make_partner(at=now)
        row = db.session.scalars(select(PartnerKey)).one()
        with assert_refused_by("uq_partner_keys_prefix"):
            add(PartnerKey(partner_id=partner_id, prefix=key.split("_")[1], digest=b"x" * 32, made_at=now))
        repeated = "INSERT INTO partner_keys SELECT :id, partner_id, 'BBBBBBBB', digest, made_at FROM partner_keys"
        db.session.execute(text("ALTER TABLE partner_keys DROP CONSTRAINT pk_partner_keys CASCADE"))
        with assert_refused_by("key_is_of_one_partner"):
            db.session.execute(text(repeated), {"id": row.id})

    @pytest.mark.parametrize("change", ["SET digest = sha256('x')", "SET prefix = 'BBBBBBBB'", "SET made_at = now()"])
    def test_stays_what_it_is(self, now, change):
        make_partner(at=now)
        with assert_refused_by("partner_keys_stay"):
            db.session.execute(text(f"UPDATE partner_keys {change}"))

    def test_stays_revoked_and_is_never_removed(self, now):
        _, key = make_partner(at=now)
        with assert_refused_by("partner_keys_stay"):
            db.session.execute(text("DELETE FROM partner_keys"))
        service.revoke_key(prefix=key.split("_")[1], at=now)
        for change in ("revoked_at = NULL", "revoked_at = revoked_at + interval '1 day'", "used_at = now()"):
            with assert_refused_by("partner_keys_stay"):
                db.session.execute(text(f"UPDATE partner_keys SET {change}"))


class TestSharingCode:
    def given(self, scene, now, **values):
        partner_id, _ = make_partner(at=now)
        whole = {
            "partner_id": partner_id, "person_id": scene.buyer.id, "clinic_id": scene.clinic.id, "site_id": scene.site.id,
            "digest": b"x" * 32, "ending": "ABCD", "given_at": now, "expires_at": now + 90 * DAY,
        }  # fmt: skip
        return SharingCode(**{**whole, **values})

    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"digest": b"short"}, "sharing_codes_code_is_digested"),
            ({"ending": "ABC"}, "sharing_codes_code_is_recognised_by_its_ending"),
            ({"expires_at": 90 * DAY + timedelta(seconds=1)}, "sharing_codes_consent_ends_within_90_days"),
            ({"expires_at": 0 * DAY}, "sharing_codes_consent_ends_within_90_days"),
            ({"revoked_at": -DAY}, "sharing_codes_revocation_follows_giving"),
        ],
    )
    def test_is_whole(self, scene, now, values, name):
        values = {key: now + value if isinstance(value, timedelta) else value for key, value in values.items()}
        row = self.given(scene, now, **values)
        with assert_refused_by(name):
            add(row)

    def test_lasts_ninety_days_at_most(self, scene, now):
        add(self.given(scene, now))

    def test_is_for_a_site_of_its_clinic(self, scene, now):
        other = make_site(clinic=make_clinic(name="Elsewhere"))
        row = self.given(scene, now, site_id=other.id)
        with assert_refused_by("code_is_for_a_site_of_the_clinic"):
            add(row)

    def test_is_one_of_its_digest(self, scene, now):
        row = self.given(scene, now)
        add(row)
        with assert_refused_by("uq_sharing_codes_digest"):
            db.session.execute(
                text(
                    "INSERT INTO sharing_codes SELECT gen_random_uuid(), partner_id, person_id, clinic_id, site_id, digest,"
                    " ending, given_at, expires_at, revoked_at FROM sharing_codes"
                )
            )
        db.session.execute(text("ALTER TABLE sharing_codes DROP CONSTRAINT pk_sharing_codes CASCADE"))
        with assert_refused_by("code_is_for_these"):
            db.session.execute(
                text(
                    "INSERT INTO sharing_codes SELECT id, partner_id, person_id, clinic_id, site_id, sha256('x'),"
                    " ending, given_at, expires_at, revoked_at FROM sharing_codes"
                )
            )

    @pytest.mark.parametrize("change", ["expires_at = expires_at + interval '1 day'", "digest = sha256('x')",
        "given_at = given_at - interval '1 day'", "person_id = (SELECT id FROM users WHERE id <> person_id LIMIT 1)",
        "partner_id = gen_random_uuid()", "site_id = gen_random_uuid()", "ending = 'XXXX'"])  # fmt: skip
    def test_what_was_agreed_to_stays(self, scene, now, change):
        add(self.given(scene, now, expires_at=now + DAY))
        with assert_refused_by("sharing_codes_stay"):
            db.session.execute(text(f"UPDATE sharing_codes SET {change}"))

    def test_stays_revoked_and_is_never_removed(self, scene, now):
        row = self.given(scene, now)
        add(row)
        with assert_refused_by("sharing_codes_stay"):
            db.session.execute(text("DELETE FROM sharing_codes"))
        db.session.commit()
        sharing.revoke(sharing_id=row.id, person_id=scene.buyer.id, at=now)
        with assert_refused_by("sharing_codes_stay"):
            db.session.execute(text("UPDATE sharing_codes SET revoked_at = NULL"))


class TestAnswer:
    def test_could_be_given_again(self, answer):
        add(again(answer))

    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"allowed": False}, "partner_answers_allowed_means_no_objection"),
            ({"verdict": {"objections": [1]}}, "partner_answers_allowed_means_no_objection"),
            ({"receipt_code": "I" * 16}, "partner_answers_code_is_readable"),
            ({"digest": "x"}, "partner_answers_digest_is_sha256"),
            ({"valid_until": DAY + timedelta(seconds=1)}, "partner_answers_answer_holds_a_day_at_most"),
            ({"valid_until": 0 * DAY}, "partner_answers_answer_holds_a_day_at_most"),
        ],
    )
    def test_is_whole(self, answer, values, name):
        values = {
            key: answer.answered_at + value if isinstance(value, timedelta) else value for key, value in values.items()
        }
        with assert_refused_by(name):
            add(again(answer, **values))

    def test_has_a_code_of_its_own(self, answer):
        with assert_refused_by("uq_partner_answers_receipt_code"):
            add(again(answer, receipt_code=answer.receipt_code))

    def test_is_to_the_partner_of_the_key_and_about_whom_the_code_is(self, scene, answer, now):
        other, _ = make_partner("Another", at=now)
        theirs = db.session.scalars(select(PartnerKey.id).where(PartnerKey.partner_id == other)).one()
        with assert_refused_by("answer_is_to_the_keys_partner"):
            add(again(answer, key_id=theirs))
        for changed in ({"person_id": scene.owner.id}, {"partner_id": other, "key_id": theirs}):
            with assert_refused_by("answer_is_about_whom_the_code_is"):
                add(again(answer, **changed))

    @pytest.mark.parametrize("end", [
        "UPDATE sharing_codes SET revoked_at = given_at",
        "UPDATE partner_keys SET revoked_at = made_at",
        "UPDATE partners SET ended_at = opened_at",
    ])  # fmt: skip
    def test_is_under_a_living_consent(self, answer, end):
        db.session.execute(text(end))
        with assert_refused_by("answer_is_under_a_living_consent"):
            add(again(answer))

    @pytest.mark.parametrize("moved", [-timedelta(seconds=1), 30 * DAY])
    def test_is_within_its_time(self, answer, moved):
        at = answer.answered_at + moved
        with assert_refused_by("answer_is_under_a_living_consent"):
            add(again(answer, answered_at=at, valid_until=at + DAY))

"""Partners have keys that are shown once, and people let them ask by codes that are shown once: both can be taken back."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from marketplace.audit import AuditEvent
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.terms import ProcedureClass
from marketplace.partners import queries, receipts, service, sharing, told
from marketplace.partners.models import Partner, PartnerAnswer, PartnerKey, SharingCode
from marketplace.partners.service import UnknownKey
from tests.factories.clinics import make_clinic, make_site
from tests.factories.partners import EMAIL, holder, make_partner, share
from tests.support import count_statements

HAIR = ProcedureClass.HAIR_NONABLATIVE
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def partner(now):
    return make_partner(at=now)


@pytest.fixture
def key(partner):
    return partner[1]


@pytest.fixture
def code(scene, partner, now):
    return share(scene, partner[0], at=now)


def the_code() -> SharingCode:
    return db.session.scalars(select(SharingCode)).one()


def kept(answer_id) -> PartnerAnswer:
    return db.session.get_one(PartnerAnswer, answer_id)


def change(statement: str, **values) -> None:
    """Change what a guard keeps, as only somebody with the database in their hands can."""
    table = statement.split()[1]
    db.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    db.session.execute(text(statement), values)
    db.session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
    db.session.commit()


def events(kind: str) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.kind == kind)))


def answer_of(answer_id) -> dict:
    given = receipts.answered(answer_id)
    return told.answer(given.kept, code=given.code, receipt_url="r", badge_url="b")


def by_key(answer_id) -> dict[str, dict]:
    return {one["key"]: one for one in answer_of(answer_id)["keys"]}


class TestPartners:
    def test_is_let_in_with_a_key_that_is_shown_once(self, now):
        partner_id, key = make_partner("Resale  House", at=now)
        row = db.session.scalars(select(PartnerKey)).one()

        assert (row.partner_id, row.made_at, row.used_at, row.revoked_at) == (partner_id, now, None, None)
        assert db.session.get_one(Partner, partner_id).name == "Resale House"
        assert key.startswith(f"slk_{row.prefix}_")
        secret = key.rpartition("_")[2]
        assert secret not in str(db.session.execute(text("SELECT * FROM partner_keys")).all())
        assert service.holder_of(key, at=now) == service.Holder(row.id, partner_id)
        assert {one.kind for one in db.session.scalars(select(AuditEvent).where(AuditEvent.subject_id == partner_id))} == {
            "partner:opened", "partner:key_made",
        }  # fmt: skip

    @pytest.mark.parametrize(("name", "email", "field"), [("", EMAIL, "name"), ("x" * 101, EMAIL, "name"),
        ("A\x07", EMAIL, "name"), ("A", "nowhere", "email")])  # fmt: skip
    def test_needs_a_name_and_an_address(self, now, name, email, field):
        with pytest.raises(Invalid) as refusal:
            service.open_partner(name=name, email=email, at=now)

        assert refusal.value.field == field
        assert db.session.scalars(select(Partner)).all() == []

    def test_a_name_is_given_once_among_the_living(self, partner, now):
        with pytest.raises(Conflict):
            make_partner("resale HOUSE", at=now)
        service.end_partner(name="Resale House", at=now)

        assert make_partner("Resale House", at=now)

    def test_a_key_is_replaced_while_the_other_serves(self, partner, key, now):
        second = service.add_key(name="resale house", at=now)
        assert holder(key, at=now).partner_id == holder(second, at=now).partner_id == partner[0]

        service.revoke_key(prefix=key.split("_")[1].lower(), at=now)

        with pytest.raises(UnknownKey):
            holder(key, at=now)
        assert holder(second, at=now).partner_id == partner[0]
        assert events("partner:key_revoked")[0].data == {"key": key.split("_")[1]}

    def test_has_five_living_keys_at_most(self, key, now):
        for _ in range(4):
            service.add_key(name="Resale House", at=now)
        with pytest.raises(Conflict):
            service.add_key(name="Resale House", at=now)

        service.revoke_key(prefix=key.split("_")[1], at=now)
        assert service.add_key(name="Resale House", at=now)

    def test_what_is_not_there_is_not_found(self, key, now):
        service.revoke_key(prefix=key.split("_")[1], at=now)
        for act in (
            lambda: service.revoke_key(prefix=key.split("_")[1], at=now),
            lambda: service.add_key(name="Nobody", at=now),
            lambda: service.end_partner(name="Nobody", at=now),
        ):
            with pytest.raises(NotFound):
                act()

    def test_ended_opens_nothing_any_more(self, key, now):
        service.end_partner(name="Resale House", at=now)

        with pytest.raises(UnknownKey):
            holder(key, at=now)
        assert queries.choice() == []
        assert len(events("partner:ended")) == 1

    @pytest.mark.parametrize("bent", [lambda _: "", lambda _: None, lambda key: key[:-1], lambda key: key + "A",
        lambda key: key.lower(), lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"), lambda key: f" {key}",
        lambda key: "slk_00000000_" + key.rpartition("_")[2]])  # fmt: skip
    def test_any_other_key_opens_nothing(self, key, now, bent):
        with pytest.raises(UnknownKey):
            service.holder_of(bent(key), at=now)

    def test_notes_its_use_to_the_minute(self, key, now):
        def used():
            return db.session.scalars(select(PartnerKey.used_at)).one()

        holder(key, at=now)
        assert used() == now
        holder(key, at=now + timedelta(seconds=59))
        assert used() == now
        holder(key, at=now + timedelta(seconds=60))
        assert used() == now + timedelta(seconds=60)

    def test_are_listed_with_their_keys(self, partner, key, now):
        make_partner("Another", at=now)
        holder(key, at=now)
        with count_statements() as sent:
            another, resale = queries.partners()

        assert len(sent) == 2
        assert (another.name, resale.name, resale.email, resale.ended_at) == ("Another", "Resale House", EMAIL, None)
        assert [(one.prefix, one.used_at, one.revoked_at) for one in resale.keys] == [(key.split("_")[1], now, None)]
        assert queries.choice() == [(another.id, "Another"), (resale.id, "Resale House")]


class TestGiving:
    def test_lets_one_partner_ask_about_one_site_for_a_time(self, scene, partner, code, now):
        row = the_code()

        assert (row.partner_id, row.person_id, row.site_id) == (partner[0], scene.buyer.id, scene.site.id)
        assert (row.given_at, row.expires_at, row.revoked_at) == (now, now + 30 * DAY, None)
        assert code.startswith("SL-")
        assert code.endswith(row.ending)
        assert len(code) == 32
        signs = code[3:].replace("-", "")
        assert signs not in str(db.session.execute(text("SELECT * FROM sharing_codes")).all())
        (event,) = events("sharing:given")
        assert (event.actor_id, event.subject_id, event.data) == (scene.buyer.id, row.id, {"partner": str(partner[0])})

    def test_is_of_ones_own_site_and_a_living_partner(self, scene, partner, now):
        elsewhere_site = make_site(clinic=make_clinic(name="Elsewhere"))
        given = {"person_id": scene.buyer.id, "days": 30, "at": now}
        with pytest.raises(NotFound):
            sharing.give(partner_id=partner[0], site_id=elsewhere_site.id, **given)
        with pytest.raises(NotFound):
            sharing.give(partner_id=scene.buyer.id, site_id=scene.site.id, **given)
        service.end_partner(name="Resale House", at=now)
        with pytest.raises(NotFound):
            sharing.give(partner_id=partner[0], site_id=scene.site.id, **given)
        assert db.session.scalars(select(SharingCode)).all() == []

    @pytest.mark.parametrize("days", [0, 8, 91, -7])
    def test_lasts_as_long_as_is_offered(self, scene, partner, now, days):
        with pytest.raises(Invalid):
            share(scene, partner[0], at=now, days=days)

    def test_twenty_at_a_time(self, scene, partner, now):
        for _ in range(20):
            share(scene, partner[0], at=now)
        with pytest.raises(Invalid):
            share(scene, partner[0], at=now)

        sharing.revoke(sharing_id=db.session.scalars(select(SharingCode.id)).first(), person_id=scene.buyer.id, at=now)
        assert share(scene, partner[0], at=now)
        assert share(scene, partner[0], at=now + 31 * DAY)

    def test_is_taken_back_by_its_person_alone_and_once(self, scene, code, now):
        with pytest.raises(NotFound):
            sharing.revoke(sharing_id=the_code().id, person_id=scene.owner.id, at=now)
        assert the_code().revoked_at is None

        for minutes in (1, 2):
            sharing.revoke(sharing_id=the_code().id, person_id=scene.buyer.id, at=now + timedelta(minutes=minutes))

        assert the_code().revoked_at == now + timedelta(minutes=1)
        assert len(events("sharing:revoked")) == 1

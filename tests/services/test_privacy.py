"""What is held about a person: all of it, none of it anybody else's, and nothing that opens a door."""

import csv
import io
import json
import zipfile
from uuid import uuid4

import pytest
from sqlalchemy import LargeBinary

from marketplace.audit import AuditEvent
from marketplace.database import metadata
from marketplace.extensions import db
from marketplace.kernel.errors import NotFound
from marketplace.kernel.spreadsheets import MARK
from marketplace.notifications.service import promise_mail
from marketplace.privacy import held, service
from marketplace.privacy.columns import Standing, about, columns, groups
from marketplace.watching import service as watching
from tests.factories.accounts import make_session, make_user
from tests.factories.clinics import make_invitation
from tests.support import count_statements

SECRET = {"password_hash", "stop_key", "storage_key", "form_key", "sealed"}


class TestColumns:
    def test_every_column_that_names_a_person_is_decided_once(self):
        naming = {
            f"{table.name}.{column.name}"
            for table in metadata().tables.values()
            for column in table.columns
            if any(key.column.table.name == "users" for key in column.foreign_keys)
        }
        decided = [one.key for one in columns()]
        assert len(decided) == len(set(decided))
        assert set(decided) - naming == {"users.id"} | held.BY_ADDRESS
        assert naming - set(decided) == set()

    def test_what_is_handed_over_has_words_and_a_group(self):
        known = {group.code for group in groups()}
        assert {one.group for one in about()} == known
        assert all(one.words for one in about())
        assert all(group.words and group.because for group in groups())
        rest = [one for one in columns() if one.standing is not Standing.ABOUT]
        assert all((one.group, one.words, one.without) == ("", "", frozenset()) for one in rest)
        assert [one.key for one in rest if one.standing is Standing.WITHHELD] == ["register_findings.user_id"]

    @pytest.mark.parametrize("one", about(), ids=lambda one: one.key)
    def test_nothing_that_opens_a_door_is_handed_over(self, one):
        table = metadata().tables[one.table]
        secret = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
        secret |= SECRET & set(table.columns.keys())
        assert secret <= one.without <= set(table.columns.keys())


@pytest.fixture
def buyer(accepted, scene, now):
    """A buyer with something of much: an order, a licence, a device they watch, a session, a mail and an invitation."""
    watching.watch(user_id=scene.buyer.id, listing_id=scene.listing.id, at=now)
    make_session(scene.buyer, at=now)
    make_invitation(clinic=scene.seller_clinic, email=scene.buyer.email, at=now)
    promise_mail(to=scene.buyer.email, template="confirm_email", context={"token": "opens a door"}, at=now)
    db.session.commit()
    return scene.buyer


class TestOverview:
    def test_says_of_each_kind_how_many_there_are(self, buyer):
        found = {group.code: dict(holdings) for group, holdings in held.overview(buyer.id)}
        assert list(found) == ["account", "clinics", "credentials", "buying", "watching"]
        assert found["account"]["Account"] == found["account"]["Sign-ins"] == 1
        assert found["clinics"] == {
            "Where you belong or belonged": 1, "Invitations to your address": 1,
            "Places whose laser safety officer you are": 1,
        }  # fmt: skip
        assert found["credentials"] == {"Credentials": 1}
        assert found["buying"]["Orders you placed"] == found["buying"]["Deliveries you signed for"] == 1
        assert found["watching"] == {"Devices you watch": 1}

    def test_takes_two_statements(self, buyer):
        user_id = buyer.id
        with count_statements() as sent:
            held.overview(user_id)
        assert len(sent) == 2

    def test_of_nobody_there_is_none(self):
        with pytest.raises(NotFound):
            held.overview(uuid4())


class TestTake:
    def test_hands_over_what_is_about_them_whole(self, buyer, accepted, now):
        order_id, user_id, email = accepted.id, buyer.id, buyer.email
        values = service.take(user_id=user_id, at=now)

        assert (values["person"], values["taken_at"]) == ({"id": str(user_id), "email": email}, now.isoformat())
        rows = {(one["table"], one["by"]): one["rows"] for one in values["held"]}
        (account,) = rows["users", "id"]
        assert (account["name"], account["email"], account["staff_role"]) == ("Alice Martin", email, None)
        (order,) = rows["orders", "buyer_id"]
        assert (order["id"], order["state"], order["price_minor"]) == (str(order_id), "accepted", 4_250_000)
        assert json.loads(json.dumps(values)) == values

    def test_and_nothing_that_is_secret(self, buyer, now):
        written = json.dumps(service.take(user_id=buyer.id, at=now))
        assert "opens a door" not in written
        assert buyer.password_hash not in written
        for name in SECRET | {"token_digest", "digest"}:
            assert f'"{name}"' not in written

    def test_nor_anybody_elses(self, buyer, scene, now):
        stranger = make_user(name="Nobody At All")
        assert {one["table"] for one in service.take(user_id=stranger.id, at=now)["held"]} == {"users"}
        theirs = service.take(user_id=scene.practitioner.id, at=now)
        rows = {(one["table"], one["by"]): one["rows"] for one in theirs["held"]}
        assert ("orders", "buyer_id") not in rows
        assert len(rows["orders", "practitioner_id"]) == 1
        assert "Alice Martin" not in json.dumps(theirs)

    def test_lists_what_they_did(self, buyer, accepted, now):
        done = service.take(user_id=buyer.id, at=now)["done"]
        acts = [(one["kind"], one["subject_type"], one["subject_id"]) for one in done]
        assert ("order:placed", "order", str(accepted.id)) in acts
        assert [one["kind"] for one in done].count("order:accepted") == 1
        assert "order:confirmed" not in [one["kind"] for one in done]  # The practitioner did.

    def test_says_what_is_not_in_it(self, buyer, now):
        assert service.take(user_id=buyer.id, at=now)["not_here"] == list(held.NOT_HERE)

    def test_stays_in_the_trail(self, buyer, now):
        service.take(user_id=buyer.id, at=now)
        event = db.session.query(AuditEvent).order_by(AuditEvent.position.desc()).first()
        assert (event.kind, event.actor_id, event.subject_id) == ("account:data_taken", buyer.id, buyer.id)


class TestTables:
    def test_are_one_for_each_kind_with_no_formula_in_it(self, buyer, now):
        buyer.name = "=Alice()"
        db.session.commit()
        packed = held.packed(service.take(user_id=buyer.id, at=now))

        with zipfile.ZipFile(io.BytesIO(packed)) as pack:
            names = pack.namelist()
            tables = {name: pack.read(name).decode() for name in names}
        assert {"users-id.csv", "orders-buyer_id.csv", "credentials-holder_id.csv", "done.csv", "not-here.txt"} <= set(
            names
        )
        (account,) = csv.DictReader(io.StringIO(tables["users-id.csv"].removeprefix(MARK)))
        assert account["name"] == "'=Alice()"
        (order,) = csv.DictReader(io.StringIO(tables["orders-buyer_id.csv"].removeprefix(MARK)))
        assert json.loads(order["declared_uses"]) == []
        assert tables["not-here.txt"] == "\n\n".join(held.NOT_HERE) + "\n"

    def test_of_which_there_is_none_is_left_out(self, now):
        packed = held.packed(service.take(user_id=make_user().id, at=now))
        with zipfile.ZipFile(io.BytesIO(packed)) as pack:
            assert sorted(pack.namelist()) == ["not-here.txt", "users-id.csv"]

"""Every kept answer of the gate has a receipt: whole for those who may know, and to be checked by its code."""

import pytest
from sqlalchemy import select, text

from marketplace.credentials.models import CredentialDocument
from marketplace.documents.models import Document
from marketplace.eligibility import receipts
from marketplace.eligibility.models import EligibilityDecision, GateReceipt, Moment, PolicyVersion
from marketplace.extensions import db
from marketplace.kernel.errors import NotFound
from marketplace.orders.service import NotCleared
from tests.factories.documents import make_document
from tests.factories.orders import make_order, place, the_order
from tests.support import assert_refused_by


@pytest.fixture
def receipt(scene, now):
    return receipts.receipt(the_order(place(scene, at=now)).decision_id)


def tamper(statement: str, **values) -> None:
    """Change what is kept, as only somebody with the database in their hands can."""
    table = statement.split()[1]
    db.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    db.session.execute(text(statement), values)
    db.session.expire_all()


class TestReceipt:
    def test_repeats_the_answer_whole(self, scene, receipt, now):
        assert (receipt.moment, receipt.cleared, receipt.intact, receipt.decided_at) == (Moment.ORDER, True, True, now)
        assert receipt.listing_id == scene.listing.id
        assert receipt.serial == scene.listing.serial
        assert receipt.facts.operator.name == "Alice Martin"
        assert receipt.policy_number == 1
        assert receipt.policy_digest == db.session.scalar(select(PolicyVersion.digest))
        assert receipt.verdict.cleared

    def test_names_the_evidence_of_every_credential_it_rests_on(self, scene, now):
        paper = make_document(owner=scene.buyer)
        db.session.add(CredentialDocument(credential_id=scene.licence.id, document_id=paper.id, position=9))
        db.session.commit()
        receipt = receipts.receipt(the_order(place(scene, at=now)).decision_id)

        assert {entry["credential"] for entry in receipt.evidence} == {
            str(one) for one in receipt.verdict.credential_ids
        }
        (licence,) = [entry for entry in receipt.evidence if entry["credential"] == str(scene.licence.id)]
        digest = db.session.scalar(select(Document.digest).where(Document.id == paper.id))
        assert {"id": str(paper.id), "sha256": digest} in licence["documents"]
        assert licence["check"]["id"] == str(scene.licence.deciding_check_id)
        assert licence["check"]["outcome"] == "confirmed"
        assert len(licence["check"]["sha256"]) == 64

    def test_is_kept_of_a_no_as_well(self, scene, now):
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.licence.id}
        )
        with pytest.raises(NotCleared) as refusal:
            place(scene, at=now)

        assert receipts.receipt(refusal.value.decision_id).cleared is False

    def test_is_kept_at_every_moment(self, scene, now):
        order = make_order("released_to_ship", scene, at=now)
        decisions = db.session.scalars(select(EligibilityDecision.id)).all()

        assert set(receipts.codes_of(decisions)) == set(decisions)
        assert receipts.receipt(order.release_decision_id).moment is Moment.SHIP_RELEASE

    def test_of_nothing_is_not_found(self, scene):
        with pytest.raises(NotFound):
            receipts.receipt(scene.listing.id)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE eligibility_decisions SET facts = jsonb_set(facts, '{place,state}', '\"AZ\"')",
            "UPDATE eligibility_decisions SET verdict = jsonb_set(verdict, '{limits}', '[\"x\"]')",
            "UPDATE eligibility_decisions SET decided_at = decided_at - interval '1 second'",
            "UPDATE eligibility_decisions SET moment = 'payment_start'",
            "UPDATE gate_receipts SET serial = 'other'",
            "UPDATE gate_receipts SET evidence = '[]'",
            "UPDATE policy_versions SET digest = repeat('0', 64)",
        ],
    )
    def test_tells_that_what_was_kept_was_changed(self, receipt, statement):
        if "moment" in statement:
            db.session.execute(text("ALTER TABLE orders DROP CONSTRAINT decision_is_about_this_order"))
        tamper(statement)

        assert receipts.check(receipt.code).intact is False
        assert receipts.receipt(receipt.decision_id).intact is False


class TestCheck:
    def test_says_this_and_no_more(self, scene, receipt, now):
        checked = receipts.check(receipt.code)

        assert checked == receipts.Checked(
            code=receipt.code,
            intact=True,
            decided_at=now,
            maker=receipt.facts.device.maker,
            model=receipt.facts.device.model,
            serial_end=scene.listing.serial[-4:],
            cleared=True,
            policy_number=1,
        )

    def test_reads_a_code_as_people_type_it(self, receipt):
        plain = receipt.code.replace("-", "")
        typed = plain.lower().replace("0", "o").replace("1", "l")

        assert len(receipt.code) == 19
        for code in (plain, typed, f" {receipt.code} ", plain.replace("1", "I")):
            assert receipts.check(code).code == receipt.code

    @pytest.mark.parametrize("code", ["", "0000-0000-0000-0000", "é", "x" * 500])
    def test_knows_no_other_code(self, receipt, code):
        assert receipts.check(code) is None

    def test_codes_differ(self, scene, now):
        make_order("released_to_ship", scene, at=now)
        codes = db.session.scalars(select(GateReceipt.code)).all()

        assert len(codes) == len(set(codes)) == 3

    def test_a_unit_without_a_serial_number_shows_none(self, receipt):
        tamper("UPDATE gate_receipts SET serial = NULL")

        assert receipts.check(receipt.code).serial_end is None


class TestDatabase:
    def test_a_receipt_is_never_changed(self, receipt):
        for statement in (
            "UPDATE gate_receipts SET serial = 'x'",
            "DELETE FROM gate_receipts",
            "TRUNCATE gate_receipts",
        ):
            with assert_refused_by("gate_receipts_is_append_only"):
                db.session.execute(text(statement))

    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("gate_receipts_code_is_readable", "'O000000000000000', repeat('0', 64)"),
            ("gate_receipts_code_is_readable", "'0', repeat('0', 64)"),
            ("gate_receipts_digest_is_sha256", "'0000000000000000', 'x'"),
            ("uq_gate_receipts_code", "(SELECT code FROM gate_receipts LIMIT 1), repeat('0', 64)"),
        ],
    )
    def test_a_receipt_that_lies(self, scene, receipt, constraint, values, now):
        db.session.execute(text("ALTER TABLE gate_receipts DISABLE TRIGGER USER"))
        db.session.execute(text("ALTER TABLE gate_receipts DROP CONSTRAINT pk_gate_receipts"))
        with assert_refused_by(constraint):
            db.session.execute(
                text(
                    "INSERT INTO gate_receipts (decision_id, evidence, code, digest)"
                    f" SELECT id, '[]', {values} FROM eligibility_decisions LIMIT 1"
                )
            )

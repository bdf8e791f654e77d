"""What a partner sends is read strictly; what they are told speaks of nobody; keys and codes are what they look like."""

import json
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from marketplace.clinics.states import SellerStanding
from marketplace.eligibility.elsewhere import COLLEAGUE, OPERATOR, PRACTITIONER, unnamed
from marketplace.eligibility.facts import Exclusion, Modification, Tenure
from marketplace.eligibility.reasons import Key, ReasonCode
from marketplace.eligibility.verdict import Answer, Citation, Evidence, Objection, Verdict
from marketplace.kernel.terms import ProcedureClass
from marketplace.partners import tokens, told
from marketplace.partners.asked import NotJson, Question, WrongShape, question_of
from marketplace.partners.contract import PROBLEMS, document
from tests.factories.gate import NOON, asked_of, facts, handpiece, held, person, texas_hair

WHOLE = {"code": "SL-1", "model": "m", "handpieces": ["ALEX"], "uses": ["HAIR_NONABLATIVE"]}


def read(**changed) -> Question:
    return question_of(json.dumps({**WHOLE, **changed}).encode())


class TestQuestion:
    def test_is_read_whole(self):
        assert read() == Question("SL-1", "m", ("ALEX",), frozenset({ProcedureClass.HAIR_NONABLATIVE}))

    def test_two_fields_are_enough(self):
        assert question_of(b'{"code": "a", "model": "b"}') == Question("a", "b", None, frozenset())

    def test_a_model_is_named_by_id_or_by_name(self):
        assert read(model=str(UUID(int=7))).model_id == UUID(int=7)
        assert read(model="lumenis-m22").model_id is None

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b'"a"', b"{", b'{"code": "a", "model": "b"} x', b"\xff\xfe", b'{"code": NaN, "model": "b"}',
         b'{"code": "a", "code": "b", "model": "c"}', b"[" * 3000, b'{"code": "\xc3\x28", "model": "b"}',
         b'{"code": "a", "model": {"x": 1, "x": 2}}'],
    )  # fmt: skip
    def test_what_is_no_one_object_is_refused(self, body):
        with pytest.raises(NotJson):
            question_of(body)

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"serial": "1"}, "serial"),
            ({"x" * 300: 1}, "x" * 100),
            ({"code": None}, "code"), ({"code": ""}, "code"), ({"code": 7}, "code"), ({"code": "a" * 101}, "code"),
            ({"code": "a\x00b"}, "code"), ({"model": "a\nb"}, "model"), ({"model": ["a"]}, "model"),
            ({"model": "\ud800"}, "model"),
            ({"handpieces": []}, "handpieces"), ({"handpieces": "ALEX"}, "handpieces"),
            ({"handpieces": None}, "handpieces"), ({"handpieces": [1]}, "handpieces"),
            ({"handpieces": ["a", "a"]}, "handpieces"), ({"handpieces": [str(n) for n in range(21)]}, "handpieces"),
            ({"uses": ["hair_nonablative"]}, "uses"), ({"uses": [None]}, "uses"), ({"uses": {}}, "uses"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_named_by_its_field(self, changed, field):
        with pytest.raises(WrongShape) as refusal:
            read(**changed)

        assert refusal.value.field == field
        assert refusal.value.cure

    @pytest.mark.parametrize("field", ["code", "model"])
    def test_what_is_missing_is_named(self, field):
        sent = {name: value for name, value in WHOLE.items() if name != field}
        with pytest.raises(WrongShape) as refusal:
            question_of(json.dumps(sent).encode())

        assert refusal.value.field == field

    def test_the_bounds_themselves_are_let_through(self):
        assert len(read(code="a" * 100).code) == 100
        assert len(read(handpieces=[str(n) for n in range(20)]).handpieces) == 20


class TestTokens:
    def test_a_key_is_found_by_its_prefix_and_known_by_its_digest(self):
        key = tokens.new_key("t" * 43)

        assert tokens.prefix_of(key.shown) == key.mark
        assert tokens.is_key(key.shown, key.digest)
        assert not tokens.is_key(key.shown + "x", key.digest)
        assert tokens.new_key("t" * 43, "DEM0DEM0").shown == f"slk_DEM0DEM0_{'t' * 43}"

    @pytest.mark.parametrize("odd", ["", "slk_", "slk_AAAAAAAA_" + "t" * 42, "slk_AAAAAAAA_" + "t" * 44,
        "slk_AAAAAAAI_" + "t" * 43, "SLK_AAAAAAAA_" + "t" * 43, "slk_AAAAAAAA_" + "t" * 43 + "\n"])  # fmt: skip
    def test_what_is_no_key_has_no_prefix(self, odd):
        assert tokens.prefix_of(odd) is None

    def test_a_code_is_read_however_it_is_typed(self):
        code = tokens.code_of("S1AAA0000011111ABCDEFGHJK")

        assert code.shown == "SL-S1AAA-00000-11111-ABCDE-FGHJK"
        assert code.mark == "GHJK"
        for typed in (code.shown, code.shown.lower(), "S1AAA0000011111ABCDEFGHJK", "sl s1aaa ooooo lllii abcde fghjk"):
            assert tokens.digest_of(tokens.plain(typed)) == code.digest
        assert tokens.plain("SL") == "S1"

    def test_no_two_are_alike(self):
        assert len({tokens.new_code().digest for _ in range(100)}) == 100
        assert len({tokens.new_receipt_code() for _ in range(100)}) == 100

    def test_a_receipts_code_is_written_in_fours(self):
        assert tokens.written("ABCDEFGH12345678") == "ABCD-EFGH-1234-5678"
        assert tokens.plain_receipt(" abcd-efgh-l234-5678 ") == "ABCDEFGH12345678"


class TestUnnamed:
    def test_everybody_is_called_by_what_they_are(self):
        question = unnamed(texas_hair())

        assert question.operator.name == OPERATOR
        assert question.practitioner.person.name == PRACTITIONER
        assert [one.name for one in question.site.colleagues] == [COLLEAGUE]

    def test_one_person_has_one_name(self):
        both = person("Dr. Both", held("MD_DO"))
        question = texas_hair(operator=both)
        question = replace(question, practitioner=replace(question.practitioner, person=both))
        question = replace(question, site=replace(question.site, colleagues=(both,)))

        named = unnamed(question)
        assert {named.operator.name, named.practitioner.person.name, named.site.colleagues[0].name} == {OPERATOR}

    def test_nobody_stays_nobody(self):
        question = unnamed(facts("TX", handpiece("ALEX"), operator=None, practitioner=None))

        assert (question.operator, question.practitioner) == (None, None)

    @pytest.mark.parametrize("question", [texas_hair(), texas_hair(operator=person("X", exclusion=Exclusion.OPEN)),
        texas_hair(operator=person("Y", held("US-TX:TDLR:LHR", level="APPRENTICE_TECHNICIAN")))])  # fmt: skip
    def test_the_gate_answers_the_same(self, question):
        with_names, without = asked_of(question), asked_of(unnamed(question))

        assert [(one.key, one.code) for one in with_names.objections] == [
            (one.key, one.code) for one in without.objections
        ]
        assert with_names.credential_ids == without.credential_ids


class TestTold:
    def kept(self, verdict, left_open=()):
        return told.Kept(
            verdict.cleared,
            NOON,
            NOON,
            {"id": str(uuid4())},
            "TX",
            (),
            (),
            verdict,
            left_open,
            3,
            "confirmed_by_counsel",
        )

    def answer(self, verdict, left_open=()):
        said = told.answer(self.kept(verdict, left_open), code="C", receipt_url="R", badge_url="B")
        return said, {one["key"]: one for one in said["keys"]}

    def test_every_key_is_answered_in_order(self):
        said, keys = self.answer(Verdict())

        assert list(keys) == [str(key) for key in Key]
        assert {one["state"] for one in keys.values()} == {"met"}
        assert said["policy"] == {"version": 3, "standing": "confirmed_by_counsel", "notice": told.NOTICES["confirmed_by_counsel"]}  # fmt: skip
        assert said["restriction"] is None
        assert said["as_of"] == "2026-11-22T12:00:00Z"

    def test_what_was_not_asked_is_never_met(self):
        left = [{"key": str(key), "code": "X"} for key in Key]
        _, keys = self.answer(Verdict(), left)

        assert {name: one["state"] for name, one in keys.items()} == {
            str(key): "unknown" if key is Key.DEVICE else "not_asked" for key in Key
        }

    def test_one_reason_is_told_once_with_everything_said_of_it(self):
        first = Objection(ReasonCode.EXPIRED, Key.OPERATOR, ("HAIR_NONABLATIVE", "Dana"), "Dana's ended.", (),
            (Citation("A", evidence=Evidence.PRIMARY),))  # fmt: skip
        second = replace(first, subjects=("TATTOO", "HAIR_NONABLATIVE"), citations=(Citation("B"), Citation("A", evidence=Evidence.PRIMARY)))  # fmt: skip
        said, keys = self.answer(Verdict(objections=(first, second)))

        (reason,) = keys["operator"]["reasons"]
        assert said["allowed"] is False
        assert (reason["code"], reason["uses"]) == ("EXPIRED", ["HAIR_NONABLATIVE", "TATTOO"])
        assert [(one["ref"], one["evidence"]) for one in reason["citations"]] == [("A", "P"), ("B", None)]
        assert "Dana" not in str(said)

    def test_where_it_is_written_stands_once_beside_what_was_met(self):
        met = Answer(Key.OPERATOR, "HAIR_NONABLATIVE", True, "x", citations=(Citation("A"),))
        lacks = replace(met, met=False, citations=(Citation("B"),))
        _, keys = self.answer(Verdict(answers=(met, met, lacks)))

        assert [one["ref"] for one in keys["operator"]["citations"]] == ["A"]

    @pytest.mark.parametrize("code", [ReasonCode.EXPIRED, ReasonCode.REVOKED, ReasonCode.SUSPENDED, ReasonCode.STALE])
    @pytest.mark.parametrize(("key", "told_as"), [(Key.PRACTITIONER, "PRACTITIONER_NOT_READY"),
        (Key.SITE, "SITE_NOT_READY")])  # fmt: skip
    def test_whose_paper_of_others_is_wrong_is_not_told(self, code, key, told_as):
        _, keys = self.answer(Verdict(objections=(Objection(code, key, ("HAIR_NONABLATIVE",), "s", ()),)))

        (reason,) = keys[str(key)]["reasons"]
        assert (reason["code"], reason["uses"]) == (told_as, [])
        assert [one["code"] for one in reason["cures"]] == ["ask_the_person"]

    @pytest.mark.parametrize("code", [ReasonCode.EXCLUSION_OPEN, ReasonCode.BUYER_SUSPENDED])
    def test_a_finding_about_somebody_is_not_told(self, code):
        said, keys = self.answer(Verdict(objections=(Objection(code, Key.STANDING, ("x",), "s", ()),)))

        assert [one["code"] for one in keys["standing"]["reasons"]] == ["STANDING_NOT_SETTLED"]
        assert str(code) not in str(said)
        assert code not in told.REASONS

    def test_what_is_missing_altogether_is_told_of_everybody(self):
        missing = Objection(ReasonCode.NO_CREDENTIAL, Key.SITE, (), "s", ())
        _, keys = self.answer(Verdict(objections=(missing,)))

        assert keys["site"]["reasons"][0]["code"] == "NO_CREDENTIAL"
        assert told.reasons_of(Verdict(objections=(missing, missing))) == [ReasonCode.NO_CREDENTIAL.words]

    def test_what_is_left_open_is_kept_by_key_and_reason_once(self):
        one = Objection(ReasonCode.RX_LABEL_NOT_SEEN, Key.DEVICE, (), "s", ())

        assert told.left_open([one, one]) == [{"key": "device", "code": "RX_LABEL_NOT_SEEN"}]

    def test_every_reason_that_can_be_told_has_words(self):
        told_codes = {told._FOLDED.get((key, code), str(code)) for key in Key for code in ReasonCode}

        assert told_codes - set(told.REASONS) == set(told._NEVER_TOLD)  # These only ever stand under `standing`.


def test_a_unit_elsewhere_is_sound_only_as_far_as_its_seller_answers_for_it():
    from marketplace.eligibility.elsewhere import _as_far_as_asked

    asked = _as_far_as_asked(texas_hair(seller=SellerStanding.UNVERIFIED))

    assert (asked.device.rx_label_seen, asked.device.id_label_seen, asked.device.modification, asked.seller) == (
        True, True, Modification.NONE, SellerStanding.VERIFIED,
    )  # fmt: skip
    assert replace(asked, device=None) == replace(texas_hair(), device=None)
    assert asked.buyer.tenure == Tenure()


class TestContract:
    def test_names_every_problem_by_its_status(self):
        responses = document("https://x.example")["paths"]["/eligibility"]["post"]["responses"]

        assert set(responses) == {"200", *(str(status) for status, _ in PROBLEMS.values())}
        for code, (status, words) in PROBLEMS.items():
            assert f"{code}: {words}" in responses[str(status)]["description"]

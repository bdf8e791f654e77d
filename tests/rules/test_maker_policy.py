"""What is said of makers' policies: every statement with who said it, when, and how well it is known."""

import pytest

from marketplace.guides.maker_policy import ALWAYS, COLUMNS, STANDINGS, PolicyTableWrong, Topic, parse, said_of, shipped
from marketplace.kernel.money import Money

HEADER = ",".join(COLUMNS)
ROW = "recertification,Sciton,,defends it,25000,50000,Somebody,2017-07,S,a page"


def one(row=ROW):
    (found,) = parse(f"{HEADER}\n{row}\n")
    return found


def asked(maker, model="A model", aliases=(), modalities=(), statements=None):
    return said_of(maker=maker, aliases=aliases, model=model, modalities=modalities, statements=statements or shipped())


class TestParse:
    def test_reads_a_row_by_the_header_whatever_its_order(self):
        swapped = ",".join(reversed(COLUMNS))
        (found,) = parse(f"\ufeff{swapped}\n{','.join(reversed(ROW.split(',')))}\n")

        assert found == one()
        assert (found.topic, found.maker, found.about, found.standing) == (Topic.RECERTIFICATION, "Sciton", None, "S")
        assert (found.fee_low, found.fee_high) == (Money(2_500_000), Money(5_000_000))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("topic,maker\n", "These columns must stand there once: about, policy"),
            (f"{HEADER},maker\n", "These columns must stand there once: maker."),
            (f"{HEADER}\na,b\n", "Row 2 has 2 cells where the header has 10."),
            (f"{HEADER}\n{ROW.replace('recertification', 'magic')}\n", "Row 2: magic is no topic."),
            (f"{HEADER}\n{ROW.replace(',S,', ',Z,')}\n", "Row 2: Z is no standing."),
            (f"{HEADER}\n{ROW.replace('a page', '')}\n", "Row 2: it has no source."),
            (f"{HEADER}\n{ROW.replace('defends it', '')}\n", "Row 2: what was not found says nothing"),
            (f"{HEADER}\n{ROW.replace('25000', '25k')}\n", "Row 2: 25k is not an amount in whole dollars."),
        ],
    )
    def test_says_what_is_wrong(self, text, said):
        with pytest.raises(PolicyTableWrong, match=said.replace(".", r"\.")):
            parse(text)

    @pytest.mark.parametrize(
        ("low", "high", "fee"),
        [
            ("25000", "50000", "$25,000 to $50,000"),
            ("50000", "", "$50,000 or more"),
            ("", "12000", "up to $12,000"),
            ("27500", "27500", "$27,500"),
            ("0", "0", "$0"),
            ("0", "", None),
            ("", "", None),
        ],
    )
    def test_says_a_fee_as_it_was_published(self, low, high, fee):
        assert one(ROW.replace("25000,50000", f"{low},{high}")).fee() == fee


class TestShipped:
    def test_has_every_statement_of_its_source(self):
        assert len(shipped()) == 20
        assert {statement.standing for statement in shipped()} == set(STANDINGS)

    def test_the_makers_own_come_before_what_is_said_in_general(self):
        found = asked("Sciton")

        assert [statement.maker for statement in found[Topic.RECERTIFICATION]] == ["Sciton", None, None]
        assert found[Topic.TRAINING] == ()
        assert Topic.OWNERSHIP not in found

    def test_a_maker_is_known_by_the_names_it_had(self):
        assert [one.maker for one in asked("Solta (Reliant)")[Topic.WARRANTY]] == ["Solta", None]
        assert [one.maker for one in asked("Invasix", aliases=["InMode"])[Topic.OWNERSHIP]] == ["InMode"]

    def test_what_is_said_of_some_models_is_said_of_those_alone(self):
        assert Topic.CONSUMABLES in asked("Solta", "Thermage CPT")
        assert Topic.CONSUMABLES not in asked("Solta", "Fraxel DUAL")
        assert len(asked("Any", modalities=["PICO"])[Topic.SERVICE]) == 3
        assert len(asked("Any", modalities=["IPL"])[Topic.SERVICE]) == 2

    def test_unknown_is_said_where_nothing_was_found(self):
        (candela, *_) = asked("Candela")[Topic.RECERTIFICATION]

        assert (candela.words, candela.fee(), candela.standing) == (None, None, "X")

    def test_every_topic_has_its_words_and_some_are_always_asked(self):
        assert len({topic.words for topic in Topic}) == len(Topic)
        assert set(ALWAYS) <= set(asked("Nobody"))

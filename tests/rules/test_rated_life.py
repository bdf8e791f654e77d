"""How long a part lasts, where somebody published it; what is second-hand is never counted with."""

import csv
import io

import pytest

from marketplace.catalog import rated
from marketplace.catalog.rated import COLUMNS, Evidence


def table(**cells):
    row = {"maker": "Acme", "model": "Beam", "part": "lamp", "unit": "pulses", "standing": "P", "source": "manual"}
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerow({**row, **cells})
    return out.getvalue()


class TestWhatIsShipped:
    def test_is_the_sixteen_figures_that_were_found(self):
        assert len(rated.shipped()) == 16
        assert [life.model for life in rated.shipped() if life.counts] == ["Ulthera System"]

    def test_holds_a_transducer_of_ulthera_against_its_makers_2400_lines(self):
        life = rated.figure("ulthera-ulthera-system", "lines")

        assert (life.most, life.unit, life.evidence) == (2_400, "treatment lines", Evidence.PRIMARY)
        assert rated.figure("ulthera-ulthera-system", "shots") is None
        assert len(rated.of_model("ulthera-ulthera-system")) == 3

    def test_knows_general_figures_only_as_such(self):
        (life,) = rated.in_general("IPL")

        assert (life.most, life.evidence, life.counts) == (500_000, Evidence.SECOND_HAND, False)
        assert rated.in_general("CO2") == ()

    def test_knows_nothing_of_most(self):
        assert rated.of_model("lumenis-m22") == ()


class TestRead:
    def test_takes_columns_in_any_order(self):
        rows = list(csv.DictReader(io.StringIO(table(rated_value="2000-8000", models="acme-beam"))))
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS[::-1], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        (life,), problems = rated.read(out.getvalue())

        assert (life.least, life.most, life.counts, problems) == (2_000, 8_000, False, [])

    @pytest.mark.parametrize(
        ("cells", "said"),
        [
            (
                {"rated_value": "many"},
                "rated_life.csv, row 2, rated_value: Write a whole number, or two joined by a dash.",
            ),
            ({"standing": "GK"}, "rated_life.csv, row 2, standing: GK is not one of P, S."),
            ({"standing": ""}, "rated_life.csv, row 2, standing: This must not be empty."),
            ({"models": "Acme Beam"}, "rated_life.csv, row 2, models: Acme Beam is not written as in an address."),
            ({"source": ""}, "rated_life.csv, row 2, source: This must not be empty."),
        ],
    )
    def test_says_what_is_wrong_and_where(self, cells, said):
        _, problems = rated.read(table(**cells))

        assert list(map(str, problems)) == [said]

    def test_a_wrong_table_is_not_used(self, monkeypatch):
        rated.shipped.cache_clear()
        monkeypatch.setattr(rated, "read", lambda _: ([], ["wrong"]))
        with pytest.raises(ValueError, match="wrong"):
            rated.shipped()
        rated.shipped.cache_clear()

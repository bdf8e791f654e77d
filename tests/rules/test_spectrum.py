import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.web.spectrum import (
    NARROWEST,
    Band,
    Span,
    band_of,
    covers_of,
    draw,
    is_covered,
    position,
    span_of,
    ticks,
)

ALEXANDRITE = Band(755, 755, "alexandrite 755 nm")
NDYAG = Band(1064, 1064)
NEEDLES = Band(None, None, "radio frequency")

nanometres = st.floats(min_value=200, max_value=20_000)
ranges = st.tuples(nanometres, nanometres).map(lambda ends: Band(min(ends), max(ends)))


class TestBand:
    @pytest.mark.parametrize(
        ("band", "written"),
        [
            (ALEXANDRITE, "755 nm"),
            (Band(694.3, 694.3), "694.3 nm"),
            (Band(400, 1200), "400–1,200 nm"),
            (Band(10_600, 10_600), "10,600 nm"),
            (NEEDLES, "no light"),
        ],
    )
    def test_is_written_as_the_trade_does(self, band, written):
        assert band.wavelengths == written

    def test_goes_by_its_label_and_else_by_its_wavelengths(self):
        assert (ALEXANDRITE.words, NDYAG.words) == ("alexandrite 755 nm", "1,064 nm")

    def test_refuses_one_end_without_the_other(self):
        with pytest.raises(ValueError, match="two ends or none"):
            Band(400, None)

    def test_refuses_ends_the_wrong_way_round(self):
        with pytest.raises(ValueError, match="from 1200 down to 400"):
            Band(1200, 400)

    def test_is_read_from_a_pair_a_name_or_itself(self):
        assert band_of([755, 755]) == Band(755, 755)
        assert band_of("cold") == Band(None, None, "cold")
        assert band_of(NDYAG) is NDYAG

    def test_is_not_read_from_three_numbers(self):
        with pytest.raises(ValueError, match="too many values"):
            band_of([532, 755, 1064])


class TestPosition:
    @pytest.mark.parametrize(
        ("nm", "per_cent"),
        [
            (308, 0.0),
            (400, 0.0),
            (755, 19.17),
            (1064, 29.52),
            (2940, 60.19),
            (10_600, 98.88),
            (11_000, 100.0),
            (12_000, 100.0),
        ],
    )
    def test_is_logarithmic_and_stays_on_the_bar(self, nm, per_cent):
        assert round(position(nm), 2) == per_cent


class TestSpanOf:
    def test_gives_a_line_a_width_around_its_place(self):
        assert span_of(ALEXANDRITE) == Span(18.07, NARROWEST)

    def test_leaves_a_range_its_true_width(self):
        assert span_of(Band(400, 1200)) == Span(0.0, 33.15)

    def test_keeps_a_line_at_either_end_inside_and_visible(self):
        assert span_of(Band(400, 400)) == Span(0.0, NARROWEST)
        assert span_of(Band(11_000, 11_000)) == Span(100 - NARROWEST, NARROWEST)

    def test_has_no_place_for_what_is_not_light(self):
        assert span_of(NEEDLES) is None

    @given(ranges)
    def test_always_lies_on_the_bar_and_can_be_seen(self, band):
        span = span_of(band)
        assert span.x >= 0
        assert span.x + span.width <= 100.01
        assert span.width >= NARROWEST - 0.01


class TestCoversOf:
    def test_covers_everything_where_nothing_is_emitted(self):
        assert covers_of([]) == (Span(0.0, 100.0),)

    def test_leaves_the_spans_free_in_whatever_order_they_come(self):
        assert covers_of([Span(50, 10), Span(0, 20)]) == (Span(20, 30), Span(60, 40))

    def test_takes_overlapping_spans_as_one(self):
        assert covers_of([Span(10, 30), Span(15, 5), Span(30, 20)]) == (Span(0.0, 10), Span(50, 50))

    def test_has_nothing_to_cover_when_all_is_lit(self):
        assert covers_of([Span(0, 100)]) == ()

    @given(st.lists(ranges, max_size=6))
    def test_covers_and_spans_together_fill_the_bar_and_never_meet(self, bands):
        spans = [span_of(band) for band in bands]
        covers = covers_of(spans)
        for cover in covers:
            assert cover.width > 0
            assert not any(
                span.x < cover.x + cover.width - 0.011 and cover.x < span.x + span.width - 0.011 for span in spans
            )


class TestIsCovered:
    def test_a_line_within_a_range_is(self):
        assert is_covered(ALEXANDRITE, [Band(694, 1064)])

    @pytest.mark.parametrize(("low", "high", "answer"), [(755, 755, True), (755.1, 800, False), (700, 754.9, False)])
    def test_the_ends_count(self, low, high, answer):
        assert is_covered(ALEXANDRITE, [Band(low, high)]) is answer

    def test_a_range_that_reaches_beyond_is_not(self):
        assert not is_covered(Band(400, 1200), [Band(500, 1200)])
        assert not is_covered(Band(400, 1200), [Band(400, 1199)])

    def test_ranges_that_meet_count_as_one_and_a_hole_between_them_does_not(self):
        assert is_covered(Band(400, 1200), [Band(700, 1200), Band(400, 700)])
        assert not is_covered(Band(400, 1200), [Band(701, 1200), Band(400, 700)])

    def test_what_is_not_light_is_compared_by_name(self):
        assert is_covered(NEEDLES, [ALEXANDRITE, Band(None, None, "radio frequency")])
        assert not is_covered(NEEDLES, [Band(None, None, "cold"), Band(400, 11_000)])

    def test_nothing_covers_nothing(self):
        assert not is_covered(ALEXANDRITE, [])
        assert not is_covered(ALEXANDRITE, [NEEDLES])


class TestDraw:
    def test_a_device_of_two_lines(self):
        bar = draw([[1064, 1064], [755, 755]])
        assert bar.covers == (Span(0.0, 18.07), Span(20.27, 8.15), Span(30.62, 69.38))
        assert bar.text == "Emits 755 nm and 1,064 nm."
        assert bar.wavelengths == "755 · 1,064 nm"
        assert (bar.clearance_covers, bar.holes, bar.no_light, bar.emits_light) == (None, (), (), True)

    def test_shows_the_hole_where_a_clearance_is_missing(self):
        bar = draw([ALEXANDRITE, [2940, 2940]], cleared=[[694, 1064]])
        assert bar.holes == (span_of(Band(2940, 2940)),)
        assert bar.clearance_covers == covers_of([span_of(Band(694, 1064))])
        assert bar.text == "Emits alexandrite 755 nm and 2,940 nm. You are not cleared for 2,940 nm."

    def test_says_when_all_of_it_is_cleared(self):
        bar = draw([ALEXANDRITE], cleared=[ALEXANDRITE])
        assert bar.holes == ()
        assert bar.text == "Emits alexandrite 755 nm. You are cleared for all of it."

    def test_nobody_is_cleared_for_anything_by_an_empty_clearance(self):
        bar = draw([ALEXANDRITE, NDYAG, "cold"], cleared=[])
        assert bar.clearance_covers == (Span(0.0, 100.0),)
        assert len(bar.holes) == 2
        assert bar.text.endswith("You are not cleared for alexandrite 755 nm, 1,064 nm and cold.")

    def test_no_light_is_said_in_words_and_has_no_place(self):
        bar = draw(["radio frequency"])
        assert (bar.covers, bar.emits_light, bar.no_light) == (
            (Span(0.0, 100.0),),
            False,
            ("radio frequency",),
        )
        assert bar.text == "No light: radio frequency."
        assert bar.wavelengths == ""

    def test_unknown_stays_unknown(self):
        bar = draw([], cleared=[ALEXANDRITE])
        assert bar.emits_light is False
        assert bar.text == "Wavelength not known."

    def test_names_a_wavelength_once(self):
        bar = draw([NDYAG, NDYAG])
        assert (bar.text, bar.wavelengths) == ("Emits 1,064 nm.", "1,064 nm")


def test_ticks_stand_at_their_wavelengths_and_stay_inside():
    written = [(tick.x, tick.text, tick.anchor, tick.wide) for tick in ticks()]
    assert written == [
        (0.0, "400 nm", "start", False),
        (19.17, "755", "middle", True),
        (29.52, "1,064", "middle", False),
        (41.16, "1,565", "middle", True),
        (60.19, "2,940", "middle", False),
        (100.0, "10,600", "end", False),
    ]

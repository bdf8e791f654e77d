import gzip
import re
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace as Thing
from uuid import uuid4

import flask_bootstrap
import pytest
from flask import render_template, render_template_string
from flask_wtf import FlaskForm
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, FieldList, FormField, MultipleFileField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired

from marketplace.accounts.access import Identity
from marketplace.kernel.money import Money
from marketplace.kernel.terms import StaffRole
from marketplace.web import errors, filters
from marketplace.web.icons import icon
from marketplace.web.options import options

STATIC = Path(filters.__file__).parents[1] / "static"
TEMPLATES = Path(filters.__file__).parents[2] / "templates"
NINE = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)


@pytest.fixture
def render(app):
    """Render a snippet that may use every macro; what it says, with runs of white space as one."""
    imports = (
        '{% from "macros/feedback.html" import confirm, empty_state, flash_messages, status_chip %}'
        '{% from "macros/forms.html" import checkbox, choices, field, file_field, filter_group, posting, press, submit %}'
        '{% from "macros/gate.html" import spectral_bar, verdict_chip, verdict_panel %}'
        '{% from "macros/show.html" import cell, data_table, definition_list, filter_chips, listing_card,'
        " money, page_turning, pagination, photo, steps, timeline %}"
    )

    def render(snippet: str, **context) -> str:
        with app.test_request_context():
            return re.sub(r"\s+", " ", render_template_string(imports + snippet, **context)).strip()

    return render


class TestFilters:
    def test_money_is_written_as_people_read_it(self):
        assert filters.money(Money(4_250_000)) == "$42,500"
        assert filters.money(4_250_050) == "$42,500.50"
        assert filters.money(100, "eur") == "1 EUR"

    def test_a_day_cannot_be_mistaken(self):
        assert filters.day(date(2026, 11, 2)) == "2 Nov 2026"

    def test_the_day_of_a_moment_is_that_of_the_zone(self):
        midnight = datetime(2026, 11, 22, 3, tzinfo=UTC)
        assert filters.day(midnight) == "22 Nov 2026"
        assert filters.day(midnight, "America/Chicago") == "21 Nov 2026"

    def test_a_moment_is_an_element_in_html_and_words_in_a_mail(self, app):
        with app.test_request_context():
            html = render_template_string("{{ at|moment }}", at=NINE)
            text = render_template_string(
                "{% autoescape false %}{{ at|moment('America/Phoenix') }}{% endautoescape %}", at=NINE
            )
        assert html == '<time datetime="2026-11-22T14:05:00+00:00" data-moment>22 Nov 2026, 14:05 UTC</time>'
        assert text == "22 Nov 2026, 07:05 MST"

    def test_figures_have_their_thousands_apart(self):
        assert filters.count(41_200) == "41,200"
        assert filters.nanometres(10_600) == "10,600\N{NO-BREAK SPACE}nm"
        assert filters.nanometres(694.3) == "694.3\N{NO-BREAK SPACE}nm"

    def test_a_ratio_is_whole_per_cent(self):
        assert filters.percent(0.384) == "38\N{NO-BREAK SPACE}%"

    @pytest.mark.parametrize(
        ("number", "written"), [(0, "no devices"), (1, "1 device"), (2, "2 devices"), (1240, "1,240 devices")]
    )
    def test_a_number_agrees_with_its_noun(self, number, written):
        assert filters.plural(number, "device") == written

    def test_an_odd_plural_is_given(self):
        assert filters.plural(2, "facility", "facilities") == "2 facilities"


class TestIcon:
    def test_is_cut_out_of_the_sprite_and_hidden_from_screen_readers(self):
        drawn = icon("search")
        assert drawn.startswith('<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="')
        assert len(drawn) < 500

    def test_refuses_a_name_that_the_sprite_does_not_have(self):
        with pytest.raises(LookupError, match="no icon called 'no-such-icon'"):
            icon("no-such-icon")


class TestSpectralBar:
    def test_says_what_is_emitted_and_covers_the_rest(self, render):
        html = render('{{ spectral_bar([[755, 755], [1064, 1064]], "GentleMax <Pro>", caption=True) }}')
        assert 'role="img"><title>GentleMax &lt;Pro&gt;: Emits 755 nm and 1,064 nm.</title>' in html
        assert html.count("spectral-cover") == 3
        assert '<span class="spectral-dark">755 · 1,064 nm</span>' in html
        assert "spectral-row--cleared" not in html

    def test_shows_what_is_missing_in_a_second_row_and_says_so(self, render):
        html = render('{{ spectral_bar([[755, 755], [2940, 2940]], "It", cleared=[[694, 1064]], ticks=True) }}')
        assert "You are not cleared for 2,940 nm.</title>" in html
        assert html.count("spectral-hole") == 1
        assert "a dashed frame is what is missing" in html
        assert ">10,600</text>" in html

    def test_has_no_dashed_frame_to_explain_when_all_is_cleared(self, render):
        html = render('{{ spectral_bar([[755, 755]], "It", cleared=[[755, 755]]) }}')
        assert "spectral-hole" not in html
        assert "dashed frame" not in html

    def test_says_no_light_in_words_and_pattern(self, render):
        html = render('{{ spectral_bar(["radio frequency"], "Thermage", cleared=[]) }}')
        assert "spectral-dots" in html
        assert "no light: radio frequency" in html
        assert "spectral-row--cleared" not in html

    def test_says_that_it_is_not_known(self, render):
        assert "wavelength not known" in render('{{ spectral_bar([], "It") }}')


def verdict(**changes) -> Thing:
    given = {
        "outcome": "yes",
        "title": "You can buy this",
        "answers": (),
        "objections": (),
        "restriction": None,
        "limits": (),
    }
    return Thing(**{**given, **changes})


class TestVerdict:
    @pytest.mark.parametrize("outcome", ["yes", "not_yet", "no_rule"])
    def test_has_a_shape_and_words_of_its_own(self, render, outcome):
        chips = {name: render(f'{{{{ verdict_chip("{name}", "words") }}}}') for name in ("yes", "not_yet", "no_rule")}
        assert f"tone-{outcome}" in chips[outcome]
        assert "words" in chips[outcome]
        shapes = {re.search(r"<svg.*</svg>", html)[0] for html in chips.values()}
        assert len(shapes) == 3

    def test_lists_the_keys_that_fit_and_what_stands_against_it_with_cure_and_citation(self, render):
        citation = Thing(
            ref="A.A.C. R9-7-1438", url="https://example.org/r", text_version="read 2024-10", evidence="text read"
        )
        bare = Thing(ref="policy", url=None, text_version=None, evidence=None)
        objection = Thing(
            sentence="Fractional is not on your certificate.",
            cures=(Thing(text="Add it", url="/credentials/add"), Thing(text="Or ask a colleague.", url=None)),
            citations=(citation, bare),
            routes=("Physician: a licence",),
        )
        html = render(
            "{{ verdict_panel(verdict, level=3, id='v2') }}",
            verdict=verdict(
                outcome="not_yet",
                title="One thing stands against it",
                answers=(
                    Thing(key_label="Operator", text="hair", ok=True),
                    Thing(key_label="Site", text="none", ok=False),
                ),
                objections=(objection,),
                restriction="hair removal only",
                limits=("Not for tattoos.",),
            ),
        )
        assert '<section class="verdict" aria-labelledby="v2"> <h3 class="verdict-title tone-not_yet" id="v2">' in html
        assert '<span class="visually-hidden">Met:</span> <span class="verdict-key">Operator:</span> hair' in html
        assert '<span class="visually-hidden">Not met:</span> <span class="verdict-key">Site:</span> none' in html
        assert "Fractional is not on your certificate." in html
        assert '<a href="/credentials/add">Add it</a>' in html
        assert "<p>Or ask a colleague.</p>" in html
        assert "<li>Physician: a licence</li>" in html
        assert (
            '<a href="https://example.org/r" rel="noopener noreferrer">A.A.C. R9-7-1438</a> · read 2024-10 · text read'
            " · reference rule, not legal advice" in html
        )
        assert "<li>policy · reference rule, not legal advice</li>" in html
        assert "<strong>Kept to:</strong> hair removal only" in html
        assert "<li>Not for tattoos.</li>" in html

    def test_is_only_its_title_when_there_is_nothing_to_list(self, render):
        html = render("{{ verdict_panel(verdict) }}", verdict=verdict())
        assert "You can buy this</h2>" in html
        assert "<ul" not in html
        assert "Kept to" not in html

    def test_escapes_what_people_wrote(self, render):
        html = render("{{ verdict_panel(verdict) }}", verdict=verdict(title="<script>alert(1)</script>"))
        assert "<script>alert" not in html


class TestShow:
    def test_a_photo_keeps_its_place_and_offers_webp_first(self, render):
        picture = Thing(
            jpg="/p/1.jpg", webp="/p/1.webp", alt="Console, front", jpg_large="/p/2.jpg", webp_large="/p/2.webp"
        )
        html = render('{{ photo(picture, width=400, sizes="50vw") }}', picture=picture)
        assert '<source type="image/webp" srcset="/p/1.webp 400w, /p/2.webp 800w" sizes="50vw">' in html
        assert 'srcset="/p/1.jpg 400w, /p/2.jpg 800w"' in html
        assert 'width="400" height="300" alt="Console, front" loading="lazy"' in html

    def test_a_photo_above_the_fold_is_fetched_first(self, render):
        html = render("{{ photo(picture, lazy=False) }}", picture=Thing(jpg="/p/1.jpg", webp=None, alt="Front"))
        assert 'fetchpriority="high"' in html
        assert "loading" not in html
        assert "<source" not in html

    def test_a_missing_photo_is_said(self, render):
        assert "No photo yet" in render("{{ photo(none) }}")

    def test_a_card_leads_to_its_device_and_says_what_a_buyer_asks_first(self, render):
        card = Thing(
            url="/devices/7",
            title="Lumenis M22",
            year=2016,
            price=Money(2_490_000),
            grade_label="A",
            counter_text="shots 12 % of rated",
            place="Phoenix, AZ",
            landed="At least $49,900 in all",
            photo=None,
            bands=((515, 1200),),
            verdict=Thing(outcome="not_yet", text="One thing missing"),
        )
        html = render("{{ listing_card(card) }}", card=card)
        assert '<h2><a href="/devices/7">Lumenis M22 <span class="year">2016</span></a></h2>' in html
        assert '<span class="money">$24,900</span>' in html
        assert (
            "<span>A · shots 12 % of rated</span><span>Phoenix, AZ</span><span>At least $49,900 in all</span>" in html
        )
        assert "One thing missing" in html
        card.year, card.counter_text, card.verdict, card.landed = None, None, None, None
        html = render("{{ listing_card(card, level=3) }}", card=card)
        assert '<h3><a href="/devices/7">Lumenis M22</a></h3>' in html
        assert "chip" not in html
        assert "in all" not in html

    def test_a_timeline_says_done_now_and_to_come_in_words(self, render):
        events = [
            Thing(label="Placed", at=NINE, detail="by Dana", state="done"),
            Thing(label="Paid", at=date(2026, 11, 23), detail=None, state="now"),
            Thing(label="Shipped", at=None, detail=None, state="next"),
        ]
        html = render('{{ timeline(events, "The order") }}', events=events)
        assert '<ol class="timeline" aria-label="The order">' in html
        assert "(done)</span><time datetime=" in html
        assert '<p class="timeline-detail">by Dana</p>' in html
        assert '<li class="is-now" aria-current="step">' in html
        assert '<time datetime="2026-11-23">23 Nov 2026</time>' in html
        assert html.count("<time") == 2

    def test_facts_say_what_is_not_known(self, render):
        html = render('{{ definition_list([("Maker", "Lumenis"), ("Service", none)]) }}')
        assert "<dt>Maker</dt><dd>Lumenis</dd>" in html
        assert '<dt>Service</dt><dd><span class="muted">not known</span></dd>' in html

    def test_a_table_keeps_its_meaning_when_it_is_stacked(self, render):
        html = render(
            '{% call(row) data_table("Orders", ["Device", {"label": "Price", "figure": true, "sort": "ascending",'
            ' "sort_url": "?s=1"}, {"label": "State"}], ["M22"]) %}{{ cell("Device", row) }}{{ cell("Price", "$1", figure=True) }}'
            '{% call cell("State") %}<b>paid</b>{% endcall %}{% endcall %}'
        )
        assert (
            '<th role="columnheader" scope="col" class="is-figure" aria-sort="ascending"><a href="?s=1">Price' in html
        )
        assert '<th role="columnheader" scope="col">State</th>' in html
        assert '<td role="cell" data-label="Device">M22</td>' in html
        assert '<td role="cell" data-label="Price" class="is-figure">$1</td>' in html
        assert '<td role="cell" data-label="State"><div><b>paid</b></div></td>' in html

    def test_steps_say_where_one_is(self, render):
        html = render('{{ steps("Price", ["Device", "Price", "Photos"]) }}')
        assert html.count("(done)") == 1
        assert '<li class="is-now" aria-current="step"><span class="step-number">2</span>Price</li>' in html
        assert '<li class="is-next"><span class="step-number">3</span>Photos</li>' in html

    def test_steps_that_can_be_gone_to_are_links_and_none_is_called_done(self, render):
        html = render('{{ steps("Price", ["Device", "Price", "Photos"], {"Device": "/d", "Price": "/p"}) }}')
        assert "(done)" not in html
        assert '<li class="is-open"><span class="step-number">1</span><a href="/d">Device</a></li>' in html
        assert (
            '<li class="is-now" aria-current="step"><span class="step-number">2</span><a href="/p">Price</a></li>'
            in html
        )
        assert '<li class="is-next"><span class="step-number">3</span>Photos</li>' in html

    @pytest.mark.parametrize(
        ("page", "shown"),
        [(1, ["1", "2", "…", "9"]), (5, ["1", "…", "4", "5", "6", "…", "9"]), (9, ["1", "…", "8", "9"])],
    )
    def test_pages_are_listed_around_the_present_one(self, render, page, shown):
        html = render("{{ pagination(page, 9, address) }}", page=page, address="?page={}".format)
        assert re.findall(r">(?:<span class=\"visually-hidden\">Page</span> )?(\d+|…)<", html) == shown
        assert html.count('aria-current="page"') == 1
        assert ('rel="prev"' in html) is (page > 1)
        assert ('rel="next"' in html) is (page < 9)

    def test_one_page_needs_no_pages(self, render):
        assert render("{{ pagination(1, 1, none) }}") == ""

    def test_a_filter_chip_takes_its_filter_away(self, render):
        one = Thing(label="755 nm", remove_url="/devices?q=x", strong=False)
        html = render("{{ filter_chips(chips, '/devices') }}", chips=[one])
        assert (
            '<a href="/devices?q=x" data-live-link><span class="visually-hidden">Remove filter:</span> 755 nm' in html
        )
        assert "Clear all" not in html
        assert "Clear all" in render("{{ filter_chips(chips, '/devices') }}", chips=[one, one])
        assert render("{{ filter_chips([]) }}") == ""


class TestFeedback:
    def test_an_error_interrupts_and_a_success_does_not(self, render):
        html = render("{{ flash_messages(said) }}", said=[("success", "Done."), ("error", "No."), ("message", "Hm.")])
        assert re.findall(r'class="flash tone-(\w+)" role="(\w+)"', html) == [
            ("yes", "status"),
            ("wrong", "alert"),
            ("quiet", "status"),
        ]

    def test_an_empty_list_says_what_to_do_next(self, render):
        html = render('{{ empty_state("No orders", "Buy one.", ("Look", "/devices"), level=3) }}')
        assert (
            '<h3>No orders</h3> <p>Buy one.</p> <p><a class="btn btn-outline-secondary" href="/devices">Look</a></p>'
            in html
        )
        assert "<a" not in render('{{ empty_state("No orders", "Buy one.") }}')

    def test_something_final_is_asked_once_without_a_script(self, render):
        html = render('{% call confirm("Withdraw", "Withdraw the M22?", "It leaves.") %}<i>form</i>{% endcall %}')
        assert html.startswith('<details class="confirm"> <summary class="btn btn-outline-danger">Withdraw</summary>')
        assert "<p><strong>Withdraw the M22?</strong> It leaves.</p> <i>form</i>" in html


class Address(FlaskForm):
    class Meta:
        csrf = False

    street = StringField("Street", validators=[InputRequired("Write the street.")])


class Form(FlaskForm):
    price = StringField("Price", validators=[InputRequired("Write a price.")])
    note = StringField("Note")
    state = SelectField("State", choices=options([("TX", "Texas")]))
    grade = RadioField(
        "Grade",
        choices=options([("A", "as new"), ("B", "good")]),
        validators=[InputRequired("Choose a grade.")],
    )
    photos = MultipleFileField("Photos", validators=[InputRequired("Add a photo.")])
    agreed = BooleanField("I agree", validators=[InputRequired("Please agree.")])
    address = FormField(Address)
    lines = FieldList(StringField("Line", validators=[InputRequired("Write a line.")]), min_entries=1)


class TestForms:
    @pytest.fixture
    def form(self, app):
        with app.test_request_context():
            yield Form(formdata=None, meta={"csrf": True})

    @pytest.fixture
    def wrong(self, app):
        with app.test_request_context():
            form = Form(MultiDict({"note": "kept", "state": "TX"}), meta={"csrf": False})
            assert not form.validate()
            yield form

    def test_a_field_ties_label_help_and_unit_to_its_control(self, render, form):
        html = render('{{ field(form.note, help="As you like.", unit="nm", rows=2) }}', form=form)
        assert '<label for="note">Note (nm) <span class="optional">(optional)</span></label>' in html
        assert '<p class="field-help" id="note-help">As you like.</p>' in html
        assert 'aria-describedby="note-help" class="form-control" id="note" name="note" rows="2"' in html
        assert "aria-invalid" not in html

    def test_a_wrong_field_keeps_what_was_typed_and_says_what_is_wrong(self, render, wrong):
        html = render('{{ field(form.price, help="In dollars.") }}{{ field(form.note) }}', form=wrong)
        assert 'aria-describedby="price-help price-error" aria-invalid="true" class="form-control is-invalid"' in html
        assert 'id="price-error"' in html
        assert "Write a price." in html
        assert 'value="kept"' in html

    def test_a_select_looks_like_one(self, render, form):
        assert 'class="form-select" id="state"' in render("{{ field(form.state) }}", form=form)

    def test_a_box_to_tick_says_what_is_wrong(self, render, form, wrong):
        assert "field-error" not in render("{{ checkbox(form.agreed) }}", form=form)
        html = render('{{ checkbox(form.agreed, help="All of it.") }}', form=wrong)
        assert 'aria-describedby="agreed-help agreed-error" aria-invalid="true"' in html
        assert "Please agree." in html

    def test_choices_are_one_question_with_help_and_counts(self, render, form, wrong):
        html = render(
            "{{ choices(form.grade, help='Honestly.', helps={'B': 'Traces.'}, counts={'A': 1240}) }}", form=form
        )
        assert "<legend>Grade</legend>" in html
        assert '<fieldset class="field" aria-describedby="grade-help">' in html
        assert 'type="radio" id="grade-1" name="grade" value="B" aria-describedby="grade-1-help"' in html
        assert '<span class="figure" id="grade-0-count" data-live-region>1,240</span>' in html
        assert "Choose a grade." in render("{{ choices(form.grade) }}", form=wrong)

    def test_filters_stand_beside_their_counts(self, render):
        answers = [
            Thing(value="TX", words="Texas", count=1052, chosen=True),
            Thing(value="AZ", words="Arizona", count=None, chosen=False),
        ]
        html = render("{{ filter_group('State', 'state', answers) }}", answers=answers)
        assert 'type="checkbox" id="state-TX" name="state" value="TX" checked>' in html
        assert '<span class="figure"><span class="visually-hidden">devices:</span> 1,052</span>' in html
        assert html.count('class="figure"') == 1
        assert "<details" not in html

    def test_the_rest_of_a_long_filter_is_a_tap_away(self, render):
        one = Thing(value="Candela Gentle", words="Candela Gentle", count=3, chosen=False)
        html = render("{{ filter_group('Model', 'model', [], [one, one]) }}", one=one)
        assert '<details class="filter-more" id="model-more"><summary>2 more</summary>' in html
        assert (
            '<input class="form-check-input" type="checkbox" id="model-Candela_Gentle" name="model" value="Candela Gentle">'
            in html
        )

    def test_pages_are_turned_one_by_one(self, render):
        html = render("{{ page_turning(around) }}", around=Thing(first="/a", earlier="/b", later="/c"))
        assert re.findall(r'href="(/\w)"', html) == ["/a", "/b", "/c"]
        assert render("{{ page_turning(around) }}", around=Thing(first="/a", earlier=None, later=None)) == ""

    def test_limits_of_files_are_said_before(self, render, form, wrong):
        html = render(
            "{{ file_field(form.photos, 'JPEG, up to 10 MB', accept='image/jpeg', max_bytes=10) }}", form=form
        )
        assert '<p class="field-help" id="photos-help">JPEG, up to 10 MB</p>' in html
        assert 'data-file-drop data-max-bytes="10"' in html
        assert 'accept="image/jpeg"' in html
        assert "multiple" in html
        html = render("{{ file_field(form.photos, 'JPEG') }}", form=wrong)
        assert 'aria-describedby="photos-help photos-error" aria-invalid="true"' in html

    def test_the_summary_links_to_every_wrong_field_also_nested_ones(self, render, wrong):
        html = render("{% call posting(form) %}{% endcall %}", form=wrong)
        links = re.findall(r'<li><a href="#([^"]+)">([^<]+)</a>', html)
        assert links == [
            ("price", "Write a price."),
            ("grade-0", "Choose a grade."),
            ("photos", "Add a photo."),
            ("agreed", "Please agree."),
            ("address-street", "Write the street."),
            ("lines-0", "Write a line."),
        ]
        assert 'role="alert" tabindex="-1" data-error-summary' in html

    def test_the_summary_tells_what_is_wrong_with_the_whole_form(self, render, wrong):
        wrong.form_errors.append("Ends before it starts.")
        assert "<li>Ends before it starts.</li>" in render("{% call posting(form) %}{% endcall %}", form=wrong)

    def test_a_form_carries_its_token_and_is_sent_once(self, render, form):
        html = render('{% call posting(form, action="/x", files=True, keep="draft") %}<i>b</i>{% endcall %}', form=form)
        assert html.startswith(
            '<form method="post" novalidate data-guard action="/x" enctype="multipart/form-data" data-keep="draft">'
        )
        assert 'name="csrf_token" type="hidden" value="' in html
        assert "error-summary" not in html
        assert "<i>b</i>" in html

    def test_a_button_says_what_it_sends(self, render):
        assert render('{{ submit("Order", name="do", value="order", block=True) }}') == (
            '<button type="submit" class="btn btn-primary btn-block" name="do" value="order" data-busy="Sending…">'
            "Order</button>"
        )
        assert "btn-outline-danger" in render('{{ submit("Withdraw", "danger") }}')

    def test_a_button_alone_is_a_form_with_its_token(self, render):
        html = render('{{ press("End", "/end", label_more="the session of Firefox", fields={"id": "7"}) }}')
        assert html.startswith(
            '<form method="post" action="/end" data-guard><input type="hidden" name="csrf_token" value="'
        )
        assert '<input type="hidden" name="id" value="7">' in html
        assert 'End<span class="visually-hidden"> the session of Firefox</span></button></form>' in html


@pytest.fixture
def frame(app):
    """Render an empty page for somebody, with the settings' mode and a cookie."""

    def frame(who=None, mode="demo", cookie="") -> str:
        somebody = who or Thing(is_authenticated=False)
        with app.test_request_context(headers={"Cookie": cookie}):
            return render_template("base.html", current_user=somebody, settings=Thing(mode=mode))

    return frame


def identity(role: StaffRole | None = None) -> Identity:
    return Identity(uuid4(), uuid4(), "Dana <b>", "dana@example.com", role, email_confirmed=True)


class TestFrame:
    def test_opens_with_a_way_to_the_content_and_the_search(self, frame):
        html = frame()
        assert html.index('<a class="skip" href="#content">') < html.index("<header")
        assert '<form class="search" role="search" action="/devices" method="get">' in html
        assert '<main class="page" id="content" tabindex="-1">' in html

    def test_follows_the_system_until_somebody_chooses(self, frame):
        assert '<html lang="en">' in frame()
        assert '<html lang="en" data-bs-theme="dark">' in frame(cookie="theme=dark")
        assert '<html lang="en">' in frame(cookie='theme="><script>"')

    def test_says_that_it_is_a_demo_and_only_there(self, frame):
        assert "TEST PAYMENTS – no real money. Reference rules, not confirmed by counsel." in frame()
        assert "TEST PAYMENTS" not in frame(mode="production")

    def test_offers_a_stranger_to_sign_in(self, frame):
        html = frame()
        assert '<a href="/sign-in">Sign in</a>' in html
        assert "/sign-out" not in html

    def test_offers_a_member_what_is_theirs_and_no_desk(self, frame):
        html = frame(identity())
        assert "Dana &lt;b&gt;" in html
        assert re.findall(r'<li><a href="([^"]+)">', html) == [
            "/orders", "/watching", "/wanted/mine", "/inspections", "/arrangements/mine", "/questions", "/credentials", "/sharing", "/clinics", "/account",
        ]  # fmt: skip
        assert '<form method="post" action="/sign-out"><input type="hidden" name="csrf_token"' in html

    @pytest.mark.parametrize(
        ("role", "desks"),
        [
            (
                StaffRole.VERIFIER,
                [
                    "/staff/credentials",
                    "/staff/registers",
                    "/staff/recalls",
                    "/staff/monitoring",
                    "/staff/listings",
                    "/staff/wanted",
                    "/staff/arrangements",
                    "/staff/inspections",
                    "/staff/asked",
                    "/staff/reviews",
                    "/staff/stolen",
                    "/staff/clinics",
                    "/staff/policy",
                    "/staff/rule-reviews",
                    "/staff/history",
                ],
            ),
            (StaffRole.FINANCE, ["/staff/orders", "/staff/liens", "/staff/finance"]),
            (
                StaffRole.AUDITOR,
                [
                    "/staff/credentials",
                    "/staff/registers",
                    "/staff/recalls",
                    "/staff/monitoring",
                    "/staff/listings",
                    "/staff/wanted",
                    "/staff/arrangements",
                    "/staff/inspections",
                    "/staff/asked",
                    "/staff/reviews",
                    "/staff/stolen",
                    "/staff/clinics",
                    "/staff/orders",
                    "/staff/liens",
                    "/staff/finance",
                    "/staff/people",
                    "/staff/policy",
                    "/staff/rule-reviews",
                    "/staff/history",
                    "/staff/audit",
                ],
            ),
        ],
    )
    def test_offers_staff_the_desks_they_may_sit_at(self, frame, role, desks):
        html = frame(identity(role))
        assert f"Staff: {role}" in html
        assert re.findall(r'<li><a href="([^"]+)">', html) == ["/account", *desks]

    def test_loads_nothing_from_elsewhere_and_runs_nothing_inline(self, client):
        html = client.get("/styleguide").get_data(as_text=True)
        assert re.findall(r'(?:src|srcset)="(?!/)', html) == []
        assert re.findall(r'<link [^>]*href="(?!/)', html) == []
        assert " style=" not in html
        assert "<style" not in html
        assert re.findall(r"<script(?![^>]* src=)", html) == []
        assert re.findall(r"\son[a-z]+=", html) == []


class TestErrorPage:
    @pytest.mark.parametrize("status", sorted(errors.WORDS))
    def test_says_what_happened_what_was_changed_and_what_to_do(self, app, status):
        with app.test_request_context():
            html, answered = errors.page(status, sentence="It was <i>withdrawn</i>.")
        title, cure = errors.WORDS[status]
        assert answered == status
        assert f"<h1>{title}</h1>" in html
        assert "It was &lt;i&gt;withdrawn&lt;/i&gt;." in html
        assert str(Markup.escape(cure)) in html
        assert re.search(r"<dt>What was changed</dt>\s*<dd>Nothing\.</dd>", html)

    def test_says_after_a_post_that_nothing_moved(self, app):
        with app.test_request_context(method="POST"):
            html, _ = errors.page(409)
        assert "Money, devices and documents are as they were before you pressed." in html
        assert "What happened" not in html

    def test_shows_the_way_to_the_cure_and_the_whole_verdict(self, app):
        with app.test_request_context():
            html, _ = errors.page(
                403, cure="Add it.", cure_url="/credentials", verdict=verdict(title="One thing missing")
            )
        assert '<a class="btn btn-primary" href="/credentials">' in html
        assert "One thing missing</h2>" in html

    def test_asks_nobody_who_they_are_while_something_is_broken(self, app):
        class Broken:
            @property
            def is_authenticated(self):
                raise AssertionError("the database was asked")

        with app.test_request_context():
            html, _ = errors.page(503, current_user=Broken())
        assert "Sign in" not in html
        assert "<h1>We cannot answer right now</h1>" in html


def tokens() -> dict[str, tuple[str, str]]:
    css = (STATIC / "css/second-light.css").read_text()
    return {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);", css)}


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class TestTokens:
    def test_older_browsers_get_the_same_light_theme(self):
        css = (STATIC / "css/second-light.css").read_text()
        fallback = css.split("@supports not (color: light-dark(#000, #fff))")[1].split("\n    }\n")[0]
        assert dict(re.findall(r"--([\w-]+): (#\w+);", fallback)) == {name: pair[0] for name, pair in tokens().items()}

    @pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
    @pytest.mark.parametrize(
        ("text", "ground"),
        [
            *((text, ground) for text in ("ink", "muted", "wrong") for ground in ("paper", "card", "raised")),
            *((tone, f"{tone}-ground") for tone in ("yes", "not-yet", "no-rule", "wrong")),
            ("ink", "no-rule-ground"),
            ("on-ruby", "ruby"),
            ("on-ruby", "ruby-pressed"),
            ("yes", "card"),
            ("not-yet", "card"),
        ],
    )
    def test_text_can_be_read(self, theme, text, ground):
        assert contrast(tokens()[text][theme], tokens()[ground][theme]) >= 4.5

    @pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
    @pytest.mark.parametrize(
        ("shape", "ground"),
        [
            *((shape, ground) for shape in ("edge", "focus") for ground in ("paper", "card")),
            *((f"nm-{nm}", "track") for nm in (400, 460, 500, 535, 600, 650, 755, 1064, 2940, 10600)),
        ],
    )
    def test_controls_and_emissions_can_be_seen(self, theme, shape, ground):
        assert contrast(tokens()[shape][theme], tokens()[ground][theme]) >= 3


class TestWeight:
    def test_the_first_view_is_light(self, client):
        bootstrap = Path(flask_bootstrap.__file__).parent / "static/bootstrap5/css/bootstrap.min.css"
        files = [bootstrap, *(STATIC / "css").glob("*.css"), *(STATIC / "js").glob("*.js"), STATIC / "img/mark.svg"]
        page = client.get("/styleguide").data
        assert sum(len(gzip.compress(data)) for data in (page, *(file.read_bytes() for file in files))) < 65_000

    def test_the_bootstrap_that_the_style_sheet_names_is_served(self, client):
        with client.get("/bootstrap/static/css/bootstrap.min.css") as answer:
            assert answer.status_code == 200
        assert (
            '@import url("../../bootstrap/static/css/bootstrap.min.css")'
            in (STATIC / "css/second-light.css").read_text()
        )

"""What says how to reach somebody is taken out of what people write, as far as a machine can tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.contacts import EMAIL, HANDLE, HIDDEN, SITE, TELEPHONE, cleaned, reaches

FOUND = [
    ("Write to dana@clinic.example today", f"Write to {HIDDEN} today", (EMAIL,)),
    ("name at domain dot com", HIDDEN, (EMAIL,)),
    ("name (at) domain [dot] com, please", f"{HIDDEN}, please", (EMAIL,)),
    ("dana at clinic.com", HIDDEN, (EMAIL,)),
    ("d.r+x @ lone-star.co.us!", f"{HIDDEN}!", (EMAIL,)),
    ("see www.clinic/about", f"see {HIDDEN}", (SITE,)),
    ("https://clinic.example/x?y=1", HIDDEN, (SITE,)),
    ("clinic.com has more", f"{HIDDEN} has more", (SITE,)),
    ("clinic dot com", HIDDEN, (SITE,)),
    ("call (512) 555-0100", f"call {HIDDEN}", (TELEPHONE,)),
    ("512 555 0100", HIDDEN, (TELEPHONE,)),
    ("5125550100", HIDDEN, (TELEPHONE,)),
    ("1-512-555-0100", HIDDEN, (TELEPHONE,)),
    ("15125550100", HIDDEN, (TELEPHONE,)),
    ("555-0100", HIDDEN, (TELEPHONE,)),
    ("+1 512", HIDDEN, (TELEPHONE,)),
    ("+49 30 1234567", HIDDEN, (TELEPHONE,)),
    ("5 1 2  5 5 5  0 1 0 0", HIDDEN, (TELEPHONE,)),
    ("five one two, five", "five one two, five", ()),
    ("five one two five five five oh one oh oh", HIDDEN, (TELEPHONE,)),
    ("I am @danalaser", f"I am {HIDDEN}", (HANDLE,)),
    ("Instagram: dana.laser", HIDDEN, (HANDLE,)),
    ("my whatsapp number is dana_l", HIDDEN, (HANDLE,)),
    ("a@b.example or 512-555-0100", f"{HIDDEN} or {HIDDEN}", (EMAIL, TELEPHONE)),
    ("a@b.example, c@d.example", f"{HIDDEN}, {HIDDEN}", (EMAIL,)),
]
LEFT = [
    "With ResurFX, 1,000,000 shots, 755/1064 nm, 2018",
    "400 000 1064 nm and 512 555 0100 shots",
    "Fluence 10 12 14 16 18 J",
    "755 1064",
    "1234 5678",
    "+123",
    "+1234567890123456",
    "$42,500 at pickup. Come and see it",
    "Ready at noon. Us too",
    "K123456, serial 9914-0800-1234, made 03.04.2018",
    "one or two of the three",
    "Is whatsapp fine for you?",
]


@pytest.mark.parametrize(("words", "shown", "kinds"), FOUND)
def test_contact_is_taken_out_and_called_what_it_is(words, shown, kinds):
    assert (cleaned(words).words, cleaned(words).found) == (shown, kinds)
    assert reaches(words) is bool(kinds)


@pytest.mark.parametrize("words", LEFT)
def test_what_the_trade_writes_all_day_is_left(words):
    assert (cleaned(words).words, cleaned(words).found) == (words, ())


@given(st.text(max_size=300))
def test_what_is_left_has_nothing_more_to_take_out_or_is_what_was_written(words):
    once = cleaned(words)

    assert once.words == words or HIDDEN in once.words
    assert bool(once.found) is (once.words != words)


def test_a_long_text_made_to_be_slow_is_read_at_once():
    for piece in ("a-", "a.", "a at ", "1 ", "one ", "-", ".", "@", "dot "):
        cleaned(piece * (1_000 // len(piece)))

"""The kinds of credentials that ship with the product, and how they are read."""

import pytest

from marketplace.credentials.types import CredentialKind, LookUp, Opens, Subject, credential_types, read_types
from marketplace.kernel.shapes import Misshapen

PLAIN = {
    "code": "X",
    "name": "A paper",
    "issuer": "Somebody",
    "kind": "PRIVATE_CERT",
    "subject": "person",
    "opens": [],
    "term": "dated",
    "does_not_open": "it is a piece of paper.",
}


def test_sixty_kinds_are_known():
    types = credential_types()

    assert len(types) == 60
    assert {code for code, kind in types.items() if kind.opens >= {Opens.PRESCRIBER}} == {"MD_DO"}
    assert [kind.name for code, kind in types.items() if code == "CLRT"] == ["Certified Laser Repair Technician"]


def test_what_opens_nothing_says_so_in_a_sentence():
    for kind in credential_types().values():
        assert bool(kind.opens) or kind.does_not_open.endswith(".")
        assert kind.kind is not CredentialKind.PRIVATE_CERT or kind.does_not_open


def test_a_site_holds_only_what_turns_the_sites_key():
    sites = [kind for kind in credential_types().values() if kind.subject is Subject.SITE]

    assert len(sites) == 9
    assert all(kind.opens == {Opens.SITE} and kind.jurisdictions for kind in sites)


def test_a_credential_of_one_state_is_issued_there_and_a_licence_everywhere():
    types = credential_types()

    assert types["US-TX:TDLR:LHR"].issued_in("TX")
    assert not types["US-TX:TDLR:LHR"].issued_in("AZ")
    assert types["RN"].issued_in("WY")
    assert not types["ELECTROLOGIST"].issued_in("FL")


@pytest.mark.parametrize(
    ("code", "state", "number", "expected"),
    [
        ("MD_DO", "TX", "N1234", True),
        ("MD_DO", "TX", "N12345", False),
        ("MD_DO", "FL", "OS123", True),
        ("MD_DO", "FL", "ME12345", True),
        ("MD_DO", "CA", "20A12345", True),
        ("MD_DO", "IL", "036.098765", True),
        ("MD_DO", "VA", "0102000001", False),
        ("MD_DO", "WA", " MD00012345 ", True),
        ("MD_DO", "NY", "anything", None),
        ("RN", "TX", "anything", None),
    ],
)
def test_a_number_looks_right_or_wrong_only_where_the_form_is_known(code, state, number, expected):
    assert credential_types()[code].looks_right(number, state) is expected


def test_a_credential_is_looked_up_where_its_state_says():
    lhr = credential_types()["US-TX:TDLR:LHR"].look_up("TX")

    assert lhr.url == "https://www.tdlr.texas.gov/LicenseSearch/"
    assert credential_types()["LPN"].look_up("TX") is None
    anywhere = read_types([{**PLAIN, "look_ups": {"*": {"url": "https://example.test/", "standing": "S"}}}])["X"]
    assert anywhere.look_up("TX") == LookUp("https://example.test/", "S")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jurisdictions": ["ZZ"]}, "X: no such state: 'ZZ'"),
        ({"look_ups": {"ZZ": {"url": "u", "standing": "S"}}}, "X: no such state: 'ZZ'"),
        ({"number_forms": {"ZZ": [{"pattern": "1", "standing": "S"}]}}, "X: no such state: 'ZZ'"),
        ({"number_forms": {"TX": [{"pattern": "(", "standing": "S"}]}}, "pattern: not a regular expression"),
        ({"levels": [{"code": "A", "name": "a"}] * 2}, "X: a level or endorsement is listed twice"),
        ({"endorsements": [{"code": "A", "name": "a"}] * 2}, "X: a level or endorsement is listed twice"),
        ({"does_not_open": None}, "X: a type that opens nothing says so in does_not_open"),
        ({"subject": "site", "opens": ["operator"]}, "X: a site's credential can only turn the site's key"),
        ({"kind": "WISH"}, "types[0].kind: one of"),
        ({"colour": "red"}, "types[0].colour: this is not known here"),
    ],
)
def test_a_type_that_contradicts_itself_is_refused(change, message):
    with pytest.raises(Misshapen) as refusal:
        read_types([{**PLAIN, **change}])

    assert message in str(refusal.value)


def test_a_type_is_listed_once():
    with pytest.raises(Misshapen, match="X: this type is listed twice"):
        read_types([PLAIN, PLAIN])

"""What may I buy: strangers read where to begin, people what is open to them at their site and what is missing."""

import re

import pytest

from marketplace.credentials.states import CredentialState
from marketplace.eligibility.models import PolicyState, PolicyVersion
from marketplace.eligibility.reasons import Key, ReasonCode
from marketplace.eligibility.verdict import Objection, Restriction, Verdict
from marketplace.extensions import db
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.web.standpoint import Chip, may_operate
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.pages import without_languages
from tests.support import count_statements, sign_in

ADDRESS = "/what-may-i-buy"
LIGHT = "The light you are cleared for"
BEFORE = "Before you can buy what you may operate"
MISSING = "What is missing for the rest"
UNRULED = "No rule here yet</h2>"


@pytest.fixture
def colleague(scene):
    """Another technician of the same facility, who has proved nothing."""
    user = make_user(name="Toni Webb")
    make_member(clinic=scene.clinic, user=user)
    return user


def page(client, address=ADDRESS):
    answer = client.get(address)
    assert answer.status_code == 200
    # The mark of a form says when it was made, and of two pages one may be a second younger.
    return without_languages(re.sub(r'<input[^>]*name="csrf_token"[^>]*>', "", answer.get_data(as_text=True)))


def chips(html) -> dict[str, list[str]]:
    """What the table says, by kind of device."""
    rows = re.findall(r"<strong>([^<]+)</strong>(.*?)</tr>", html, flags=re.DOTALL)
    return {
        name: [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", said)).strip() for said in re.findall(r"<p>(.*?)</p>", rest, flags=re.DOTALL)]
        for name, rest in rows
    }  # fmt: skip


class TestWithoutASite:
    def test_a_stranger_is_shown_the_way_in_and_the_rules(self, client):
        html = page(client)

        assert "Find out for yourself" in html
        assert 'href="/sign-in?next=/what-may-i-buy"' in html
        assert 'href="/rules"' in html
        assert "First, a place of use" not in html

    def test_somebody_without_a_clinic_is_asked_for_a_place_of_use(self, client):
        sign_in(client, make_user())

        html = page(client)

        assert "First, a place of use" in html
        assert 'href="/clinics"' in html
        assert "Find out for yourself" not in html

    def test_staff_buy_for_nobody(self, client):
        sign_in(client, make_staff())

        assert "By kind of device" not in page(client)


class TestMine:
    def test_says_in_one_line_what_is_open(self, client, scene):
        sign_in(client, scene.buyer)

        assert "In Texas you are cleared for hair removal." in page(client)

    def test_draws_the_light_and_leads_to_the_devices(self, client, scene):
        sign_in(client, scene.buyer)

        html = page(client)

        assert LIGHT in html
        assert f'href="/devices?verdict=today&amp;site={scene.site.id}"' in html

    def test_answers_kind_by_kind_what_is_open_first(self, client, scene):
        sign_in(client, scene.buyer)

        said = chips(page(client))

        assert said["Alexandrite 755 nm"] == ["hair removal", "vascular and pigment treatment: no rule here yet"]
        assert said["CO₂ 10,600 nm, ablative"] == ["ablative resurfacing: no rule here yet"]
        is_open = ["hair removal" in uses for uses in said.values()]
        assert is_open == sorted(is_open, reverse=True)

    def test_names_what_no_rule_speaks_of_apart_from_what_is_missing(self, client, scene):
        sign_in(client, scene.buyer)

        html = page(client)

        assert UNRULED in html
        assert 'href="/rules/TX"' in html
        assert MISSING not in html
        assert BEFORE not in html

    def test_somebody_who_proved_nothing_reads_what_is_missing_and_where_to_begin(self, client, colleague):
        sign_in(client, colleague)

        html = page(client)

        assert "In Texas nothing is open to you yet." in html
        assert LIGHT not in html
        assert MISSING in html
        assert "Toni Webb has not submitted" in html
        assert "/credentials/" in html
        assert "hair removal: not yet" in chips(html)["Alexandrite 755 nm"]

    def test_what_is_missing_is_said_once(self, client, colleague):
        sign_in(client, colleague)

        assert page(client).count('<details class="lacking">') == 1

    def test_what_the_clinic_lacks_stands_apart_from_the_persons_own(self, client, scene):
        scene.prescriber.state = CredentialState.SUSPENDED
        scene.prescriber.reason = "The board says so."
        db.session.commit()
        sign_in(client, scene.buyer)

        html = page(client)

        assert "In Texas you are cleared for hair removal." in html
        assert BEFORE in html
        assert MISSING not in html

    def test_answers_are_not_given_without_rules(self, client, scene):
        rules = db.session.query(PolicyVersion).filter_by(state=PolicyState.PUBLISHED).one()
        rules.state, rules.retired_at = PolicyState.RETIRED, rules.published_at
        db.session.commit()
        sign_in(client, scene.buyer)

        answer = client.get(ADDRESS)

        shown = answer.get_data(as_text=True)
        assert (answer.status_code, "No rules are in force" in shown) == (200, True)
        assert "Staff must publish" not in shown
        assert "/staff/policy" not in shown


class TestSites:
    @pytest.fixture
    def oakland(self, scene):
        """A second site of the same technician, in California."""
        clinic = make_clinic(name="Bay Skin")
        make_member(clinic=clinic, user=scene.buyer, role=ClinicRole.TECHNICIAN)
        return make_site(clinic=clinic, state="CA", city="Oakland")

    def test_with_one_there_is_nothing_to_choose(self, client, scene):
        sign_in(client, scene.buyer)

        assert "<select" not in page(client).partition("<main")[2]

    def test_of_several_one_is_chosen_in_the_address(self, client, scene, oakland):
        sign_in(client, scene.buyer)

        html = page(client, f"{ADDRESS}?site={oakland.id}")

        assert "In California nothing is open to you yet." in html
        assert f'<option value="{oakland.id}" selected>Bay Skin, Oakland (CA)</option>' in html
        assert f'<option value="{scene.site.id}">' in html

    @pytest.mark.parametrize("asked", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
    def test_whatever_else_the_address_says_it_is_the_first(self, client, scene, oakland, asked):
        sign_in(client, scene.buyer)

        assert page(client, f"{ADDRESS}?site={asked}").count(" selected>") == page(client).count(" selected>") == 1
        assert page(client, f"{ADDRESS}?site={asked}") == page(client)

    def test_the_site_of_others_is_not_theirs_to_look_from(self, client, scene):
        foreign = make_site(state="CA", city="Oakland")
        sign_in(client, scene.buyer)

        assert "In Texas" in page(client, f"{ADDRESS}?site={foreign.id}")

    def test_more_sites_ask_no_more_of_the_database(self, client, scene):
        sign_in(client, scene.buyer)
        page(client)
        with count_statements() as one:
            page(client)
        for state in ("AZ", "FL"):
            make_site(clinic=scene.clinic, state=state)
        with count_statements() as three:
            page(client)

        assert len(three) == len(one)


class TestMayOperate:
    def against(self, code, key):
        return Objection(code, key, ("subject",), "A sentence.", ())

    def test_nothing_against_it(self):
        assert may_operate(Verdict()) == Chip("yes", "cleared")

    def test_only_for_some_uses(self):
        uses = (ProcedureClass.HAIR_NONABLATIVE, ProcedureClass.TATTOO)
        verdict = Verdict(restriction=Restriction(uses, (ProcedureClass.VASCULAR_PIGMENT,), "Only these."))

        assert may_operate(verdict) == Chip("yes", "for hair removal and tattoo removal")

    def test_what_concerns_the_purchase_is_left_out(self):
        verdict = Verdict((self.against(ReasonCode.NO_PRACTITIONER, Key.PRACTITIONER),))

        assert may_operate(verdict).outcome == "yes"

    def test_a_proof_is_missing(self):
        verdict = Verdict((self.against(ReasonCode.EXPIRED, Key.OPERATOR),))

        assert may_operate(verdict) == Chip("not_yet", "not yet")

    def test_no_rule_outweighs_a_missing_proof(self):
        verdict = Verdict((self.against(ReasonCode.EXPIRED, Key.OPERATOR), self.against(ReasonCode.NO_RULE, Key.RULE)))

        assert may_operate(verdict) == Chip("no_rule", "no rule here yet")

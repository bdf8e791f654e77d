"""What one statement tells of a purchase is what the gate gathers row by row, whatever happened a moment before."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID, uuid4

import pytest

from marketplace.accounts.models import User
from marketplace.clinics import queries as clinics
from marketplace.clinics.models import ClinicMember
from marketplace.credentials import service as credentials
from marketplace.credentials.findings import FindingEvent, RegisterFinding
from marketplace.credentials.models import CheckMethod
from marketplace.eligibility import publishing, reviews, told
from marketplace.eligibility.facts import Exclusion
from marketplace.eligibility.gathering import circumstances_of
from marketplace.eligibility.models import PolicyState, PolicyVersion
from marketplace.eligibility.reviews import Proposal
from marketplace.eligibility.sale import Purchase
from marketplace.eligibility.verdict import Evidence
from marketplace.extensions import db
from marketplace.kernel.errors import NotFound
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.listings import queries as listings
from marketplace.registers.models import RegisterSnapshot
from marketplace.registers.states import SnapshotState
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.credentials import make_check, make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.registers import make_exclusions, make_snapshot
from tests.support import count_statements

NPI = "1234567893"
ENTRY = {"family_name": "MARTIN", "given_name": "ALICE", "license_type": "NURSE", "status": "1128b4", "state": "TX"}


@pytest.fixture
def purchase(scene):
    return Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)


@pytest.fixture
def one_off(scene, now):
    """A call that has an ablative procedure decided for the practitioner and one unit."""
    unit = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")])
    first, second = make_staff("verifier").id, make_staff("verifier").id

    def decide():
        review = reviews.ask(
            actor_id=scene.buyer.id, sale=listings.sale_of(unit.id), site_id=scene.site.id,
            operator_id=scene.practitioner.id, procedure=ProcedureClass.ABLATIVE, question="Ten years of it.", at=now,
        )  # fmt: skip
        proposal = Proposal(
            licence_id=scene.prescriber.id, grounds="A physician practises medicine.", ref="Tex. Occ. Code 157.001",
            url="", text_version="read today", evidence=Evidence.PRIMARY, valid_from=now.date(),
            valid_to=now.date() + timedelta(days=30),
        )  # fmt: skip
        reviews.propose(review_id=review, actor_id=first, proposal=proposal, at=now)
        reviews.approve(review_id=review, actor_id=second, at=now)

    return decide


def new_list(now, *rows, **values):
    """Keep a list of exclusions in place of the one that counted."""
    for old in db.session.query(RegisterSnapshot).filter_by(source_code="US:LEIE", state="current"):
        old.state, old.replaced_at = SnapshotState.REPLACED, now
    db.session.flush()
    return make_exclusions(*rows, **values)


def same(scene, *purchases):
    """Compare what is told with what is gathered, for these purchases, alone and from where their buyer looks."""
    looked, _ = told.look(reader_id=scene.buyer.id, site_id=scene.site.id)
    assert list(looked.sites) == clinics.sites_of_person(scene.buyer.id)
    for purchase in purchases:
        try:
            expected = circumstances_of(purchase)
        except NotFound:
            for asked in (told.around, looked.around):
                with pytest.raises(NotFound):
                    asked(purchase)
            continue
        policy = publishing.in_force()
        for found in (told.around(purchase), looked.around(purchase)):
            assert found.circumstances == expected
            assert found.policy_id == (policy.version_id if policy else None)
            assert found.purchase == purchase


class Story:
    """Things that happen around a clinic, any of which may change what the gate looks at."""

    def __init__(self, scene, now, seed):
        self.lot, self.scene, self.now = Random(seed), scene, now
        self.outsider, self.annex = make_user(name="Otis Field"), make_site(clinic=scene.clinic, name="Annex")
        self.people = [scene.buyer, scene.owner, scene.practitioner]
        self.papers = [scene.licence, scene.prescriber]
        self.register = make_snapshot("TX:TDLR")
        self.elsewhere = make_clinic(name="A Second House")
        make_member(user=scene.buyer, clinic=self.elsewhere, role=ClinicRole.OWNER)
        make_site(clinic=self.elsewhere, state="AZ", name="Desert Road")
        self.deeds = [deed for name, deed in sorted(vars(Story).items()) if not name.startswith("_")]

    def _go_on(self):
        self.lot.choice(self.deeds)(self)

    def _membership(self):
        who = self.lot.choice(self.people).id
        return db.session.query(ClinicMember).filter_by(clinic_id=self.scene.clinic.id, user_id=who).one()

    def change_a_paper(self):
        paper = self.lot.choice(self.papers)
        paper.jurisdiction = self.lot.choice(["TX", "AZ"])
        paper.level = self.lot.choice([None, "SENIOR_TECHNICIAN"])
        paper.expires_on = self.lot.choice([None, self.now.date() + timedelta(days=self.lot.randint(-3, 90))])

    def bring_a_paper(self):
        if self.lot.random() < 0.5:
            made = make_credential(
                type_code="US-TX:TDLR:LHR_FACILITY", site=self.lot.choice([self.scene.site, self.annex])
            )
        else:
            holder = self.lot.choice([*self.people, self.outsider])
            made = make_credential(holder=holder, endorsements=self.lot.choice([[], ["A", "B"]]))
        self.papers.append(made)

    def see_a_paper_in_a_register(self):
        paper = self.lot.choice(self.papers)
        check = make_check(
            paper, verifier=db.session.get(User, paper.verified_by), retrieved_at=paper.verified_at, method=CheckMethod.REGISTER_FILE,
            snapshot_id=self.register.id, row_digest=b"\1" * 32, file_digest="0" * 64,
        )  # fmt: skip
        paper.deciding_check_id = check.id

    def change_somebody(self):
        person = self.lot.choice([*self.people, self.outsider])
        person.name = self.lot.choice(["Alice Martin", "Alma Martin", "Dana Okafor, MD", "Zoë O’Hara-Smith"])
        person.disabled_at = self.lot.choice([None, None, self.now])

    def change_a_membership(self):
        member = self._membership()
        member.role = self.lot.choice(list(ClinicRole))
        member.starts_on = self.lot.choice([None, self.now.date()])
        member.ends_on = self.lot.choice([None, self.now.date() + timedelta(days=3)])

    def leave_or_return(self):
        member = self._membership()
        member.left_at = None if member.left_at else self.now

    def change_the_site(self):
        site = self.scene.site
        site.laser_safety_officer_id = self.lot.choice([None, self.scene.buyer.id, self.scene.owner.id])
        site.name = self.lot.choice(["Main Street", "Zebra Street"])
        site.closed_at = self.lot.choice([None, None, None, self.now])

    def state_a_number(self):
        who = self.lot.choice([*self.people, self.outsider]).id
        credentials.state_npi(user_id=who, npi=self.lot.choice([NPI, ""]), at=self.now)

    def bring_a_list(self):
        rows = [
            ENTRY, {**ENTRY, "npi": NPI}, {**ENTRY, "family_name": "OHARA", "given_name": "ZOE"},
            {**ENTRY, "given_name": "A"},
        ]  # fmt: skip
        some = self.lot.sample(rows, self.lot.randint(0, 4))
        new_list(self.now, *some, retrieved_at=self.now - timedelta(days=self.lot.randint(0, 9)))
        credentials.screen_everyone(at=self.now)

    def judge_a_finding(self):
        found = db.session.query(RegisterFinding).filter_by(state="open", kind="exclusion").first()
        if found is not None:
            event = self.lot.choice([FindingEvent.CONFIRMED, FindingEvent.DISMISSED])
            credentials.resolve_finding(
                finding_id=found.id, event=event, actor_id=make_staff().id, reason="The office was asked.", at=self.now
            )

    def shut_or_open_the_gate(self):
        version = db.session.query(PolicyVersion).one()
        shut = version.state is PolicyState.PUBLISHED
        version.state = PolicyState.RETIRED if shut else PolicyState.PUBLISHED
        version.retired_at = self.now if shut else None


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_it_is_what_is_gathered_row_by_row(scene, purchase, one_off, now, seed):
    one_off()
    story = Story(scene, now, seed)
    asked = [
        purchase,
        replace(purchase, practitioner_id=scene.practitioner.id, confirmed_at=now, statements=frozenset("ab")),
        replace(purchase, operator_id=None),
        replace(purchase, operator_id=scene.practitioner.id),
        replace(purchase, operator_id=story.outsider.id),
        replace(purchase, site_id=story.annex.id),
        replace(purchase, clinic_id=story.elsewhere.id),
        replace(purchase, declared_uses=frozenset({ProcedureClass.HAIR_NONABLATIVE}), restriction_signed=True),
    ]
    same(scene, *asked)
    for _ in range(30):
        story._go_on()
        same(scene, *asked)


def test_tells_in_one_statement_once_it_knows_the_names(scene, purchase, now):
    new_list(now, ENTRY)
    told.forget()
    with count_statements() as first:
        found = told.around(purchase)
    with count_statements() as second:
        again = told.around(purchase)

    assert found.circumstances.operator.exclusion is Exclusion.OPEN
    assert (len(first), len(second)) == (2, 1)
    assert again.circumstances is found.circumstances


def test_tells_nothing_of_a_site_that_is_none(scene):
    with pytest.raises(NotFound, match="no such site, or it is closed"):
        told.at_site(UUID(int=7))


def test_asks_again_when_a_colleague_has_another_name(scene, purchase, now):
    new_list(now, {**ENTRY, "family_name": "QUILL", "given_name": "OLIVE"})
    assert Exclusion.OPEN not in {one.exclusion for one in told.around(purchase).circumstances.site.colleagues}

    scene.owner.name = "Olive Quill"
    with count_statements() as sent:
        found = told.around(purchase)

    assert len([one for one in sent if one.startswith("WITH sites")]) == 2
    assert {one.name: one.exclusion for one in found.circumstances.site.colleagues}["Olive Quill"] is Exclusion.OPEN


def test_a_change_that_was_not_sent_yet_is_a_fact(scene, purchase):
    told.around(purchase)
    with db.session.no_autoflush:
        scene.licence.jurisdiction = "AZ"
        found = told.around(purchase)

    assert [held.jurisdiction for held in found.circumstances.operator.credentials] == ["AZ"]


def test_the_same_text_names_the_same_and_another_one_does_not(scene, purchase):
    first = told.around(purchase)
    assert told.around(purchase).name == first.name
    assert told.around(replace(purchase, operator_id=scene.owner.id)).name != first.name

    scene.site.laser_safety_officer_id = None
    second = told.around(purchase)
    assert second.name != first.name
    assert second.circumstances != first.circumstances

    scene.site.laser_safety_officer_id = scene.buyer.id
    assert told.around(purchase).name == first.name
    assert told.around(purchase).circumstances == first.circumstances


def test_what_was_told_is_not_asked_again(scene, purchase):
    found = told.around(purchase)
    with count_statements() as sent:
        assert told.around(found) is found
    assert sent == []


class TestLook:
    def test_looks_from_the_site_that_is_asked_for_else_from_the_first(self, scene):
        annex = make_site(clinic=scene.clinic, name="Annex")
        for asked, site in ((None, annex), (annex.id, annex), (scene.site.id, scene.site), (uuid4(), annex)):
            found, beside = told.look(reader_id=scene.buyer.id, site_id=asked)
            assert found.site.id == site.id
            assert [one.name for one in found.sites] == ["Annex", "Main Street"]
            assert [one.name for one in found.members] == [one.name for one in clinics.members_of(scene.clinic.id)]
            assert beside is None

    def test_who_belongs_nowhere_looks_from_nowhere(self):
        reader = make_user()
        found, _ = told.look(reader_id=reader.id, site_id=None)
        assert (found.sites, found.site, found.members, found.people) == ((), None, (), {reader.id})

    def test_answers_one_question_of_the_callers_as_well(self, scene):
        _, beside = told.look(reader_id=scene.buyer.id, site_id=None, beside="SELECT 40 + 2")
        assert beside == 42

    def test_a_purchase_by_a_colleague_costs_no_statement_and_one_by_a_stranger_is_asked_for(self, scene, purchase):
        found, _ = told.look(reader_id=scene.buyer.id, site_id=scene.site.id)
        by_owner = replace(purchase, operator_id=scene.owner.id)
        with count_statements() as sent:
            around = found.around(by_owner)
        assert sent == []
        assert around.circumstances == circumstances_of(by_owner)

        stranger = make_user(name="Otis Field")
        asked = replace(purchase, operator_id=stranger.id)
        assert found.around(asked).circumstances == circumstances_of(asked)


def test_no_more_is_kept_than_there_is_room_for(scene, purchase, monkeypatch):
    monkeypatch.setattr(told, "MOST_KEPT", 2)
    told.forget()
    annex = make_site(clinic=scene.clinic, name="Annex")
    for site in (scene.site, annex):
        told.around(replace(purchase, site_id=site.id))
        told.look(reader_id=scene.buyer.id, site_id=site.id)
    assert len(told._kept) == len(told._needed) == 2

    around = told.around(purchase)
    [kept] = [one for one in told._kept.values() if one.text == around.text]
    for number in range(4):
        kept.around(replace(purchase, statements=frozenset({str(number)})))
    assert len(kept.known) == 2


def test_the_statement_is_short_enough_for_the_driver_to_know_it_again():
    """Above 4,096 signs it would read it anew each time."""
    version = "SELECT string_agg(version::text, '' ORDER BY shard) FROM market_shards"
    assert len(told._statement(told.clinics.OF_READER, version)) <= 4096


def test_without_a_list_nobody_looked_and_with_one_it_counts_for_its_time(purchase, now):
    new_list(now, retrieved_at=now)
    found = told.around(purchase).circumstances
    assert found.operator.exclusion is Exclusion.NONE
    assert found.exclusions_until == now + timedelta(days=31)

    db.session.query(RegisterSnapshot).filter_by(state="current").update({"state": "replaced", "replaced_at": now})
    found = told.around(purchase).circumstances
    assert (found.operator.exclusion, found.exclusions_until) == (None, None)

"""Two policies side by side: everything that differs is said, rule by rule, and nothing else."""

from dataclasses import replace
from datetime import date

from marketplace.eligibility.comparing import Difference, compare
from marketplace.eligibility.explaining import procedures
from marketplace.eligibility.requirements import (
    AllOf,
    AnyOf,
    HoldsCredential,
    MemberHolds,
    NotEvidenced,
    PractitionerAttests,
    SafetyOfficerNamed,
    SiteHolds,
)
from marketplace.eligibility.rules import About, Coverage, NotAccepted, RuleOutcome
from marketplace.eligibility.verdict import Citation, Evidence
from marketplace.web.rule_changes import changes, sentences
from tests.factories.gate import reference_policy

DOCUMENT = reference_policy().document
NEVADA = next(rule for rule in DOCUMENT.rules if rule.id == "NV-ADV-EST-1")


def with_nevada(**changes):
    rules = tuple(replace(rule, **changes) if rule is NEVADA else rule for rule in DOCUMENT.rules)
    return replace(DOCUMENT, rules=rules)


def only(comparison):
    (change,) = comparison.rules
    return change


def test_the_same_policy_does_not_differ():
    comparison = compare(DOCUMENT, DOCUMENT)

    assert comparison.same
    assert not comparison.reaches("NV")


def test_a_date_that_was_set_is_one_difference():
    comparison = compare(DOCUMENT, with_nevada(in_force_to=date(2027, 1, 31)))

    change = only(comparison)
    assert (change.rule_id, change.state, change.kind) == ("NV-ADV-EST-1", "NV", "changed")
    assert change.differences == (Difference("in force to", None, "2027-01-31"),)
    assert comparison.reaches("NV")
    assert not comparison.reaches("TX")
    assert not comparison.same


def test_a_changed_option_is_named_and_only_what_changed_in_it_is_shown():
    first, *others = NEVADA.options
    comparison = compare(DOCUMENT, with_nevada(options=(replace(first, enabled=False), *others)))

    (difference,) = only(comparison).differences
    assert difference == Difference(f"options › {first.name} › enabled", "yes", "no")


def test_a_citation_is_known_by_its_reference():
    citations = (*NEVADA.citations, Citation("NAC 644A.1", text_version="2026", evidence=Evidence.PRIMARY))
    (added,) = only(compare(DOCUMENT, with_nevada(citations=citations))).differences

    assert added.path == "citations › NAC 644A.1"
    assert added.before is None
    assert "text version: 2026" in added.after


def test_what_was_left_out_and_what_is_new_are_said():
    fewer = replace(DOCUMENT, rules=tuple(rule for rule in DOCUMENT.rules if rule is not NEVADA))

    gone = only(compare(DOCUMENT, fewer))
    assert (gone.rule_id, gone.kind, gone.differences) == ("NV-ADV-EST-1", "left out", ())
    new = only(compare(fewer, DOCUMENT))
    assert (new.rule_id, new.kind) == ("NV-ADV-EST-1", "added")
    assert Difference("evidence", None, "P") in new.differences
    assert all(difference.before is None for difference in new.differences)
    assert compare(fewer, DOCUMENT).reaches("NV")


def test_a_list_that_became_nothing_is_a_difference():
    silent = with_nevada(options=(), outcome=RuleOutcome.DENY, excluded=("everything", "else"))
    paths = {difference.path: difference for difference in only(compare(DOCUMENT, silent)).differences}

    assert paths["outcome"] == Difference("outcome", "operators", "deny")
    assert paths["excluded › 2"].after == "else"


def test_what_stands_beside_the_rules_reaches_every_place():
    comparison = compare(DOCUMENT, replace(DOCUMENT, name="Another", floors=()))

    assert comparison.rules == ()
    assert Difference("name", DOCUMENT.name, "Another") in comparison.beside
    assert comparison.reaches("TX")
    assert not comparison.same


class TestSentences:
    """What the desk reads of a draft: which sentences fell away, and which came."""

    @staticmethod
    def shown(before, after):
        (change,) = changes(compare(before, after), before, after)
        return change

    def test_a_last_day_is_one_sentence_more(self):
        change = self.shown(DOCUMENT, with_nevada(in_force_to=date(2027, 1, 31)))

        assert (change.no_longer, change.now) == ((), ("It is in force through 31 Jan 2027.",))
        assert (change.rule_id, change.state, change.kind) == ("NV-ADV-EST-1", "NV", "changed")

    def test_an_option_that_is_only_believed_from_now_on(self):
        first, *others = NEVADA.options
        change = self.shown(DOCUMENT, with_nevada(options=(replace(first, enabled=False), *others)))

        assert (change.no_longer, change.now) == (
            (),
            (f"“{first.name}” is believed and not confirmed: it opens nothing.",),
        )

    def test_another_paper_is_named_also_where_the_words_of_the_rule_stay(self):
        first, *others = NEVADA.options
        wider = replace(first, requires=HoldsCredential("the licence", types=("MD_DO", "APRN"), on_model=True))
        change = self.shown(DOCUMENT, with_nevada(options=(wider, *others)))

        assert change.now == (
            (
                f"“{first.name}” is a way to operate, where the operator holds the licence for this very model"
                " [Physician's licence (MD or DO) or Advanced practice nurse's licence (APRN, NP, CNP, APN)]."
            ),
        )
        assert len(change.no_longer) == 1

    def test_a_rule_that_was_not_there_says_everything_and_one_that_goes_says_it_no_longer(self):
        fewer = replace(DOCUMENT, rules=tuple(rule for rule in DOCUMENT.rules if rule is not NEVADA))

        came, went = self.shown(fewer, DOCUMENT), self.shown(DOCUMENT, fewer)
        assert (came.kind, came.no_longer, went.kind, went.now) == ("added", (), "left out", ())
        assert came.now == went.no_longer == tuple(sentences(NEVADA))
        assert "How well it is known: text read." in came.now
        assert "It can open something." in came.now

    def test_everything_that_a_rule_can_say_is_a_sentence(self):
        attests = PractitionerAttests("SUPERVISES", "I supervise.")
        whole = replace(
            NEVADA,
            in_force_from=date(2026, 1, 1),
            coverage=Coverage(lasers_only=True, except_modalities=("CO2_FRAC",)),
            requires=(AllOf((SafetyOfficerNamed(lasers_only=False), SiteHolds("a licence", ("MD_DO",)))), attests),
            not_accepted=(NotAccepted("The repair certificate."),),
            excluded=("not for minors",),
            citations=(Citation("NAC 1", text_version="2026", evidence=Evidence.PRIMARY), Citation("NAC 2")),
            about=About(term="two years"),
            options=(
                replace(
                    NEVADA.options[0],
                    requires=AnyOf(
                        (
                            HoldsCredential(
                                "a licence", ("MD_DO",), levels=("SENIOR_TECHNICIAN",), endorsements=("HAIR", "IPL"),
                                for_procedure=True, from_anywhere=True,
                            ),
                            MemberHolds("a certificate", ("MD_DO",)),
                            NotEvidenced("an exam"),
                        )
                    ),
                    procedure_classes=NEVADA.procedure_classes[:1],
                    coverage=Coverage(modalities=("DIODE_HR",)),
                    evidence=Evidence.OFFICIAL,
                ),
            ),
        )  # fmt: skip
        said = list(sentences(whole))
        paper = "Physician's licence (MD or DO)"

        name = NEVADA.options[0].name
        assert "It is in force from 1 Jan 2026." in said
        assert (
            f"“{name}” is a way to operate, where either the operator holds a licence [{paper}; level senior technician;"
            f" endorsed for hair and ipl; for the very procedure; of any state], or somebody at the clinic holds a"
            f" certificate [{paper}], or what cannot be shown here yet: an exam."
        ) in said
        assert f"“{name}” is for {procedures(NEVADA.procedure_classes[:1])} only." in said
        assert f"“{name}” reaches only these kinds of device: DIODE_HR." in said
        assert f"“{name}” is known from: agency's own summary." in said
        assert (
            "Beside every way it asks that the site has named a laser safety officer and"
            f" the site holds a licence [{paper}]."
        ) in said
        assert "Beside every way it asks that the ordering practitioner signs: “I supervise.”." in said
        assert ("It reaches only handpieces that emit laser light and not these kinds of device: CO2_FRAC.") in said
        assert "Turned away: The repair certificate." in said
        assert "Its own limit: not for minors" in said
        assert "It is written in NAC 1, as read: 2026 (text read)." in said
        assert "It is written in NAC 2." in said
        assert "Term: two years" in said
        silent = list(sentences(replace(whole, options=(), outcome=RuleOutcome.DENY, evidence=Evidence.SECONDARY)))
        assert "It opens nothing." in silent

    def test_every_rule_that_ships_can_be_said(self):
        for rule in DOCUMENT.rules:
            said = list(sentences(rule))
            assert len(said) == len(set(said)) or rule.not_accepted or rule.excluded
            assert not [words for words in said if "_" in words and "[" in words and "only these" not in words]

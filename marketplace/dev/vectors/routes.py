"""Every way to be cleared that is bent in every way: one table of routes, one of what can be wrong with each."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ...credentials.states import CredentialState as State
from ...eligibility.facts import Asked
from ...eligibility.vectors import Expected, Human, Paper, Scenario
from ...kernel.days import end_of
from ...kernel.terms import STATES, time_zone_of
from ...kernel.terms import ProcedureClass as P
from .papers import (
    AT,
    AZ_REGISTRATION,
    AZ_TECHNICIAN,
    DEVICES,
    FL_BESIDE,
    MA_REGISTRATION,
    ORDERING,
    PROFESSIONAL,
    SECOND,
    TEXAS_SITE,
    TODAY,
    TRAINED,
    delegation,
    doctor,
    paper,
    texas,
)


class Route(NamedTuple):
    """A way to be cleared in one place: the operator's own paper, and everything the rule asks for beside it."""

    slug: str
    place: str
    words: str
    key: Paper
    rule: str
    cites: tuple[str, ...]
    handpiece: str = "DIODE_HR"
    beside: tuple[Paper, ...] = ()
    site: tuple[Paper, ...] = ()
    officer: bool = False
    colleagues: tuple[Paper, ...] = ()
    signs: frozenset[str] = frozenset()
    fresh_days: int = 120
    release_days: int = 30

    def scenario(self, slug: str, words: str, expected: Expected, **changes: Any) -> Scenario:
        """Return a situation on this route; nothing said, the operator has everything that is asked."""
        whole = {
            "operator": Human((self.key, *self.beside)),
            "practitioner": doctor(self.place),
            "site": self.site,
            "safety_officer_named": self.officer,
            "colleagues": self.colleagues,
            **changes,
        }
        return Scenario(
            id=f"{self.slug}/{slug}",
            words=f"{STATES[self.place]}, {DEVICES[self.handpiece]}. The operator holds {self.words}. {words}",
            place=self.place,
            handpieces=(self.handpiece,),
            expected=expected,
            **{"at": AT, **whole},
        )

    def yes(self) -> Expected:
        """Return the answer yes, by this rule."""
        return Expected(cleared=True, rules=(self.rule,), cites=self.cites)

    def no(self, *reasons: str) -> Expected:
        """Return a no that names this rule."""
        return Expected(cleared=False, reasons=tuple(sorted(reasons)), rules=(self.rule,), cites=self.cites)

    def with_key(self, slug: str, words: str, expected: Expected, *, at: datetime = AT, **changes: Any) -> Scenario:
        """Return the situation in which the operator's own paper is another than it should be."""
        bent = replace(self.key, **changes)
        return self.scenario(slug, words, expected, at=at, operator=Human((bent, *self.beside)))


ROUTES = (
    Route(
        "TX-HAIR-SENIOR", "TX", "a Texas laser hair removal certificate as Senior Technician, at a licensed facility",
        texas("TDLR:LHR", level="SENIOR_TECHNICIAN"), "TX-HAIR-TDLR-1", ("Tex. H&S Code 401.504", "16 TAC 118.20"),
        site=TEXAS_SITE, officer=True, colleagues=(PROFESSIONAL,),
    ),
    Route(
        "AZ-HAIR-TECH", "AZ", "an Arizona laser technician certificate that lists hair reduction",
        AZ_TECHNICIAN, "AZ-LASERTECH-1", ("A.R.S. 32-516", "A.A.C. R9-7-1438"),
        site=(AZ_REGISTRATION,), signs=frozenset({"AZ_PRESCRIBING_PROFESSIONAL"}),
    ),
    Route(
        "FL-HAIR-ELECTRO", "FL", "a Florida electrologist's licence, the 30-hour course, the CME certificate and"
        " training on this model", paper("US-FL:DOH:ELECTROLOGIST", "FL"), "FL-ELECTROLOGIST-1", ("64B8-52.004",),
        beside=FL_BESIDE, signs=frozenset({"FL_CLEARED_FOR_HAIR", "FL_SUPERVISING_PHYSICIAN"}),
    ),
    Route(
        "GA-HAIR-SENIOR", "GA", "a Georgia licence as senior cosmetic laser practitioner",
        paper("US-GA:GCMB:SENIOR_LASER_PRACTITIONER", "GA"), "GA-CLP-1", ("Ga. R. 360-35-.01",),
    ),
    Route(
        "NV-HAIR-ESTHETICIAN", "NV", "a Nevada advanced esthetician's licence",
        paper("US-NV:COSMO:ADVANCED_ESTHETICIAN", "NV"), "NV-ADV-EST-1", ("NRS 644A.545",),
        signs=frozenset({"NV_REACHABLE"}),
    ),
    Route(
        "IL-HAIR-DELEGATE", "IL", "a physician's written delegation for hair removal, and training on this model",
        delegation("IL", P.HAIR_NONABLATIVE), "IL-MED-1", ("68 Ill. Adm. Code 1285.336",), beside=(TRAINED,),
        signs=frozenset({"IL_DELEGATION"}), fresh_days=90, release_days=90,
    ),
    Route(
        "NC-HAIR-PRACTITIONER", "NC", "a North Carolina laser hair practitioner's licence beside that as electrologist",
        paper("US-NC:BBEE:LASER_HAIR_PRACTITIONER", "NC"), "NC-LHP-1", ("G.S. 86B-51", "G.S. 86B-56"),
        beside=(paper("ELECTROLOGIST", "NC"),), signs=frozenset({"NC_PHYSICIAN_AVAILABLE"}),
    ),
    Route(
        "TN-HAIR-ELECTRO", "TN", "a full Tennessee electrologist's licence",
        paper("US-TN:DOH:LICENSED_ELECTROLOGIST", "TN", level="FULL"), "TN-ELECTROLOGIST-1",
        ("Tenn. Code Ann. 63-26-102(3),(5)",), signs=frozenset({"TN_FDA_HAIR"}),
    ),
    Route(
        "MA-HAIR-ELECTRO", "MA", "a Massachusetts electrologist's licence that lists laser hair removal",
        paper("US-MA:BRCB:ELECTROLOGIST", "MA", endorsements=frozenset({"LASER_HAIR_REMOVAL"})), "MA-ELECTRO-1",
        ("Policy 2016-01 Intense Pulsed Light Devices",), site=(MA_REGISTRATION,), officer=True,
    ),
    Route(
        "IA-HAIR-CERTIFIED", "IA", "an Iowa prescribed practice certification for lasers",
        paper("US-IA:BBCAS:PRESCRIBED_PRACTICE_CERTIFICATION", "IA", endorsements=frozenset({"LASER"})),
        "IA-HAIR-CERT-1", ("Iowa Admin. Code 481-940.5",),
    ),
    Route(
        "NM-HAIR-ASSISTANT", "NM", "a New Mexico device certificate as medical assistant, for this model",
        paper("US-NM:NMMB:MEDICAL_ASSISTANT_DEVICE_CERTIFICATE", "NM", on_model=True), "NM-MA-DEVICE-1",
        ("16.10.13.8 NMAC",), signs=frozenset({"NM_ON_THE_PREMISES"}),
    ),
    Route(
        "WI-HAIR-AESTHETICIAN", "WI", "a Wisconsin aesthetician's licence, in a licensed establishment",
        paper("US-WI:DSPS:COSMETOLOGY_BOARD_LICENSEE", "WI", level="AESTHETICIAN"), "WI-COS-DELEG-1",
        ("Wis. Admin. Code Cos 2.025",), site=(paper("US-WI:DSPS:COSMETOLOGY_ESTABLISHMENT", "WI"),),
        signs=frozenset({"WI_DIRECTED"}),
    ),
    Route(
        "KY-FRACTIONAL-NURSE", "KY", "a Kentucky licence as advanced practice nurse",
        paper("APRN", "KY"), "KY-LASER-1", ("201 KAR 12:280 sec. 1",), handpiece="ER_GLASS_FRAC",
        signs=frozenset({"KY_APRN_COMPETENT"}),
    ),
    Route(
        "CO-ABLATIVE-PHYSICIAN", "CO", "a Colorado licence as physician",
        paper("MD_DO", "CO"), "CO-R800-2", ("3 CCR 713-30.2",), handpiece="CO2",
    ),
    Route(
        "WV-NEEDLE-PHYSICIAN", "WV", "a West Virginia licence as physician",
        paper("MD_DO", "WV"), "WV-MED-1", ("W. Va. Code 30-3-4(3)",), handpiece="RF_NEEDLE",
    ),
)  # fmt: skip


def situations(route: Route) -> Iterator[Scenario]:
    """Yield every situation that a route can be in, with the answer it deserves."""
    zone = time_zone_of(route.place)
    midnight = end_of(TODAY, zone)
    foreign = AZ_TECHNICIAN if route.place == "TX" else texas("TDLR:LHR", level="PROFESSIONAL")
    key, yes, no = route.with_key, route.yes(), route.no

    yield route.scenario("right", "Everything that the rule asks for is there.", yes)
    yield route.scenario("nothing", "Except that the operator holds nothing at all.", no("operator:NO_CREDENTIAL"),
                         operator=Human())  # fmt: skip
    yield route.scenario("wrong-state", "Except that it is another state's certificate that the operator holds.",
                         no("operator:WRONG_STATE"), operator=Human((foreign,)))  # fmt: skip
    yield route.scenario("repair", "Except that it is a laser repair technician's certificate that the operator holds.",
                         no("operator:NOT_AN_OPERATOR_CERTIFICATE"),
                         operator=Human((paper("CLRT", route.place),)))  # fmt: skip
    yield key("last-second", "It expires today, and it is the last second of the day where the device is used.", yes,
              at=midnight - SECOND, expires_on=TODAY)  # fmt: skip
    yield key("midnight", "It expired with the day that has just ended where the device is used.",
              no("operator:EXPIRED"), at=midnight, expires_on=TODAY)  # fmt: skip
    yield key("not-begun", "It begins tomorrow.", no("operator:NOT_YET_VALID"), issued_on=TODAY + timedelta(days=1))
    for state, words, reason in _STANDINGS:
        yield key(state.value, words, no(f"operator:{reason}"), standing=state,
                  seen_at=route.key.seen_at if reason in _ONCE_SEEN else None)  # fmt: skip
    limit = timedelta(days=route.fresh_days)
    yield key("fresh", f"Its source was last asked exactly {route.fresh_days} days ago.", yes, seen_at=AT - limit)
    yield key("stale", f"Its source was last asked {route.fresh_days} days and a second ago.",
              no("operator:STALE"), seen_at=AT - limit - SECOND)  # fmt: skip
    yield from _around(route)


_STANDINGS = (
    (State.SUBMITTED, "It was submitted, and nobody has looked at it.", "IN_REVIEW"),
    (State.IN_REVIEW, "A verifier is looking at it.", "IN_REVIEW"),
    (State.NEEDS_INFO, "The verifier has asked something about it.", "NEEDS_INFO"),
    (State.REJECTED, "The verifier did not accept it.", "REJECTED"),
    (State.SUSPENDED, "It is suspended.", "SUSPENDED"),
    (State.REVOKED, "It was revoked.", "REVOKED"),
)
_ONCE_SEEN = {"SUSPENDED", "REVOKED"}


def _around(route: Route) -> Iterator[Scenario]:
    """Yield what can be wrong with everything but the operator's own paper."""
    ordered = {"asked": Asked.PAYMENT_START, "confirmed_at": AT - timedelta(days=1), "signed": route.signs}
    released = {**ordered, "asked": Asked.SHIP_RELEASE}
    key = replace(route.key, seen_at=AT - timedelta(days=route.release_days) - SECOND)
    yes, no = route.yes(), route.no
    unordered = Expected(cleared=False, reasons=("practitioner:NO_PRACTITIONER",), cites=ORDERING)
    lapsed = Expected(cleared=False, reasons=("practitioner:EXPIRED",), cites=ORDERING)
    elsewhere = Expected(cleared=False, reasons=("practitioner:WRONG_STATE",), cites=ORDERING)
    unconfirmed = Expected(cleared=False, reasons=("practitioner:ORDER_NOT_CONFIRMED",), cites=ORDERING)
    excluded = Expected(cleared=False, reasons=("standing:EXCLUSION_OPEN",))
    other = doctor("OH")
    yield route.scenario("no-practitioner", "Nobody at the clinic may order a prescription device.", unordered,
                         practitioner=None)  # fmt: skip
    yield route.scenario("practitioner-lapsed", "The ordering physician's licence expired yesterday.", lapsed,
                         practitioner=doctor(route.place, expires_on=TODAY - timedelta(days=1)))  # fmt: skip
    yield route.scenario("practitioner-elsewhere", "The ordering physician is licensed in Ohio only.", elsewhere,
                         practitioner=other)  # fmt: skip
    yield route.scenario("excluded", "An entry about the operator in an exclusion list is not settled.", excluded,
                         operator=Human((route.key, *route.beside), excluded=True))  # fmt: skip
    yield route.scenario("paying", "The physician has confirmed this order and signed what the rule asks.", yes,
                         **ordered)  # fmt: skip
    yield route.scenario("paying-unconfirmed", "The buyer pays, and the physician has confirmed nothing.",
                         _joined(unconfirmed, no("supervision:STATEMENT_MISSING") if route.signs else None),
                         asked=Asked.PAYMENT_START)  # fmt: skip
    yield route.scenario("release-stale", f"The device is to leave, and the source was asked {route.release_days} days"
                         " and a second ago.", no("operator:STALE"), operator=Human((key, *route.beside)),
                         **released)  # fmt: skip
    if route.signs:
        yield route.scenario("unsigned", "The physician has confirmed this order without the rule's statement.",
                             no("supervision:STATEMENT_MISSING"), **{**ordered, "signed": frozenset()})  # fmt: skip
    if route.site:
        yield route.scenario("no-registration", "The site has none of its own papers.", no("site:NO_CREDENTIAL"),
                             site=())  # fmt: skip
    if route.officer:
        yield route.scenario("no-officer", "The site has named no laser safety officer.",
                             no("site:SAFETY_OFFICER_NOT_NAMED"), safety_officer_named=False)  # fmt: skip
    if route.colleagues:
        yield route.scenario("no-colleague", "Nobody at the clinic holds the level that a facility needs.",
                             no("site:LEVEL_NOT_COVERED"), colleagues=())  # fmt: skip


def _joined(first: Expected, second: Expected | None) -> Expected:
    if second is None:
        return first
    reasons = tuple(sorted((*first.reasons, *second.reasons)))
    return Expected(cleared=False, reasons=reasons, rules=second.rules, cites=(*first.cites, *second.cites))

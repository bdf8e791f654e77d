"""Who plays in the demo: twelve clinics in eight states, forty-one people, every credential situation. Pure data."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ...clinics.states import SellerBasis
from ...kernel.terms import ClinicRole, StaffRole
from ...kernel.wording import gettext_noop
from ...partners.tokens import code_of, new_key

PASSWORD = "demo second light"  # noqa: S105  Offered on the sign-in page of the demo.
PARTNER_KEY = new_key("This-key-opens-nothing-but-the-demo-of-ours", "DEM0DEM0")
SHARING_CODE = code_of("DANAREYESDEM0C0DE00000001")
"""With both a reseller asks about Dana; `/partners` of the demo tells them to everybody."""


class Ending(StrEnum):
    """How the review of a proof ended, or that it has not."""

    VERIFIED = "verified"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    AWAITING_SECOND = "awaiting_second"
    NEEDS_INFO = "needs_info"
    REJECTED = "rejected"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Proof:
    """
    One credential of a person or a site.

    `days` is when it expires, counted from today (None: no end); `checked` how many days ago its source was asked;
    `waited` for how many hours it has waited for the desk; `name` is what stands on it where that is not its holder's;
    `early`: before anything was sold here, and looked at again since.
    """

    type_code: str
    state: str
    number: str
    days: int | None = 540
    checked: int = 12
    level: str | None = None
    endorsements: tuple[str, ...] = ()
    model: str | None = None
    ending: Ending = Ending.VERIFIED
    reason: str | None = None
    waited: int | None = None
    name: str | None = None
    early: bool = False


@dataclass(frozen=True, slots=True)
class Player:
    """One person. `story` says what can be tried with this account, and offers it on the sign-in page."""

    name: str
    role: ClinicRole
    proofs: tuple[Proof, ...] = ()
    story: str | None = None

    @property
    def email(self) -> str:
        """The address: first and last name at the demo's own domain."""
        return f"{'.'.join(self.name.lower().replace('’', '').split())}@demo.example"


@dataclass(frozen=True, slots=True)
class House:
    """One clinic with its site and its people; the first of them founds it. `basis` None: not verified as a seller."""

    key: str
    name: str
    legal_name: str
    street: str
    city: str
    state: str
    postal_code: str
    people: tuple[Player, ...]
    basis: SellerBasis | None = SellerBasis.PRACTICE
    proofs: tuple[Proof, ...] = ()
    safety_officer: str | None = None


@dataclass(frozen=True, slots=True)
class Official:
    """One member of staff."""

    name: str
    role: StaffRole
    story: str

    @property
    def email(self) -> str:
        """The address of staff."""
        return f"{self.name.split()[0].lower()}@staff.demo.example"


_O, _M, _T, _P = ClinicRole.OWNER, ClinicRole.MANAGER, ClinicRole.TECHNICIAN, ClinicRole.PRACTITIONER


def _lhr(number: str, level: str = "PROFESSIONAL", **more: Any) -> Proof:
    return Proof("US-TX:TDLR:LHR", "TX", number, level=level, **more)


def _waiting(type_code: str, state: str, number: str, hours: int, **more: Any) -> Proof:
    given: dict[str, Any] = {"ending": Ending.SUBMITTED, "waited": hours, **more}
    return Proof(type_code, state, number, **given)


def _physician(state: str, number: str, **more: Any) -> Proof:
    return Proof("MD_DO", state, number, **more)


_AZ_ALL = ("HAIR_REDUCTION", "PHOTO_FACIAL", "TELANGIECTASIA", "NONABLATIVE_RESURFACING", "SKIN_REJUVENATION")

HOUSES = (
    House(
        "lone_star", "Lone Star Laser", "Lone Star Laser Hair Removal, PLLC", "1204 South Lamar Blvd", "Austin", "TX", "78704",
        (
            Player("Dana Reyes", _O, (_lhr("10442"),),
                   gettext_noop("Certified in Texas for laser hair removal: may buy an alexandrite laser for hair today.")),
            Player("Amir Khan", _P,
                   (_physician("TX", "N4821"), _physician("AZ", "71940", ending=Ending.AWAITING_SECOND, waited=52)),
                   gettext_noop("Physician of Lone Star Laser: confirms what the clinic orders.")),
            Player("Priya Nair", _T, (_lhr("10987", "TECHNICIAN", days=-34, checked=300),),
                   gettext_noop("Her Texas certificate ran out a month ago.")),
            Player("Marcus Webb", _T, (Proof("CLRT", "TX", "CLRT-3391"),),
                   gettext_noop("Holds a repair certificate, which never makes an operator.")),
            Player("Elena Soto", _T, (_lhr("11820", "TECHNICIAN", ending=Ending.SUBMITTED, waited=150),),
                   gettext_noop("Her certificate waits for a verifier.")),
        ),
        proofs=(
            Proof("US-TX:TDLR:LHR_FACILITY", "TX", "F-20811", days=410),
            Proof("US-TX:CONSULTING_PHYSICIAN_CONTRACT", "TX", "Contract 2025-03", days=None),
        ),
        safety_officer="Dana Reyes",
    ),
    House(
        "hill_country", "Hill Country Skin", "Hill Country Skin LLC", "318 East Houston St", "San Antonio", "TX", "78205",
        (
            Player("Joan Whitfield", _O, (), gettext_noop("Sells devices, and answers orders, for Hill Country Skin.")),
            Player("Tyler Brooks", _T, (_lhr("12093"),),
                   gettext_noop("Certified, but his clinic has no ordering practitioner.")),
            Player("Grace Okafor", _T, (_lhr("12240", "APPRENTICE_IN_TRAINING"),)),
        ),
        proofs=(
            Proof("US-TX:TDLR:LHR_FACILITY", "TX", "F-21977", days=200),
            Proof("US-TX:CONSULTING_PHYSICIAN_CONTRACT", "TX", "Contract 2024-11", days=None),
        ),
        safety_officer="Tyler Brooks",
    ),
    House(
        "desert_ridge", "Desert Ridge Aesthetics", "Desert Ridge Aesthetics PC", "21001 North Tatum Blvd", "Phoenix", "AZ",
        "85050",
        (
            Player("Nora Castillo", _O, (Proof("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", "LT-5512", endorsements=_AZ_ALL),),
                   gettext_noop("Arizona laser technician for hair, photo facial, vessels and non-ablative resurfacing.")),
            Player("Alicia Ruiz", _P, (_physician("AZ", "48213"),), gettext_noop("Physician of Desert Ridge Aesthetics.")),
            Player("Ben Yazzie", _T,
                   (Proof("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", "LT-6020", endorsements=("HAIR_REDUCTION", "PHOTO_FACIAL")),),
                   gettext_noop("His Arizona certificate does not list non-ablative resurfacing: an M22 with ResurFX is too much.")),
            Player("Sam Porter", _T, (_lhr("12777"),), gettext_noop("Certified in Texas, works in Arizona: the wrong state.")),
        ),
        proofs=(Proof("US-AZ:ADHS:DEVICE_REGISTRATION", "AZ", "R-7-1181", days=320),),
        safety_officer="Nora Castillo",
    ),
    House(
        "sonoran", "Sonoran Laser Supply", "Sonoran Laser Supply Inc.", "4455 East Broadway Blvd", "Tucson", "AZ", "85711",
        (
            Player("Walter Finch", _O),
            Player("Irene Maddox", _M, (Proof("US-AZ:ADHS:LASER_TECHNICIAN", "AZ", "LT-4417", endorsements=_AZ_ALL, ending=Ending.REVOKED,
                                             reason="The department revoked it; its notice was seen."),)),
        ),
        basis=SellerBasis.DISTRIBUTOR,
    ),
    House(
        "biscayne", "Biscayne Electrology", "Biscayne Electrology & Laser LLC", "2750 Biscayne Blvd", "Miami", "FL", "33137",
        (
            Player("Lucia Fernandez", _O,
                   (Proof("US-FL:DOH:ELECTROLOGIST", "FL", "EO 3177"),
                    Proof("FL_30H_LASER_COURSE", "FL", "Course 2023-118", days=None),
                    Proof("SCMHR:CME", "FL", "CME-2214"),
                    Proof("MODEL_TRAINING", "FL", "LSD-0419", days=None, model="LightSheer Desire / Infinity (family)")),
                   gettext_noop("Florida electrologist, trained on the LightSheer Desire and on nothing else.")),
            Player("Henry Abbott", _P, (_physician("FL", "ME88231"),)),
            Player("Rosa Delgado", _T, (Proof("US-FL:DOH:ELECTROLOGIST", "FL", "EO 3544", ending=Ending.NEEDS_INFO,
                                             reason="The scan shows no expiry date. Please add the back of the licence."),)),
        ),
        safety_officer="Lucia Fernandez",
    ),
    House(
        "gulf_coast", "Gulf Coast Dermatology", "Gulf Coast Dermatology PA", "601 South Harbour Island Blvd", "Tampa", "FL",
        "33602",
        (
            Player("Carol Jennings", _O, (_physician("FL", "ME70416"), _waiting("CPR_BLS_CARD", "FL", "BLS-22-9041", 3))),
            Player("Patrick O’Hara", _M, (Proof("US-FL:DOH:ELECTROLOGIST", "FL", "EO 3610", checked=1, ending=Ending.IN_REVIEW),)),
        ),
        safety_officer="Carol Jennings",
    ),
    House(
        "peachtree", "Peachtree Laser Studio", "Peachtree Laser Studio LLC", "3340 Peachtree Rd NE", "Atlanta", "GA", "30326",
        (
            Player("Simone Grant", _O, (Proof("US-GA:GCMB:SENIOR_LASER_PRACTITIONER", "GA", "SLP-0219", days=75),
                                        _waiting("US-GA:GCMB:SENIOR_LASER_PRACTITIONER", "GA", "SLP-0219", 20, days=805)),
                   gettext_noop("Georgia senior laser practitioner: hair with light, nothing by radio frequency.")),
            Player("Victor Lane", _P, (_physician("GA", "61802"),)),
            Player("Keisha Monroe", _T, (Proof("US-GA:GCMB:ASSISTANT_LASER_PRACTITIONER", "GA", "ALP-0877"),
                                          _waiting("MAKER:IN_SERVICE", "GA", "IS-5530", 30, name="Keisha Bell-Harris"))),
        ),
        safety_officer="Simone Grant",
    ),
    House(
        "lakeshore", "Lakeshore Medical Aesthetics", "Lakeshore Medical Aesthetics SC", "875 North Michigan Ave", "Chicago",
        "IL", "60611",
        (
            Player("Margaret Sloan", _O, (_physician("IL", "036-118204", checked=590, early=True),),
                   gettext_noop("Illinois physician: operates and orders for herself.")),
            Player("Tom Becker", _M, (Proof("RN", "IL", "041-402771"), _waiting("NCLC:CERTIFICATE", "IL", "NCLC 7718", 8))),
        ),
        safety_officer="Margaret Sloan",
    ),
    House(
        "silver_state", "Silver State Aesthetics", "Silver State Aesthetics LLC", "10161 Park Run Dr", "Las Vegas", "NV",
        "89145",
        (
            Player("Jade Kim", _O, (Proof("US-NV:COSMO:ADVANCED_ESTHETICIAN", "NV", "AE-1140"),),
                   gettext_noop("Nevada advanced esthetician: hair and surface radio frequency, nothing ablative.")),
            Player("Ravi Menon", _P, (_physician("NV", "15877"),)),
            Player("Holly Drake", _T, (Proof("US-NV:COSMO:ADVANCED_ESTHETICIAN", "NV", "AE-1302", ending=Ending.SUSPENDED,
                                             reason="The board's portal shows a suspension since last week."),)),
        ),
        safety_officer="Jade Kim",
    ),
    House(
        "cascade", "Cascade Advanced Esthetics", "Cascade Advanced Esthetics LLC", "1120 NW Couch St", "Portland", "OR", "97209",
        (
            Player("Ingrid Olsen", _O, (Proof("US-OR:HLO:CERTIFIED_ADVANCED_ESTHETICIAN", "OR", "AE-10203312"),)),
            Player("Paul Hadley", _P, (_physician("OR", "MD171226"),)),
            Player("Nina Petrov", _T, (Proof("US-OR:HLO:CERTIFIED_ADVANCED_ESTHETICIAN", "OR", "AE-10209954", ending=Ending.REJECTED,
                                             reason="The register shows this number under another name."),)),
        ),
        safety_officer="Ingrid Olsen",
    ),
    House(
        "bayview", "Bayview Dermatology", "Bayview Dermatology Medical Group", "450 Sutter St", "San Francisco", "CA", "94108",
        (
            Player("Helen Cho", _O, (_physician("CA", "A104417", checked=590, early=True),),
                   gettext_noop("California physician; her group sells a CO2 laser, and may buy a picosecond one.")),
            Player("Miguel Santos", _T, (Proof("RN", "CA", "95071188"),)),
            Player("Laura Finley", _T, (Proof("ESTHETICIAN", "CA", "Z 118204"),),
                   gettext_noop("California esthetician: the state does not accept her licence for lasers.")),
        ),
        safety_officer="Helen Cho",
    ),
    House(
        "closing_spa", "Glow Again Spa", "Glow Again Spa LLC", "88 Grand Ave", "Oakland", "CA", "94612",
        (Player("Dennis Mott", _O, (_waiting("RN", "CA", "9507 1188", 44),), gettext_noop("A closing spa whose right to sell is not yet verified.")),),
        basis=None,
    ),
)  # fmt: skip

OFFICIALS = (
    Official(
        "Vera Lind", StaffRole.VERIFIER, gettext_noop("Checks credentials against their primary sources, and sellers.")
    ),
    Official("Owen Marsh", StaffRole.VERIFIER, gettext_noop("The second verifier, where it takes two.")),
    Official("Mona Petit", StaffRole.MODERATOR, gettext_noop("Approves listings.")),
    Official("Felix Grau", StaffRole.FINANCE, gettext_noop("Sees orders and money, and can refund.")),
    Official(
        "Frida Holm",
        StaffRole.FINANCE,
        gettext_noop("The second of finance: what moves money against a rule takes two."),
    ),
    Official("Astrid Noor", StaffRole.AUDITOR, gettext_noop("Reads everything, and is the second to sign a policy.")),
    Official("Ada Quist", StaffRole.ADMIN, gettext_noop("Appoints staff, ends sessions.")),
)


def accounts() -> list[dict[str, str]]:
    """Return the accounts to try the demo with: label, e-mail, password and what can be seen with each."""
    played = [
        {"label": f"{person.name}, {house.name}", "email": person.email, "password": PASSWORD, "story": person.story}
        for house in HOUSES
        for person in house.people
        if person.story is not None
    ]
    staff = [
        {
            "label": f"{official.name}, {official.role}",
            "email": official.email,
            "password": PASSWORD,
            "story": official.story,
        }
        for official in OFFICIALS
    ]
    return played + staff

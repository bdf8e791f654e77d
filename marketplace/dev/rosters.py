"""
Draws files of public registers that look like the real ones and name nobody.

The same seed draws the same file. Names are put together by lot; a row that fits a living person does so by chance.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from random import Random
from typing import NamedTuple

_GIVEN = (
    "ADA", "BRUNO", "CARLA", "DMITRI", "ELOISE", "FERGUS", "GWEN", "HUGO", "IMANI", "JORIS", "KEZIA", "LORENZO",
    "MARGIT", "NILS", "ODETTE", "PABLO", "QUENTIN", "ROSALIND", "SILAS", "TAMSIN", "ULRICH", "VIOLA", "WENDELL",
    "XIMENA", "YUSUF", "ZELDA",
)  # fmt: skip
_FAMILY = (
    "ABERNETHY", "BALDWIN-ROWE", "CASTELLANOS", "DE LA TORRE", "EASTWICK", "FAIRBROTHER", "GALLOWGLASS", "HOLLINGBERRY",
    "INGLEFIELD", "JARNDYCE", "KESTREL", "LOVELACE-FINCH", "MCALLISTAIR", "NIGHTINGALE", "O'DONNOVAN", "PEMBERLEIGH",
    "QUILLFEATHER", "RAVENSCROFT", "SILVERTHORNE", "THISTLEWOOD", "UNDERHILLE", "VANDERMEER", "WINTERBOURNE", "YARROW",
)  # fmt: skip
_TAILS = ("", "", "", "SON", "LEY", "WELL", "HURST", "DALE", "MORE", "WICK")
_CITIES = ("AUSTIN", "DALLAS", "EL PASO", "HOUSTON", "LUBBOCK", "MIDLAND", "TYLER", "WACO")

LEIE_HEADER = (
    "LASTNAME,FIRSTNAME,MIDNAME,BUSNAME,GENERAL,SPECIALTY,UPIN,NPI,DOB,ADDRESS,CITY,STATE,ZIP,EXCLTYPE,EXCLDATE,REINDATE,"
    "WAIVERDATE,WVRSTATE"
)
TDLR_FILE_HEADER = (
    "LICENSE TYPE,LICENSE NUMBER,LICENSE EXPIRATION DATE,COUNTY,NAME,MAILING ADDRESS LINE1,MAILING ADDRESS LINE2,"
    "MAILING ADDRESS CITY STATE ZIP,PHONE NUMBER,BUSINESS NAME,BUSINESS ADDRESS-LINE1,BUSINESS ADDRESS-LINE2,"
    "BUSINESS CITY STATE ZIP,BUSINESS COUNTY CODE,BUSINESS COUNTY,BUSINESS ZIP,BUSINESS PHONE,LICENSE SUBTYPE,"
    "CONTINUING EDUCATION FLAG"
)
TDLR_API_HEADER = (
    "license_type,license_number,license_subtype,business_name,business_address_line1,business_address_line2,"
    "business_city_state_zip,business_county,business_telephone,owner_name,owner_telephone,mailing_address_line1,"
    "mailing_address_line2,mailing_address_city_state_zip,mailing_address_county,license_expiration_date_mmddccyy,"
    "continuing_education_flag"
)
MQA_HEADER = (
    "pro_cde|profession_name|lic_id|expire_date|original_date|rank_code|license_number|status_effective_date|"
    "board_action_indicator|license_status_description|last_name|first_name|middle_name|name_suffix|business_name|"
    "license_active_status_description|county|county_description|mailing_address_line1|mailing_address_line2|"
    "mailing_address_line3|mailing_address_city|mailing_address_state|mailing_address_zipcode|mailing_address_area_code|"
    "mailing_address_phone_number|mailing_address_phone_extension|practice_location_address_line1|"
    "practice_location_address_line2|practice_location_address_line3|practice_location_address_city|"
    "practice_location_address_state|practice_location_address_zipcode|email|mod_cdes|prescribe_ind|dispensing_ind|"
    "birth_year_range|other_license"
)
TMB_HEADER = (
    "license_number,last_name,first_name,license_type,registration_status,license_expiration_date,disciplinary_status,"
    "current_board_action_date,current_board_action_description,license_status"
)
WA_HEADER = (
    "credentialnumber,lastname,firstname,middlename,credentialtype,status,birthyear,ceduedate,firstissuedate,"
    "lastissuedate,expirationdate,actiontaken"
)
IL_HEADER = (
    "license_type,description,license_number,license_status,business,title,first_name,middle,last_name,suffix,"
    "business_name,businessdba,original_issue_date,effective_date,expiration_date,city,state,zip,county,"
    "specialty_qualifier,controlled_substance_schedule,delegated_controlled_substance_schedule,ever_disciplined,"
    "lastmodifieddate,case_number,action,discipline_start_date,discipline_end_date,discipline_reason"
)


class Licence(NamedTuple):
    """One licence, as every register could write it."""

    license_type: str
    number: str
    family: str
    given: str
    middle: str = ""
    expires: date = date(2027, 8, 31)
    issued: date = date(2019, 5, 2)
    status: str = "Active"
    second_status: str = "Active"
    discipline: str = ""
    business: str = ""
    city: str = "AUSTIN"
    state: str = "TX"
    zip: str = "78704"
    npi: str = "0000000000"


def licences(number: int, *, seed: int = 1, types: tuple[str, ...] = ("A/C Contractor",)) -> Iterator[Licence]:
    """Draw licences; their numbers are different within a type."""
    lot = Random(seed)
    for position in range(number):
        yield Licence(
            license_type=types[position % len(types)],
            number=str(10_000 + position),
            family=lot.choice(_FAMILY) + lot.choice(_TAILS) + lot.choice(_TAILS),
            given=lot.choice(_GIVEN),
            middle=lot.choice(("", "", "J", "M", "ROSE")),
            expires=date(2026, 12, 31) + timedelta(days=lot.randrange(700)),
            issued=date(2010, 1, 4) + timedelta(days=lot.randrange(4_000)),
            city=lot.choice(_CITIES),
            zip=f"7{lot.randrange(10_000):04}",
        )


def tdlr(found: Iterable[Licence], *, api: bool = False) -> Iterator[str]:
    """Write the all-licences file of Texas, as it is downloaded or, with `api`, as the open-data site names columns."""
    yield TDLR_API_HEADER if api else TDLR_FILE_HEADER
    for one in found:
        name = f"{one.family}, {one.given} {one.middle}".strip()
        name, firm = ("", f'"{one.business}"') if one.business else (f'"{name}"', "")
        place = f"{one.city} {one.state} {one.zip}"
        day = f"{one.expires:%m/%d/%Y}"
        if api:
            yield f"{one.license_type},{one.number},,{firm},,,{place},TRAVIS,5125550100,{name},,,,,,{day},Y"
        else:
            yield f"{one.license_type},{one.number},{day},TRAVIS,{name},,,,5125550100,{firm},,,{place},,,,,,N"


def leie(found: Iterable[Licence]) -> Iterator[str]:
    """Write the list of exclusions; the date of issue is that of the exclusion."""
    yield LEIE_HEADER
    for one in found:
        yield (
            f'"{one.family}","{one.given}","{one.middle}","{one.business}","IND- LIC HC SERV PRO","{one.license_type}",'
            f'"","{one.npi}","19700101","1 MAIN ST","{one.city}","{one.state}","{one.zip}","1128b4",'
            f'"{one.issued:%Y%m%d}","00000000","00000000",""'
        )


def mqa(found: Iterable[Licence]) -> Iterator[str]:
    """Write the Florida file: an extra separator behind every row but the header, stray quotation marks."""
    yield MQA_HEADER
    for one in found:
        cells = [
            "1501", one.license_type, "88", f"{one.expires:%m/%d/%Y}", f"{one.issued:%m/%d/%Y}", "ME", one.number,
            "01/01/2020", one.discipline or "N", one.status, one.family, one.given, one.middle, '"JR', one.business,
            one.second_status, "23", "DADE", "1 MAIN ST", "", "", one.city, one.state, one.zip, "305", "5550100", "",
            "1 MAIN ST", "", "", one.city, one.state, one.zip, "a@example.test", "", "Y", "N", "1960-1969", "",
        ]  # fmt: skip
        yield "|".join(cells) + "|"


def tmb(found: Iterable[Licence]) -> Iterator[str]:
    """Write the file of Texas physicians."""
    yield TMB_HEADER
    for one in found:
        yield (
            f"{one.number},{one.family},{one.given},{one.license_type},{one.second_status},{one.expires.isoformat()}"
            f"T00:00:00.000,{one.discipline or 'NONE'},,,{one.status}"
        )


def washington(found: Iterable[Licence]) -> Iterator[str]:
    """Write the file of Washington's health care credentials, with a year of birth that nobody should keep."""
    yield WA_HEADER
    for one in found:
        yield (
            f"{one.number},{one.family},{one.given},{one.middle},{one.license_type},{one.status},1970,,"
            f"{one.issued:%Y%m%d},,{one.expires:%Y%m%d},{one.discipline or 'No'}"
        )


def illinois(found: Iterable[Licence]) -> Iterator[str]:
    """Write the file of Illinois licences."""
    yield IL_HEADER
    for one in found:
        yield (
            f"MEDICAL BOARD,{one.license_type},{one.number},{one.status},N,,{one.given},{one.middle},{one.family},,"
            f"{one.business},,{one.issued:%m/%d/%Y},,{one.expires:%m/%d/%Y},{one.city},{one.state},{one.zip},COOK,,,,"
            f"{'Y' if one.discipline else 'N'},,,{one.discipline},,,"
        )


def nppes(found: Iterable[Licence]) -> bytes:
    """Write an answer of the NPPES API; its epochs are strings, as they are there."""
    results: list[Mapping[str, object]] = [
        {
            "number": one.npi,
            "enumeration_type": "NPI-1",
            "basic": {
                "first_name": one.given, "last_name": one.family, "middle_name": one.middle, "status": "A",
                "enumeration_date": one.issued.isoformat(),
            },
            "addresses": [
                {"address_purpose": "MAILING", "city": "NOWHERE", "state": "ZZ", "postal_code": "00000"},
                {"address_purpose": "LOCATION", "city": one.city, "state": one.state, "postal_code": one.zip},
            ],
            "taxonomies": [
                {"desc": "Dermatology", "license": one.number, "state": one.state, "primary": True},
            ],
            "created_epoch": "1154131200000",
            "last_updated_epoch": "1183852800000",
        }
        for one in found
    ]  # fmt: skip
    return json.dumps({"result_count": len(results), "results": results}).encode()


def written(lines: Iterable[str]) -> Iterator[bytes]:
    """Return the lines as the bytes of a file."""
    for line in lines:
        yield f"{line}\n".encode()

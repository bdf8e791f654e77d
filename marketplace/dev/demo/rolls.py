"""Loads the demo's registers: rosters in which its people stand, and a list of exclusions that names one of them."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from ...credentials import service as credentials
from ...credentials.types import credential_types
from ...recalls import queries as recall_queries
from ...recalls import service as recalls
from ...recalls.states import MatchEvent, MatchState
from ...registers import service as registers
from ...registers.sources import ENFORCEMENT, EXCLUSIONS, RECALLS
from .. import openfda, rosters
from ..rosters import Licence
from .cast import HOUSES, Ending, Player, Proof
from .people import Stage

STRANGERS = 400
"""Rows of each register that are about nobody here."""

LISTED = "Grace Okafor"
"""Whose name, by chance, stands in the list of exclusions, and no longer in the newer roster."""

CONFIRMED = "Z-1354-2023"
"""The recall that a verifier confirmed: nobody can buy a Thermage CPT. The other one waits."""

_WORDS = {
    "US-TX:TDLR:LHR": "Laser Hair Removal",
    "US-TX:TDLR:LHR_FACILITY": "Laser Hair Removal Facility",
    "MD_DO": "MD",
}
"""What the demo's registers call each type; the real words for laser hair removal are not known, so staff map them."""


def load_registers(stage: Stage, *, now: datetime) -> None:
    """Load what staff would have loaded: two monthly rosters of Texas, its physicians, and the list of exclusions."""
    texans = [_licence(person.name, proof, now) for person, proof in _texans() if proof.type_code == "US-TX:TDLR:LHR"]
    physicians = [_licence(person.name, proof, now) for person, proof in _texans() if proof.type_code == "MD_DO"]
    _load(
        "TX:TDLR",
        "ltlicfile.csv",
        rosters.written(rosters.tdlr([*texans, *_strangers("A/C Contractor")])),
        now - timedelta(days=33),
    )
    credentials.map_types(
        source_code="TX:TDLR",
        meanings={
            **{one.license_type: "US-TX:TDLR:LHR" for one in texans},
            _WORDS["US-TX:TDLR:LHR_FACILITY"]: "US-TX:TDLR:LHR_FACILITY",
            "A/C Contractor": None,
        },
        actor_id=stage.verifier,
        at=now - timedelta(days=33),
    )
    credentials.map_types(
        source_code="TX:TMB", meanings={"MD": "MD_DO"}, actor_id=stage.verifier, at=now - timedelta(days=9)
    )
    newer = [one for one in texans if f"{one.given} {one.family}" != LISTED.upper()]
    _load(
        "TX:TDLR",
        "ltlicfile.csv",
        rosters.written(rosters.tdlr([*newer, *_strangers("A/C Contractor")])),
        now - timedelta(days=2),
    )
    _load(
        "TX:TMB",
        "tm3v-pfq9.csv",
        rosters.written(rosters.tmb([*physicians, *_strangers("MD")])),
        now - timedelta(days=9),
    )
    load_exclusions(LISTED, now=now)
    load_recalls(now=now)
    credentials.screen_everyone(at=now)


def load_recalls(*, now: datetime) -> None:
    """Load the FDA's files with the two recalls that are known to concern models here; both wait for a verifier."""
    at = now - timedelta(days=4)
    for source, written in ((RECALLS, openfda.recalls), (ENFORCEMENT, openfda.enforcement)):
        known = openfda.REAL if source == RECALLS else openfda.REAL[:1]
        _load(source, "device.json", [written([*known, *openfda.strangers(STRANGERS)])], at)
    recalls.match(at=at)


def confirm_recall(stage: Stage, *, now: datetime) -> None:
    """Let a verifier confirm one of them: nobody can buy its model, and what of it is under way is held."""
    for one in recall_queries.in_state(MatchState.CANDIDATE):
        if one.number == CONFIRMED:
            recalls.judge(
                match_id=one.match_id,
                event=MatchEvent.CONFIRMED,
                actor_id=stage.verifier,
                reason="It names the system and its reference; which unit it was is not published.",
                at=now,
            )


def load_exclusions(*names: str, now: datetime) -> None:
    """Load a list of excluded persons that has these names, and strangers'."""
    listed = []
    for name in names:
        given, _, family = name.upper().partition(" ")
        listed.append(Licence("NURSE/NURSES AIDE", "", family, given))
    _load(
        EXCLUSIONS,
        "UPDATED.csv",
        rosters.written(rosters.leie([*listed, *_strangers("PHARMACY")])),
        now - timedelta(days=6),
    )


def _texans() -> Iterator[tuple[Player, Proof]]:
    for house in HOUSES:
        for person in house.people:
            for proof in person.proofs:
                if proof.state == "TX" and proof.type_code in _WORDS and proof.ending is not Ending.REJECTED:
                    yield person, proof


def _licence(name: str, proof: Proof, now: datetime) -> Licence:
    given, _, family = name.upper().partition(" ")
    return Licence(
        license_type=" ".join((_WORDS[proof.type_code], *credential_types()[proof.type_code].names_of(proof.level))),
        number=proof.number,
        family=family,
        given=given,
        expires=(now + timedelta(days=proof.days or 0)).date(),
    )


def _strangers(license_type: str, number: int = STRANGERS) -> Iterator[Licence]:
    return (
        one._replace(number=f"{70_000 + position}")
        for position, one in enumerate(rosters.licences(number, types=(license_type,)))
    )


def _load(source_code: str, filename: str, chunks: Iterable[bytes], at: datetime) -> None:
    snapshot_id = registers.receive(
        source_code=source_code,
        filename=filename,
        chunks=chunks,
        retrieved_at=at,
        actor_id=None,
        at=at,
    )
    registers.load(snapshot_id=snapshot_id, at=at)

"""Brings the cast on stage: accounts, clinics, sites, and what each of them proved, by the use-cases of the house."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from ...accounts.models import User
from ...accounts.passwords import Passwords
from ...catalog.models import DeviceModel
from ...clinics import service as clinics
from ...clinics.models import ClinicMember
from ...clinics.states import SellerStanding
from ...credentials import reviewing
from ...credentials import service as credentials
from ...credentials.looks import Look, record_check
from ...credentials.models import CheckMethod, CheckOutcome
from ...credentials.policy import Claim, Question, Rejection
from ...credentials.types import CredentialKind, CredentialType, credential_types
from ...extensions import adapter_of, db, unit_of_work
from ...kernel.terms import ClinicRole
from . import pictures
from .cast import HOUSES, OFFICIALS, PASSWORD, Ending, House, Player, Proof

BEGAN = timedelta(days=600)
"""How long ago the demo's house was opened."""


@dataclass(slots=True)
class Stage:
    """Everybody's keys, by name; clinics by their key in the cast."""

    people: dict[str, UUID] = field(default_factory=dict)
    clinics: dict[str, UUID] = field(default_factory=dict)
    sites: dict[str, UUID] = field(default_factory=dict)

    def who_runs(self, clinic_id: UUID) -> UUID:
        """Return the first of a clinic's people, who runs it."""
        house = next(house for house in HOUSES if self.clinics.get(house.key) == clinic_id)
        return self.people[house.people[0].name]

    @property
    def verifier(self) -> UUID:
        """The verifier whose work the demo's evidence is."""
        return self.people["Vera Lind"]

    @property
    def second_verifier(self) -> UUID:
        """The verifier who looks at what takes two people."""
        return self.people["Owen Marsh"]

    @property
    def moderator(self) -> UUID:
        """The moderator who approved the demo's listings."""
        return self.people["Mona Petit"]


def populate(*, now: datetime) -> Stage:
    """Open every account and clinic of the cast, as of `now`."""
    stage = Stage()
    began = now - BEGAN
    _open_accounts(stage, began)
    for house in HOUSES:
        _open_house(stage, house, began)
    return stage


def prove(stage: Stage, *, early: bool, now: datetime) -> None:
    """Let them prove what they prove, as of `now`: the `early` who bought in the demo's past, or the rest."""
    for house in HOUSES:
        for person in house.people:
            for proof in person.proofs:
                if proof.early is early:
                    _prove(stage, proof, actor=stage.people[person.name], name=person.name, site_id=None, now=now)
        for proof in house.proofs:
            if proof.early is early:
                owner = stage.people[house.people[0].name]
                _prove(stage, proof, actor=owner, name=house.legal_name, site_id=stage.sites[house.key], now=now)


def _open_accounts(stage: Stage, at: datetime) -> None:
    password_hash = adapter_of(Passwords).hash(
        PASSWORD
    )  # One hash for all: opening forty accounts should not take two seconds.
    with unit_of_work():
        for official in OFFICIALS:
            stage.people[official.name] = _user(official.name, official.email, password_hash, at, role=official.role)
        for house in HOUSES:
            for person in house.people:
                stage.people[person.name] = _user(person.name, person.email, password_hash, at)


def _user(name: str, email: str, password_hash: str, at: datetime, **more: object) -> UUID:
    user = User(
        name=name,
        email=email,
        password_hash=password_hash,
        staff_role=more.get("role"),
        email_confirmed_at=at,
        created_at=at,
    )
    db.session.add(user)
    db.session.flush()
    return user.id


def _open_house(stage: Stage, house: House, at: datetime) -> None:
    owner = stage.people[house.people[0].name]
    clinic = clinics.found(owner_id=owner, name=house.name, legal_name=house.legal_name, at=at)
    site = clinics.add_site(
        clinic_id=clinic,
        actor_id=owner,
        name="Main site",
        street=house.street,
        city=house.city,
        state=house.state,
        postal_code=house.postal_code,
        at=at,
    )
    stage.clinics[house.key], stage.sites[house.key] = clinic, site
    _join(stage, clinic, house.people[1:], at)
    if house.safety_officer is not None:
        clinics.name_laser_safety_officer(
            site_id=site, actor_id=owner, officer_id=stage.people[house.safety_officer], at=at
        )
    if house.basis is None:
        return
    clinics.ask_for_seller_standing(
        clinic_id=clinic, actor_id=owner, basis=house.basis, statement="See the register entry and our invoices.", at=at
    )
    for verifier, standing in (
        (stage.verifier, SellerStanding.AWAITING_SECOND),
        (stage.second_verifier, SellerStanding.VERIFIED),
    ):
        clinics.decide_seller_standing(
            clinic_id=clinic,
            actor_id=verifier,
            standing=standing,
            basis=house.basis,
            evidence="Business register entry and proof of possession seen; specimen data of the demo.",
            at=at + timedelta(days=1),
        )


def _join(stage: Stage, clinic: UUID, people: tuple[Player, ...], at: datetime) -> None:
    # Invitations are mailed and accepted in the real house; the cast is simply there.
    with unit_of_work():
        for person in people:
            db.session.add(
                ClinicMember(
                    clinic_id=clinic, user_id=stage.people[person.name], role=ClinicRole(person.role), joined_at=at
                )
            )


def _prove(stage: Stage, proof: Proof, *, actor: UUID, name: str, site_id: UUID | None, now: datetime) -> None:
    kind = credential_types()[proof.type_code]
    checked = now - (timedelta(hours=proof.waited / 2) if proof.waited else timedelta(days=proof.checked))
    name = proof.name or name
    claim = Claim(
        type_code=proof.type_code,
        jurisdiction=proof.state,
        number=proof.number,
        name_on_credential=name,
        level=proof.level,
        endorsements=proof.endorsements,
        device_model_id=_model(proof.model),
        issued_on=(checked - timedelta(days=220)).date(),
        expires_on=(now + timedelta(days=proof.days)).date() if proof.days is not None else None,
    )
    lines = [name, kind.name, f"No. {proof.number}", f"State of {proof.state}"]
    if claim.expires_on is not None:
        lines.append(f"valid to {claim.expires_on.isoformat()}")
    scan = pictures.encoded(pictures.document(lines, title=kind.issuer[:44]))
    submitted = now - timedelta(hours=proof.waited) if proof.waited else checked - timedelta(hours=30)
    credential = credentials.submit(
        actor_id=actor, claim=claim, files=[("scan.jpg", scan)], at=submitted, site_id=site_id
    )
    if proof.ending is not Ending.SUBMITTED:
        _review(credential, proof, kind, verifier=stage.verifier, at=checked)
        if kind.two_verifiers and proof.ending is not Ending.AWAITING_SECOND:
            _review(credential, proof, kind, verifier=stage.second_verifier, at=checked + timedelta(hours=1))
    later = checked + timedelta(days=1)
    words = proof.reason or ""
    if proof.ending is Ending.SUSPENDED:
        reviewing.suspend(credential_id=credential, actor_id=stage.verifier, words=words, at=later)
    if proof.ending is Ending.REVOKED:
        reviewing.revoke(credential_id=credential, actor_id=stage.verifier, words=words, at=later)


def _review(credential: UUID, proof: Proof, kind: CredentialType, *, verifier: UUID, at: datetime) -> None:
    reviewing.claim(credential_id=credential, actor_id=verifier, at=at)
    words = proof.reason or "Specimen data of the demo."
    if proof.ending is Ending.NEEDS_INFO:
        reviewing.ask_for_info(
            credential_id=credential, actor_id=verifier, because=Question.PAGE_MISSING, words=words, at=at
        )
        return
    if proof.ending is Ending.IN_REVIEW:
        return
    refused = proof.ending is Ending.REJECTED
    paper = kind.kind in {CredentialKind.SUPERVISION_AGREEMENT, CredentialKind.TRAINING_RECORD}
    look = Look(
        source_name=kind.issuer,
        method=CheckMethod.DOCUMENT_SEEN if paper else CheckMethod.PORTAL,
        outcome=CheckOutcome.DIFFERS if refused else CheckOutcome.CONFIRMED,
        retrieved_at=at,
        note=f"Register page seen: {words}" if refused else "Name, number and expiry as submitted; specimen data.",
    )
    record_check(credential_id=credential, actor_id=verifier, look=look, at=at)
    if refused:
        reviewing.reject(
            credential_id=credential, actor_id=verifier, because=Rejection.SOMEBODY_ELSES, words=words, at=at
        )
        return
    reviewing.verify(credential_id=credential, actor_id=verifier, at=at)


def _model(name: str | None) -> UUID | None:
    if name is None:
        return None
    return db.session.scalars(select(DeviceModel.id).where(DeviceModel.name == name)).one()

"""The keys that no state's rule decides: device, seller, ordering practitioner, standing. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from ..clinics.states import SellerStanding
from ..kernel.days import day_in
from ..kernel.terms import STATES
from .answering import NEVER, Finding, Miss, Question, answer
from .explaining import cures_of, day, listed, sentence_of
from .facts import Device, Exclusion, Modification, Person
from .reasons import CureCode, Key, ReasonCode
from .verdict import Citation, Cure, Evidence, Objection

_ASK_SELLER = Cure(CureCode.ASK_SELLER, "Ask the seller to complete the listing.")
_ANOTHER = Cure(CureCode.CHOOSE_ANOTHER_DEVICE, "Look for another device.")
_STAFF = Cure(CureCode.CONTACT_STAFF, "Write to our staff.")


def device(question: Question) -> Iterator[Objection]:
    """Yield what stands against the device itself, wherever it would be used."""
    unit, duties = question.facts.device, question.policy.document.device
    parts, code = unit.handpieces, unit.product_code
    inert = bool(parts) and all(handpiece.enables == frozenset() for handpiece in parts)
    unchecked = unit.recall_open is None and question.policy.document.recall_check.required
    home_use = code in duties.refused_product_codes
    faults: tuple[tuple[bool, ReasonCode, Cure, tuple[Citation, ...]], ...] = (
        (unit.model_id is None, ReasonCode.MODEL_UNKNOWN, _STAFF, ()),
        (home_use, ReasonCode.OTC_DEVICE, _ANOTHER, ()),
        (not unit.rx_label_seen, ReasonCode.RX_LABEL_NOT_SEEN, _ASK_SELLER, duties.rx_label_citations),
        (not unit.id_label_seen, ReasonCode.ID_LABEL_NOT_SEEN, _ASK_SELLER, duties.id_label_citations),
        (
            unit.modification is Modification.REMANUFACTURED,
            ReasonCode.REMANUFACTURED,
            _ANOTHER,
            duties.modification_citations,
        ),
        (
            unit.modification is Modification.UNKNOWN,
            ReasonCode.MODIFICATION_UNKNOWN,
            _ASK_SELLER,
            duties.modification_citations,
        ),
        (unit.recall_open is True, ReasonCode.RECALL_OPEN, _ANOTHER, _recalls(unit)),
        (unchecked, ReasonCode.RECALL_NOT_CHECKED, _STAFF, ()),
        (not parts, ReasonCode.NO_HANDPIECE, _ASK_SELLER, ()),
        (inert, ReasonCode.NOTHING_ENABLED, _ASK_SELLER, ()),
    )
    for wrong, reason, cure, citations in faults:
        if wrong:
            sentence = _recalled(unit) if reason is ReasonCode.RECALL_OPEN else _FAULTS[reason]
            yield Objection(reason, Key.DEVICE, (unit.name,), sentence, (cure,), citations)


def _recalled(unit: Device) -> str:
    named = [
        f"{one.number}{f' of {one.firm}' if one.firm else ''}{f' ({one.classification})' if one.classification else ''}"
        for one in unit.recalls
    ]
    if not named:
        return _FAULTS[ReasonCode.RECALL_OPEN]
    return f"Our staff found that a recall concerns this model, and it is open: {listed(named)}."


def _recalls(unit: Device) -> tuple[Citation, ...]:
    """Return where the recalls stand. openFDA is an official page whose records nobody validated."""
    return tuple(
        Citation(
            f"{one.source}: {one.number}",
            text_version=f"file of {day(one.fetched_on)}",
            evidence=Evidence.OFFICIAL,
        )
        for one in unit.recalls
    )


_FAULTS = {
    ReasonCode.MODEL_UNKNOWN: "This model is not in our catalogue, so nobody here knows what it does.",
    ReasonCode.OTC_DEVICE: "This is a device for use at home, sold over the counter; it is not for a clinic.",
    ReasonCode.RX_LABEL_NOT_SEEN: "The seller has not stated that the prescription legend is on the device.",
    ReasonCode.ID_LABEL_NOT_SEEN: "The seller has not stated that the maker's identification label is on the device.",
    ReasonCode.REMANUFACTURED: "It was changed beyond service; whoever does that answers for it as a manufacturer.",
    ReasonCode.MODIFICATION_UNKNOWN: "The seller does not know whether the device was changed beyond service.",
    ReasonCode.RECALL_OPEN: "A recall that may concern this unit is open.",
    ReasonCode.RECALL_NOT_CHECKED: "Nobody has checked this unit against the recalls.",
    ReasonCode.NO_HANDPIECE: "The listing names no handpiece, so it is not known what is sold.",
    ReasonCode.NOTHING_ENABLED: "Nothing in this sale treats anybody, so there is nothing to be cleared for.",
}


def undetermined(question: Question) -> Iterator[Objection]:
    """Yield an objection for every handpiece that is too vaguely described to know what it does."""
    handpieces = question.facts.device.handpieces
    for handpiece in handpieces:
        if handpiece.enables is None:
            cures = [Cure(CureCode.ASK_SELLER, "Ask the seller which modality it has.", target=str(handpiece.id))]
            if len(handpieces) > 1:
                cures.append(without(handpiece.id, handpiece.name))
            yield Objection(
                ReasonCode.MODALITY_UNDETERMINED,
                Key.DEVICE,
                (handpiece.name,),
                f"“{handpiece.name}” is described as {handpiece.modality}, which does not say what it treats.",
                tuple(cures),
            )


def without(handpiece_id: object, name: str) -> Cure:
    """Return the cure of leaving a handpiece out of the sale."""
    return Cure(CureCode.REMOVE_HANDPIECE, f"Buy it without “{name}”.", target=str(handpiece_id))


_BEING_CHECKED = (
    ReasonCode.SELLER_NOT_VERIFIED,
    "Our staff are checking whether the seller may hold and sell a prescription device.",
    Cure(CureCode.AWAIT_REVIEW, "Wait for the check; the listing shows when it is done."),
)
_SELLERS: dict[SellerStanding, tuple[ReasonCode, str, Cure]] = {
    SellerStanding.UNVERIFIED: (
        ReasonCode.SELLER_NOT_VERIFIED,
        "The seller has not shown yet that it may hold and sell a prescription device.",
        _ASK_SELLER,
    ),
    SellerStanding.IN_REVIEW: _BEING_CHECKED,
    SellerStanding.AWAITING_SECOND: _BEING_CHECKED,
    SellerStanding.REFUSED: (
        ReasonCode.SELLER_REFUSED,
        "The seller could not show that it may hold and sell a prescription device.",
        _ANOTHER,
    ),
    SellerStanding.SUSPENDED: (ReasonCode.SELLER_SUSPENDED, "The seller is suspended.", _ANOTHER),
}


def seller(question: Question) -> Iterator[Objection]:
    """Yield what stands against the seller, who must be lawfully in possession, 21 CFR 801.109(a)(1)."""
    if question.facts.seller in _SELLERS:
        code, sentence, cure = _SELLERS[question.facts.seller]
        citations = question.policy.document.device.seller_citations
        yield Objection(code, Key.SELLER, ("seller",), sentence, (cure,), citations)


def ordering(question: Question) -> tuple[list[Objection], Finding]:
    """
    Return what stands against the ordering practitioner, and what the order rests on, 21 CFR 801.109(a)(2).

    `question.person` is the practitioner.
    """
    person, wanted = question.person, question.policy.prescribers[question.facts.place.state]
    invite = Cure(CureCode.INVITE_PRACTITIONER, f"Invite the practitioner who orders for your clinic: {wanted.name}.")
    if person is None:
        sentence = (
            f"The clinic has no member who may order prescription devices in {STATES[question.facts.place.state]}."
        )
        return [_unordered(question, ReasonCode.NO_PRACTITIONER, sentence, (invite,))], Finding()
    finding = answer(wanted, question)
    against = [
        _unordered(question, miss.code, sentence_of(miss, question), (*cures_of(miss, question), invite), miss)
        for miss in finding.misses
    ]
    if not question.belongs(person):
        sentence = f"{person.name} is not a member of the buying clinic."
        against.append(_unordered(question, ReasonCode.PRACTITIONER_NOT_MEMBER, sentence, (invite,)))
    if question.facts.asked.confirmation_is_due:
        against.extend(_confirmation(question, person))
    return against, finding


def confirmation_holds_until(question: Question) -> datetime:
    """Return the first moment at which the practitioner's confirmation is too old; NEVER where none is due yet."""
    practitioner = question.facts.practitioner
    if practitioner is None or practitioner.confirmation is None or not question.facts.asked.confirmation_is_due:
        return NEVER
    days = timedelta(days=question.policy.document.ordering.confirmation_days)
    return practitioner.confirmation.at + days + timedelta.resolution


def _confirmation(question: Question, person: Person) -> Iterator[Objection]:
    assert question.facts.practitioner is not None
    confirm = Cure(CureCode.CONFIRM_ORDER, f"{person.name} confirms this order on its page.")
    confirmation = question.facts.practitioner.confirmation
    if confirmation is None or confirmation.at > question.at:
        sentence = f"{person.name} has not confirmed this order for this maker, model and serial number."
        yield _unordered(question, ReasonCode.ORDER_NOT_CONFIRMED, sentence, (confirm,))
    elif question.at >= confirmation_holds_until(question):
        on = day(day_in(confirmation.at, question.facts.place.time_zone))
        days = question.policy.document.ordering.confirmation_days
        sentence = f"{person.name} confirmed this order on {on}, which is more than {days} days ago."
        yield _unordered(question, ReasonCode.CONFIRMATION_STALE, sentence, (confirm,))


def _unordered(
    question: Question, code: ReasonCode, sentence: str, cures: tuple[Cure, ...], miss: Miss | None = None
) -> Objection:
    return Objection(
        code,
        Key.PRACTITIONER,
        (question.person.name if question.person else "ordering practitioner",),
        sentence,
        cures,
        question.policy.document.ordering.citations,
        credential_id=miss.held.id if miss is not None and miss.held is not None else None,
    )


def standing(question: Question) -> Iterator[Objection]:
    """Yield what stands against the people themselves: an unresolved exclusion finding, a suspended account."""
    facts = question.facts
    if not (facts.buyer.in_good_standing and facts.buyer.tenure.covers(question.today)):
        yield Objection(
            ReasonCode.BUYER_SUSPENDED, Key.STANDING, ("buyer",), "The buyer may not buy at present.", (_STAFF,)
        )
    practitioner = facts.practitioner.person if facts.practitioner else None
    findings = {("buyer", facts.buyer.id): facts.buyer.exclusion}
    findings |= {
        (person.name, person.id): person.exclusion for person in (facts.operator, practitioner) if person is not None
    }
    stale = facts.exclusions_until is not None and question.at > facts.exclusions_until
    for (name, _), finding in findings.items():
        if finding is Exclusion.CONFIRMED:
            sentence = f"Found in a list of excluded persons: {name}."
            yield Objection(ReasonCode.EXCLUSION_OPEN, Key.STANDING, (name,), sentence, (_STAFF,))
        elif finding is Exclusion.OPEN:
            sentence = f"A possible entry in a list of excluded persons is not settled: {name}."
            yield Objection(ReasonCode.EXCLUSION_OPEN, Key.STANDING, (name,), sentence, (_STAFF,))
        elif (finding is None or stale) and question.policy.document.exclusion_check.required:
            unseen = "Nobody has looked in the lists of excluded persons"
            sentence = f"{'The list of excluded persons is too old' if finding else unseen}: {name}."
            yield Objection(ReasonCode.EXCLUSION_NOT_CHECKED, Key.STANDING, (name,), sentence, (_STAFF,))


def exclusions_hold_until(question: Question) -> datetime:
    """Return the first moment at which the list of exclusions is too old; NEVER where none need be looked in."""
    until = question.facts.exclusions_until
    if until is None or not question.policy.document.exclusion_check.required:
        return NEVER
    return until + timedelta.resolution


def operator(question: Question) -> Iterator[Objection]:
    """Yield what stands against the operator's place in the clinic; what the operator may do is for the rules."""
    person = question.facts.operator
    if person is None:
        cure = Cure(CureCode.CHOOSE_OPERATOR, "Name the colleague who will operate the device.")
        sentence = "Nobody was named who will operate the device."
        yield Objection(ReasonCode.NO_OPERATOR, Key.OPERATOR, ("operator",), sentence, (cure,))
    elif not question.belongs(person):
        cure = Cure(CureCode.INVITE_OPERATOR, f"Invite {person.name} to your clinic.", target=str(person.id))
        sentence = f"{person.name} is not a member of the buying clinic."
        yield Objection(ReasonCode.OPERATOR_NOT_MEMBER, Key.OPERATOR, (person.name,), sentence, (cure,))

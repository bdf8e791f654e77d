"""Key by key: what turned it, or that it did not. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from ..kernel.terms import STATES
from .answering import Finding, Question
from .explaining import listed
from .facts import Held
from .operators import Ruling
from .reasons import Key
from .verdict import Answer, Objection

_DEVICE = "A known model, its labels seen, not remanufactured."
_RULE = "A rule of the place covers everything that is sold."
_SELLER = Answer(Key.SELLER, "seller", True, "Our staff found that the seller may hold and sell a prescription device.")
_STANDING = Answer(Key.STANDING, "people", True, "Nothing stands against the people themselves.")


def answers_to(
    question: Question, objections: Iterable[Objection], rulings: Sequence[Ruling], ordering: Finding
) -> Iterator[Answer]:
    """Yield one answer for each key; the operator key is answered for each procedure."""
    against: dict[Key, str] = {}
    for objection in objections:
        against.setdefault(objection.key, objection.sentence)
    place = STATES[question.facts.place.state]

    def answer(key: Key, subject: str, met: str, used: Iterable[Held] = ()) -> Answer:
        if key in against:
            return Answer(key, subject, False, against[key])
        return Answer(key, subject, True, met, tuple([held.id for held in used]))

    yield answer(Key.DEVICE, question.facts.device.name, _DEVICE)
    yield _SELLER if Key.SELLER not in against else answer(Key.SELLER, "seller", "")
    yield answer(Key.RULE, place, _RULE)
    others: dict[int, Held] = {}
    for ruling in rulings:
        yield _operator(ruling, question, others)
    on_site = others.values()
    yield answer(Key.PRACTITIONER, *_practitioner(question, ordering), ordering.used)
    papers = f"Shown: {listed([held.type_name for held in on_site])}." if others else "The rule asks for no paper."
    yield answer(Key.SITE, place, papers, on_site)
    yield answer(Key.SUPERVISION, place, _statements(question, rulings))
    yield _STANDING if Key.STANDING not in against else answer(Key.STANDING, "people", "")


def _operator(ruling: Ruling, question: Question, others: dict[int, Held]) -> Answer:
    """Say who may do this procedure by which way; what the way took from colleagues and the site goes to `others`."""
    person, procedure = question.person, ruling.procedure.value
    if ruling.best is None:
        state = STATES[question.facts.place.state]
        return Answer(Key.OPERATOR, procedure, False, f"No rule of {state} opens this yet.")
    way, finding = ruling.best.way, ruling.best.finding
    own = {held.id.int for held in person.credentials} if person else set()
    mine = []
    for held in finding.used:
        if held.id.int in own:
            mine.append(held.id)
        else:
            others[held.id.int] = held
    missed = any(miss.key is Key.OPERATOR for miss in finding.misses)
    if person is None or not question.belongs(person) or missed:
        return Answer(Key.OPERATOR, procedure, False, f"Not shown: {way.option.name}.", (), way.rule.id)
    words = f"{person.name}: {way.option.name}."
    return Answer(Key.OPERATOR, procedure, True, words, tuple(mine), way.rule.id, way.rule.citations)


def _practitioner(question: Question, ordering: Finding) -> tuple[str, str]:
    practitioner = question.facts.practitioner
    name = practitioner.person.name if practitioner else "ordering practitioner"
    return name, " ".join(f"{name} may order it: {held.type_name}." for held in ordering.used)


def _statements(question: Question, rulings: Iterable[Ruling]) -> str:
    if not any(ruling.best and ruling.best.finding.statements for ruling in rulings):
        return "The rule asks for no statement."
    if question.facts.asked.confirmation_is_due:
        return "Every statement is signed."
    return "The ordering practitioner will be asked to sign what the rule asks for."

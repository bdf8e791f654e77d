"""What differs between two policies, rule by rule, in words that stand beside each other. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kernel.shapes import write
from .rulebook import Document

WORDS_OF_RULES = "rules"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that differs: where, what stood there, what stands there. None: nothing."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What became of one rule; `state` is the postal code of its place."""

    rule_id: str
    state: str
    kind: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two policies side by side. `beside` is what differs outside the rules, for every place."""

    rules: tuple[RuleChange, ...]
    beside: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Say whether nothing differs."""
        return not self.rules and not self.beside

    def reaches(self, state: str) -> bool:
        """Say whether the answer for a place can differ."""
        return bool(self.beside) or any(change.state == state for change in self.rules)


def compare(before: Document, after: Document) -> Comparison:
    """Return everything that differs, in the order of the newer policy; what was left out comes last."""
    old = {rule.id: rule for rule in before.rules}
    new = {rule.id: rule for rule in after.rules}
    changes = []
    for rule_id, rule in new.items():
        if rule_id not in old:
            changes.append(RuleChange(rule_id, rule.state, "added", tuple(_leaves("", write(rule)))))
        elif rule != old[rule_id]:
            found = tuple(_differences("", write(old[rule_id]), write(rule)))
            changes.append(RuleChange(rule_id, rule.state, "changed", found))
    changes += [RuleChange(gone, old[gone].state, "left out", ()) for gone in old if gone not in new]
    beside = tuple(_differences("", _without_rules(before), _without_rules(after)))
    return Comparison(tuple(changes), beside)


def _without_rules(document: Document) -> dict[str, Any]:
    return {name: value for name, value in write(document).items() if name != WORDS_OF_RULES}


def _leaves(path: str, value: Any) -> Iterator[Difference]:
    """Yield everything that is said, for a rule that was not there before."""
    if isinstance(value, dict | list):
        for name, entry in _entries(value):
            yield from _leaves(_at(path, name), entry)
    elif value is not None:
        yield Difference(path, None, _said(value))


def _differences(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if isinstance(before, dict | list) and type(before) is type(after):
        old, new = dict(_entries(before)), dict(_entries(after))
        for name in {**old, **new}:
            yield from _differences(_at(path, name), old.get(name), new.get(name))
        return
    yield Difference(path, _said(before), _said(after))


def _entries(value: Mapping[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a value by name; those of a list by the name they have, or else by their position."""
    if isinstance(value, Mapping):
        yield from value.items()
        return
    for position, entry in enumerate(value, start=1):
        named = isinstance(entry, Mapping) and (entry.get("ref") or entry.get("name"))
        yield str(named or position), entry


def _said(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name.replace('_', ' ')}: {_said(entry)}" for name, entry in value.items())
    if isinstance(value, list):
        return ", ".join(str(_said(entry)) for entry in value)
    return str(value)


def _at(path: str, name: str) -> str:
    return f"{path} › {name.replace('_', ' ')}" if path else name.replace("_", " ")

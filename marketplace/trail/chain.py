"""
Verify a written-out audit trail without the house: no database, no settings, no other file of ours.

    python3 chain.py trail.jsonl --key PUBLIC [--heads kept.jsonl]

Needs Python 3.11 and the package `cryptography`. The rules are said here a second time, on purpose: what writes the
trail and what verifies it do not share a mistake. A file is lines of JSON: what it is, the events in their order, and
the signed head.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "second-light-audit/1"
GENESIS = "0" * 64
MOST_FAULTS = 20
_EVENT = ("number", "kind", "actor_id", "subject_type", "subject_id", "at", "data", "previous_hash", "hash")
_HEAD = {"events", "hash", "at"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that is not as it must be; `where` names its file, `line` counts from 1."""

    where: str
    line: int
    words: str

    def __str__(self) -> str:
        return f"{self.where}, line {self.line}: {self.words}"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found: how many events stand before the head, and everything that is wrong."""

    events: int
    faults: tuple[Fault, ...]


def written(data: object) -> str:
    """Write JSON so that equal data is equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def digest(event: dict[str, Any]) -> str:
    """Return the hash that an event must have."""
    said = [event[name] for name in ("kind", "actor_id", "subject_type", "subject_id", "at", "data")]
    said[1] = str(said[1])
    return hashlib.sha256(f"{event['previous_hash']}|{written(said)}".encode()).hexdigest()


def signed_words(head: dict[str, Any]) -> bytes:
    """Return what is signed of a head."""
    return f"{FORMAT}\n{written(head)}".encode()


def verify(lines: Iterable[bytes], *, key: str, heads: Iterable[bytes] = ()) -> Verified:
    """
    Verify a written-out trail, line by line and in bounded memory; `heads` are lines that were kept elsewhere.

    `key` is the public half, in base64, that the heads must be signed by.

    :raises ValueError: it is no such key
    """
    reading = _Reading(key, heads)
    for number, line in enumerate(lines, 1):
        reading.take(number, line)
        if len(reading.faults) >= MOST_FAULTS:
            return Verified(reading.events, tuple(reading.faults))
    reading.end()
    return Verified(reading.events, tuple(reading.faults))


class _Reading:
    def __init__(self, key: str, heads: Iterable[bytes]) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        self.faults: list[Fault] = []
        self.events = 0
        self._public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        self._previous = GENESIS
        self._expected = 1
        self._lines = 0
        self._ended = False
        self._kept: dict[int, list[tuple[int, dict[str, Any]]]] = {}
        for number, line in enumerate(heads, 1):
            head = self._head("kept heads", number, _parsed(line))
            if head is not None:
                self._kept.setdefault(head["events"], []).append((number, head))

    def take(self, number: int, line: bytes) -> None:
        """Look at one line of the trail."""
        self._lines = number
        said = _parsed(line)
        if self._ended:
            self._fault(number, "stands behind the head: it was added")
        elif said is None:
            self._fault(number, "is not a line as we write them: it was changed, or cut off")
        elif number == 1:
            if said != {"format": FORMAT, "genesis": GENESIS}:
                self._fault(number, f"does not begin a file of the format {FORMAT}")
        elif "head" in said:
            self._ended = True
            self._end_with(number, said)
        else:
            self._event(number, said)

    def end(self) -> None:
        """Look at what is missing."""
        if not self._ended:
            self._fault(self._lines + 1, "the signed head is missing: the file was cut off")
        for events, kept in sorted(self._kept.items()):
            if events > self.events:
                for _, head in kept:
                    words = f"the head kept on {head['at']} counts {events} events: the trail was cut short"
                    self._fault(self._lines, words)

    def _event(self, number: int, event: dict[str, Any]) -> None:
        if set(event) != set(_EVENT) or not isinstance(event["number"], int):
            self._fault(number, "is no event as we write them")
            return
        if event["number"] != self._expected:
            words = f"is event {event['number']} where event {self._expected} belongs: removed, added or moved"
            self._fault(number, words)
        elif event["previous_hash"] != self._previous:
            self._fault(number, f"does not follow event {event['number'] - 1} as it stands here")
        if event["hash"] != digest(event):
            self._fault(number, f"event {event['number']} is not what was written")
        self.events, self._expected, self._previous = event["number"], event["number"] + 1, event["hash"]
        for kept_at, head in self._kept.get(event["number"], ()):
            if head["hash"] != event["hash"]:
                kept = f"line {kept_at} of those kept, of {head['at']}"
                words = f"event {event['number']} is another than the head says that was kept elsewhere ({kept})"
                self._fault(number, words)

    def _end_with(self, number: int, said: dict[str, Any]) -> None:
        head = self._head("trail", number, said)
        if head is not None and (head["events"], head["hash"]) != (self.events, self._previous):
            words = f"the head counts {head['events']} events and ends with another than the {self.events} before it"
            self._fault(number, words)

    def _head(self, where: str, number: int, said: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return a head that is signed by the key; None: it is not, which is a fault."""
        head = None if said is None else said.get("head")
        if said is None or set(said) != {"head", "signature"} or not isinstance(head, dict) or set(head) != _HEAD:
            self.faults.append(Fault(where, number, "is no signed head as we write them"))
            return None
        if not self._is_signed(head, said["signature"]):
            self.faults.append(Fault(where, number, "the head is not signed by this key"))
            return None
        return head

    def _is_signed(self, head: dict[str, Any], signature: object) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self._public.verify(base64.b64decode(str(signature), validate=True), signed_words(head))
        except (InvalidSignature, ValueError):
            return False
        return True

    def _fault(self, line: int, words: str) -> None:
        self.faults.append(Fault("trail", line, words))


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return what a line says, if it is written exactly as we write: two readers must not read two things."""
    try:
        said = json.loads(line)
        ours = isinstance(said, dict) and f"{written(said)}\n".encode() == line
    except (ValueError, RecursionError):
        return None
    return said if ours else None


def main(arguments: list[str] | None = None) -> int:
    """Verify a file as a command; return 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(description="Verify a written-out audit trail of Second Light.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", required=True, help="The public key, in base64.")
    parser.add_argument("--heads", type=Path, help="A file of heads that were kept elsewhere.")
    given = parser.parse_args(arguments)
    try:
        with given.file.open("rb") as lines:
            found = verify(lines, key=given.key, heads=_lines_of(given.heads))
    except ValueError:
        parser.error("--key is no public key of Ed25519 in base64.")
    for fault in found.faults:
        print(fault)  # noqa: T201  This is a command.
    if found.faults:
        return 1
    print(f"{found.events:,} events, each in its place, and the head is signed.")  # noqa: T201  This is a command.
    return 0


def _lines_of(path: Path | None) -> Iterator[bytes]:
    if path is not None:
        with path.open("rb") as lines:
            yield from lines


if __name__ == "__main__":
    sys.exit(main())

"""What was found in a file of a register: how many rows, of which types, with what problems."""

from collections import Counter
from dataclasses import dataclass, field

from .models import RegisterSnapshot
from .records import LOST, Problem, Read

FIRST_ROWS = 20
MOST_TYPES = 2_000


@dataclass(slots=True)
class Tally:
    """What was found so far in a file."""

    read: int = 0
    loaded: int = 0
    types: Counter[str] = field(default_factory=Counter)
    counts: Counter[Problem] = field(default_factory=Counter)
    first: dict[Problem, list[tuple[int, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: RegisterSnapshot) -> "Tally":
        """Go on from what was written down."""
        tally = cls(snapshot.rows_read, snapshot.rows_loaded, Counter(snapshot.report.get("license_types", {})))
        for kind, found in snapshot.report.get("problems", {}).items():
            tally.counts[Problem(kind)] = found["count"]
            tally.first[Problem(kind)] = [tuple(entry) for entry in found["first"]]
        return tally

    def add(self, found: Read) -> None:
        """Count one record."""
        self.read = found.position
        for kind, shown in found.problems:
            self.note(kind, found.position, shown)
        if found.row is not None:
            self.loaded += 1
            license_type = found.row.license_type or ""
            if license_type in self.types or len(self.types) < MOST_TYPES:
                self.types[license_type] += 1

    def note(self, kind: Problem, position: int, shown: str, count: int = 1) -> None:
        """Count a problem; the first rows that have it are remembered."""
        self.counts[kind] += count
        first = self.first.setdefault(kind, [])
        if len(first) < FIRST_ROWS:
            first.append((position, shown))

    def written_to(self, snapshot: RegisterSnapshot) -> None:
        """Write it down."""
        snapshot.rows_read, snapshot.rows_loaded = self.read, self.loaded
        snapshot.rows_refused = sum(self.counts[kind] for kind in LOST)
        snapshot.report = {
            "problems": {kind: {"count": self.counts[kind], "first": self.first[kind]} for kind in self.counts},
            "license_types": dict(self.types),
        }

"""The map of the places: a tile each, about where it lies, so that one look tells where somebody can be cleared."""

from dataclasses import dataclass

from ..eligibility.policy import Policy
from ..kernel.terms import STATES, ProcedureClass

_ROWS = """
AK .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. .. .. .. .. VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE ..
.. AZ NM KS AR TN NC SC DC .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI .. .. TX .. .. .. .. FL .. PR
"""

_LAID_OUT = [
    (code, row, column)
    for row, line in enumerate(_ROWS.split("\n")[1:-1], start=1)
    for column, code in enumerate(line.split(), start=1)
    if code != ".."
]
"""Code, row and column of each place, from 1."""

SHADES = ("nothing yet", "1 or 2", "3 to 5", "6 or more")
"""For how many procedures somebody can be cleared, from the palest tile to the fullest."""
_LEAST = (1, 3, 6)


@dataclass(frozen=True, slots=True)
class Tile:
    """A place on the map. `row`, `column`: from 1; `shade`: of `SHADES`; `open_to`: how many procedures."""

    code: str
    name: str
    row: int
    column: int
    open_to: int
    shade: int


def tiles(policy: Policy, procedure: ProcedureClass | None = None) -> list[Tile]:
    """Return every place, row by row; with `procedure` pale or full, as nobody or somebody can be cleared for it."""
    asked = list(ProcedureClass) if procedure is None else [procedure]
    shown = []
    for code, row, column in _LAID_OUT:
        open_to = sum(bool(policy.ways(code, kind)) for kind in asked)
        shade = sum(open_to >= least for least in _LEAST) if procedure is None else open_to * (len(SHADES) - 1)
        shown.append(Tile(code, STATES[code], row, column, open_to, shade))
    return shown

"""The file of the public test vectors: built, and written so that a change of an answer shows as its line."""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from ...eligibility.vectors import VECTORS_FILE, Scenario, digest_of
from ...kernel.shapes import write
from .papers import PARTS
from .places import places
from .routes import ROUTES, situations
from .singular import singular


def build() -> list[Scenario]:
    """Return every scenario, in the order of the file."""
    return [*(each for route in ROUTES for each in situations(route)), *places(), *singular()]


def document(changelog: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the whole file as plain JSON, with what is said by default left out."""
    return {
        "format": 1,
        "reading": (
            "Each situation stands under the reference rules, which counsel has not confirmed. What a situation does"
            " not mention is sound. A moment is the instant at which the gate is asked; a day ends at midnight where"
            " the device is used. “reasons” is everything that stands against the purchase."
        ),
        "changelog": changelog,
        "handpieces": {code: _spare(part) for code, part in PARTS.items()},
        "scenarios": [_spare(scenario) for scenario in build()],
    }


def text_of(kept: dict[str, Any]) -> str:
    """Return the file's text: a line for each situation, so that a change shows as the lines it touches."""
    lines = [f"  {json.dumps(each, ensure_ascii=False)}" for each in kept["scenarios"]]
    head = json.dumps({**kept, "scenarios": []}, ensure_ascii=False, indent=1)
    return head.removesuffix("[]\n}") + "[\n" + ",\n".join(lines) + "\n ]\n}\n"


def main(say: Callable[[str], object] = print) -> None:
    """Write the file anew; its changelog stays as it is, for a person to continue."""
    kept = json.loads(VECTORS_FILE.read_text(encoding="utf-8"))
    VECTORS_FILE.write_text(text_of(document(kept["changelog"])), encoding="utf-8")
    digest = digest_of(build())
    if digest == kept["changelog"][-1]["digest"]:
        say("The answers are as the changelog says.")
    else:
        say(f"The answers changed. Add an entry that says why, with this digest: {digest}")


def _spare(value: Any) -> Any:
    """Return a value as plain JSON without what it says by default."""
    if not is_dataclass(value):
        return [_spare(entry) for entry in value] if isinstance(value, tuple) else write(value)
    body = {}
    for field in fields(value):
        held = getattr(value, field.name)
        if field.default is MISSING or held != field.default:
            body[field.name] = _spare(held)
    return body


if __name__ == "__main__":
    main()

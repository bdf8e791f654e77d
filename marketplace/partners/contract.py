"""The contract with partners as an OpenAPI document, made from the same tables that answers are made from. Pure."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from ..eligibility.reasons import CureCode, Key
from ..kernel.terms import STATES as PLACES
from ..kernel.terms import ProcedureClass
from . import told
from .asked import FIELDS, LONGEST, MOST_HANDPIECES, NEEDED

PROBLEMS: dict[str, tuple[int, str]] = {
    "not_json": (400, "The body is not one JSON object in UTF-8, or names a field twice."),
    "not_readable": (400, "The request itself cannot be read: a null byte, a header that is none."),
    "unknown_key": (401, "No key, or one that opens nothing: never ours, revoked, of a partner who is none any more."),
    "unknown_code": (404, "No such code for you: never given, given to another, expired, or taken back. Always alike."),
    "unknown_model": (404, "The catalogue does not know the model."),
    "took_too_long": (408, "The body did not arrive in time."),
    "too_large": (413, "The body is larger than a question can be."),
    "not_json_by_name": (415, "The Content-Type is not application/json."),
    "wrong_shape": (422, "A field is missing, unknown, or says what cannot be; “field” names it."),
    "asked_too_often": (429, "More questions with one code within a day than its person would read."),
    "too_many_requests": (
        429,
        "More requests with this key, or from this address, than are answered; see Retry-After.",
    ),
    "broken": (500, "Something broke on our side; it was logged, and no answer was given."),
    "no_policy": (503, "No rules are in force, so the gate answers nobody."),
    "unavailable": (503, "The database does not answer; nothing was kept. See Retry-After."),
}
"""Every code with which a question can be turned away, with its status and what it means."""


def _text(**more: Any) -> dict[str, Any]:
    return {"type": "string", **more}


def _list(of: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": dict(of), **more}


def _record(fields: Mapping[str, Any], *, needed: tuple[str, ...] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(fields if needed is None else needed),
        "properties": dict(fields),
        **more,
    }


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}


_USE = _text(enum=[str(use) for use in ProcedureClass])
_MOMENT = _text(format="date-time")
_URL = _text(format="uri")
_REASON_CODE = _text(enum=sorted(told.REASONS))
_MAYBE = {"type": ["string", "null"]}


def _question() -> dict[str, Any]:
    sign = {"minLength": 1, "maxLength": LONGEST}
    several = {"minItems": 1, "maxItems": MOST_HANDPIECES, "uniqueItems": True}
    shapes = {
        "code": _text(**sign),
        "model": _text(**sign),
        "handpieces": _list(_text(**sign), **several),
        "uses": _list(_USE, **several),
    }
    return _record({name: {**shapes[name], "description": words} for name, words in FIELDS.items()}, needed=NEEDED)


def _answer() -> dict[str, Any]:
    cure = _record({"code": _text(enum=[*map(str, CureCode), "ask_the_person"]), "text": _text()})
    citation = _record(
        {"ref": _text(), "url": _MAYBE, "text_version": _MAYBE, "evidence": {"enum": ["P", "O", "S", "X", None]}},
        description="Where it is written. evidence: P the text was read, O the agency's own summary.",
    )
    reason = _record(
        {
            "code": _REASON_CODE,
            "text": _text(),
            "uses": _list(_USE),
            "cures": _list(cure),
            "citations": _list(citation),
        }
    )
    key = _record(
        {
            "key": _text(enum=[str(key) for key in Key]),
            "state": _text(enum=list(told.STATES), description=" ".join(f"{k}: {w}" for k, w in told.STATES.items())),
            "reasons": _list(reason),
            "open": _list(_REASON_CODE),
            "citations": _list(citation),
        }
    )
    return _record(
        {
            "allowed": {
                "type": "boolean",
                "description": "True: nothing of what can be asked stands against it. What is left open you settle.",
            },
            "as_of": _MOMENT,
            "valid_until": {**_MOMENT, "description": "Ask again from then on: a day at most."},
            "model": _record({"id": _text(format="uuid"), "slug": _text(), "maker": _text(), "name": _text()}),
            "place": _record({"state": _text(enum=list(PLACES))}),
            "handpieces": _list(_text()),
            "uses": _list(_USE),
            "keys": _list(key, minItems=len(Key), maxItems=len(Key)),
            "restriction": _or_null(
                _record({"uses": _list(_USE), "left_out": _list(_USE), "sentence": _text()})
            ),
            "statements": _list(_text(), description="What the ordering practitioner has to sign, word for word."),
            "limits": _list(_text(), description="What the rules that opened leave out."),
            "policy": _record(
                {
                    "version": {"type": "integer", "minimum": 1},
                    "standing": _text(enum=list(told.NOTICES)),
                    "notice": _text(),
                }
            ),
            "receipt": _record({"code": _text(pattern="^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$"),
                                "url": _URL, "badge": _URL}),
        }
    )  # fmt: skip


def _problem() -> dict[str, Any]:
    return _record(
        {
            "type": _URL,
            "title": _text(),
            "status": {"type": "integer"},
            "code": _text(enum=list(PROBLEMS)),
            "detail": _text(),
            "field": _text(),
        },
        needed=("type", "title", "status", "code"),
    )


def _responses() -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code, (status, words) in PROBLEMS.items():
        by_status.setdefault(status, []).append(f"{code}: {words}")
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "200": {
            "description": "The answer. It is kept, and its receipt can be checked by anybody.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
        },
        **{
            str(status): {"description": " ".join(words), "content": problem}
            for status, words in sorted(by_status.items())
        },
    }


@cache
def document(server: str) -> dict[str, Any]:
    """Return the OpenAPI document of the house at this address."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Second Light eligibility",
            "version": "1",
            "description": "Whether somebody who agreed to it may be sold a model for their site, and why. "
            f"{told.NOTICES['reference']}",
        },
        "servers": [{"url": server}],
        "paths": {
            "/eligibility": {
                "post": {
                    "operationId": "ask",
                    "summary": "Ask about the person behind a sharing code.",
                    "security": [{"key": []}],
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Question"}}},
                    },
                    "responses": _responses(),
                }
            }
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Question": _question(), "Answer": _answer(), "Problem": _problem()},
        },
    }

"""How requests and answers look on the wire: form and JSON bodies, parameters, lists, expansion, errors."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from .store import Document, Store

_STEP = re.compile(r"[^\[\]]+")
LARGEST_PAGE = 100
USUAL_PAGE = 10


class ApiError(Exception):
    """
    A no, in Stripe's envelope.

    `executed` says that the work had begun: then the answer is kept under the idempotency key, as Stripe does.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        named = {"code": code, "param": param}
        self.body: Document = {
            "error": {"type": kind, "message": message} | {name: value for name, value in named.items() if value}
        }


def missing(kind: str, object_id: str) -> ApiError:
    """Return the answer to a question about what does not exist."""
    return ApiError(f"No such {kind}: '{object_id}'", status=404, code="resource_missing", param="id")


def parse_form(body: str) -> Document:
    """Read `a[b][0]=c` as `{"a": {"b": ["c"]}}`."""
    tree: Document = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        *way, last = _STEP.findall(name) + ([""] if name.endswith("[]") else [])
        branch = tree
        for step in way:
            branch = branch.setdefault(step, {})
        branch[last or str(len(branch))] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(name.isdigit() for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(item) for name, item in value.items()}


class Params:
    """The parameters of one request, taken one by one; what nobody took is an error."""

    def __init__(self, values: Mapping[str, Any], within: str = "") -> None:
        self._values = dict(values)
        self._within = within

    def _name(self, name: str) -> str:
        return f"{self._within}[{name}]" if self._within else name

    def _take(self, name: str, *, required: bool) -> Any:
        value = self._values.pop(name, None)
        if required and (value is None or value == ""):
            raise ApiError(
                f"Missing required param: {self._name(name)}.",
                code="parameter_missing",
                param=self._name(name),
            )
        return value

    def _wrong(self, name: str, expected: str) -> ApiError:
        return ApiError(f"Invalid {expected}: {self._name(name)}", code="parameter_invalid", param=self._name(name))

    def text(self, name: str) -> str:
        """Take a text that must be there."""
        value = self._take(name, required=True)
        if not isinstance(value, str):
            raise self._wrong(name, "string")
        return value

    def maybe_text(self, name: str) -> str | None:
        """Take a text that may be there."""
        return self.text(name) if name in self._values else None

    def number(self, name: str, *, least: int = 0) -> int:
        """Take a whole number that must be there."""
        value = str(self._take(name, required=True))
        if not re.fullmatch(r"-?\d{1,18}", value) or int(value) < least:
            raise self._wrong(name, "integer")
        return int(value)

    def maybe_number(self, name: str, default: int) -> int:
        """Take a whole number that may be there."""
        return self.number(name) if name in self._values else default

    def truth(self, name: str) -> bool | None:
        """Take a true or false that may be there."""
        value = self._take(name, required=False)
        if value not in (None, True, False, "true", "false"):
            raise self._wrong(name, "boolean")
        return None if value is None else value in (True, "true")

    def texts(self, name: str) -> list[str]:
        """Take a list of texts, empty when it is not there."""
        value = self._take(name, required=False) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "array")
        return value

    def notes(self, name: str = "metadata") -> dict[str, str]:
        """Take a mapping of texts, empty when it is not there."""
        value = self._take(name, required=False) or {}
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self._wrong(name, "hash")
        return value

    def group(self, name: str) -> "Params":
        """Take a nested group of parameters, empty when it is not there."""
        value = self._take(name, required=False) or {}
        if not isinstance(value, dict):
            raise self._wrong(name, "hash")
        return Params(value, self._name(name))

    def groups(self, name: str) -> list["Params"]:
        """Take a list of nested groups, empty when it is not there."""
        value = self._take(name, required=False) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong(name, "array")
        return [Params(item, f"{self._name(name)}[{number}]") for number, item in enumerate(value)]

    def has(self, name: str) -> bool:
        """Say whether a parameter was sent and not yet taken."""
        return name in self._values

    def rest(self) -> Document:
        """Take everything that is left, whatever it is."""
        rest, self._values = self._values, {}
        return rest

    def end(self) -> None:
        """Refuse whatever is left, so that a misspelt parameter is never silently ignored."""
        for name in self._values:
            raise ApiError(
                f"Received unknown parameter: {self._name(name)}",
                code="parameter_unknown",
                param=self._name(name),
            )


def present(document: Document) -> Document:
    """Return a document as the outside sees it: without what the stand-in notes for itself."""
    return {name: value for name, value in document.items() if not name.startswith("_")}


def page(documents: list[Document], params: Params, url: str) -> Document:
    """Return one page of documents that are given newest first."""
    limit = params.maybe_number("limit", USUAL_PAGE)
    after, before = params.maybe_text("starting_after"), params.maybe_text("ending_before")
    params.end()
    if not 1 <= limit <= LARGEST_PAGE:
        raise ApiError("This value must be between 1 and 100.", code="parameter_invalid_integer", param="limit")
    ids = [document["id"] for document in documents]
    if after is not None:
        documents = documents[_place(ids, after) + 1 :]
    if before is not None:
        newer = documents[: _place(ids, before)]
        return _list(newer[-limit:], url, has_more=len(newer) > limit)
    return _list(documents[:limit], url, has_more=len(documents) > limit)


def _place(ids: list[str], object_id: str) -> int:
    if object_id not in ids:
        raise missing("object", object_id)
    return ids.index(object_id)


def _list(documents: list[Document], url: str, *, has_more: bool) -> Document:
    return {"object": "list", "url": url, "has_more": has_more, "data": [present(item) for item in documents]}


def expand(document: Document, paths: list[str], store: Store) -> Document:
    """
    Replace the ids at these dotted paths by the documents they name.

    :raises ApiError: a path leads nowhere
    """
    for path in paths:
        _expand(document, path.split("."), store, path)
    return document


def _expand(branch: Document, way: list[str], store: Store, path: str) -> None:
    name, *rest = way
    if name not in branch:
        raise ApiError(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(branch[name], str):
        found = store.find(branch[name])
        if found is None:
            raise ApiError(f"This property cannot be expanded ({path}).", param="expand")
        branch[name] = present(found)
    for item in branch[name] if isinstance(branch[name], list) else [branch[name]]:
        if rest and item is not None:
            _expand(item, rest, store, path)

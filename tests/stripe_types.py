"""Whether JSON is what the pinned Stripe client says it is, parameter by parameter and field by field."""

import ast
import importlib
import inspect
import types
import typing
from functools import cache
from typing import Any

import typing_extensions

_NAMED = (typing.Union, types.UnionType)


@cache
def _names(module_name: str) -> dict[str, Any]:
    """Return a module's names, with those it imports for type checkers only."""
    module = importlib.import_module(module_name)
    names = dict(vars(module))
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                if isinstance(line, ast.ImportFrom):
                    source = importlib.import_module(line.module)
                    names |= {alias.asname or alias.name: getattr(source, alias.name) for alias in line.names}
    return names


def _family(kind: type) -> list[type]:
    if not typing_extensions.is_typeddict(kind):
        return [base for base in kind.__mro__ if base.__module__.startswith("stripe")]
    bases = [base for base in kind.__orig_bases__ if typing_extensions.is_typeddict(base)]
    return [kind, *(one for base in bases for one in _family(base))]


@cache
def fields(kind: type) -> dict[str, Any]:
    """Return the fields of a resource class or of a dictionary of parameters."""
    names: dict[str, Any] = {}
    for base in reversed(_family(kind)):
        names |= _names(base.__module__)
    found = typing.get_type_hints(kind, globalns=names, include_extras=True)
    return {name: hint for name, hint in found.items() if not name.startswith("_") and name != "OBJECT_NAME"}


def deviations(value: Any, kind: Any, path: str) -> list[str]:
    """Say where `value` is not what `kind` says; nothing when it is."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing_extensions.NotRequired, typing.NotRequired}:
        return deviations(value, arguments[0], path)
    if kind is Any or isinstance(kind, typing.TypeVar):
        return []
    if origin in _NAMED:
        return _of_several(value, arguments, path)
    if origin is typing.Literal or origin is typing_extensions.Literal:
        return [] if value in arguments else [f"{path}: {value!r} is not among what is known"]
    if origin is list:
        return _of_items(value, arguments[0], path)
    if origin is dict or getattr(origin, "__name__", "") == "UntypedStripeObject":
        return _of_mapping(value, arguments[-1], path)
    if getattr(origin, "__name__", "") == "ListObject":
        return _of_page(value, arguments[0], path)
    if typing_extensions.is_typeddict(kind) or hasattr(kind, "_construct_from"):
        return _of_fields(value, kind, path)
    # A true is an int to Python, but not to Stripe.
    fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return [] if fits else [f"{path}: {value!r} is not {kind.__name__}"]


def _of_several(value: Any, kinds: tuple[Any, ...], path: str) -> list[str]:
    known = [kind for kind in kinds if typing.get_origin(kind) is typing.Literal and kind != typing.Literal[""]]
    # "Literal or str" is how the client says that tomorrow may bring another value; today's are enough for us.
    tried = [kind for kind in kinds if not (known and kind is str)]
    answers = [deviations(value, kind, path) for kind in tried]
    if isinstance(value, dict):
        named = [
            answer
            for kind, answer in zip(tried, answers, strict=True)
            if getattr(kind, "OBJECT_NAME", None) == value.get("object", "")
        ]
        answers = named or answers
    return min(answers, key=len)


def _of_items(value: Any, kind: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: {value!r} is not a list"]
    return [line for item in value for line in deviations(item, kind, f"{path}[]")]


def _of_mapping(value: Any, kind: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is not a mapping"]
    return [line for item in value.values() for line in deviations(item, kind, f"{path}.*")]


def _of_page(value: Any, kind: Any, path: str) -> list[str]:
    of_a_page = {"object", "url", "has_more", "data"}, {"data", "next_page_url", "previous_page_url"}  # v1 and v2
    if not isinstance(value, dict) or set(value) not in of_a_page:
        return [f"{path}: not a page"]
    return _of_items(value["data"], kind, f"{path}.data")


def _of_fields(value: Any, kind: type, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is not a {kind.__name__}"]
    known = fields(kind)
    found = [f"{path}.{name}: unknown" for name in value if name not in known]
    for name, hint in known.items():
        if name in value:
            found += deviations(value[name], hint, f"{path}.{name}")
        elif not _may_be_absent(hint):
            found.append(f"{path}.{name}: missing")
    return found


def _may_be_absent(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in {typing_extensions.NotRequired, typing.NotRequired}:
        return True
    return origin in _NAMED and type(None) in typing.get_args(hint)

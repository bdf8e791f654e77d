"""Frozen dataclasses as JSON and back: exact, strict, and a mistake is named by its path."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

T = TypeVar("T")
Read = Callable[[Any, str], Any]


class Misshapen(ValueError):
    """The JSON does not have the shape that was asked for. `path` says where."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(f"{path or 'document'}: {sentence}")
        self.path = path
        self.sentence = sentence


def read(kind: type[T], document: object, path: str = "") -> T:
    """
    Build a `kind` from plain JSON. Keys that are not its fields are refused; absent ones take the field's default.

    A union of dataclasses is written `{tag: body}`, where each class names its `TAG`; the body of a class with one
    field is that field alone, so that a tree of conditions reads `{"any_of": [...]}`.

    :raises Misshapen: something is missing, unknown or of another type
    """
    return cast("T", _reader(cast("Any", kind))(document, path))


def write(value: object) -> Any:
    """Return `value` as plain JSON that `read` turns back into an equal value."""
    if is_dataclass(value) and not isinstance(value, type):
        body = {field.name: write(getattr(value, field.name)) for field in fields(value)}
        tag = getattr(value, "TAG", None)
        if tag is None:
            return body
        return {tag: next(iter(body.values())) if len(body) == 1 else body}
    if isinstance(value, Mapping):
        return {str(key): write(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(write(item) for item in value)
    if isinstance(value, tuple):
        return [write(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | StrEnum):
        return str(value)
    return value


@cache
def _reader(kind: Any) -> Read:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _union(get_args(kind))
    if origin is tuple:
        return _many(_reader(get_args(kind)[0]), tuple)
    if origin is frozenset:
        return _many(_reader(get_args(kind)[0]), frozenset)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*get_args(kind))
    if is_dataclass(kind):
        return _tagged((kind,)) if hasattr(kind, "TAG") else _record(cast("type", kind))
    if issubclass(kind, StrEnum):
        return _parsed(kind, f"one of {', '.join(kind)}")
    if kind is datetime:
        return _parsed(_moment, "an ISO moment with its offset")
    if kind is date:
        return _parsed(date.fromisoformat, "an ISO day")
    if kind is UUID:
        return _parsed(UUID, "a UUID")
    return _plain(kind)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _plain(kind: type) -> Read:
    def plain(value: Any, path: str) -> Any:
        # True is an int to Python, never to a reader of the document.
        if type(value) is not kind:
            raise Misshapen(path, f"{kind.__name__} expected, not {value!r}")
        return value

    return plain


def _parsed(parse: Callable[[str], Any], words: str) -> Read:
    def parsed(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise Misshapen(path, f"{words} expected, not {value!r}")
        try:
            return parse(value)
        except ValueError:
            raise Misshapen(path, f"{words} expected, not {value!r}") from None

    return parsed


def _many(item: Read, build: Callable[[Any], Any]) -> Read:
    def many(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise Misshapen(path, f"a list expected, not {value!r}")
        return build([item(entry, f"{path}[{position}]") for position, entry in enumerate(value)])

    return many


def _mapping(key: Any, item: Any) -> Read:
    read_key, read_item = _reader(key), _reader(item)

    def mapping(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise Misshapen(path, f"an object expected, not {value!r}")
        return {read_key(name, _at(path, name)): read_item(entry, _at(path, name)) for name, entry in value.items()}

    return mapping


def _union(kinds: tuple[Any, ...]) -> Read:
    present = tuple(kind for kind in kinds if kind is not NoneType)
    # Read at first use, because a tree's branches mention the tree.
    inner = cache(lambda: _reader(present[0]) if len(present) == 1 else _tagged(present))

    def union(value: Any, path: str) -> Any:
        return None if value is None and NoneType in kinds else inner()(value, path)

    return union


def _tagged(kinds: tuple[Any, ...]) -> Read:
    readers: dict[str, Read] = {kind.TAG: _body(kind) for kind in kinds}

    def tagged(value: Any, path: str) -> Any:
        if not isinstance(value, dict) or len(value) != 1 or not readers.keys() >= value.keys():
            raise Misshapen(path, f"one of {', '.join(sorted(readers))} expected, not {value!r}")
        [tag] = value
        return readers[tag](value[tag], _at(path, tag))

    return tagged


def _record(kind: type) -> Read:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]

    def record(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise Misshapen(path, f"an object expected, not {value!r}")
        for name in value:
            if name not in readers:
                raise Misshapen(_at(path, name), "this is not known here")
        for name in needed:
            if name not in value:
                raise Misshapen(_at(path, name), "this is missing")
        return kind(**{name: readers[name](entry, _at(path, name)) for name, entry in value.items()})

    return record


def _body(kind: type) -> Read:
    """Read what stands under a tag: the only field alone, or all of them by name."""
    if len(fields(kind)) > 1:
        return _record(kind)
    [only] = fields(kind)
    inner = _reader(get_type_hints(kind)[only.name])
    return lambda value, path: kind(**{only.name: inner(value, path)})


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name

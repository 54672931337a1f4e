"""Any value as a short text that is the same whatever module its class lives in; people read these texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any

import msgspec

from durable import MapValues, Task, TaskResult

PROGRAMS = "/golden/programs/"
LONGEST = 400
"""Characters of a text; of a longer one the begin, the length and a digest are kept."""


def text(value: Any) -> str:
    """Return a value as text, at most ``LONGEST`` characters and the length and digest of the rest."""
    return clipped("".join(_parts(value)))


def clipped(whole: str) -> str:
    """Return a text, or if it is long its begin, its length and a digest of it."""
    if len(whole) <= LONGEST:
        return whole
    digest = sha256(whole.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    return f"{whole[: LONGEST // 2]}… {len(whole)} characters, digest {digest}"


def _parts(value: Any) -> Iterator[str]:
    kind = type(value)
    if isinstance(value, type):
        yield f"class {value.__name__}"
    elif isinstance(value, FunctionType):
        yield f"function {value.__name__}"
    elif isinstance(value, ModuleType):
        yield f"module {value.__name__.rpartition('.')[2]}"
    elif isinstance(value, Enum):
        yield f"{kind.__name__}.{value.name}"
    elif isinstance(value, MapValues):
        yield from _braces("MapValues{", _pairs(value.items()), "}")
    elif kind in (list, tuple):
        yield from _braces("[" if kind is list else "(", map(_whole, value), "]" if kind is list else ")")
    elif kind in (set, frozenset):
        yield from _braces(f"{kind.__name__}{{", sorted(map(_whole, value)), "}")
    elif isinstance(value, dict):
        yield from _braces("{" if kind is dict else f"{kind.__name__}{{", _pairs(value.items()), "}")
    elif (named := _attributes(value)) is not None:
        yield from _braces(f"{kind.__name__}(", (f"{name}={_whole(one)}" for name, one in named), ")")
    elif kind is str and PROGRAMS in value and value.endswith(".yaml"):
        yield repr(value[value.index(PROGRAMS) + 1 :])  # wherever the prompts lie
    else:
        yield repr(value)


def _attributes(value: Any) -> Iterable[tuple[str, Any]] | None:
    """The attributes of an object that is no plain value; None for what ``repr`` shows well."""
    if isinstance(value, BaseException):
        return [("args", value.args), *((name, one) for name, one in vars(value).items() if one is not None)]
    if isinstance(value, TaskResult):
        names = ("task_id", "status", "attempts", "error_message", "duration", "timestamp", "value", "error")
        return [(name, getattr(value, name)) for name in names]
    if isinstance(value, Task):
        return [("task_id", value.task_id), ("bound", dict(value.bound))]
    if isinstance(value, msgspec.Struct):
        return [(name, getattr(value, name)) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    if type(value).__repr__ is object.__repr__:
        return [(name, one) for name, one in vars(value).items() if not name.startswith("_")]
    return None


def _whole(value: Any) -> str:
    return "".join(_parts(value))


def _pairs(items: Iterable[tuple[Any, Any]]) -> Iterator[str]:
    return (f"{_whole(name)}: {_whole(one)}" for name, one in items)


def _braces(begin: str, parts: Iterable[str], end: str) -> Iterator[str]:
    yield f"{begin}{', '.join(parts)}{end}"


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return each value as text."""
    return {name: text(value) for name, value in values.items()}

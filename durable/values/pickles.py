"""The pickler: cloudpickle, with script code by reference and real dates while time is frozen.

Importing it imports cloudpickle (35 ms), so only import it to pickle. It must not know encodings.
"""

from __future__ import annotations

import datetime
import io
import pickle
import sys
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import cloudpickle  # type: ignore[import-untyped, unused-ignore]

from durable.values.references import reference_to, reference_to_module, resolve_reference

_TIMES = ("datetime", "date")
_TIME_MODULES = ("freezegun.api", "datetime")


def dumps(value: object) -> bytes:
    """Pickle a value.

    Args:
        value: anything; large bytes in it are copied once.

    Returns:
        The pickle.

    Raises:
        Exception: whatever the value's own pickling raises.
    """
    chunks: list[Any] = []
    ValuePickler(SimpleNamespace(write=chunks.append)).dump(value)
    return chunks[0] if len(chunks) == 1 and type(chunks[0]) is bytes else b"".join(chunks)


def time_class(name: str) -> Any:
    """Find the real ``datetime`` or ``date``, also while freezegun stands in for it.

    Its name and place are part of the format: pickles written under a frozen clock refer to it.

    Args:
        name: "datetime" or "date".

    Returns:
        The class.
    """
    present: type = getattr(datetime, name)
    return next(kind for kind in present.__mro__ if kind.__module__ == "datetime" and kind.__name__ == name)


class ValuePickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    """Pickles one value; ``reducer_override`` says what differs from cloudpickle."""

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what neither pickle nor cloudpickle reduces as we want; called for every non-builtin object.

        Args:
            obj: the object.

        Returns:
            A reduce tuple, or NotImplemented for pickle's own way.

        Raises:
            pickle.PicklingError: an open text file, whose contents cloudpickle would read and store.
        """
        kind = type(obj)
        if issubclass(kind, type):
            if obj.__module__ in _TIME_MODULES and (name := _hidden_time(obj)):
                return time_class, (name,)
            return reference_to(obj) or super().reducer_override(obj)
        if kind is FunctionType:
            if obj is resolve_reference:  # stands in every reference: spare it the search
                return NotImplemented
            return reference_to(obj) or super().reducer_override(obj)
        if kind.__module__ in _TIME_MODULES and (name := _hidden_time(kind)):
            real = time_class(name)
            return real, real.__reduce_ex__(obj, 4)[1]
        if kind is ModuleType:
            return reference_to_module(obj) or NotImplemented
        if kind is io.TextIOWrapper and obj is not sys.stdout and obj is not sys.stderr:
            raise pickle.PicklingError("cannot pickle an open file")
        return NotImplemented


def _hidden_time(kind: type) -> str | None:
    """Name the real class when pickle by name would go wrong: freezegun's, or the one that it hides."""
    if kind.__module__ == "freezegun.api":
        return next((base.__name__ for base in kind.__mro__ if base.__module__ == "datetime"), None)
    name = kind.__name__
    return name if name in _TIMES and getattr(datetime, name) is not kind else None

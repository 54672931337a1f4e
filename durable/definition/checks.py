"""Checks of ids and numbers that users write into definitions."""

from __future__ import annotations

import math
from typing import Any

from durable.errors import DefinitionError

MAX_ID = 500
"""Characters of an id."""


def check_id(name: Any) -> str:
    """Return a task's or group's id if it can be one.

    Raises:
        DefinitionError: it is empty, too long, not a text, or holds control characters.
    """
    if not isinstance(name, str) or not name or len(name) > MAX_ID or not name.isprintable():
        raise DefinitionError(f"an id is a printable text of 1 to {MAX_ID} characters, not {name!r}")
    return name


def check_seconds(what: str, value: float | None, where: str) -> float | None:
    """Return a number of seconds, or None for no limit.

    Raises:
        DefinitionError: it is not a positive finite number.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise DefinitionError(f"{where!r}: {what} is a positive number of seconds, not {value!r}")
    return float(value)

"""Answers as people type them and programs send them, turned into the values that are recorded.

It must not know questions: it is told what kind of value is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from durable.errors import FeedbackRefused
from durable.values.exact import is_exact
from durable.values.previews import preview_value

YES = frozenset({"yes", "y", "true", "approve", "approved", "ok", "1"})
NO = frozenset({"no", "n", "false", "reject", "rejected", "deny", "denied", "0"})
_SHOWN = 20


def as_yes_or_no(value: Any) -> bool:
    """Return an approval's answer. Raises ``FeedbackRefused``."""
    if isinstance(value, bool):
        return value
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word in YES or word in NO:
        return word in YES
    raise FeedbackRefused(f"the answer must be yes or no, not {shown(value)}")


def as_text(value: Any) -> str:
    """Return a text that says something. Raises ``FeedbackRefused``."""
    if not isinstance(value, str):
        raise FeedbackRefused(f"the answer must be a text, not {shown(value)}")
    if not value.strip():
        raise FeedbackRefused("the answer must not be empty")
    text: str = as_json(str.__str__(value))  # a subclass becomes a text
    return text


def as_options(value: Any, options: Sequence[str], *, several: bool) -> Any:
    """Return the option that was chosen, or if several may be the list of them, in the options' order.

    Args:
        value: an option or its number as a text; for several a list of them, or a text with commas.
        options: what can be chosen.
        several: whether any number of them can be chosen.

    Raises:
        FeedbackRefused: something else was named.
    """
    if not several:
        return _option(value, options)
    if isinstance(value, str):  # an option that has a comma in it is taken as a whole
        parts: list[Any] = [value] if value.strip() in options else value.split(",")
    elif isinstance(value, (list, tuple)):
        parts = list(value)
    else:
        raise FeedbackRefused(f"the answer must be a list of options, not {shown(value)}", hint=_choice(options))
    chosen = {_option(part, options) for part in parts}
    return [option for option in options if option in chosen]


def _option(value: Any, options: Sequence[str]) -> str:
    word = value.strip() if isinstance(value, str) else ""
    if word in options:
        return options[options.index(word)]
    if word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= len(options):
        return options[int(word) - 1]
    raise FeedbackRefused(f"{shown(value)} is not one of the options", hint=_choice(options))


def _choice(options: Sequence[str]) -> str:
    few = [f"{number} {option}" for number, option in enumerate(options[:_SHOWN], 1)]
    return "Choose among: " + ", ".join(few) + (", ..." if len(options) > _SHOWN else "")


def as_json(value: Any) -> Any:
    """Return data if JSON gives it back exactly. Raises ``FeedbackRefused``."""
    try:
        if is_exact(value):
            msgspec.json.encode(value)
            return value
    except (msgspec.MsgspecError, ValueError, RecursionError):  # lone surrogates, or nested too deeply
        pass
    raise FeedbackRefused(
        f"the answer is nothing that JSON can hold: {shown(value)}",
        hint="Answer with texts, numbers, true, false, null, lists, or objects whose keys are texts",
    )


def shown(value: Any) -> str:
    """Return a value as a short text for an error."""
    return preview_value(value, 0)

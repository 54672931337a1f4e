"""Versions of a prompt, and which of them is meant. It must not read files.

A version is a whole number (3) or dotted numbers (1.2.0). Both compare by number: 10 is newer than 9, and
1.10 is newer than 1.9.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from durable.prompts.errors import PromptError, PromptNotFound
from durable.prompts.prompt import Prompt

USUAL_LABEL = "production"
RULE = "A version is a whole number such as 3, or dotted numbers such as 1.2.0"

_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")
_DOTTED = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})+")


def parse_version(text: str) -> int | str | None:
    """Read a version: an int, a text of dotted numbers, or None when it is neither."""
    if _WHOLE.fullmatch(text):
        return int(text)
    return text if _DOTTED.fullmatch(text) else None


def order(version: int | str) -> tuple[bool, tuple[int, ...]]:
    """Return what versions are compared by: their kind and their numbers; 1.2 and 1.2.0 are the same."""
    if isinstance(version, int):
        return False, (version,)
    numbers = [int(part) for part in version.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return True, tuple(numbers)


def choose(prompts: Sequence[Prompt], label: str | None, version: int | str | None) -> Prompt:
    """Pick one of a file's prompts.

    Args:
        prompts: all entries of the file, at least one.
        label: only those with this label.
        version: exactly this version; None for the newest.

    Returns:
        The prompt.

    Raises:
        PromptNotFound: there is none like that.
        PromptError: several labels have that version, and none of them is "production"; or the version
            asked for is not a version.
    """
    found = [prompt for prompt in prompts if label is None or prompt.label == label]
    wanted = None if version is None else _asked(version)
    if wanted is None and found:
        wanted = max(order(prompt.version) for prompt in found)
    found = [prompt for prompt in found if order(prompt.version) == wanted]
    if not found:
        raise _not_found(prompts, label, version)
    usual = [prompt for prompt in found if prompt.label == USUAL_LABEL]
    if len(found) > 1 and not usual:
        labels = ", ".join(sorted(prompt.label for prompt in found))
        raise PromptError(
            f"prompt {found[0].name!r} has version {found[0].version} under several labels: {labels} ({_file(found)})",
            hint="Say which: get_prompt(name, label=...)",
        )
    return usual[0] if usual else found[0]


def _asked(version: object) -> tuple[bool, tuple[int, ...]]:
    known: int | str | None = None
    if isinstance(version, str):
        known = parse_version(version)
    elif isinstance(version, int) and not isinstance(version, bool):
        known = version
    if known is None:  # floats too: 1.10 and 1.1 are one number
        raise PromptError(f"{version!r} is not a version of a prompt", hint=f"{RULE}; write dotted ones as a text")
    return order(known)


def _not_found(prompts: Sequence[Prompt], label: str | None, version: int | str | None) -> PromptNotFound:
    wish = [] if version is None else [f"version {version}"]
    wish += [] if label is None else [f"label {label!r}"]
    there = ", ".join(
        f"{prompt.version} ({prompt.label})" for prompt in sorted(prompts, key=lambda each: order(each.version))
    )
    return PromptNotFound(
        f"prompt {prompts[0].name!r} has no entry with {' and '.join(wish)} in {_file(prompts)}",
        hint=f"There are: {there}",
    )


def _file(prompts: Sequence[Prompt]) -> str:
    source = prompts[0].source
    return "no file" if source is None else source.file

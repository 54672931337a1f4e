"""First values from the command line: ``--input KEY=VALUE`` and ``--input-file``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import click


def read_inputs(pairs: Iterable[str], file: BinaryIO | None) -> dict[str, Any]:
    """Return the first values by key; pairs win over the file.

    Raises:
        click.BadParameter: the file holds no JSON object, or a pair has no ``=``.
    """
    values = _from_file(file) if file is not None else {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE.", param_hint="--input")
        values[key] = json_or_text(text)
    return values


def json_or_text(text: str) -> Any:
    """Return what a text says as JSON, or the text itself when it is no JSON."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text


def _from_file(file: BinaryIO) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(file.read(), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.BadParameter(f"it does not hold a JSON object: {error}", param_hint="--input-file") from None

"""Asking a person on the terminal for the answer to a question. It must not deliver the answer."""

from __future__ import annotations

import sys
from typing import Any

import click

from durable.cli.input_options import json_or_text
from durable.cli.render import coloured, note, printable
from durable.errors import FeedbackRefused
from durable.definition.questions import FeedbackRequest, FeedbackType, check_answer

_WANTED = {
    FeedbackType.APPROVAL: "yes or no",
    FeedbackType.TEXT: "your answer",
    FeedbackType.SELECTION: "an option or its number",
    FeedbackType.MULTI_SELECTION: "options or their numbers, with commas",
    FeedbackType.CUSTOM: "your answer, as JSON or text",
}


def can_ask() -> bool:
    """Whether somebody sits at the terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(request: FeedbackRequest) -> Any:
    """Show a question and return the answer, asking again for as long as it does not fit.

    Raises:
        KeyboardInterrupt: whoever was asked went away.
    """
    if request.title:
        note(coloured(printable(request.title), bold=True))
    if request.message:
        note(printable(request.message, keep="\n"))
    for number, option in enumerate(request.options, 1):
        note(f"  {number}  {printable(option)}")
    while True:
        try:
            return check_answer(request, _typed(request))
        except click.Abort:
            raise KeyboardInterrupt from None
        except FeedbackRefused as error:
            note(f"{coloured('Refused:', 'red', bold=True)} {printable(str(error))}")


def _typed(request: FeedbackRequest) -> Any:
    fields = (request.form_schema or {}).get("properties")
    if request.type is FeedbackType.CUSTOM and isinstance(fields, dict) and fields:
        return _form(fields, (request.form_schema or {}).get("required"))
    text = click.prompt(_WANTED[request.type], default="", show_default=False, err=True)
    return json_or_text(text) if request.type is FeedbackType.CUSTOM else text


def _form(fields: dict[str, Any], required: Any) -> dict[str, Any]:
    """Ask for each field; one that is left empty is left out."""
    found: dict[str, Any] = {}
    for name, schema in fields.items():
        about = schema if isinstance(schema, dict) else {}
        label = about.get("title", name)
        needed = " (required)" if isinstance(required, list) and name in required else ""
        text = click.prompt(f"{printable(str(label))}{needed}", default="", show_default=False, err=True)
        if text:
            found[name] = text if about.get("type") == "string" else json_or_text(text)
    return found

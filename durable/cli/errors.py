"""Errors for people and for programs: one clear paragraph, or one JSON document; never our own traceback."""

from __future__ import annotations

import os
from traceback import format_exception
from types import TracebackType
from typing import Any

import click

from durable.cli import exit_codes
from durable.cli.render import coloured, note, print_json, printable
from durable.errors import DivergenceError, DurableError

_FRAMES = 8
_PUBLIC = ("durable.errors", "durable.prompts.errors")
_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class ImportFailed(Exception):
    """The user's file raised while it was imported.

    Args:
        file: the file.
        cause: what it raised.
    """

    def __init__(self, file: str, cause: BaseException) -> None:
        super().__init__(f"{file} could not be imported: {type(cause).__name__}: {cause}")
        self.file = file
        self.cause = cause

    @property
    def traceback(self) -> str:
        """The traceback of the user's own frames, the last few of them."""
        from traceback import TracebackException

        cause = self.cause
        shown = TracebackException(type(cause), cause, own_frames(cause.__traceback__), limit=-_FRAMES, compact=True)
        return "".join(shown.format())


def own_frames(link: TracebackType | None) -> TracebackType | None:
    """Return a traceback from where it enters the user's code; None when it never does."""
    while link is not None:
        file = link.tb_frame.f_code.co_filename
        if not file.startswith((_OWN, "<frozen importlib")):
            return link
        link = link.tb_next
    return None


def paragraph(error: BaseException) -> str:
    """Return what happened, where, and what to do, as a short text."""
    if isinstance(error, ImportFailed):
        text = f"{error.file} could not be imported\n{error.traceback.rstrip()}"
    elif isinstance(error, click.ClickException):
        text = error.format_message()
    else:
        text = str(error)
    return printable(text, keep="\n")


def as_document(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON has it: type, message, where it happened and what to do; what is not known is null.

    That a workflow differs adds the changes; an exception that durable did not raise adds its traceback.
    """
    document: dict[str, Any] = {"type": _public_name(type(error)), "message": str(error)}
    document |= {name: getattr(error, name, None) for name in ("run_id", "task_id", "seq", "hint")}
    if isinstance(error, DurableError):
        document["message"] = error.message
        if isinstance(error, DivergenceError):
            document["changes"] = error.changes
    elif isinstance(error, click.ClickException):
        document["message"] = error.format_message()
    elif isinstance(error, ImportFailed):
        document |= {"type": type(error.cause).__name__, "traceback": error.traceback}
    elif isinstance(error, KeyboardInterrupt):
        document["message"] = "interrupted by SIGINT"
    else:
        document["traceback"] = "".join(format_exception(error))
    return document


def _public_name(kind: type[BaseException]) -> str:
    """The name of an error's class, as it can be imported from durable."""
    return next((base.__name__ for base in kind.__mro__ if base.__module__ in _PUBLIC), kind.__name__)


def exit_code(error: BaseException) -> int:
    """Return the exit code that any error of a command leads to."""
    if isinstance(error, click.ClickException):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return exit_codes.SIGINT
    return exit_codes.USAGE if isinstance(error, ImportFailed) else exit_codes.code_of(error)


def report(error: BaseException, as_json: bool) -> int:
    """Print an error, to stderr as text or to stdout as JSON, and return the exit code.

    The document is one line, because ``durable log --json`` prints one object a line.
    """
    if as_json:
        print_json({"error": as_document(error), "exit_code": exit_code(error)}, lines=True)
    else:
        note(f"{coloured('Error:', 'red', bold=True)} {paragraph(error)}")
    return exit_code(error)

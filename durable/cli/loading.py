"""Loading the user's file: what it raises becomes ``ImportFailed``; nothing that only reads comes here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from durable.cli.errors import ImportFailed, own_frames
from durable.errors import DurableError

if TYPE_CHECKING:
    from durable.definition.blueprint import Blueprint


def parse_target(target: str) -> tuple[str, str | None]:
    """Take ``FILE[:WORKFLOW]`` apart.

    Raises:
        click.UsageError: there is no such file.
    """
    file, colon, name = target.rpartition(":")
    if not colon or os.path.exists(target):
        file, name = target, ""
    if not os.path.isfile(file):
        what = "is a folder, not a Python file" if os.path.isdir(file) else "there is no such file"
        raise click.UsageError(f"{file}: {what}.")
    return file, name or None


def load(file: str, name: str | None, version: str | None = None) -> Blueprint:
    """Import a file and return its workflow, in this version if it has several.

    Raises:
        DefinitionError: it has no such workflow.
        ImportFailed: it raised.
    """
    from durable.definition.loading import load_workflow

    try:
        return load_workflow(file, name, version)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a script that exits when it is imported
        if isinstance(error, DurableError) and own_frames(error.__traceback__) is None:
            raise
        raise ImportFailed(file, error) from error


@contextmanager
def own_modules(file: str | None) -> Iterator[None]:
    """Let a file import from its folder, and forget that afterwards: the next may have modules of the same names."""
    import sys

    folder = os.path.join(os.path.dirname(os.path.realpath(file or "")), "")
    path, before = list(sys.path), set(sys.modules)
    sys.path.insert(0, folder.rstrip(os.sep))
    try:
        yield
    finally:
        sys.path[:] = path
        for name in sys.modules.keys() - before:
            source = getattr(sys.modules[name], "__file__", None) or ""
            if os.path.realpath(source).startswith(folder) and "site-packages" not in source:
                del sys.modules[name]

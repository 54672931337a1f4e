"""Which golden stores there are, where their files stand, and the live program of each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from durable import Workflow, WorkflowDefinition

FOLDER = Path(__file__).parent
KEY = "a key of the golden stores, which is no secret"


@dataclass(frozen=True)
class Golden:
    """A store that an older release wrote, and the list of what it must still say.

    Attributes:
        name: of its files, ``stores/NAME.db`` and ``stores/NAME.json``.
        program: the module in ``programs`` that wrote it.
        key: the DURABLE_SIGNING_KEY that it was written with.
    """

    name: str
    program: str
    key: str | None = None

    @property
    def database(self) -> Path:
        """The store. Nobody may write to it: work on a copy."""
        return FOLDER / "stores" / f"{self.name}.db"

    @property
    def listed(self) -> Path:
        """The file that says what must hold."""
        return FOLDER / "stores" / f"{self.name}.json"

    @property
    def module(self) -> ModuleType:
        """The program as it is now."""
        return import_module(f"tests.golden.programs.{self.program}")

    def list(self) -> dict[str, Any]:
        """Return what must hold."""
        return json.loads(self.listed.read_text())

    def copy(self, folder: Path) -> str:
        """Copy the store into a folder and return the copy's URL."""
        target = folder / self.database.name
        shutil.copyfile(self.database, target)
        return f"sqlite:///{target}?synchronous=normal"


STORES = [
    Golden("chains", "chains"),
    Golden("groups", "groups"),
    Golden("maps", "maps"),
    Golden("growing", "growing"),
    Golden("by_value", "by_value"),
    Golden("calls", "calls"),
    Golden("waits", "waits"),
    Golden("classes", "classes"),
    Golden("payloads", "payloads"),
    Golden("payloads_signed", "payloads", KEY),
    Golden("own", "own"),
    Golden("retries", "retries"),
    Golden("processes", "processes"),
    Golden("prompting", "prompting"),
    Golden("sizes", "sizes"),
]
SCRIPT = Golden("script", "script")
"""Written by a program that ran as ``__main__``; see test_script.py."""

BY_NAME = {one.name: one for one in [*STORES, SCRIPT]}


def live_workflow(program: ModuleType, name: str) -> Workflow:
    """Return the workflow of that name, as the program defines it now; the last one of several."""
    return [one for one in _workflows(vars(program).values()) if one.name == name][-1]


def _workflows(values: Any) -> Iterator[Workflow]:
    for value in values:
        if isinstance(value, Workflow):
            yield value
        elif isinstance(value, WorkflowDefinition):
            yield value.workflow
        elif isinstance(value, dict):
            yield from _workflows([one for one in value.values() if isinstance(one, Workflow)])

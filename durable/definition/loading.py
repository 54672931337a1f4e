"""Loading: find a workflow in a Python file, for the command line and for ``open_run(...).resume()``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

from durable.definition.blueprint import Blueprint
from durable.errors import DefinitionError
from durable.scripts import load_script, script_at


def load_workflow(file: str | os.PathLike[str], name: str | None = None) -> Blueprint:
    """Import a file and return the workflow in it.

    The file's folder is put first on the import path, as ``python file.py`` does; a block under
    ``if __name__ == "__main__"`` does not run.

    Args:
        file: the file.
        name: the workflow's name, or that of the variable which holds it; may be left out when the
            file has one workflow.

    Raises:
        DefinitionError: no such file, no such workflow in it, or several to choose from.
        Exception: whatever the file itself raises.
    """
    path = Path(file).resolve()
    held = {key: value for key, value in vars(_module(path)).items() if isinstance(value, Blueprint)}
    found = list(dict.fromkeys(held.values()))
    if name is not None:
        chosen = [workflow for workflow in found if workflow.name == name] or ([held[name]] if name in held else [])
        if not chosen:
            raise DefinitionError(f"{path.name} has no workflow {name!r}", hint=f"It has: {_names(found)}")
        return chosen[-1]
    if not found:
        raise DefinitionError(
            f"{path.name} has no workflow", hint="Keep it in a variable of the module: with workflow(...) as wf:"
        )
    if len(found) > 1:
        raise DefinitionError(f"{path.name} has several workflows: {_names(found)}", hint="Name one: FILE:WORKFLOW")
    return found[0]


def _names(found: list[Blueprint]) -> str:
    return ", ".join(workflow.name for workflow in found) or "none"


def _module(path: Path) -> ModuleType:
    known = script_at(str(path))
    if known is not None:
        return known
    if not path.is_file():
        raise DefinitionError(f"there is no file {path}", hint="Was it moved? Name it: durable resume RUN --file FILE")
    folder = str(path.parent)
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)
    return load_script(path)

"""Loading: find a workflow in a Python file, for the command line and for ``open_run(...).resume()``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

from durable.definition.blueprint import Blueprint
from durable.definition.workflow_definition import WorkflowDefinition
from durable.definition.registry import WorkflowRegistry, version_order
from durable.errors import DefinitionError
from durable.values.programs import load_script, script_at


def load_workflow(file: str | os.PathLike[str], name: str | None = None, version: str | None = None) -> Blueprint:
    """Import a file and return the workflow in it: a block's, a class definition's, or one of a registry.

    The file's folder is put first on the import path, as ``python file.py`` does; a block under
    ``if __name__ == "__main__"`` does not run.

    Args:
        file: the file.
        name: the workflow's name, or that of the variable which holds it; may be left out when the
            file has one workflow.
        version: take this version of several; None for the newest of class definitions.

    Raises:
        DefinitionError: no such file, no such workflow in it, or several to choose from.
        Exception: whatever the file itself raises.
    """
    path = Path(file).resolve()
    variables = vars(_module(path))
    held = {key: workflow for key, value in variables.items() for workflow in _workflows(value)[:1]}
    found = list(dict.fromkeys(workflow for value in variables.values() for workflow in _workflows(value)))
    if name is not None:
        chosen = [workflow for workflow in found if workflow.name == name] or ([held[name]] if name in held else [])
        if not chosen:
            raise DefinitionError(f"{path.name} has no workflow {name!r}", hint=f"It has: {_names(found)}")
        return _of_version(chosen, version)
    if not found:
        raise DefinitionError(
            f"{path.name} has no workflow", hint="Keep it in a variable of the module: with workflow(...) as wf:"
        )
    if len({workflow.name for workflow in found}) > 1 or (len(found) > 1 and any(w.version is None for w in found)):
        raise DefinitionError(f"{path.name} has several workflows: {_names(found)}", hint="Name one: FILE:WORKFLOW")
    return _of_version(found, version)


def _workflows(value: object) -> list[Blueprint]:
    """The workflows that a variable holds."""
    if isinstance(value, Blueprint):
        return [value]
    if isinstance(value, WorkflowDefinition):
        return [value.workflow]
    if isinstance(value, WorkflowRegistry):
        return [definition.workflow for definition in value.list()]
    return []


def _of_version(found: list[Blueprint], version: str | None) -> Blueprint:
    """The workflow of that version if there is one; else the newest, or the last where none says its version."""
    same = [workflow for workflow in found if workflow.version == version] if version is not None else []
    if same or all(workflow.version is None for workflow in found):
        return (same or found)[-1]
    return max(found, key=lambda workflow: version_order(workflow.version))


def _names(found: list[Blueprint]) -> str:
    return ", ".join(dict.fromkeys(workflow.name for workflow in found)) or "none"


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

"""Loading: find a workflow in a Python file, for the command line and for ``open_run(...).resume()``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from durable.definition.workflow import Workflow
from durable.errors import DefinitionError
from durable.scripts import register_script


def load_workflow(file: str | Path, name: str | None = None) -> Workflow:
    """Import a file and return the workflow in it.

    The file's folder is put on the import path, as ``python file.py`` does; a block under
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
    module = _module(path)
    held = {variable: value for variable, value in vars(module).items() if isinstance(value, Workflow)}
    found = {id(value): value for value in held.values()}
    if name is not None:
        chosen = [value for value in found.values() if value.name == name] or [held[name]] if name in held else []
        chosen = chosen or [value for value in found.values() if value.name == name]
        if not chosen:
            raise DefinitionError(f"{path.name} has no workflow {name!r}", hint=f"It has: {_names(found)}")
        return chosen[-1]
    if len(found) != 1:
        what = "no workflow" if not found else f"several workflows: {_names(found)}"
        raise DefinitionError(
            f"{path.name} has {what}",
            hint="Name one: FILE:WORKFLOW" if found else "Keep the workflow in a variable of the module: with workflow(...) as wf:",
        )
    return next(iter(found.values()))


def _names(found: dict[int, Workflow]) -> str:
    return ", ".join(workflow.name for workflow in found.values()) or "none"


def _module(path: Path) -> ModuleType:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).resolve() == path:
            return module
    if not path.is_file():
        raise DefinitionError(f"there is no file {path}", hint="Was it moved? Name it: durable resume RUN --file FILE")
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else f"durable_script_{abs(hash(path)):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"{path} is not a Python file")
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        register_script(module)
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module

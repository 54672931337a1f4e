"""References: how classes and functions of scripts are recorded, by file and qualified name.

The same file is ``__main__`` under ``python pipeline.py`` and another module under ``durable resume``, so
each process finds its own class. It must not refer to what modules define that are imported by name.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from durable.errors import PayloadError
from durable.values.programs import (
    file_of,
    import_name,
    is_half_made,
    load_script,
    script_at,
    script_named,
    scripts_called,
    scripts_lock,
)

_MISSING = object()
_imported: dict[str, ModuleType] = {}  # modules found by file, so that sys.modules is searched once only


def reference_to(obj: Any) -> tuple[Any, ...] | None:
    """Give the reference to a class or function of a script, as pickle's reduce tuple.

    Args:
        obj: a class or a plain function.

    Returns:
        ``(resolve_reference, arguments)``; None when it is not a script's, or not found there by name.
    """
    module = script_named(getattr(obj, "__module__", None))
    if module is None or _attribute(module, obj.__qualname__) is not obj:
        return None
    return _reference(module, obj.__qualname__)


def reference_to_module(module: ModuleType) -> tuple[Any, ...] | None:
    """Give the reference to a script itself.

    Args:
        module: any module.

    Returns:
        ``(resolve_reference, arguments)``, or None when it is not a script.
    """
    return _reference(module, "") if script_named(module.__name__) is module else None


def resolve_reference(file: str, qualname: str, name: str | None = None) -> Any:
    """Find what a reference means in this process; its name and place are part of the format.

    Looked for in this order: a script or ``__main__`` of that file, a module imported from it, one of
    the same base name when the file is gone, the module's importable name, the file loaded anew.

    Args:
        file: the resolved path it was recorded from.
        qualname: the qualified name in the module; "" for the module itself.
        name: the module's importable name, when it ran as ``python -m name``.

    Returns:
        The class, function or module.

    Raises:
        PayloadError: the file or the name is missing, or the file cannot be loaded.
    """
    with scripts_lock:
        module = (
            script_at(file)
            or _imported_from(file)
            or _moved(file, qualname)
            or _by_import(name, file)
            or _load(file, qualname)
        )
    found = _attribute(module, qualname)
    if found is _MISSING and is_half_made(module):
        import_module(module.__name__)  # waits for the thread that imports it, which may need our lock
        found = _attribute(module, qualname)
    if found is _MISSING:
        raise PayloadError(
            f"{module.__file__} has no {qualname}, which a recorded value needs",
            hint="Restore the name, or keep it as an alias of the new one",
        )
    return found


def _reference(module: ModuleType, qualname: str) -> tuple[Any, ...] | None:
    file = file_of(module)
    if file is None:
        return None
    # Under ``python -m`` the file may need its package; without, two arguments keep payloads short.
    name = import_name(module)
    return resolve_reference, (file, qualname) if name is None else (file, qualname, name)


def _attribute(module: ModuleType, qualname: str) -> Any:
    found: Any = module
    for part in qualname.split(".") if qualname else ():
        found = getattr(found, part, _MISSING)
    return found


def _imported_from(file: str) -> ModuleType | None:
    known = _imported.get(file)
    if known is not None and sys.modules.get(known.__name__) is known:
        return known
    base = os.path.basename(file)
    modules: list[Any] = list(sys.modules.values())  # anything may be put there
    for module in modules:
        if not isinstance(module, ModuleType):
            continue
        path = object.__getattribute__(module, "__dict__").get("__file__")
        if isinstance(path, str) and path.endswith(base) and file_of(module) == file:
            _imported[file] = module
            return module
    return None


def _moved(file: str, qualname: str) -> ModuleType | None:
    if os.path.exists(file):
        return None
    named = scripts_called(os.path.basename(file))
    moved = {path: module for path, module in named.items() if _attribute(module, qualname) is not _MISSING}
    if len(moved) > 1:
        raise PayloadError(
            f"{qualname} was recorded from {file}, which is gone; it may be in {' or '.join(sorted(moved))}",
            hint="Load only the script that took its place",
        )
    return next(iter(moved.values()), None)


def _by_import(name: str | None, file: str) -> ModuleType | None:
    if name is None:
        return None
    try:
        module = import_module(name)
    except ImportError:
        return None
    # Another installation of the same package serves too, when the recorded file is gone.
    return module if file_of(module) == file or not os.path.exists(file) else None


def _load(file: str, qualname: str) -> ModuleType:
    try:
        return load_script(file)
    except (Exception, SystemExit) as error:
        wanted = f"{qualname or 'the module'}, which a recorded value needs, comes from {file}"
        if not os.path.exists(file):
            raise PayloadError(
                f"{wanted}, which does not exist", hint="Restore it, or run it from its new place"
            ) from error
        raise PayloadError(
            f"{wanted}, which cannot be loaded: {type(error).__name__}: {error}",
            hint='The file must load without running anything: put calls under if __name__ == "__main__"',
        ) from error

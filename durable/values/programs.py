"""Scripts: files that run as ``__main__``, or that are loaded by path under a name of their own.

``durable.values.references`` refers to what they define. It must not know payloads or stores, and must
not touch modules that were imported the normal way.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

from durable.errors import PayloadError

_MAIN_NAMES = ("__main__", "__mp_main__")  # the second is how children of multiprocessing know the first

scripts_lock = threading.RLock()
"""Held while scripts are looked for or loaded: one file must not be loaded twice."""

_loading = threading.local()

_by_file: dict[str, ModuleType] = {}
_by_name: dict[str, ModuleType] = {}


def register_script(module: ModuleType) -> None:
    """Mark a module as a script: its classes and functions are recorded by file and name.

    Args:
        module: a module that was loaded from a file by path; ``__main__`` needs no mark.

    Raises:
        PayloadError: the module has no file.
    """
    file = file_of(module)
    if file is None:
        raise PayloadError(f"The module {module.__name__} has no file", hint="Only a module of a file can be a script")
    with scripts_lock:
        _by_file[file] = module
        _by_name[module.__name__] = module


def load_script(file: str | os.PathLike[str]) -> ModuleType:
    """Load a file as a script, once, and register it.

    Its module name never shadows an importable one. Its folder is appended to ``sys.path``, so that
    the files next to it can be imported.

    Args:
        file: the path.

    Returns:
        The module; the same one for the same file.

    Raises:
        OSError: the file cannot be read.
        Exception: whatever the file's own code raises; nothing stays registered then.
    """
    path = _resolved(os.path.abspath(file))
    with scripts_lock:
        if path in _by_file:
            return _by_file[path]
        name = _free_name(path)
        loader = SourceFileLoader(name, path)  # named outright: a script need not end in .py
        module = module_from_spec(ModuleSpec(name, loader, origin=path))
        module.__file__ = path
        if (folder := os.path.dirname(path)) not in sys.path:
            sys.path.append(folder)
        sys.modules[name] = module
        register_script(module)  # before its code runs, which may ask for itself
        try:
            # Not exec_module: like python, leave no __pycache__ beside a script, and never run a stale one.
            exec(loader.source_to_code(loader.get_data(path), path), module.__dict__)
        except BaseException:
            del sys.modules[name], _by_name[name], _by_file[path]
            raise
        return module


@contextmanager
def loading_for_worker() -> Iterator[None]:
    """Mark that what is loaded meanwhile, in this thread, is only loaded so that a worker process can call it."""
    before = is_loading_for_worker()
    _loading.on = True
    try:
        yield
    finally:
        _loading.on = before


def is_loading_for_worker() -> bool:
    """Whether code is being loaded for a worker process: by us, or by a child of multiprocessing that starts."""
    if getattr(_loading, "on", False):
        return True
    processes = imported("multiprocessing.process")
    return processes is not None and getattr(processes.current_process(), "_inheriting", False)


def imported(name: str) -> Any:
    """Return a module that this process has imported, without importing it.

    Args:
        name: the module's full name.

    Returns:
        The module; None when nobody has imported it, or some thread is still at it: a module that is half made can
        be found in ``sys.modules``, and lacks what its code has not come to.
    """
    module = sys.modules.get(name)
    return None if module is None or is_half_made(module) else module


def is_half_made(module: ModuleType) -> bool:
    """Whether an import of the module has begun and is not over. That of ``__main__`` is none."""
    return getattr(getattr(module, "__spec__", None), "_initializing", False) is True


def script_at(file: str) -> ModuleType | None:
    """Find the registered script, or else ``__main__``, of a file; waits for a thread that is just loading it.

    Args:
        file: the resolved path.
    """
    with scripts_lock:
        found = _by_file.get(file)
    if found is not None:
        return found
    main = sys.modules.get("__main__")
    return main if main is not None and file_of(main) == file else None


def scripts_called(base: str) -> dict[str, ModuleType]:
    """Find the scripts, ``__main__`` included, whose file has this base name, by resolved path.

    Args:
        base: the base name, with its suffix.
    """
    main = sys.modules.get("__main__")
    running = [*_by_file.values()] if main is None else [main, *_by_file.values()]
    named = ((file_of(module), module) for module in running)
    return {file: module for file, module in named if file is not None and os.path.basename(file) == base}


def script_named(name: object) -> ModuleType | None:
    """Find the script, or ``__main__``, that has this module name here.

    Args:
        name: what some object gives as its ``__module__``.
    """
    if not isinstance(name, str):
        return None
    if name in _MAIN_NAMES:
        return sys.modules.get(name) or sys.modules.get("__main__")
    return _by_name.get(name)


def script_stem(name: str) -> str | None:
    """Give the name for people that a script's module has in every process.

    Args:
        name: a module's name here.

    Returns:
        Its importable name or the stem of its file; None when it is not a script.
    """
    module = script_named(name)
    file = file_of(module) if module is not None else None
    if module is None or file is None:
        return None
    return import_name(module) or os.path.splitext(os.path.basename(file))[0]


def import_name(module: ModuleType) -> str | None:
    """Give the importable name of a ``__main__`` that was started with ``python -m``; None for others."""
    spec = module.__spec__ if any(sys.modules.get(name) is module for name in _MAIN_NAMES) else None
    return spec.name if spec is not None and spec.name != "__main__" else None  # profilers make up such a spec


def file_of(module: ModuleType) -> str | None:
    """Give the resolved path of a module's file; None when it has none, as at the prompt."""
    # Not by getattr, which makes lazy modules import what they stand for.
    file = object.__getattribute__(module, "__dict__").get("__file__")
    if not isinstance(file, str):
        return None
    # A relative one (runpy) must not be remembered: the working directory may change.
    return _resolved(file) if os.path.isabs(file) else os.path.realpath(file)


@lru_cache(1024)
def _resolved(file: str) -> str:
    return os.path.realpath(file)


def _free_name(path: str) -> str:
    stem = os.path.splitext(os.path.basename(path))[0]
    name = wanted = f"durable_script_{stem}"
    count = 1
    while name in sys.modules:
        count += 1
        name = f"{wanted}_{count}"
    return name

"""What users may call is explained and typed as a whole, and everything public can be had by its name at once."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin

import pytest

from tests.public_surface import PUBLIC, Callee, callees, hints, names, raised

CALLEES = callees()
BARE = (dict, list, tuple, set, frozenset, type, Callable)
"""Types that say nothing as long as it is not said of what."""


def every(callee: Callee) -> str:
    return callee.name


def test_the_surface_is_found() -> None:
    """The tests below are about something: a function, a class's constructor, its methods, properties and bases."""
    found = {callee.name for callee in CALLEES}
    assert {"durable.task", "Task()", "Run.resume", "Run.info", "Workflow.add", "Kill.before"} <= found
    assert {name for name, _ in names()} >= {"durable.Workflow", "durable.testing.CrashKit"}


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: str(module.__name__))
def test_public_modules_show_what_they_promise(module: Any) -> None:
    """No helper, import or submodule stands among the names that they offer."""
    assert dir(module) == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)


def _import_first(module: str, name: str) -> int:
    """Import one name in a copy of this process that has loaded nothing of durable but the module; its exit code."""
    pid = os.fork()
    if pid == 0:
        try:
            exec(f"from {module} import {name}")
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{module}.{name}: {error!r}\n".encode())
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def test_every_name_can_be_the_first_that_is_imported() -> None:
    """Whatever a program imports first, no circle among the modules is in its way."""
    import subprocess
    import sys

    script = (
        "import sys, inspect, os, durable\n"
        f"{inspect.getsource(_import_first)}\n"
        "firsts = {home: name for name, home in durable._HOME.items()}\n"
        "bad = [name for name in firsts.values() if _import_first('durable', name)]\n"
        "import durable.testing\n"
        "bad += [name for name in durable.testing.__all__ if _import_first('durable.testing', name)]\n"
        "sys.exit(f'cannot be imported: {bad}' if bad else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr


def test_every_class_is_explained_in_a_sentence() -> None:
    lacking = [
        name
        for name, value in names()
        if isinstance(value, type) and not _is_sentence(vars(value).get("__doc__") or "")
    ]
    assert lacking == []


@pytest.mark.parametrize("callee", CALLEES, ids=every)
def test_every_callee_is_explained(callee: Callee) -> None:
    """A sentence first, then every parameter and every exception that it raises itself."""
    assert _is_sentence(callee.own), callee.own
    assert [name for name in callee.parameters if not _explains(callee.text, name)] == []
    assert [name for name in raised(callee.function) if not re.search(rf"\b{name}\b", callee.text)] == []


def _is_sentence(text: str) -> bool:
    first = inspect.cleandoc(text).split("\n\n")[0]
    return first[:1] != first[:1].lower() and first.endswith((".", ":"))


def _explains(text: str, name: str) -> bool:
    """Whether an entry of a docstring is about a parameter, perhaps about others too, or its text names it."""
    words = r"(?:\*{0,2}\w+(?:, | and ))*"
    return (
        bool(re.search(rf"^\s+{words}\*{{0,2}}{name}(?:, \*{{0,2}}\w+)*:", text, re.MULTILINE)) or f"``{name}" in text
    )


@pytest.mark.parametrize("callee", CALLEES, ids=every)
def test_every_callee_is_typed(callee: Callee) -> None:
    """Every parameter and the result have a type, it can be resolved, and it says what containers hold."""
    found = hints(callee.function)
    signature = inspect.signature(callee.function)
    wanted = [name for name in signature.parameters if name not in ("self", "cls")]
    assert [name for name in [*wanted, "return"] if name not in found] == []
    assert [(name, part) for name, hint in found.items() for part in _parts(hint) if part in BARE] == []


def _parts(hint: Any) -> Iterator[Any]:
    """A type and the types that it is made of; of a container that says what it holds, not the container itself."""
    parts = get_args(hint)
    if get_origin(hint) is None or not parts:
        yield hint
    for part in parts:
        yield from _parts(part) if not isinstance(part, list) else (found for each in part for found in _parts(each))

"""A module that another thread is just importing can be found already, and lacks what its code has not come to.

Nothing may depend on that moment: what only looks whether a module is there passes it by, what needs it waits.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from durable import Store, task, workflow
from durable.definition.loading import load_workflow
from durable.executors.remote import _parents_end
from durable.values import programs, references

WAIT = 20

FLOW = """
import gate_of_the_test
gate_of_the_test.pass_through()
from durable import task, workflow

@task
def body() -> int:
    return 1

with workflow("w") as wf:
    wf.add(body)

class Item:
    pass
"""


class Gate(ModuleType):
    """A module that holds up the code which imports it until somebody else waits for that code."""

    def __init__(self) -> None:
        super().__init__("gate_of_the_test")
        self.reached, self.open = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        """Say that the import is half done, and go on when told."""
        self.reached.set()
        assert self.open.wait(WAIT)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setitem(sys.modules, gate.__name__, gate)
    path, modules = list(sys.path), set(sys.modules)
    by_file, by_name = dict(programs._by_file), dict(programs._by_name)
    yield gate
    gate.open.set()
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if "half_made" in name or name.startswith("durable_script_"):
            del sys.modules[name]
    for present, before in ((programs._by_file, by_file), (programs._by_name, by_name)):
        present.clear()
        present.update(before)


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "half_made_flow.py"
    file.write_text(FLOW)
    return file.resolve()


def meanwhile(gate: Gate, load: Callable[[], Any], look: Callable[[], Any]) -> Any:
    """Look while another thread is half through loading."""
    thread = threading.Thread(target=load)
    thread.start()
    assert gate.reached.wait(WAIT)
    try:
        return look()
    finally:
        gate.open.set()
        thread.join(WAIT)


@pytest.mark.parametrize("name", ["logging", "multiprocessing.process"])
def test_a_run_does_not_mind_a_module_that_is_half_made(
    name: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are looked for when a run begins, and used if the program has imported them."""
    half = ModuleType(name)
    half.__spec__ = ModuleSpec(name, None)
    half.__spec__._initializing = True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, half)

    @task
    def body() -> int:
        return 1

    with workflow("w", store=store) as wf:
        wf.add(body)
    assert wf.execute() == 1
    assert programs.imported(name) is None
    assert _parents_end(-1) is None


def test_an_import_that_is_under_way_is_known_and_one_that_is_over_too(gate: Gate, flow: Path) -> None:
    """By what the import system itself says of the module; a name that nobody imports is none."""
    look = lambda: (flow.stem in sys.modules, programs.imported(flow.stem))  # noqa: E731
    assert meanwhile(gate, lambda: import_module(flow.stem), look) == (True, None)
    assert programs.imported(flow.stem) is sys.modules[flow.stem]
    assert programs.imported("never_imported_by_anybody") is None


def test_a_value_waits_for_the_module_that_defines_it(gate: Gate, flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded value of a script's class is read while another thread imports that file."""

    def waits(name: str) -> ModuleType:
        gate.open.set()
        return import_module(name)

    monkeypatch.setattr(references, "import_module", waits)
    found = meanwhile(gate, lambda: import_module(flow.stem), lambda: references.resolve_reference(str(flow), "Item"))
    assert found is sys.modules[flow.stem].Item


def test_a_resume_waits_for_the_file_that_another_one_is_loading(
    gate: Gate, flow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads resume runs of one file: the second finds its workflow, too."""
    lock = programs.scripts_lock

    class Watched:
        """The lock, which opens the gate for whoever comes second."""

        def __enter__(self) -> None:
            if gate.reached.is_set():
                gate.open.set()
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()

    monkeypatch.setattr(programs, "scripts_lock", Watched())
    found = meanwhile(gate, lambda: programs.load_script(flow), lambda: load_workflow(str(flow), "w"))
    assert found.name == "w"

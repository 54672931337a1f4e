"""The contracts on imports, as they stand in pyproject.toml, find what they are there for: each is planted once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ROOT

pytest.importorskip("importlinter", reason="the gate's tools are not installed")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources and of what the contracts need."""
    for name in ("durable", "stores", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def broken(tree: Path) -> list[str]:
    """The contracts that a tree breaks, and what is said of them."""
    code = "import sys; sys.path[:0] = ['.', 'stores']; from importlinter.cli import lint_imports; "
    code += "sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, timeout=50)
    said = " ".join(done.stdout.split())
    return said.partition("Broken contracts")[2].split() if done.returncode else []


def plant(tree: Path, file: str, line: str) -> None:
    """Add lines to a module of a tree."""
    with (tree / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")


def test_what_must_not_be_imported_is_found(tree: Path) -> None:
    """An arrow that points up, also in a function or for type checkers; a new room; threads in the core; a circle.

    That a tree without such keeps the contracts is what ``make check-layers`` sees.
    """
    plant(tree, "durable/values/exact.py", "import durable.engine.journal")
    plant(tree, "durable/definition/task.py", "def _up():\n    import durable.runs.start")
    plant(tree, "durable/context/port.py", "if TYPE_CHECKING:\n    import durable.engine.drive")
    plant(tree, "durable/core/retry.py", "import threading")
    plant(tree, "durable/engine/drive.py", "import durable.executors.threads")
    (tree / "durable/worker").mkdir()
    plant(tree, "durable/worker/__init__.py", '"""A room that nobody has placed."""')
    said = " ".join(broken(tree))
    for line in (
        "durable.values is not allowed to import durable.engine",
        "durable.definition is not allowed to import durable.runs",
        "durable.context is not allowed to import durable.engine",
        "durable.core.retry imports threading",
        "durable.engine is not allowed to import durable.executors.threads",
        "durable.worker",
        "No module imports itself by way of others",
    ):
        assert line in said

"""What a process pays before it does anything: which modules each kind of start may import, by name.

A module that comes in anew is either listed here, with its price in mind (docs/startup.md), or imported only
where it is needed. Modules that begin with an underscore belong to others and are not looked at.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from durable.store import SHIPPED

PARTS = ("concurrent", "email", "importlib", "urllib", "xml")
"""Packages of which some modules are cheap and others are not: they are looked at module by module."""

BARE = {"abc", "codecs", "errno", "io", "os", "posixpath", "genericpath", "stat"}
"""What Python has loaded before, or has not, depending on how it was installed and started."""
NEWER = {"annotationlib", "ast", "compression"} if sys.version_info >= (3, 14) else set[str]()
"""What newer versions' own ``functools`` and ``shutil`` bring."""

TYPING = {
    "collections", "contextlib", "copyreg", "functools", "importlib", "itertools", "keyword", "operator", "re",
    "reprlib", "types", "typing", "warnings",
}  # fmt: skip
MSGSPEC = {"datetime", "decimal", "enum", "math", "msgspec", "numbers", "platform", "textwrap", "uuid"}
DEFINING = {*TYPING, *MSGSPEC, "contextvars"}
PATHS = {"fnmatch", "glob", "grp", "ipaddress", "ntpath", "pathlib", "pwd", "urllib", "urllib.parse"}
RUNNING = {
    *DEFINING, *PATHS, "array", "ast", "atexit", "bisect", "copy", "fcntl", "gc", "hashlib", "heapq",
    "importlib.machinery", "importlib.util", "queue", "signal", "sqlite3", "struct", "threading", "weakref", "zlib",
}  # fmt: skip
CLICK = {
    *TYPING, "ast", "bz2", "click", "datetime", "dis", "enum", "fnmatch", "gettext", "heapq", "importlib.machinery",
    "inspect", "linecache", "locale", "lzma", "math", "opcode", "platform", "shutil", "signal", "struct", "textwrap",
    "threading", "token", "tokenize", "uuid", "weakref", "zlib",
}  # fmt: skip

NAMES = "from durable import task, workflow"
CHAIN = f"""
{NAMES}

@task
def one(): return {{"a": 1}}

@task
def two(one): return [one["a"], 2.5, "three"]

with workflow("small") as wf:
    one >> two
assert wf.execute(store=STORE) == [1, 2.5, "three"]
"""
HELP = "import sys\nfrom durable_runs import main\nsys.argv[1:] = ['--help']\ntry: main()\nexcept SystemExit: pass"

AROUND = """
import sys
sys.modules["typing_extensions"] = None  # durable does not need it; msgspec takes it where other tools brought it
before = set(sys.modules)
with open(sys.argv[1]) as file:
    exec(compile(file.read(), sys.argv[1], "exec"), {"__name__": "__main__"})
print(sorted(set(sys.modules) - before))
"""


def imported(code: str, folder: Path) -> set[str]:
    """The modules that a fresh process has after the code and not before it."""
    script = folder / "measured.py"
    script.write_text(f"STORE = {str(folder / 'runs.db')!r}\n{code}", encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", AROUND, script], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def foreign(names: Iterable[str]) -> set[str]:
    """Modules of others, by package."""
    outer = [name if name.partition(".")[0] in PARTS else name.partition(".")[0] for name in names]
    public = {name for name in outer if not any(part.startswith("_") for part in name.split("."))}
    return {name for name in public if not name.startswith("durable")} - BARE - NEWER


def own(names: Iterable[str]) -> set[str]:
    """Parts of durable and its stores: the first two words of each module's name."""
    return {".".join(name.split(".")[:2]) for name in names if name.startswith("durable")}


def test_import_durable_imports_nothing_else(tmp_path: Path) -> None:
    """Names are loaded when they are used: ``import durable`` is two files of our own."""
    found = imported("import durable", tmp_path)
    assert own(found) == {"durable", "durable._version"}
    assert foreign(found) == set()


def test_what_defines_a_workflow_brings_no_engine(tmp_path: Path) -> None:
    """A process that only defines workflows pays for ``msgspec``, for ``typing`` and for the definitions."""
    found = imported(NAMES, tmp_path)
    assert foreign(found) <= DEFINING
    assert own(found) <= {
        "durable", "durable._version", "durable.core", "durable.definition", "durable.errors", "durable.runs"
    }  # fmt: skip
    assert not found & {"durable.definition.compile", "durable.definition.scheduling", "durable.core.decide"}


def test_a_chain_of_json_values_in_sqlite_brings_what_it_needs(tmp_path: Path) -> None:
    """No asyncio, logging, futures, pickles, compression, metadata of packages, prompts, questions or command line."""
    imported(CHAIN, tmp_path)  # makes the database, for which sqlite-utils is needed
    found = imported(CHAIN, tmp_path)
    assert foreign(found) <= RUNNING
    assert own(found) <= {
        "durable", "durable._version", "durable.clock", "durable.context", "durable.core", "durable.definition",
        "durable.engine", "durable.errors", "durable.executor", "durable.executors", "durable.runs", "durable.store",
        "durable.values", "durable_sqlite", *(name for name in own(found) if name.startswith("durable_sqlite.")),
    }  # fmt: skip
    assert not found & {
        "durable.core.forking", "durable.core.plan", "durable.definition.workflow_definition",
        "durable.definition.static_divergence", "durable.definition.loading", "durable.definition.mermaid",
        "durable.executors.event_loop", "durable.values.pickles", "durable.values.references",
    }  # fmt: skip


def test_help_brings_click_and_the_commands_words(tmp_path: Path) -> None:
    """``durable --help`` imports no engine, no store and none of the libraries that they stand on."""
    found = imported(HELP, tmp_path)
    assert foreign(found) <= CLICK
    assert own(found) <= {"durable", "durable._version", "durable.cli", "durable_runs"}


@pytest.mark.parametrize("module", ["logging", "importlib.metadata", "asyncio", "durable.cli"])
def test_a_module_that_comes_in_is_seen(module: str, tmp_path: Path) -> None:
    """What the lists hold back would be found by them."""
    found = imported(f"{NAMES}\nimport {module}", tmp_path)
    assert module in foreign(found) | own(found)


def test_the_stores_that_durable_brings_are_its_entry_points() -> None:
    """They are found without a look at what else is installed, and are the same as those that are declared."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    declared = text.split('[project.entry-points."durable.stores"]\n')[1].split("\n\n")[0]
    assert dict(line.split(" = ") for line in declared.replace('"', "").splitlines()) == SHIPPED

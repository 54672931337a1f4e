"""The public names: all there, all explained, and none loaded before it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import durable

HEAVY = (
    "asyncio", "click", "cloudpickle", "concurrent.futures", "hashlib", "importlib.metadata", "inspect", "logging",
    "msgspec", "multiprocessing", "rich", "sqlite3", "sqlite_utils", "zstandard",
)  # fmt: skip


def loaded_after(code: str) -> set[str]:
    """Names of the modules that a fresh process has loaded by this code, and not before it."""
    end = "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    script = f"import sys; before = set(sys.modules)\n{code}\n{end}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", [name for name in durable.__all__ if name != "__version__"])
def test_every_public_name_resolves_and_is_explained(name: str) -> None:
    """With a docstring of its own, in a sentence."""
    value = getattr(durable, name)
    own = vars(value).get("__doc__") if isinstance(value, type) else value.__doc__
    assert own, f"{name} has no docstring"
    assert own.split("\n\n")[0].rstrip().endswith((".", ":")), own


def test_all_is_sorted_complete_and_without_repeats() -> None:
    """What is loaded lazily is what is promised, and ``dir`` shows it."""
    assert sorted(durable._HOME) == sorted(name for name in durable.__all__ if name != "__version__")
    assert len(set(durable.__all__)) == len(durable.__all__)
    assert dir(durable) == sorted(durable.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = durable.nonsense  # type: ignore[attr-defined]


def test_every_error_is_public() -> None:
    """Code that catches can rely on the classes."""
    from durable import errors

    names = [
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, BaseException)
    ]
    assert set(names) <= set(durable.__all__)


def test_import_durable_loads_nothing_heavy() -> None:
    """``import durable`` costs next to nothing: only its own two modules and what typing needs."""
    found = loaded_after("import durable")
    assert not found & set(HEAVY)
    assert {name for name in found if name.startswith("durable")} == {"durable", "durable._version"}


def test_defining_a_workflow_loads_no_store_command_line_or_pickle() -> None:
    """What only a run needs comes with the run."""
    found = loaded_after(
        "from durable import task, workflow\n@task\ndef a(): ...\nwith workflow('w') as wf:\n    wf.add(a)"
    )
    assert not found & {"asyncio", "click", "rich", "sqlite3", "sqlite_utils", "cloudpickle", "durable.cli"}
    assert not [name for name in found if name.startswith(("durable_sqlite", "durable.testing"))]


def test_a_run_in_an_existing_database_loads_neither_sqlite_utils_nor_the_command_line(tmp_path: Path) -> None:
    """Creating a database may take a quarter of a second for its tools; going on in one does not."""
    flow = (
        "from durable import task, workflow\n@task\ndef a(): return 1\nwith workflow('w') as wf:\n    wf.add(a)\n"
        f"assert wf.execute(store={str(tmp_path / 'runs.db')!r}, run_id='r') == 1"
    )
    loaded_after(flow)
    found = loaded_after(flow.replace("run_id='r'", "run_id='s'"))
    assert not found & {"asyncio", "click", "rich", "sqlite_utils"}
    assert "durable.testing" not in found

"""Loading: which workflow a file gives, and clear errors where it gives none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from durable import DefinitionError, open_run
from durable.definition.loading import load_workflow

FILE = """
from durable import task, workflow

@task
def a():
    return 1

with workflow("first") as one:
    one.add(a)
{more}
if __name__ == "__main__":
    raise SystemExit("must not run")
"""
SECOND = "with workflow('second') as two:\n    two.add(a)\n"


@pytest.fixture(autouse=True)
def _import_path() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("durable_script"):
            del sys.modules[name]


def write(folder: Path, text: str, name: str = "flow.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_only_workflow_needs_no_name(tmp_path: Path) -> None:
    """The block under ``__main__`` does not run; the file is imported once."""
    path = write(tmp_path, FILE.format(more=""))
    found = load_workflow(path)
    assert found.name == "first"
    assert load_workflow(str(path)) is found


def test_several_workflows_are_told_apart_by_name_or_variable(tmp_path: Path) -> None:
    """Without a name the error lists them."""
    path = write(tmp_path, FILE.format(more=SECOND))
    assert load_workflow(path, "second").name == "second"
    assert load_workflow(path, "one").name == "first"
    with pytest.raises(DefinitionError, match=r"several workflows: first, second.*FILE:WORKFLOW"):
        load_workflow(path)
    with pytest.raises(DefinitionError, match=r"no workflow 'third'.*It has: first, second"):
        load_workflow(path, "third")


def test_a_file_without_a_workflow_or_no_file_says_so(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(DefinitionError, match=r"empty\.py has no workflow.*variable of the module"):
        load_workflow(write(tmp_path, "", "empty.py"))
    with pytest.raises(DefinitionError, match=r"there is no file .*--file FILE"):
        load_workflow(tmp_path / "gone.py")


def test_a_file_that_raises_raises_and_is_tried_again(tmp_path: Path) -> None:
    """Nothing half-imported stays behind."""
    path = write(tmp_path, "raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        load_workflow(path)
    write(tmp_path, FILE.format(more=""))
    assert load_workflow(path).name == "first"


def test_a_file_may_have_any_name_and_import_its_neighbours(tmp_path: Path) -> None:
    """Also names that are no identifiers, or those of modules; its folder is on the import path."""
    write(tmp_path, "VALUE = 5", "neighbour_of_flow.py")
    for name in ("json.py", "nightly run-2.py"):
        path = write(tmp_path, "import neighbour_of_flow\n" + FILE.format(more=""), name)
        assert load_workflow(path).name == "first"
    import json

    assert json.dumps(1) == "1"


def test_a_run_finds_its_code_by_the_recorded_file(tmp_path: Path) -> None:
    """``open_run(...).resume()`` imports it."""
    path = write(tmp_path, FILE.format(more="").replace("return 1", "raise ValueError"))
    url = f"sqlite:///{tmp_path}/runs.db"
    wf = load_workflow(path)
    assert wf.file == str(path)
    with wf.start(run_id="r", store=url) as run:  # type: ignore[attr-defined]
        assert run.status == "failed"
    with open_run("r", store=url) as again:
        again.resume()
        assert again.status == "failed"
        assert sum(event.type == "RunResumed" for event in again.events()) == 1

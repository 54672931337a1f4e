"""The source census as a workflow, on a small tree: best effort within a budget, the same bytes twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CENSUS = ROOT / "examples" / "source_census" / "census.py"


def _census(tree: Path, work: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, bytes]]:
    """Run the census of a tree in a process of its own; return its end and the report's files."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "stores")]),
        "CENSUS_ROOT": str(tree),
        "CENSUS_OUT": str(work / "report"),
        "DURABLE_STORE": f"sqlite:///{work / 'runs.db'}",
    }
    done = subprocess.run([sys.executable, str(CENSUS)], env=env, capture_output=True, text=True, timeout=50)
    return done, {page.name: page.read_bytes() for page in sorted((work / "report").glob("*"))}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Forty files, one of which does not parse: within the budget of two."""
    root = tmp_path / "tree"
    for number in range(39):
        path = root / f"pack_{number % 3}" / f"part_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""Part {number}."""\nimport os\n\n\ndef part_{number}():\n    # nothing\n    return os\n')
    (root / "broken.py").write_text("print 'two'\n")
    return root


def test_the_report_is_written_and_the_same_for_two_runs(tree: Path, tmp_path: Path) -> None:
    first, pages = _census(tree, tmp_path / "first")
    assert first.returncode == 0, first.stderr
    page = pages["census.md"].decode()
    assert page.startswith("# Source census: tree\n\n**39 of 40 files** could be read")
    assert "| `broken.py` | SyntaxError: Missing parentheses" in page
    second, again = _census(tree, tmp_path / "second")
    assert second.returncode == 0, second.stderr
    assert pages == again


def test_over_the_budget_the_run_fails_and_names_the_files(tree: Path, tmp_path: Path) -> None:
    for number in range(3):
        (tree / f"worse_{number}.py").write_bytes(b"\xff\xfe")
    done, pages = _census(tree, tmp_path / "out")
    assert done.returncode != 0
    assert "39 of 43 members succeeded, 95% are needed" in done.stderr
    assert not pages

"""Another distribution with a package ``durable``: the command says what happened, and works where nothing did.

Each test makes a folder like the one that pip installs into, with copies of ours, and lets the stranger's files take
the place of ours as pip does: the last one wins, and whoever is uninstalled takes along what bears its name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PLAIN = {"__init__.py": "__version__ = '9.0'\n", "lang.py": "", "engine.py": "def run(): pass\n"}
FAILING = {"__init__.py": "from .context import Nothing\n", "context.py": "Nothing = 1\n"}
WORKFLOW = """
from durable import task, workflow

@task
def one(): return 20

@task
def two(one): return one + 22

with workflow("small") as wf:
    one >> two
"""


class Site:
    """A folder that packages are installed into."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.package = place / "durable"
        place.mkdir()

    def install_ours(self) -> None:
        for name in ("durable", "durable_runs", "durable_sqlite"):
            source = ROOT / ("" if (ROOT / name).exists() else "stores") / name
            shutil.copytree(source, self.place / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    def install(self, name: str, files: Mapping[str, str]) -> None:
        info = self.place / f"{name}-9.0.dist-info"
        for folder in (info, self.package):
            folder.mkdir(exist_ok=True)
        for file, text in files.items():
            (self.package / file).write_text(text, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.0\n", encoding="utf-8")
        (info / "RECORD").write_text("".join(f"durable/{file},,\n" for file in files), encoding="utf-8")

    def uninstall(self, name: str, files: Mapping[str, str]) -> None:
        shutil.rmtree(self.place / f"{name}-9.0.dist-info")
        for file in files:
            (self.package / file).unlink()

    def command(self, *words: str, before: Path | None = None) -> tuple[int, str, str]:
        """Run what the console script of pyproject.toml runs; return exit code, output and errors."""
        module, _, function = PROJECT["scripts"]["durable"].partition(":")
        path = [*([str(before)] if before else []), str(self.place), sysconfig.get_path("purelib")]
        code = f"import sys; sys.path[:0] = {path}; from {module} import {function}; sys.exit({function}())"
        # -S: what the environment's .pth files name, such as this checkout, would stand in for what is missing here.
        command = [sys.executable, "-I", "-S", "-c", code, *words]
        env = {**os.environ, "NO_COLOR": "1", "DURABLE_STORE": f"sqlite:///{self.place / 'runs.db'}"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=50, cwd=self.place, env=env)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def repair(*names: str) -> list[str]:
    return [
        f"  {sys.executable} -m pip uninstall -y {' '.join(names)}",
        f"  {sys.executable} -m pip install durable-runs",
    ]


@pytest.mark.parametrize("files", [PLAIN, FAILING], ids=["plain", "its __init__ fails between ours"])
@pytest.mark.parametrize("words", ["--version", "runs"])
def test_a_stranger_after_ours_is_named_with_what_repairs_it(site: Site, files: dict[str, str], words: str) -> None:
    """One sentence names both distributions, two commands follow, exit code 3, and no traceback."""
    site.install_ours()
    site.install("stranger", files)
    code, output, errors = site.command(words)
    lines = errors.splitlines()
    assert (code, output, len(lines)) == (3, "", 4), errors
    assert lines[0] == (
        f"durable: the package {site.package} comes from another distribution (stranger), not from durable-runs."
    )
    assert lines[2:] == repair("stranger", "durable-runs")


def test_ours_after_a_stranger_works_and_says_nothing(site: Site) -> None:
    """What of the stranger's is left beside ours is not in the way, also where it has a module named like ours."""
    site.install("stranger", PLAIN)
    site.install_ours()
    (site.place / "small.py").write_text(WORKFLOW, encoding="utf-8")
    code, output, errors = site.command("run", "small.py", "--run-id", "r")
    assert code == 0, errors
    assert "result: 42" in output + errors
    assert "distribution" not in output + errors


def test_a_stranger_that_took_our_init_along_when_it_went_is_told(site: Site) -> None:
    """Uninstalled after ours, it removes the ``__init__.py`` that was ours by then; the repair is the same."""
    site.install("stranger", PLAIN)
    site.install_ours()
    site.uninstall("stranger", PLAIN)
    code, output, errors = site.command("--version")
    lines = errors.splitlines()
    assert (code, output, len(lines)) == (3, "", 4), errors
    assert lines[0].startswith(f"durable: files of durable-runs in {site.package} are missing or replaced")
    assert lines[2:] == repair("durable-runs")


def test_a_package_that_hides_ours_is_named_by_its_place(site: Site, tmp_path: Path) -> None:
    """A folder before ours on the path cannot be uninstalled, so no such advice is given, whatever else is here."""
    site.install("stranger", PLAIN)
    site.install_ours()
    hiding = tmp_path / "mine" / "durable"
    hiding.mkdir(parents=True)
    (hiding / "__init__.py").touch()
    code, output, errors = site.command("--version", before=hiding.parent)
    assert (code, output) == (3, "")
    assert errors == (
        f"durable: the package {hiding} hides that of durable-runs, which is in {site.place}.\n"
        "Rename it, or take its folder from PYTHONPATH.\n"
    )


def test_a_fault_of_our_own_is_not_blamed_on_others(site: Site) -> None:
    """What goes wrong in our own package, here a file of it that is damaged, stays the error that it is."""
    site.install_ours()
    (site.package / "cli" / "__init__.py").write_text("raise RuntimeError('ours')\n", encoding="utf-8")
    code, _, errors = site.command("--version")
    assert code == 1
    assert errors.endswith("RuntimeError: ours\n")


def test_the_names_agree() -> None:
    """The distribution, the mark of its package and what people are told to install are one name."""
    import durable
    import durable_runs
    from durable.definition import forms
    from durable.prompts import errors

    assert PROJECT["name"] == durable_runs.DISTRIBUTION == durable._DISTRIBUTION
    for hint in (forms.EXTRA, errors.EXTRA):
        assert f"'{PROJECT['name']}[" in hint
    assert {"forms", "prompts"} <= set(PROJECT["optional-dependencies"])

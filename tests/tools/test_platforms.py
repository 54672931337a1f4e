"""What is said of platforms agrees: docs/platforms.md, the package's classifiers, and what the gate looks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tools import pythons

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STATES: dict[str, str] = dict(re.findall(r"^\| (.+?) \| (.+?) \|", PAGE, re.MULTILINE))


def pages_versions(state: str) -> set[str]:
    """Versions of CPython that the page has in this state."""
    return {name.removeprefix("CPython ") for name, said in STATES.items() if name[:8] == "CPython " and said == state}


def classified(prefix: str) -> set[str]:
    """What the classifiers say below a prefix."""
    return {each.removeprefix(prefix) for each in PROJECT["classifiers"] if each.startswith(prefix)}


def test_classifiers_name_the_tested_versions_and_no_other() -> None:
    """An index shows what the gate has run on; the oldest of it is the one that an installation asks for."""
    named = {each for each in classified("Programming Language :: Python :: ") if re.fullmatch(r"\d+\.\d+", each)}
    assert named == pages_versions("tested")
    oldest = min(named, key=lambda version: tuple(map(int, version.split("."))))
    assert PROJECT["requires-python"] == f">={oldest}"


def test_every_version_that_the_gate_looks_for_has_a_state() -> None:
    """A version that the tools look for is tested or untested on the page, and the page has no others."""
    looked_for = {f"{major}.{minor}" for major, minor in pythons.SUPPORTED}
    assert pages_versions("tested") | pages_versions("untested") == looked_for


def test_classifiers_name_the_tested_system_and_implementation_and_no_other() -> None:
    """Linux and CPython alone are tested; what is not is never called so by a classifier."""
    assert classified("Operating System :: ") == {"POSIX :: Linux"}
    assert classified("Programming Language :: Python :: Implementation :: ") == {"CPython"}
    tested = {name for name, state in STATES.items() if state == "tested"}
    assert {name.partition(" ")[0] for name in tested} == {"Linux", "CPython"}


def test_what_no_gate_has_run_on_is_called_so() -> None:
    """None of these may be called tested before the gate has run on it."""
    said = {name: state for name, state in STATES.items() if state in ("untested", "not supported")}
    assert said == {
        "CPython 3.14": "untested",
        "Free-threaded builds": "untested",
        "PyPy": "untested",
        "macOS": "untested",
        "ARM": "untested",
        "Alpine, and others with musl": "untested",
        "Windows": "not supported",
        "Network file systems": "not supported",
    }

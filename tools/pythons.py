"""Runs the tests on every supported Python that this machine has, and says which ones it has not.

Looked for are ``python3.11`` and so on, on PATH and among the versions that pyenv has installed; of several patch
releases the newest counts. The version that this tool runs on keeps the environment that it runs in; each other one
gets its own beside it: ``.venv-3.13``.

Usage: ``python -m tools.pythons [--others] [TESTS ...]``. With ``--others``, not on the version that it runs on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tools import ROOT

SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
"""What durable is for; docs/platforms.md says on which of them the gate has run."""

_ASK = """
import sys, sysconfig, venv, ensurepip
if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit("not an ordinary CPython")
print(sys.version.split()[0], *sys.version_info[:3], sys.version_info.releaselevel == "final")
"""


class Python(NamedTuple):
    """An interpreter; the greater one is the newer.

    Attributes:
        order: its version, for comparisons: a release comes after what led to it.
        version: its version, for people.
        path: where it is.
    """

    order: tuple[int, int, int, bool]
    version: str
    path: str

    @property
    def minor(self) -> tuple[int, int]:
        """Its version without the patch."""
        return self.order[:2]


def ask(path: str | Path) -> Python | None:
    """Return what an interpreter says of itself; None when it does not work, or cannot make environments."""
    try:
        said = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if said.returncode:
        return None
    version, major, minor, patch, final = said.stdout.split()
    return Python((int(major), int(minor), int(patch), final == "True"), version, str(path))


def candidates(minor: tuple[int, int], env: Mapping[str, str]) -> Iterator[str]:
    """Yield the places where an interpreter of this version may be: on PATH, then in pyenv's folder."""
    name = "python{}.{}".format(*minor)
    on_path = shutil.which(name, path=env.get("PATH"))
    if on_path is not None:
        yield on_path
    pyenv = Path(env.get("PYENV_ROOT") or Path(env.get("HOME", "/"), ".pyenv"))
    yield from map(str, sorted(pyenv.glob(f"versions/*/bin/{name}")))


def find(minors: Iterable[tuple[int, int]], env: Mapping[str, str]) -> dict[tuple[int, int], Python | None]:
    """Return the newest interpreter of each version; None for a version that is not there."""
    found: dict[tuple[int, int], Python | None] = {}
    for minor in minors:
        said = map(ask, candidates(minor, env))
        found[minor] = max((python for python in said if python is not None and python.minor == minor), default=None)
    return found


def environment_of(python: Python) -> Path:
    """Return the folder of a version's environment, without one that another patch release has made."""
    folder = ROOT / ".venv-{}.{}".format(*python.minor)
    made = ask(folder / "bin" / "python")
    if folder.exists() and (made is None or made.order != python.order):
        shutil.rmtree(folder)
    return folder


def tested(folder: Path, python: str, tests: list[str]) -> bool:
    """Run tests in an environment, which is made first if need be; return whether they passed."""
    make = ["make", "--no-print-directory", "test", f"VENV={folder}", f"PYTHON={python}"]
    return subprocess.run([*make, f"ARGS=-q {' '.join(tests)}"], cwd=ROOT).returncode == 0


def main() -> int:
    """Run the tests on each version in turn; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.pythons")
    parser.add_argument("--others", action="store_true")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    own = sys.version_info[:2]
    results: list[tuple[str, bool]] = []
    if not options.others:
        print(f"==> Python {'.'.join(map(str, sys.version_info[:3]))}", flush=True)
        results.append(("{}.{}.{}".format(*sys.version_info), tested(Path(sys.prefix), sys.executable, options.tests)))
    found = find([minor for minor in SUPPORTED if minor != own], os.environ)
    for python in filter(None, found.values()):
        print(f"==> Python {python.version}: {python.path}", flush=True)
        results.append((python.version, tested(environment_of(python), python.path, options.tests)))
    missing = ["{}.{}".format(*minor) for minor, python in found.items() if python is None]
    for words, names in (
        ("tests passed on", [version for version, passed in results if passed]),
        ("tests FAILED on", [version for version, passed in results if not passed]),
        ("not on this machine, so not tested:", missing),
    ):
        if names:
            print(f"==> {words} Python {', '.join(names)}")
    return 0 if all(passed for _, passed in results) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Builds the wheel and tries it in a fresh environment, where the tree cannot be seen.

What it looks at: the files in the wheel, the name and the extras, the imports, the typing markers, the command, one
workflow in each store, and how many packages an installation brings along.

Usage: ``python -m tools.check_wheel``
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

from durable._version import __version__
from tools import ROOT, isolated

DISTRIBUTION = "durable-runs"
EXTRAS = {"forms", "prompts", "test"}
PACKAGES = ("durable", "durable_runs", "durable_memory", "durable_sqlite")
MOST_DEPENDENCIES = 15
MOST_MEGABYTES = 60

WORKFLOW = """
import durable, durable_memory, durable_sqlite
from durable import task, workflow

@task
def first():
    return 20

@task
def second(first):
    return first + 22

for url in ("memory://", "sqlite:///smoke.db"):
    with workflow("smoke", store=url) as wf:
        first >> second
    assert wf.execute(run_id="smoke") == 42, url
"""


class WheelError(Exception):
    """Something about the wheel is wrong."""


def run(*command: str | Path, folder: Path) -> str:
    """Run a command and return its output; raise WheelError when it fails."""
    outcome = isolated.run(command, folder, isolated.environment(PIP_DISABLE_PIP_VERSION_CHECK="1"), 300)
    if outcome.code:
        shown = " ".join(map(str, command))
        raise WheelError(f"exit {outcome.code}: {shown}\n{outcome.output}")
    return outcome.output


def check_files(names: set[str]) -> None:
    """Check what the wheel holds, and that it holds nothing else at its top."""
    tops = {name.partition("/")[0] for name in names}
    info = f"{DISTRIBUTION.replace('-', '_')}-{__version__}.dist-info"
    if tops != {*PACKAGES, info}:
        raise WheelError(f"the wheel's top level is {sorted(tops)}")
    needed = {f"{package}/py.typed" for package in PACKAGES} | {f"{info}/licenses/LICENSE"}
    if missing := needed - names:
        raise WheelError(f"the wheel lacks {sorted(missing)}")


def check_name(python: Path, folder: Path) -> None:
    """Check the installed distribution's name, and that no extra asks for it by another one.

    The build writes out extras that ask for others of the same distribution; what it does not know by name it leaves.
    """
    code = f"from importlib.metadata import metadata as m; import json; print(json.dumps(m({DISTRIBUTION!r}).json))"
    found = json.loads(run(python, "-I", "-c", code, folder=folder))
    if found["name"] != DISTRIBUTION:
        raise WheelError(f"the distribution calls itself {found['name']}")
    if left := [each for each in found["requires_dist"] if each.startswith("durable")]:
        raise WheelError(f"an extra asks for another distribution: {', '.join(left)}")
    if missing := EXTRAS - {*found["provides_extra"]}:
        raise WheelError(f"the distribution lacks the extras {sorted(missing)}")


def check_footprint(python: Path, folder: Path) -> str:
    """Check how much an installation brings along; return a line about it."""
    listed = json.loads(run(python, "-m", "pip", "list", "--format=json", folder=folder))
    names = {each["name"] for each in listed} - {DISTRIBUTION, "pip", "setuptools", "wheel"}
    place = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip())
    tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel")
    size = sum(
        file.stat().st_size
        for top in place.iterdir()
        if not top.name.startswith(tools)
        for file in ([top] if top.is_file() else top.rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
    )
    line = f"{len(names)} dependencies, {size / 1e6:.0f} MB"
    if len(names) > MOST_DEPENDENCIES or size > MOST_MEGABYTES * 1e6:
        raise WheelError(f"an installation is too big: {line}: {', '.join(sorted(names))}")
    return line


def check(folder: Path) -> None:
    """Build, install and try the wheel in a folder outside the tree."""
    dist = folder / "dist"
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, ROOT, folder=folder)
    (wheel,) = dist.glob("*.whl")
    with ZipFile(wheel) as archive:
        check_files(set(archive.namelist()))
    print(f"    ok {wheel.name} and its sdist", flush=True)

    run(sys.executable, "-m", "venv", folder / "venv", folder=folder)
    bin_folder = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = bin_folder / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, folder=folder)
    print(f"    ok installed: {check_footprint(python, folder)}", flush=True)

    places = "; ".join(f"import {name}; print({name}.__file__)" for name in PACKAGES)
    for place in run(python, "-I", "-c", places, folder=folder).split():
        if not Path(place).is_relative_to(folder):
            raise WheelError(f"imported from {place}, not from the wheel")
    version = run(bin_folder / "durable", "--version", folder=folder)
    if __version__ not in version:
        raise WheelError(f"durable --version says {version!r}, not {__version__}")
    print("    ok imports, durable --version", flush=True)

    check_name(python, folder)
    print(f"    ok it is {DISTRIBUTION}, and so are its extras", flush=True)

    (folder / "smoke.py").write_text(WORKFLOW, encoding="utf-8")
    run(python, "smoke.py", folder=folder)
    print("    ok a workflow in each store", flush=True)


def main() -> int:
    """Check the wheel; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="durable-wheel-") as folder:
        try:
            check(Path(folder).resolve())
        except WheelError as error:
            print(f"FAILED {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

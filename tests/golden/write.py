"""Writes a golden store and its list: ``python -m tests.golden.write NAME``. It never overwrites a store.

The runs are made in the folder /srv/golden of a machine called "golden": a namespace of Linux, so that a store
says nothing of the machine that wrote it. Where only the store is there, its list is made.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from durable import __version__, list_runs
from tests.golden.going_on import forked, points, resumed
from tests.golden.golden import BY_NAME, FOLDER, SCRIPT, Golden
from tests.golden.reading import PAST_LEASES, facts

NEUTRAL = Path("/srv/golden")
ENDED = {0, -9, -2}
"""How processes may end that make runs: by themselves, by SIGKILL and by SIGINT."""


def main(name: str) -> None:
    """Write a store and its list, or only the list."""
    golden = BY_NAME[name]
    if golden.database.exists() and golden.listed.exists():
        sys.exit(f"{golden.database} exists: a golden store is never written again")
    golden.database.parent.mkdir(exist_ok=True)
    if not golden.database.exists():
        _in_namespace(name)
    if golden is not SCRIPT:
        golden.listed.write_text(json.dumps(_list(golden), indent=1, ensure_ascii=False) + "\n")
    print(f"{golden.database}: {golden.database.stat().st_size:,} bytes")


def _in_namespace(name: str) -> None:
    inside = (
        f"mount -t tmpfs tmpfs /srv && hostname golden && exec {sys.executable} -m tests.golden.write --inside {name}"
    )
    subprocess.run(["unshare", "--map-root-user", "--uts", "--mount", "sh", "-c", inside], check=True)


def inside(name: str) -> None:
    """Make the runs, on a machine that knows no paths of ours, and fetch the store from it."""
    golden = BY_NAME[name]
    shutil.copytree(FOLDER, NEUTRAL / "tests" / "golden", ignore=shutil.ignore_patterns("stores", "__pycache__"))
    for own in ("durable", "stores"):  # tracebacks name files of durable, too
        shutil.copytree(FOLDER.parents[1] / own, NEUTRAL / "lib" / own)
    path = NEUTRAL / f"{name}.db"
    if golden is SCRIPT:
        _process([str(NEUTRAL / "tests/golden/programs/script.py"), f"sqlite:///{path}"], golden)
    else:
        module = golden.module
        for day, run in enumerate(module.RUNS):
            _process(["-m", "tests.golden.making", golden.program, run, f"sqlite:///{path}", str(day), "RUNS"], golden)
        for day, run in enumerate(getattr(module, "AGAIN", {}), len(module.RUNS)):
            _process(["-m", "tests.golden.making", golden.program, run, f"sqlite:///{path}", str(day), "AGAIN"], golden)
    with closing(sqlite3.connect(path)) as database:
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(path, golden.database)


def _process(words: list[str], golden: Golden) -> None:
    places = os.pathsep.join(str(NEUTRAL / one) for one in (".", "lib", "lib/stores"))
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "PYTHONPATH": places, "TZ": "UTC"}
    if golden.key is not None:
        environment["DURABLE_SIGNING_KEY"] = golden.key
    done = subprocess.run([sys.executable, *words], cwd=NEUTRAL, env=environment, check=False)
    if done.returncode not in ENDED:
        sys.exit(f"{words} ended with {done.returncode}")


def _list(golden: Golden) -> dict[str, Any]:
    if golden.key is not None:
        os.environ["DURABLE_SIGNING_KEY"] = golden.key
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = list_runs(store=golden.copy(folder))[::-1]
        ids = {info.run_id: info.updated + PAST_LEASES for info in runs}
        said = {run_id: facts(golden.copy(folder), run_id, at, golden.module) for run_id, at in ids.items()}
        for info in runs:
            if info.pruned is None:
                said[info.run_id] |= _ends(golden, info.run_id, ids[info.run_id], folder)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"about": golden.module.ABOUT, "durable": __version__, "python": python, "runs": said}


def _ends(golden: Golden, run_id: str, at: int, folder: Path) -> dict[str, Any]:
    end = resumed(golden, run_id, at, folder)
    found: dict[str, Any] = {} if end is None else {"resumed": end}
    where = points(golden, run_id, at, folder)
    found["forks"] = {
        name: {"where": place, **forked(golden, run_id, at, folder, place)} for name, place in where.items()
    }
    return found


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        inside(sys.argv[2])
    else:
        main(sys.argv[1])

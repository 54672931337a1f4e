"""The environments of the peers and of durable's own core: one each, made by ordinary pip under ``.bench/``.

A peer that cannot be installed is reported as such; that is not an error of the benchmarks.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ROOT
from tools import isolated

VENVS = ROOT / ".bench" / "venvs"
INSTALL_SECONDS = 300


@dataclass(frozen=True)
class Peer:
    """Another library.

    Attributes:
        name: for tables.
        package: its distribution, which gives the version and the folder's name.
        statement: what a user of it imports.
        module: its program, or None when none is measured.
        after: requirements beside the package itself.
        source: what pip installs instead of the package, or "".
        restarted: its program that is killed and started again, or "".
        command: its command line, or "".
        slow: it takes part once, and in no run of 100,000 tasks.
        cannot: by the name of a benchmark, why it takes no part in it.
    """

    name: str
    package: str
    statement: str
    module: str | None = None
    after: tuple[str, ...] = ()
    source: str = ""
    restarted: str = ""
    command: str = ""
    slow: bool = False
    cannot: tuple[tuple[str, str], ...] = ()


NO_COMMAND = ("help", "it has no command line of its own")
PEERS = (
    Peer(
        "DBOS",
        "dbos",
        "from dbos import DBOS",
        "benchmarks.peers.dbos",
        restarted="restart_dbos.py",
        command="dbos",
    ),
    Peer(
        "LangGraph",
        "langgraph",
        "from langgraph.graph import StateGraph; from langgraph.checkpoint.sqlite import SqliteSaver",
        "benchmarks.peers.langgraph",
        after=("langgraph-checkpoint-sqlite",),
        restarted="restart_langgraph.py",
        cannot=(NO_COMMAND,),
    ),
    Peer(
        "Graflow",
        "graflow",
        "from graflow.core.workflow import workflow",
        "benchmarks.peers.graflow",
        restarted="restart_graflow.py",
        cannot=(NO_COMMAND, ("log-size", "it records nothing")),
    ),
    Peer(
        "litestar-workflows",
        "litestar-workflows",
        "from litestar_workflows import LocalExecutionEngine",
        "benchmarks.peers.litestar_workflows",
        cannot=(
            NO_COMMAND,
            ("resume", "nothing is recorded that could be resumed"),
            ("log-size", "it records nothing"),
            ("group-full", "its parallel steps all start at once, with no limit to measure at"),
        ),
    ),
    Peer(
        "Prefect",
        "prefect",
        "from prefect import flow, task",
        "benchmarks.peers.prefect",
        after=("fastapi<0.140",),  # the server of 3.8.8 does not start with the newest, which pip would take
        command="prefect",
        slow=True,
        cannot=(
            ("resume", "by default a flow that was killed is begun anew"),
            ("chain-normal", "its server chooses SQLite's settings itself: see chain-full"),
        ),
    ),
)
CORE = Peer("durable", "durable-runs", "import durable", source=str(ROOT))


@dataclass(frozen=True)
class Environment:
    """A peer with its environment.

    Attributes:
        peer: the peer.
        python: its interpreter; None when it is not installed.
        told: its version, or why it is not installed.
    """

    peer: Peer
    python: Path | None
    told: str

    @property
    def label(self) -> str:
        """The peer's name with its version."""
        return f"{self.peer.name} {self.told}"


def prepare(peer: Peer, tell: Callable[[str], None]) -> Environment:
    """Return a peer's environment, made if need be; what is installed from a folder is installed anew."""
    folder = VENVS / peer.package
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    wanted = " ".join((peer.package, *peer.after))
    if peer.source or not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        tell(f"installing {wanted}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        venv: list[str | Path] = [sys.executable, "-m", "venv", folder]
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (venv, [*pip, peer.source or peer.package, *peer.after]):
            outcome = isolated.run(command, ROOT, isolated.environment(), INSTALL_SECONDS)
            if outcome.code:
                return Environment(peer, None, f"not installed: {_reason(outcome.output)}")
        ready.write_text(wanted, encoding="utf-8")
    return Environment(peer, python, version_of(python, peer.package))


def version_of(python: Path, package: str) -> str:
    """Return the version of a package that is installed in an environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    outcome = isolated.run((python, "-c", code), ROOT, isolated.environment(), 60)
    return outcome.output.strip() if not outcome.code else "version unknown"


def footprint_of(python: Path) -> tuple[int, int]:
    """Return how many packages an environment has beside pip and setuptools, and how many bytes they take."""
    outcome = isolated.run((python, "-c", _FOOTPRINT), ROOT, isolated.environment(), 120)
    packages, size = json.loads(outcome.output)
    return packages, size


_FOOTPRINT = """
import json, re, sysconfig
from importlib.metadata import distributions
from pathlib import Path
root = Path(sysconfig.get_paths()["purelib"])
tools = re.compile(r"(pip|setuptools|pkg_resources|_distutils_hack|wheel)(-.*)?$|distutils-precedence")
tops = [each for each in root.iterdir() if not tools.match(each.name)]
files = [file for top in tops for file in ([top] if top.is_file() else top.rglob("*")) if file.is_file()]
names = {each.metadata["Name"].lower() for each in distributions()} - {"pip", "setuptools", "wheel"}
print(json.dumps([len(names), sum(file.stat().st_size for file in files)]))
"""


def _reason(output: str) -> str:
    lines = output.strip().splitlines() or ["no reason given"]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines)[-1][:200].replace(str(ROOT), ".")

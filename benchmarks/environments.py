"""The peers' environments: one virtual environment each, made by ordinary pip under ``.bench/``.

A peer that cannot be installed is reported as such; that is not an error of the benchmarks.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ROOT
from tools import isolated

VENVS = ROOT / ".bench" / "venvs"
INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Peer:
    """Another library.

    Attributes:
        name: for tables; packages: what pip installs, the first one gives the version.
        statement: what a user of it imports.
        module: its program, or None when only its import is measured.
    """

    name: str
    packages: tuple[str, ...]
    statement: str
    module: str | None = None


PEERS = (
    Peer("DBOS", ("dbos",), "from dbos import DBOS", "benchmarks.peers.dbos"),
    Peer(
        "LangGraph",
        ("langgraph", "langgraph-checkpoint-sqlite"),
        "from langgraph.graph import StateGraph; from langgraph.checkpoint.sqlite import SqliteSaver",
        "benchmarks.peers.langgraph",
    ),
    Peer("Graflow", ("graflow",), "from graflow.core.workflow import workflow", "benchmarks.peers.graflow"),
    Peer(
        "litestar-workflows",
        ("litestar-workflows",),
        "from litestar_workflows import LocalExecutionEngine",
        "benchmarks.peers.litestar_workflows",
    ),
    Peer("Prefect", ("prefect",), "from prefect import flow, task"),
)


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


def prepare(peer: Peer, tell: Callable[[str], None]) -> Environment:
    """Return a peer's environment, made if need be."""
    folder = VENVS / peer.packages[0]
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if not ready.exists():
        tell(f"    installing {' '.join(peer.packages)}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        venv: list[str | Path] = [sys.executable, "-m", "venv", folder]
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for command in (venv, [*pip, *peer.packages]):
            outcome = isolated.run(command, ROOT, isolated.environment(), INSTALL_SECONDS)
            if outcome.code:
                lines = outcome.output.strip().splitlines() or ["no reason given"]
                return Environment(peer, None, f"not installed: {lines[-1][:200]}")
        ready.touch()
    return Environment(peer, python, version_of(python, peer.packages[0]))


def version_of(python: Path, package: str) -> str:
    """Return the version of a package that is installed in an environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    outcome = isolated.run((python, "-c", code), ROOT, isolated.environment(), 60)
    return outcome.output.strip() if not outcome.code else "version unknown"

"""Real processes for store tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRELUDE = """
import os, sys, time, signal
from durable.core.events import Event, encode_fields
from durable.core.digest import verified
from durable_sqlite import open_store
URL = sys.argv[1]
def created():
    return Event(1, 1, "RunCreated", data=encode_fields({"workflow": "w"}))
def say(*words):
    print(*words, flush=True)
"""

Starter = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Starter]:
    """Start a Python process that runs the code given, with a store URL as its first argument."""
    started: list[subprocess.Popen[str]] = []

    def begin(code: str, url: str, *args: str) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'stores'}"}
        child = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code, url, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        started.append(child)
        return child

    yield begin
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a SQLite store that does not exist yet."""
    return f"sqlite:///{tmp_path}/runs.db"

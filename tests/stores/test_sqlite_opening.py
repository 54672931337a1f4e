"""Opening a SQLite store: what cannot be opened leaves nothing open behind."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from durable.errors import StoreError
from durable_sqlite import database, open_store, schema
from durable_sqlite.compression import Compression


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every connection that a store has opened to read and write."""
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connections.append(connect(*arguments, **options))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", noted)
    return connections


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize(
    "step",
    [(schema, "migrate"), (database, "WalPreallocation"), (Compression, "_register")],
    ids=lambda step: step[1],
)
def test_an_opening_that_fails_closes_its_connection(
    step: tuple[Any, str],
    error: type[BaseException],
    opened: list[sqlite3.Connection],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever it fails; nobody but the garbage collector could close it later, and only with a warning."""

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(*step, fails)
    with pytest.raises((error, StoreError)):
        open_store(f"sqlite:///{tmp_path}/runs.db")
    (left,) = opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        left.execute("SELECT 1")

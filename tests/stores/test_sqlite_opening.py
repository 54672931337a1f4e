"""Opening a SQLite store: what cannot be opened leaves nothing open behind."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from durable_sqlite import connection, open_store
from durable_sqlite.dictionaries import Dictionaries


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """Every connection that a store has opened to read and write."""
    connections: list[sqlite3.Connection] = []
    connect = connection._connect

    def noted(*arguments: Any) -> sqlite3.Connection:
        connections.append(connect(*arguments))
        return connections[-1]

    monkeypatch.setattr(connection, "_connect", noted)
    return connections


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize(
    "step",
    [(connection.schema, "migrate"), (connection, "Ahead"), (Dictionaries, "_register")],
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
    with pytest.raises((error, connection.StoreError)):
        open_store(f"sqlite:///{tmp_path}/runs.db")
    (left,) = opened
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        left.execute("SELECT 1")

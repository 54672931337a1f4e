"""Opening a SQLite store: the file that the URL says, and what is none of ours is refused untouched."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from durable.errors import ForeignStore, StoreError, StoreTooNew
from durable_sqlite import open_store
from durable_sqlite.url import parse_url
from tests.stores.sqlite_files import fill, path_of


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("sqlite:///a.db?synchronous=off", "synchronous=off"),
        ("sqlite:///a.db?synchronous=", "synchronous="),
        ("sqlite:///a.db?timeout=soon", "timeout=soon"),
        ("sqlite:///a.db?timeout=nan", "timeout=nan"),
        ("sqlite:///a.db?journal=wal", "journal"),
        ("sqlite://", "does not name"),
        ("sqlite:///", "does not name"),
        ("sqlite://host/a.db", "does not name"),
        ("sqlite:///:memory:", "memory://"),
    ],
)
def test_a_wrong_url_is_refused_by_name(url: str, complaint: str) -> None:
    """An unknown option, an impossible value or a missing path is named; nothing is guessed."""
    with pytest.raises(StoreError, match=complaint):
        parse_url(url)


def test_urls_name_the_file_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative, absolute, spaced and percent-encoded paths lead to that file, and folders are made."""
    monkeypatch.chdir(tmp_path)
    odd = tmp_path / "a b" / "100%" / "what?#.db"
    for url, path in (
        ("sqlite:///rel/runs.db", tmp_path / "rel" / "runs.db"),
        (f"sqlite:///{tmp_path}/abs.db?synchronous=NORMAL&timeout=3", tmp_path / "abs.db"),
        (f"sqlite:///{tmp_path}/a%20b/100%25/what%3F%23.db", odd),
        ("sqlite:///sp ace.db", tmp_path / "sp ace.db"),
    ):
        with open_store(url) as store:
            assert (store.url, store.config.path) == (url, path)
        assert path.is_file()


def test_our_folder_is_ignored_by_git(tmp_path: Path) -> None:
    """A ``.durable`` folder that we make is kept out of version control; one that was there is left alone."""
    open_store(f"sqlite:///{tmp_path}/one/.durable/runs.db").close()
    assert (tmp_path / "one/.durable/.gitignore").read_text() == "*\n"
    (tmp_path / "two/.durable").mkdir(parents=True)
    open_store(f"sqlite:///{tmp_path}/two/.durable/runs.db").close()
    assert not (tmp_path / "two/.durable/.gitignore").exists()


def test_a_foreign_database_is_refused_untouched(url: str) -> None:
    """A database of another program is refused; neither it nor its folder changes by a byte."""
    for pragma in ("user_version = 7", "application_id = 99", "journal_mode = wal"):
        path = path_of(url).with_name(f"{pragma[:4]}.db")
        with closing(sqlite3.connect(path, isolation_level=None)) as foreign:
            foreign.execute(f"PRAGMA {pragma}")
            foreign.execute("CREATE TABLE theirs (a)")
            foreign.execute("INSERT INTO theirs VALUES (1)")
        foreign.close()
        before = path.read_bytes(), sorted(os.listdir(path.parent))
        with pytest.raises(ForeignStore, match=str(path)):
            open_store(f"sqlite:///{path}")
        assert (path.read_bytes(), sorted(os.listdir(path.parent))) == before


def test_a_newer_schema_is_refused_untouched(url: str) -> None:
    """A database that a later durable wrote is refused with both versions named."""
    fill(url)
    with closing(sqlite3.connect(path_of(url), isolation_level=None)) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    before = path_of(url).read_bytes()
    with pytest.raises(StoreTooNew, match=r"version 99.*up to 3"):
        open_store(url)
    assert path_of(url).read_bytes() == before

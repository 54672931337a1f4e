"""Values that a checkpoint stands for are verified when they are read, as all others are when the log is folded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from durable import LogCorrupt, Run, Store, Workflow, open_store, parallel, task, workflow
from durable.core.digest import verified
from durable.core.events import Event
from durable.engine import journal
from durable.engine.verified_log import VerifiedLog

MEMBERS = 120


@task
def part(n: int) -> int:
    return 100 + n


@task
def total(parts: dict[str, int]) -> int:
    return sum(parts.values())


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store with a run that has ended and a checkpoint behind most of its events."""
    monkeypatch.setattr(journal, "CHECKPOINT_EVENTS", 100)
    with open_store(f"sqlite:///{tmp_path}/runs.db?synchronous=normal") as opened:
        _workflow().execute(run_id="run", store=opened)
        assert opened.checkpoints("run")[-1].seq > 20
        yield opened


def _workflow() -> Workflow:
    with workflow("w") as wf:
        parts = parallel([part(task_id=f"p{n}", n=n) for n in range(MEMBERS)], name="parts")
        parts >> total
    return wf


def _change(store: Store, statement: str) -> None:
    with closing(sqlite3.connect(store.url.removeprefix("sqlite:///").partition("?")[0])) as database, database:
        assert database.execute(statement).rowcount > 0


def test_a_changed_value_behind_a_checkpoint_is_named(store: Store) -> None:
    """No value is returned whose bytes were changed, whether it is read alone or with many, once or again."""
    _change(store, "UPDATE events SET payload = '999' WHERE task_id = 'p3' AND type = 'TaskSucceeded'")
    view = Run(store, "run").view()
    graph, outcome = view.state.graph, view.state.outcome
    assert view.state.restored > outcome[graph.number("p3")]
    for look in (lambda: view.result("p3"), lambda: view.result("parts"), lambda: view.result("p3")):
        with pytest.raises(LogCorrupt, match="digest does not match"):
            look()
    assert view.result(f"p{MEMBERS - 1}") == 99 + MEMBERS


def test_a_changed_definition_behind_a_checkpoint_is_named(store: Store) -> None:
    """What the checkpoint's graph is made of is verified too."""
    _change(store, "UPDATE events SET data = json_set(data, '$.version', 'other') WHERE type = 'RunCreated'")
    with pytest.raises(LogCorrupt, match="digest does not match"):
        Run(store, "run").load_state()


def test_a_digest_that_is_gone_is_named(store: Store) -> None:
    """Where no digest holds an event, it is not returned."""
    _change(store, "UPDATE events SET digest = NULL WHERE seq > 1")
    with pytest.raises(LogCorrupt):
        VerifiedLog(store, "run", 50).event(40)


def _append(store: Store, sizes: Sequence[int]) -> list[Event]:
    lease = store.acquire("long", "me")
    found: list[Event] = []
    for size in sizes:
        last = len(found)
        kinds = ["TaskStarted" if last + n else "RunCreated" for n in range(size)]
        batch = [Event(last + n, 0, kind, f"t{last + n}", 1, '{"workflow":"w"}') for n, kind in enumerate(kinds, 1)]
        store.append("long", batch, last, lease.token)
        found += batch
    store.release(lease)
    return found


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_every_event_and_range_is_found(kind: str, tmp_path: Path) -> None:
    """What is read verified is what was appended, wherever appends begin and end and the checkpoint stands."""
    url = "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/long.db?synchronous=normal"
    with open_store(url) as opened:
        log = _append(opened, [1, 3, 40, 1, 1, 300, 2, 33, 1, 64, 5])
        assert list(verified("long", opened.read("long"), opened.digests("long"))) == log
        ends = [seq for seq, _ in opened.digests("long")]
        for until in (0, 1, *ends[3:]):
            proof = VerifiedLog(opened, "long", until)
            for seq in (1, 2, 4, 5, 44, 45, 46, 47, 200, 346, 347, 451):
                assert proof.event(seq) == log[seq - 1]
            for begin, end in ((1, 451), (3, 50), (47, 47), (100, 349), (346, 400), (451, 451)):
                assert list(VerifiedLog(opened, "long", until).read(begin, end)) == log[begin - 1 : end]
                assert list(proof.read(begin, end)) == log[begin - 1 : end], "also where some were read before"

"""Every event and every move stands in the generated docs, and the docs notice when they are old."""

from __future__ import annotations

from pathlib import Path

from durable.core.catalogue import EVENTS
from durable.core.transitions import STATUSES, TABLES
from tools import generate_docs


def test_every_event_has_a_section() -> None:
    page = generate_docs.events()
    assert [name for name in EVENTS if f"\n### {name}\n" not in page] == []


def test_every_move_is_drawn() -> None:
    page = generate_docs.state_diagrams()
    for table in TABLES.values():
        for before, out in table.items():
            for event, after in out.items():
                assert f"    {STATUSES[before]} --> {STATUSES[after]}: {event}\n" in page


def test_the_catalogue_and_the_table_name_the_same_events() -> None:
    moved = {(subject, event) for subject, table in TABLES.items() for out in table.values() for event in out}
    assert moved == {(kind.subject, name) for name, kind in EVENTS.items() if kind.subject in TABLES}


def test_old_pages_are_noticed(tmp_path: Path) -> None:
    assert generate_docs.stale(tmp_path) == list(generate_docs.PAGES)
    for name, render in generate_docs.PAGES.items():
        (tmp_path / name).write_text(render(), encoding="utf-8")
    assert generate_docs.stale(tmp_path) == []
    (tmp_path / "events.md").write_text("old", encoding="utf-8")
    assert generate_docs.stale(tmp_path) == ["events.md"]

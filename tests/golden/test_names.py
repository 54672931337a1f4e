"""The names of durable that stand in pickles of golden stores are all listed, and all lead to something."""

from __future__ import annotations

from pathlib import Path

from durable.values.moved_names import import_moved
from durable.values.payloads import decode
from tests.golden.pickled_names import listed_names, names_in_all_stores


def test_the_list_of_names_is_complete_and_has_no_others(tmp_path: Path) -> None:
    assert listed_names() == sorted(names_in_all_stores(tmp_path))


def test_every_listed_name_can_be_unpickled() -> None:
    """Wherever the class or function is now: this is what old pickles ask for."""
    for line in listed_names():
        module, _, name = line.partition(":")
        if name:
            assert decode("pickle", f"c{module}\n{name}\n.".encode()) is not None, line
        else:
            assert import_moved(module).__name__, line

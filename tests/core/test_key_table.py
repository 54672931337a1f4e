"""KeyTable: finds what a dict would find, whatever the order and the size; also while it grows."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from durable.core.key_table import KeyTable


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(max_size=5), max_size=120), max_size=5), st.lists(st.text(max_size=5)))
def test_it_finds_what_a_dict_finds(parts: list[list[str]], others: list[str]) -> None:
    """Keys that came in several parts, at positions that follow each other; and others are not found."""
    table, expected = KeyTable(), dict[str, int]()
    for part in parts:
        fresh = [key for key in dict.fromkeys(part) if key not in expected]
        table.extend(fresh, len(expected))
        expected |= {key: place for place, key in enumerate(fresh, len(expected))}
    assert len(table) == len(expected)
    for key in [*expected, *others, "\x00 not there"]:
        assert table.find(key) == expected.get(key, -1)


def test_many_keys_are_found_through_enlargements() -> None:
    """Through many enlargements."""
    table = KeyTable()
    for begin in range(0, 20_000, 1000):
        table.extend((f"k{n}" for n in range(begin, begin + 1000)), begin)
    assert all(table.find(f"k{n}") == n for n in range(20_000))
    assert table.find("k20000") == -1


def test_keys_of_hashes_that_meet_in_one_slot() -> None:
    """Each is found behind the others."""
    keys: list[str] = []
    number = 0
    while len(keys) < 20:
        if hash(f"{number}") & 63 == 63:
            keys.append(f"{number}")
        number += 1
    table = KeyTable()
    table.extend(keys, 5)
    assert [table.find(key) for key in keys] == list(range(5, 25))


def test_a_key_is_found_while_others_are_added() -> None:
    """Bodies look keys up from their threads while the driver adds some."""
    table, over, missed = KeyTable(), threading.Event(), list[str]()
    table.extend(["first", "second"], 0)

    def looks() -> None:
        while not over.is_set():
            if (table.find("first"), table.find("second"), table.find("none")) != (0, 1, -1):
                missed.append("missed")

    threads = [threading.Thread(target=looks) for _ in range(2)]
    for thread in threads:
        thread.start()
    for begin in range(2, 60_000, 100):
        table.extend((f"k{n}" for n in range(begin, begin + 100)), begin)
    over.set()
    for thread in threads:
        thread.join()
    assert not missed

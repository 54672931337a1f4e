"""The digest chain: no event can be changed, dropped, added or moved without being noticed, and where is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.core.digest import START, chain, verified
from durable.core.events import Event
from durable.errors import LogCorrupt


def log_of(sizes: list[int]) -> tuple[list[Event], list[tuple[int, bytes]]]:
    events: list[Event] = []
    digests: list[tuple[int, bytes]] = []
    before = START
    for size in sizes:
        batch = [Event(len(events) + n + 1, 5, "TaskStarted", "a", 1, '{"x":1}', "json", b"1") for n in range(size)]
        before = chain(before, batch)
        events += batch
        digests.append((events[-1].seq, before))
    return events, digests


SIZES = st.lists(st.integers(1, 4), min_size=1, max_size=6)
CHANGES = {
    "time": 6, "type": "TaskFailed", "task_id": "b", "attempt": 2, "data": None, "encoding": None, "payload": b"2"
}  # fmt: skip


@given(SIZES)
def test_an_intact_log_is_yielded_whole(sizes: list[int]) -> None:
    """From its beginning, and from any append on, given the digest before it."""
    events, digests = log_of(sizes)
    assert list(verified("r", events, digests)) == events
    for place, (seq, digest) in enumerate(digests):
        assert list(verified("r", events[seq:], digests[place + 1 :], digest)) == events[seq:]


@given(SIZES, st.sampled_from(sorted(CHANGES)), st.data())
def test_a_changed_column_is_found_in_its_append(sizes: list[int], column: str, data: st.DataObject) -> None:
    """Any column of any event; what stands before the damaged append is still yielded."""
    events, digests = log_of(sizes)
    place = data.draw(st.integers(0, len(events) - 1))
    last = next(seq for seq, _ in digests if seq > place)
    first = max((seq for seq, _ in digests if seq <= place), default=0) + 1
    fields = {name: getattr(events[place], name) for name in Event.__struct_fields__}
    damaged = [*events[:place], Event(**{**fields, column: CHANGES[column]}), *events[place + 1 :]]
    got: list[Event] = []
    with pytest.raises(LogCorrupt, match=f"between seq {first} and seq {last}") as caught:
        got.extend(verified("r", damaged, digests))
    assert got == events[: first - 1]
    assert caught.value.run_id == "r"


@given(SIZES, st.data())
def test_a_missing_event_or_append_is_found(sizes: list[int], data: st.DataObject) -> None:
    """Dropped from the middle, cut off at the end, or left without its digest."""
    events, digests = log_of(sizes)
    place = data.draw(st.integers(0, len(events) - 1))
    for log, chained in (
        (events[:place] + events[place + 1 :], digests),
        (events[:place], digests),
        (events, digests[:-1]),
    ):
        with pytest.raises(LogCorrupt):
            list(verified("r", log, chained))


def test_an_append_that_was_replaced_with_its_digest_is_found_by_the_next_one() -> None:
    """Each digest stands on the one before it, so that one cannot be exchanged alone."""
    events, digests = log_of([1, 1, 1])
    forged = Event(2, 99, "TaskSucceeded", "a", 1)
    chained = [digests[0], (2, chain(digests[0][1], [forged])), digests[2]]
    with pytest.raises(LogCorrupt, match="between seq 3 and seq 3"):
        list(verified("r", [events[0], forged, events[2]], chained))


def test_exchanged_digests_are_found() -> None:
    """They belong to their appends."""
    events, digests = log_of([1, 1])
    with pytest.raises(LogCorrupt):
        list(verified("r", events, [(1, digests[1][1]), (2, digests[0][1])]))

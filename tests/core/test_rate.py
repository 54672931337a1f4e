"""The pace: what gets done a second lately, whether somebody looked all the time or looks for the first time."""

from __future__ import annotations

import pytest

from durable.core.rate import ENOUGH, Pace

SECOND = 1_000_000


def first(now: float, began: float, *ends: float, done: int | None = None) -> float | None:
    """The rate that somebody sees who looks for the first time; all in seconds."""
    times = [int(end * SECOND) for end in ends]
    return Pace().rate(int(now * SECOND), int(began * SECOND), len(ends) if done is None else done, lambda: times)


def test_nothing_done_has_no_pace() -> None:
    assert first(100, 0) is None


def test_a_first_look_sees_the_last_minute() -> None:
    """Not what was before it: the run was slow at first."""
    assert first(160, 0, 10, *(100 + n for n in range(1, 61))) == 1.0


def test_a_first_look_takes_longer_than_a_minute_where_little_gets_done() -> None:
    """One an hour is one an hour, also when none was done in the last minute."""
    rate = first(20 * 3_600, 0, *(3_600 * n for n in range(1, 21)))
    assert rate == pytest.approx(1 / 3_600)


def test_what_earlier_drives_did_does_not_count() -> None:
    """Nobody drove it for a day: five in the last ten seconds are one in two seconds."""
    assert first(86_410, 86_400, 1, 2, 3, *(86_400 + 2 * n for n in range(1, 6))) == 0.5


def test_a_new_drive_begins_anew() -> None:
    """Looks that were taken before the interruption are forgotten."""
    pace = Pace()
    for second in range(1, 100):
        pace.rate(second * SECOND, 0, second, lambda: [])
    again = 86_400 * SECOND
    assert pace.rate(again, again, 99, lambda: []) is None
    assert pace.rate(again + 10 * SECOND, again, 104, lambda: []) == 0.5


def test_looks_see_a_change_of_pace_within_a_minute() -> None:
    """Ten a second for an hour, then one a second."""
    pace, done = Pace(), 0
    for second in range(3_600):
        done += 10
        pace.rate(second * SECOND, 0, done, lambda: [])
    for second in range(3_600, 3_665):
        done += 1
        found = pace.rate(second * SECOND, 0, done, lambda: [])
    assert found == pytest.approx(1.0, rel=0.05)


def test_a_stall_shows() -> None:
    """A hundred a second, then nothing for an hour: nobody is told of a hundred a second."""
    pace = Pace()
    for second in range(100):
        pace.rate(second * SECOND, 0, second * 100, lambda: [])
    found = pace.rate(3_700 * SECOND, 0, 9_900, lambda: [])
    assert found is not None
    assert found < 2


def test_what_is_opened_again_does_not_turn_the_pace_round() -> None:
    """Less is done than before: the pace begins anew instead of being negative."""
    pace = Pace()
    pace.rate(0, 0, 0, lambda: [])
    pace.rate(10 * SECOND, 0, 50, lambda: [])
    assert pace.rate(20 * SECOND, 0, 20, lambda: [15 * SECOND] * 5) == 5 / 20


def test_memory_is_bounded() -> None:
    """Thousands of looks a second, for hours, leave few behind."""
    pace = Pace()
    for look in range(200_000):
        pace.rate(look * SECOND // 20, 0, look, lambda: [])
    assert len(pace._looks) <= 2 * 60 + ENOUGH

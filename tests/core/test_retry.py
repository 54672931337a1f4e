"""RetryPolicy: which errors are tried again, how long the waits are, and what cannot be one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.core.retry import RetryPolicy
from durable.errors import DefinitionError


def test_waits_grow_by_the_factor_up_to_the_longest() -> None:
    """1, 2, 4, 8 and so on, at most ``max_interval``."""
    policy = RetryPolicy(max_attempts=9, initial_interval=1, backoff_factor=2, max_interval=5)
    assert [policy.delay(attempt) for attempt in range(1, 6)] == [1, 2, 4, 5, 5]


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_jitter_stays_within_its_fraction(attempt: int, draw: float, jitter: float) -> None:
    """However many attempts there were: never negative, never beyond the spread."""
    policy = RetryPolicy(max_interval=60, jitter=jitter)
    plain = RetryPolicy(max_interval=60).delay(attempt)
    wait = policy.delay(attempt, draw)
    assert wait >= 0
    assert plain * (1 - jitter) - 1e-9 <= wait <= plain * (1 + jitter) + 1e-9


def test_jitter_true_means_a_tenth() -> None:
    """0.5 is the draw without jitter."""
    policy = RetryPolicy(initial_interval=10, jitter=True)
    assert [policy.delay(1, draw) for draw in (0, 0.5, 1)] == pytest.approx([9, 10, 11])


def test_give_up_on_wins_over_retry_on() -> None:
    """And what is not an Exception is not retried unless named."""
    policy = RetryPolicy(retry_on=(OSError,), give_up_on=FileNotFoundError)
    assert policy.retries(PermissionError())
    assert not policy.retries(FileNotFoundError())
    assert not policy.retries(ValueError())
    assert not RetryPolicy().retries(KeyboardInterrupt())
    assert RetryPolicy(retry_on=BaseException).retries(KeyboardInterrupt())


@pytest.mark.parametrize(
    "settings",
    [
        {"max_attempts": 0},
        {"max_attempts": -1},
        {"max_attempts": 2.5},
        {"max_attempts": float("inf")},
        {"max_attempts": True},
        {"initial_interval": -1},
        {"initial_interval": float("nan")},
        {"initial_interval": "1"},
        {"backoff_factor": -1},
        {"max_interval": -0.1},
        {"max_interval": float("inf")},
        {"jitter": 1.5},
        {"jitter": -0.1},
        {"retry_on": [ValueError]},
        {"retry_on": "ValueError"},
        {"retry_on": (ValueError, int)},
        {"give_up_on": ValueError()},
    ],
)
def test_what_cannot_be_is_refused_when_it_is_written(settings: dict[str, Any]) -> None:
    """Not when a task has failed for the first time, which would take the drive down with it."""
    with pytest.raises(DefinitionError, match="RetryPolicy: "):
        RetryPolicy(**settings)

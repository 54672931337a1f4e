"""RetryPolicy: whether a failed attempt is followed by another one, and when.

It must not draw random numbers: whoever asks brings the draw.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from durable.errors import DefinitionError

ExceptionTypes = tuple[type[BaseException], ...]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a task is tried, and how long it waits between attempts.

    The wait before attempt ``n + 1`` is ``initial_interval * backoff_factor ** (n - 1)`` seconds, at
    most ``max_interval``; with jitter it is spread evenly by that fraction to both sides.

    Args:
        max_attempts: attempts in all, the first one included; interruptions count too.
        initial_interval: seconds before the second attempt.
        backoff_factor: what each wait is multiplied by for the next.
        max_interval: the longest wait in seconds.
        jitter: fraction of the wait, 0 to 1; True means 0.1.
        retry_on: exception types that are retried.
        give_up_on: exception types that are not, although ``retry_on`` names them.

    Raises:
        DefinitionError: a number is out of its range.
    """

    max_attempts: int = 3
    initial_interval: float = 1.0
    backoff_factor: float = 2.0
    max_interval: float = 60.0
    jitter: float = 0.0
    retry_on: ExceptionTypes | type[BaseException] = (Exception,)
    give_up_on: ExceptionTypes | type[BaseException] = ()

    def __post_init__(self) -> None:
        if isinstance(self.max_attempts, bool) or not isinstance(self.max_attempts, int):
            raise DefinitionError(f"RetryPolicy: max_attempts is a whole number, not {self.max_attempts!r}")
        bounds = (
            ("max_attempts", self.max_attempts, 1),
            ("initial_interval", self.initial_interval, 0),
            ("backoff_factor", self.backoff_factor, 0),
            ("max_interval", self.max_interval, 0),
            ("jitter", self.jitter, 0),
        )
        for name, value, least in bounds:
            if not isinstance(value, (int, float)) or not least <= value < math.inf:
                raise DefinitionError(f"RetryPolicy: {name} must be a number from {least}, not {value!r}")
        if self.jitter > 1:
            raise DefinitionError(f"RetryPolicy: jitter is a fraction of the wait, 0 to 1, not {self.jitter!r}")
        for name, types in (("retry_on", self.retry_on), ("give_up_on", self.give_up_on)):
            if not all(isinstance(one, type) and issubclass(one, BaseException) for one in _each(types)):
                raise DefinitionError(f"RetryPolicy: {name} is an exception type or a tuple of them, not {types!r}")

    def retries(self, error: BaseException) -> bool:
        """Whether an attempt that raised this may be followed by another one.

        Args:
            error: what it raised.
        """
        return isinstance(error, self.retry_on) and not isinstance(error, self.give_up_on)

    def follows(self, spent: int, error: BaseException) -> bool:
        """Whether another attempt follows one that raised this.

        Args:
            spent: how many attempts of the present budget are spent, this one included.
            error: what it raised.
        """
        return spent < self.max_attempts and self.retries(error)

    def delay(self, attempt: int, draw: float = 0.5) -> float:
        """Return the seconds to wait after an attempt.

        Args:
            attempt: how many attempts of the present budget are spent, from 1.
            draw: a random number from 0 to 1; 0.5 gives the wait without jitter.
        """
        try:
            wait = min(self.initial_interval * self.backoff_factor ** (attempt - 1), self.max_interval)
        except OverflowError:
            wait = self.max_interval
        spread = 0.1 if self.jitter is True else float(self.jitter)
        return wait * (1 + spread * (2 * draw - 1))


def _each(types: Any) -> tuple[Any, ...]:
    return types if isinstance(types, tuple) else (types,)

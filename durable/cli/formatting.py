"""Moments, durations and counts as words. It must not print."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def counted(number: int, noun: str) -> str:
    """Return ``1 task``, ``2 tasks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def sized(count: int) -> str:
    """Return a number of bytes: ``17 bytes``, ``3.4 KB``, ``2.0 GB``; a KB has 1,000 bytes."""
    if count < 1000:
        return counted(count, "byte")
    for unit, size in (("KB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 999.95 * size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e9:,.1f} GB"


def ago(microseconds: int) -> str:
    """Say how long something took that lasted so many microseconds until now: ``3 minutes ago``."""
    seconds = microseconds // 1_000_000
    for size, name in _UNITS:
        if seconds >= size:
            return f"{counted(seconds // size, name)} ago"
    return "just now"


def lasted(seconds: float) -> str:
    """Return a duration: ``0.31 s``, ``12.3 s``, ``3 min 4 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60:,} h {minutes % 60} min"


def local_time(microseconds: int, timespec: str = "seconds") -> str:
    """Return a moment in the local time zone, for people."""
    return _utc(microseconds).astimezone().replace(tzinfo=None).isoformat(" ", timespec)


def utc_time(microseconds: int) -> str:
    """Return a moment as ISO 8601 in UTC, for programs."""
    return _utc(microseconds).isoformat(timespec="microseconds")


def _utc(microseconds: int) -> datetime:
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)

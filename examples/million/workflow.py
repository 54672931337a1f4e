"""A million lines of a web server's log, each parsed by a task of its own; one in thirty-three is broken.

    lines --> requests (one member a line) --> summary

The lines are read by a generator, so there is never a list of them. Run it with
`durable run examples/million/workflow.py`, or watch it being killed: `python examples/million/demo.py`.

Environment:
    MILLION_LINES: how many lines; 1,000,000 when not set.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from durable import MapValues, MinSuccessRatePolicy, task, workflow

LINES = int(os.environ.get("MILLION_LINES") or 1_000_000)

PATHS = ("/", "/about", "/cart", "/search", "/static/logo.svg", "/login", "/api/items", "/api/orders")
STATUSES = (200, 200, 200, 200, 200, 304, 404, 500)
_LINE = re.compile(r'(\d+\.\d+\.\d+\.\d+) - - \[([^\]]+)\] "(\w+) (\S+) HTTP/1\.1" (\d{3}) (\d+)')


def facts(number: int) -> tuple[str, int, int, int]:
    """What line `number` says: path, status, bytes, and how it is broken (0 for a good line)."""
    mixed = (number * 2_654_435_761 + 97) % 2**32
    broken = 1 + mixed % 3 if mixed // 11 % 33 == 0 else 0
    return PATHS[mixed % len(PATHS)], STATUSES[mixed // 8 % len(STATUSES)], mixed // 64 % 50_000, broken


def line(number: int) -> str:
    """Write a line of the log: the same one in every process."""
    path, status, size, broken = facts(number)
    second, host = number % 60, f"10.{number // 65_536 % 256}.{number // 256 % 256}.{number % 256}"
    text = f'{host} - - [21/Nov/2026:06:{number // 60 % 60:02}:{second:02} +0000] "GET {path} HTTP/1.1" {status} {size}'
    if broken == 1:
        return text[: len(text) // 2]  # the disk was full
    if broken == 2:
        return text.replace(f" {status} ", " ??? ")
    return text.replace('"', "") if broken else text


def lines() -> Iterator[str]:
    """Yield all lines. `map` takes a function, so that each process that goes on can read them from the start."""
    return map(line, range(LINES))


@task
def parse(text: str) -> dict[str, Any]:
    """Read one line; one that is no line of a log fails its member, and nothing else."""
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a line of a log: {text[-30:]!r}")
    host, _when, method, path, status, size = found.groups()
    return {"host": host, "method": method, "path": path, "status": int(status), "bytes": int(size)}


@task
def summary(requests: MapValues) -> dict[str, Any]:
    """Add all requests up. They are read from the store while they are gone over, never all at once."""
    statuses: Counter[str] = Counter()
    traffic: Counter[str] = Counter()
    for _, request in requests.iter():
        statuses[str(request["status"])] += 1
        traffic[request["path"]] += request["bytes"]
    return {"requests": statuses.total(), "statuses": dict(sorted(statuses.items())), "bytes": traffic.total(),
            "busiest": traffic.most_common(1)[0][0] if traffic else None}  # fmt: skip


with workflow("million") as wf:
    requests = parse.map(lines, name="requests")
    requests.with_execution(policy=MinSuccessRatePolicy(0.95), max_concurrent=2, chunk_size=250) >> summary


if __name__ == "__main__":
    print(wf.execute())

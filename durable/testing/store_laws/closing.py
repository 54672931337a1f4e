"""Laws about closing a store."""

from __future__ import annotations

from collections.abc import Callable

from durable.errors import DurableError
from durable.testing.store_laws.bench import Bench, refused


def closed_stores_refuse(bench: Bench) -> None:
    """A closed store says so, and closing it twice is no error."""
    lease = bench.new_run()
    bench.store.close()
    bench.store.close()
    uses: list[Callable[[], object]] = [
        lambda: bench.store.append("run", bench.events(1, 1), 1, lease.token),
        lambda: list(bench.store.read("run")),
        lambda: bench.store.run("run"),
        lambda: bench.store.acquire("run", "drive"),
    ]
    for use in uses:
        with refused(DurableError, "a use of a closed store"):
            use()


LAWS: list[Callable[[Bench], None]] = [closed_stores_refuse]

"""The store conformance kit: hold any implementation of ``durable.store.Store`` to its contract.

With pytest, parametrise over ``STORE_LAWS``; without, call ``check_store``. It must not know any store.

    check_store(lambda clock: MyStore(new_place(), clock))

A factory opens a fresh, empty store at each call. A store that several store objects can share (files,
servers) should also give ``reopen(store, clock)``, which opens another store object over the same data
while the first stays open; laws about sharing are left out without it.
"""

from __future__ import annotations

from collections.abc import Callable

from durable.testing import store_laws_leases, store_laws_log, store_laws_pruning, store_laws_runs
from durable.testing.store_bench import Bench, Factory, Reopen


class StoreLaw:
    """One guarantee of the Store contract; its ``str`` is its name.

    Args:
        check: a function of a ``Bench``; its docstring is the guarantee.
    """

    def __init__(self, check: Callable[[Bench], None]) -> None:
        self._check = check
        self.name = check.__name__
        self.guarantee = (check.__doc__ or "").strip()
        self.needs_reopen = check in store_laws_leases.SHARED_LAWS

    def __call__(self, factory: Factory, reopen: Reopen | None = None) -> bool:
        """Hold a fresh store to the law.

        Args:
            factory: opens a fresh, empty store with the clock given.
            reopen: opens another store object over the same data.

        Returns:
            False when the law was left out, because it needs ``reopen``.

        Raises:
            AssertionError: the store breaks the law, which is named.
        """
        if self.needs_reopen and reopen is None:
            return False
        bench = Bench(factory, reopen)
        try:
            self._check(bench)
        except Exception as error:
            raise AssertionError(f"store law {self.name} is broken ({self.guarantee}): {error}") from error
        finally:
            bench.close()
        return True

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


STORE_LAWS: list[StoreLaw] = [
    StoreLaw(law)
    for laws in (store_laws_log, store_laws_runs, store_laws_leases, store_laws_pruning)
    for law in laws.LAWS
]
"""Every law, each to be called with a factory."""


def check_store(factory: Factory, reopen: Reopen | None = None) -> list[str]:
    """Hold a store to every law.

    Args:
        factory: opens a fresh, empty store with the clock given.
        reopen: opens another store object over the same data as a store that is open.

    Returns:
        The names of the laws that were checked.

    Raises:
        AssertionError: the store breaks a law, which is named.
    """
    return [law.name for law in STORE_LAWS if law(factory, reopen)]

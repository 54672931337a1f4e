"""The store conformance suite: hold any implementation of ``durable.store.Store`` to its contract.

With pytest, parametrise over ``STORE_LAWS``; without, call ``check_store``. It must not know any store.

    check_store(lambda clock: MyStore(new_place(), clock))

A factory opens a fresh, empty store at each call. A store that several store objects can share (files,
servers) should also give ``reopen(store, clock)``, which opens another store object over the same data
while the first stays open; laws about sharing are skipped without it.

What a store does not support, its author declares: the names of the laws, each with a reason. Nothing else is
skipped, and the declaration is checked: a law that the store keeps all the same may not be in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from durable.testing.store_laws import LAWS, SHARING
from durable.testing.store_laws.bench import Bench, Factory, Reopen

Exclusions = Mapping[str, str]
"""Why a store does not keep some laws: reasons by the names of the laws."""


class StoreLaw:
    """One guarantee of the Store contract; its ``str`` is its name.

    Args:
        check: a function of a ``Bench``; its docstring is the guarantee.
        subject: what it is about: appending, reading, listing, checkpoints, leases, inbox, sizes, pruning,
            closing or sharing.

    Attributes:
        name: of the law.
        guarantee: what it says, in one sentence.
        needs_reopen: whether it needs a second store object over the same data.
    """

    def __init__(self, check: Callable[[Bench], None], subject: str) -> None:
        self._check = check
        self.subject = subject
        self.name = check.__name__
        self.guarantee = (check.__doc__ or "").strip()
        self.needs_reopen = subject == SHARING

    def __call__(
        self, factory: Factory, reopen: Reopen | None = None, exclusions: Exclusions | None = None
    ) -> str | None:
        """Hold a fresh store to the law, or see that it breaks it, if that was declared.

        Args:
            factory: opens a fresh, empty store with the clock given.
            reopen: opens another store object over the same data.
            exclusions: laws that the store does not keep, with the reasons.

        Returns:
            None when the store keeps the law; else why it was skipped.

        Raises:
            AssertionError: the store breaks the law, which is named; or keeps it although it is excluded.
            ValueError: the exclusions name an unknown law, or give no reason.
        """
        excluded = _checked(exclusions or {}).get(self.name)
        if self.needs_reopen and reopen is None:
            return excluded or "it needs a second store object over the same data, and no reopen was given"
        broken = self._broken(factory, reopen)
        if excluded is None and broken is not None:
            raise AssertionError(f"store law {self.name} is broken ({self.guarantee}): {broken}") from broken
        if excluded is not None and broken is None:
            raise AssertionError(
                f"store law {self.name} is excluded ({excluded}), but the store keeps it: remove it from the exclusions"
            )
        return excluded

    def _broken(self, factory: Factory, reopen: Reopen | None) -> Exception | None:
        bench = Bench(factory, reopen)
        try:
            self._check(bench)
        except Exception as error:
            return error
        finally:
            bench.close()
        return None

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


STORE_LAWS: list[StoreLaw] = [StoreLaw(law, subject) for subject, laws in LAWS.items() for law in laws]
"""Every law, each to be called with a factory."""

_NAMES = {law.name for law in STORE_LAWS}


class StoreReport(NamedTuple):
    """What came of ``check_store``; its ``str`` is for people.

    Attributes:
        kept: names of the laws that the store keeps.
        skipped: the other laws, with the reasons.
    """

    kept: list[str]
    skipped: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{len(self.kept)} store laws are kept, {len(self.skipped)} skipped"]
        return "\n".join([*lines, *(f"skipped {name}: {reason}" for name, reason in self.skipped.items())])


def check_store(factory: Factory, reopen: Reopen | None = None, exclusions: Exclusions | None = None) -> StoreReport:
    """Hold a store to every law, but for those that it is declared not to keep.

    Args:
        factory: opens a fresh, empty store with the clock given.
        reopen: opens another store object over the same data as a store that is open.
        exclusions: laws that the store does not keep, with the reasons.

    Returns:
        The laws that are kept, and those that were skipped.

    Raises:
        AssertionError: the store breaks a law, which is named; or keeps one that is excluded.
        ValueError: the exclusions name an unknown law, or give no reason.
    """
    outcomes = {law.name: law(factory, reopen, exclusions) for law in STORE_LAWS}
    skipped = {name: reason for name, reason in outcomes.items() if reason is not None}
    return StoreReport([name for name in outcomes if name not in skipped], skipped)


def _checked(exclusions: Exclusions) -> Exclusions:
    for name, reason in exclusions.items():
        if name not in _NAMES:
            similar = get_close_matches(name, _NAMES, 1)
            raise ValueError(f"there is no store law {name!r}" + (f"; did you mean {similar[0]!r}?" if similar else ""))
        if not reason.strip():
            raise ValueError(f"the exclusion of the store law {name} needs a reason")
    return exclusions

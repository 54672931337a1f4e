"""Leases: who may drive a run, with a fencing token that only grows. It must not know what drives do.

A lease's row stays when it is released, because the next token is counted from its own.

A lease ends by the monotonic clock, which all processes of a machine share and nobody can set. Its column
means nothing after a reboot or on another machine, and need not: there the owner's lock is not held.
"""

from __future__ import annotations

from datetime import UTC, datetime
from os import getpid
from typing import Any

from durable.errors import RunAlreadyDriven
from durable.store import LEASE_SECONDS, Lease, LeaseInfo, check_run_id
from durable_sqlite import sql
from durable_sqlite.base import StoreBase, refuse_pruned
from durable_sqlite.errors import lease_lost
from durable_sqlite.lease_files import HOST

_NEVER_LEASED = (0, None, None, None, None, None, None)


class Leases(StoreBase):
    """The part of the store that keeps leases."""

    def acquire(self, run_id: str, owner: str, seconds: float = LEASE_SECONDS) -> Lease:
        """Take the lease on a run; see ``Store.acquire``."""
        check_run_id(run_id)
        file = None
        try:
            with self._database.transaction as connection:
                self._database.check_not_moved()
                refuse_pruned(connection, run_id)
                row = connection.execute(sql.SELECT_LEASE, (run_id,)).fetchone() or _NEVER_LEASED
                took_over = _check_available(self, run_id, row)
                self._database.log_ends.pop(run_id, None)
                file = self._lease_files.create()
                token = row[0] + 1
                values = (run_id, token, owner, getpid(), HOST, *_expiry(self, seconds), file)
                connection.execute(sql.UPSERT_LEASE, values)
        except BaseException:
            if file is not None:
                self._lease_files.remove(file)
            raise
        previous = row[-1]
        if previous is not None and not self._lease_files.owns(previous):
            self._lease_files.remove(previous)
        self._held_leases[run_id, token] = file
        return Lease(run_id, owner, token, took_over)

    def renew(self, lease: Lease, seconds: float = LEASE_SECONDS) -> None:
        """Extend a lease; see ``Store.renew``."""
        with self._database.transaction as connection:
            self._database.check_not_moved()
            values = (*_expiry(self, seconds), lease.run_id, lease.token)
            if not connection.execute(sql.RENEW_LEASE, values).rowcount:
                raise lease_lost(lease.run_id, lease.token)

    def release(self, lease: Lease) -> None:
        """Release a lease; see ``Store.release``. Only the store object that acquired it can do so.

        A forked child, for one, must not release what its parent holds.
        """
        file = self._held_leases.pop((lease.run_id, lease.token), None)
        if file is None or not self._lease_files.owns(file):
            return
        try:
            with self._database.transaction as connection:
                self._database.log_ends.pop(lease.run_id, None)
                connection.execute(sql.RELEASE_LEASE, (lease.run_id, lease.token))
        finally:
            self._lease_files.remove(file)

    def lease(self, run_id: str) -> LeaseInfo | None:
        """Return who holds the lease; see ``Store.lease``."""
        for row in self._database.read(sql.SELECT_LEASE, (run_id,), run_id):
            token, owner, pid, host, expires, expires_monotonic, file = row
            if owner is not None:
                alive = is_alive(self, host, expires, expires_monotonic, file)
                return LeaseInfo(owner, token, pid, host, expires, alive)
        return None


def is_alive(
    store: StoreBase, host: str | None, expires: int | None, expires_monotonic: int | None, file: str | None
) -> bool:
    """Return whether the lease in these columns has not expired, and the process of its owner is there."""
    if host is None or expires is None or _is_expired(store, host, expires, expires_monotonic):
        return False
    return host != HOST or (file is not None and store._lease_files.is_locked(file))


def _is_expired(store: StoreBase, host: str, expires: int, expires_monotonic: int | None) -> bool:
    """Return whether the owner had to renew by now; meaningless for one whose file is not locked any more."""
    if host != HOST or expires_monotonic is None:
        # Another machine's monotonic clock is not ours, and a drive of an older durable recorded none.
        return expires <= store.clock.now()
    return expires_monotonic <= _microseconds(store.clock.monotonic())


def _expiry(store: StoreBase, seconds: float) -> tuple[int, int]:
    """Return when a lease of so many seconds expires, by the wall clock and by the monotonic one."""
    return store.clock.now() + _microseconds(seconds), _microseconds(store.clock.monotonic() + seconds)


def _check_available(store: StoreBase, run_id: str, row: tuple[Any, ...]) -> str | None:
    """Return why the lease may be taken although it was not released; None if it was.

    Raises:
        RunAlreadyDriven: it may not be taken.
    """
    _, owner, pid, host, expires, expires_monotonic, file = row
    if owner is None:
        return None
    if host == HOST and not store._lease_files.is_locked(file):
        return "died"
    if _is_expired(store, host, expires, expires_monotonic):
        return "expired"
    until = datetime.fromtimestamp(expires / 1e6, UTC).isoformat(timespec="seconds")
    raise RunAlreadyDriven(
        f"process {pid} on {host} drives this run, with a lease until {until}",
        run_id=run_id,
        hint="Wait for it, or stop that process: the run can be taken over as soon as it is gone",
    )


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)

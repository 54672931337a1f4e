"""Leases: who may drive a run, with a fencing token that only grows. It must not know what drives do.

A lease's row stays when it is released, because the token has to go on from there.

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
from durable_sqlite.drives import HOST
from durable_sqlite.part import Part, lease_lost, refuse_pruned

_FREE = (0, None, None, None, None, None, None)


class Leases(Part):
    """The part of the store that keeps leases."""

    def acquire(self, run_id: str, owner: str, seconds: float = LEASE_SECONDS) -> Lease:
        """Take the lease on a run; see ``Store.acquire``."""
        check_run_id(run_id)
        mine = None
        try:
            with self._link.writing as connection:
                self._link.check_place()
                refuse_pruned(connection, run_id)
                row = connection.execute(sql.SELECT_LEASE, (run_id,)).fetchone() or _FREE
                took_over = self._judge(run_id, row)
                self._link.heads.pop(run_id, None)
                mine = self._drives.take()
                token = row[0] + 1
                connection.execute(sql.UPSERT_LEASE, (run_id, token, owner, getpid(), HOST, *self._end(seconds), mine))
        except BaseException:
            if mine is not None:
                self._drives.drop(mine)
            raise
        before = row[-1]
        if before is not None and not self._drives.has(before):
            self._drives.drop(before)
        self._files[run_id, token] = mine
        return Lease(run_id, owner, token, took_over)

    def renew(self, lease: Lease, seconds: float = LEASE_SECONDS) -> None:
        """Extend a lease; see ``Store.renew``."""
        with self._link.writing as connection:
            self._link.check_place()
            if not connection.execute(sql.RENEW_LEASE, (*self._end(seconds), lease.run_id, lease.token)).rowcount:
                raise lease_lost(lease.run_id, lease.token)

    def release(self, lease: Lease) -> None:
        """Give a lease back; see ``Store.release``. Only the store object that took it can do so.

        A forked child, for one, must not give back what its parent holds.
        """
        mine = self._files.pop((lease.run_id, lease.token), None)
        if mine is None or not self._drives.has(mine):
            return
        try:
            with self._link.writing as connection:
                self._link.heads.pop(lease.run_id, None)
                connection.execute(sql.RELEASE_LEASE, (lease.run_id, lease.token))
        finally:
            self._drives.drop(mine)

    def lease(self, run_id: str) -> LeaseInfo | None:
        """Return who holds the lease; see ``Store.lease``."""
        for token, owner, pid, host, expires, ends, file in self._link.read(sql.SELECT_LEASE, (run_id,), run_id):
            if owner is not None:
                return LeaseInfo(owner, token, pid, host, expires, self.is_alive(host, expires, ends, file))
        return None

    def is_alive(self, host: str | None, expires: int | None, ends: int | None, file: str | None) -> bool:
        """Return whether the lease in these columns is held by a process that is there and in time."""
        if host is None or expires is None or self._is_over(host, expires, ends):
            return False
        return host != HOST or (file is not None and self._drives.is_held(file))

    def _is_over(self, host: str, expires: int, ends: int | None) -> bool:
        """Return whether the owner had to renew by now; what it says of one whose lock is free means nothing."""
        if host != HOST or ends is None:
            # Another machine's monotonic clock is not ours, and a drive of an older durable recorded none.
            return expires <= self.clock.now()
        return ends <= _us(self.clock.monotonic())

    def _end(self, seconds: float) -> tuple[int, int]:
        """Return when a lease that is taken or renewed now ends, by the wall clock and by the monotonic one."""
        return self.clock.now() + _us(seconds), _us(self.clock.monotonic() + seconds)

    def _judge(self, run_id: str, row: tuple[Any, ...]) -> str | None:
        """Return why the lease may be taken although it was not released; None if it was."""
        _, owner, pid, host, expires, ends, file = row
        if owner is None:
            return None
        if host == HOST and not self._drives.is_held(file):
            return "died"
        if self._is_over(host, expires, ends):
            return "expired"
        until = datetime.fromtimestamp(expires / 1e6, UTC).isoformat(timespec="seconds")
        raise RunAlreadyDriven(
            f"process {pid} on {host} drives this run, with a lease until {until}",
            run_id=run_id,
            hint="Wait for it, or stop that process: the run can be taken over as soon as it is gone",
        )


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)

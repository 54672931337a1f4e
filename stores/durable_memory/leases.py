"""Leases in memory: their holders are store objects of this process. It must not keep events."""

from __future__ import annotations

from datetime import UTC, datetime
from os import getpid, uname

import msgspec

from durable.clock import Clock
from durable.errors import RunAlreadyDriven
from durable.store import Lease, LeaseInfo
from durable_memory.errors import lease_lost


class LeaseRecord(msgspec.Struct):
    """The last lease on a run; ``owner`` is None once it was released.

    Attributes:
        token: its fencing token.
        owner: the drive.
        expires: microseconds since 1970, for people.
        expires_monotonic: the same moment in monotonic seconds; this is what counts.
        holder: the store object it was acquired through; a closed one counts as a process that is gone.
    """

    token: int = 0
    owner: str | None = None
    expires: int = 0
    expires_monotonic: float = 0.0
    holder: object = None


class LeaseTable:
    """Who drives what. Not safe to use from several threads: the store locks around it."""

    def __init__(self) -> None:
        self._leases: dict[str, LeaseRecord] = {}
        self._open_holders: set[int] = set()

    def register(self, holder: object) -> None:
        """Count a store object as open."""
        self._open_holders.add(id(holder))

    def unregister(self, holder: object) -> None:
        """Count a store object as gone, with all its drives."""
        self._open_holders.discard(id(holder))
        for record in self._leases.values():
            if record.holder is holder:
                record.holder = None  # its id may be given to another object

    def acquire(self, run_id: str, owner: str, holder: object, clock: Clock, seconds: float) -> Lease:
        """Take the lease; see ``Store.acquire``."""
        record = self._leases.get(run_id, LeaseRecord())
        took_over = self._check_available(run_id, record, clock)
        self._leases[run_id] = LeaseRecord(record.token + 1, owner, *_expiry(clock, seconds), holder)
        return Lease(run_id, owner, record.token + 1, took_over)

    def renew(self, lease: Lease, clock: Clock, seconds: float) -> None:
        """Extend the lease; see ``Store.renew``."""
        self.check_token(lease.run_id, lease.token)
        record = self._leases[lease.run_id]
        record.expires, record.expires_monotonic = _expiry(clock, seconds)

    def release(self, lease: Lease, holder: object) -> None:
        """Release the lease, if it was acquired through that store object; see ``Store.release``."""
        record = self._leases.get(lease.run_id)
        if record is not None and record.token == lease.token and record.holder is holder:
            record.owner = record.holder = None

    def revoke(self, run_id: str) -> None:
        """Make the token of a lease that has expired invalid."""
        record = self._leases.get(run_id)
        if record is not None:
            record.token += 1
            record.owner = record.holder = None

    def check_token(self, run_id: str, token: int) -> None:
        """Raise ``LeaseLost`` unless the token is that of the present lease."""
        record = self._leases.get(run_id)
        if record is None or record.owner is None or record.token != token:
            raise lease_lost(run_id, token)

    def info(self, run_id: str, clock: Clock) -> LeaseInfo | None:
        """Return who holds the lease; see ``Store.lease``."""
        record = self._leases.get(run_id)
        if record is None or record.owner is None:
            return None
        alive = self._is_open(record) and record.expires_monotonic > clock.monotonic()
        return LeaseInfo(record.owner, record.token, getpid(), uname().nodename, record.expires, alive)

    def _is_open(self, record: LeaseRecord) -> bool:
        return record.holder is not None and id(record.holder) in self._open_holders

    def _check_available(self, run_id: str, record: LeaseRecord, clock: Clock) -> str | None:
        """Return why the lease may be taken although it was not released; None if it was.

        Raises:
            RunAlreadyDriven: it may not be taken.
        """
        if record.owner is None:
            return None
        if not self._is_open(record):
            return "died"
        if record.expires_monotonic <= clock.monotonic():
            return "expired"
        until = datetime.fromtimestamp(record.expires / 1e6, UTC).isoformat(timespec="seconds")
        raise RunAlreadyDriven(
            f"{record.owner} drives this run in this process, with a lease until {until}",
            run_id=run_id,
            hint="Wait for it, or stop it: the run can be taken over as soon as it is gone",
        )


def _expiry(clock: Clock, seconds: float) -> tuple[int, float]:
    """Return when a lease of so many seconds expires, by the wall clock and by the monotonic one."""
    return clock.now() + int(seconds * 1_000_000), clock.monotonic() + seconds

"""Leases in memory: their owners are store objects of this process. It must not keep events."""

from __future__ import annotations

from datetime import UTC, datetime
from os import getpid, uname

import msgspec

from durable.clock import Clock
from durable.errors import LeaseLost, RunAlreadyDriven
from durable.store import Lease, LeaseInfo


class Held(msgspec.Struct):
    """The last lease on a run; ``owner`` is None once it was released.

    Attributes:
        token: its fencing token.
        owner: the drive.
        expires: microseconds since 1970, for people.
        ends: the same moment in monotonic seconds; this is what counts.
        holder: the store object it was taken through; a closed one counts as a process that is gone.
    """

    token: int = 0
    owner: str | None = None
    expires: int = 0
    ends: float = 0.0
    holder: object = None


class LeaseTable:
    """Who drives what. Not safe to use from several threads: the store locks around it."""

    def __init__(self) -> None:
        self._leases: dict[str, Held] = {}
        self._holders: set[int] = set()

    def join(self, holder: object) -> None:
        """Count a store object as there."""
        self._holders.add(id(holder))

    def leave(self, holder: object) -> None:
        """Count a store object as gone, with all its drives."""
        self._holders.discard(id(holder))
        for held in self._leases.values():
            if held.holder is holder:
                held.holder = None  # its id may be given to another object

    def acquire(self, run_id: str, owner: str, holder: object, clock: Clock, seconds: float) -> Lease:
        """Take the lease; see ``Store.acquire``."""
        held = self._leases.get(run_id, Held())
        took_over = self._judge(run_id, held, clock)
        self._leases[run_id] = Held(held.token + 1, owner, *_end(clock, seconds), holder)
        return Lease(run_id, owner, held.token + 1, took_over)

    def renew(self, lease: Lease, clock: Clock, seconds: float) -> None:
        """Extend the lease; see ``Store.renew``."""
        self.check(lease.run_id, lease.token)
        held = self._leases[lease.run_id]
        held.expires, held.ends = _end(clock, seconds)

    def release(self, lease: Lease, holder: object) -> None:
        """Give the lease back, if it is held through that store object; see ``Store.release``."""
        held = self._leases.get(lease.run_id)
        if held is not None and held.token == lease.token and held.holder is holder:
            held.owner = held.holder = None

    def revoke(self, run_id: str) -> None:
        """Make the token of a lease that is over good for nothing."""
        held = self._leases.get(run_id)
        if held is not None:
            held.token += 1
            held.owner = held.holder = None

    def check(self, run_id: str, token: int) -> None:
        """Raise ``LeaseLost`` unless the token is that of the present lease."""
        held = self._leases.get(run_id)
        if held is None or held.owner is None or held.token != token:
            raise LeaseLost(
                f"another drive took over, or the lease was released: token {token} is not valid; nothing was recorded",
                run_id=run_id,
                hint="Stop this drive; the other one goes on (durable show RUN)",
            )

    def info(self, run_id: str, clock: Clock) -> LeaseInfo | None:
        """Return who holds the lease; see ``Store.lease``."""
        held = self._leases.get(run_id)
        if held is None or held.owner is None:
            return None
        alive = self._is_there(held) and held.ends > clock.monotonic()
        return LeaseInfo(held.owner, held.token, getpid(), uname().nodename, held.expires, alive)

    def _is_there(self, held: Held) -> bool:
        return held.holder is not None and id(held.holder) in self._holders

    def _judge(self, run_id: str, held: Held, clock: Clock) -> str | None:
        if held.owner is None:
            return None
        if not self._is_there(held):
            return "died"
        if held.ends <= clock.monotonic():
            return "expired"
        until = datetime.fromtimestamp(held.expires / 1e6, UTC).isoformat(timespec="seconds")
        raise RunAlreadyDriven(
            f"{held.owner} drives this run in this process, with a lease until {until}",
            run_id=run_id,
            hint="Wait for it, or stop it: the run can be taken over as soon as it is gone",
        )


def _end(clock: Clock, seconds: float) -> tuple[int, float]:
    """Return when a lease of so many seconds ends, by the wall clock and by the monotonic one."""
    return clock.now() + int(seconds * 1_000_000), clock.monotonic() + seconds

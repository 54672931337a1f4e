"""Laws about leases: one drive at a time, fencing tokens, expiry and clocks."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

from durable.errors import LeaseLost, RunAlreadyDriven
from durable.store import Lease
from durable.testing.store_laws.bench import Bench, refused, same


def one_drive_at_a_time(bench: Bench) -> None:
    """A lease that is held and has not expired is given to nobody else, whatever the owner's name."""
    lease = bench.store.acquire("run", "drive", 30)
    same((lease.run_id, lease.owner, lease.took_over), ("run", "drive", None), "the first lease")
    for owner in ("drive", "another"):
        with refused(RunAlreadyDriven, f"a second lease, for {owner}"):
            bench.store.acquire("run", owner, 30)
    bench.store.acquire("other run", "another", 30)
    bench.store.renew(lease, 30)


def the_error_says_who_drives(bench: Bench) -> None:
    """``RunAlreadyDriven`` names the run, the process and what to do."""
    bench.store.acquire("run", "drive", 30)
    try:
        bench.store.acquire("run", "another", 30)
    except RunAlreadyDriven as error:
        same((error.run_id, bool(error.hint), "process" in str(error)), ("run", True, True), "what the error says")
    else:
        raise AssertionError("a second lease was given")


def tokens_only_grow(bench: Bench) -> None:
    """Each lease on a run has a greater token than all before it, also after a release."""
    tokens = []
    for _ in range(5):
        lease = bench.store.acquire("run", "drive", 10)
        tokens.append(lease.token)
        bench.store.release(lease)
        bench.store.release(lease)
        tokens.append(bench.store.acquire("run", "drive", 10).token)
        bench.clock.advance(11)
    same(tokens, sorted(set(tokens)), "the tokens")


def released_leases_are_free(bench: Bench) -> None:
    """After a release anybody may drive; what was released cannot be renewed, and is not shown as held."""
    lease = bench.store.acquire("run", "drive", 30)
    bench.store.release(lease)
    same(bench.store.lease("run"), None, "the lease after its release")
    with refused(LeaseLost, "renewing a released lease"):
        bench.store.renew(lease, 30)
    same(bench.store.acquire("run", "another", 30).took_over, None, "why the next one could take it")


def expired_leases_are_taken_over(bench: Bench) -> None:
    """A lease whose owner did not renew in time is taken over, and its owner's writes are refused."""
    stale = bench.new_run()
    bench.store.renew(stale, 10)
    bench.clock.advance(9.9)
    with refused(RunAlreadyDriven, "taking over a lease that has not expired"):
        bench.store.acquire("run", "another", 10)
    bench.clock.advance(0.2)
    lease = bench.store.acquire("run", "another", 10)
    same(lease.took_over, "expired", "why it was taken over")
    with refused(LeaseLost, "an append of the stale owner"):
        bench.store.append("run", bench.events(1, 1), 1, stale.token)
    with refused(LeaseLost, "renewing a lease that was taken over"):
        bench.store.renew(stale, 10)
    bench.store.release(stale)
    same(bench.store.append("run", bench.events(1, 1), 1, lease.token), 2, "the seq of the new owner's append")
    held = bench.store.lease("run")
    same(held and held.token, lease.token, "the lease after the stale owner released its own")


def expired_leases_still_count(bench: Bench) -> None:
    """Until somebody takes over, an owner that was late goes on: expiry alone refuses no append."""
    lease = bench.new_run()
    bench.clock.advance(3600)
    same(bench.store.append("run", bench.events(1, 1), 1, lease.token), 2, "the new seq")
    bench.store.renew(lease, 10)
    with refused(RunAlreadyDriven, "taking over a lease that was renewed late"):
        bench.store.acquire("run", "another", 10)


def renewing_counts_from_now(bench: Bench) -> None:
    """A heartbeat extends the lease from the present moment, and may shorten it."""
    lease = bench.store.acquire("run", "drive", 100)
    bench.clock.advance(50)
    bench.store.renew(lease, 10)
    held = bench.store.lease("run")
    same(held and held.expires, bench.clock.now() + 10_000_000, "when it ends")
    bench.clock.advance(11)
    same(bench.store.acquire("run", "another", 10).took_over, "expired", "why it was taken over")


_YEAR = 365 * 24 * 3600 * 1_000_000


def clocks_that_jump_rob_nobody(bench: Bench) -> None:
    """Setting the wall clock, however far, neither ends a lease that is in time nor makes it look dead."""
    lease = bench.new_run()
    bench.store.renew(lease, 10)
    now = bench.clock.now()
    for wall in (now + _YEAR, now - _YEAR, now + 11_000_000):
        bench.clock.set_wall(wall)
        with refused(RunAlreadyDriven, f"taking over a live lease after the clock was set by {wall - now} us"):
            bench.store.acquire("run", "another", 10)
        held, info = bench.store.lease("run"), bench.store.run("run")
        same((held and held.alive, info and info.driven), (True, True), "whether it counts as alive")
        bench.clock.advance(9)
        bench.store.renew(lease, 10)
    same(bench.store.append("run", bench.events(1, 1), 1, lease.token), 2, "the seq of its owner's append")


def clocks_that_jump_keep_nobody(bench: Bench) -> None:
    """An owner that does not renew is late after the same time, wherever the wall clock was set meanwhile."""
    lease = bench.new_run()
    for jump in (-_YEAR, _YEAR, -1_000_000):
        bench.store.renew(lease, 10)
        bench.clock.set_wall(bench.clock.now() + jump)
        bench.clock.advance(9.9)
        with refused(RunAlreadyDriven, f"taking over a lease that has a tenth of a second, after a jump of {jump}"):
            bench.store.acquire("run", "another", 10)
        bench.clock.advance(0.2)
        held, info = bench.store.lease("run"), bench.store.run("run")
        same((held and held.alive, info and info.driven), (False, False), "whether a late owner counts as alive")
        lease = bench.store.acquire("run", "drive", 10)
        same(lease.took_over, "expired", "why it was taken over")


def leases_are_shown(bench: Bench) -> None:
    """``lease`` says who drives and whether they are there, and looking disturbs nobody."""
    lease = bench.new_run()
    for _ in range(3):
        held = bench.store.lease("run")
        same(held and (held.owner, held.token, held.alive), ("drive", lease.token, True), "what is shown")
        same(held and (held.pid > 0, bool(held.host)), (True, True), "whether process and host are shown")
    bench.clock.advance(3600)
    held = bench.store.lease("run")
    same(held and held.alive, False, "whether an expired lease counts as alive")
    info = bench.store.run("run")
    same(info and info.shown_status, "interrupted", "the status of a run whose lease expired")
    bench.store.renew(lease, 10)


def one_of_many_drives_wins(bench: Bench) -> None:
    """Of threads that want the same lease at the same time, exactly one gets it."""
    barrier = Barrier(6)
    got: list[Lease] = []
    wrong: list[BaseException] = []

    def compete() -> None:
        barrier.wait(30)
        try:
            got.append(bench.store.acquire("run", "drive", 30))
        except RunAlreadyDriven:
            pass
        except BaseException as error:
            wrong.append(error)

    threads = [Thread(target=compete) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    same((len(got), wrong), (1, []), "leases given, and other errors")


LAWS: list[Callable[[Bench], None]] = [
    one_drive_at_a_time,
    the_error_says_who_drives,
    tokens_only_grow,
    released_leases_are_free,
    expired_leases_are_taken_over,
    expired_leases_still_count,
    renewing_counts_from_now,
    clocks_that_jump_rob_nobody,
    clocks_that_jump_keep_nobody,
    leases_are_shown,
    one_of_many_drives_wins,
]

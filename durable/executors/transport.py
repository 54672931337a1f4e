"""Transports: threads of the driver's process that take calls to other processes and bring the answers back.

Each delivers one hand-over at a time: it packs the calls, hands them over, and waits. Threads are daemons. It
must not know what the calls do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Protocol, TypeAlias

from durable.executor import RemoteCall

_numbers = count(1)

Packed: TypeAlias = tuple[RemoteCall, bytes]


class Transport(Protocol):
    """Takes hand-overs to one place, on one thread."""

    def deliver(self, packed: list[Packed], pending: PendingCalls) -> list[Packed]:
        """Hand calls over, see each answered or failed, and return those to be handed over anew: they never began."""
        ...

    def stop(self) -> None:
        """Drop the call that is being waited for, from another thread."""
        ...

    def close(self) -> None:
        """End what the transport has."""
        ...


class PendingCalls:
    """Which calls are wanted: handed in, not over, not given up. May be asked from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._wanted: dict[RemoteCall, Transport | None] = {}

    def take(self, calls: Sequence[RemoteCall]) -> None:
        """Take note of calls."""
        with self._lock:
            self._wanted.update(dict.fromkeys(calls))

    def begins(self, call: RemoteCall, transport: Transport) -> bool:
        """Note who waits for a call now; False when it has been given up."""
        with self._lock:
            if call not in self._wanted:
                return False
            self._wanted[call] = transport
            return True

    def is_wanted(self, call: RemoteCall) -> bool:
        """Whether a call has not been given up."""
        return call in self._wanted

    def over(self, call: RemoteCall) -> bool:
        """Note that a call is over; False when it had been given up, so that nobody wants to hear of it."""
        with self._lock:
            return self._wanted.pop(call, self) is not self

    def answer(self, call: RemoteCall, data: bytes) -> None:
        """Give a call its answer, if somebody wants it."""
        if self.over(call):
            call.answer(data)

    def fail(self, call: RemoteCall, error: BaseException) -> None:
        """Give a call what happened instead, if somebody wants it."""
        if self.over(call):
            call.fail(error)

    def give_up(self, call: RemoteCall) -> None:
        """Drop a call: stop the transport that waits for it."""
        with self._lock:  # so that the transport does not wait for the next call already
            transport = self._wanted.pop(call, None)
            if transport is not None:
                transport.stop()


class RemoteExecutor:
    """Runs remote calls through transports: each hand-over in a transport that is free, else in a new one.

    Args:
        make: makes a transport, on the thread that will use it.

    Attributes:
        threads: of the transports.
    """

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._pending = PendingCalls()
        self._loads: SimpleQueue[list[RemoteCall] | None] = SimpleQueue()
        self._free: deque[None] = deque()
        """One entry for each transport that has nothing to deliver and for which nothing is on its way."""
        self.threads: list[Thread] = []

    def submit(self, call: RemoteCall) -> None:
        """Run one call in another process."""
        self.submit_chunk((call,))

    def submit_chunk(self, calls: Sequence[RemoteCall]) -> None:
        """Run several calls in one other process, one after another."""
        self._pending.take(calls)
        self._loads.put(list(calls))
        try:
            self._free.pop()
        except IndexError:
            thread = Thread(target=self._work, name=f"durable-transport-{next(_numbers)}", daemon=True)
            self.threads.append(thread)
            thread.start()

    def abandon(self, call: RemoteCall) -> None:
        """Give a call up, and stop its body where that can be done."""
        self._pending.give_up(call)

    def close(self) -> None:
        """Let the transports end, each once it is free."""
        for _ in self.threads:
            self._loads.put(None)

    def _work(self) -> None:
        transport = self._make()
        try:
            while (calls := self._loads.get()) is not None:
                packed = self._packed(calls)
                while packed:
                    packed = self._delivered(transport, packed)
                self._free.append(None)
        finally:
            transport.close()

    def _packed(self, calls: list[RemoteCall]) -> list[Packed]:
        packed: list[Packed] = []
        for call in calls:
            if not self._pending.is_wanted(call):
                continue
            try:
                packed.append((call, call.pack()))
            except BaseException as error:
                self._pending.fail(call, error)
        return packed

    def _delivered(self, transport: Transport, packed: list[Packed]) -> list[Packed]:
        wanted = [item for item in packed if self._pending.is_wanted(item[0])]
        if not wanted:
            return []
        try:
            return transport.deliver(wanted, self._pending)
        except BaseException as error:  # a drive must not wait for ever because of a mistake here
            for call, _ in wanted:
                self._pending.fail(call, error)
            return []

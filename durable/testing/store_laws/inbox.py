"""Laws about messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from durable.core.events import Event
from durable.errors import LeaseLost, RunNotFound, VersionConflict
from durable.store import Lease, Message
from durable.testing.store_laws.bench import Bench, refused, same


def messages_wait_until_consumed(bench: Bench) -> None:
    """Messages are kept oldest first until an append consumes them, with or without a drive."""
    lease = bench.new_run()
    messages = [Message(f"m{n}", "cancel", f'{{"n":{n}}}', n) for n in (3, 1, 2)]
    for message in messages:
        same(bench.store.send("run", message), True, "whether a new message was accepted")
    same(bench.store.inbox("run"), messages, "the inbox")
    bench.store.append("run", bench.events(1, 1), 1, lease.token, consume=["m3", "m2", "unknown"])
    same(bench.store.inbox("run"), [messages[1]], "the inbox after two were consumed")
    with refused(RunNotFound, "a message to a run that does not exist"):
        bench.store.send("unknown", messages[0])


def message_ids_are_taken_once(bench: Bench) -> None:
    """A second message with an id that was ever sent to the run is ignored, also once it was consumed."""
    lease = bench.new_run()
    bench.store.send("run", Message("m", "cancel", '{"first":1}'))
    same(bench.store.send("run", Message("m", "cancel", '{"second":1}')), False, "whether a repeat was accepted")
    same([message.data for message in bench.store.inbox("run")], ['{"first":1}'], "the inbox")
    bench.store.append("run", bench.events(1, 1), 1, lease.token, consume=["m"])
    same(bench.store.send("run", Message("m", "cancel")), False, "whether a consumed one was accepted again")
    same(bench.store.inbox("run"), [], "the inbox")
    bench.new_run("other")
    same(bench.store.send("other", Message("m", "cancel")), True, "whether another run accepts the same id")


def consumed_ids_stay_taken(bench: Bench) -> None:
    """An id that was consumed is refused for good: under any kind, after any lease, when the run has ended too."""
    lease = bench.new_run()
    kinds = ("cancel", "signal", "answer", "terminate")
    for kind in kinds:
        same(bench.store.send("run", Message(kind, kind, '{"first":1}')), True, f"whether a new {kind} was accepted")
    bench.store.append("run", bench.events(1, 1), 1, lease.token, consume=kinds[:2])
    bench.store.append("run", [Event(3, 0, "RunSuspended")], 2, lease.token, consume=kinds[2:])
    bench.store.release(lease)
    _all_refused(bench, kinds, "while the run is suspended")
    lease = bench.store.acquire("run", "another")
    bench.store.append("run", [Event(4, 0, "RunContinued"), Event(5, 0, "RunSucceeded")], 3, lease.token)
    _all_refused(bench, kinds, "when the run has ended")
    same(bench.store.inbox("run"), [], "the inbox")


def refused_appends_consume_nothing(bench: Bench) -> None:
    """A message is consumed together with the events that dealt with it, or not at all."""
    lease = bench.new_run()
    bench.store.send("run", Message("m", "cancel"))
    attempts: list[tuple[type[Exception], int, Lease]] = [
        (VersionConflict, 5, lease),
        (LeaseLost, 1, Lease("run", "drive", lease.token + 1)),
    ]
    for kind, seq, holder in attempts:
        with refused(kind, "a wrong append"):
            bench.store.append("run", bench.events(seq, 1), seq, holder.token, consume=["m"])
    same([message.id for message in bench.store.inbox("run")], ["m"], "the inbox")


def _all_refused(bench: Bench, ids: Sequence[str], when: str) -> None:
    for name in ids:
        for kind in ids:
            repeat = bench.store.send("run", Message(name, kind, '{"second":1}'))
            same(repeat, False, f"whether {name} was accepted again, as a {kind}, {when}")


LAWS: list[Callable[[Bench], None]] = [
    messages_wait_until_consumed,
    message_ids_are_taken_once,
    consumed_ids_stay_taken,
    refused_appends_consume_nothing,
]

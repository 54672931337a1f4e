"""Laws about what runs take."""

from __future__ import annotations

from collections.abc import Callable

from durable.core.events import Event
from durable.store import Checkpoint, Message
from durable.testing.store_laws.bench import Bench, same


def sizes_say_what_takes_the_space(bench: Bench) -> None:
    """Payloads are counted by type of event, beside events, checkpoints and messages, however they are kept."""
    lease = bench.new_run()
    payloads = [bytes([n]) * 5000 + bytes(range(256)) for n in range(20)]
    events = [Event(seq, 0, "TaskSucceeded", "t", 1, None, "raw", one) for seq, one in enumerate(payloads, 2)]
    events.append(Event(22, 0, "ChannelWritten", None, 0, None, "json", b'"small"'))
    bench.store.append("run", events, 1, lease.token)
    bench.store.save_checkpoint("run", Checkpoint(1, b"d", bytes(7000)), lease.token)
    bench.store.send("run", Message("m", "signal", '{"x":"%s"}' % ("y" * 300)))
    sizes = bench.store.sizes("run")
    same(sizes.events, 22, "the number of events")
    same(sizes.payloads, {"TaskSucceeded": 20 * 5256, "ChannelWritten": 7}, "the payloads by type of event")
    same((sizes.shared, sizes.checkpoints), (0, 7000), "shared payloads and checkpoints")
    same(300 <= sizes.messages <= 500 and 22 * 20 <= sizes.log <= 22 * 200, True, f"whether {sizes} is plausible")
    same(sizes.own, sizes.total, "what it alone takes")


LAWS: list[Callable[[Bench], None]] = [sizes_say_what_takes_the_space]

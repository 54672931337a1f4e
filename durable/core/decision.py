"""Decision: what the frontier says is to be done now, as data."""

from __future__ import annotations

import msgspec


class Decision(msgspec.Struct, gc=False):
    """What to do now; at most one of the first three is filled, so that each is done before the next.

    Attributes:
        judge: groups whose policy must be asked; True when members are still missing.
        open: groups whose members may start.
        skip: tasks and groups that will not start.
        start: tasks to start, in order.
        fire: sleeps and waits that are over, as ``(task, mark)``; with mark "" a deadline has passed, with task -1
            that of the run.
        expand: maps that need more members; it may take a while until they have them.
        wake: when time brings the next thing to do, microseconds since 1970; None when it does not.
        over: nothing is left to do and nothing is running.
        suspended: nothing can be done before somebody answers, a signal comes or ``wake`` is reached.
        out_of_steps: something could start, but ``max_steps`` attempts were started already.
    """

    judge: list[tuple[int, bool]] = []
    open: list[int] = []
    skip: list[int] = []
    start: list[int] = []
    fire: list[tuple[int, str]] = []
    expand: list[int] = []
    wake: int | None = None
    over: bool = False
    suspended: bool = False
    out_of_steps: bool = False

"""What the memory store keeps: the runs and leases that store objects of one name share."""

from __future__ import annotations

from threading import RLock

from durable.clock import Clock
from durable.core.events import Event
from durable.core.sizes import Pruned, Sizes, pruned_error
from durable.store import Checkpoint, Message, RunInfo
from durable_memory.errors import run_not_found, wrong_first_event
from durable_memory.leases import LeaseTable

_EVENT_BYTES = 32  # of an event, beside its texts


class RunRecord:
    """One run: its log and what stands beside it.

    Args:
        run_id: the run.
        first: its first event.

    Raises:
        VersionConflict: a log cannot begin with that event.
    """

    def __init__(self, run_id: str, first: Event) -> None:
        if first.type != "RunCreated":
            raise wrong_first_event(run_id, first)
        fields = first.fields
        self.run_id = run_id
        self.workflow: str = fields.get("workflow", "")
        self.file: str | None = fields.get("file")
        self.input: str | None = fields.get("input")
        self.created = first.time
        self.status = ""
        self.due: int | None = None
        self.events: list[Event] = []
        self.digests: list[tuple[int, bytes]] = []
        self.checkpoints: list[Checkpoint] = []
        self.inbox: dict[str, Message] = {}
        self.sent: set[str] = set()
        self.pruned: Pruned | None = None

    def sizes(self) -> Sizes:
        """Return what it takes, as if nothing were shared."""
        log, payloads = 0, dict[str, int]()
        for event in self.events:
            log += _EVENT_BYTES + len(event.type) + len(event.task_id or "") + len(event.data or "")
            if event.payload:
                payloads[event.type] = payloads.get(event.type, 0) + len(event.payload)
        checkpoints = sum(len(one.state) for one in self.checkpoints)
        messages = sum(len(one.id) + len(one.data) for one in self.inbox.values())
        return Sizes(len(self.events), log, payloads, 0, checkpoints, messages)

    def delete_recorded(self, summary: Pruned) -> None:
        """Delete the log, checkpoints and messages, and keep a summary."""
        self.pruned = summary
        self.events, self.digests, self.checkpoints, self.inbox = [], [], [], {}


class Database:
    """The runs and leases of one name, and the lock around them."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.runs: dict[str, RunRecord] = {}
        self.leases = LeaseTable()

    def existing(self, run_id: str) -> RunRecord:
        """Return a run, pruned or not. Raises ``RunNotFound``."""
        run = self.runs.get(run_id)
        if run is None:
            raise run_not_found(run_id)
        return run

    def refuse_pruned(self, run_id: str) -> None:
        """Raise ``RunPruned`` if the run was pruned."""
        run = self.runs.get(run_id)
        if run is not None and run.pruned is not None:
            raise pruned_error(run_id, run.status, run.pruned)

    def info(self, run: RunRecord, clock: Clock) -> RunInfo:
        """Return a run as it is listed."""
        lease = self.leases.info(run.run_id, clock)
        pruned = run.pruned
        updated, seq = (run.events[-1].time, run.events[-1].seq) if pruned is None else (pruned.ended, pruned.events)
        return RunInfo(
            run.run_id,
            run.workflow,
            run.status,
            run.created,
            updated,
            seq,
            driven=lease is not None and lease.alive,
            file=run.file,
            input=run.input,
            due=run.due,
            messages=bool(run.inbox),
            pruned=pruned,
        )

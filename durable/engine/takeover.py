"""How a drive begins: the run is created, or an interrupted one is taken over with the code as it is now."""

from __future__ import annotations

from durable.context.effects import Write
from durable.core.divergence import compare
from durable.core.run_events import definition_changed, run_continued, run_created
from durable.core.state import RunState
from durable.core.transitions import INTERRUPTED, SUSPENDED
from durable.definition.compile import Compiled
from durable.engine.bulk_transitions import take_over
from durable.engine.journal import Journal
from durable.engine.load import encode_definition
from durable.engine.request import Asked, Request
from durable.engine.run_input import writes_digest
from durable.errors import DivergenceError
from durable.store import Lease

_FOUND = {INTERRUPTED: "stopped", SUSPENDED: "suspended"}


def create(journal: Journal, code: Compiled, request: Request, writes: list[Write]) -> None:
    """Record that the run exists, with its definition and its input."""
    created = run_created(
        encode_definition(code.definition),
        workflow=code.definition.workflow,
        version=code.definition.version,
        file=code.file,
        start=request.start,
        input=writes_digest(writes),
        max_steps=request.max_steps,
        deadline=request.deadline,
    )
    journal.emit(created)
    journal.emit_writes(writes, None)


def continue_run(journal: Journal, lease: Lease, code: Compiled, asked: Asked, *, accept: bool) -> None:
    """Take an interrupted run over. Only a drive whose process died counts against its tasks."""
    state = journal.state
    check_divergence(state, code, accept)
    found = _FOUND.get(state.status) or lease.took_over or "ended without a word"
    follow(journal, code, accept, asked)
    take_over(journal, run_continued(lease.owner, found, **asked), counted=lease.took_over == "died")


def check_divergence(state: RunState, code: Compiled, accept: bool) -> None:
    """Refuse code that differs before the frontier, unless that is accepted. Raises ``DivergenceError``."""
    found = compare(state, code.definition)
    if found.before and not accept:
        raise DivergenceError(
            "the code differs from what the run recorded, before the frontier: " + "; ".join(found.before[:5]),
            changes=found.before,
            run_id=state.run_id,
        )
    for line in found.reported:
        import logging  # 3 ms, for what hardly ever happens

        logging.getLogger("durable.engine").info("run %s: %s", state.run_id, line)


def follow(journal: Journal, code: Compiled, accept: bool, asked: Asked) -> None:
    """Record that the run follows the live definition from here on, if it differs."""
    found = compare(journal.state, code.definition)
    if found.any:
        changes = found.before + found.reported
        definition, accepted = encode_definition(code.definition), bool(found.before) and accept
        journal.emit(definition_changed(definition, changes=changes[:50], accepted=accepted, **asked))

"""Staging: what an attempt wants to have committed with its result, as its context and the engine share it.

It keeps and hands over; what task code may call stands in ``attempt.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

from durable.context.call_numbering import Numbering
from durable.context.effects import Effects, Prompt, Write
from durable.context.metadata import Metadata
from durable.errors import AttemptEnded, CycleLimitExceeded, DefinitionError

if TYPE_CHECKING:
    from durable.context.cursor_effects import CursorEffects
    from durable.context.port import Port, View
    from durable.core.specs import Fragment
    from durable.definition.scheduling import Scheduling


class Staging:
    """What one attempt has staged so far.

    Args:
        view: the run's committed data.
        attempt: the attempt.

    Attributes:
        staged: changes of the channel, in order; scheduling: tasks; prompts: those that were rendered.
        numbering: of the body's durable calls; port: what takes them.
        ended: why the attempt is over; None while it is not.
        loop_error: why it may make no further iteration.
    """

    def __init__(self, view: View, attempt: Port) -> None:
        self.view = view
        self.run_id = view.run_id
        self.iteration = attempt.iteration
        self.node_id = attempt.task.task_id
        self.task_id = self.node_id if self.iteration == 1 else f"{self.node_id}[{self.iteration}]"
        self.attempt = attempt.number - attempt.before
        self.port = attempt
        self.staged: list[Write] = []
        self.ended: str | None = None
        self.numbering = Numbering(self.run_id, self.task_id, attempt.marks)
        self.loop_error: CycleLimitExceeded | None = None
        self.scheduling: Scheduling | None = None
        self._metadata: Metadata | None = None
        self._goto = False
        self._effects = Effects()
        self.prompts: list[Prompt] = []
        self._cursor_effects: CursorEffects | None = None
        if attempt.carried:
            from durable.context.cursor_effects import CursorEffects

            self._cursor_effects = CursorEffects(self, attempt.carried)

    @property
    def metadata(self) -> Metadata:
        """The run's durable metadata."""
        self.check()
        if self._metadata is None:
            self._metadata = Metadata(self.view, self.check, self.numbering)
        return self._metadata

    def check(self) -> None:
        """Raise ``AttemptEnded`` when the attempt is over."""
        if self.ended is not None:
            raise AttemptEnded(
                f"attempt {self.attempt} of task {self.task_id!r} has ended ({self.ended}); nothing was recorded"
            )

    def choose(self, taken: Sequence[str] | None) -> None:
        """Take only these successors, by id; None leaves it as it is.

        Args:
            taken: ids of successors.
        """
        if taken is not None and not self._goto:
            self._effects.taken = list(taken)

    @property
    def has_chosen(self) -> bool:
        """Whether the body itself said what follows: another iteration, another task, or the end of the run."""
        found = self._effects
        return self._goto or found.again or found.terminates or found.cancels is not None

    @property
    def cancels(self) -> str | None:
        """Why the run is to be cancelled when this attempt ends."""
        return self._effects.cancels

    def effects(self) -> Effects:
        """Return everything the attempt wants to have committed with its result.

        Raises:
            DefinitionError: it asked for another iteration and chose what follows as well.
        """
        if self._cursor_effects is not None:
            self._cursor_effects.restore_rest()
        found = self._effects
        found.writes = self.staged + self.metadata_writes()
        if self.scheduling is not None:
            found.fragment = self.scheduling.fragment()
        if self._goto:
            if found.again:
                raise DefinitionError(
                    "an attempt cannot both ask for another iteration and jump to another task",
                    run_id=self.run_id,
                    task_id=self.task_id,
                )
            found.taken = list(self.scheduling.jumps) if self.scheduling is not None else []
        return found

    @property
    def cursor_effects(self) -> CursorEffects:
        """What iterations of tracked loops stage."""
        if self._cursor_effects is None:
            from durable.context.cursor_effects import CursorEffects

            self._cursor_effects = CursorEffects(self)
        return self._cursor_effects

    def stage(self, write: Write) -> None:
        """Take a change of the channel in.

        Args:
            write: what the attempt writes.
        """
        self.staged.append(write)
        if self._cursor_effects is not None:
            self._cursor_effects.open.append((len(self.staged), write))

    def metadata_writes(self) -> list[Write]:
        """What the attempt has changed of the metadata."""
        return self._metadata.writes() if self._metadata is not None else []

    def after(self) -> tuple[Effects, bool]:
        """What is to happen after the attempt so far, and whether it goes somewhere else; a copy."""
        effects = copy(self._effects)
        if self._goto and self.scheduling is not None:
            effects.taken = list(self.scheduling.jumps)
        return effects, self._goto

    def restore(self, fragment: Fragment | None, effects: Effects | None, goto: bool) -> None:
        """Take in what an earlier attempt left in an iteration that it finished.

        Args:
            fragment: what it scheduled.
            effects: what else it wants to have committed.
            goto: whether it chose what follows.
        """
        if fragment is not None:
            self.schedule().restore(fragment)
        if effects is not None:
            self._effects, self._goto = effects, goto
            if goto:
                self.schedule().jumps.update(dict.fromkeys(effects.taken or ()))

    def schedule(self) -> Scheduling:
        """What the attempt schedules, made when it is first asked for."""
        if self.scheduling is None:
            from durable.definition.scheduling import Scheduling

            index = self.view.state.index
            self.scheduling = Scheduling(self.task_id, index.__contains__)
        return self.scheduling

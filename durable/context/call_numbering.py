"""Scopes: how the durable calls of a body are numbered, and how a later attempt finds what they recorded."""

from __future__ import annotations

from contextvars import ContextVar

from durable.core.durable_calls import Mark, Marks, find
from durable.errors import DefinitionError, DivergenceError

CLOSED = "a step"
"""Why no durable call may be made: the value of a step is recorded, what it does besides is not done again."""


class Scope:
    """A body, or one iteration of a tracked loop in it.

    Args:
        owner: the numbering that it belongs to.
        prefix: what the marks in it begin with.
    """

    def __init__(self, owner: Numbering, prefix: str = "") -> None:
        self.owner = owner
        self.prefix = prefix
        self.count = 0


_SCOPE: ContextVar[Scope | None] = ContextVar("durable_scope", default=None)
_STEP: ContextVar[bool] = ContextVar("durable_in_step", default=False)


class Numbering:
    """Numbers the durable calls of one attempt.

    Args:
        run_id, task_id: where the attempt is, for errors.
        recorded: what earlier attempts recorded.
    """

    def __init__(self, run_id: str, task_id: str, recorded: Marks) -> None:
        self.recorded = recorded
        self._run_id = run_id
        self._task_id = task_id
        self._root = Scope(self)
        self._loops: list[str] = []

    def next(self, kind: str, name: str | None) -> tuple[str, Mark | None]:
        """Number the next call.

        Args:
            kind: what it is.
            name: what it is called; None when that does not identify it.

        Returns:
            The path of its mark, and the mark if an earlier attempt has made the call.

        Raises:
            DivergenceError: an earlier attempt made another call here.
            DefinitionError: it is made inside a step.
        """
        self.refuse_in_step(f"a {kind}")
        scope = self.present
        path = f"{scope.prefix}{scope.count}"
        scope.count += 1
        mark = find(self.recorded, path)
        if mark is None or not mark.seq:
            return path, None
        if mark.kind != kind or (name is not None and mark.name != name):
            was, now = f"{mark.kind} {mark.name}".strip(), f"{kind} {name or ''}".strip()
            raise DivergenceError(
                f"durable call {path} of the body was {was!r} in an earlier attempt and is {now!r} now",
                changes=[f"{path}: {was} -> {now}"],
                run_id=self._run_id,
                task_id=self._task_id,
                hint="Calls must come in the same order in every attempt: restore it, or give the task another id",
            )
        return path, mark

    def refuse_in_step(self, what: str) -> None:
        """Refuse what would be lost when the step's value is taken from the log. Raises ``DefinitionError``."""
        if _STEP.get():
            raise DefinitionError(
                f"{what} inside of {CLOSED} would be lost when the step is replayed",
                run_id=self._run_id,
                task_id=self._task_id,
                hint="Return what is needed from the step, and do it in the task's body",
            )

    @property
    def present(self) -> Scope:
        """The scope of the calls that are made here."""
        scope = _SCOPE.get()
        return scope if scope is not None and scope.owner is self else self._root

    @property
    def loops(self) -> int:
        """How many tracked loops go on, one in the other."""
        return len(self._loops)

    def begin_loop(self, path: str) -> None:
        """Begin an item of a tracked loop. Raises ``DefinitionError`` when it runs beside another one."""
        if self._loops[-1:] == [path]:
            return
        if self._loops and not path.startswith(f"{self._loops[-1]}/"):
            raise DefinitionError(
                f"tracked loop {path} was started while tracked loop {self._loops[-1]} is not over",
                run_id=self._run_id,
                task_id=self._task_id,
                hint="Run them one after the other, nest them, or make each a task of its own",
            )
        self._loops.append(path)

    def end_loop(self, path: str) -> None:
        """End a tracked loop, and what was left open inside of it."""
        if path in self._loops:
            del self._loops[self._loops.index(path) :]

    def enter(self, prefix: str) -> None:
        """Let calls be numbered anew, under a prefix."""
        _SCOPE.set(Scope(self, prefix))

    def back(self, scope: Scope) -> None:
        """Let calls be numbered as before."""
        _SCOPE.set(scope)


class InStep:
    """A context manager: what runs inside is a step."""

    def __enter__(self) -> None:
        self._token = _STEP.set(True)

    def __exit__(self, *_: object) -> None:
        _STEP.reset(self._token)

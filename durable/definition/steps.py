"""Steps as classes: work that a machine does, and questions that people answer.

A step becomes a task; what runs it knows only that. It must not know definitions, runs or the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, TypeVar

from durable.definition.checks import check_id, check_seconds
from durable.definition.expressions import Linkable, ParallelGroup
from durable.definition.task import Task
from durable.errors import DeadlineExceeded, DefinitionError

if TYPE_CHECKING:
    from typing import Self

    from durable.core.retry import RetryPolicy
    from durable.definition.expressions import Node

S = TypeVar("S", bound="BaseMachineStep")


class BaseMachineStep(Linkable):
    """A step that runs code; write one as a subclass with its own ``execute``.

    The instance is shared by all runs: what belongs to a run goes to the channel, not to ``self``.

    Args:
        name: the step's name; that of the class when left out.

    Attributes:
        name: the step's name; the name it has in its definition when left out.
        timeout_seconds: seconds that one attempt may take; None for no limit.
        retry: when a failed attempt is followed by another one.
        version: declared version of the code, used instead of a fingerprint of it.
    """

    name: str = ""
    timeout_seconds: float | None = None
    retry: RetryPolicy | None = None
    version: str | None = None

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            self.name = check_id(name)

    def execute(self, context: Any) -> Any:
        """Do the work; ``def`` or ``async def``. What it returns is the step's result.

        Args:
            context: the ``TaskExecutionContext``; further parameters are resolved by name, as for tasks.

        Raises:
            NotImplementedError: the subclass has none.
        """
        raise NotImplementedError(f"{type(self).__name__} has no execute")

    @classmethod
    def of_class(cls) -> Self:
        """See ``Linkable.of_class``."""
        return made_step(cls)

    def node(self) -> Node:
        """Return the task that the step stands for, always the same one."""
        made: Task[Any] | None = self.__dict__.get("_task")
        if made is None:
            made = Task(
                self._body(),
                self.name or type(self).__name__,
                inject_context=True,
                retry=self.retry,
                timeout=check_seconds("timeout_seconds", self.timeout_seconds, self.name),
                version=self.version,
            )
            self.__dict__["_task"] = made
        return made

    def _body(self) -> Any:
        if type(self).execute is BaseMachineStep.execute:
            raise DefinitionError(
                f"the step {type(self).__name__} has no execute of its own",
                hint="Write async def execute(self, context) in it",
            )
        return self.execute

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_task"}


class BaseHumanStep(BaseMachineStep):
    """A step that a person does: the run waits for a form, however long it takes.

    The answer is written to the channel: the whole form as ``<name>``, each field as ``<name>.<field>``.

    Args:
        name, title, form_schema, description, timeout, expires_in: the attributes; those of the class when left out.

    Attributes:
        title: a short heading for people; description: what they are to do.
        form_schema: a JSON Schema that the answer must fit; None takes any JSON.
        timeout: seconds to wait on the spot before the run is suspended.
        expires_in: seconds after which nobody can answer any more; None for no limit.
    """

    title: str | None = None
    description: str | None = None
    form_schema: Mapping[str, Any] | None = None
    timeout: float = 0.0
    expires_in: float | None = None

    def __init__(
        self,
        name: str | None = None,
        title: str | None = None,
        form_schema: Mapping[str, Any] | None = None,
        *,
        description: str | None = None,
        timeout: float | None = None,
        expires_in: float | None = None,
    ) -> None:
        super().__init__(name)
        given = {
            "title": title, "form_schema": form_schema, "description": description, "timeout": timeout,
            "expires_in": expires_in,
        }  # fmt: skip
        self.__dict__.update((key, value) for key, value in given.items() if value is not None)

    async def execute(self, context: Any) -> Any:
        """Ask, and return the form that was answered."""
        answer = await context.request_feedback(
            self.description or self.title or self.name,
            feedback_type="custom",
            request_id=context.task_id,
            title=self.title,
            form_schema=self.form_schema,
            timeout=self.timeout,
            expires_in=self.expires_in,
            form_step=self.name or type(self).__name__,
        )
        if answer.expired:
            found = self.on_expired(context)
            return await found if hasattr(found, "__await__") else found
        self._forget(context.get_channel(), answer.value)
        return answer.value

    def node(self) -> Node:
        """See ``BaseMachineStep.node``. Raises ``DefinitionError`` for a form that cannot be."""
        if self.form_schema is not None:
            from durable.definition.forms import check_schema

            check_schema(self.form_schema)
        check_seconds("expires_in", self.expires_in, self.name)
        return super().node()

    def on_expired(self, context: Any) -> Any:
        """Say what happens when nobody answered in time; what it returns is the step's result.

        Args:
            context: that of the step's attempt.

        Raises:
            DeadlineExceeded: always, unless a subclass says otherwise.
        """
        raise DeadlineExceeded(
            f"nobody answered within {self.expires_in:g} s",
            run_id=context.run_id,
            task_id=context.task_id,
            hint="To continue without an answer, write on_expired(self, context) in the step",
        )

    def _forget(self, channel: Any, form: Any) -> None:
        """Remove fields of an earlier round that this form lacks."""
        prefix = f"{self.name or type(self).__name__}."
        keys: list[str] = channel.keys()
        for key in keys:
            field = key.removeprefix(prefix)
            if field != key and not (isinstance(form, dict) and field in form):
                channel.delete(key)


def named_step(item: Any, name: str) -> Node:
    """Return the task or group that a step means under a name of its definition.

    Args:
        item: a step or a step class, a task, or a group.
        name: the name.

    Raises:
        DefinitionError: something else, or a step or a group with another name of its own.
    """
    if isinstance(item, type) and issubclass(item, Linkable):
        item = item.of_class()
    if isinstance(item, BaseMachineStep):
        _check_name(type(item).__name__, item.name, name)
        step: BaseMachineStep = item if item.name else copy(item)
        step.__dict__["name"] = name
        return step.node()
    if isinstance(item, Task):
        return item
    if isinstance(item, ParallelGroup):
        _check_name("group", item.name, name)
        return item
    hint = "Decorate it with @task" if callable(item) else "Give a step class, a step, a task or a ParallelGroup"
    raise DefinitionError(f"{name!r} is no step: {item!r}", hint=hint)


def made_step(kind: type[S]) -> S:
    """Return an instance of a step class. Raises ``DefinitionError`` for one that needs arguments."""
    try:
        return kind()
    except TypeError as error:
        raise DefinitionError(
            f"the step class {kind.__name__} cannot be made without arguments: {error}",
            hint=f"Give an instance: {kind.__name__}(...)",
        ) from None


def _check_name(what: str, own: str | None, name: str) -> None:
    if own and own != name:
        raise DefinitionError(
            f"the step {name!r} is a {what} that names itself {own!r}", hint="Give both one name, or leave its own out"
        )

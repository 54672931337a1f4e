"""TaskExecutionContext: what the body of one attempt may read, stage, record and ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from durable.context.channel import Channel
from durable.context.effects import Prompt
from durable.context.staging import Staging
from durable.errors import CycleLimitExceeded, DefinitionError
from durable.values.payloads import encode

if TYPE_CHECKING:
    import logging

    from durable.context.tracked_loop import Tracked
    from durable.core.retry import RetryPolicy
    from durable.definition.expressions import Linkable
    from durable.definition.questions import FeedbackType

T = TypeVar("T")


class TaskExecutionContext(Staging):
    """What a task's body sees of its run; valid for one attempt.

    In a coroutine body the calls that wait (``step``, ``checkpoint``, ``sleep``, ``wait_for_signal``,
    ``request_feedback``) return awaitables, and ``track`` is iterated with ``async for``.

    Attributes:
        run_id, task_id: where the body runs; iterations of a loop are named ``task[2]`` and on.
        attempt: this attempt's number, from 1, counted across crashes.
        iteration: the number of the task's iteration, from 1.
        metadata: the run's durable metadata, a dict.
    """

    @property
    def idempotency_key(self) -> str:
        """A key for outside effects, the same for every attempt of this task: ``run_id/task_id``."""
        return f"{self.run_id}/{self.task_id}"

    @property
    def cancelled(self) -> bool:
        """Whether the attempt has ended without the body: timed out, cancelled or its group decided."""
        return self.ended is not None

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that adds run, task and attempt to its records."""
        import logging  # 3 ms, for those who log

        task_log = logging.getLogger("durable.task")
        return logging.LoggerAdapter(
            task_log, {"run_id": self.run_id, "task_id": self.task_id, "attempt": self.attempt}
        )

    def get_channel(self) -> Channel:
        """Return the channel."""
        self.check()
        return Channel(self)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a channel key's value, or the default.

        Args:
            key: the channel's key.
            default: what is returned when the key is not there.
        """
        return Channel(self).get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Set a channel key.

        Args:
            key: the channel's key.
            value: any value that can be stored.
        """
        Channel(self).set(key, value)

    def get_result(self, task_id: str, default: Any = None) -> Any:
        """Return the recorded value of a task or group, or the default when it has none.

        Args:
            task_id: its id, or the short id of a scheduled one where only one has it.
            default: what to return when it has no value (yet).

        Raises:
            DefinitionError: the run has no task or group of that id.
        """
        self.check()
        return self.view.result(task_id, default, self.port.node)

    # What happens once the attempt has succeeded.

    def next_task(self, item: Linkable, goto: bool = False) -> None:
        """Schedule a task, a group or a chain; what is scheduled is committed with this attempt's result.

        Args:
            item: such as ``work(item=1)``, ``parallel(*tasks)`` or ``group >> report``.
            goto: take this instead of the task's successors. A task or group of the workflow itself is
                gone to, not scheduled a second time; it must not have started.

        Raises:
            DefinitionError: something that cannot be scheduled, or gone to.
            PayloadError: bound arguments that cannot be recorded.
        """
        self.check()
        self.numbering.refuse_in_step("next_task")
        scheduling = self.schedule()
        target = self.port.own(item) if goto else None
        if target is not None:
            self.port.check_jump(target)
            scheduling.jumps[target] = None
        else:
            scheduling.add(item)
        self._goto = self._goto or goto

    def next_iteration(self, data: Any = None) -> None:
        """Run this task again after this attempt, as its next iteration; what follows it waits for the last one.

        Args:
            data: a value for the first parameter that nothing else gives, or the task with arguments bound.

        Raises:
            CycleLimitExceeded: the task has made as many iterations as its ``max_cycles`` allows.
            DefinitionError: another task, or no parameter to give the value to.
        """
        self.check()
        self.numbering.refuse_in_step("next_iteration")
        if self._effects.again:
            raise DefinitionError(
                "an attempt is followed by one iteration, and it has asked for one already",
                run_id=self.run_id,
                task_id=self.task_id,
            )
        task = self.port.task
        if task.max_cycles is not None and self.iteration >= task.max_cycles:
            self.loop_error = CycleLimitExceeded(
                f"the task has made {self.iteration} iterations, as many as its max_cycles allows",
                run_id=self.run_id,
                task_id=self.task_id,
                hint="Raise max_cycles, or end the loop before",
            )
            raise self.loop_error
        self._effects.iteration = encode(dict(self.port.next_arguments(data)))
        self._effects.again = True

    def terminate_workflow(self, result: Any = None) -> None:
        """End the run with success once this attempt has succeeded; what has not run is skipped.

        Args:
            result: the run's result.
        """
        self.check()
        self.numbering.refuse_in_step("terminate_workflow")
        self._effects.result = encode(result)
        self._effects.terminates = True

    def cancel_workflow(self, error: Any = None) -> None:
        """Cancel the run once this attempt ends, however it ends; no policy is asked.

        Args:
            error: why; a text or an exception.
        """
        self.check()
        self.numbering.refuse_in_step("cancel_workflow")
        self._effects.cancels = str(error) if error is not None else "cancelled by a task"

    # What is recorded at once.

    def step(self, fn: Callable[..., Any], *args: Any, retry: RetryPolicy | None = None, **kwargs: Any) -> Any:
        """Call a function and record its value; a later attempt gets the recorded value.

        Args:
            fn: the function, also a coroutine function; its name identifies the step.
            *args, **kwargs: its arguments.
            retry: when a call that raised is followed by another one, within this attempt.

        Raises:
            DivergenceError: an earlier attempt made another durable call here.
            PayloadError: the value cannot be recorded.
            Exception: whatever the function raised last.
        """
        self.check()
        from durable.context.durable_calls import step

        return step(self, fn, args, kwargs, retry)

    def checkpoint(self, state: Any = None) -> Any:
        """Save a state for the next attempt, durably and at once; only the newest counts.

        Args:
            state: any value that can be stored.
        """
        self.check()
        from durable.context.durable_calls import checkpoint

        return checkpoint(self, state)

    @property
    def checkpoint_state(self) -> Any:
        """The state that an earlier attempt saved last, a fresh copy; None without one."""
        self.check()
        return self.view.load(self.port.saved) if self.port.saved else None

    def track(self, items: Iterable[T], key: Callable[[T], Any] | None = None) -> Tracked[T]:
        """Iterate over items; a later attempt goes on after the last item that was finished.

        What an iteration writes to the channel or schedules is recorded with it, and published when the
        task succeeds.

        Args:
            items: the same items in the same order in every attempt.
            key: identifies items, so that items before the last finished one may come and go.

        Raises:
            DivergenceError: the items are not those of the earlier attempt.
        """
        self.check()
        from durable.context.tracked_loop import Tracked

        return Tracked(self, items, key)

    def sleep(self, seconds: float) -> Any:
        """Wait; the time goes on while nothing runs. For long waits the body starts again from the top.

        Args:
            seconds: how long, by the wall clock.
        """
        self.check()
        from durable.context.durable_calls import sleep

        return sleep(self, seconds)

    def wait_for_signal(self, name: str, timeout: float | None = None) -> Any:
        """Wait for a signal and return what it carries.

        Args:
            name: the signal.
            timeout: seconds by the wall clock; None waits however long it takes.

        Raises:
            SignalTimedOut: none came in time.
        """
        self.check()
        from durable.context.durable_calls import wait_for_signal

        return wait_for_signal(self, name, timeout)

    def request_feedback(
        self,
        message: str = "",
        *,
        feedback_type: FeedbackType | str = "approval",
        options: Sequence[str] | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        expires_in: float | None = None,
        channel_key: str | None = None,
        form_schema: Any = None,
        title: str | None = None,
        form_step: str | None = None,
    ) -> Any:
        """Ask a person, wait for the answer and return it as a ``FeedbackResponse``.

        Args:
            message: the question.
            feedback_type: approval, text, selection, multi_selection or custom.
            options: what can be chosen.
            request_id: the request's id in the run; made of the task's when left out.
            timeout: seconds to wait here before the run is suspended; 5 when left out.
            expires_in: seconds after which the request expires; the response says so.
            channel_key: the channel key that the answer is written to.
            form_schema: a JSON Schema that the answer must fit.
            title: a short heading for people.
            form_step: for human steps: the answer is written to this channel key, its fields below it.

        Raises:
            DefinitionError: a question that cannot be asked.
        """
        self.check()
        from durable.context.durable_calls import LIVE_WAIT, request_feedback
        from durable.definition.questions import make_request

        request = make_request(
            request_id, feedback_type, message, options=options, title=title, form_schema=form_schema,
            channel_key=channel_key, expires_in=expires_in, form_step=form_step,
        )  # fmt: skip
        return request_feedback(self, request, LIVE_WAIT if timeout is None else timeout)

    def note_prompt(self, name: str, label: str | None, version: str, digest: str) -> None:
        """Record with the task that it rendered a prompt.

        Args:
            name: the prompt's name.
            label: the label that it was asked for by, if it was.
            version: the version that was rendered.
            digest: the digest of its text.
        """
        self.check()
        prompt = Prompt(name, label, version, digest)
        if prompt not in self.prompts:
            self.prompts.append(prompt)

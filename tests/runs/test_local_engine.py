"""LocalExecutionEngine: runs of class definitions, started and gone on with from inside an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from durable import DefinitionError, FeedbackRefused, RunNotFound, Store, open_run, parallel
from durable.definition.registry import WorkflowRegistry
from durable.definition.steps import BaseHumanStep, BaseMachineStep
from durable.definition.workflow_definition import Edge, WorkflowDefinition
from durable.runs.local_engine import LocalExecutionEngine
from durable.testing import FakeClock

T = TypeVar("T")

FORM = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}, "comment": {"type": "string"}},
    "required": ["approved"],
}


class Approve(BaseHumanStep):
    """DurableCalls a person."""

    title = "Approve the order"
    description = "Is it worth its price?"
    form_schema = FORM
    expires_in = 3600.0


class Total(BaseMachineStep):
    """Adds up."""

    async def execute(self, context: Any) -> None:
        context.set("total", context.get("price") * 2)


class Ship(BaseMachineStep):
    """Comes last."""

    def execute(self, context: Any) -> str:
        return f"shipped for {context.get('total')}: {context.get('approve.comment')}"


def orders(version: str | None = "1", **parts: Any) -> WorkflowDefinition:
    """Add up, ask, and ship; or ask again."""
    return WorkflowDefinition(
        "orders",
        version=version,
        steps={"add": Total, "approve": Approve, "ship": Ship} | parts,
        edges=[
            Edge("add", "approve"),
            Edge("approve", "ship", lambda ctx: ctx.get("approve.approved")),
            Edge("approve", "add", lambda ctx: not ctx.get("approve.approved")),
        ],
        initial_step="add",
        terminal_steps={"ship"},
    )


def engine(store: Any, *definitions: WorkflowDefinition) -> LocalExecutionEngine:
    """Make an engine as a fresh process would."""
    registry = WorkflowRegistry()
    for definition in definitions or (orders(),):
        registry.register_definition(definition)
    return LocalExecutionEngine(registry, store)


def test_a_run_waits_for_its_person_and_goes_on(store: Store) -> None:
    """A form that does not fit is refused and can be sent again; the answer is in the channel."""

    async def main() -> None:
        local = engine(store)
        begun = await local.start_workflow("orders", {"price": 5}, run_id="o1")
        assert (begun.status, begun.version, begun.result) == ("suspended", "1", None)
        assert begun.context.data == {"price": 5, "total": 10}
        [waits] = await local.pending_tasks()
        assert (waits.run_id, waits.step, waits.title) == ("o1", "approve", "Approve the order")
        assert waits.form_schema == FORM
        with pytest.raises(FeedbackRefused, match="'approved' is a required property"):
            await local.complete_human_task("o1", "approve", {"comment": "?"}, user="eva")
        assert await local.pending_tasks("o1") == [waits]
        ended = await local.complete_human_task("o1", "approve", {"approved": True, "comment": "ok"}, user="eva")
        assert (ended.status, ended.result) == ("succeeded", "shipped for 10: ok")
        assert ended.context.get("approve") == {"approved": True, "comment": "ok"}
        assert ended.context.get("approve.comment") == "ok"
        assert await local.pending_tasks() == []
        answered = [event for event in open_run("o1", store).events() if event.type == "FeedbackAnswered"]
        assert [event.fields["actor"] for event in answered] == ["eva"]
        with pytest.raises(FeedbackRefused, match="answered already"):
            await local.complete_human_task("o1", "approve", {"approved": False})

    asyncio.run(main())


def test_another_process_completes_what_one_began(tmp_path: Path) -> None:
    """A new engine on the same file: kept nowhere else."""
    url = f"sqlite:///{tmp_path}/runs.db?synchronous=normal"

    async def begin() -> None:
        async with engine(url) as local:
            assert (await local.start_workflow("orders", {"price": 5}, run_id="o1")).status == "suspended"

    async def complete() -> None:
        async with engine(url) as local:
            assert (await local.resume("o1")).status == "suspended", "nothing has come"
            found = await local.complete_human_task("o1", "approve", {"approved": True})
            assert found.result == "shipped for 10: None"
            assert (await local.get_run("o1")).result == found.result

    asyncio.run(begin())
    asyncio.run(complete())


def test_a_human_step_asks_anew_in_each_round(store: Store) -> None:
    """By its name; fields that the new form lacks do not stay behind."""

    async def main() -> None:
        local = engine(store)
        await local.start_workflow("orders", {"price": 5}, run_id="o1")
        again = await local.complete_human_task("o1", "approve", {"approved": False, "comment": "dear"})
        assert again.status == "suspended"
        assert again.context.get("approve.comment") == "dear"
        [waits] = await local.pending_tasks()
        assert waits.step == "approve"
        assert waits.request_id != "approve"
        ended = await local.complete_human_task("o1", "approve", {"approved": True})
        assert ended.result == "shipped for 10: None"

    asyncio.run(main())


def test_a_run_goes_on_with_the_version_that_began_it(store: Store) -> None:
    """A newer one is for new runs; a version that is not registered any more is named."""

    class Send(Ship):
        def execute(self, context: Any) -> str:
            return "sent"

    async def main() -> None:
        await engine(store).start_workflow("orders", {"price": 5}, run_id="o1")
        local = engine(store, orders(), orders("2", ship=Send))
        await local.start_workflow("orders", {"price": 5}, run_id="o2")
        assert (await local.get_run("o2")).version == "2"
        assert (await local.start_workflow("orders", {"price": 5}, run_id="o1")).version == "1"
        assert (await local.complete_human_task("o1", "approve", {"approved": True})).result == "shipped for 10: None"
        assert (await local.complete_human_task("o2", "approve", {"approved": True})).result == "sent"
        assert (await local.start_workflow("orders", {"price": 5}, version="1", run_id="o3")).version == "1"
        with pytest.raises(DefinitionError, match=r"'orders' version 1 is not registered. Its versions are: 2"):
            await engine(store, orders("2")).resume("o3")

    asyncio.run(main())


def test_a_failed_run_is_resumed_by_another_engine(store: Store) -> None:
    """Its error is at hand; what succeeded does not run again."""
    broken = [True]

    class Breaks(Total):
        async def execute(self, context: Any) -> None:
            if broken:
                raise ValueError("no price list")
            await super().execute(context)

    async def main() -> None:
        failed = await engine(store, orders(add=Breaks)).start_workflow("orders", {"price": 5}, run_id="o1")
        assert failed.status == "failed"
        assert "no price list" in str(failed.error)
        broken.clear()
        assert (await engine(store, orders(add=Breaks)).resume("o1", user="eva")).status == "suspended"

    asyncio.run(main())


def test_a_run_is_cancelled_for_good(store: Store) -> None:
    """With reason and user; its questions are closed."""

    async def main() -> None:
        local = engine(store)
        await local.start_workflow("orders", {"price": 5}, run_id="o1")
        gone = await local.cancel("o1", "changed our mind", user="eva")
        assert gone.status == "cancelled"
        assert "changed our mind" in str(gone.error)
        assert await local.pending_tasks() == []
        with pytest.raises(FeedbackRefused, match="closed"):
            await local.complete_human_task("o1", "approve", {"approved": True})
        assert (await local.resume("o1")).status == "cancelled"

    asyncio.run(main())


def test_what_nobody_answers_in_time_fails_its_step(store: Store, clock: FakeClock) -> None:
    """An unconditional edge would otherwise go on without the approval; a step may say something else."""

    class Escalates(Approve):
        async def on_expired(self, context: Any) -> None:
            context.set("approve.approved", True)
            context.set("approve.comment", "nobody was there")

    async def main(step: type[Approve], run_id: str) -> Any:
        local = engine(store, orders(approve=step))
        await local.start_workflow("orders", {"price": 5}, run_id=run_id)
        clock.advance(3601)
        assert await local.pending_tasks() == []
        return await local.resume(run_id)

    failed = asyncio.run(main(Approve, "o1"))
    assert failed.status == "failed"
    assert "nobody answered within 3600 s" in str(failed.error)
    assert asyncio.run(main(Escalates, "o2")).result == "shipped for 10: nobody was there"


def test_several_people_are_asked_at_once(store: Store) -> None:
    """Members of a group, each by name, in any order and also at the same moment; the policy judges."""
    people = {name: BaseHumanStep(name, "Sign", FORM) for name in ("legal", "finance", "security")}
    definition = WorkflowDefinition(
        "sign",
        steps={"all": parallel(*people.values()), "ship": Ship},
        edges=[Edge("all", "ship")],
        initial_step="all",
        terminal_steps={"ship"},
    )

    async def main() -> None:
        local = engine(store, definition)
        await local.start_workflow("sign", {"total": 1}, run_id="s1")
        assert {one.step for one in await local.pending_tasks()} == set(people)
        assert {(one.title, one.description) for one in await local.pending_tasks()} == {("Sign", "Sign")}
        await local.complete_human_task("s1", "finance", {"approved": True})
        with pytest.raises(FeedbackRefused, match=r"'ship'.*Open are: 'legal', 'security'"):
            await local.complete_human_task("s1", "ship", {})
        both = [local.complete_human_task("s1", name, {"approved": True}) for name in ("legal", "security")]
        assert "succeeded" in [one.status for one in await asyncio.gather(*both)]
        assert (await local.get_run("s1")).context.get("legal.approved") is True

    asyncio.run(main())


def test_an_answer_is_taken_while_the_run_is_driven(tmp_path: Path) -> None:
    """A step that waits on the spot goes on at once; both callers see the end."""

    class Stays(Approve):
        timeout = 30.0

    async def main() -> None:
        async with engine(f"sqlite:///{tmp_path}/runs.db", orders(approve=Stays)) as local:
            begun = asyncio.create_task(local.start_workflow("orders", {"price": 5}, run_id="o1"))
            await _until(local.pending_tasks)
            ended = await local.complete_human_task("o1", "approve", {"approved": True})
            assert ended.status == "succeeded"
            assert (await begun).status == "succeeded"

    asyncio.run(main())


async def _until(look: Callable[[], Awaitable[T]]) -> T:
    async with asyncio.timeout(20):
        while not (found := await look()):
            await asyncio.sleep(0.01)
    return found


def test_the_event_loop_is_never_blocked(tmp_path: Path) -> None:
    """Plain steps run beside it, coroutines on it."""
    loops: list[Any] = []

    class Slow(BaseMachineStep):
        def execute(self, context: Any) -> None:
            time.sleep(0.4)

    class Where(BaseMachineStep):
        async def execute(self, context: Any) -> None:
            loops.append(asyncio.get_running_loop())

    definition = WorkflowDefinition(
        "slow", steps={"a": Slow, "b": Where}, edges=[Edge("a", "b")], initial_step="a", terminal_steps={"b"}
    )

    async def main() -> int:
        async with engine(f"sqlite:///{tmp_path}/runs.db", definition) as local:
            run = asyncio.create_task(local.start_workflow("slow"))
            ticks = 0
            while not run.done():
                await asyncio.sleep(0.01)
                ticks += 1
            assert (await run).status == "succeeded"
            assert loops == [asyncio.get_running_loop()]
            return ticks

    assert asyncio.run(main()) > 15


def test_what_is_not_there_says_so(store: Store) -> None:
    """Names of workflows and ids of runs."""

    async def main() -> None:
        local = engine(store)
        with pytest.raises(DefinitionError, match="no workflow 'other' is registered"):
            await local.start_workflow("other")
        for call in (local.get_run, local.resume, local.cancel, local.pending_tasks):
            with pytest.raises(RunNotFound):
                await call("gone")
        with pytest.raises(RunNotFound):
            await local.complete_human_task("gone", "approve", {})

    asyncio.run(main())


def test_a_store_that_was_given_stays_open(store: Store) -> None:
    """It belongs to whoever opened it."""

    async def main() -> None:
        async with engine(store) as local:
            await local.start_workflow("orders", {"price": 5}, run_id="o1")

    asyncio.run(main())
    assert [info.run_id for info in store.runs()] == ["o1"]

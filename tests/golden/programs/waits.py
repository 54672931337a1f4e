"""Waits: questions, signals and sleeps; open, answered, expired, and answered while nothing ran."""

from __future__ import annotations

from typing import Any

from durable import FeedbackRefused, SignalTimedOut, Store, TaskExecutionContext, Workflow, parallel, task, workflow

ABOUT = "Waits: questions of each kind, signals and sleeps; open, answered, expired, and messages that nobody took yet"
bodies: list[str] = []
mended = False
HOUR = 3600
FORM = {
    "type": "object",
    "properties": {"amount": {"type": "integer", "minimum": 1}, "account": {"type": "string"}},
    "required": ["amount"],
}


def mail(text: str) -> str:
    bodies.append(f"mail {text}")
    return text


@task
def remind(ctx: TaskExecutionContext) -> str:
    bodies.append("remind")
    ctx.step(mail, "first")
    ctx.sleep(72 * HOUR)
    return ctx.step(mail, "second")


with workflow("reminder") as reminder:
    reminder.add(remind)


@task
def deliver(ctx: TaskExecutionContext) -> Any:
    bodies.append("deliver")
    try:
        return ctx.wait_for_signal("address", timeout=24 * HOUR)
    except SignalTimedOut as error:
        return type(error).__name__


with workflow("delivery") as delivery:
    delivery.add(deliver)


@task
def ask(ctx: TaskExecutionContext, kind: str) -> Any:
    bodies.append(f"ask {kind}")
    options = ["red", "blue", "green"] if "selection" in kind else None
    form = FORM if kind == "custom" else None
    answer = ctx.request_feedback(
        f"{kind}?", feedback_type=kind, options=options, request_id=f"q-{kind}", timeout=0, channel_key=f"said.{kind}",
        form_schema=form, title=f"A question of kind {kind}",
    )  # fmt: skip
    return [answer.value, answer.approved, answer.by, answer.reason, answer.expired]


with workflow("questions") as questions:
    kinds = ["approval", "text", "selection", "multi_selection", "custom"]
    questions.add(parallel([ask(task_id=kind, kind=kind) for kind in kinds], name="all"))


@task
def hurry(ctx: TaskExecutionContext) -> Any:
    bodies.append("hurry")
    first = ctx.request_feedback("Quick?", expires_in=HOUR, timeout=0)
    second = ctx.request_feedback("And this?", timeout=0)
    return [first.expired, first.value, second.value]


with workflow("hurry") as hurried:
    hurried.add(hurry)


@task
async def later(ctx: TaskExecutionContext) -> Any:
    bodies.append("later")
    return [await ctx.wait_for_signal("one"), (await ctx.request_feedback("Two?", timeout=0)).approved]


with workflow("later") as waiting_coroutine:
    waiting_coroutine.add(later)


def _suspended(flow: Workflow, run_id: str, **options: Any) -> Any:
    return lambda store: flow.start(run_id=run_id, store=store, **options)


def slept(store: Store) -> None:
    reminder.start(run_id="slept", store=store)
    store.clock.advance(72 * HOUR)  # type: ignore[attr-defined]
    reminder.resume("slept", store=store)


def due(store: Store) -> None:
    reminder.start(run_id="due", store=store, deadline=80 * HOUR)
    store.clock.advance(73 * HOUR)  # type: ignore[attr-defined]


def signalled(store: Store) -> None:
    run = delivery.start(run_id="signalled", store=store)
    run.signal("address", {"street": "Main", "numbers": (1, 2)}, id="mail-1", actor="tom", reason="asked")
    run.signal("address", "a second one", id="mail-2")
    run.resume()


def signal_kept(store: Store) -> None:
    run = delivery.start(run_id="signal-kept", store=store)
    run.signal("address", {"street": "Main", "numbers": (1, 2)}, id="mail-1", actor="tom")


def timed_out(store: Store) -> None:
    delivery.start(run_id="timed-out", store=store)
    store.clock.advance(25 * HOUR)  # type: ignore[attr-defined]
    delivery.resume("timed-out", store=store)


ANSWERS: dict[str, Any] = {
    "approval": True,
    "text": "some words",
    "selection": "2",
    "multi_selection": ["green", "red"],
    "custom": {"amount": 3, "account": "0815"},
}


def answered(store: Store) -> None:
    run = questions.start(run_id="answered", store=store)
    for kind, value in ANSWERS.items():
        run.answer(f"q-{kind}", value, actor="eva", reason=f"because of {kind}")
    run.resume()


def half_answered(store: Store) -> None:
    run = questions.start(run_id="half-answered", store=store)
    try:
        run.answer("q-custom", {"amount": 0})
    except FeedbackRefused as error:
        print(f"as it should: {error}")
    run.answer("q-approval", False, actor="eva")
    run.answer("q-text", "taken", actor="tom")
    run.resume()
    run.answer("q-selection", "red", actor="uli", reason="kept, not taken")


def expired(store: Store) -> None:
    hurried.start(run_id="expired", store=store)
    store.clock.advance(2 * HOUR)  # type: ignore[attr-defined]
    hurried.start(run_id="expired", store=store)


def waiting_twice(store: Store) -> None:
    run = waiting_coroutine.start(run_id="coroutine", store=store)
    run.signal("one", 1, id="s1")
    run.resume()


RUNS: dict[str, Any] = {
    "sleeping": _suspended(reminder, "sleeping"),
    "due": due,
    "slept": slept,
    "no-signal": _suspended(delivery, "no-signal"),
    "signalled": signalled,
    "signal-kept": signal_kept,
    "timed-out": timed_out,
    "open-questions": _suspended(questions, "open-questions"),
    "answered": answered,
    "half-answered": half_answered,
    "expired": expired,
    "not-expired": _suspended(hurried, "not-expired"),
    "coroutine": waiting_twice,
}
SENDS: dict[str, list[tuple[object, ...]]] = {
    "sleeping": [("advance", 72 * HOUR)],
    "due": [("advance", 73 * HOUR)],
    "no-signal": [("signal", "address", "2 Side Street")],
    "open-questions": [("answer", f"q-{kind}", value) for kind, value in ANSWERS.items()],
    "half-answered": [("answer", "q-multi_selection", "1, 2"), ("answer", "q-custom", {"amount": 9})],
    "expired": [("answer", None, True)],
    "not-expired": [("answer", "hurry#0", True)],
    "coroutine": [("answer", None, "no")],
}

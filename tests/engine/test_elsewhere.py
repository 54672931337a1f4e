"""Bodies in other processes: arguments in, recorded results out, deaths that count, and nothing left behind."""

from __future__ import annotations

import asyncio
import functools
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from durable import (
    CoordinationBackend,
    DefinitionError,
    ErrorRecord,
    ParallelGroup,
    ParallelGroupError,
    PayloadError,
    PoisonTask,
    RaceGroup,
    RetryPolicy,
    Store,
    TaskExecutionContext,
    WorkerDied,
    open_run,
    parallel,
    task,
    workflow,
)
from durable.testing import FakeClock
from tests.engine import elsewhere_bodies as bodies
from tests.engine.reading import count, fields, statuses, trail
from tests.executors.calls import lives, number_in, until

PROCESS = CoordinationBackend.PROCESS


def spawned() -> Executor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


def loky() -> Executor:
    made: Executor = pytest.importorskip("loky").get_reusable_executor(max_workers=2)
    return made


def group_of(*members: Any, backend: Any = PROCESS, **settings: Any) -> Any:
    return parallel(*members, name="g").with_execution(backend=backend, **settings)


BACKENDS = pytest.mark.parametrize("backend", [PROCESS, spawned, loky], ids=["process", "spawn", "loky"])


@BACKENDS
def test_bodies_run_in_other_processes_and_get_what_the_run_gives_them(store: Store, backend: Any) -> None:
    """Upstream results, the channel, bound values and defaults are resolved here; values come back as they are."""

    @task
    def before() -> dict[str, Any]:
        return {"nan": math.nan, "tuple": (1, {2})}

    @task
    def closure(before: Any, key: str, bound: list[int], default: int = 4) -> tuple[Any, ...]:
        return os.getpid(), before["tuple"], key, bound, default, math.isnan(before["nan"])

    with workflow("w", store=store) as wf:
        before >> group_of(closure(bound=[1, 2]), bodies.by_position(a=1), bodies.pid)
    run = wf.start(initial={"key": "from the channel"})
    result = run.result()
    assert os.getpid() not in (result["pid"], result["closure"][0])
    assert result["closure"][1:] == ((1, {2}), "from the channel", [1, 2], 4, True)
    assert result["by_position"] == [1, 2, 3]
    assert open_run(run.run_id, store=store).result()["closure"] == result["closure"]


def test_the_log_names_the_backend_and_not_what_makes_it(store: Store) -> None:
    """``process``, or ``executor`` for one of the caller's own; another one is reported on resume like any setting."""
    with workflow("w", store=store) as wf:
        one = parallel(bodies.echo(value=1), name="one").with_execution(backend="process")
        two = parallel(bodies.echo(task_id="two", value=2), name="both")
        one >> two.with_execution(backend=functools.partial(ThreadPoolExecutor, 1))
    graph = wf.start().load_state().graph
    assert [graph.group(graph.index[name]).backend for name in ("one", "both")] == ["process", "executor"]


def test_as_many_processes_run_as_there_are_processors(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the group says how many; a started attempt never waits for a process."""
    monkeypatch.setattr("durable.engine.lifecycle.default_processes", lambda: 2)
    with workflow("w", store=store) as wf:
        group_of(*[bodies.pid(task_id=f"p{n}") for n in range(9)])
    assert len(set(wf.execute().values())) <= 2


# Deaths.


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_a_dead_worker_is_a_counted_interruption_and_is_tried_again_in_the_same_drive(
    store: Store, tmp_path: Path, how: str
) -> None:
    """The log says how it died; the members beside it are not touched."""
    with workflow("w", store=store) as wf:
        group_of(bodies.dies(folder=str(tmp_path), times=2, how=how), bodies.echo(value=1), max_concurrent=2)
    run = wf.start()
    assert run.result() == {"dies": 3, "echo": 1}
    assert count(run, "TaskInterrupted") == count(run, "TaskInterrupted", "dies") == 2
    said = "was killed by SIGKILL" if how == "kill" else "ended with exit code 9"
    assert fields(run, "TaskInterrupted") == {"counted": True, "reason": f"the process that ran it {said}"}
    assert count(run, "RunContinued") == 0


@BACKENDS
def test_a_task_that_kills_its_process_is_given_up_and_its_siblings_are_not(
    store: Store, tmp_path: Path, backend: Any
) -> None:
    """Its attempts are used up, its last one alone; the group's policy judges, and the cause says what happened."""
    siblings = [bodies.echo(task_id=f"echo{n}", value=n) for n in range(4)]
    with workflow("w", store=store) as wf:
        poison = task("poison", retry=RetryPolicy(max_attempts=3))(bodies.dies.fn)(folder=str(tmp_path), times=99)
        group_of(poison, *siblings, backend=backend, max_concurrent=2)
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    assert [name for name, _ in caught.value.failed_tasks] == ["poison"]
    assert sorted(caught.value.successful_tasks) == [f"echo{n}" for n in range(4)]
    (error,) = caught.value.__cause__.exceptions  # type: ignore[union-attr]
    assert isinstance(error, PoisonTask)
    assert isinstance(error.__cause__, WorkerDied)
    assert count(run, "TaskStarted", "poison") == count(run, "TaskInterrupted", "poison") == 3
    running: set[str] = set()
    for event in run.events():
        if event.type == "TaskStarted" and event.task_id == "poison" and event.attempt == 3:
            assert not running
        running |= {event.task_id or ""} if event.type == "TaskStarted" else set()
        running -= {event.task_id or ""} if event.type in ("TaskSucceeded", "TaskInterrupted") else set()


def test_a_task_without_a_retry_policy_is_given_up_after_twenty_five_deaths(store: Store, tmp_path: Path) -> None:
    """As one is that kills its drive."""
    with workflow("w", store=store) as wf:
        group_of(bodies.dies(folder=str(tmp_path), times=99))
    run = wf.start()
    with pytest.raises(ParallelGroupError):
        run.result()
    assert (tmp_path / "begun").stat().st_size == count(run, "TaskInterrupted") == 25


@pytest.mark.parametrize("backend", [spawned, loky], ids=["spawn", "loky"])
def test_a_pool_that_breaks_is_made_anew_in_the_same_drive(store: Store, tmp_path: Path, backend: Any) -> None:
    """Everybody who was in it is interrupted and comes through in the end."""
    with workflow("w", store=store) as wf:
        group_of(
            bodies.dies(folder=str(tmp_path), times=2),
            *[bodies.echo(task_id=f"echo{n}", value=n) for n in range(6)],
            backend=backend,
            max_concurrent=2,
        )
    run = wf.start()
    assert run.result() == {"dies": 3, **{f"echo{n}": n for n in range(6)}}
    assert count(run, "TaskInterrupted", "dies") == 2
    assert all(event.fields["counted"] for event in run.events() if event.type == "TaskInterrupted")


# Errors.


@BACKENDS
def test_an_exception_arrives_with_traceback_and_cause(store: Store, backend: Any) -> None:
    """As data in the log, and live as ``__cause__``; it is not taken for a death."""
    with workflow("w", store=store) as wf:
        group_of(bodies.raises(kind="plain"), backend=backend)
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    (live,) = caught.value.__cause__.exceptions  # type: ignore[union-attr]
    assert (type(live), str(live)) == (ValueError, "broke")
    assert repr(live.__cause__) == "KeyError('the cause')"
    assert "raise error from cause" in live.__notes__[0]
    error = run.task_results("g")["raises"].error
    assert isinstance(error, ErrorRecord)
    assert (error.type, error.message) == ("ValueError", "broke")
    assert error.traceback.splitlines()[1].endswith("in raises")
    assert error.cause is not None
    assert (error.cause.type, error.cause.message) == ("KeyError", "'the cause'")
    assert count(run, "TaskInterrupted") == 0


@pytest.mark.parametrize(
    ("kind", "live", "recorded", "said"),
    [
        ("loud", bodies.Loud, "tests.engine.elsewhere_bodies.Loud", "1 and 2"),
        ("mute", bodies.Mute, "tests.engine.elsewhere_bodies.Mute", "broke"),
        ("exit", SystemExit, "SystemExit", "3"),
    ],
)
def test_an_exception_that_cannot_be_pickled_arrives_too(
    store: Store, kind: str, live: type[BaseException], recorded: str, said: str
) -> None:
    """Its class is kept, so that ``retry_on`` sees it; what is recorded is what the child saw."""
    with workflow("w", store=store) as wf:
        again = task("raises", retry=RetryPolicy(max_attempts=2, retry_on=(live,), initial_interval=0))(
            bodies.raises.fn
        )
        group_of(again(kind=kind))
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    (error,) = caught.value.__cause__.exceptions  # type: ignore[union-attr]
    assert (type(error), str(error)) == (live, said)
    record = run.task_results("g")["raises"].error
    assert record is not None
    assert (record.type, record.message) == (recorded, said)
    assert count(run, "TaskStarted", "raises") == 2


def test_an_exception_that_cannot_even_be_shown_is_named(store: Store) -> None:
    """The live cause is one of ours then."""
    with workflow("w", store=store) as wf:
        group_of(bodies.raises(kind="silent"))
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    (error,) = caught.value.__cause__.exceptions  # type: ignore[union-attr]
    assert "elsewhere_bodies.Silent: 1 and 2" in str(error)
    record = run.task_results("g")["raises"].error
    assert record is not None
    assert record.message == "1 and 2"


def test_a_value_that_cannot_be_stored_and_an_argument_that_cannot_be_sent(store: Store) -> None:
    """Both fail the attempt with a ``PayloadError`` that names the task."""
    lock = threading.Lock()

    @task
    def holds(value: int) -> bool:
        return lock.locked()

    with workflow("w", store=store) as wf:
        group_of(bodies.unstorable, holds(value=1))
    run = wf.start()
    with pytest.raises(ParallelGroupError) as caught:
        run.result()
    for error in caught.value.__cause__.exceptions:  # type: ignore[union-attr]
        assert isinstance(error, PayloadError)
        assert error.run_id == run.run_id
    found = {name: result.error_message or "" for name, result in run.task_results("g").items()}
    assert "Return data, not a generator" in found["unstorable"]
    assert "cannot be sent to another process" in found["holds"]


# What a body may use.


def test_a_task_that_asks_for_the_context_is_refused_when_the_group_is_defined(store: Store) -> None:
    """By name, also in a chain and under ``inject_context``; a nested group has a backend of its own."""

    @task
    def asks(context: TaskExecutionContext) -> None: ...

    @task(inject_context=True)
    def injected(whatever: Any) -> None: ...

    for asking in (asks, injected):
        with pytest.raises(DefinitionError, match=f"task '{asking.task_id}' asks for the context") as caught:
            group_of(bodies.pid >> asking)
        assert "THREADING" in str(caught.value)
        with pytest.raises(DefinitionError, match="asks for the context"):
            group_of(asking, backend=ThreadPoolExecutor)
    with workflow("w", store=store) as wf:
        group_of(parallel(asks, name="inner"), bodies.echo(value=1))
    assert wf.execute() == {"inner": {"asks": None}, "echo": 1}


def test_coroutines_of_the_group_run_on_the_loop(store: Store) -> None:
    """As in groups of any backend: they wait and do not compute."""
    with workflow("w", store=store) as wf:
        group_of(bodies.on_the_loop, bodies.pid)
    result = wf.execute()
    assert result["on_the_loop"] == os.getpid() != result["pid"]


@BACKENDS
def test_a_map_goes_over_its_items_in_other_processes(store: Store, backend: Any) -> None:
    """With the same rules: what it maps may not ask for the context."""

    @task
    def asks(context: TaskExecutionContext, n: int) -> int:
        return n

    with workflow("w", store=store) as wf:
        wf.add(bodies.echo.map(range(30)).with_execution(backend=backend, max_concurrent=2))
    with pytest.raises(DefinitionError, match="task 'asks' asks for the context"):
        asks.map(range(3)).with_execution(backend=backend)
    run = wf.start()
    assert [result.value for result in run.task_results("echo").values()] == list(range(30))


def test_a_group_with_an_executor_of_its_own_cannot_be_scheduled(store: Store) -> None:
    """After a crash nobody would know what made it; one with PROCESS can."""

    @task
    def schedules(context: TaskExecutionContext) -> None:
        with pytest.raises(DefinitionError, match="has an executor of its own"):
            context.next_task(group_of(bodies.pid, backend=ThreadPoolExecutor))
        context.next_task(group_of(bodies.pid))

    with workflow("w", store=store) as wf:
        wf.add(schedules)
    run = wf.start()
    run.result()
    assert run.results["schedules/pid"] != os.getpid()


def test_what_is_no_backend_is_refused() -> None:
    """An executor itself is none: it could not be made anew."""
    with ThreadPoolExecutor(1) as pool, pytest.raises(DefinitionError, match="not the executor"):
        group_of(bodies.pid, backend=pool)
    with pytest.raises(DefinitionError, match="there is no backend 'executor'"):
        group_of(bodies.pid, backend="executor")


# Time-outs, cancels, races, stops.


def test_a_time_out_ends_the_process(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """The next attempt gets a new one."""
    with workflow("w", store=store) as wf:
        slow = task("slow", timeout=10, max_retries=1)(bodies.hangs.fn)(folder=str(tmp_path), name="slow")
        group_of(slow, bodies.echo(value=1), policy="best_effort")
    pids = []

    def pass_time() -> None:
        for _ in range(2):
            pids.append(number_in(tmp_path / "slow"))
            (tmp_path / "slow").unlink()
            clock.advance(11)

    timer = threading.Thread(target=pass_time)
    timer.start()
    run = wf.start()
    timer.join()
    assert statuses(run)["slow"] == "timed_out"
    assert len(set(pids)) == 2
    until(lambda: not any(map(lives, pids)))


@pytest.mark.parametrize("kind", ["race", "cancel", "fail_fast"])
def test_what_is_not_needed_any_more_is_killed(store: Store, tmp_path: Path, kind: str) -> None:
    """A lost race, a cancelled run and a group that has failed leave no process at work."""

    @task
    def ends() -> None:
        number_in(tmp_path / "other")
        if kind == "fail_fast":
            raise ValueError("enough")
        if kind == "cancel":
            open_run("r", store=store).cancel("enough")

    # `ends` runs in a thread beside the group.
    other = bodies.hangs(folder=str(tmp_path), name="other")
    with workflow("w", store=store) as wf:
        group: ParallelGroup = group_of(other, backend=PROCESS) if kind != "race" else group_of(other)
        outer = (RaceGroup if kind == "race" else ParallelGroup)(ends, group, name="outer")
        wf.add(outer if kind == "race" else outer.with_execution(fail_fast=True))
    run = wf.start(run_id="r")
    assert run.status == {"race": "succeeded", "cancel": "cancelled", "fail_fast": "failed"}[kind]
    pid = number_in(tmp_path / "other")
    until(lambda: not lives(pid))


_SCRIPT = """
import os, sys, time
from pathlib import Path
from durable import CoordinationBackend, parallel, task, workflow

@task
def slow(n: int) -> int:
    Path(os.environ["FOLDER"], f"slow{n}").write_text(str(os.getpid()))
    time.sleep(float(os.environ["SECONDS"]))
    return os.getpid()

with workflow("script", store=f"sqlite:///{os.environ['FOLDER']}/runs.db") as wf:
    parallel([slow(task_id=f"slow{n}", n=n) for n in range(2)], name="g").with_execution(BACKEND, max_concurrent=2)
"""
_GUARDED = (
    _SCRIPT
    + """
if __name__ == "__main__":
    print(len(wf.execute(run_id="r")))
"""
)
_OWN = "CoordinationBackend.PROCESS"
_POOL = (
    "lambda: __import__('concurrent.futures', fromlist=['x'])"
    ".ProcessPoolExecutor(2, mp_context=__import__('multiprocessing').get_context('spawn'))"
)
_SERVED = _POOL.replace("'spawn'", "'forkserver'")
_LOKY = "lambda: __import__('loky').get_reusable_executor(max_workers=2)"
SCRIPTS = pytest.mark.parametrize(
    "backend", [_OWN, _POOL, _SERVED, _LOKY], ids=["process", "spawn", "forkserver", "loky"]
)


def start_script(
    folder: Path, text: str, backend: str, seconds: float, command: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Run a script as a user does, or a command with it."""
    if "loky" in backend:
        pytest.importorskip("loky")
    file = folder / "script.py"
    file.write_text(text.replace("BACKEND", backend))
    path = os.pathsep.join(part for part in sys.path if part)
    env = {**os.environ, "PYTHONPATH": path, "FOLDER": str(folder), "SECONDS": str(seconds)}
    return subprocess.Popen(
        [sys.executable, *(part.replace("FILE", str(file)) for part in command or ["FILE"])],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip


def pids_of(folder: Path) -> list[int]:
    return [number_in(folder / f"slow{n}") for n in range(2)]


@SCRIPTS
def test_functions_of_a_script_with_a_guard_work(tmp_path: Path, backend: str) -> None:
    """Their module is the script's, wherever they run."""
    script = start_script(tmp_path, _GUARDED, backend, 0)
    assert script.communicate(timeout=50) == ("2\n", "")
    assert script.returncode == 0


@SCRIPTS
def test_a_script_without_a_guard_fails_with_a_hint(tmp_path: Path, backend: str) -> None:
    """It neither hangs nor starts process after process, and no run begins in a worker."""
    script = start_script(tmp_path, _SCRIPT + "\nwf.execute(run_id='r')\n", backend, 0)
    _, said = script.communicate(timeout=50)
    assert script.returncode == 1
    assert 'if __name__ == "__main__"' in said
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert run.status == "failed"
    assert count(run, "TaskStarted") == 2
    assert len(list(run.store.runs())) == 1
    assert not (tmp_path / "slow0").exists()


@SCRIPTS
def test_ctrl_c_lets_bodies_end_in_time_and_leaves_no_process(tmp_path: Path, backend: str) -> None:
    """It reaches the whole terminal; the driver stops gracefully, and what was running is recorded."""
    script = start_script(tmp_path, _GUARDED, backend, 2)
    pids = pids_of(tmp_path)
    os.killpg(script.pid, signal.SIGINT)
    _, said = script.communicate(timeout=50)
    assert "run r was interrupted and can be resumed" in said
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert trail(run)[-3:] == ["TaskSucceeded slow0", "TaskSucceeded slow1", "RunInterrupted"] or (
        sorted(trail(run)[-3:-1]) == ["TaskSucceeded slow0", "TaskSucceeded slow1"]
    )
    until(lambda: not any(map(lives, pids)))


@SCRIPTS
def test_a_killed_driver_leaves_no_process_and_the_run_goes_on(tmp_path: Path, backend: str) -> None:
    """SIGKILL, with bodies at work; the next process takes over, and the attempts count as interrupted."""
    script = start_script(tmp_path, _GUARDED, backend, 600)
    pids = pids_of(tmp_path)
    script.kill()
    script.communicate(timeout=50)
    until(lambda: not any(map(lives, pids)))
    again = start_script(tmp_path, _GUARDED, backend, 0)
    assert again.communicate(timeout=50) == ("2\n", "")
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert count(run, "TaskInterrupted") == 2
    assert run.status == "succeeded"


def test_bodies_that_outlast_the_grace_period_are_killed(tmp_path: Path) -> None:
    """That is recorded as an interruption that does not count."""
    command = ["-m", "durable", "run", "FILE", "--run-id", "r", "--grace", "0.2"]
    script = start_script(tmp_path, _SCRIPT, _OWN, 600, command)
    pids = pids_of(tmp_path)
    script.send_signal(signal.SIGTERM)
    said = script.communicate(timeout=50)
    assert script.returncode == 128 + signal.SIGTERM, said
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert [event.fields["counted"] for event in run.events() if event.type == "TaskInterrupted"] == [False, False]
    until(lambda: not any(map(lives, pids)))


def test_workers_that_are_stopped_together_with_their_driver_do_not_count(tmp_path: Path) -> None:
    """As a service manager does, which sends SIGTERM to all processes of a service; ours ignore it."""
    script = start_script(tmp_path, _GUARDED, _OWN, 2)
    pids = pids_of(tmp_path)
    script.send_signal(signal.SIGTERM)
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    script.communicate(timeout=50)
    run = open_run("r", store=f"sqlite:///{tmp_path}/runs.db")
    assert count(run, "TaskSucceeded") == 2
    assert count(run, "TaskInterrupted") == 0


def test_a_run_comes_through_whatever_is_killed(tmp_path: Path) -> None:
    """Workers are killed at random while it goes on; every member succeeds in the end, and none is lost."""
    from durable.executors.worker_process import Worker

    killed, made, over = [0], list[Worker](), threading.Event()

    class Mortal(Worker):
        def is_ready(self) -> bool:
            ready = super().is_ready()
            made.append(self)
            return ready

    def kill_some() -> None:
        chance = random.Random(4)
        while not over.wait(0.05):
            if made and killed[0] < 15:
                os.kill(chance.choice(made[-3:])._process.pid, signal.SIGKILL)
                killed[0] += 1

    with pytest.MonkeyPatch.context() as patch, workflow("w", store=f"sqlite:///{tmp_path}/runs.db") as wf:
        patch.setattr("durable.executors.processes.Worker", Mortal)
        patch.setattr(os, "kill", _kill_if_there)
        group_of(*[bodies.naps(task_id=f"n{n}", seconds=0.02) for n in range(60)], max_concurrent=3)
        killer = threading.Thread(target=kill_some)
        killer.start()
        try:
            run = wf.start()
        finally:
            over.set()
            killer.join()
    assert run.result() == {f"n{n}": 0.02 for n in range(60)}
    assert killed[0] > 3
    assert 0 < count(run, "TaskInterrupted") <= 15
    assert count(run, "TaskStarted") == 60 + count(run, "TaskInterrupted")


def _kill_if_there(pid: int, number: int, _kill: Any = os.kill) -> None:
    with suppress(ProcessLookupError):
        _kill(pid, number)


def test_under_aexecute_bodies_run_in_other_processes_too(store: Store) -> None:
    """Coroutines on the caller's loop beside them."""
    with workflow("w", store=store) as wf:
        group_of(bodies.on_the_loop, bodies.pid)
    result = asyncio.run(wf.aexecute())
    assert result["on_the_loop"] == os.getpid() != result["pid"]


def test_a_body_may_run_another_workflow(store: Store, tmp_path: Path) -> None:
    """It is a program like any other."""
    with workflow("w", store=store) as wf:
        group_of(bodies.runs_another(url=f"sqlite:///{tmp_path}/inner.db"))
    assert wf.execute() == {"runs_another": 5}


def test_a_worker_killed_from_outside_is_replaced(tmp_path: Path) -> None:
    """As the kernel does when memory runs out: the attempt is interrupted, and the drive goes on."""
    script = start_script(tmp_path, _GUARDED, _OWN, 600)
    first = pids_of(tmp_path)
    for n in range(2):
        (tmp_path / f"slow{n}").unlink()
    os.kill(first[0], signal.SIGKILL)
    again = number_in(tmp_path / "slow0")
    assert again not in first
    assert lives(first[1])
    script.kill()
    script.communicate(timeout=50)
    until(lambda: not lives(again) and not lives(first[1]))


def test_a_run_in_threads_loads_nothing_for_processes() -> None:
    """Who does not use them does not pay for them."""
    code = """
import sys
from durable import parallel, task, workflow
@task
def a(): return 1
@task
def b(): return 2
with workflow("w", store="memory://") as wf:
    a | b
wf.execute()
heavy = {"multiprocessing", "concurrent.futures.process", "subprocess"}
heavy |= {"durable.executors.remote", "durable.executors.pools"}
print(sorted(heavy & set(sys.modules)))
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=50)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_of_a_chunk_only_the_member_that_killed_the_process_is_interrupted(store: Store, tmp_path: Path) -> None:
    """Those behind it never began: they go on in a new process, and their attempts are not used up."""
    with workflow("w", store=store) as wf:
        poison = bodies.dies(folder=str(tmp_path), times=1)
        members = [bodies.echo(task_id=f"e{n}", value=n) for n in range(6)]
        group_of(*members[:3], poison, *members[3:], max_concurrent=7, chunk_size=7)
    run = wf.start()
    assert run.result() == {**{f"e{n}": n for n in range(6)}, "dies": 2}
    assert count(run, "TaskInterrupted") == count(run, "TaskInterrupted", "dies") == 1
    assert count(run, "TaskStarted") == 8

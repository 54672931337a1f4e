"""Our own worker processes: used again, replaced when they die, killed when their call is given up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from durable.errors import WorkerDied, WorkerUnavailable
from durable.executors.processes import ProcessExecutor
from tests.executors.calls import Call, lives, number_in, until
from tests.executors.orders import ENTRY


@pytest.fixture
def executor() -> Iterator[ProcessExecutor]:
    made = ProcessExecutor(ENTRY)
    yield made
    made.close()


def run(executor: ProcessExecutor, order: str) -> Call:
    call = Call(order)
    executor.submit(call)
    return call.wait()


def test_a_worker_is_another_process_and_is_used_again(executor: ProcessExecutor) -> None:
    """Two calls, one after the other, and one process."""
    first = run(executor, "echo").pid
    until(lambda: executor._free)
    assert run(executor, "echo again").pid == first != os.getpid()


def test_large_calls_and_answers_cross(executor: ProcessExecutor) -> None:
    """More bytes than any pipe holds, in both directions, and several at once."""
    calls = [Call("echo " + "x" * 5_000_000) for _ in range(3)]
    executor.submit_chunk(calls)
    assert [call.wait().answered for call in calls] == [b"%d %s" % (call.pid, call.pack()) for call in calls]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("exit 3", "ended with exit code 3"),
        ("kill", "was killed by SIGKILL"),
        ("segfault", "was killed by SIGSEGV"),
        ("leave-child", "ended with exit code 5"),
    ],
)
def test_a_worker_that_dies_fails_its_call_and_is_replaced(executor: ProcessExecutor, order: str, said: str) -> None:
    """The call hears how, and counts; also when something that the body has forked holds the pipe open."""
    died = run(executor, order)
    assert isinstance(died.failed, WorkerDied)
    assert died.failed.message == f"the process that ran it {said}"
    assert died.failed.counted
    assert run(executor, "echo").answered


def test_a_death_touches_no_call_in_another_worker(executor: ProcessExecutor, tmp_path: Path) -> None:
    """The one beside it goes on in its process."""
    beside = Call(f"marked-sleep {tmp_path / 'beside'}")
    executor.submit(beside)
    pid = number_in(tmp_path / "beside")
    run(executor, "kill")
    assert run(executor, "echo").pid != pid
    assert lives(pid)
    assert not beside.over.is_set()
    executor.abandon(beside)


def test_an_idle_worker_that_died_is_replaced_before_a_call_gets_it(executor: ProcessExecutor) -> None:
    """Its next call never began in it, and hears nothing of it."""
    pid = run(executor, "echo").pid
    until(lambda: executor._free)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not lives(pid))
    assert run(executor, "echo").pid != pid


def test_a_call_that_is_given_up_is_killed_with_what_it_started(executor: ProcessExecutor, tmp_path: Path) -> None:
    """Nothing goes on burning the processor, and nothing is posted."""
    call = Call(f"program {tmp_path / 'program'}")
    executor.submit(call)
    program = number_in(tmp_path / "program")
    executor.abandon(call)
    until(lambda: not lives(program))
    assert run(executor, "echo").answered
    assert call.posts == 0


def test_a_call_is_given_up_while_its_worker_starts(executor: ProcessExecutor) -> None:
    """The next call gets a worker, and the first one hears nothing."""
    for _ in range(5):
        call = Call("echo")
        executor.submit(call)
        executor.abandon(call)
        assert call.posts == 0
    assert run(executor, "echo").answered


def test_what_cannot_be_packed_fails_without_a_worker(executor: ProcessExecutor) -> None:
    """The error of packing is the call's own."""
    call, good = Call("echo", error=ValueError("no")), Call("echo")
    executor.submit_chunk([call, good])
    assert str(call.wait().failed) == "no"
    assert good.wait().answered


def test_a_chunk_runs_in_one_worker_and_each_call_posts_when_it_is_done(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    """The first two are over while the third one still runs."""
    calls = [Call("echo"), Call("echo"), Call(f"marked-sleep {tmp_path / 'third'}"), Call("echo")]
    executor.submit_chunk(calls)
    assert calls[0].pid == calls[1].pid == number_in(tmp_path / "third")
    executor.abandon(calls[2])
    assert calls[3].pid != calls[0].pid
    assert [call.posts for call in calls] == [1, 1, 0, 1]


def test_a_death_in_a_chunk_fails_the_call_that_ran_and_no_other(executor: ProcessExecutor) -> None:
    """Those behind it never began: they go on in a new worker, and do not even hear of it."""
    calls = [Call("echo"), Call("kill"), Call("echo"), Call("exit 1"), Call("echo")]
    executor.submit_chunk(calls)
    for call in calls:
        call.wait()
    assert [type(call.failed) for call in calls] == [type(None), WorkerDied, type(None), WorkerDied, type(None)]
    assert len({calls[0].pid, calls[2].pid, calls[4].pid}) == 3
    assert [call.posts for call in calls] == [1] * 5


def test_a_call_of_a_chunk_that_is_given_up_before_its_turn_posts_nothing(
    executor: ProcessExecutor, tmp_path: Path
) -> None:
    """And what comes after it is done all the same."""
    calls = [Call(f"marked-sleep {tmp_path / 'first'}"), Call(f"mark {tmp_path / 'second'}"), Call("echo")]
    executor.submit_chunk(calls)
    number_in(tmp_path / "first")
    executor.abandon(calls[1])
    executor.abandon(calls[0])
    assert calls[2].wait().answered
    assert [call.posts for call in calls] == [0, 0, 1]
    assert not (tmp_path / "second").exists()


def test_workers_that_cannot_start_fail_the_call_at_once(
    executor: ProcessExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends by itself before it takes a call would do so again."""
    monkeypatch.setenv("TEST_WORKER_FAILS", "1")
    call = run(executor, "echo")
    assert isinstance(call.failed, WorkerUnavailable)
    assert "ended with exit code 7 before it accepted a call" in str(call.failed)
    monkeypatch.delenv("TEST_WORKER_FAILS")
    assert run(executor, "echo").answered


@pytest.mark.parametrize(("deaths", "answered"), [(2, True), (50, False)])
def test_workers_that_are_killed_while_they_start_are_tried_again_and_not_for_ever(
    executor: ProcessExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deaths: int, answered: bool
) -> None:
    """Somebody's kill hits a worker that has no call yet: the body has not begun, so nothing is interrupted."""
    monkeypatch.setenv("TEST_WORKER_DIES", str(tmp_path / "died"))
    monkeypatch.setenv("TEST_WORKER_DEATHS", str(deaths))
    call = run(executor, "echo")
    assert bool(call.answered) == answered
    if not answered:
        assert isinstance(call.failed, WorkerUnavailable)


def test_workers_ignore_ctrl_c_and_sigterm(executor: ProcessExecutor, tmp_path: Path) -> None:
    """Stopping is the driver's affair; a body that goes on may end in the time that it is given."""
    pid = run(executor, "echo").pid
    until(lambda: executor._free)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert run(executor, "echo").pid == pid
    assert os.getpgid(pid) == pid  # what is typed at the terminal does not reach it


def test_close_ends_workers_idle_or_not(tmp_path: Path) -> None:
    """When it returns none is left, and no thread."""
    executor = ProcessExecutor(ENTRY)
    idle = run(executor, "echo").pid
    busy = Call(f"marked-sleep {tmp_path / 'busy'}")
    executor.submit(busy)
    pid = number_in(tmp_path / "busy")
    executor.abandon(busy)
    executor.close()
    assert not lives(idle)
    assert not lives(pid)
    assert not [thread for thread in executor.threads if thread.is_alive()]


_DRIVER = """
import sys, threading, time
from tests.executors.calls import Call
from tests.executors.orders import ENTRY
from durable.executors.processes import ProcessExecutor
if __name__ == "__main__":
    executor = ProcessExecutor(ENTRY)
    for order in sys.argv[1:]:
        executor.submit(Call(order))
    time.sleep(600)
"""


@pytest.mark.parametrize("order", ["marked-sleep", "marked-hold"])
def test_no_worker_outlives_a_driver_that_is_killed(tmp_path: Path, order: str) -> None:
    """SIGKILL of the driver ends idle workers and busy ones, also one whose body never lets the interpreter go."""
    if order == "marked-hold" and sys.platform != "linux":
        pytest.skip("only Linux kills a process with its parent")
    busy, idle = tmp_path / "busy", tmp_path / "idle"
    driver = subprocess.Popen([sys.executable, "-c", _DRIVER, f"{order} {busy}", f"mark {idle}"], env=_env())
    try:
        pids = [number_in(busy), number_in(idle)]
        assert all(map(lives, pids))
    finally:
        driver.kill()
        driver.wait()
    until(lambda: not any(map(lives, pids)))


def test_programs_that_bodies_have_started_end_with_the_driver_too(tmp_path: Path) -> None:
    """The whole process group of a worker is killed."""
    driver = subprocess.Popen([sys.executable, "-c", _DRIVER, f"program {tmp_path / 'program'}"], env=_env())
    try:
        program = number_in(tmp_path / "program")
        worker = os.getpgid(program)
    finally:
        driver.kill()
        driver.wait()
    until(lambda: not lives(program) and not lives(worker))


def test_a_worker_finds_out_although_a_fork_of_the_driver_holds_its_pipes(tmp_path: Path) -> None:
    """It looks now and then who its parent is."""
    forked = tmp_path / "forked"
    forks = f"    number_in(Path({str(tmp_path / 'idle')!r}))\n"  # not while the worker is being started
    forks += f"    open({str(forked)!r}, 'w').write(str(os.getpid())) if os.fork() == 0 else None\n"
    forks += "    time.sleep(600)"
    script = "import os\nfrom pathlib import Path\nfrom tests.executors.calls import number_in\n"
    script += _DRIVER.replace("    time.sleep(600)", forks)
    driver = subprocess.Popen([sys.executable, "-c", script, f"mark {tmp_path / 'idle'}"], env=_env(), process_group=0)
    try:
        pid = number_in(tmp_path / "idle")
        other = number_in(forked)
        driver.kill()
        until(lambda: not lives(pid))
        assert lives(other)
    finally:
        driver.kill()
        driver.wait()
        os.killpg(driver.pid, signal.SIGKILL)


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}


def test_many_calls_at_once_are_all_answered(executor: ProcessExecutor) -> None:
    """From several workers, with deaths among them: nothing is lost and nothing is posted twice."""
    calls = [Call("kill" if n % 10 == 7 else f"echo {n}") for n in range(40)]
    done = threading.Semaphore(0)
    for start in range(0, 40, 10):
        executor.submit_chunk(calls[start : start + 10])
    for call in calls:
        call.wait()
        done.release()
    assert [call.posts for call in calls] == [1] * 40
    assert sum(call.failed is not None for call in calls) == 4

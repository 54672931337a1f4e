"""Worker processes: work for the processor on all cores, a body that kills its process, and one that never ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from durable import CoordinationBackend, RetryPolicy, parallel, task, workflow


@task
def primes(below: int) -> int:
    """Work for the processor: in threads, only one at a time would get on."""
    sieve = bytearray([1]) * below
    sieve[:2] = b"\0\0"
    for n in range(2, int(below**0.5) + 1):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(range(n * n, below, n)))
    return sum(sieve)


@task(retry=RetryPolicy(max_attempts=3))
def runs_out_of_memory(folder: str) -> int:
    """The kernel kills it twice; each death counts against its attempts."""
    begun = Path(folder, "begun")
    with begun.open("a") as file:
        file.write("x")
    if begun.stat().st_size < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun.stat().st_size


@task(timeout=2)
def never_ends() -> None:
    """A thread could only be left behind; this process is killed."""
    while True:
        pass


def main(folder: str) -> None:
    with workflow("process_pool") as wf:
        numbers = [primes(task_id=f"below{n}", below=n * 200_000) for n in range(1, 6)]
        group = parallel(*numbers, runs_out_of_memory(folder=folder), never_ends, name="work")
        wf.add(group.with_execution(backend=CoordinationBackend.PROCESS, max_concurrent=3, policy="best_effort"))
    run = wf.start()
    for name, result in run.task_results("work").items():
        print(f"{name}: {result.value if result.success else result.error_message}, attempts: {result.attempts}")
    deaths = [event.fields["reason"] for event in run.events() if event.type == "TaskInterrupted"]
    print("deaths:", deaths)
    assert run.result()["below5"] == 78_498
    assert run.result()["runs_out_of_memory"] == 3
    assert deaths == ["the process that ran it was killed by SIGKILL"] * 2
    assert run.task_results("work")["never_ends"].status == "timed_out"


if __name__ == "__main__":  # worker processes load this file, and must not run it
    with TemporaryDirectory() as folder:
        main(folder)

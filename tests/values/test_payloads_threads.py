"""Values are encoded and decoded by many threads at once, also while one of them changes a value."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import Any

from durable.errors import PayloadError
from durable.values.payloads import decode, encode, preview_of
from tests.values.samples import Report, same


class TestThreads:
    def test_many_threads_encode_and_decode_at_once(self) -> None:
        values = ["x" * 2000, list(range(2000)), (1, "y" * 5000), {"k": list(range(300))}, Report([1] * 1000)]
        start = threading.Barrier(8)
        wrong: list[Any] = []

        def work(seed: int) -> None:
            order = random.Random(seed)
            start.wait()
            for _ in range(150):
                value = order.choice(values)
                payload = encode(value)
                if payload is None or not same(decode(payload.encoding, payload.data), value):
                    wrong.append(value)
                elif not preview_of(payload.encoding, payload.data, payload.preview):
                    wrong.append(payload)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    def test_a_value_that_another_thread_changes_is_encoded_or_refused(self) -> None:
        value = {str(i): [i] for i in range(2000)}
        stop = threading.Event()

        def change() -> None:
            while not stop.is_set():
                value["new"] = [0]
                del value["new"]

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(100):
                with contextlib.suppress(PayloadError):
                    encode(value)
        finally:
            stop.set()
            thread.join()

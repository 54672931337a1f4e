"""Tools for tests of workflows and of stores; needs no pytest and no test library.

Shipped code must not import it.
"""

from __future__ import annotations

from durable.testing.clock import FakeClock
from durable.testing.conformance import STORE_LAWS, StoreLaw, StoreReport, check_store
from durable.testing.crash import (
    Body,
    CrashKit,
    Exit,
    Kill,
    LiveDrive,
    Outcome,
    Report,
    Send,
    Shortfall,
    Trial,
    Workload,
)

__all__ = [
    "STORE_LAWS",
    "Body",
    "CrashKit",
    "Exit",
    "FakeClock",
    "Kill",
    "LiveDrive",
    "Outcome",
    "Report",
    "Send",
    "Shortfall",
    "StoreLaw",
    "StoreReport",
    "Trial",
    "Workload",
    "check_store",
]


def __dir__() -> list[str]:
    return sorted(__all__)

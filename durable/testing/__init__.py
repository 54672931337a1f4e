"""Tools for tests of workflows and of stores; needs no pytest and no test library.

Shipped code must not import it.
"""

from __future__ import annotations

from durable.testing.clock import FakeClock
from durable.testing.conformance import STORE_LAWS, StoreLaw, check_store

__all__ = ["STORE_LAWS", "FakeClock", "StoreLaw", "check_store"]

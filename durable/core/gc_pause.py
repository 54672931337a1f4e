"""Pausing the garbage collector while many small objects are made that all stay.

A definition, its graph and a fold are hundreds of thousands of objects without cycles: collections would walk over
them again and again and find nothing. It must not be held while bodies run.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collections_paused() -> Iterator[None]:
    """Hold collections back; they go on afterwards if they were on before."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

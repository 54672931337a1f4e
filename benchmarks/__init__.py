"""Benchmarks that a sceptic can run: ``python -m benchmarks --quick``. See README.md beside this file.

This module and ``protocol`` are imported by the peers' programs in environments of their own, so they
must need nothing but the standard library.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""

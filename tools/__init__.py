"""The project's own tools: each file is one check of the gate and runs as ``python -m tools.NAME``."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder."""

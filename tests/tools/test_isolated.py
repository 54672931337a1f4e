"""A command run away from the tree sees none of our settings and cannot outlive its limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import isolated


def test_settings_do_not_leak_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURABLE_SIGNING_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    env = isolated.environment(DURABLE_STORE="memory://")
    outcome = isolated.run(["sh", "-c", "env; pwd"], tmp_path, env, 10)
    assert outcome.code == 0
    assert "DURABLE_STORE=memory://" in outcome.output
    assert "DURABLE_SIGNING_KEY" not in outcome.output
    assert "PYTHONPATH" not in outcome.output
    assert str(tmp_path) in outcome.output


def test_over_the_limit_everything_it_started_is_killed(tmp_path: Path) -> None:
    outcome = isolated.run(["sh", "-c", "sleep 50 & echo started"], tmp_path, isolated.environment(), 0.3)
    assert outcome.code == 137
    assert outcome.seconds < 10
    assert "started" in outcome.output
    assert "longer than 0.3 s" in outcome.output

"""A folder with a store in it, and a suspended run that asks."""

from __future__ import annotations

import json
from typing import Any

from durable import Store
from durable.engine.messages import body_of
from tests.cli.place import Here
from tests.human.asked import Asked


class CallQueue(Here):
    """The folder with a store in it, and a suspended run that asks."""

    store: Store
    run: Asked

    def message(self) -> dict[str, Any]:
        """Return what the only message of the inbox says."""
        (message,) = self.store.inbox("run")
        body = body_of(message)
        value = None if body.data is None else json.loads(body.data)
        return {"id": message.id, "kind": message.kind, "name": body.name, "value": value,
                "actor": body.actor, "reason": body.reason}  # fmt: skip

    def ask(self, id: str, kind: str = "approval", **options: Any) -> None:
        """Let the run ask something, and be suspended."""
        self.run.ask("one", id, kind, **options)
        self.run.suspend("one")

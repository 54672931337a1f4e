"""Follow: the state of a run that somebody else drives, kept up with its log. It writes nothing."""

from __future__ import annotations

from durable.core.digest import verified
from durable.core.replay import replay
from durable.core.state import RunState
from durable.engine.load import load
from durable.store import RunInfo, Store


class Follower:
    """Reads of a run's log only what it has not read before.

    Args:
        store: where the log is.
        run_id: the run.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._state: RunState | None = None
        self._digest: bytes | None = None

    def state(self, info: RunInfo) -> RunState:
        """Return the folded state; the same object each time, brought up to date.

        Args:
            info: the run as it is listed now; nothing behind its end is read.

        Raises:
            RunNotFound: the run is gone.
            LogCorrupt: the log is damaged; the message names where.
        """
        state, self._state = self._state, None  # begins anew if it fails below
        if state is None or not self._folded(state, info):
            state = load(self._store, self._run_id)
            self._digest = dict(self._store.digests(self._run_id, state.seq - 1, state.seq)).get(state.seq)
        self._state = state
        return state

    def _folded(self, state: RunState, info: RunInfo) -> bool:
        """Fold what is new; False if the log is another one, as after the run was deleted and begun again."""
        seq, until = state.seq, info.seq
        if until == seq and state.created is not None and state.created.time == info.created:
            return True
        digests = self._store.digests(self._run_id, seq - 1, max(until, seq))
        known = next(digests, (0, b""))
        if self._digest is None or known != (seq, self._digest):
            return False
        if until <= seq:  # the caller has looked before somebody else did
            return True
        replay(state, verified(self._run_id, self._store.read(self._run_id, seq, until), digests, self._digest))
        self._digest = dict(self._store.digests(self._run_id, until - 1, until)).get(until)
        return True

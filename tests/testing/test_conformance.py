"""The store suite finds a store that breaks a law, and holds what a store declares not to support to the truth."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from durable.clock import Clock
from durable.core.events import Event
from durable.store import Checkpoint, Store
from durable.testing import STORE_LAWS, check_store
from durable_memory import MemoryStore
from durable_memory import open_store as open_memory
from durable_memory.database import Database


def test_every_law_has_a_name_of_its_own() -> None:
    """Exclusions and reports go by name, so no two laws share one."""
    assert len({law.name for law in STORE_LAWS}) == len(STORE_LAWS)


def test_laws_about_sharing_are_skipped_without_reopen() -> None:
    """Without ``reopen`` the other laws are checked all the same, and the report says what was not."""
    report = check_store(_open)
    sharing = [law.name for law in STORE_LAWS if law.subject == "sharing"]
    assert sharing
    assert list(report.skipped) == sharing
    assert all("no reopen was given" in reason for reason in report.skipped.values())
    assert report.kept == [law.name for law in STORE_LAWS if law.name not in sharing]
    assert f"{len(sharing)} skipped" in str(report)


class Forgetful(MemoryStore):
    """A store that loses the last event of each append."""

    def append(
        self, run_id: str, events: Sequence[Event], expected_seq: int, token: int, *, consume: Sequence[str] = ()
    ) -> int:
        kept = events[:-1] if len(events) > 1 else events
        return super().append(run_id, kept, expected_seq, token, consume=consume)


class WithoutCheckpoints(MemoryStore):
    """A store whose author chose not to keep checkpoints."""

    def save_checkpoint(self, run_id: str, checkpoint: Checkpoint, token: int) -> None:
        pass


NO_CHECKPOINTS = {
    "newest_checkpoints_are_kept": "checkpoints are only a cache, and are not kept",
    "checkpoints_need_the_lease": "checkpoints are only a cache, and are not kept",
    "sizes_say_what_takes_the_space": "no checkpoints, so no sizes of them",
}


def _open(clock: Clock, kind: type[MemoryStore] = MemoryStore) -> Store:
    return kind(Database(), "memory://", clock)


def _reopen(store: Store, clock: Clock) -> Store:
    return open_memory(store.url, clock)


def _without_checkpoints(clock: Clock) -> Store:
    return _open(clock, WithoutCheckpoints)


def test_a_broken_law_is_named() -> None:
    """A store that loses the last event of each append is found out, by the name of a law."""
    with pytest.raises(AssertionError, match="store law wrong_expected_seq_is_refused is broken"):
        check_store(lambda clock: _open(clock, Forgetful))


def test_what_is_not_supported_is_declared_and_reported() -> None:
    """With its exclusions a store passes, and the report has each with its reason; without them it does not."""
    report = check_store(_without_checkpoints, exclusions=NO_CHECKPOINTS)
    assert {name: report.skipped[name] for name in NO_CHECKPOINTS} == NO_CHECKPOINTS
    assert not set(report.kept) & set(report.skipped)
    assert len(report.kept) + len(report.skipped) == len(STORE_LAWS)
    assert f"skipped newest_checkpoints_are_kept: {NO_CHECKPOINTS['newest_checkpoints_are_kept']}" in str(report)
    with pytest.raises(AssertionError, match="newest_checkpoints_are_kept is broken"):
        check_store(_without_checkpoints)


def test_a_part_of_the_exclusions_is_not_enough() -> None:
    """An exclusion covers its own law only."""
    some = {name: reason for name, reason in NO_CHECKPOINTS.items() if name != "checkpoints_need_the_lease"}
    with pytest.raises(AssertionError, match="checkpoints_need_the_lease is broken"):
        check_store(_without_checkpoints, exclusions=some)


def test_an_excluded_law_that_is_kept_is_an_error() -> None:
    """Who implements what was excluded has to take it off the list, so that it cannot break unnoticed later."""
    with pytest.raises(AssertionError, match=r"pruned_runs_are_refused is excluded \(not yet\), but"):
        check_store(_open, exclusions={"pruned_runs_are_refused": "not yet"})


def test_an_excluded_law_about_sharing_is_checked_where_it_can_be() -> None:
    """With ``reopen`` the exclusion is checked like any other; without, its reason is the one that is reported."""
    exclusions = {"store_objects_share_logs": "one process only"}
    assert check_store(_open, exclusions=exclusions).skipped["store_objects_share_logs"] == "one process only"
    count = iter(range(100))
    with pytest.raises(AssertionError, match="store_objects_share_logs is excluded"):
        check_store(lambda clock: open_memory(f"memory://sharing-{next(count)}", clock), _reopen, exclusions)


@pytest.mark.parametrize(
    ("exclusions", "complaint"),
    [
        ({"newest_checkpoint_are_kept": "none"}, "did you mean 'newest_checkpoints_are_kept'"),
        ({"xyz": "none"}, "no store law 'xyz'"),
        ({"newest_checkpoints_are_kept": " "}, "needs a reason"),
    ],
)
def test_exclusions_that_mean_nothing_are_errors(exclusions: dict[str, str], complaint: str) -> None:
    """A name that no law has, or no reason, is refused by the suite and by each law, also by those not named."""
    with pytest.raises(ValueError, match=complaint):
        check_store(_open, exclusions=exclusions)
    with pytest.raises(ValueError, match=complaint):
        STORE_LAWS[0](_open, exclusions=exclusions)


def test_a_store_that_cannot_be_opened_passes_nothing() -> None:
    """Exclusions cover laws that are broken, not a factory that fails."""

    def fail(_clock: Clock) -> Store:
        raise OSError("no server")

    with pytest.raises(OSError, match="no server"):
        check_store(fail, exclusions={law.name: "not yet" for law in STORE_LAWS})

"""Events: immutable facts with few columns, and a catalogue that knows all of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.core.events import EVENTS, Event, encode_fields
from durable.core.fold import FOLDS


def test_an_event_cannot_be_changed() -> None:
    """Facts are frozen."""
    event = Event(1, 1, "RunCreated")
    with pytest.raises(AttributeError):
        event.seq = 2  # type: ignore[misc]


def test_its_time_is_utc() -> None:
    """Microseconds since 1970 become an aware datetime."""
    assert Event(1, 1_767_225_600_000_001, "x").when == datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def test_fields_that_are_none_are_left_out() -> None:
    """What is not there takes no room."""
    assert encode_fields({"a": None}) is None
    assert encode_fields({"a": 1, "b": None}) == '{"a":1}'
    assert Event(1, 1, "x").fields == {}


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")) | st.integers(-9, 9))
)
def test_fields_come_back_as_they_were(fields: dict[str, object]) -> None:
    """``data`` is a JSON object and decodes to what was encoded."""
    assert Event(1, 1, "x", data=encode_fields(fields)).fields == fields


def test_every_event_of_the_catalogue_is_explained_and_folded() -> None:
    """Each type has a meaning for people, a subject, past-tense name, and a place in the fold."""
    assert set(EVENTS) == set(FOLDS)
    for name, kind in EVENTS.items():
        assert kind.meaning.endswith("."), name
        assert kind.subject in ("run", "task", "group", "value"), name
        assert all(kind.fields.values()), name

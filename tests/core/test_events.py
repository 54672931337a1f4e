"""Events: immutable facts with few columns, and a catalogue that knows all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable.core import data_events, run_events, task_events
from durable.core.catalogue import EVENTS
from durable.core.events import Draft, Event, encode_fields
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


class Value(NamedTuple):
    """Stands for an encoded value."""

    encoding: str = "pickle"
    data: bytes = b"."
    preview: str | None = "a value"


CONSTRUCTORS = [
    maker
    for module in (run_events, task_events, data_events)
    for name, maker in vars(module).items()
    if inspect.isfunction(maker) and maker.__module__ == module.__name__
]


@pytest.mark.parametrize("maker", CONSTRUCTORS, ids=lambda maker: maker.__name__)
def test_a_constructor_takes_the_fields_of_its_type_and_no_others(maker: Callable[..., Draft]) -> None:
    """What catalogue and docs say of a type is what its events have: every field, and a payload if there is one."""
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(maker).parameters.items():
        encoded = "Encoded" in parameter.annotation
        given[name] = Value() if encoded else True if parameter.annotation == "bool" else f"of {name}"
    made = maker(**given)
    kind = EVENTS[made.type]
    assert set(made.fields) == set(kind.fields)
    assert (made.payload is not None) == bool(kind.payload)
    assert "".join(part.capitalize() for part in maker.__name__.split("_")) == made.type
    with pytest.raises(TypeError):
        maker(**given, mispelt=1)


def test_a_success_that_says_nothing_takes_no_room() -> None:
    """Most attempts return JSON or nothing: no fields are made for them."""
    assert task_events.task_succeeded() == Draft("TaskSucceeded")
    assert task_events.task_succeeded(Value(preview=None)).data is None
    assert task_events.task_succeeded(taken=[]).fields == {"taken": []}

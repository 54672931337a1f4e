"""Which questions can be asked, which answers fit them, and what an answer leads to."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable import DefinitionError, Event
from durable.core.events import encode_fields
from durable.definition.questions import (
    channel_writes,
    check_answer,
    decode_request,
    encode_request,
    make_request,
    response,
)
from durable.errors import FeedbackRefused, LogCorrupt
from durable.human import FeedbackRequest, FeedbackType
from durable.values.payloads import encode

FORM = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer", "minimum": 1},
        "day": {"type": "string", "format": "date"},
        "lines": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["amount"],
    "additionalProperties": False,
}


def asked(kind: str = "approval", **options: Any) -> FeedbackRequest:
    return make_request("q", kind, "?", **options)


# Asking.


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("yesno", {}, "there are no questions of type 'yesno'. Types are: approval, text"),
        (None, {}, "no questions of type None"),
        ("selection", {}, "needs options"),
        ("selection", {"options": []}, "needs options"),
        ("selection", {"options": "ab"}, "needs options: a list of texts"),
        ("multi_selection", {"options": ["a", "a"]}, "not distinct: 'a', 'a'"),
        ("selection", {"options": ["a", ""]}, "printable text"),
        ("selection", {"options": ["a", 2]}, "printable text"),
        ("selection", {"options": ["a", " b"]}, "starts or ends with spaces"),
        ("text", {"options": ["a"]}, "has no options"),
        ("approval", {"expires_in": 0}, "positive number"),
        ("approval", {"expires_in": -1}, "positive number"),
        ("approval", {"expires_in": True}, "positive number"),
        ("approval", {"expires_in": float("nan")}, "positive number"),
        ("approval", {"expires_in": 1e12}, "at most 1,000,000,000 seconds"),
        ("approval", {"title": 3}, "title is a text"),
        ("approval", {"channel_key": ""}, "printable text"),
        ("custom", {"form_schema": {"type": "nothing"}}, "no JSON Schema"),
        ("custom", {"form_schema": []}, "a dict that JSON can hold"),
        ("custom", {"form_schema": {"const": {1, 2}}}, "a dict that JSON can hold"),
        ("custom", {"form_schema": {"const": "\ud800"}}, "nothing that JSON can hold"),
        ("custom", {"form_schema": {"$ref": "https://example.org/form.json"}}, "which it does not hold"),
        ("custom", {"form_schema": {"$ref": "#/$defs/gone"}}, "refers to '#/$defs/gone'"),
        ("custom", {"form_schema": {"pattern": "("}}, "no JSON Schema: pattern"),
    ],
)
def test_what_cannot_be_asked_is_refused(kind: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        asked(kind, **options)
    assert said in str(caught.value)


@pytest.mark.parametrize("request_id", ["", "x" * 501, "a\nb", 7])
def test_an_id_is_a_printable_text(request_id: Any) -> None:
    with pytest.raises(DefinitionError, match="1 to 500"):
        make_request(request_id, "approval", "?")


def test_a_message_is_a_text() -> None:
    with pytest.raises(DefinitionError, match="message is a text, not None"):
        make_request(None, "approval", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [*FeedbackType, *(kind.value for kind in FeedbackType)])
def test_a_type_is_given_by_name_or_member(kind: Any) -> None:
    options = ["a"] if "selection" in FeedbackType(kind).value else None
    assert make_request(None, kind, "", options=options).type is FeedbackType(kind)


def test_an_approval_with_a_form_is_a_custom_question() -> None:
    assert asked(form_schema=FORM).type is FeedbackType.CUSTOM


def test_a_form_without_its_extra_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(DefinitionError, match=r"pip install 'durable-runs\[forms\]'"):
        asked(form_schema=FORM)


@given(
    st.builds(
        make_request,
        st.none() | st.text("ab/# ", min_size=1).map(lambda text: f"q{text}"),
        st.sampled_from(["approval", "text", "custom"]),
        st.text(st.characters(exclude_categories=["Cs"])),
        title=st.none() | st.text("abc"),
        channel_key=st.none() | st.just("key"),
        expires_in=st.none() | st.floats(0.001, 1e6),
        form_schema=st.none() | st.just(FORM),
        form_step=st.none() | st.just("step"),
    )
)
def test_a_question_is_read_as_it_was_written(request: FeedbackRequest) -> None:
    payload = encode_request(request)
    assert decode_request(payload.encoding, payload.data) == request


def test_what_is_no_question_is_named_and_never_unpickled() -> None:
    pickled = encode({1, 2})
    assert pickled is not None
    assert "pickle" in pickled.encoding
    for encoding, data in ((pickled.encoding, pickled.data), ("json", b"[]"), (None, None)):
        with pytest.raises(LogCorrupt, match="cannot be read"):
            decode_request(encoding, data)


# Answering.

FITTING: list[tuple[str, Any, Any]] = [
    *(("approval", word, True) for word in (True, "yes", "y", " YES ", "true", "approve", "approved", "ok")),
    *(("approval", word, False) for word in (False, "no", "n", "False", "reject", "rejected", "deny")),
    ("text", "fine", "fine"),
    ("text", " two words\n", " two words\n"),
    ("selection", "red", "red"),
    ("selection", " red ", "red"),
    ("selection", "2", "light, blue"),
    ("selection", "light, blue", "light, blue"),
    ("selection", "1", "1"),  # an option's name comes before its number
    ("multi_selection", "red", ["red"]),
    ("multi_selection", "1, red,red", ["red", "1"]),
    ("multi_selection", "light, blue", ["light, blue"]),
    ("multi_selection", ["1", "light, blue"], ["light, blue", "1"]),
    ("multi_selection", ("red",), ["red"]),
    ("multi_selection", [], []),
    ("custom", {"a": [1, 2.5, None]}, {"a": [1, 2.5, None]}),
    ("custom", "text", "text"),
    ("custom", None, None),
]


@pytest.mark.parametrize(("kind", "value", "found"), FITTING)
def test_an_answer_that_fits_is_normalised(kind: str, value: Any, found: Any) -> None:
    request = asked(kind, options=["red", "light, blue", "1"] if "selection" in kind else None)
    answer = check_answer(request, value)
    assert (type(answer), answer) == (type(found), found)
    assert check_answer(request, answer) == answer


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("approval", "maybe", "must be yes or no, not 'maybe'"),
        ("approval", 1, "must be yes or no, not 1"),
        ("approval", None, "must be yes or no, not None"),
        ("approval", "", "must be yes or no"),
        ("text", "", "must not be empty"),
        ("text", "  \n", "must not be empty"),
        ("text", 5, "must be a text, not 5"),
        ("text", True, "must be a text, not True"),
        ("text", "\ud800", "nothing that JSON can hold"),
        ("selection", "green", "'green' is not one of the options. Choose among: 1 red, 2 blue"),
        ("selection", "3", "'3' is not one of the options"),
        ("selection", "0", "'0' is not one of the options"),
        ("selection", "9" * 5000, "is not one of the options"),
        ("selection", "\u00b2", "is not one of the options"),
        ("selection", 1, "1 is not one of the options"),
        ("selection", ["red"], "['red'] is not one of the options"),
        ("multi_selection", "", "'' is not one of the options"),
        ("multi_selection", "red,green", "'green' is not one of the options"),
        ("multi_selection", ["red", 2], "2 is not one of the options"),
        ("multi_selection", 5, "must be a list of options"),
        ("custom", {1, 2}, "nothing that JSON can hold: {1, 2}"),
        ("custom", {1: "a"}, "nothing that JSON can hold"),
        ("custom", float("nan"), "nothing that JSON can hold"),
        ("custom", {"a": "\ud800"}, "nothing that JSON can hold"),
    ],
)
def test_an_answer_that_does_not_fit_says_why(kind: str, value: Any, said: str) -> None:
    request = asked(kind, options=["red", "blue"] if "selection" in kind else None)
    with pytest.raises(FeedbackRefused) as caught:
        check_answer(request, value)
    assert said in str(caught.value)


def test_a_form_names_each_field_that_does_not_fit() -> None:
    request = asked("custom", form_schema=FORM)
    assert check_answer(request, {"amount": 3, "day": "2026-11-21"}) == {"amount": 3, "day": "2026-11-21"}
    with pytest.raises(FeedbackRefused) as caught:
        check_answer(request, {"amount": 0, "day": "today", "lines": ["a", 7]})
    assert str(caught.value) == (
        "the answer does not fit the form: amount: 0 is less than the minimum of 1; "
        "day: 'today' is not a 'date'; lines[1]: 7 is not of type 'string'"
    )
    with pytest.raises(FeedbackRefused, match="'amount' is a required property"):
        check_answer(request, {})


def test_a_form_names_five_violations_and_counts_the_others() -> None:
    request = asked("custom", form_schema={"type": "array", "items": {"type": "integer"}})
    with pytest.raises(FeedbackRefused) as caught:
        check_answer(request, ["x"] * 8)
    assert str(caught.value).count("is not of type") == 5
    assert str(caught.value).endswith("; and 3 more")


def test_a_long_violation_is_shortened() -> None:
    request = asked("custom", form_schema={"type": "integer"})
    with pytest.raises(FeedbackRefused) as caught:
        check_answer(request, "x" * 10_000)
    assert len(str(caught.value)) < 300


def test_a_form_may_hold_what_it_refers_to() -> None:
    schema = {"$defs": {"name": {"type": "string"}}, "properties": {"who": {"$ref": "#/$defs/name"}}}
    request = asked("custom", form_schema=schema)
    assert check_answer(request, {"who": "Eva"}) == {"who": "Eva"}
    with pytest.raises(FeedbackRefused, match="who: 5 is not of type 'string'"):
        check_answer(request, {"who": 5})


def test_a_form_that_refers_to_itself_for_ever_refuses_answers() -> None:
    with pytest.raises(FeedbackRefused, match="refers to itself"):
        check_answer(asked("custom", form_schema={"$ref": "#"}), 1)


def test_a_text_is_held_to_its_schema_too() -> None:
    request = asked("text", form_schema={"pattern": "^[A-Z]{3}$"})
    assert check_answer(request, "EUR") == "EUR"
    with pytest.raises(FeedbackRefused, match="does not match"):
        check_answer(request, "euro")


# What an answer leads to.


def test_an_answer_is_written_to_the_channel_where_it_was_asked_for() -> None:
    assert channel_writes(asked("text"), "x") == []
    assert channel_writes(asked("text", channel_key="note"), "x") == [("note", "x")]
    form = asked("custom", channel_key="all", form_step="invoice")
    assert channel_writes(form, {"amount": 3}) == [
        ("all", {"amount": 3}),
        ("invoice", {"amount": 3}),
        ("invoice.amount", 3),
    ]
    assert channel_writes(form, "text") == [("all", "text"), ("invoice", "text")]


def answered(value: Any, **fields: Any) -> Event:
    payload = encode(value)
    encoding, data = (payload.encoding, payload.data) if payload is not None else (None, None)
    return Event(9, 1_000_000, "FeedbackAnswered", "ask", 1, encode_fields({"mark": "0"} | fields), encoding, data)


def test_a_response_tells_who_answered_what_and_when() -> None:
    found = response("q", asked(), answered(False, actor="eva", reason="too dear"))
    assert (found.request_id, found.value, found.approved, found.by) == ("q", False, False, "eva")
    assert found.reason == "too dear"
    assert found.answered_at is not None
    assert found.answered_at.isoformat() == "1970-01-01T00:00:01+00:00"
    assert not found.expired


def test_approved_is_the_approval_or_whether_there_is_an_answer() -> None:
    assert response("q", asked(), answered(True)).approved
    assert response("q", asked("custom"), answered(None)).approved
    assert response("q", asked("text"), answered("no")).approved


def test_a_question_that_expired_has_no_answer() -> None:
    found = response("q", asked("text"), Event(9, 1, "WaitExpired", "ask", 1, '{"mark": "0"}'))
    assert (found.value, found.approved, found.by, found.answered_at, found.expired) == (None, False, None, None, True)

"""Questions to people and their answers as values: made, checked, encoded, decoded.

Tasks ask with what is made here, and whoever answers is held to it. It must not know runs, stores,
contexts or the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from durable.core.events import Event
from durable.definition.answer_values import as_json, as_options, as_text, as_yes_or_no
from durable.definition.checks import check_id, check_seconds
from durable.definition.forms import check_form, check_schema
from durable.definition.question_types import CHOICES, FeedbackRequest, FeedbackResponse, FeedbackType
from durable.errors import DefinitionError, LogCorrupt, PayloadError
from durable.values.payloads import Payload, decode, decode_raw, encode_raw

__all__ = [
    "CHOICES", "FeedbackRequest", "FeedbackResponse", "FeedbackType", "channel_writes", "check_answer",
    "decode_request", "encode_request", "make_request", "response",
]  # fmt: skip

LONGEST = 1e9
"""Seconds: no question stays open for longer, some thirty years."""


def make_request(
    request_id: str | None,
    feedback_type: FeedbackType | str,
    message: str,
    *,
    options: Sequence[str] | None = None,
    title: str | None = None,
    form_schema: Any = None,
    channel_key: str | None = None,
    expires_in: float | None = None,
    form_step: str | None = None,
) -> FeedbackRequest:
    """Return a question that can be asked.

    Args:
        request_id: its id in the run; None for one made of the task's.
        feedback_type: what kind of answer it wants. An approval with a form is a custom question.
        message: the question.
        options: what can be chosen, for selections.
        title: a short heading.
        form_schema: a JSON Schema that the answer must fit.
        channel_key: the channel key that the answer is written to.
        expires_in: seconds after which nobody can answer any more.
        form_step: for human steps: where the form's fields are written to.

    Raises:
        DefinitionError: a question that cannot be asked.
    """
    kind = _type(feedback_type)
    for what, text in (("message", message), ("title", title)):
        if not isinstance(text, str) and not (text is None and what == "title"):
            raise DefinitionError(f"a question's {what} is a text, not {text!r}")
    if expires_in is not None and (check_seconds("expires_in", expires_in, "question") or 0) > LONGEST:
        raise DefinitionError(f"'question': expires_in is at most {LONGEST:,.0f} seconds, not {expires_in!r}")
    schema = check_schema(form_schema) if form_schema is not None else None
    return FeedbackRequest(
        id=check_id(request_id) if request_id is not None else None,
        type=FeedbackType.CUSTOM if schema is not None and kind is FeedbackType.APPROVAL else kind,
        message=message,
        options=_options(kind, options),
        title=title,
        form_schema=schema,
        channel_key=check_id(channel_key) if channel_key is not None else None,
        expires_in=float(expires_in) if expires_in is not None else None,
        form_step=check_id(form_step) if form_step is not None else None,
    )


def _type(given: Any) -> FeedbackType:
    try:
        return FeedbackType(given)
    except ValueError:
        known = ", ".join(kind.value for kind in FeedbackType)
        raise DefinitionError(f"there are no questions of type {given!r}", hint=f"Types are: {known}") from None


def _options(kind: FeedbackType, given: Sequence[str] | None) -> tuple[str, ...]:
    options = tuple(given) if given is not None and not isinstance(given, str) else given or ()
    if kind not in CHOICES:
        if options:
            raise DefinitionError(
                f"a question of type {kind.value} has no options", hint="Ask with feedback_type='selection'"
            )
        return ()
    if isinstance(options, str) or not options:
        raise DefinitionError(f"a question of type {kind.value} needs options: a list of texts, not {given!r}")
    for option in options:
        check_id(option)
        if option != option.strip():
            raise DefinitionError(f"the option {option!r} starts or ends with spaces")
    if len(set(options)) < len(options):
        raise DefinitionError(f"the options are not distinct: {', '.join(map(repr, options))}")
    return options


def encode_request(request: FeedbackRequest) -> Payload:
    """Return a question as a payload, JSON always."""
    return encode_raw(msgspec.json.encode(request), "json")


def decode_request(encoding: str | None, data: bytes | None) -> FeedbackRequest:
    """Return the question that a payload holds; nothing is unpickled.

    Raises:
        PayloadError: the bytes are damaged, or refused.
        LogCorrupt: they hold no question.
    """
    kind, raw = decode_raw(encoding, data)
    try:
        if kind != "json":
            raise PayloadError(f"it is {kind or 'empty'}, not JSON")
        return msgspec.json.decode(raw, type=FeedbackRequest)
    except (msgspec.MsgspecError, PayloadError) as error:
        raise LogCorrupt(f"a recorded question cannot be read: {error}", hint="See durable verify") from None


def check_answer(request: FeedbackRequest, value: Any) -> Any:
    """Return an answer as it is to be recorded, once it fits its question.

    Args:
        request: the question.
        value: the answer: as a program gives it, or as a person types it.

    Returns:
        A bool for an approval, a text, one option, a list of options in their order, or JSON data.

    Raises:
        FeedbackRefused: it does not fit; the message says why.
    """
    if request.type is FeedbackType.APPROVAL:
        found: Any = as_yes_or_no(value)
    elif request.type is FeedbackType.TEXT:
        found = as_text(value)
    elif request.type is FeedbackType.CUSTOM:
        found = as_json(value)
    else:
        found = as_options(value, request.options, several=request.type is FeedbackType.MULTI_SELECTION)
    if request.form_schema is not None:
        check_form(request.form_schema, found)
    return found


def channel_writes(request: FeedbackRequest, value: Any) -> list[tuple[str, Any]]:
    """Return what an answer writes to the channel, as keys with values.

    Args:
        request: the question.
        value: the answer, checked.
    """
    writes = [(request.channel_key, value)] if request.channel_key is not None else []
    if request.form_step is not None:
        writes.append((request.form_step, value))
        if isinstance(value, dict):
            writes += [(f"{request.form_step}.{field}", item) for field, item in value.items()]
    return writes


def response(name: str, request: FeedbackRequest, event: Event) -> FeedbackResponse:
    """Return what became of a question.

    Args:
        name: the question's id in the run.
        request: the question.
        event: what ended the wait for its answer: FeedbackAnswered or WaitExpired.
    """
    if event.type == "WaitExpired":
        return FeedbackResponse(name, expired=True)
    value, fields = decode(event.encoding, event.payload), event.fields
    approved = bool(value) if request.type is FeedbackType.APPROVAL else True
    return FeedbackResponse(
        name, value, approved, fields.get("actor"), event.when, expired=False, reason=fields.get("reason")
    )

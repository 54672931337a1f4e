"""``durable answer``: answer a question that a run has asked; it drives nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from durable.cli import exit_codes
from durable.cli.options import asking, json_option, run_argument, store_option, verbose_option

if TYPE_CHECKING:
    from durable.definition.questions import FeedbackRequest
    from durable.runs.start import Run


@click.command(short_help="Answer a question that a run has asked.")
@run_argument
@click.argument("request_id", metavar="[REQUEST]", required=False)
@click.option("--approve", "answer", flag_value="approve", help="Answer yes.")
@click.option("--reject", "answer", flag_value="reject", help="Answer no.")
@click.option("--value", metavar="TEXT", help="Answer with a text: also an option or its number, several with commas.")
@click.option("--json-value", metavar="JSON", help="Answer with data, such as a form.")
@click.option(
    "--by", "--actor", "by", metavar="NAME", help="Who answers; recorded in the log. [default: your login name]"
)
@click.option("--reason", metavar="TEXT", help="Why; recorded in the log.")
@store_option
@json_option
@verbose_option
def command(
    run_id: str,
    request_id: str | None,
    answer: str | None,
    value: str | None,
    json_value: str | None,
    by: str | None,
    reason: str | None,
    store: str | None,
    as_json: bool,
) -> int:
    """Answer the question REQUEST of RUN; REQUEST may be left out when only one is open.

    On a terminal you are asked for the answer when you give none. The answer is kept until the run
    continues; nothing runs because of it. The same answer given again counts once, a different one is refused.

    \b
    durable answer nightly-2026-11-21 --approve --reason "figures checked"
    durable answer nightly-2026-11-21 pick-region --value north
    durable answer nightly-2026-11-21 invoice --json-value '{"amount": 12}'
    """
    from durable.cli.stores import existing_store
    from durable.human.answers import chosen_request, send_answer
    from durable.runs.start import open_run

    given = given_value(answer, value, json_value)
    with existing_store(store) as opened:
        run = open_run(run_id, opened)
        name, request = chosen_request(run.load_state(), opened, request_id)
        chosen = fitting(request, given[0]) if given else asked(run, name, request, as_json)
        sent = send_answer(opened, run_id, name, chosen, actor=asking(by), reason=reason)
        _report(run, name, sent, as_json)
    return exit_codes.OK


def given_value(answer: str | None, value: str | None, json_value: str | None) -> tuple[Any] | None:
    """Return the answer on the command line; None without one.

    Raises:
        click.UsageError: there are several.
        click.BadParameter: what should be JSON is not.
    """
    found: list[Any] = [answer == "approve"] if answer is not None else []
    if value is not None:
        found.append(value)
    if json_value is not None:
        found.append(parsed(json_value, "--json-value"))
    if len(found) > 1:
        raise click.UsageError("Give one answer: --approve, --reject, --value or --json-value.")
    return (found[0],) if found else None


def parsed(text: str, option: str) -> Any:
    """Return what a text says as JSON. Raises ``click.BadParameter``."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise click.BadParameter(f"{text!r} is not JSON: {error}", param_hint=option) from None


def fitting(request: FeedbackRequest, value: Any) -> Any:
    """Return an answer that fits its question. Raises ``click.BadParameter``, which is wrong usage."""
    from durable.definition.questions import check_answer
    from durable.errors import FeedbackRefused

    try:
        return check_answer(request, value)
    except FeedbackRefused as error:
        raise click.BadParameter(str(error), param_hint="the answer") from None


def asked(run: Run, name: str, request: FeedbackRequest, as_json: bool) -> Any:
    """Ask on the terminal, until the answer fits.

    Raises:
        click.UsageError: there is no terminal.
        FeedbackRefused: the question was answered, or is closed.
    """
    from durable.cli.answer_prompt import ask, can_ask
    from durable.human.answers import check_open

    if as_json or not can_ask():
        raise click.UsageError(
            f"Question {name!r} needs an answer, and there is no terminal to ask on: "
            "give --approve, --reject, --value or --json-value."
        )
    check_open(run.load_state(), run.store, name)
    return ask(request)


def _report(run: Run, name: str, sent: bool, as_json: bool) -> None:
    from durable.cli.render import note, print_json, say

    info, command = run.info, run.resume_command()
    over = info.status in ("succeeded", "cancelled")
    if as_json:
        document = {"run_id": run.run_id, "request_id": name, "sent": sent, "driven": info.driven}
        print_json(document | {"resume": None if over or info.driven else command, "exit_code": exit_codes.OK})
        return
    say(f"answered {name}" if sent else f"{name} had the same answer before; nothing was done")
    if info.driven:
        note(f"run {run.run_id} is driven now and continues by itself")
    elif not over:
        note(f"resume with: {command}")

"""`auditor ask`: frequent questions, answered for this account from a stored run."""

import json
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.encoding import echo_json
from auditor.cli.options import (
    AccountOption,
    BaselineOption,
    OrgOption,
    SandboxRunsOption,
    TextOrJson,
    TextOrJsonOption,
)
from auditor.cli.terminal import Terminal
from auditor.plain_text import printable

if TYPE_CHECKING:
    from auditor.findings.answers import Answer
    from auditor.findings.run import Run


def ask(
    ctx: typer.Context,
    question: Annotated[
        list[str] | None,
        typer.Argument(metavar="[QUESTION]", help="A question's id, or your own words."),
    ] = None,
    run: Annotated[
        str,
        typer.Option(
            "--run",
            metavar="RUN|FILE",
            help="A stored run's id, or a snapshot file (a path with a slash or ending in "
            ".sqlite).",
        ),
    ] = "latest",
    baseline: BaselineOption = None,
    org: OrgOption = None,
    account: AccountOption = None,
    sandbox: SandboxRunsOption = False,
    format_: TextOrJsonOption = TextOrJson.TEXT,
) -> None:
    """Answer common questions about Zoom, AI and consent from a stored run. Needs no network.

    Without a question, lists all of them with a one-sentence answer.

    Examples:

    **auditor ask**

    **auditor ask train-ai**

    **auditor ask can one host consent for everyone**
    """
    from auditor.app.ask import answer_questions
    from auditor.app.runs import RunSource
    from auditor.app.selection import Selection
    from auditor.config import settings as config
    from auditor.report import answers as words

    terminal: Terminal = ctx.obj
    source = RunSource.chosen(config.load(), terminal.say, account=account, sandbox=sandbox)
    selection = Selection(baseline=baseline, org=org, include_passes=True)
    text = " ".join(question) if question else None
    finished, answered_questions = answer_questions(text, source, run, selection)
    if format_ is TextOrJson.JSON:
        echo_json(
            json.dumps(words.as_json(finished, answered_questions), indent=2, ensure_ascii=False)
        )
        return
    width = terminal.text_width
    lines = (
        _full_answer(answered_questions[0], width)
        if question
        else _overview(answered_questions, width)
    )
    typer.echo("\n".join([*lines, "", *_wrapped(_origin(finished), width, "")]))


def _overview(answered: "list[Answer]", width: int) -> list[str]:
    from auditor.report import answers as words

    lines = []
    for answer in answered:
        question = answer.question
        lines += _wrapped(f"{question.question} ({question.id})", width, "")
        lines += [*_wrapped(words.sentence(answer), width, "  "), ""]
    return [*lines, f"More about one: auditor ask {answered[0].question.id}"]


def _full_answer(answer: "Answer", width: int) -> list[str]:
    from auditor.report import answers as words

    question = answer.question
    lines = [*_wrapped(question.question, width, ""), f"Asked by: {question.asked_by}", ""]
    lines += _wrapped(words.sentence(answer), width, "")
    for section in words.sections(answer):
        lines += ["", section.heading]
        for line in section.lines:
            lines += _wrapped(line, width, "  ")
    claims = ", ".join(map(str, question.claims))
    lines += ["", *_wrapped(f"Claims behind it: {claims} (docs/claims.md).", width, "")]
    first = answer.parts[0].control.id
    return [*lines, f"More about a control: auditor control show {first}"]


def _origin(run: "Run") -> str:
    from auditor.report import wording

    info = run.info
    covered = wording.levels(run.summary.coverage) or "nothing"
    simulated = "Simulated: not from Zoom. " if info.simulated else ""
    return simulated + (
        f"From run {printable(info.id)} of account {printable(info.account_id)}, "
        f"{wording.when(info.finished_at)}: {covered} read, judged by "
        f"“{printable(info.baseline.id)}” {printable(info.baseline.version)}, depth {info.depth}."
        + ("" if info.complete else " Part of what was selected could not be read.")
    )


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  " if indent else "",
        break_long_words=False,
        break_on_hyphens=False,
    )

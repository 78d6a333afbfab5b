"""Markdown: rendering, hostile names, and the size limit of job summaries."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.frameworks import Framework, FrameworkPart
from auditor.findings.model import ReadError, Severity, WaiverResult, WaiverState
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import Options, headline, wording
from auditor.report.markdown_report import MOST_BYTES, MarkdownFormat
from auditor.report.markdown_text import code, prose
from tests.every_case import every_case
from tests.report import worlds
from tests.report.golden_run import WAIVER, golden
from tests.report.test_inventory_output import INVENTORY

READER = MarkdownIt("commonmark").enable("table")
NAMES = {
    **worlds.HOSTILE,
    "pipes": "a|b\\|c\\\\|d",
    "backticks": "`one` ``two``` `",
    "backslash": "ends in a \\",
    "mention": "@octocat and @org/team",
    "link": "[text](https://evil.example) https://evil.example www.evil.example",
    "image": "![x](https://evil.example/x.png)",
    "reference": "#1 GH-12 org/repo#3 0123456789abcdef0123456789abcdef01234567",
    "list": "1. one",
    "heading": "# one\n===\n---",
    "picture": ":smile: $x$",
    "comment": "<!-- a -->",
    "entity": "&lt;b&gt; &#64;",
    "emphasis": "*a* _b_ ~~c~~ __d__",
}


def written(run: Run, most_bytes: int = MOST_BYTES, **options: Any) -> str:
    out = io.BytesIO()
    MarkdownFormat(most_bytes).render(run, out, Options(**options))
    return out.getvalue().decode("utf-8")


def pieces(text: str) -> Iterator[Token]:
    """Every inline token of a Markdown text."""
    for token in READER.parse(text):
        yield from token.children or ()


def tables(text: str) -> list[list[list[str]]]:
    """Each table of a Markdown text as rows of cells, in the words a reader sees."""
    matches: list[list[list[str]]] = []
    row: list[str] = []
    for token in READER.parse(text):
        if token.type == "table_open":
            matches.append([])
        elif token.type == "tr_open":
            row = []
            matches[-1].append(row)
        elif token.type == "inline" and token.level >= 4:
            row.append("".join(child.content for child in token.children or ()))
    return matches


def named(name: str) -> Run:
    """A name wherever one can stand: group, user, value, setting, message, waiver."""
    waiver = WaiverResult(
        "AI-01", name, name, name, name, date.min, state=WaiverState.EXPIRED, matched=1
    )
    run = worlds.run_of(
        [
            worlds.judged(worlds.group(1, name), [worlds.deviation("AI-01", Level.GROUP)]),
            worlds.judged(
                replace(worlds.user(1, name), email=name),
                [worlds.deviation("RC-02", observed=name, setting=name)],
            ),
        ],
        errors=[ReadError(name, Cause.DENIED, name, (name,))],
        name=name,
    )
    return replace(run, waivers=[waiver])


def test_the_page_opens_with_the_headline_the_answer_and_the_facts() -> None:
    run = worlds.everything()
    title, worst, *rest = written(run).split("\n\n")[:7]
    assert title.startswith("# ")
    assert worst == f"**{headline.worst_fact(run, roll_up(run))}**"
    assert rest[:3] == headline.rest(run, roll_up(run))
    assert rest[3].startswith("**Incomplete")
    for fact in ("strict 1.0.0", "2026-11-21 22:04 UTC"):
        assert fact in rest[4], fact


def test_sections_come_in_order_of_severity() -> None:
    heads = re.findall(r"^## (\w+)", written(worlds.everything()), re.MULTILINE)
    assert heads == [
        *(
            "Broken",
            "No",
            "What",
            "What",
            "Waivers",
            "Where",
            "What",
            "To",
            "Failed",
            "About",
            "Words",
        )
    ]


def test_a_clean_run_says_what_was_checked_and_nothing_is_headed_for_nothing() -> None:
    text = written(worlds.clean())
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads == ["About this run", "Words in this report"]
    assert wording.checked(worlds.clean()) in text
    assert "Incomplete" not in text


def test_the_table_of_controls_says_how_many_scopes_deviate_of_how_many() -> None:
    head, first, *_ = tables(written(worlds.everything()))[0]
    assert head[3:] == ["Accounts (of 1)", "Groups (of 3)", "People (of 37)", "No answer"]
    assert first == [
        "critical",
        "Meeting summary with AI Companion is on for 17 people",
        f"AI-01 {worlds.CONTROLS['AI-01'].title}",
        *("1", "1", "17", "12"),
    ]


def test_levels_without_a_column_are_counted_as_other() -> None:
    meeting = Scope(Level.MEETING, "m1", "Weekly")
    run = worlds.run_of([worlds.judged(meeting, [worlds.deviation()])])
    head, row = tables(written(run))[0]
    assert head[-2:] == ["Other", "No answer"]
    assert row[-2:] == ["1", "0"]


def test_controls_without_deviations_are_in_the_table_only_where_asked_for() -> None:
    run = worlds.everything()
    assert len(tables(written(run))[0]) == 1 + 5
    assert len(tables(written(run, include_passes=True))[0]) == 1 + len(worlds.CONTROLS)


def test_each_cause_of_an_unknown_says_what_to_do() -> None:
    _, *rows = tables(written(worlds.all_unknown()))[0]
    assert len(rows) == len(Cause)
    assert all(len(row[1]) > 30 for row in rows)
    assert "user:read:settings:admin" in next(r for r in rows if r[0] == "Refused by Zoom")[1]


def test_what_is_due_names_the_command_that_says_more() -> None:
    text = written(worlds.everything())
    due = re.findall(r"^- \*\*([\w ]+):\*\* ([^.]*)\.", text, re.MULTILINE)[:2]
    assert due == [
        ("To look up by hand", "2 questions of 2 rules"),
        ("New settings", "1 (`TP-01`)"),
    ]
    asked = next(rows for rows in tables(text) if rows[0][1] == "Question")
    assert [row[0].split()[0] for row in asked[1:]] == ["TP-01", "TR-01"]
    assert "`auditor control show TP-01`" in text


def test_a_decision_is_a_question_with_what_the_account_shows_today() -> None:
    (line,) = re.findall(
        r"^- \*\*Through which regions.*", written(worlds.everything()), re.MULTILINE
    )
    assert " Today: " in line
    assert line.endswith("(`DR-01`: `auditor decide allowed_regions`)")


def test_the_page_begins_with_what_is_on_and_for_whom_within_its_limit() -> None:
    run = replace(worlds.everything(), inventory=lambda: INVENTORY)
    text = written(run)
    assert text.index("## What is on, and for whom") < text.index("## Broken rules")
    rows = tables(text)[0][1:]
    assert [(row[0], row[1]) for row in rows] == [
        ("On", "Meeting summary"),
        ("Not known", "AI: assistant"),
    ]
    many = tuple(
        replace(INVENTORY.features[0], setting=f"s{at}", title="x" * 70) for at in range(400)
    )
    cut = written(replace(run, inventory=lambda: replace(INVENTORY, features=many)), 14_000)
    assert len(cut.encode()) <= 14_000
    assert re.search(r"^and \d+ more settings$", cut, re.MULTILINE)


def test_waivers_that_need_care_say_so() -> None:
    stale = golden().waivers[0]
    active = WaiverResult("RC-02", "group Studio", **WAIVER, state=WaiverState.ACTIVE, matched=2)
    text = written(replace(golden(), waivers=[active, stale]))
    care, quiet = (line for line in text.splitlines() if "Accepted by" in line)
    assert care.startswith("- **Needs care:** AI-01")
    assert quiet.startswith("- RC-02")


def test_the_worst_scopes_are_named_and_the_rest_counted() -> None:
    text = written(worlds.everything())
    worst = next(t for t in tables(text) if t[0][0] == "Where")
    assert worst[1][:3] == ["Example Health", "account", "AI-01, CN-05, RT-01"]
    assert worst[1][3:] == ["2", "0", "1", "0"]
    assert worst[2][0] == "Clinical Ops"
    assert worst[3][0] == "Studio"
    assert worst[4][0] == "User 0 user0@example.com"
    assert "\nand 10 more\n" in text


def test_each_deviation_says_what_was_found_asked_for_where_and_how_to_close_it() -> None:
    text = written(worlds.everything())
    section = next(part for part in text.split("\n### ") if "(`CN-05`)" in part)
    assert worlds.CONTROLS["CN-05"].why in section
    assert "`PATCH /accounts/me/settings" in section
    assert tables(section)[0][1][1:4] == ["locked", "not locked", "1 account: Example Health"]
    assert "and 12 more |" not in section
    assert "17 people: `User 0` `user0@example.com`, `User 1` `user1@example.com`, " in text
    assert "`User 12` `user12@example.com` and 12 more" in text


def test_many_values_of_one_control_are_cut_and_counted() -> None:
    verdicts = [worlds.deviation(setting=f"s{at:02}") for at in range(14)]
    text = written(worlds.run_of([worlds.judged(worlds.user(1), verdicts)]))
    assert "`s09`" in text
    assert "`s10`" not in text
    assert "\nand 4 more\n" in text


def test_a_framework_regroups_the_controls_and_says_what_is_not_claimed() -> None:
    framework = Framework(
        id="gdpr",
        key="gdpr",
        title="GDPR",
        version="2016/679",
        not_claimed="Nothing about contracts.",
        parts=(FrameworkPart("Chapter II", ("Art 7", "Art 8")),),
        controls={"Art 7": ("CN-05",)},
    )
    text = written(replace(worlds.everything(), framework=framework))
    assert re.search("^## .*GDPR", text, re.MULTILINE)
    assert tables(text)[0][1][0] == "Art 7 Chapter II"
    assert "- Nothing about contracts." in text
    assert "## Controls, and how many" not in text


def test_the_full_report_is_named_where_there_is_one() -> None:
    assert "- Full report: `demo/report.html`" in written(
        worlds.clean(), report_path="demo/report.html"
    )
    assert "Full report" not in written(worlds.clean())


@every_case("name", NAMES)
def test_no_name_becomes_markup(name: str) -> None:
    text = written(named(name))
    for piece in pieces(text):
        assert piece.type not in ("link_open", "image", "html_inline", "em_open", "hardbreak")
    kinds = {token.type for token in READER.parse(text)}
    assert not kinds & {
        "html_block",
        "fence",
        "code_block",
        "hr",
        "lheading_open",
        "ordered_list_open",
    }
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads == [token.content for token in READER.parse(text) if token.content in heads]


@every_case("name", NAMES)
def test_nobody_is_mentioned_and_nothing_is_linked_outside_of_code(name: str) -> None:
    for piece in pieces(written(named(name))):
        if piece.type == "text":
            assert not re.search(r"@\w|https?://|www\.|#\d|GH-\d|:smile:|\$", piece.content)


@every_case("name", NAMES)
def test_no_name_ends_a_cell_or_a_row(name: str) -> None:
    for head, *rows in tables(written(named(name))):
        assert {len(row) for row in rows} == {len(head)}
        assert all(row[-1] or head[-1] == "Places" for row in rows)


@every_case("name", NAMES)
def test_no_name_turns_the_text_or_breaks_the_encoding(name: str) -> None:
    text = written(named(name))
    assert not set(text) & set("\r\t\x00\x1b\x9b\x07\u202e\u200f\u2028\ud83d")
    assert max(map(len, text.splitlines())) < 8_000


@pytest.mark.parametrize("name", ["a|b", "`x`", "``", "@octocat", "<b>", "a \\ b", " x "])
def test_a_name_is_read_as_it_is(name: str) -> None:
    (piece,) = pieces(code(name))
    assert piece.type == "code_inline"
    assert piece.content.strip() == name.strip()


def test_an_empty_name_is_a_dash() -> None:
    assert code("") == "–"


@pytest.mark.parametrize(
    ("sentence", "markdown"),
    [
        ("See (Manage > Scopes).", "See (Manage \\> Scopes)."),
        ("Ask ciso@example.com, today.", "Ask `ciso@example.com`, today."),
        ("a *bold* claim_ here", "a `*bold*` claim\\_ here"),
        ("1. first", "1\\. first"),
        ("12) first", "12\\) first"),
        ("- first", "\\- first"),
        ("2026-11-21 is a day", "2026-11-21 is a day"),
        ("set --depth user", "set --depth user"),
        ("", ""),
    ],
)
def test_a_sentence_stays_readable_as_it_is_written(sentence: str, markdown: str) -> None:
    assert prose(sentence) == markdown


@pytest.mark.slow
def test_the_page_fits_a_job_summary_whatever_the_run() -> None:
    titles = "漢" * 3_000
    controls = {
        f"C-{at:04}": replace(worlds.CONTROLS["RT-01"], id=f"C-{at:04}", title=titles, why=titles)
        for at in range(300)
    }
    verdicts = [replace(worlds.deviation("RT-01"), control=id_) for id_ in controls]
    waiver = WaiverResult("AI-01", titles, titles, titles, titles, date.min, WaiverState.EXPIRED, 1)
    run = worlds.run_of(
        [worlds.judged(worlds.user(1), verdicts)],
        controls=controls,
        errors=[ReadError(titles, Cause.DENIED, titles, ("AI-01",))] * 500,
    )
    text = written(replace(run, waivers=[waiver] * 500))
    assert len(text.encode("utf-8")) <= MOST_BYTES
    assert re.search(r"^and [\d,]+ more rows$", text, re.MULTILINE)
    assert "`auditor ask`" in text


@pytest.mark.parametrize("most_bytes", [5_000, 6_000, 7_000, 8_000, 9_000, 12_000])
def test_a_page_that_is_cut_keeps_its_tables_whole_and_counts_the_rest(most_bytes: int) -> None:
    text = written(worlds.everything(), most_bytes=most_bytes)
    assert len(text.encode("utf-8")) <= most_bytes
    for head, *rows in tables(text):
        assert {len(row) for row in rows} <= {len(head)}
    whole = written(worlds.everything())
    for line in text.splitlines():
        assert line in whole.splitlines() or re.match(r"and \d+ more", line)


def test_passes_and_an_uncut_page_leave_no_line_of_what_is_missing() -> None:
    run = worlds.run_of(
        [worlds.judged(worlds.account(), [worlds.deviation(severity=Severity.LOW)])]
    )
    assert not re.search(r"^and ", written(run), re.MULTILINE)


def test_the_summary_is_short_and_names_nobody() -> None:
    text = written(worlds.everything(), summary=True)
    assert text.count("\n## ") == 2
    assert "(AI-01)" in text
    assert "User 0" not in text
    assert len(text) < len(written(worlds.everything())) / 2


def test_without_the_annex_the_rows_of_each_control_are_left_out() -> None:
    whole, short = (written(worlds.everything(), annex=annex) for annex in (True, False))
    left_out = set(re.findall(r"^## .*", whole, re.MULTILINE)) - set(
        re.findall(r"^## .*", short, re.MULTILINE)
    )
    assert left_out == {
        "## To look up by hand: 2 questions of 2 rules",
        "## What is broken, and how to fix it",
    }
    assert len(short) < len(whole)

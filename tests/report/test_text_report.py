import itertools
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Status
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import headline
from auditor.report.display import display_width
from tests.builders import ACCOUNT
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Render, every_run

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_the_worst_fact_comes_first_then_the_broken_rules(render: Render) -> None:
    run = worlds.everything()
    lines = render(run, "text", width=400).splitlines()
    worst, why, *rest = lines[:5]
    assert [worst, *rest] == headline.sentences(run, roll_up(run))
    reason = "A summary turns a whole call into text, and one host decides for everyone."
    assert why == f"Why it matters: {reason}"


def test_without_a_broken_rule_nothing_says_why_it_matters(render: Render) -> None:
    assert "Why it matters" not in render(worlds.clean(), "text")
    assert "Why it matters" not in render(worlds.all_unknown(), "text")


def test_an_incomplete_run_says_so_at_the_top(render: Render) -> None:
    top = render(worlds.everything(), "text", width=400).splitlines()[:6]
    (incomplete,) = [line for line in top if line.startswith("Incomplete")]
    assert re.findall(r"\d+", incomplete) == ["3"]
    assert "--allow-unknown" not in incomplete


def test_allow_unknown_is_printed_where_it_was_used(render: Render) -> None:
    run = replace(worlds.everything(), allow_unknown=True)
    assert "--allow-unknown" in render(run, "text", width=200).partition("Broken rules")[0]


@every_case("any_run", every_run)
def test_no_line_is_longer_than_the_terminal(any_run: Run, render: Render) -> None:
    for width, color in itertools.product((72, 80, 120, 200), (False, True)):
        text = render(any_run, "text", width=width, color=color, report_path="demo/report.html")
        widest = max(display_width(ANSI.sub("", line)) for line in text.splitlines())
        assert widest <= width, (width, color)


def test_a_line_of_many_digits_and_levels_still_fits(render: Render) -> None:
    meeting = Scope(Level.MEETING, "m1", "Weekly")
    verdict = worlds.deviation("AI-01", Level.USER)
    everywhere = (worlds.account(), worlds.group(1), worlds.user(1), meeting)
    run = worlds.run_of([worlds.judged(s, [verdict]) for s in everywhere])
    run = replace(
        run,
        summary=replace(run.summary, coverage={Level.USER: 100_000, Level.GROUP: 12_000}),
    )
    text = render(run, "text", width=72)
    assert "of 100,000" in text
    assert "other" in text
    assert max(map(display_width, text.splitlines())) <= 72


@every_case("width", (80, 200))
def test_titles_are_whole_and_wrap_between_words(width: int, render: Render) -> None:
    title = worlds.CONTROLS["CN-05"].title
    text = render(worlds.everything(), "text", width=width)
    at = text.index("  CN-05")
    assert title in " ".join(re.sub(r" \d+| –", "", text[at : at + 3 * width]).split())


def test_the_table_says_how_many_scopes_deviate_at_each_level(render: Render) -> None:
    text = render(worlds.everything(), "text", width=120)
    row = next(line for line in text.splitlines() if line.startswith("  AI-01"))
    assert row.split()[-4:] == ["1", "1", "17", "12"]
    assert "of 37" in text


def test_columns_without_a_number_are_left_out(render: Render) -> None:
    run = worlds.run_of([worlds.judged(worlds.user(1), [worlds.deviation("RC-02")])])
    lines = render(run, "text").splitlines()
    heads = lines[lines.index("high") - 2].split()
    assert heads == ["person"]


def test_passes_add_the_controls_without_deviations_to_the_table(render: Render) -> None:
    run = worlds.everything()
    assert "TP-01  Live" not in render(run, "text", width=200)
    assert "TP-01  Live" in render(run, "text", width=200, include_passes=True)


def test_critical_and_high_are_painted_apart(render: Render) -> None:
    painted = render(worlds.everything(), "text", color=True)
    assert "\x1b[1;97;41mcritical\x1b[0m" in painted
    assert "\x1b[1;31mhigh\x1b[0m" in painted


def test_the_worst_scope_comes_first_by_name(render: Render) -> None:
    text = render(worlds.everything(), "text")
    first, second = re.findall(r"^(\w+ \w+) .*  (?:account|person) ", text, re.MULTILINE)[:2]
    assert (first, second) == ("Example Health", "User 0")
    assert re.search(r"^Example Health .*\n  AI-01, CN-05, RT-01$", text, re.MULTILINE)
    assert re.search(r"^and 10 more", text, re.MULTILINE)


def test_long_tables_are_cut_and_say_what_is_missing(render: Render) -> None:
    controls = {
        f"C-{at:02}": replace(worlds.CONTROLS["RT-01"], id=f"C-{at:02}") for at in range(40)
    }
    verdicts = [replace(worlds.deviation("RT-01"), control=id_) for id_ in controls]
    run = worlds.run_of([worlds.judged(worlds.user(1), verdicts)], controls=controls)
    text = render(run, "text")
    assert re.search(r"^and 15 more .*15 medium", text, re.MULTILINE)
    assert "C-39" not in text


def test_every_cause_of_an_unknown_is_named_with_its_remedy(render: Render) -> None:
    text = " ".join(render(worlds.all_unknown(), "text").split())
    assert text.count("? ") == 7
    assert "the app lacks user:read:settings:admin" in text


def test_a_decision_is_a_question_with_what_the_account_shows_today(render: Render) -> None:
    lines = render(worlds.everything(), "text", width=400).splitlines()
    question = next(at for at, line in enumerate(lines) if line.endswith("? (DR-01)"))
    assert lines[question].startswith("- Through which regions")
    assert lines[question + 1].startswith("  Today: ")
    assert lines[question + 1].endswith(" (1 account).")


def test_a_decision_whose_setting_was_not_read_says_so(render: Render) -> None:
    unread = worlds.deviation(
        "RT-01",
        Level.ACCOUNT,
        status=Status.NEEDS_DECISION,
        observed=None,
        source="",
        detail="",
        expected={"op": "org_param", "param": "ai_allowed_groups", "value": None},
    )
    text = render(worlds.run_of([worlds.judged(ACCOUNT, [unread])]), "text", width=400)
    assert "  Today: Not read: " in text
    assert "strictest answer first (0, or none) with auditor decide ai_allowed_groups" in text
    assert "this changes nothing in Zoom" in text
    seen = worlds.run_of([worlds.judged(ACCOUNT, [replace(unread, source="GET /x")])])
    assert "Today" not in render(seen, "text", width=400)


def test_what_to_look_up_and_new_settings_have_a_line_each(render: Render) -> None:
    lines = render(worlds.everything(), "text", width=400).splitlines()
    (due,) = [line for line in lines if line.startswith("To look up by hand: ")]
    assert due.startswith("To look up by hand: 2 questions of 2 rules.")
    assert "auditor attest --list" in due
    assert any(line.startswith("New settings: 1 ") for line in lines)


def test_read_errors_are_short_and_cut(render: Render) -> None:
    errors = [worlds.DENIED] * 9
    run = replace(worlds.everything(), errors=errors)
    text = render(run, "text", width=200)
    assert len(re.findall(r"^- GET /users/\{userId\}/settings.*12", text, re.MULTILINE)) == 5
    assert "and 4 more" in text


def test_a_clean_run_says_what_was_checked_and_what_was_not(render: Render) -> None:
    text = render(worlds.clean(), "text", width=400)
    (checked,) = re.findall("^Checked: (.*)$", text, re.MULTILINE)
    assert re.findall(r"\d+", checked) == ["9", "1", "1", "20"]
    (left,) = re.findall("^Not covered: (.*)$", text, re.MULTILINE)
    assert {"96", "412", "3"} <= set(re.findall(r"\d+", left))


def test_an_empty_run_is_not_called_fine(render: Render) -> None:
    text = render(worlds.empty(), "text")
    assert text.startswith("Nothing was judged")


@every_case("any_run", every_run)
def test_no_percentage_is_ever_shown(any_run: Run, render: Render) -> None:
    text = render(any_run, "text", width=200)
    assert not re.search(r"\d\s?%", text)


@every_case("any_run", every_run)
def test_without_color_there_is_no_escape_and_with_color_only_ours(
    any_run: Run, render: Render
) -> None:
    assert "\x1b" not in render(any_run, "text")
    painted = render(any_run, "text", color=True)
    assert "\x1b" not in ANSI.sub("", painted)
    assert ANSI.sub("", painted) == render(any_run, "text")


def test_the_headline_is_green_only_where_everything_is_known(render: Render) -> None:
    green = "\x1b[32m"
    assert render(worlds.clean(), "text", color=True).startswith(green)
    for run in (worlds.all_unknown(), worlds.empty(), worlds.everything()):
        assert not render(run, "text", color=True).startswith(green)


def test_hostile_names_cannot_steer_the_terminal(render: Render) -> None:
    text = render(worlds.hostile(), "text", width=200)
    assert not set(text) & set("\x1b\x9b\x07\r\t\x00\u202e\u200f\u2028")
    assert "\\u202e" in text


def test_the_path_of_the_full_report_comes_last_and_whole(render: Render) -> None:
    path = "/very/long/" + "folder/" * 20 + "report.html"
    assert render(worlds.clean(), "text", report_path="r.html").endswith("\nFull report: r.html\n")
    assert render(worlds.clean(), "text", report_path=path).endswith(f"\nFull report:\n{path}\n")
    without = render(worlds.clean(), "text")
    assert without.endswith("\nFull report: auditor report --output report.html\n")


def test_a_control_alone_names_its_people_and_its_fix(render: Render) -> None:
    run = worlds.everything()
    text = render(run, "text", width=80, controls=("AI-01",))
    assert "RC-02" not in text
    shown = " ".join(text.split())
    assert "User 0 <user0@example.com>" in shown
    assert "and 5 more (all of them: auditor report --format csv)" in shown
    assert worlds.CONTROLS["AI-01"].fix_portal in shown
    assert max(map(display_width, text.splitlines())) <= 80


def test_the_summary_says_what_is_broken_and_what_is_open_and_fits(render: Render) -> None:
    text = render(worlds.everything(), "text", width=80, summary=True)
    assert max(map(display_width, text.splitlines())) <= 80
    shown = " ".join(text.split())
    assert "(AI-01)" in shown
    assert f"- DR-01 {worlds.CONTROLS['DR-01'].title}" in shown
    assert "User 0" not in shown


@pytest.mark.parametrize("format_", ["text", "markdown"])
@pytest.mark.parametrize("world", [worlds.clean, worlds.empty, worlds.all_unknown, worlds.large])
def test_a_summary_says_what_is_broken_and_open_or_that_nothing_is(
    format_: str, world: Callable[[], Run]
) -> None:
    run = world()
    text = worlds.report_of(run, format_, summary=True).decode()
    broken, _, unanswered = text.partition("What is broken")[2].partition("What nobody has")
    is_broken = run.summary.by_status[Status.FAIL] > 0
    assert ("No rule was found to be broken." in broken) is (
        world in (worlds.clean, worlds.all_unknown)
    )
    assert ("Nothing was judged." in broken) is (world is worlds.empty)
    assert is_broken is (world is worlds.large)
    assert unanswered

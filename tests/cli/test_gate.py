"""`auditor gate`: pass or fail for a pipeline, from what is stored or what is read now."""

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from auditor.app import gate as module
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Reference, ReferenceState, Verdict
from auditor.findings.rollup import FindingGroup
from auditor.report import gate_output
from auditor.report.display import printable
from tests.cli.accounts import STRICT, Account, lines
from tests.end_to_end.conftest import COMMAND, Auditor, served
from tests.report.worlds import HOSTILE, deviation, run_of


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A stored run with deviations. Tests that share it only read it."""
    with served("drifted", users=2, groups=1) as sandbox:
        account = Account(sandbox, Auditor(tmp_path_factory.mktemp("audited"), sandbox))
        account.night()
        yield account


def at(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    """Ask the gate so long from now."""

    class Moved(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Moved":
            return super().now(tz) + ahead

    monkeypatch.setattr(module, "datetime", Moved)


# what is stored


def test_a_fresh_run_without_deviations_passes_in_three_lines(account: Account) -> None:
    run = account.first_night()
    ran = account.gate()
    answer, rests, todo = lines(ran)
    assert (ran.code, ran.err) == (0, "")
    assert answer.startswith("auditor gate: PASS: 0 deviations ")
    assert rests.startswith(f"Judged: run {run} of account {account.sandbox.account_id}, ended ")
    assert "baseline strict 1.0, depth user" in rests
    assert re.search(r"[1-9]\d* to decide, [1-9]\d* to look up .*not signed, SIMULATED", rests)
    assert todo == f"See which: auditor report {run}."


def test_deviations_fail_and_the_first_are_named(audited: Account) -> None:
    ran = audited.gate()
    answer, _, todo = lines(ran)
    assert ran.code == 1
    assert answer.startswith("auditor gate: FAIL: ")
    assert todo.startswith("First: ")
    assert "(AI-0" in todo
    assert "auditor report" in todo


def test_strict_shuts_the_gate_at_what_is_undecided(account: Account) -> None:
    account.first_night()
    assert account.gate().code == 0
    assert account.gate("--strict").code == 3


def test_an_unknown_at_the_threshold_is_no_pass(tmp_path: Path) -> None:
    with served("clean", users=6, groups=1) as sandbox:  # one of them lacks a licence
        account = Account(sandbox, Auditor(tmp_path, sandbox))
        account.night()
    ran = account.gate()
    assert ran.code == 3
    assert lines(ran)[0].startswith("auditor gate: UNKNOWN: 0 deviations ")
    assert account.gate("--allow-unknown").code == 0
    assert account.gate("--fail-on", "never").code == 0


def test_with_nothing_stored_nothing_is_judged(tmp_path: Path) -> None:
    ran = Auditor(tmp_path)("gate")
    assert ran.code == 4
    answer, _, todo = lines(ran)
    assert answer.startswith("auditor gate: NOT JUDGED: ")
    assert "history.sqlite" in answer
    assert todo == "Run: auditor audit"


def test_a_run_is_too_old_after_26_hours_or_as_asked(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.first_night()
    at(monkeypatch, timedelta(hours=25))
    assert account.gate().code == 0
    assert account.gate("--max-age", "24h").code == 4
    at(monkeypatch, timedelta(hours=30))
    old = account.gate()
    assert old.code == 4
    assert "hours old; at most 26 hours are allowed." in lines(old)[0]
    assert account.gate("--max-age", "2d").code == 0


def test_a_run_from_the_future_is_not_judged(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.first_night()
    at(monkeypatch, -timedelta(hours=2))
    ran = account.gate("--max-age", "52w")
    assert ran.code == 4
    assert "one of the clocks is wrong" in lines(ran)[0]


def test_an_incomplete_run_is_not_judged_unless_that_is_allowed(account: Account) -> None:
    account.withhold()
    account.night(code=3)
    ran = account.gate()
    assert ran.code == 4
    assert "is incomplete: something could not be read" in lines(ran)[0]
    allowed = account.gate("--allow-unknown")
    assert allowed.code == 0
    assert "--allow-unknown" in lines(allowed)[0]


def test_a_newer_run_that_is_incomplete_does_not_let_the_older_one_count(account: Account) -> None:
    account.first_night()
    account.withhold()
    account.night(code=3)
    assert account.gate().code == 4


def test_another_baseline_is_not_judged_and_what_there_is_is_said(audited: Account) -> None:
    ran = audited.gate("--baseline", "consent-first")
    assert ran.code == 4
    assert "no stored run fits (baseline consent-first, depth user)" in lines(ran)[0]
    assert "has baseline strict, depth user" in lines(ran)[0]


def test_a_baseline_that_was_changed_since_is_not_judged(account: Account) -> None:
    mine = account.auditor.folder / "mine.yaml"
    text = "id: mine\nversion: '1'\ntitle: Mine\nextends: strict\n"
    mine.write_text(text)
    account.night("--baseline", mine)
    assert account.gate("--baseline", mine).code == 0
    mine.write_text(text + "controls: {AI-01: {expect: {op: eq, value: true}}}\n")
    ran = account.gate("--baseline", mine)
    assert ran.code == 4
    assert "was judged by another state of baseline mine" in lines(ran)[0]


@pytest.mark.parametrize("narrowed", [("--only", "RC-02"), ("--depth", "account")])
def test_a_look_at_something_is_not_taken_for_a_full_run(
    account: Account, narrowed: tuple[str, ...]
) -> None:
    account.first_night()
    account.summaries(True)
    account.night()
    account.night(*narrowed)
    ran = account.gate()
    assert ran.code == 1, ran.out
    only_narrow = account.gate(*narrowed)
    assert only_narrow.code == (0 if "--only" in narrowed else 1)


@pytest.mark.parametrize("narrowed", [("--only", "RC-02"), ("--depth", "account")])
def test_without_a_full_run_a_partial_run_does_not_pass(
    account: Account, narrowed: tuple[str, ...]
) -> None:
    account.night(*narrowed)
    ran = account.gate()
    assert ran.code == 4
    assert "no stored run fits" in lines(ran)[0]


def test_of_several_accounts_one_has_to_be_named(account: Account) -> None:
    account.first_night()
    account.stored(
        "INSERT INTO series SELECT 99,'other',place,baseline_id,depth,selection FROM series LIMIT 1"
    )
    account.stored("UPDATE runs SET series_id=99")
    account.night()
    nobody = {name: "" for name in account.auditor.environment() if name.startswith("ZOOM_ACC")}
    ran = account.gate(env=nobody)
    assert ran.code == 4
    assert "holds runs of 2 accounts" in lines(ran)[0]
    assert "--account" in lines(ran)[2]
    other = account.gate("--account", "other", env=nobody)
    assert (other.code, "differs from the record in the history: account" in other.out) == (4, True)
    assert account.gate("--account", account.sandbox.account_id, env=nobody).code == 0
    assert account.gate("--account", "nobody", env=nobody).code == 4


# what is new


def test_new_only_without_an_accepted_run_is_not_judged(audited: Account) -> None:
    ran = audited.gate("--new-only")
    assert ran.code == 4
    assert lines(ran)[2] == "Accept one with: auditor gate accept RUN"


def test_only_what_is_new_since_the_accepted_run_fails(account: Account) -> None:
    run = account.first_night(summaries=True)
    assert account.gate().code == 1
    accepted = account("gate", "accept", "latest", "--note", "agreed")
    assert accepted.code == 0
    assert f"Accepted run {run} of account {account.sandbox.account_id}, " in accepted.out
    assert account.gate("--new-only").code == 0
    account.sandbox.change(
        level="account", setting="recording.cloud_recording", value=True, operator="eve@example.com"
    )
    account.night()
    newer = account.gate("--new-only")
    assert newer.code == 1
    assert "new deviations" in lines(newer)[0]
    assert f"accepted run {run}." in lines(newer)[0]
    assert "AI-01" not in newer.out


def test_what_became_unknown_is_new(account: Account) -> None:
    account.first_night()
    account("gate", "accept", "latest")
    assert account.gate("--new-only", "--fail-on", "low").code == 0
    account.withhold()
    account.night(code=3)
    ran = account.gate("--new-only", "--fail-on", "low")
    assert ran.code == 4
    live = account.gate("--live", "--new-only", "--fail-on", "low")
    assert live.code == 3
    assert "new unknown" in lines(live)[0]


def test_an_incomplete_run_cannot_be_accepted(account: Account) -> None:
    account.withhold()
    run = account.night(code=3)
    ran = account("gate", "accept", run)
    assert ran.code == 2
    assert "is incomplete: unread settings cannot be accepted" in ran.err
    assert account.gate("--new-only").code == 4


def test_a_run_that_does_not_exist_cannot_be_accepted(account: Account) -> None:
    for name in ("latest", "20260101T000000-000Z-aaaaaa"):
        ran = account("gate", "accept", name)
        assert ran.code == 2
        assert "auditor " in ran.err


WAIVER = """baseline: strict
waivers:
  - control: AI-01
    scope: {{level: {level}}}
    reason: a trial
    owner: ann@example.com
    expires: {expires}
"""


def waived(account: Account, expires: datetime, levels: tuple[str, ...]) -> Path:
    org = account.auditor.folder / "org.yaml"
    one, *rest = (WAIVER.format(level=level, expires=f"{expires:%Y-%m-%d}") for level in levels)
    org.write_text(one + "".join(each.split("waivers:\n")[1] for each in rest))
    return org


def test_a_waiver_that_ran_out_since_the_audit_fails(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.summaries(True)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    org = waived(account, tomorrow, ("account", "group", "user"))
    account.night("--org", org)
    refused = account.gate()
    assert refused.code == 4
    assert "3 waivers" in refused.out
    assert account.gate("--org", org).code == 0
    assert account("gate", "accept", "latest", "--org", org).code == 0
    assert account.gate("--new-only", "--org", org).code == 0
    at(monkeypatch, timedelta(days=3))
    for new_only in ([], ["--new-only"]):
        ran = account.gate("--org", org, "--max-age", "7d", *new_only)
        assert ran.code == 1, ran.out
        assert "3 waivers expired or covering nothing" in ran.out
        assert "for the account (AI-01)" in ran.out


def test_a_waiver_that_covers_nothing_fails(account: Account) -> None:
    next_month = datetime.now(UTC) + timedelta(days=30)
    org = waived(account, next_month, ("account",))
    account.night("--org", org)
    ran = account.gate("--org", org)
    assert ran.code == 1
    assert "0 deviations" in ran.out
    assert "1 waiver expired" in ran.out


# what is read now


def test_live_reads_account_and_groups_alone(account: Account) -> None:
    before = account.sandbox.requests.total
    assert account.gate("--live").code == 0
    requested = {template for template, _ in account.sandbox.requests.by_template}
    assert not any("{userId}" in each or "{meetingId}" in each for each in requested)
    assert "/users" not in requested
    assert account.sandbox.requests.total - before <= 40
    assert account.runs()[-1]["depth"] == "group"
    assert not list(account.auditor.data.glob("runs/*"))


def test_live_tells_of_deviations_of_missing_scopes_and_of_no_access(account: Account) -> None:
    account.summaries(True)
    assert account.gate("--live").code == 1
    account.summaries(False)
    account.withhold()
    assert account.gate("--live").code == 3
    account.sandbox.service.tokens.deactivated = True
    dead = account.gate("--live")
    assert dead.code == 4
    assert lines(dead)[0].startswith("auditor gate: NOT JUDGED: ")


@pytest.mark.parametrize("depth", ["user", "meeting"])
@pytest.mark.parametrize("way", ["--live", "--sandbox"])
def test_live_refuses_to_look_deeper_than_groups(account: Account, depth: str, way: str) -> None:
    ran = account.gate(way, "--depth", depth)
    assert (ran.code, ran.out) == (2, "")
    assert "--live reads the account and its groups" in ran.err
    assert f"auditor audit --depth {depth}" in ran.err
    assert account.sandbox.requests.total == 0


@pytest.mark.parametrize("depth", ["account", "group"])
def test_live_looks_as_deep_as_asked(account: Account, depth: str) -> None:
    ran = account.gate("--live", "--depth", depth)
    assert ran.code == 0
    assert f"depth {depth}" in lines(ran)[1]
    assert account.runs()[-1]["depth"] == depth


@pytest.mark.parametrize("way", ["--live", "--sandbox"])
def test_live_is_not_of_any_account_one_likes(account: Account, way: str) -> None:
    ran = account.gate(way, "--account", "another")
    assert (ran.code, ran.out) == (2, "")
    assert "--account another: only a stored run" in ran.err
    assert account.gate("--live", "--account", account.sandbox.account_id).code == 0


def test_the_sandbox_is_read_live_and_help_says_so(tmp_path: Path) -> None:
    auditor = Auditor(tmp_path)
    assert "depth group" in auditor("gate", "--sandbox", "--scenario", "clean").out
    assert len(json.loads(auditor("history", "--sandbox", "--format", "json").out)) == 1
    assert "for those, add --sandbox" in auditor("history").err
    report = " ".join(auditor("gate", "--help", env={"COLUMNS": "200"}).out.split())
    assert "Judge the newest stored run of the simulated account" in report
    assert "store and judge the result" in report


def test_a_stored_run_of_the_sandbox_is_judged_as_deep_as_it_went(tmp_path: Path) -> None:
    """The commands that an audit of the sandbox leads to: people are judged, nothing is read."""
    auditor = Auditor(tmp_path)
    size = ("--sandbox", "--scenario", "clean", "--users", "3")
    assert auditor("audit", *size).code == 0
    passing = ("gate", "--sandbox", "--allow-unknown")
    stored = auditor(*passing)
    assert stored.code == 0, stored.out
    assert "depth user" in stored.out
    assert "not judged" not in stored.out
    assert "See which: auditor report --sandbox " in stored.out
    live = auditor("gate", "--sandbox", "--live", "--scenario", "clean")
    assert "people were not judged: auditor audit, then auditor gate" in lines(live)[0]
    assert auditor(*passing).out == stored.out


def test_a_run_that_saw_less_leads_to_one_that_sees_more(account: Account) -> None:
    assert account.gate("--live").code == 0
    ran = account.gate()
    assert ran.code == 4
    assert lines(ran)[2].startswith("It saw less: run auditor audit --depth user")


def test_live_of_the_sandbox_needs_no_credentials(tmp_path: Path) -> None:
    ran = Auditor(tmp_path)("gate", "--sandbox", "--scenario", "clean")
    assert ran.code == 0, ran.out


def test_live_is_measured_against_a_run_that_saw_more(account: Account) -> None:
    account.first_night(summaries=True)
    account("gate", "accept", "latest")
    assert account.gate("--live", "--new-only").code == 0


# formats


def test_json_is_for_programs(audited: Account) -> None:
    ran = audited.gate("--format", "json")
    report = json.loads(ran.out)
    assert report["schema"] == "auditor/gate/v1"
    assert (report["result"], report["exit_code"], ran.code) == ("fail", 1, 1)
    assert report["run"]["baseline"] == "strict"
    assert report["run"]["complete"] is True
    assert report["deviations"] > 0
    assert {"unknown", "stale_waivers", "reason", "advice"} <= report.keys()
    assert report["totals"].keys() == {
        *("deviations", "new_deviations", "unknown", "undecided", "undecided_critical"),
        *("attestations_due", "waived", "overridden", "attested", "stale"),
    }
    assert (report["run"]["signed_by"], report["run"]["signature_trusted"]) == (None, False)
    assert set(report["findings"][0]) == {
        *("control", "status", "severity", "scope", "scopes", "setting", "fingerprint")
    }
    assert report["findings_left_out"] == report["deviations"] + report["unknown"] - 10 > 0
    nothing = json.loads(audited.gate("--format", "json", "--max-age", "0m").out)
    assert (nothing["result"], nothing["run"], nothing["findings"]) == ("not_judged", None, [])
    counted = ("deviations", "unknown", "stale_waivers", "findings_left_out")
    assert {nothing[each] for each in counted} == {None}, "nothing was counted"


def rows(text: str) -> int:
    """How many rows of a table a reader of Markdown sees, the head included."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return sum(token.type == "tr_open" for token in tokens)


def test_markdown_has_one_table(audited: Account) -> None:
    ran = audited.gate("--format", "markdown")
    assert ran.out.startswith("## Zoom privacy gate: FAIL\n")
    assert rows(ran.out) == 11


def test_an_example_says_for_how_many_it_stands(account: Account) -> None:
    account.first_night(summaries=True)
    report = json.loads(account.gate("--format", "json").out)
    scopes = {each["scope"]["level"]: each["scopes"] for each in report["findings"]}
    assert scopes == {"account": 1, "group": 1, "user": 2}
    assert (report["deviations"], report["findings_left_out"]) == (4, 1)
    summary = account.gate("--format", "markdown").out
    assert summary.count(" and 1 more |") == 1
    assert "3 examples; 1 more finding not listed here." in summary
    shown = account.gate(env={"GITHUB_ACTIONS": "true"}).out
    assert shown.count(" and 1 more. Rule") == 1


def test_findings_beyond_the_examples_are_counted(audited: Account) -> None:
    report = json.loads(audited.gate("--format", "json").out)
    summary = audited.gate("--format", "markdown").out
    assert f"10 examples; {report['findings_left_out']} more findings not listed here." in summary


def test_fail_on_never_passes_and_tells_the_numbers(audited: Account) -> None:
    ran = audited.gate("--fail-on", "never", "--format", "json")
    report = json.loads(ran.out)
    assert (ran.code, report["result"]) == (0, "pass")
    assert (
        report["deviations"] >= json.loads(audited.gate("--format", "json").out)["deviations"] > 0
    )
    assert "none of which fails the gate (--fail-on never)" in report["reason"]
    assert "Nothing to do." not in audited.gate("--fail-on", "never").out


def test_the_advice_leads_to_the_run_that_was_judged(account: Account) -> None:
    night = account.first_night(summaries=True)
    live = account.gate("--live")
    newest = str(account.runs()[-1]["id"])
    assert newest != night
    assert f"auditor report {newest}." in live.out
    ran = account.gate()
    assert f"auditor report {night}. What changed: auditor diff {night}." in lines(ran)[2]
    assert newest not in ran.out


@pytest.mark.parametrize("format_", ["text", "json", "markdown"])
def test_in_github_actions_there_are_annotations_and_a_summary(
    audited: Account, tmp_path: Path, format_: str
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    ran = audited.gate("--format", format_, env=env)
    shown = [line for line in (ran.out + ran.err).splitlines() if line.startswith("::")]
    assert shown[0].startswith("::error title=Zoom privacy gate%3A FAIL::")
    assert len(shown) == 11
    assert summary.read_text().startswith("before\n## Zoom privacy gate: FAIL\n")
    if format_ == "json":
        json.loads(ran.out)


def test_a_summary_that_cannot_be_written_does_not_change_the_answer(
    audited: Account, tmp_path: Path
) -> None:
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path)}
    ran = audited.gate(env=env)
    assert ran.code == 1
    assert "the job summary could not be written" in ran.err


def test_a_pass_is_a_notice_with_all_the_counts(audited: Account) -> None:
    ran = audited.gate("--fail-on", "never", env={"GITHUB_ACTIONS": "true"})
    assert ran.code == 0
    (shown,) = (line for line in ran.out.splitlines() if line.startswith("::"))
    assert shown.startswith("::notice title=Zoom privacy gate%3A PASS::")
    assert re.search(r"In all: \d+ of \d+ rules broken at .*, not from Zoom\.", shown)


def hostile(name: str, scopes: int = 1) -> list[FindingGroup]:
    """Deviations of `scopes` groups, of which the first is named."""
    scope = Scope(Level.GROUP, "g1", name)
    verdict: Verdict = deviation("AI-01", Level.GROUP, setting=f"in.{name}|%0A::error::x")
    return [FindingGroup(((verdict, scopes),), ((verdict, scope),), {Level.GROUP: scopes})]


def test_long_names_do_not_push_out_what_to_do() -> None:
    found = [each for n in range(3) for each in hostile(f"{n}" + "N" * 99)]
    advice = f"See which: auditor report RUN. {'x' * 150} What changed: auditor diff RUN."
    last = gate_output.as_lines(1, "Why.", advice, None, gate_output.describe_examples(found))[2]
    assert last.endswith(advice)
    assert last.startswith("First: ")
    assert len(last) <= 400


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_change_no_format(name: str) -> None:
    found = hostile(name, scopes=3)
    reason = f"100 % of {name}\n::set-output name=x::y"
    report = (1, reason, "See.", None)
    text = gate_output.as_lines(*report, gate_output.describe_examples(found))
    assert len(text) == 3
    assert all(len(each) <= 400 and printable(each) == each for each in text)
    document = gate_output.as_json(1, reason, "See.", gate_output.Basis(run_of([])), {}, found)
    assert json.loads(document)["findings"][0]["control"] == "AI-01"
    document.encode()
    summary = gate_output.as_summary(*report, {"deviations": 3}, found, {})
    assert rows(summary) == 2
    assert "<script" not in MarkdownIt("commonmark").enable("table").render(summary)
    for line in gate_output.annotations(1, reason, None, found, {"AI-01": name}):
        assert line.startswith("::error title=")
        assert line.count("\n") == line.count("\r") == 0
        assert printable(line) == line
        assert not re.search("%(?!25|3A|2C)", line)
        line.encode()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_of_the_organisation_file_change_no_format(name: str) -> None:
    lost = Reference(
        "override", f"override for {name}", "group", name, ReferenceState.UNMATCHED, name, name
    )
    run = replace(run_of([]), references=[lost, replace(lost, state=ReferenceState.LOOK_ALIKE)])
    basis = gate_output.Basis(run)
    report = (1, "Why.", "See.", basis)
    text = gate_output.as_lines(*report, [])
    assert len(text) == 5
    assert text[1].startswith("Override for")
    assert text[2].startswith("Warning: override for")
    assert all(printable(each) == each for each in text)
    assert len(json.loads(gate_output.as_json(*report, {}, []))["names"]) == 1
    summary = gate_output.as_summary(*report, {}, [], {})
    assert "<script" not in MarkdownIt("commonmark").render(summary)
    for line in gate_output.annotations(1, "Why.", basis, [], {}):
        assert re.match("::(error|warning) title=", line)
        assert printable(line) == line


# when nothing can be judged because of an error


def silent(account: Account, _: Path) -> dict[str, str]:
    return {"ZOOM_API_URL": "http://127.0.0.1:1", "ZOOM_OAUTH_URL": "http://127.0.0.1:1"}


def refused(account: Account, _: Path) -> dict[str, str]:
    return {"ZOOM_CLIENT_SECRET": "hush-hush"}


def unreachable(account: Account, _: Path) -> dict[str, str]:
    return {"AUDITOR_STORE": "postgresql://auditor:hush-hush@127.0.0.1:1/auditor"}


def no_file(account: Account, folder: Path) -> dict[str, str]:
    (folder / "taken").mkdir()
    return {"AUDITOR_STORE": f"sqlite:///{folder}/taken"}


def no_database(account: Account, folder: Path) -> dict[str, str]:
    (folder / "other.sqlite").write_bytes(b"no database at all" * 1000)
    return {"AUDITOR_STORE": f"sqlite:///{folder}/other.sqlite"}


def newer(account: Account, folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "newer.sqlite")) as history, history:
        history.execute("CREATE TABLE alembic_version (version_num TEXT)")
        history.execute("INSERT INTO alembic_version VALUES ('9999')")
    return {"AUDITOR_STORE": f"sqlite:///{folder}/newer.sqlite"}


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["text", "json", "markdown"])
@pytest.mark.parametrize(
    ("broken", "words", "reason"),
    [
        (silent, ["--live"], "could not be reached"),
        (refused, ["--live"], "client secret"),
        (unreachable, [], "cannot be reached"),
        (no_file, [], "cannot be used"),
        (no_database, [], "is damaged"),
        (newer, [], "newer version"),
    ],
)
def test_an_error_is_an_answer_in_the_asked_format(
    account: Account,
    tmp_path: Path,
    broken: Callable[[Account, Path], dict[str, str]],
    words: list[str],
    reason: str,
    format_: str,
) -> None:
    summary = tmp_path / "summary.md"
    env = broken(account, tmp_path)
    env |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    ran = account.gate(*words, "--format", format_, env=env)
    assert ran.code == 4
    assert "hush-hush" not in ran.out + ran.err + summary.read_text()
    assert reason.casefold() in ran.out.casefold()
    assert summary.read_text().startswith("## Zoom privacy gate: NOT JUDGED\n")
    assert reason.casefold() in summary.read_text().casefold()
    shown = [line for line in (ran.out + ran.err).splitlines() if line.startswith("::")]
    assert len(shown) == 1
    assert shown[0].startswith("::error title=Zoom privacy gate%3A NOT JUDGED::")
    if format_ == "json":
        report = json.loads(ran.out)
        assert (report["result"], report["exit_code"], report["run"]) == ("not_judged", 4, None)
        assert reason.casefold() in report["reason"].casefold()
    assert ("Error: " in ran.err) is (format_ != "text"), "where standard output is redirected"


def test_evidence_that_is_damaged_is_no_pass(account: Account) -> None:
    account.first_night()
    account.stored("UPDATE evidence SET content = x'00'")
    ran = account.gate()
    assert ran.code == 4
    assert lines(ran)[0].startswith("auditor gate: NOT JUDGED: ")


@pytest.mark.parametrize("words", [["--only", "XX-99"], ["--baseline", "nowhere.yaml"]])
@pytest.mark.parametrize("way", [[], ["--live"]])
def test_a_mistake_of_whoever_asks_is_no_answer(
    account: Account, tmp_path: Path, words: list[str], way: list[str]
) -> None:
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    ran = account.gate(*way, *words, env=env)
    assert (ran.code, ran.out, summary.exists()) == (2, "", False)
    nonsense = account.gate(*way, env={"AUDITOR_STORE": "mysql://somewhere/x"})
    assert (nonsense.code, nonsense.out) == (2, "")


def test_a_database_out_of_reach_is_no_pass_and_no_mistake_of_the_command(account: Account) -> None:
    nowhere = {"AUDITOR_STORE": "postgresql://auditor:hush-hush@127.0.0.1:1/auditor"}
    ran = account.gate(env=nowhere)
    assert ran.code == 4
    assert "cannot be reached" in lines(ran)[0]
    assert "hush-hush" not in ran.out + ran.err


def test_a_history_that_another_process_holds_is_no_pass(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.first_night()
    database = account.auditor.data / "history.sqlite"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = account.gate()  # who reads need not wait
        patience = "auditor.store.database.Database.__init__.__defaults__"
        monkeypatch.setattr(patience, (0.2,))
        accepting = account("gate", "accept", "latest")
    assert ran.code == 0
    assert accepting.code == 4
    assert "has been locked by another process" in accepting.err
    assert account.gate("--new-only").code == 4


def overwritten(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 3 * 4096])


def torn(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + bytes(len(content) - 4096))


@pytest.mark.parametrize("damage", [overwritten, cut, torn])
def test_a_damaged_history_is_no_pass(
    audited: Account, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(audited.auditor.data, tmp_path / "data", ignore=lambda *_: ["locks"])
    file = tmp_path / "data" / "history.sqlite"
    with closing(sqlite3.connect(file)) as history:
        history.execute("PRAGMA journal_mode = DELETE")
    damage(file)
    size = file.stat().st_size
    ran = Auditor(tmp_path, audited.sandbox)("gate", "--fail-on", "never", env=STRICT)
    assert ran.code == 4
    assert "Traceback" not in ran.err
    assert "damaged" in lines(ran)[0]
    assert file.stat().st_size == size, "it was left as it is"


def test_a_reader_that_goes_away_makes_no_pass_of_a_failure(audited: Account) -> None:
    running = subprocess.Popen(
        [COMMAND, "gate"],
        cwd=audited.auditor.folder,
        env=audited.auditor.environment(STRICT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    err = running.stderr.read()
    running.stderr.close()
    assert (running.wait(20), err) == (1, b"")

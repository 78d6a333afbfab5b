import re
from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.diff import SettingChange
from auditor.evidence.scope import Level, Scope
from auditor.findings.drift import ChangeKind
from auditor.findings.model import FindingKind, Status
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import changes, diff_output
from tests.report import past_worlds, worlds
from tests.report.conftest import Render
from tests.report.past_worlds import EVE, FILES, FOLDER, LOCAL, changed, rendered


def tables(run: Run | None = None) -> changes.ChangeTables:
    run = run or past_worlds.run()
    outlined = changes.outline(run, roll_up(run))
    assert outlined is not None
    return outlined


def with_settings(*settings: SettingChange, run: Run | None = None) -> Run:
    run = run or past_worlds.run()
    assert run.drift is not None
    return replace(run, drift=replace(run.drift, settings=settings))


def setting(
    path: str,
    source: str = "GET /accounts/me/settings",
    scope: Scope | None = None,
    **how: Any,
) -> SettingChange:
    return SettingChange(scope or worlds.account(), source, path, False, True, **how)


def listed_settings(run: Run) -> list[str]:
    return [item.setting for item in tables(run).settings]


def test_without_a_previous_run_there_is_no_section() -> None:
    run = replace(past_worlds.run(), drift=None)
    assert changes.outline(run, roll_up(run)) is None


def test_changes_come_by_kind_the_worst_first() -> None:
    assert [(section.move, section.count) for section in tables().moves] == [
        (ChangeKind.REGRESSED, 7),
        (ChangeKind.NEWLY_UNKNOWN, 1),
        (ChangeKind.IMPROVED, 1),
    ]


def test_levels_of_one_setting_are_one_row_whose_example_has_an_author() -> None:
    drift = past_worlds.drift()
    quiet = changed(ChangeKind.REGRESSED, worlds.account(), replace(LOCAL), None)
    regressed = changes.moves(replace(drift, changes=[quiet, *drift.changes]))[0]
    row = next(row for row in regressed.rows if row.control == "RC-02")
    assert row.by_level == {Level.ACCOUNT: 1, Level.GROUP: 1, Level.USER: 5}
    assert row.example.changed_by == EVE


def test_a_lock_and_its_value_are_two_rows() -> None:
    verdict = replace(LOCAL, kind=FindingKind.LOCK)
    both = [changed(ChangeKind.REGRESSED, worlds.user(1), v, None) for v in (LOCAL, verdict)]
    (section,) = changes.moves(replace(past_worlds.drift(), changes=both))
    assert {row.kind for row in section.rows} == {FindingKind.VALUE, FindingKind.LOCK}


def test_rows_beyond_the_first_are_counted() -> None:
    many = [
        changed(ChangeKind.REGRESSED, worlds.user(1), replace(LOCAL, setting=f"s{at:02}"), None)
        for at in range(20)
    ]
    (section,) = changes.moves(replace(past_worlds.drift(), changes=many))
    assert (section.count, len(section.rows), section.hidden) == (20, 15, 5)


def test_settings_without_a_control_are_listed() -> None:
    assert listed_settings(past_worlds.run()) == ["in_meeting.whiteboard", "in_meeting.chat"]


@pytest.mark.parametrize(
    ("path", "is_listed"),
    [
        (LOCAL.setting, False),
        (f"{LOCAL.setting}.detail", False),
        (f"{LOCAL.setting}[1]", False),
        (f"{LOCAL.setting}_more", True),
        ("recording", False),
    ],
)
def test_a_control_looks_at_what_holds_its_setting_and_at_what_lies_in_it(
    path: str, is_listed: bool
) -> None:
    users = setting(path, worlds.SOURCE[Level.USER], worlds.user(1))
    assert bool(listed_settings(with_settings(users))) is is_listed


def test_a_control_of_users_does_not_look_at_the_account() -> None:
    assert listed_settings(with_settings(setting(LOCAL.setting))) == [LOCAL.setting]


def test_a_control_of_the_value_does_not_look_at_the_lock() -> None:
    locks = "GET /accounts/me/lock_settings"
    summary = past_worlds.SUMMARY.setting
    assert listed_settings(with_settings(setting(summary))) == []
    assert listed_settings(with_settings(setting(summary, locks))) == [summary]


def test_a_new_setting_is_listed_once_as_new() -> None:
    uncovered = worlds.deviation(
        "TP-01", Level.ACCOUNT, kind=FindingKind.UNCOVERED, setting="brand.new"
    )
    base_run = worlds.run_of([worlds.judged(worlds.account(), [uncovered])])
    run = replace(base_run, drift=past_worlds.drift())
    appeared, changed = setting("brand.new", appeared=True), setting("brand.new")
    assert listed_settings(with_settings(appeared, run=run)) == []
    assert listed_settings(with_settings(changed, run=run)) == ["brand.new"]


def test_a_run_that_did_not_keep_its_passes_does_not_say_where_no_control_looks() -> None:
    run = past_worlds.run()
    without_passes = [
        worlds.judged(item.scope, [v for v in item.verdicts if v.status is not Status.PASS])
        for item in run.assessments
    ]
    slim = replace(worlds.run_of(without_passes, passes=9), drift=run.drift)
    assert tables(slim).settings_heading == "Settings and locks that changed"
    assert len(tables(slim).settings) == 4


def test_a_long_list_of_settings_is_cut_and_counted() -> None:
    run = with_settings(*(setting(f"s{at}") for at in range(20)))
    assert (len(tables(run).settings), tables(run).more_settings) == (15, 5)


def test_a_changed_lock_is_called_a_lock() -> None:
    lock = setting("in_meeting.chat", "GET /groups/{groupId}/lock_settings")
    assert diff_output.setting_line(lock).startswith("lock of Meeting chat: not locked → locked")
    assert diff_output.setting_line(setting("in_meeting.chat")).startswith("Meeting chat:")


@pytest.mark.parametrize("name", FILES)
def test_a_run_with_a_history_renders_as_stored(name: str) -> None:
    assert rendered(name) == (FOLDER / FILES[name]).read_text(encoding="utf-8")


@pytest.mark.parametrize("format_", ["text", "markdown", "html"])
def test_without_a_history_none_is_mentioned(render: Render, format_: str) -> None:
    text = re.sub(r"<(style|script)>.*?</\1>", "", render(worlds.everything(), format_), flags=re.S)
    for word in ("the previous run", "broken again", "as before", "First seen", "data-changed>"):
        assert word not in text

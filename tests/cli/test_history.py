"""`auditor history`: the stored runs as a table, drawn, and for programs; what is removed."""

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.model import Actor, Status
from auditor.report.display import display_width, printable
from auditor.store.runs import Runs
from tests.cli.commands import output_text, ran
from tests.report.worlds import HOSTILE, deviation
from tests.store import nights as module
from tests.store.nights import Nights, fingerprint_of

STORED = {kind: name for kind, name in HOSTILE.items() if kind != "surrogate"}
"""Half a character never gets as far as a snapshot."""


@pytest.fixture
def nights(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    """Nights that ended lately."""
    monkeypatch.setattr(module, "EVENING", datetime.now(UTC) - timedelta(days=8))
    with closing(Nights(Runs(home))) as nights:
        yield nights


def shown(*words: str) -> list[str]:
    """The lines of what the command says."""
    result = ran("history", *words)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def rows_of(*words: str) -> list[dict[str, Any]]:
    """What the command says, read as JSON."""
    result = ran("history", *words)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def widest(lines: list[str]) -> int:
    return max(map(display_width, lines))


def at(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))


def test_with_nothing_stored_it_says_how_to_begin(home: Path) -> None:
    for words in ([], ["--plot"], ["findings"], ["--format", "json"], ["--account", "ann"]):
        result = ran("history", *words)
        assert result.exit_code == 4
        assert "Start with: auditor audit" in output_text(result)
    assert ran("history", "--format", "json").stdout == "[]\n"
    assert "0 runs would be removed." in output_text(ran("history", "prune", "--dry-run"))


def test_the_json_of_a_run_has_the_fields_of_the_contract_in_their_order(nights: Nights) -> None:
    nights.night()
    (row,) = rows_of("--format", "json")
    assert " ".join(row) == (
        "id account_id api_url started_at finished_at depth baseline_id baseline_version "
        "baseline_digest evidence_digest tool_version complete exit_code fail_on by_status "
        "by_severity coverage simulated organisation_digest oldest_evidence_at selection stopped "
        "sequence set_aside signed"
    )


def busy(nights: Nights) -> list[str]:
    """Runs of every kind; their ids."""
    entries = [
        nights.night({"u1": Status.FAIL, "u2": Status.UNKNOWN}),
        nights.night({f"u{n}": Status.FAIL for n in range(1, 2000)}, complete=False),
        nights.night({}, selected=frozenset({"AI-01"}), complete=False, depth="meeting"),
    ]
    return [each.facts.id for each in entries]


@pytest.mark.parametrize(("width", "columns_shown"), [(80, 5), (100, 6), (130, 8), (200, 9)])
def test_the_table_fits_and_tells_what_there_is_room_for(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, width: int, columns_shown: int
) -> None:
    ids = busy(nights)
    nights.history.accept(nights.history.get(ids[1]), nights.now, "")
    at(width, monkeypatch)
    lines = shown()
    head = lines[0].replace(" (UTC)", "").split()
    every = ["run", "ended", "baseline", "depth", "deviations", "unknown", "known", "account"]
    every.append("note")
    assert [each for each in every if each in head] == head
    assert len(head) == columns_shown
    table = lines[: lines.index("")]
    assert widest(table) <= width
    assert [line.split()[0] for line in table if line.startswith("2")] == ids
    assert "1,999" in "".join(table)
    for remark in ("accepted", "incomplete", "selection"):
        assert remark in "".join(table)
    depths = [line.split() for line in table if line.startswith("2")]
    assert ["meeting" in each for each in depths] == [False, False, width >= 110]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", each[1]) for each in depths)


def other_account(home: Path, *ids: str) -> None:
    """Make these runs those of another account."""
    with closing(sqlite3.connect(home / "history.sqlite")) as history, history:
        history.execute(
            "INSERT INTO series SELECT 99,'other',place,baseline_id,depth,selection FROM series "
            "LIMIT 1"
        )
        for run_id in ids:
            history.execute("UPDATE runs SET series_id=99 WHERE id=?", (run_id,))


@pytest.mark.parametrize("width", [80, 100, 130])
def test_runs_of_several_accounts_are_told_apart(
    nights: Nights, home: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    ids = busy(nights)
    at(width, monkeypatch)
    account = nights.history.runs()[0].facts.account_id
    assert not any("Account" in line for line in shown()), "there is one alone"
    other_account(home, ids[1])
    lines = shown()
    assert widest([line for line in lines if ".sqlite" not in line]) <= width
    named = [line for line in lines if line.startswith(("Account ", "2"))]
    assert [line.split()[:2] if line[0] == "A" else line.split()[0] for line in named] == [
        ["Account", account],
        ids[0],
        ids[2],
        ["Account", "other"],
        ids[1],
    ]
    assert "Account other" in shown("--last", "2"), "though the rest is not shown"
    assert not any("Account" in line for line in shown("--account", "other"))


def test_an_account_without_runs_is_told_from_an_empty_history(nights: Nights, home: Path) -> None:
    ids = busy(nights)
    account = nights.history.runs()[0].facts.account_id
    other_account(home, ids[1])
    for words in ([], ["--format", "json"], ["--plot"]):
        result = ran("history", "--account", "NOPE", *words)
        assert result.exit_code == 2
        assert "No run of account NOPE is stored in " in output_text(result)
        assert f"There are runs of: {', '.join(sorted([account, 'other']))}." in output_text(result)
        assert "Start with" not in output_text(result)


@pytest.mark.parametrize("width", [60, 80])
def test_what_is_said_below_the_table_is_as_wide_as_the_terminal(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    nights.night()
    at(width, monkeypatch)
    lines = shown()
    below = lines[lines.index("") + 1 :]
    assert all(len(line) <= width or " " not in line for line in below)
    assert " ".join(below).endswith("What changed: auditor diff A B")


@pytest.mark.parametrize("width", [80, 200])
def test_the_drawing_fits_and_draws_something_for_one_deviation(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    busy(nights)
    at(width, monkeypatch)
    lines = shown("--plot")
    assert widest(lines) <= width
    assert sum("UTC" in line for line in lines) == 3
    assert "incomplete" in "".join(lines)
    few = next(line for line in lines if "▏" in line)
    assert few.split()[3] == "1"


def test_a_known_part_is_never_rounded_up_to_all(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(130, monkeypatch)
    nights.night({**{f"u{n}": Status.FAIL for n in range(3000)}, "v": Status.UNKNOWN})
    assert "99.9 %" in "".join(shown())


def test_json_is_for_programs(nights: Nights) -> None:
    ids = busy(nights)
    rows = rows_of("--format", "json")
    assert [row["id"] for row in rows] == ids
    assert [row["complete"] for row in rows] == [False, False, False]
    assert rows[0]["by_status"]["fail"] == 1
    assert rows[0]["selection"] is None
    assert rows[2]["selection"]
    last = rows_of("--format", "json", "--last", "1")
    assert [row["id"] for row in last] == ids[-1:]


def test_what_is_not_shown_is_said(nights: Nights) -> None:
    busy(nights)
    lines = shown("--last", "2")
    below = " ".join(lines[lines.index("") + 1 :])
    assert "3 runs in " in below
    assert "The newest 2 are shown: --last N." in below
    assert ran("history", "--account", "nobody").exit_code == 2


# findings


def test_findings_tell_their_lives_and_who_made_them_so(nights: Nights) -> None:
    nights.night({"u1": Status.FAIL, "u2": Status.FAIL, "u3": Status.WAIVED})
    nights.night({"u2": Status.FAIL, "u3": Status.WAIVED})
    last = nights.night({"u1": Status.FAIL, "u2": Status.FAIL, "u3": Status.FAIL})
    who = Actor(operator="dana@example.com", time=parse_rfc3339(nights.now), line="x")
    nights.history.attribute(last, {fingerprint_of("u1"): who})
    rows = rows_of("findings", "--format", "json")
    life_cycle = {row["scope"]["id"]: row["life"] for row in rows}
    assert life_cycle == {"u1": "regressed", "u2": "persisting", "u3": "persisting"}
    by_user = {row["scope"]["id"]: row["changed_by"] for row in rows}
    assert by_user["u1"]["operator"] == "dana@example.com"
    assert by_user["u2"] is None
    lines = shown("findings")
    assert "dana" in next(line for line in lines if "regressed" in line)
    assert lines[-1] == f"3 findings of run {last.facts.id}."


def test_findings_can_be_chosen(nights: Nights) -> None:
    nights.night(
        {"u1": Status.FAIL, "u2": deviation("RC-02")}, names={"u1": "Ann Legal", "u2": "Bo"}
    )
    assert shown("findings", "--control", "rc-02")[-1].startswith("1 finding of")
    assert shown("findings", "--scope", "legal")[-1].startswith("1 finding of")
    assert shown("findings", "--scope", "nobody")[-1].startswith("0 findings of")


def test_findings_of_a_control_that_does_not_exist_are_refused(nights: Nights) -> None:
    old = replace(deviation("AI-01"), control="OLD-7")
    nights.night({"u1": Status.FAIL, "u2": old})
    result = ran("history", "findings", "--control", "AI-01", "--control", "AI-0l")
    assert (result.exit_code, result.stdout) == (2, "")
    assert 'Did you mean "AI-' in output_text(result)
    assert "auditor control list" in output_text(result)
    assert ran("history", "findings", "--control", "ZZ").exit_code == 2
    assert shown("findings", "--control", "DR-01")[-1].startswith("0 findings of")


GROUPS = ("auth", "baseline", "bundle", "control", "gate", "history", "notify")


@pytest.mark.parametrize("words", [[], *([group] for group in GROUPS)], ids=["auditor", *GROUPS])
def test_help_of_every_group_has_an_example(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(120, monkeypatch)
    result = ran(*words, "--help")
    examples = result.output.partition("Example")[2].partition("─ Options")[0]
    assert " ".join(["auditor", *words]) in examples


@pytest.mark.parametrize("name", STORED.values(), ids=STORED)
def test_hostile_names_break_no_table(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    setting = deviation("AI-01", setting=f"in.{name}")
    entry = nights.night({"u1": Status.UNKNOWN, "u2": setting}, names={"u1": name, "u2": name})
    actor = Actor(operator=name, time=parse_rfc3339(nights.now), line=name)
    nights.history.attribute(entry, {fingerprint_of("u1"): actor})
    for width in (80, 120, 200):
        at(width, monkeypatch)
        lines = shown("findings")
        assert widest(lines) <= width
        assert all(printable(line) == line for line in lines)
        assert len(lines) == 6
    assert len(rows_of("findings", "--format", "json")) == 2


# prune


def old(nights: Nights, count: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """So many nights, the last of them 200 days ago."""
    begun = datetime.now(UTC) - timedelta(days=200 + count)
    monkeypatch.setattr(module, "EVENING", begun)
    return [nights.night({"u1": Status.FAIL}).facts.id for _ in range(count)]


def left() -> list[str]:
    return [row["id"] for row in rows_of("--format", "json", "--last", "999")]


def test_prune_tells_first_what_it_would_remove(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = old(nights, 4, monkeypatch)
    lines = shown("prune", "--keep-monthly", "0", "--dry-run")
    assert lines == [*ids[:3], "3 runs would be removed."]
    assert left() == ids
    assert shown("prune", "--keep-monthly", "0") == ["Removed 3 stored runs; kept 1."]
    assert left() == ids[3:]
    assert shown("prune", "--keep-monthly", "0") == ["Removed 0 stored runs; kept 1."]


def test_an_accepted_run_and_the_last_of_each_month_stay(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = old(nights, 70, monkeypatch)
    nights.history.accept(nights.history.get(ids[0]), nights.now, "")
    shown("prune", "--keep-monthly", "24")
    months = {run_id[:6] for run_id in ids}
    last_of = {max(run_id for run_id in ids if run_id.startswith(month)) for month in months}
    assert set(left()) == {ids[0], *last_of}


def test_a_run_that_broke_off_long_ago_goes_but_not_one_that_may_go_on(
    nights: Nights, home: Path
) -> None:
    nights.night()
    begun = {}
    for age in (1, 3):
        with nights.runs.create(run_id := nights.runs.new_id()):
            begun[age] = home / "runs" / run_id
        for path in (*begun[age].iterdir(), begun[age]):
            os.utime(path, (time.time() - age * 86400 - 60,) * 2)
    assert shown("prune", "--keep", "0d")[-1] == (
        "Removed 0 stored runs, 1 run that broke off; kept 1."
    )
    assert begun[1].exists()
    assert not begun[3].exists()


@pytest.mark.parametrize("words", [("--keep", "soon"), ("--keep-monthly", "-1")])
def test_what_is_no_length_of_time_is_refused(nights: Nights, words: tuple[str, ...]) -> None:
    assert ran("history", "prune", *words).exit_code == 2

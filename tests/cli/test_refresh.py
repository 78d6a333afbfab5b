"""`--refresh`: a night that stands on the one before, on a real HTTP account."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.accounts import SUMMARY, Account
from tests.end_to_end.conftest import FAST, Auditor, served

USERS = 60
SETTINGS = "/users/{userId}/settings"


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Account]:
    with served("drifted", users=USERS, groups=3) as sandbox:
        yield Account(sandbox, Auditor(tmp_path, sandbox))


def night(account: Account, *words: object) -> dict[str, Any]:
    """A night with a report, and the number of requests for settings of users in `requests`."""
    before = account.sandbox.requests.template(SETTINGS)
    ran = account("audit", *FAST, "--topic", "ai", "--refresh", "7d", "--format", "json", *words)
    assert "Traceback" not in ran.err
    report: dict[str, Any] = json.loads(ran.out)
    requests = account.sandbox.requests.template(SETTINGS) - before
    return {**report, "requests": requests, "err": ran.err}


def one_line(text: str) -> str:
    return " ".join(text.split())


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {each["fingerprint"]: each["status"] for each in report["findings"]}


def test_a_night_reads_a_part_and_shows_the_same_deviations(company: Account) -> None:
    first = night(company)
    assert first["run"]["carried"] is None
    assert "there is no earlier run" in first["err"]
    second = night(company, "--verify-carried", "5")
    carried = second["run"]["carried"]
    assert carried["run"] == first["run"]["id"]
    assert carried["sample"] == 5
    assert carried["differences"] == 0
    assert carried["read"] + carried["carried"] == second["summary"]["coverage"]["user"]
    assert second["requests"] < first["requests"] / 3
    assert verdicts(second) == verdicts(first)
    assert carried["oldest"] == second["run"]["oldest_evidence_at"] < second["run"]["started_at"]
    observed = {
        each["observed_at"] for each in second["findings"] if each["scope"]["level"] == "user"
    }
    assert any(at < second["run"]["started_at"] for at in observed)
    text = company("report", "--format", "text").out
    assert "0 of 5 differed, so at most 45.1 % of them may differ" in one_line(text)


@pytest.mark.slow
def test_whatever_shows_evidence_says_how_old_it_is(company: Account) -> None:
    night(company)
    carried = night(company, "--verify-carried", "0")["run"]["carried"]
    for form, words in {
        "prometheus": "auditor_carried_users",
        "junit": "people_carried_over",
        "sarif": "people_carried_over",
        "markdown": "the oldest of",
        "html": "the oldest of",
        "oscal": "the oldest of",
    }.items():
        assert words in company("report", "--format", form).out, form
    assert "not looked at again" in company("diff").out
    assert "were carried over from earlier runs, the oldest of" in one_line(
        company("inventory").out
    )
    inventory = json.loads(company("inventory", "--format", "json").out)["run"]
    assert inventory["carried"] == carried["carried"]
    assert inventory["oldest_evidence_at"] == carried["oldest"]
    people = [company.sandbox.world.user_id(index) for index in range(4)]
    explained = [one_line(company("explain", person).out) for person in people]
    assert any("was read at" in text and "by an earlier run." in text for text in explained)


def test_a_change_at_the_account_is_seen_below_it_the_same_night(company: Account) -> None:
    night(company)
    company.summaries(False)
    second = night(company)
    assert second["requests"] >= USERS - 5
    assert second["run"]["carried"]["carried"] == 0
    assert second["run"]["carried"]["reason"] == "the account's settings changed"


@pytest.mark.slow
def test_a_change_of_a_group_makes_its_members_due(company: Account) -> None:
    first = night(company)
    world = company.sandbox.world
    company.sandbox.change(
        level="group",
        id=world.group_id(0),
        setting=SUMMARY,
        value=True,
        operator="dana@example.com",
    )
    second = night(company, "--verify-carried", "0")
    assert 0 < second["run"]["carried"]["carried"] < USERS
    assert 5 < second["requests"] < first["requests"]
    full = json.loads(company("audit", *FAST, "--topic", "ai", "--format", "json").out)
    assert verdicts(second) == verdicts(full) != verdicts(first)


@pytest.mark.slow
def test_a_run_that_was_altered_or_is_of_another_version_is_not_stood_on(company: Account) -> None:
    first = night(company)
    company.stored("UPDATE runs SET tool_version = '0.0.1'")
    assert night(company)["run"]["carried"] is None
    company.stored("UPDATE runs SET evidence_digest = 'sha256:' || hex(zeroblob(32))")
    second = night(company)
    assert second["run"]["carried"] is None
    assert "Every user is read" in second["err"]
    assert second["requests"] == first["requests"]


@pytest.mark.slow
def test_a_run_that_is_signed_stands_on_no_run_that_is_not(
    company: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SIGNING_KEY", "5" * 64)
    first = night(company)
    assert night(company)["run"]["carried"]["run"] == first["run"]["id"]
    company.stored("UPDATE runs SET signature = ''")
    third = night(company)
    assert third["run"]["carried"] is None
    assert "is not signed" in third["err"]


@pytest.mark.slow
def test_while_a_run_of_the_future_shows_that_a_clock_is_wrong_nothing_is_carried(
    company: Account,
) -> None:
    night(company)
    night(company)
    company.stored("UPDATE runs SET finished_at = '2099-01-01T00:00:00.000Z' WHERE number = 2")
    third = night(company)
    assert third["run"]["carried"] is None
    assert "ends in the future" in third["err"]


def test_what_cannot_be_meant_is_refused(company: Account) -> None:
    for words, sentence in (
        (("--verify-carried", "3"), "only with --refresh"),
        (("--refresh", "5m"), "at least 1h"),
        (("--refresh", "31d"), "at most 30d"),
        (("--refresh", "soon"), "such as 24h or 30d"),
    ):
        ran = company("audit", *words)
        assert ran.code == 2
        assert sentence in ran.err

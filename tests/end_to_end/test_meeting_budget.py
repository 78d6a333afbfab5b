"""Which upcoming meetings are read can be chosen; what that leaves out is unknown, not fine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Sandbox
from tests.end_to_end.conftest import Auditor, served

LISTS, MEETINGS = "/users/{userId}/meetings", "/meetings/{meetingId}"
MEETING_CONTROL = ("--baseline", "strict", "--only", "CC-06", "--depth", "meeting")
LEFT_OUT = "not_collected"


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    """60 users; every third of the active ones hosts two meetings, two days from now."""
    with served("drifted", users=60) as account:
        yield account


@pytest.fixture
def auditor(tmp_path: Path, account: Sandbox) -> Auditor:
    account.requests.by_template.clear()
    account.requests.by_scope.clear()
    return Auditor(tmp_path, account)


def audit(auditor: Auditor, *arguments: str) -> tuple[dict[str, Any], int]:
    ran = auditor.audit(*MEETING_CONTROL, *arguments, "--format", "json")
    assert ran.code in (0, 3), ran.err
    return ran.report, ran.code


def hosted(account: Sandbox, hosts: set[int] | None = None) -> list[int]:
    world = account.world
    chosen = world.indices("active") if hosts is None else hosts
    return [meeting for index in chosen for meeting in world.meeting_ids(index)]


def unknown(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        finding
        for finding in report["findings"]
        if finding["scope"]["level"] == "meeting" and finding["status"] == "unknown"
    ]


def asked(auditor: Auditor, template: str) -> set[str]:
    return {zoom_id for at, zoom_id in auditor.account.requests.by_scope if at == template}


def test_without_a_budget_every_meeting_is_read(auditor: Auditor, account: Sandbox) -> None:
    report, code = audit(auditor)
    assert code == 0
    assert asked(auditor, MEETINGS) == {str(meeting) for meeting in hosted(account)}
    assert report["summary"]["coverage"]["meeting"] == len(hosted(account))
    assert unknown(report) == []


def test_of_each_host_the_next_meetings_are_read_and_the_rest_is_unknown(
    auditor: Auditor, account: Sandbox
) -> None:
    report, code = audit(auditor, "--meetings-per-host", "1")
    hosts, meetings = len(hosted(account)) // 2, len(hosted(account))
    assert code == 3
    assert account.requests.template(MEETINGS) == hosts
    assert report["summary"]["coverage"]["meeting"] == hosts
    assert unknown(report)
    for finding in unknown(report):
        assert finding["cause"] == LEFT_OUT
        assert finding["scope"]["id"] == "*"
        assert finding["detail"] == f"{meetings - hosts} of {meetings} meetings were left out"
    assert report["run"]["complete"] is False


@pytest.mark.parametrize(
    ("within", "all_of_them"),
    [("30d", True), ("2w", True), ("3d", True), ("1d", False), ("12h", False)],
)
def test_meetings_beyond_the_time_are_unknown(
    auditor: Auditor, account: Sandbox, within: str, all_of_them: bool
) -> None:
    report, code = audit(auditor, "--meetings-within", within)
    meetings = len(hosted(account))
    assert code == (0 if all_of_them else 3)
    assert report["summary"]["coverage"]["meeting"] == (meetings if all_of_them else 0)
    assert account.requests.template(MEETINGS) == (meetings if all_of_them else 0)
    details = {finding["detail"] for finding in unknown(report)}
    left_out = f"{meetings} of {meetings} meetings were left out"
    assert details == (set() if all_of_them else {left_out})


def people(account: Sandbox, group: int) -> set[int]:
    world = account.world
    return {i for i in world.indices("active") if group in world.groups_of(i)}


def test_meetings_of_some_groups_and_people_are_read_alone(
    auditor: Auditor, account: Sandbox
) -> None:
    world = account.world
    alone = next(i for i in world.indices("active") if 1 not in world.groups_of(i) and i % 3 == 0)
    chosen = people(account, 1) | {alone}
    name = world.group_name(1)
    report, code = audit(
        auditor,
        *("--meetings-of", f"group:{name[:-1].upper()}*"),
        *("--meetings-of", f"user:{world.user_email(alone)}"),
    )
    assert code == 0
    assert asked(auditor, LISTS) == {world.user_id(i) for i in chosen}
    assert asked(auditor, MEETINGS) == {str(meeting) for meeting in hosted(account, chosen)}
    assert report["summary"]["coverage"]["meeting"] == len(hosted(account, chosen))
    assert unknown(report) == []


@pytest.mark.parametrize("by", ["id", "address", "all"])
def test_a_host_is_named_by_id_address_or_pattern(
    auditor: Auditor, account: Sandbox, by: str
) -> None:
    world = account.world
    names = {"id": world.user_id(3), "address": world.user_email(3).upper(), "all": "*@example.*"}
    audit(auditor, "--meetings-of", f"user:{names[by]}")
    every = {world.user_id(i) for i in world.indices("active")}
    assert asked(auditor, LISTS) == (every if by == "all" else {world.user_id(3)})


def test_the_budgets_add_up(auditor: Auditor, account: Sandbox) -> None:
    host = account.world.user_id(3)
    both = ("--meetings-per-host", "1", "--meetings-of", f"user:{host}")
    report, code = audit(auditor, *both)
    assert code == 3
    assert asked(auditor, LISTS) == {host}
    assert report["summary"]["coverage"]["meeting"] == 1
    assert {f["detail"] for f in unknown(report)} == {"1 of 2 meetings were left out"}


def test_hosts_whom_nobody_knows_are_unknown(auditor: Auditor) -> None:
    report, code = audit(auditor, "--meetings-of", "user:nobdy@example.com")
    assert code == 3
    assert asked(auditor, LISTS) == set()
    assert unknown(report)
    for finding in unknown(report):
        assert finding["cause"] == LEFT_OUT
        assert "no active user matches --meetings-of" in finding["detail"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--meetings-per-host", "0"),
        ("--meetings-per-host", "-1"),
        ("--meetings-per-host", "some"),
        ("--meetings-within", "soon"),
        ("--meetings-within", "30"),
        ("--meetings-within", ""),
        ("--meetings-of", "Legal"),
        ("--meetings-of", "user:"),
        ("--meetings-of", "group: "),
        ("--meetings-of", "role:admin"),
        ("--meetings-of", ""),
    ],
)
def test_a_budget_nobody_can_read_is_refused(auditor: Auditor, option: str, value: str) -> None:
    ran = auditor.audit(*MEETING_CONTROL, f"{option}={value}")
    assert ran.code == 2
    assert option in ran.err
    assert auditor.account.requests.total == 0

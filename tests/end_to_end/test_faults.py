"""Whatever goes wrong on the way, what is found in the end is the same."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import Conduct, Faults, Sandbox, World, serve
from tests.end_to_end.broken_off import timeless
from tests.end_to_end.conftest import Auditor, served, slow

STRICT = ("--baseline", "strict")
USERS = 30
BROKEN = Faults(seed=4)
Count = Callable[[Sandbox], int]


def answered(*statuses: int) -> Count:
    """How many answers had one of these statuses; 0: were reset."""
    return lambda account: sum(map(account.requests.status, statuses))


ASKED_AGAIN: dict[str, tuple[Faults, Count | None]] = {
    "5xx": (replace(BROKEN, errors_5xx=0.06), answered(500, 502, 503, 504)),
    "429": (replace(BROKEN, rate_429=0.002), answered(429)),
    "429 with seconds": (replace(BROKEN, rate_429=0.002, retry_after="seconds"), answered(429)),
    "429 with a date": (replace(BROKEN, rate_429=0.002, retry_after="http_date"), answered(429)),
    "429 with an instant": (replace(BROKEN, rate_429=0.002, retry_after="iso"), answered(429)),
    "429 without headers": (replace(BROKEN, rate_429_bare=0.002), answered(429)),
    "429 of a proxy": (replace(BROKEN, html_429=0.002), answered(429)),
    "403 of a proxy": (replace(BROKEN, html_403=0.06), answered(403)),
    "html": (replace(BROKEN, html_200=0.06), None),
    "xml": (replace(BROKEN, xml_200=0.06), None),
    "empty": (replace(BROKEN, empty_200=0.06), None),
    "truncated": (replace(BROKEN, truncated_json=0.06), None),
    "no json": (replace(BROKEN, invalid_json=0.06), None),
    "reset": (replace(BROKEN, reset=0.06), answered(0)),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with served("drifted", users=USERS) as account:
        return Auditor(tmp_path_factory.mktemp("calm"), account).report(*STRICT)


def audited(folder: Path, faults: Faults, **conduct: Any) -> tuple[dict[str, Any], Sandbox]:
    with served("drifted", users=USERS, faults=faults, **conduct) as account:
        return Auditor(folder, account).report(*STRICT), account


QUICK = ("reset",)
"""No answer. The other kinds are in the slow run, and in `tests/zoom`."""


@pytest.mark.parametrize("fault", [each if each in QUICK else slow(each) for each in ASKED_AGAIN])
def test_what_is_asked_again_changes_nothing_that_is_found(
    tmp_path: Path, undisturbed: dict[str, Any], fault: str
) -> None:
    faults, count = ASKED_AGAIN[fault]
    report, account = audited(tmp_path, faults)
    assert count is None or count(account) > 0
    assert timeless(report) == timeless(undisturbed)
    assert report["errors"] == []
    assert report["run"]["evidence_digest"] == undisturbed["run"]["evidence_digest"]
    api = report["summary"]["api"]
    assert api["retries"] > 0
    assert api["requests"] == undisturbed["summary"]["api"]["requests"] + api["retries"]
    assert bool(api["rate_limited"]) is fault.startswith("429")


@pytest.mark.slow
def test_slow_answers_are_waited_for(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    report, _ = audited(tmp_path, replace(BROKEN, slow=0.02, slow_seconds=1))
    assert timeless(report) == timeless(undisturbed)
    assert report["summary"]["api"]["retries"] == 0
    assert report["summary"]["api"]["seconds"] > 1


@pytest.mark.slow
def test_a_token_that_lives_four_seconds_is_renewed(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    report, account = audited(tmp_path, Faults(token_life=4), latency_ms=450)
    assert account.requests.template("/oauth/token") > 1
    assert timeless(report) == timeless(undisturbed)
    assert report["run"]["evidence_digest"] == undisturbed["run"]["evidence_digest"]


@pytest.mark.slow
def test_a_token_that_lives_one_second_is_renewed(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    report, account = audited(tmp_path, Faults(token_life=1), latency_ms=90)
    assert account.requests.template("/oauth/token") > 1
    assert timeless(report) == timeless(undisturbed)


@pytest.mark.parametrize("seconds", [3600.0, slow(-3600.0)], ids=["ahead", "behind"])
def test_a_clock_that_is_an_hour_wrong_changes_nothing(
    tmp_path: Path, undisturbed: dict[str, Any], seconds: float
) -> None:
    limited = Faults(seed=4, rate_429=0.002, retry_after="http_date", clock_skew=seconds)
    report, account = audited(tmp_path, limited)
    assert account.requests.status(429) > 0
    assert timeless(report) == timeless(undisturbed)
    assert report["run"]["evidence_digest"] == undisturbed["run"]["evidence_digest"]
    assert report["summary"]["api"]["seconds"] < 60


@pytest.mark.slow
@pytest.mark.parametrize("faults", [Faults(nested_auth_view=True), Faults(group_ids_absent=True)])
def test_what_is_told_in_another_way_is_found_all_the_same(
    tmp_path: Path, undisturbed: dict[str, Any], faults: Faults
) -> None:
    report, account = audited(tmp_path, faults)
    assert timeless(report) == timeless(undisturbed)
    assert bool(account.requests.template("/groups/{groupId}/members")) is faults.group_ids_absent


def without(report: dict[str, Any], gone: set[str]) -> list[dict[str, Any]]:
    """The findings about all scopes but some users."""
    return [finding for finding in timeless(report) if finding["scope"]["id"] not in gone]


def test_users_who_were_deleted_meanwhile_are_unknown(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    with served("drifted", users=USERS, faults=Faults(deleted_users=3)) as account:
        ran = Auditor(tmp_path, account).audit(*STRICT, "--format", "json")
        world = account.world
        gone = {world.user_id(i) for i in world.indices("active") if world.is_deleted(i)}
    assert len(gone) == 3
    assert ran.code == 3
    assert without(ran.report, gone) == without(undisturbed, gone)
    theirs = [f for f in ran.report["findings"] if f["scope"]["id"] in gone]
    assert {f["scope"]["id"] for f in theirs} == gone
    assert {(f["status"], f["cause"]) for f in theirs} == {("unknown", "error")}
    told = " ".join(error["message"] for error in ran.report["errors"])
    assert "does not exist" in told or "404" in told


LEAVING = Faults(departing_users=2, departing_groups=1)
ONE_CONTROL = (*STRICT, "--only", "RC-02")
EVERYBODY = ("--verify-locks", "0")


def test_users_and_groups_who_left_meanwhile_keep_no_gate_shut(tmp_path: Path) -> None:
    with served("clean", users=60, faults=LEAVING) as account:
        auditor, world = Auditor(tmp_path, account), account.world
        gone = {world.user_id(i) for i in world.indices("active") if world.is_deleted(i)}
        group = world.group_id(world.group_count - 1)
        calm = auditor.report(*ONE_CONTROL, *EVERYBODY)
        gate = auditor("gate", *ONE_CONTROL)
        text = auditor("report", "--format", "text").out
        again = auditor("audit", "--from", "latest", *ONE_CONTROL, "--format", "json").report
        hidden = auditor(
            "report", "--format", "json", "--pseudonymise", env={"AUDITOR_PSEUDONYM_KEY": "k" * 32}
        ).report
    rows = calm["summary"]["left_during_run"]
    assert {row["id"] for row in rows} == {*gone, group}
    assert Counter(row["level"] for row in rows) == {"user": 2, "group": 1}
    assert (calm["run"]["complete"], calm["errors"]) == (True, [])
    assert gate.code == 0, gate.out
    assert not {f["scope"]["id"] for f in calm["findings"]} & {*gone, group}
    assert "Left during the run, and not judged: 1 group" in " ".join(text.split())
    assert again["summary"]["left_during_run"] == rows
    assert again["run"]["evidence_digest"] == calm["run"]["evidence_digest"]
    pseudonyms = [
        row["id"] for row in hidden["summary"]["left_during_run"] if row["level"] == "user"
    ]
    assert all(each.startswith("user-") for each in pseudonyms)
    assert len(pseudonyms) == 2


def test_the_gate_stays_shut_for_users_whom_zoom_lists_and_does_not_find(tmp_path: Path) -> None:
    with served("clean", users=60, faults=Faults(departing_users=2, deleted_users=1)) as account:
        auditor = Auditor(tmp_path, account)
        ran = auditor.audit(*ONE_CONTROL, *EVERYBODY, "--format", "json")
        gate = auditor("gate", *ONE_CONTROL)
    assert len(ran.report["summary"]["left_during_run"]) == 2
    assert (ran.code, gate.code) == (3, 4), gate.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [Faults(duplicate_users=True), Faults(group_ids_absent=True, duplicate_users=True)],
)
def test_users_that_are_listed_twice_are_judged_once(tmp_path: Path, faults: Faults) -> None:
    with served("drifted", users=2110, faults=faults, groups=1) as account:
        report = Auditor(tmp_path, account).report("--only", "RC-02")
        planted = {
            row.scope_id
            for row in account.world.planted()
            if row.level == "user" and row.setting == "recording.local_recording"
        }
        assert report["summary"]["coverage"]["user"] == account.world.present
        assert account.requests.template("/users") >= 4
    failed = [f["scope"]["id"] for f in report["findings"] if f["scope"]["level"] == "user"]
    assert len(failed) == len(set(failed))
    assert set(failed) == planted


PAGES = {
    "expires": Faults(expire_page_token=True),
    "repeats": Faults(page_token_repeats=True),
    "loops": Faults(page_token_loops=True),
}


GROUPS = ("--only", "RC-02", "--depth", "group")


@pytest.fixture(scope="module")
def many_groups(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with served("drifted", groups=310) as account:
        report = Auditor(tmp_path_factory.mktemp("groups"), account).report(*GROUPS)
        assert account.requests.template("/groups") == 2
    return report


@pytest.mark.slow
@pytest.mark.parametrize("fault", PAGES)
def test_a_page_token_that_does_not_work_restarts_the_listing(
    tmp_path: Path, many_groups: dict[str, Any], fault: str
) -> None:
    with served("drifted", groups=310, faults=PAGES[fault]) as account:
        report = Auditor(tmp_path, account).report(*GROUPS)
        assert account.requests.template("/groups") > 2
    assert timeless(report) == timeless(many_groups)
    assert report["run"]["evidence_digest"] == many_groups["run"]["evidence_digest"]
    assert report["summary"]["coverage"]["group"] == 310


EVERYTHING = Faults(
    seed=11,
    errors_5xx=0.02,
    rate_429=0.003,
    rate_429_bare=0.003,
    retry_after="iso",
    html_200=0.02,
    html_403=0.02,
    html_429=0.003,
    truncated_json=0.02,
    invalid_json=0.02,
    empty_200=0.02,
    xml_200=0.02,
    reset=0.02,
    slow=0.01,
    slow_seconds=0.3,
    token_life=4,
    limit_below=0.9,
    clock_skew=3600,
    duplicate_users=True,
    deleted_users=2,
    group_ids_absent=True,
    expire_page_token=True,
    page_token_loops=True,
    page_token_repeats=True,
    nested_auth_view=True,
)


@pytest.mark.slow
def test_everything_that_can_go_wrong_at_once_changes_nothing_that_is_found(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    conduct = Conduct(plan="business", faults=EVERYTHING, latency_ms=10)
    with serve(World(users=USERS, scenario="drifted"), conduct=conduct) as account:
        auditor = Auditor(tmp_path, account)
        pace = ("--plan", "business", "--rate-share", "1")
        ran = auditor("audit", *pace, *STRICT, "--format", "json")
        world = account.world
        gone = {world.user_id(i) for i in world.indices("active") if world.is_deleted(i)}
    assert ran.code == 3, ran.err
    assert {status for _, status in account.requests.by_template} >= {0, 200, 403, 404, 429, 503}
    assert without(ran.report, gone) == without(undisturbed, gone)
    assert {error["cause"] for error in ran.report["errors"]} == {"error"}
    assert "Traceback" not in ran.err

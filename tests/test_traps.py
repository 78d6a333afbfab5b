"""Twelve ways in which tools of this kind are known to go wrong, each kept shut by a test."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.run import fingerprint
from auditor.report import FORMATS
from auditor.sandbox import Sandbox
from auditor.sandbox.api import SCOPES as APP_SCOPES
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    GROUP,
    USER,
    Json,
    evaluated,
    nested,
    scope_verdicts,
    snapshot_of,
)
from tests.end_to_end.conftest import Auditor, Ran, served
from tests.end_to_end.expected import Documents, rules
from tests.policy.samples import BASELINES, SCOPES

ALL_OF_STRICT = tuple(rules("strict"))


def verdicts(
    baseline: str, control: str, *scopes: tuple[Scope, Any], **parameters: Any
) -> dict[tuple[str, str, str], Verdict]:
    """Verdicts of one shipped control: scope id, setting and kind to the verdict."""
    chosen = BASELINES[baseline].only(frozenset({control}))
    found = scope_verdicts(evaluated(snapshot_of(*scopes), chosen, parameters))
    return {(scope.id, v.setting, v.kind): v for scope, v in found}


def findings(ran: Ran, level: str) -> list[dict[str, Any]]:
    return [f for f in ran.report["findings"] if f["scope"]["level"] == level]


@pytest.fixture(scope="module")
def drifted() -> Iterator[Sandbox]:
    with served("drifted", users=12, groups=4) as account:
        yield account


@pytest.fixture(scope="module")
def audited(drifted: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[Auditor, Ran]:
    """One audit of the drifted account, passes included. Tests that share it only read it."""
    auditor = Auditor(tmp_path_factory.mktemp("drifted"), drifted)
    arguments = ("--baseline", "strict", "--include-passes", "--format", "json")
    ran = auditor.audit(*arguments)
    assert ran.code in (0, 3), ran.err
    return auditor, ran


def test_trap_01_absent_group_key_is_not_compliant(tmp_path: Path) -> None:
    with served("partial", users=8, groups=2) as account:
        only = ("--only", "AI-02", "--depth", "group", "--baseline", "strict")
        ran = Auditor(tmp_path, account).audit(
            *only, "--include-passes", "--format", "json", "--fail-on", "low"
        )
    of_groups = findings(ran, "group")
    assert {f["scope"]["name"] for f in of_groups} == {"Clinical Ops", "Sales"}
    assert {(f["status"], f["cause"]) for f in of_groups} == {("unknown", "absent")}
    assert ran.code == 3


@pytest.mark.parametrize(
    ("control", "scope", "bodies", "setting"),
    [
        (
            "AI-01",
            ACCOUNT,
            {
                SETTINGS: nested("in_meeting.meeting_summary_with_ai_companion.enable", True),
                LOCKS: nested("in_meeting.meeting_summary_with_ai_companion", True),
            },
            "in_meeting.meeting_summary_with_ai_companion.enable",
        ),
        (
            "AI-16",
            SCOPES[Level.PHONE_ACCOUNT],
            {
                View("phone_account_settings"): {
                    "voicemail_transcription": {"enable": True, "locked": True}
                }
            },
            "voicemail_transcription.enable",
        ),
    ],
)
def test_trap_02_locked_but_wrong_is_a_deviation(
    control: str, scope: Scope, bodies: Any, setting: str
) -> None:
    found = verdicts("strict", control, (scope, bodies))
    assert found[scope.id, setting, FindingKind.LOCK].status is Status.PASS
    assert found[scope.id, setting, FindingKind.VALUE].status is Status.FAIL
    assert found[scope.id, setting, FindingKind.VALUE].locked is True


def test_trap_03_the_users_name_of_a_field_is_not_read_from_the_account() -> None:
    users_name = "schedule_meeting.participants_video"
    found = verdicts(
        "cis-zoom-1.0", "CIS-1.1.2.3", (ACCOUNT, {SETTINGS: nested(users_name, False)})
    )
    verdict = found["acc", "schedule_meeting.participant_video", FindingKind.VALUE]
    assert (verdict.status, verdict.cause) == (Status.UNKNOWN, Cause.ABSENT)
    assert ("acc", users_name, FindingKind.VALUE) not in found


def test_trap_03_a_groups_setting_is_not_read_from_the_account() -> None:
    setting = "schedule_meeting.mute_upon_entry"
    scopes = [(scope, {SETTINGS: nested(setting, True)}) for scope in (ACCOUNT, GROUP)]
    found = verdicts("cis-zoom-1.0", "CIS-1.1.2.12", *scopes)
    assert found["g1", setting, FindingKind.VALUE].status is Status.PASS
    assert ("acc", setting, FindingKind.VALUE) not in found


def test_trap_04_what_is_on_offer_is_not_what_was_chosen() -> None:
    place = "profile.recording_storage_location"
    chosen = f"{place}.value"

    def status(body: Any) -> tuple[Status, Cause | None]:
        found = verdicts(
            "strict",
            "DR-02",
            (ACCOUNT, {SETTINGS: nested(place, body)}),
            allowed_storage_countries=["DE"],
        )
        verdict = found["acc", chosen, FindingKind.VALUE]
        return verdict.status, verdict.cause

    assert status({"value": "US", "allowed_values": ["DE"]}) == (Status.FAIL, None)
    assert status({"value": "DE", "allowed_values": ["US"]}) == (Status.PASS, None)
    assert status({"allowed_values": ["DE"]}) == (Status.UNKNOWN, Cause.ABSENT)


def test_trap_04_no_control_reads_a_list_of_what_is_on_offer() -> None:
    settings = {check.setting for control in CATALOGUE for check in control.checks}
    assert [name for name in settings if "allowed_values" in name] == []


def test_trap_05_totals_are_added_over_scopes_and_controls(audited: tuple[Auditor, Ran]) -> None:
    auditor, ran = audited
    report = ran.report
    counted = Counter(f["status"] for f in report["findings"])
    counts = {status: n for status, n in report["summary"]["by_status"].items() if n}
    assert counts == counted

    def totals(*controls: str) -> Counter[str]:
        only = [word for control in controls for word in ("--only", control)]
        again = auditor("audit", "--from", "latest", "--format", "json", *only)
        return Counter(again.report["summary"]["by_status"])

    one, other = totals("AI-01"), totals("RC-02")
    assert one["fail"] > 2
    assert other["fail"] > 2
    assert totals("AI-01", "RC-02") == one + other


def test_trap_06_a_failed_read_leaves_findings_and_no_clean_exit(tmp_path: Path) -> None:
    with served("clean", users=4, groups=1, scopes=()) as account:
        ran = Auditor(tmp_path, account).audit("--format", "json", "--baseline", "strict")
    report = ran.report
    assert ran.code == 3
    assert report["run"]["complete"] is False
    assert report["errors"]
    spoken = {f["control"] for f in report["findings"]} | set(report["summary"]["not_reached"])
    assert spoken >= set(BASELINES["strict"].assessed)


@pytest.mark.parametrize(
    ("arguments", "conduct", "code"),
    [
        ((), {"deactivated": True}, 4),
        (("--only", "CIS-1.1.2.3", "--baseline", "strict"), {}, 4),
        (("--org", "broken.yaml"), {}, 2),
        (("--baseline", "nowhere.yaml"), {}, 2),
    ],
    ids=["no token", "nothing selected", "broken organisation file", "no baseline"],
)
def test_trap_06_what_evaluates_nothing_never_exits_clean(
    tmp_path: Path, arguments: tuple[str, ...], conduct: dict[str, Any], code: int
) -> None:
    (tmp_path / "broken.yaml").write_text("waivers: [\n")
    with served("clean", users=4, groups=1, **conduct) as account:
        ran = Auditor(tmp_path, account).audit("--allow-unknown", *arguments)
    assert (ran.code, ran.out) == (code, "")


def test_trap_07_findings_keep_their_fingerprint_whatever_the_order() -> None:
    groups = [Scope(Level.GROUP, f"g{n}", f"Group {n}") for n in range(3)]

    def failed(*order: int) -> list[tuple[str, str]]:
        regions = [("CN", "US", "HK")[n] for n in order]
        body: Json = {"custom_data_center_regions": True, "data_center_regions": regions}
        scopes = [(groups[n], {SETTINGS: {"in_meeting": body}}) for n in order]
        chosen = BASELINES["strict"].only(frozenset({"DR-01"}))
        found = scope_verdicts(evaluated(snapshot_of(*scopes), chosen, {"allowed_regions": ["DE"]}))
        return [(s.id, fingerprint("acc", v, s)) for s, v in found if v.status is Status.FAIL]

    assert failed(0, 1, 2) == failed(2, 1, 0) == failed(1, 2, 0)
    assert len({key for _, key in failed(0, 1, 2)}) == 3


def test_trap_08_a_finding_quotes_the_setting_that_was_tested(
    drifted: Sandbox, audited: tuple[Auditor, Ran]
) -> None:
    checks = {(rule.control, rule.setting): rule.check for rule in ALL_OF_STRICT}
    documents = Documents(drifted)
    compared = 0
    for finding in audited[1].report["findings"]:
        scope, key = finding["scope"], (finding["control"], finding["setting"])
        if scope["level"] not in ("account", "group", "user") or finding["status"] != "fail":
            continue
        if finding["kind"] == "value" and "surface" not in checks[key]:
            served_ = documents.value(scope["level"], scope["id"], checks[key])
            assert finding["observed"] == served_, finding
            compared += 1
        elif finding["kind"] == "lock":
            named = re.findall(r"The lock (\S+) is off", finding["detail"])
            assert named == [checks[key]["lock"]], finding
            compared += 1
    documents.close()
    assert compared > 30


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "UTC"])
@pytest.mark.parametrize(("days", "state"), [(0, "expiring"), (-1, "expired"), (15, "active")])
def test_trap_09_expiry_is_a_day_in_utc(
    audited: tuple[Auditor, Ran], tmp_path: Path, zone: str, days: int, state: str
) -> None:
    org = tmp_path / "org.yaml"
    today, found = None, ""
    while today != datetime.now(UTC).date():  # again, if midnight passed meanwhile
        today = datetime.now(UTC).date()
        org.write_text(
            "waivers:\n  - {control: AI-01, scope: {level: account}, reason: agreed,"
            f' owner: a@example.com, expires: "{today + timedelta(days=days)}"}}\n'
        )
        arguments = (
            "--from",
            "latest",
            "--format",
            "json",
            "--only",
            "AI-01",
            "--baseline",
            "strict",
        )
        ran = audited[0]("audit", *arguments, "--org", org, env={"TZ": zone})
        (waiver,) = ran.report["waivers"]
        found = waiver["state"]
    assert found == state


@pytest.fixture(scope="module")
def incomplete(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """The command in a folder with one stored run that could not read all it should."""
    with served("denied", users=4, groups=1) as account:
        auditor = Auditor(tmp_path_factory.mktemp("denied"), account)
        assert auditor.audit("--only", "RC-02", "--depth", "group").code == 3
    return auditor


@pytest.mark.parametrize(
    "format_",
    [pytest.param(name, marks=pytest.mark.slow) if name == "pdf" else name for name in FORMATS],
)
def test_trap_10_the_format_does_not_change_the_exit_code(
    audited: tuple[Auditor, Ran], incomplete: Auditor, format_: str
) -> None:
    again = ("audit", "--from", "latest", "--format", format_, "--output", "again")
    assert incomplete(*again).code == 3
    assert incomplete(*again, "--allow-unknown").code == 0
    assert audited[0](*again, "--only", "RC-02", "--fail-on", "high").code == 1


def test_trap_11_groups_that_were_not_listed_do_not_pass_on_the_accounts_lock(
    tmp_path: Path,
) -> None:
    without_groups = tuple(scope for scope in APP_SCOPES if "list_groups" not in scope)
    with served("clean", users=4, groups=2, scopes=without_groups) as account:
        ran = Auditor(tmp_path, account).audit(
            *("--baseline", "strict", "--depth", "group", "--include-passes", "--format", "json"),
            *("--only", "AI-01", "--only", "CC-02"),
        )
    assert ran.code == 3
    of_account = [f for f in findings(ran, "account") if f["control"] == "AI-01"]
    assert {(f["kind"], f["status"]) for f in of_account} == {("value", "pass"), ("lock", "pass")}
    below = findings(ran, "group") + [
        f for f in findings(ran, "account") if f["control"] == "CC-02"
    ]
    assert {(f["status"], f["cause"]) for f in below} == {("unknown", "denied")}
    assert {f["control"] for f in below} == {"AI-01", "CC-02"}


def test_trap_11_a_shallower_look_says_which_controls_it_cannot_judge(
    tmp_path: Path, drifted: Sandbox
) -> None:
    only = ("--only", "AI-01", "--only", "CC-02", "--depth", "account", "--format", "json")
    report = Auditor(tmp_path, drifted).audit(*only).report
    assert report["summary"]["not_reached"] == ["CC-02"]
    assert report["summary"]["coverage"] == {"account": 1}


def test_trap_11_an_empty_list_of_users_is_not_an_account_without_users(tmp_path: Path) -> None:
    with served("clean", users=4, groups=1, empty=True) as account:
        ran = Auditor(tmp_path, account).audit(
            *("--only", "AI-01", "--baseline", "strict", "--format", "json")
        )
    assert ran.code == 3
    (of_users,) = findings(ran, "user")
    assert (of_users["status"], of_users["cause"]) == ("unknown", "error")
    assert "not even the owner" in of_users["detail"]


NEW = "recording.recording_notification_for_zoom_client.disclaimer_to_participants"
OLD = "recording.recording_disclaimer"


def test_trap_12_an_old_field_does_not_speak_where_its_level_has_only_the_new_one() -> None:
    scopes = [
        (ACCOUNT, {SETTINGS: nested(NEW, "All participants")}),
        (GROUP, {SETTINGS: nested(OLD, True)}),
        (USER, {SETTINGS: nested(OLD, False)}),
    ]
    found = verdicts("strict", "CN-04", *scopes)
    counts = {
        (key[0], key[1]): (v.status, v.cause) for key, v in found.items() if key[2] == "value"
    }
    assert counts == {
        ("acc", NEW): (Status.PASS, None),
        ("g1", NEW): (Status.UNKNOWN, Cause.ABSENT),
        ("u1", OLD): (Status.FAIL, None),
    }


def test_trap_12_an_old_field_never_outvotes_the_new_one() -> None:
    body: dict[str, Any] = dict(nested(NEW, "Guest only"))
    body["recording"]["recording_disclaimer"] = True
    found = verdicts("strict", "CN-04", (ACCOUNT, {SETTINGS: body}))
    assert found["acc", NEW, FindingKind.VALUE].status is Status.FAIL
    assert ("acc", OLD, FindingKind.VALUE) not in found
    assert OLD in found["acc", NEW, FindingKind.VALUE].detail


def test_every_trap_has_a_test() -> None:
    named = {name[10:12] for name in globals() if name.startswith("test_trap_")}
    assert named == {f"{number:02}" for number in range(1, 13)}

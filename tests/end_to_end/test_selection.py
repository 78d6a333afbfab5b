"""What is audited: depth, controls, topics, and what the organisation decided."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Accounts, Auditor, Ran

SETTINGS_LEVELS = ["account", "group", "user"]


@pytest.mark.parametrize(("depth", "reached"), [("account", 1), ("group", 2), ("user", 3)])
def test_depth_says_how_far_down_is_read(
    auditor: Auditor, accounts: Accounts, depth: str, reached: int
) -> None:
    requests = accounts("drifted").requests
    asked_before = requests.template("/users/{userId}/settings")
    report = auditor.report("--depth", depth)
    levels = {finding["scope"]["level"] for finding in report["findings"]}
    assert levels & set(SETTINGS_LEVELS) == set(SETTINGS_LEVELS[:reached])
    covered = [level for level in report["summary"]["coverage"] if level in SETTINGS_LEVELS]
    assert covered == SETTINGS_LEVELS[:reached]
    asked = requests.template("/users/{userId}/settings") - asked_before
    assert bool(asked) is (depth == "user")


def test_only_the_named_controls_are_judged(auditor: Auditor) -> None:
    report = auditor.report("--only", "ai-02", "--only", "RC-02", "--include-passes")
    assert {finding["control"] for finding in report["findings"]} == {"AI-02", "RC-02"}


def test_only_documents_that_the_selection_needs_are_read(
    tmp_path: Path, accounts: Accounts
) -> None:
    account = accounts("unlocked")
    before = account.requests.total
    Auditor(tmp_path, account).report("--only", "CH-02", "--depth", "account")
    assert account.requests.total - before <= 4


def test_what_a_stored_run_did_not_read_is_unknown_however_it_is_judged(auditor: Auditor) -> None:
    auditor.report("--only", "RC-02", "--depth", "account")
    ran = auditor(
        "audit", "--from", "latest", "--baseline", "strict", "--depth", "user", "--format", "json"
    )
    below = [f for f in ran.report["findings"] if f["scope"]["level"] in ("group", "user")]
    assert ran.code == 3
    assert {f["status"] for f in below} <= {"unknown", "needs_decision"}
    assert {f["cause"] for f in below if f["status"] == "unknown"} == {"not_collected"}
    views = [f for f in ran.report["findings"] if f["setting"].startswith("meeting_security.")]
    assert views
    assert "unknown" in {f["status"] for f in views}
    assert {f["status"] for f in views} <= {"unknown", "needs_decision"}


def test_a_topic_selects_its_controls(auditor: Auditor) -> None:
    report = auditor.report("--topic", "ai", "--depth", "group", "--include-passes")
    assert {finding["control"].split("-")[0] for finding in report["findings"]} == {"AI"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "AI-2"), "Did you mean"),
        (("--topic", "privacy"), "recording"),
        (("--depth", "everything"), "account"),
        (("--fail-on", "bad"), "critical"),
    ],
)
def test_an_unknown_name_is_refused_with_the_names_there_are(
    auditor: Auditor, arguments: tuple[str, ...], said: str
) -> None:
    ran = auditor.audit(*arguments)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_a_selection_that_leaves_nothing_evaluates_nothing(auditor: Auditor) -> None:
    ran = auditor.audit("--baseline", "cis-zoom-1.0", "--only", "TR-01")
    assert ran.code == 4
    assert "auditor baseline show" in ran.err
    assert not list(auditor.data.glob("runs/*"))


def test_a_stored_run_is_not_judged_with_nothing(auditor: Auditor) -> None:
    auditor.report("--only", "RC-02", "--depth", "account")
    ran = auditor("audit", "--from", "latest", "--baseline", "cis-zoom-1.0", "--only", "TR-01")
    assert ran.code == 4
    assert "auditor baseline show" in ran.err


def judged(auditor: Auditor, parameters: str, *arguments: str) -> dict[tuple[str, str], str]:
    org = auditor.folder / "org.yaml"
    org.write_text(parameters)
    report = auditor.report("--org", str(org), "--include-passes", *arguments)
    return {
        (f["scope"]["level"], f["setting"]): f["status"]
        for f in report["findings"]
        if f["kind"] == "value"
    }


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ("{}", "needs_decision"),
        (
            "parameters: {allowed_regions: [AU, CA, CN, DE, HK, IE, IN, LA, MX, NL, SG, TY, US]}",
            "pass",
        ),
        ("parameters: {allowed_regions: [CN]}", "fail"),
    ],
)
def test_a_parameter_turns_an_open_decision_into_a_verdict(
    auditor: Auditor, parameters: str, status: str
) -> None:
    came_out = judged(auditor, parameters, "--only", "DR-01", "--depth", "account")
    assert came_out["account", "in_meeting.data_center_regions"] == status


def test_the_organisation_file_chooses_the_baseline_unless_the_command_line_does(
    auditor: Auditor,
) -> None:
    org = auditor.folder / "org.yaml"
    org.write_text("baseline: education\n")
    env = {"AUDITOR_BASELINE": "strict"}

    def chosen(*arguments: object) -> str:
        only = ("--only", "RC-02", "--depth", "account", "--format", "json")
        ran = auditor.audit(*only, *arguments, env=env)
        return str(ran.report["run"]["baseline"]["id"])

    assert chosen() == "strict"
    assert chosen("--org", org) == "education"
    assert chosen("--org", org, "--baseline", "regulated") == "regulated"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("parameters: {allowed_region: [US]}", "allowed_regions"),
        ("baselin: strict", "baseline"),
        ("parameters: [", "org.yaml"),
    ],
)
def test_a_faulty_organisation_file_is_refused_with_its_line(
    auditor: Auditor, content: str, said: str
) -> None:
    org = auditor.folder / "org.yaml"
    org.write_text(content)
    ran: Ran = auditor.audit("--org", org)
    assert ran.code == 2
    assert "org.yaml" in ran.err
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err

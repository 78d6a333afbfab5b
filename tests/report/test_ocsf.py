"""OCSF: valid by the official schema and by Prowler's models, one event per finding."""

import io
import json
import tracemalloc
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Scope
from auditor.findings.model import Severity, Status, Verdict
from auditor.findings.run import Run
from auditor.report import FORMATS, Options
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Spoil, every_run, rendered
from tests.report.golden_run import WAIVER, golden

SCHEMA = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.5.0")).get_class_schema(
    "compliance_finding"
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
NEW, SUPPRESSED, RESOLVED = 1, 3, 4
PASS, WARNING, FAIL, OTHER = 1, 2, 3, 99
ENOUGH = 120
"""Number of validated events per world: the large one has thousands of few kinds."""


def lines(run: Run, **options: Any) -> list[bytes]:
    return rendered(run, "ocsf", **options).split(b"\n")[:-1]


def events(run: Run, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(run, **options)]


def event(*verdicts: Verdict, scope: Scope | None = None, **options: Any) -> dict[str, Any]:
    (record,) = events(worlds.run_of([worlds.judged(scope or worlds.user(1), verdicts)]), **options)
    return record


@every_case("any_run", every_run)
def test_every_event_fits_the_official_schema(any_run: Run) -> None:
    for record in events(any_run, include_passes=True)[:ENOUGH]:
        assert [error.message for error in VALIDATOR.iter_errors(record)] == []


@every_case("any_run", every_run)
def test_every_event_fits_the_models_of_prowler(any_run: Run) -> None:
    for line in lines(any_run, include_passes=True)[:ENOUGH]:
        parsed = ComplianceFinding.model_validate_json(line)
        assert (parsed.class_uid, parsed.type_uid) == (2003, 200301)
        assert parsed.metadata.version == "1.5.0"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda e: e.pop("time"),
        lambda e: e.update(severity_id=7),
        lambda e: e["compliance"].update(status_id=4),
        lambda e: e["metadata"].pop("product"),
        lambda e: e.update(extra=1),
    ],
)
def test_the_schema_refuses_a_spoiled_event(spoil: Spoil) -> None:
    record = event(worlds.deviation())
    spoil(record)
    assert not VALIDATOR.is_valid(record)


@pytest.mark.parametrize(
    ("status", "compliance", "finding"),
    [
        (Status.FAIL, FAIL, NEW),
        (Status.WAIVED, FAIL, SUPPRESSED),
        (Status.UNKNOWN, WARNING, NEW),
        (Status.ATTESTATION_EXPIRED, WARNING, NEW),
        (Status.NEEDS_DECISION, WARNING, NEW),
        (Status.ATTESTED, OTHER, RESOLVED),
        (Status.NOT_APPLICABLE, OTHER, RESOLVED),
        (Status.PASS, PASS, RESOLVED),
    ],
)
def test_only_a_pass_complies_and_only_a_waiver_suppresses(
    status: Status, compliance: int, finding: int
) -> None:
    record = event(worlds.deviation(status=status), include_passes=True)
    assert (record["compliance"]["status_id"], record["status_id"]) == (compliance, finding)


def test_what_of_the_organisation_file_fails_the_run_is_a_finding_of_its_own() -> None:
    waiver, name = [e for e in events(golden()) if e["status_code"] == "stale"]
    assert "EXPIRED" in waiver["message"]
    assert 'Did you mean "Büro Köln"?' in name["message"]
    assert (name["compliance"]["status_id"], name["status_id"]) == (FAIL, NEW)
    assert name["finding_info"]["uid"] != waiver["finding_info"]["uid"]


def test_passes_are_events_only_when_asked_for() -> None:
    run = worlds.everything()
    assert "pass" not in {record["status_code"] for record in events(run)}
    assert sum(record["status_code"] == "pass" for record in events(run, include_passes=True)) == 6


@pytest.mark.parametrize(
    ("severity", "number"),
    [(Severity.CRITICAL, 5), (Severity.HIGH, 4), (Severity.MEDIUM, 3), (Severity.LOW, 2)],
)
def test_severities_are_those_of_ocsf(severity: Severity, number: int) -> None:
    assert event(worlds.deviation(severity=severity))["severity_id"] == number


def test_what_needs_nobody_is_informational() -> None:
    assert event(worlds.deviation(status=Status.ATTESTED))["severity_id"] == 1


def test_an_event_has_the_result_the_scope_and_the_fix() -> None:
    record = event(worlds.deviation("CN-05"))
    assert record["message"] == "Person User 1: Recording cn-05 is on (should be off)."
    assert record["time"] == 1795298283000
    assert record["compliance"]["standards"] == ["strict 1.0.0", "GDPR"]
    assert record["compliance"]["requirements"] == ["GDPR Art 7"]
    assert record["compliance"]["control_parameters"] == [{"name": "expected", "value": "off"}]
    assert record["finding_info"]["desc"] == "Consent that nobody was asked for is none."
    assert record["remediation"]["desc"].startswith(
        "How to fix it in the admin centre: Account Settings >"
    )
    assert record["resources"][0] == {
        "uid": "u00001",
        "name": "User 1",
        "type": "Zoom user",
        "namespace": "acc-1",
        "data": {
            "level": "user",
            "email": "user1@example.com",
            "licence": 2,
            "status": "active",
        },
    }
    assert record["evidences"][0]["data"]["observed"] is True


def test_an_unknown_carries_its_cause() -> None:
    record = event(worlds.unknown(Cause.DENIED))
    assert record["compliance"]["status_code"] == "denied"
    assert record["unmapped"]["cause"] == "denied"


def test_a_waived_event_carries_its_waiver() -> None:
    (record,) = [e for e in events(golden()) if e["status_code"] == "waived"]
    assert record["unmapped"]["waiver"] == {**WAIVER, "expires": "2027-01-31"}


def test_a_finding_keeps_its_uid_and_an_event_has_its_own() -> None:
    run = golden()
    later = replace(run, info=replace(run.info, id="another"))
    first, second = events(run), events(later)
    assert [e["finding_info"]["uid"] for e in first] == [
        *(f.fingerprint for f in run.findings() if f.verdict.status is not Status.PASS),
        *(e["finding_info"]["uid"] for e in first if e["status_code"] == "stale"),
    ]
    assert [e["finding_info"]["uid"] for e in first] == [e["finding_info"]["uid"] for e in second]
    assert not {e["metadata"]["uid"] for e in first} & {e["metadata"]["uid"] for e in second}


def test_what_has_no_time_came_with_the_run() -> None:
    run = worlds.run_of([worlds.judged(worlds.user(1), [worlds.deviation()])])
    ((assessment, _),) = run.assessments.in_order()
    bare = replace(run, assessments=type(run.assessments).of([replace(assessment, observed_at={})]))
    (record,) = events(bare)
    assert record["time"] == 1795298670250
    assert VALIDATOR.is_valid(record)


def test_what_is_not_known_is_left_out() -> None:
    bare = worlds.deviation(expected=None, detail="", source="", setting="")
    run = worlds.run_of([worlds.judged(worlds.account(), [bare])])
    (record,) = events(replace(run, controls={}, tool_version=""))
    assert VALIDATOR.is_valid(record)
    assert not {"remediation", "status_detail"} & set(record)
    assert "control_parameters" not in record["compliance"]
    assert "version" not in record["metadata"]["product"]
    assert record["resources"][0]["data"] == {"level": "account"}
    assert record["finding_info"]["title"] == "AI-01"
    assert record["finding_info"]["data_sources"] == []


@every_case("words", worlds.HOSTILE)
def test_hostile_words_stay_within_one_valid_event(words: str) -> None:
    record = event(
        worlds.deviation(observed={words: words}, detail=words, source=words),
        scope=replace(worlds.user(1, words), email=words),
    )
    assert VALIDATOR.is_valid(record)
    ComplianceFinding.model_validate(record)
    assert not set(json.dumps(record, ensure_ascii=False)) & set("\x00\x1b\x9b\u202e\u2028\ud83d")


@pytest.mark.slow
def test_events_are_written_one_by_one_and_forgotten() -> None:
    users = [
        worlds.judged(worlds.user(at), [worlds.deviation(observed=at)]) for at in range(20_000)
    ]

    class Watching(io.BytesIO):
        """Watches the memory of the last 2,000: kept, they would be 4 MB."""

        lines = 0

        def write(self, data: Any) -> int:
            self.lines += data.count(b"\n")
            if self.lines == 18_000:
                tracemalloc.start()
            return len(data)

    out = Watching()
    try:
        FORMATS["ocsf"].render(worlds.run_of(users), out, Options())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert out.lines == 20_000
    assert 0 < peak < 500_000

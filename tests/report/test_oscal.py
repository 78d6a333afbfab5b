"""OSCAL: valid by compliance-trestle's models, and no control is satisfied without evidence."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from trestle.oscal import OSCAL_VERSION
from trestle.oscal.assessment_results import Model

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.findings.run import Run
from auditor.report import FORMATS, FormatError, Options
from auditor.report.oscal_report import NAMESPACE
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import Render, Spoil, every_assessed_run, rendered
from tests.report.golden_run import golden


def oscal(run: Run, **options: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(rendered(run, "oscal", **options))
    return document


def result(run: Run, **options: Any) -> dict[str, Any]:
    only: dict[str, Any]
    (only,) = oscal(run, **options)["assessment-results"]["results"]
    return only


def facts(item: dict[str, Any]) -> dict[str, str]:
    assert {prop["ns"] for prop in item["props"]} == {NAMESPACE}
    return {prop["name"]: prop["value"] for prop in item["props"]}


def run_with(*verdicts: Verdict, scope: Scope | None = None, **changes: Any) -> Run:
    return replace(worlds.run_of([worlds.judged(scope or worlds.user(1), verdicts)]), **changes)


def validated(document: dict[str, Any]) -> Model:
    """Trestle knows one version of OSCAL at a time; 1.2 takes all that 1.1.3 does."""
    metadata = document["assessment-results"]["metadata"]
    assert metadata["oscal-version"] == "1.1.3"
    metadata["oscal-version"] = OSCAL_VERSION
    return Model.model_validate(document)


@every_case("run", every_assessed_run)
def test_every_report_fits_the_models(run: Run) -> None:
    validated(oscal(run, include_passes=True))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["results"][0]["observations"][0].pop("collected"),
        lambda d: d["results"][0]["findings"][0]["target"]["status"].update(state="fine"),
        lambda d: d["results"][0]["risks"][0].update(uuid="1"),
        lambda d: d["results"][0].update(observations=[]),
        lambda d: d.update(extra=1),
    ],
)
def test_the_models_refuse_a_spoiled_report(spoil: Spoil) -> None:
    document = oscal(worlds.everything())
    spoil(document["assessment-results"])
    with pytest.raises(ValidationError):
        validated(document)


def test_a_run_that_assessed_no_control_cannot_be_represented_in_oscal() -> None:
    out = io.BytesIO()
    with pytest.raises(FormatError, match="Choose another format"):
        FORMATS["oscal"].render(worlds.empty(), out, Options())
    assert out.getvalue() == b""


def test_every_reference_inside_the_document_leads_somewhere() -> None:
    document = oscal(golden(), include_passes=True)["assessment-results"]
    (parsed,) = document["results"]
    ids = {item["uuid"] for key in ("observations", "risks", "findings") for item in parsed[key]}
    resources = {f"#{item['uuid']}" for item in document["back-matter"]["resources"]}
    assert len(ids) == sum(len(parsed[key]) for key in ("observations", "risks", "findings"))
    for item in [*parsed["risks"], *parsed["findings"]]:
        assert {link["observation-uuid"] for link in item["related-observations"]} <= ids
        assert {link["risk-uuid"] for link in item.get("related-risks", [])} <= ids
    assert document["import-ap"]["href"] in resources
    evidence = {item["href"] for o in parsed["observations"] for item in o["relevant-evidence"]}
    assert evidence <= resources
    (tool,) = document["metadata"]["parties"]
    actors = {
        a["actor-uuid"] for o in parsed["observations"] for g in o["origins"] for a in g["actors"]
    }
    assert actors == {tool["uuid"]}


@pytest.mark.parametrize(
    ("statuses", "state", "reason"),
    [
        ([Status.PASS], "satisfied", "pass"),
        ([Status.PASS, Status.ATTESTED, Status.NOT_APPLICABLE], "satisfied", "pass"),
        ([Status.ATTESTED], "satisfied", "pass"),
        ([Status.PASS, Status.FAIL], "not-satisfied", "fail"),
        ([Status.PASS, Status.WAIVED], "not-satisfied", "fail"),
        ([Status.PASS, Status.UNKNOWN], "not-satisfied", "other"),
        ([Status.PASS, Status.NEEDS_DECISION], "not-satisfied", "other"),
        ([Status.ATTESTATION_EXPIRED], "not-satisfied", "other"),
        ([Status.FAIL, Status.UNKNOWN], "not-satisfied", "fail"),
    ],
)
def test_a_control_is_satisfied_only_where_all_was_seen_and_right(
    statuses: list[Status], state: str, reason: str
) -> None:
    verdicts = [worlds.deviation(status=status, setting=f"s.{status}") for status in statuses]
    (finding,) = result(run_with(*verdicts))["findings"]
    properties = finding["target"]["status"]
    assert (properties["state"], properties["reason"]) == (state, reason)


def test_what_applies_nowhere_is_observed_and_has_no_finding() -> None:
    parsed = result(run_with(worlds.deviation(status=Status.NOT_APPLICABLE)))
    assert "findings" not in parsed
    assert [facts(item)["status"] for item in parsed["observations"]] == ["not_applicable"]


def test_without_stored_passes_no_control_is_satisfied() -> None:
    parsed = result(worlds.clean())
    assert not {"observations", "risks", "findings"} & set(parsed)
    assert facts(parsed)["checks-pass"] == "180"


def test_all_assessed_controls_are_reviewed_ones() -> None:
    (selection,) = result(golden())["reviewed-controls"]["control-selections"]
    assert [item["control-id"] for item in selection["include-controls"]] == sorted(worlds.CONTROLS)


def test_a_deviation_is_an_open_risk_with_its_remedies() -> None:
    (risk,) = result(run_with(worlds.deviation("CN-05")))["risks"]
    assert risk["status"] == "open"
    assert risk["statement"] == "Consent that nobody was asked for is none."
    assert [item["title"] for item in risk["remediations"]] == [
        "How to fix it in the admin centre",
        "How to fix it by API",
    ]
    ((facet,),) = [item["facets"] for item in risk["characterizations"]]
    assert facet["value"] == "critical"
    assert "mitigating-factors" not in risk


def test_a_waiver_is_an_approved_deviation_that_says_by_whom() -> None:
    (risk,) = [r for r in result(golden())["risks"] if r["status"] == "deviation-approved"]
    (factor,) = risk["mitigating-factors"]
    assert factor["description"].startswith("Accepted by ciso@example.com until 2027-01-31, SEC-12")
    bare = result(run_with(worlds.deviation(status=Status.WAIVED)))["risks"][0]
    assert bare["mitigating-factors"][0]["description"] == "Waived."


def test_an_unknown_is_an_observation_and_no_risk() -> None:
    parsed = result(run_with(worlds.unknown(Cause.DENIED)))
    assert "risks" not in parsed
    (observation,) = parsed["observations"]
    assert facts(observation)["cause"] == "denied"
    assert "no answer, refused by Zoom" in observation["description"]


def test_an_observation_names_some_subjects_and_counts_all() -> None:
    users = [worlds.judged(worlds.user(at), [worlds.deviation()]) for at in range(250)]
    (observation,) = result(worlds.run_of(users))["observations"]
    assert len(observation["subjects"]) == 100
    assert facts(observation)["count"] == "250"
    assert observation["subjects"][0]["type"] == "zoom-user"
    assert facts(observation["subjects"][0])["id"] == "u00000"
    assert observation["collected"] == worlds.SEEN_AT


def test_a_scope_is_the_same_subject_in_every_observation() -> None:
    parsed = result(run_with(worlds.deviation(), worlds.deviation("RC-02")))["observations"]
    subjects = {item["subject-uuid"] for o in parsed for item in o["subjects"]}
    assert len(parsed) == 2
    assert len(subjects) == 1


def test_more_levels_than_names_leave_an_observation_without_subjects() -> None:
    one = worlds.deviation()
    groups = [worlds.judged(worlds.group(at), [one]) for at in range(100)]
    run = worlds.run_of([*groups, worlds.judged(worlds.user(1), [one])])
    parsed = {facts(o)["level"]: o for o in result(run)["observations"]}
    assert "subjects" not in parsed["user"]
    assert facts(parsed["user"])["count"] == "1"
    validated(oscal(run))


def test_what_has_no_time_was_collected_by_the_end_of_the_run() -> None:
    run = run_with(worlds.deviation())
    ((assessment, _),) = run.assessments.in_order()
    bare = replace(run, assessments=type(run.assessments).of([replace(assessment, observed_at={})]))
    assert result(bare)["observations"][0]["collected"] == format_rfc3339(run.info.finished_at)


def test_identifiers_are_those_of_the_run() -> None:
    run = golden()
    other = replace(run, info=replace(run.info, id="another"))
    first, again, second = (json.dumps(oscal(source)) for source in (run, golden(), other))
    assert first == again
    ids = [{item["uuid"] for item in result(source)["observations"]} for source in (run, other)]
    assert not ids[0] & ids[1]
    assert first != second


def test_ids_of_controls_that_are_no_tokens_are_made_into_some() -> None:
    info = replace(worlds.CONTROLS["AI-01"], id="1 ä/x", family="")
    run = run_with(worlds.deviation(control="AI-01"), controls={"1 ä/x": info})
    parsed = oscal(run)
    (selection,) = parsed["assessment-results"]["results"][0]["reviewed-controls"][
        "control-selections"
    ]
    assert selection["include-controls"] == [{"control-id": "_1___x"}]
    validated(parsed)


def test_a_control_without_facts_goes_by_its_id() -> None:
    run = run_with(worlds.deviation(), controls={"RC-02": worlds.CONTROLS["RC-02"]})
    assert result(run)["risks"][0]["title"] == "AI-01"
    validated(oscal(run))


def test_an_attestation_names_no_request() -> None:
    due = worlds.deviation(
        kind=FindingKind.ATTESTATION,
        status=Status.ATTESTATION_EXPIRED,
        setting="",
        source="",
        detail="",
    )
    (observation,) = result(run_with(due))["observations"]
    assert observation["relevant-evidence"][0]["description"].startswith("no request: ")


@every_case("words", worlds.HOSTILE)
def test_hostile_words_stay_text_in_a_valid_report(words: str) -> None:
    verdict = worlds.deviation(observed=words, detail=words, source=words, setting=words)
    run = run_with(verdict, scope=replace(worlds.user(1, words), id=words or "x"))
    info = replace(worlds.CONTROLS["AI-01"], title=words, why=words, family=words)
    run = replace(run, controls={"AI-01": info}, info=replace(run.info, account_id=words))
    document = oscal(run)
    validated(document)
    text = json.dumps(document, ensure_ascii=False)
    assert not set(text) & set("\x00\x1b\x9b\u202e\u2028\ud83d")
    (observation,) = document["assessment-results"]["results"][0]["observations"]
    assert "<script>" not in observation["description"].replace("\\<script\\>", "")


def test_many_users_are_as_many_observations_as_one(render: Render) -> None:
    few, many = (render(worlds.large(users), "oscal") for users in (20, 5_000))
    count = '"collected"'
    assert many.count(count) == few.count(count)
    assert len(many) < 400_000


@pytest.mark.parametrize("severity", list(Severity))
def test_the_severity_of_a_finding_is_that_of_its_worst_deviation(severity: Severity) -> None:
    (finding,) = result(run_with(worlds.deviation(severity=severity)))["findings"]
    assert facts(finding)["severity"] == severity


def test_levels_are_observed_apart() -> None:
    run = worlds.run_of(
        [
            worlds.judged(worlds.account(), [worlds.deviation(level=Level.ACCOUNT)]),
            worlds.judged(worlds.user(1), [worlds.deviation()]),
        ]
    )
    assert [facts(o)["level"] for o in result(run)["observations"]] == ["account", "user"]

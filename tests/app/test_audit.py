"""One audit: the same evidence, judged with what was written down, gives the same run again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from auditor.app.audit import AccountConnection, EvaluationConfig, NothingSelected, collect, judge
from auditor.errors import ExitCode
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.evidence.timestamps import parse_rfc3339
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.model import Severity, Status
from auditor.findings.run import Run
from auditor.policy.catalogue.errors import PolicyError
from auditor.sandbox import Conduct, Sandbox, World, serve
from auditor.zoom.auth import Credentials
from auditor.zoom.client import connect
from auditor.zoom.hosts import Cloud
from auditor.zoom.limits import RateLimiter, RatePlan
from tests.app.stored import finished, judgement, organisation
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    TODAY,
    Bodies,
    attestation_entry,
    nested,
    override_entry,
    snapshot_of,
    waiver_entry,
)
from tests.report import worlds

LOCKED = {LOCKS: nested("recording.local_recording", True)}
ON = {SETTINGS: nested("recording.local_recording", True), **LOCKED}


def rendered(run: Run) -> bytes:
    return worlds.report_of(run, "json")


DECIDED = organisation(
    parameters={"allowed_regions": ["US"]},
    overrides=[override_entry({"AI-02": {"severity": "low"}}, group="Cl*")],
    waivers=[waiver_entry("RC-02", scope={"level": "account"})],
    attestations=[attestation_entry("TR-01"), attestation_entry("AI-01")],
)
JUDGEMENTS = [
    judgement(),
    judgement("RC-02", fail_on=Severity.HIGH, strict=True),
    judgement(organisation=DECIDED, depth=Level.USER, allow_unknown=True),
    judgement(name="cis-zoom-1.0", today=date(2030, 1, 1), organisation=DECIDED),
    replace(judgement("RC-02"), selected=None),
]


@pytest.mark.parametrize("one", JUDGEMENTS, ids=range(len(JUDGEMENTS)))
def test_what_a_run_was_judged_with_judges_the_same_bytes_again(one: EvaluationConfig) -> None:
    snapshot = finished(snapshot_of((ACCOUNT, ON)), one)
    again = EvaluationConfig.from_snapshot(snapshot, CATALOGUE)
    assert again == one
    assert rendered(judge(snapshot, again)) == rendered(judge(snapshot, one))


def test_a_waiver_that_held_on_the_day_of_the_run_holds_whenever_it_is_judged_again() -> None:
    one = judgement(
        organisation=organisation(waivers=[waiver_entry("RC-02", expires="2026-11-21")])
    )
    assert EvaluationConfig.from_snapshot(finished(snapshot_of(), one), CATALOGUE).today == TODAY


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "null",
        "[]",
        "{}",
        '{"policy": "{}"}',
        lambda stored: {**stored, "today": "yesterday"},
        lambda stored: {**stored, "depth": "cellar"},
        lambda stored: {**stored, "fail_on": "bad"},
        lambda stored: {**stored, "selected": 3},
        lambda stored: {key: value for key, value in stored.items() if key != "strict"},
        lambda stored: {**stored, "policy": None},
    ],
)
def test_a_damaged_record_is_refused_in_a_sentence(
    text: str | Callable[[dict[str, Any]], dict[str, Any]] | None,
) -> None:
    one = judgement("RC-02")
    snapshot = finished(snapshot_of(), one)
    if callable(text):
        snapshot.set_metadata("judgement", json.dumps(text(json.loads(one.record()))))
    elif text is not None:
        snapshot.set_metadata("judgement", text)
    else:
        snapshot = snapshot_of()
    with pytest.raises(PolicyError, match="Name a baseline with --baseline"):
        EvaluationConfig.from_snapshot(snapshot, CATALOGUE)


def test_a_run_carries_its_facts() -> None:
    run = judge(finished(snapshot_of((ACCOUNT, ON)), judgement("RC-02")), judgement("RC-02"))
    assert (run.info.id, run.info.account_id) == ("20261121T220000Z-aaaaaa", "acc")
    assert run.info.depth is Level.ACCOUNT
    assert run.info.baseline.id == "strict"
    assert run.info.evidence_digest.startswith("sha256:")
    assert run.info.fail_on == "never"
    assert run.api.requests == 7
    assert list(run.controls) == ["RC-02"]


@pytest.mark.parametrize(
    ("body", "fields", "code"),
    [
        (ON, {}, ExitCode.OK),
        (ON, {"fail_on": Severity.LOW}, ExitCode.DEVIATIONS),
        (ON, {"fail_on": Severity.CRITICAL}, ExitCode.OK),
        ({SETTINGS: Cause.DENIED, **LOCKED}, {}, ExitCode.INCOMPLETE),
        ({SETTINGS: Cause.DENIED, **LOCKED}, {"allow_unknown": True}, ExitCode.OK),
        ({SETTINGS: {}, **LOCKED}, {}, ExitCode.OK),
        ({SETTINGS: {}, **LOCKED}, {"fail_on": Severity.LOW}, ExitCode.INCOMPLETE),
    ],
)
def test_a_run_ends_with_the_exit_code_of_the_contract(
    body: Bodies, fields: dict[str, Any], code: ExitCode
) -> None:
    one = judgement("RC-02", **fields)
    assert judge(finished(snapshot_of((ACCOUNT, body)), one), one).info.exit_code == code


def test_a_waived_run_is_green_until_the_waiver_has_expired() -> None:
    decided = organisation(waivers=[waiver_entry("RC-02", scope={"level": "account"})])
    for today, code in ((TODAY, ExitCode.OK), (date(2027, 2, 1), ExitCode.DEVIATIONS)):
        one = judgement("RC-02", organisation=decided, fail_on=Severity.CRITICAL, today=today)
        run = judge(finished(snapshot_of((ACCOUNT, ON)), one), one)
        assert run.info.exit_code == code
        assert [each.control for each in run.waivers] == ["RC-02"]


def test_a_judgement_is_made_today_unless_it_is_said_otherwise() -> None:
    before = datetime.now(UTC).date()
    assert (
        before
        <= EvaluationConfig(CATALOGUE, judgement().baseline).today
        <= datetime.now(UTC).date()
    )


def test_a_control_that_only_an_override_asks_about_is_judged_with_its_title() -> None:
    decided = organisation(
        overrides=[override_entry({"RC-02": {"expect": False}}, level="account")]
    )
    one = judgement("RC-02", name="consent-first", organisation=decided)
    one = replace(one, baseline=one.baseline.only(frozenset()))
    run = judge(finished(snapshot_of((ACCOUNT, ON)), one), one)
    (finding,) = [each for each in run.findings() if each.verdict.control == "RC-02"]
    assert finding.verdict.status is Status.FAIL
    assert finding.verdict.override == "override for level account"
    assert run.controls["RC-02"].title == CATALOGUE.controls["RC-02"].title


def test_a_judgement_of_nothing_is_refused() -> None:
    nothing = replace(judgement(), baseline=judgement().baseline.only(frozenset()))
    with pytest.raises(NothingSelected, match="auditor baseline show"):
        judge(finished(snapshot_of(), judgement()), nothing)


def test_a_run_that_broke_off_is_not_judged() -> None:
    with pytest.raises(SnapshotError, match="was interrupted"):
        judge(snapshot_of((ACCOUNT, ON)), judgement("RC-02"))


def test_triage_without_known_keys_and_the_other_way_round() -> None:
    assert "known_keys" not in judgement().parameters
    listed = organisation(parameters={"known_keys": ["a.b"]})
    assert judgement(organisation=listed).parameters == {"known_keys": ["a.b"]}


# Collecting


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with serve(World(users=5), conduct=Conduct(plan="none")) as sandbox:
        yield sandbox


def target(account: Sandbox) -> AccountConnection:
    client = connect(
        Credentials(account.account_id, account.client_id, account.client_secret),
        RateLimiter(RatePlan.BUSINESS.limits, max_rate=5000),
        cloud=Cloud(account.api_url, account.oauth_url),
    )
    return AccountConnection(client, account.account_id)


def test_a_collection_leaves_all_that_is_needed_to_judge_it(account: Sandbox) -> None:
    one = judgement("RC-02", depth=Level.USER)
    snapshot = Snapshot.create()
    aim = target(account)
    with aim.client:
        collect(aim, snapshot, one, "20261121T220000Z-bbbbbb")
    assert EvaluationConfig.from_snapshot(snapshot, CATALOGUE) == one
    run = judge(snapshot, one)
    assert run.info.id == "20261121T220000Z-bbbbbb"
    assert run.info.account_id == account.account_id
    assert run.info.api_url == account.api_url
    assert run.info.started_at <= run.info.finished_at
    assert run.api.requests > 7
    assert run.summary.coverage[Level.USER] == 5


def test_what_only_an_override_needs_is_read(account: Sandbox) -> None:
    decided = organisation(overrides=[override_entry({"RC-02": {"expect": False}}, level="user")])
    one = judgement("RC-02", depth=Level.USER, organisation=decided)
    one = replace(one, baseline=one.baseline.only(frozenset()))
    snapshot = Snapshot.create()
    aim = target(account)
    with aim.client:
        collect(aim, snapshot, one, "run")
    evidence = list(snapshot.evidence(Level.USER))
    assert len(evidence) == 5
    assert all(SETTINGS in each.outcomes for each in evidence)


def test_nothing_is_read_for_nothing(account: Sandbox) -> None:
    nothing = replace(judgement(), baseline=judgement().baseline.only(frozenset()))
    snapshot, aim = Snapshot.create(), target(account)
    with aim.client, pytest.raises(NothingSelected):
        collect(aim, snapshot, nothing, "run")
    assert snapshot.meta("run_id") is None


def test_a_run_names_the_digest_of_what_the_organisation_decided() -> None:
    def digest(**decided: Any) -> str | None:
        one = judgement(organisation=organisation(**decided))
        return judge(finished(snapshot_of((ACCOUNT, ON)), one), one).info.organisation_digest

    assert digest() == digest(baseline="strict") == ""
    assert (digest(parameters={"allowed_regions": ["US"]}) or "").startswith("sha256:")
    assert digest(parameters={"allowed_regions": ["US"]}) != digest(
        parameters={"allowed_regions": ["CA"]}
    )


def test_a_run_is_as_old_as_its_oldest_document() -> None:
    snapshot = snapshot_of((ACCOUNT, ON))
    run = judge(finished(snapshot, judgement()), judgement())
    times = [each.observed_at for each in snapshot.account().outcomes.values()]
    assert run.info.oldest_evidence_at == parse_rfc3339(min(times))
    assert Snapshot.create().oldest() is None


@pytest.mark.parametrize(
    ("url", "mark", "simulated"),
    [
        ("https://api.zoom.us/v2", "", False),
        ("https://api.zoom.us/v2", "yes", True),
        ("http://127.0.0.1:8000/v2", "", True),
        ("http://localhost/v2", "", True),
    ],
)
def test_evidence_that_is_not_from_zoom_is_marked(url: str, mark: str, simulated: bool) -> None:
    snapshot = finished(snapshot_of((ACCOUNT, ON)), judgement())
    snapshot.set_metadata("api_url", url)
    snapshot.set_metadata("simulated", mark)
    assert judge(snapshot, judgement()).info.simulated is simulated

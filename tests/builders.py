"""Builders of what most tests need: scopes, documents, snapshots, policies, evaluations and runs.

Every builder has a default for whatever a test does not care about. A snapshot is in memory.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeAlias, cast

from hypothesis import HealthCheck, settings

from auditor.evidence.read_plan import PHONE, TOKEN
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import parse_rfc3339
from auditor.evidence.view import LOCKS, SETTINGS, Document, Outcome, ReadFailure, View
from auditor.findings.drift import RunFacts
from auditor.findings.model import (
    ApiUsage,
    BaselineInfo,
    ControlInfo,
    Finding,
    FindingKind,
    RunInfo,
    Severity,
    Status,
    Summary,
    Verdict,
    WaiverResult,
)
from auditor.findings.run import Run
from auditor.findings.verdict_store import Assessment, VerdictSet, VerdictStore
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.blind_spots import BlindSpot
from auditor.policy.baseline.overrides import Override, Overrides
from auditor.policy.baseline.waivers import Attestation, Waiver, WaiversAndAttestations
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.catalogue.controls import Catalogue, Check, Control, Family, Fix
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.catalogue.parameters import known_parameters
from auditor.policy.evaluation.evaluate import Evaluation, evaluate

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | float | None
"""JsonValue as tests write it: covariant, so that a literal's own type fits."""
Bodies: TypeAlias = Mapping[View, Json | Cause]
"""View to the document that Zoom returned, or the cause of the failure."""
Parameters: TypeAlias = Mapping[str, Json]
ScopeBodies: TypeAlias = tuple[Scope, Bodies]
Entries: TypeAlias = Sequence[Mapping[str, Any]]
"""Overrides, waivers or attestations as in an organisation file."""

READ_AT = "2026-11-21T20:00:00.000Z"
"""When every document was read."""
TODAY = date(2026, 11, 21)
"""The day of every evaluation."""

FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""Hypothesis settings that draw the same examples on every machine."""


# Scopes

ACCOUNT = Scope(Level.ACCOUNT, "acc", "account")
GROUP = Scope(Level.GROUP, "g1", "Clinical")
USER = Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1",), 2, "active")
SETTING_LEVELS = (Level.ACCOUNT, Level.GROUP, Level.USER)


def user(number: int = 1, *group_ids: str, name: str = "") -> Scope:
    """The active, licensed user `u{number}`."""
    name = name or f"User {number}"
    return Scope(Level.USER, f"u{number}", name, f"u{number}@example.com", group_ids, 2, "active")


def group(number: int, name: str) -> Scope:
    """The group `g{number}`."""
    return Scope(Level.GROUP, f"g{number}", name)


# Documents and snapshots

_REQUEST = {
    Level.ACCOUNT: "GET /accounts/me/",
    Level.GROUP: "GET /groups/{groupId}/",
    Level.USER: "GET /users/{userId}/",
}
LISTED: Bodies = {
    View("groups"): {"listed": 1},
    View("users", "active"): {"listed": 1},
    View("users", "inactive"): {"listed": 0},
}
"""The listings of an account whose groups and users were all listed."""
SINGLE_DOCUMENT_VIEWS = {Level.APP: TOKEN, Level.PHONE_ACCOUNT: PHONE}
"""Level to the view of its only document."""


def nested(path: str, value: Json) -> dict[str, JsonValue]:
    """A document with `value` at a dotted path."""
    body = cast("JsonValue", value)
    for part in reversed(path.split(".")):
        body = {part: body}
    assert isinstance(body, dict)
    return body


def set_at(body: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    """Set `value` at a dotted path of `body`."""
    *parents, leaf = path.split(".")
    for part in parents:
        child = body.setdefault(part, {})
        assert isinstance(child, dict), path
        body = child
    body[leaf] = value


def document(body: Json, source: str = "GET /somewhere", when: str = READ_AT) -> Document:
    """A document that Zoom returned."""
    return Document(cast("JsonValue", body), source, when)


def read_failure(
    cause: Cause, source: str = "GET /somewhere", detail: str = "Zoom said so"
) -> ReadFailure:
    """A document that could not be read."""
    return ReadFailure(Unseen(cause, detail), source, READ_AT)


def outcome(scope: Scope, view: View, body: Json | Cause) -> Outcome:
    """The document of a view, or the failure to read it."""
    source = _REQUEST.get(scope.level, "GET /else/") + str(view)
    return read_failure(body, source) if isinstance(body, Cause) else document(body, source)


def outcomes(bodies: Bodies, scope: Scope = ACCOUNT) -> dict[View, Outcome]:
    """The documents of several views of a scope."""
    return {view: outcome(scope, view, body) for view, body in bodies.items()}


def settings_body(value: Json, path: str = "in_meeting.thing") -> Bodies:
    """The settings document of a scope, with one value."""
    return {SETTINGS: nested(path, value)}


def locks_body(value: Json, path: str = "in_meeting.thing") -> Bodies:
    """The lock document of a scope, with one flag."""
    return {LOCKS: nested(path, value)}


def snapshot_of(*scopes: ScopeBodies, listings: Bodies | None = LISTED) -> Snapshot:
    """A snapshot of scopes with their documents. It always contains the account."""
    snapshot = Snapshot.create()
    snapshot.add_scope(ACCOUNT)
    rows = [*scopes, (ACCOUNT, listings or {})]
    with snapshot.transaction():
        for scope, bodies in rows:
            snapshot.add_scope(scope)
            for view, body in bodies.items():
                snapshot.record(scope, view, outcome(scope, view, body))
    return snapshot


# Controls and baselines

CATALOGUE = files.shipped_catalogue()
EXAMPLES: Mapping[str, JsonValue] = {
    name: parameter.example for name, parameter in known_parameters().items()
}
"""A value for every parameter."""
_DERIVED_EXPECTATIONS = {
    "CC-01": Expectation(op="eq", value=True),
    "CC-02": Expectation(op="no_looser"),
    "CC-07": Expectation(op="empty_or_triaged", param="known_keys"),
}


def parameters_of(parameters: Parameters | None) -> Mapping[str, JsonValue]:
    """The parameters of an organisation file."""
    return cast("Mapping[str, JsonValue]", parameters or {})


def check(setting: str = "in_meeting.thing", **fields: Any) -> Check:
    """A check of a boolean at account, group and user, lockable at account and group."""
    fields = {
        "type": ("boolean",),
        "levels": SETTING_LEVELS,
        "lock": setting,
        "lock_levels": (Level.ACCOUNT, Level.GROUP),
        **fields,
    }
    return Check(setting=setting, **fields)


def control(*checks: Check, **fields: Any) -> Control:
    """The control AI-01 with these checks."""
    fields = {"id": "AI-01", "severity": Severity.HIGH, "observed_by": "api", **fields}
    fields = {"title": "A title", "why": "A reason.", "fix": Fix(portal="There"), **fields}
    return Control(checks=checks, **fields)


def catalogue_of(*controls: Control) -> Catalogue:
    """A catalogue of one family."""
    return Catalogue((Family(family="AI", name="AI", topic="ai", controls=controls),))


def expected_control(
    *checks: Check, op: Any = False, lock: bool = False, **fields: Any
) -> ControlExpectation:
    """A control of `checks`, each expected to be as `op` says: a value, or an operator."""
    expectation = Expectation(**op) if isinstance(op, dict) else Expectation(op="eq", value=op)
    made = control(*checks, **fields)
    return ControlExpectation(
        made, made.severity, lock, {each.setting: expectation for each in checks}
    )


def expected_attestation(control: Control, answer: str = "yes") -> ControlExpectation:
    """A control that only a person can answer, with the answer a baseline expects."""
    return ControlExpectation(control, control.severity, lock=False, expectations={}, attest=answer)


def expected_derived(
    control_id: str, *settings_: str, severity: Severity | None = None
) -> ControlExpectation:
    """A shipped derived control with its shipped expectations."""
    shipped = CATALOGUE.controls[control_id]
    names = settings_ or [each.setting for each in shipped.checks]
    expected = dict.fromkeys(names, _DERIVED_EXPECTATIONS[control_id])
    return ControlExpectation(shipped, severity or shipped.severity, False, expected)


def baseline_of(*expected: ControlExpectation, parameters: Parameters | None = None) -> Baseline:
    """The baseline `test` with these controls."""
    info = BaselineInfo("test", "1", "sha256:0")
    by_id = {each.control.id: each for each in sorted(expected, key=lambda each: each.control.id)}
    return Baseline(info, "", "", parameters_of(parameters), by_id)


def yaml_of(text: str) -> yaml_source.Source:
    """A parsed policy file."""
    return yaml_source.parse(text.encode(), "file.yaml")


# Overrides, waivers and attestations, as in an organisation file


def override_entry(controls: Any = False, **match: Any) -> dict[str, Any]:
    """An override of AI-01 to a value, or of several controls, for the scopes that match."""
    if not isinstance(controls, dict):
        controls = {"AI-01": {"expect": controls}}
    return {"match": match, "controls": controls}


def waiver_entry(control: str = "AI-01", **fields: Any) -> dict[str, Any]:
    """A waiver for the group Clinical, in force."""
    fields = {
        "scope": {"group": "Clinical"},
        "reason": "The studio needs it.",
        "owner": "ciso@example.com",
        "ticket": "SEC-12",
        "expires": "2027-01-31",
        **fields,
    }
    return {"control": control, **fields}


def attestation_entry(control: str = "AI-01", **fields: Any) -> dict[str, Any]:
    """An attestation, in force."""
    fields = {
        "statement": "It is off.",
        "evidence": "DPO-2026-31",
        "by": "dpo@example.com",
        "on": "2026-11-02",
        "expires": "2027-05-02",
        **fields,
    }
    return {"control": control, **fields}


def blind_spot_entry(**fields: Any) -> dict[str, Any]:
    """An entry of `blind_spots`: AI-01 at the account, which was denied."""
    named = {"control": "AI-01"} if not fields.keys() & {"control", "request", "setting"} else {}
    return {
        **named,
        "cause": "denied",
        "reason": "The works agreement forbids it.",
        "owner": "dpo@example.com",
        "ticket": "DPO-7",
        "expires": "2027-05-31",
        **fields,
    }


def overrides_of(
    expected: Baseline,
    *entries: Mapping[str, Any],
    catalogue: Catalogue | None = None,
    selected: frozenset[str] | None = None,
) -> Overrides:
    """Overrides of a baseline; the catalogue is that of its controls unless given."""
    known = catalogue or _catalogue_of(expected)
    return Overrides(expected, known, [Override.model_validate(each) for each in entries], selected)


def _catalogue_of(expected: Baseline) -> Catalogue:
    return catalogue_of(*(each.control for each in expected.assessed.values()))


# Evaluations


def evaluated(
    snapshot: Snapshot,
    expected: Baseline,
    parameters: Parameters | None = None,
    depth: Level = Level.USER,
    catalogue: Catalogue = CATALOGUE,
) -> Evaluation:
    """The evaluation of `snapshot` without an organisation's decisions, passes included."""
    return evaluate(
        snapshot, catalogue, expected, parameters_of(parameters), depth, keep_passes=True
    )


def evaluated_with(
    snapshot: Snapshot,
    expected: Baseline,
    *,
    overrides: Entries = (),
    waivers: Entries = (),
    attestations: Entries = (),
    blind_spots: Entries = (),
    catalogue: Catalogue | None = None,
    selected: frozenset[str] | None = None,
    parameters: Parameters | None = None,
    depth: Level = Level.USER,
    today: date = TODAY,
    keep_passes: bool = True,
) -> Evaluation:
    """The evaluation of `snapshot` on `today` with an organisation's decisions.

    The catalogue is that of the baseline's controls unless given.
    """
    known = catalogue or _catalogue_of(expected)
    return evaluate(
        snapshot,
        known,
        expected,
        parameters_of(parameters),
        depth,
        keep_passes,
        overrides_of(expected, *overrides, catalogue=known, selected=selected),
        WaiversAndAttestations(
            [Waiver.model_validate(each) for each in waivers],
            [Attestation.model_validate(each) for each in attestations],
            today,
            [BlindSpot.model_validate(each) for each in blind_spots],
        ),
    )


def scope_verdicts(evaluation: Evaluation) -> list[tuple[Scope, Verdict]]:
    """Every verdict of an evaluation with its scope."""
    return [(each.scope, verdict) for each in evaluation.assessments for verdict in each.verdicts]


def statuses(evaluation: Evaluation, kind: str = "value") -> dict[str, Status]:
    """Scope id to the status of its only verdict of a kind."""
    found = [(scope.id, v.status) for scope, v in scope_verdicts(evaluation) if v.kind == kind]
    assert len(dict(found)) == len(found), found
    return dict(found)


def control_verdicts(evaluation: Evaluation, control: str = "AI-01") -> dict[str, Verdict]:
    """Scope id to the verdict on the value of a control."""
    return {
        scope.id: verdict
        for scope, verdict in scope_verdicts(evaluation)
        if verdict.control == control and verdict.kind is FindingKind.VALUE
    }


def control_statuses(evaluation: Evaluation, control: str = "AI-01") -> dict[str, Status]:
    """Scope id to the status of the value of a control."""
    return {scope: each.status for scope, each in control_verdicts(evaluation, control).items()}


def only_verdict(evaluation: Evaluation, kind: str, scope_id: str = "acc") -> Verdict:
    """The only verdict of a kind at a scope."""
    (verdict,) = [
        v for scope, v in scope_verdicts(evaluation) if v.kind == kind and scope.id == scope_id
    ]
    return verdict


def waiver_states(evaluation: Evaluation) -> list[str]:
    """The states of the waivers, in the order of the file."""
    return [each.state for each in evaluation.waivers]


def only_waiver(evaluation: Evaluation) -> WaiverResult:
    """The result of the only waiver."""
    (only,) = evaluation.waivers
    return only


# Verdicts and runs


def verdict(
    status: Status = Status.FAIL, control: str = "AI-01", setting: str = "a.b", **fields: Any
) -> Verdict:
    """A verdict on the value of a setting. An unknown is for want of the scope."""
    if status is Status.UNKNOWN:
        fields = {"cause": Cause.DENIED, **fields}
    fields = {"kind": FindingKind.VALUE, "severity": Severity.HIGH, **fields}
    return Verdict(control=control, status=status, setting=setting, **fields)


def assessment(scope: Scope, *verdicts: Verdict, read_at: str = READ_AT) -> Assessment:
    """The verdicts of a scope, with the time at which each of their documents was read."""
    times = {each.source: read_at for each in verdicts if each.source}
    return Assessment(scope, VerdictSet.of(verdicts), times)


def control_info(control_id: str = "AI-01", **fields: Any) -> ControlInfo:
    """The description of a control."""
    fields = {"title": "A title", "family": "AI", "severity": Severity.HIGH, **fields}
    return ControlInfo(control_id, **fields)


def run_info(**fields: Any) -> RunInfo:
    """The facts of a complete run of the account `acc` with the baseline strict.

    Times may be text, as RFC 3339.
    """
    return RunInfo(**_run_fields(fields))


def run_facts(**fields: Any) -> RunFacts:
    """What the history records of a complete run; see `run_info`."""
    return RunFacts(**{"tool_version": "1.0", **_run_fields(fields)})


def _run_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    fields = {
        "id": "20261121T200000Z-0001",
        "account_id": ACCOUNT.id,
        "api_url": "https://api.zoom.us/v2",
        "started_at": parse_rfc3339(READ_AT),
        "finished_at": parse_rfc3339(READ_AT),
        "depth": "user",
        "baseline": BaselineInfo("strict", "1.0", "sha256:0"),
        "evidence_digest": "sha256:1",
        "complete": True,
        "exit_code": 0,
        **fields,
    }
    times = ("started_at", "finished_at", "oldest_evidence_at")
    texts = {key: fields[key] for key in times if isinstance(fields.get(key), str)}
    return fields | {key: parse_rfc3339(text) for key, text in texts.items()}


def summary_of(assessments: Iterable[Assessment], **fields: Any) -> Summary:
    """The counts over some assessments; `coverage` counts their scopes."""
    assessments = list(assessments)
    rows = [(each.scope, verdict) for each in assessments for verdict in each.verdicts]
    deviations = [(scope, v) for scope, v in rows if v.status is Status.FAIL]
    scopes = {(each.scope.level, each.scope.id) for each in assessments}
    counted = Summary(
        by_status=Counter(v.status for _, v in rows),
        by_severity=Counter(v.severity for _, v in deviations),
        by_level=Counter(scope.level for scope, _ in deviations),
        coverage=Counter(level for level, _ in scopes),
        undecided=sum(v.is_undecided for _, v in rows),
    )
    return replace(counted, **fields)


def run_of(*assessments: Assessment, info: RunInfo | None = None, **fields: Any) -> Run:
    """A finished run; its summary is counted from its assessments."""
    fields = {
        "summary": summary_of(assessments),
        "api": ApiUsage(),
        "errors": (),
        "controls": {},
        "assessments": VerdictStore.of(assessments),
        **fields,
    }
    return Run(info=info or run_info(), **fields)


def locations(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    """Control, scope id and setting of each finding."""
    return [(f.verdict.control, f.scope.id, f.verdict.setting) for f in findings]

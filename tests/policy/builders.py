"""Builders for small worlds: checks, documents, and snapshots in memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from hypothesis import HealthCheck, settings

from auditor.evidence.read_plan import PHONE, TOKEN
from auditor.evidence.reading import Cause, JsonValue, Unseen
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, Document, Outcome, ReadFailure, View
from auditor.findings.model import BaselineInfo, Finding, Severity, Status, Verdict
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.catalogue.controls import Catalogue, Check, Control, Fix
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.catalogue.parameters import known_parameters
from auditor.policy.evaluation.evaluate import Evaluation, evaluate

AT = "2026-11-21T20:00:00.000Z"
CATALOGUE = files.shipped_catalogue()
ACCOUNT = Scope(Level.ACCOUNT, "acc", "account")
GROUP = Scope(Level.GROUP, "g1", "Clinical")
USER = Scope(Level.USER, "u1", "Ada", "ada@example.com", ("g1",), 2, "active")
ALL = (Level.ACCOUNT, Level.GROUP, Level.USER)
SOURCE = {
    Level.ACCOUNT: "GET /accounts/me/",
    Level.GROUP: "GET /groups/{groupId}/",
    Level.USER: "GET /users/{userId}/",
}
FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""The same examples on every machine."""

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | float | None
"""JsonValue as tests write it: covariant, so that a literal's own type fits."""
Bodies: TypeAlias = Mapping[View, Json | Cause]
"""View to the document that Zoom returned, or the cause of the failure."""
Parameters: TypeAlias = Mapping[str, Json]
ScopeBodies: TypeAlias = tuple[Scope, Bodies]

LISTED: Bodies = {
    View("groups"): {"listed": 1},
    View("users", "active"): {"listed": 1},
    View("users", "inactive"): {"listed": 0},
}


def check(setting: str = "in_meeting.thing", **fields: Any) -> Check:
    """A check of a boolean at account, group and user, lockable at account and group."""
    fields = {
        "type": ("boolean",),
        "levels": ALL,
        "lock": setting,
        "lock_levels": (Level.ACCOUNT, Level.GROUP),
        **fields,
    }
    return Check(setting=setting, **fields)


def control(*checks: Check, **fields: Any) -> Control:
    fields = {"id": "AI-01", "severity": Severity.HIGH, "observed_by": "api", **fields}
    fields = {"title": "A title", "why": "A reason.", "fix": Fix(portal="There"), **fields}
    return Control(checks=checks, **fields)


def assessed(
    *checks: Check, op: Any = False, lock: bool = False, **fields: Any
) -> ControlExpectation:
    """A control of `checks`, each expected to be as `op` says: a value, or an operator."""
    wish = Expectation(**op) if isinstance(op, dict) else Expectation(op="eq", value=op)
    made = control(*checks, **fields)
    return ControlExpectation(made, made.severity, lock, {each.setting: wish for each in checks})


def parameters_of(parameters: Parameters | None) -> Mapping[str, JsonValue]:
    return cast("Mapping[str, JsonValue]", parameters or {})


def baseline(*each: ControlExpectation, parameters: Parameters | None = None) -> Baseline:
    info = BaselineInfo("test", "1", "sha256:0")
    by_id = {one.control.id: one for one in sorted(each, key=lambda one: one.control.id)}
    return Baseline(info, "", "", parameters_of(parameters), by_id)


def derived(
    control_id: str, *settings_: str, severity: Severity | None = None
) -> ControlExpectation:
    """A shipped derived control with its shipped expectations."""
    shipped = CATALOGUE.controls[control_id]
    wishes = {
        "CC-01": Expectation(op="eq", value=True),
        "CC-02": Expectation(op="no_looser"),
        "CC-07": Expectation(op="empty_or_triaged", param="known_keys"),
    }
    names = settings_ or [each.setting for each in shipped.checks]
    expected = dict.fromkeys(names, wishes[control_id])
    return ControlExpectation(shipped, severity or shipped.severity, False, expected)


def at(path: str, value: Json) -> dict[str, JsonValue]:
    """A document with `value` at a dotted path."""
    body = cast("JsonValue", value)
    for part in reversed(path.split(".")):
        body = {part: body}
    assert isinstance(body, dict)
    return body


def put(body: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    """Set `value` at a dotted path of `body`."""
    *parents, leaf = path.split(".")
    for part in parents:
        child = body.setdefault(part, {})
        assert isinstance(child, dict), path
        body = child
    body[leaf] = value


def document(body: Json, source: str = "GET /somewhere", when: str = AT) -> Document:
    return Document(cast("JsonValue", body), source, when)


def refusal(
    cause: Cause, source: str = "GET /somewhere", detail: str = "Zoom said so"
) -> ReadFailure:
    return ReadFailure(Unseen(cause, detail), source, AT)


def outcome(scope: Scope, view: View, body: Json | Cause) -> Outcome:
    source = SOURCE.get(scope.level, "GET /else/") + str(view)
    return refusal(body, source) if isinstance(body, Cause) else document(body, source)


def outcomes(bodies: Bodies, scope: Scope = ACCOUNT) -> dict[View, Outcome]:
    return {view: outcome(scope, view, body) for view, body in bodies.items()}


def world(*scopes: ScopeBodies, listings: Bodies | None = LISTED) -> Snapshot:
    """A snapshot in memory. It always contains the account."""
    snapshot = Snapshot.create()
    snapshot.add_scope(ACCOUNT)
    rows = [*scopes, (ACCOUNT, listings or {})]
    with snapshot.transaction():
        for scope, bodies in rows:
            snapshot.add_scope(scope)
            for view, body in bodies.items():
                snapshot.record(scope, view, outcome(scope, view, body))
    return snapshot


def settings_of(value: Json, path: str = "in_meeting.thing") -> Bodies:
    return {SETTINGS: at(path, value)}


def locks_of(value: Json, path: str = "in_meeting.thing") -> Bodies:
    return {LOCKS: at(path, value)}


def judged(
    snapshot: Snapshot,
    expectation: Baseline,
    parameters: Parameters | None = None,
    depth: Level = Level.USER,
    catalogue: Catalogue = CATALOGUE,
) -> Evaluation:
    return evaluate(
        snapshot, catalogue, expectation, parameters_of(parameters), depth, keep_passes=True
    )


def rows(evaluation: Evaluation) -> list[tuple[Scope, Verdict]]:
    return [(each.scope, verdict) for each in evaluation.assessments for verdict in each.verdicts]


def statuses(evaluation: Evaluation, kind: str = "value") -> dict[str, Status]:
    """Scope id to the status of its only verdict of a kind."""
    found = [(scope.id, v.status) for scope, v in rows(evaluation) if v.kind == kind]
    assert len(dict(found)) == len(found), found
    return dict(found)


def only(evaluation: Evaluation, kind: str, scope_id: str = "acc") -> Verdict:
    (found,) = [v for s, v in rows(evaluation) if v.kind == kind and s.id == scope_id]
    return found


def where(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    return [(f.verdict.control, f.scope.id, f.verdict.setting) for f in findings]


def yaml(text: str) -> yaml_source.Source:
    return yaml_source.parse(text.encode(), "file.yaml")


EXAMPLES: Mapping[str, JsonValue] = {
    name: parameter.example for name, parameter in known_parameters().items()
}
"""A value for every parameter."""

ONCE = {Level.APP: TOKEN, Level.PHONE_ACCOUNT: PHONE}

"""No evidence, no pass: whatever Zoom returns instead of a setting, no check passes.

Every check of every shipped baseline at every level it names, whether this version reads it there
or not.
"""

import random
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.read_plan import LISTINGS
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS, Outcome, View
from auditor.findings.model import FindingKind, Status
from auditor.policy.catalogue.controls import LOCKED_SURFACES
from auditor.policy.catalogue.outcome import Context
from auditor.policy.judging import judge
from auditor.policy.judging.judge import CheckContext
from auditor.policy.judging.reads import ACCOUNT_VIEWS
from auditor.policy.reading.locks import STRING_FLAGS, LockDocuments
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    FIXED,
    GROUP,
    LISTED,
    USER,
    Bodies,
    Json,
    ScopeBodies,
    baseline_of,
    document,
    evaluated,
    expected_derived,
    read_failure,
    scope_verdicts,
    set_at,
    snapshot_of,
)
from tests.names import same_everywhere
from tests.policy.samples import (
    BASELINES,
    EACH_BASELINE,
    PARAMETERS,
    STRICT_FIRST,
    SampleCheck,
    checks_of,
    is_occupied,
)

ANYTHING: list[Any] = [None, True, False, 0, 1, 2.5, "", "false", "off", "none", [], ["off"]]
ANYTHING += [{}, {"enable": "false"}, {"enable": False}, [{}]]
EMPTY: list[Any] = [None, False, 0, "", [], {}, "off"]
JSON_TYPE = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


def checks_at_every_level(name: str) -> Iterator[tuple[SampleCheck, Scope]]:
    for expectation in checks_of(name, BASELINES[name]):
        if expectation.check.surface != "derived":
            for level in expectation.check.levels:
                yield expectation, Scope(level, "x", licence=2)


def verdict(expectation: SampleCheck, scope: Scope, outcomes: dict[View, Outcome]) -> Any:
    context = Context(PARAMETERS)
    case = CheckContext(expectation.assessed, scope, outcomes, LockDocuments(outcomes, {}), context)
    return judge.value(case, expectation.check)


def in_place(expectation: SampleCheck, value: Any) -> dict[View, Outcome]:
    """A document with `value` for the setting, and its condition met."""
    body: dict[str, Any] = {}
    set_at(body, expectation.check.setting, value)
    return {expectation.check.document: document(conditioned(expectation, body))}


def conditioned(expectation: SampleCheck, body: Any) -> Any:
    body = deepcopy(body)
    condition = expectation.check.only_when
    if (
        condition is not None
        and isinstance(body, dict)
        and not is_occupied(body, condition.setting)
    ):
        set_at(body, condition.setting, condition.is_)
    return body


def wrong_values(expectation: SampleCheck) -> Iterator[Any]:
    """Values of a type that is not documented; where none is, null is one."""
    types = expectation.check.type
    for value in ANYTHING:
        if (types and JSON_TYPE.get(type(value)) not in types) or value is None:
            yield value
    if expectation.check.values is not None:
        yield from (["XX", "nothing"], "nothing", 9999)


def absences(setting: str) -> Iterator[Any]:
    """Documents without the setting: cut off at every depth, with every kind of nothing."""
    yield from ([], None, "", 0, [{}])
    parts = setting.split(".")
    for depth in range(len(parts)):
        for nothing in ({"other": True}, *EMPTY):
            if depth == 0 and not isinstance(nothing, dict):
                continue
            body = nothing
            for part in reversed(parts[:depth]):
                body = {part: body}
            yield body


def holds_something(body: Any) -> bool:
    """True where a number, a text, a switch or an item stands at the end of the document."""
    while isinstance(body, dict) and len(body) == 1 and "other" not in body:
        (body,) = body.values()
    return not isinstance(body, dict) and body not in (None, "") and body != []


@EACH_BASELINE
def test_a_value_of_the_wrong_type_or_without_meaning_never_passes(name: str) -> None:
    judged_somewhere = 0
    for expectation, scope in checks_at_every_level(name):
        for value in wrong_values(expectation):
            found = verdict(expectation, scope, in_place(expectation, value))
            if found is None:
                assert expectation.check.legacy_of
                continue
            judged_somewhere += 1
            what = (expectation.name, scope.level, value, found)
            assert found.status is not Status.PASS, what
            if expectation.check.type:
                assert found.status is Status.UNKNOWN, what
                assert found.cause in (Cause.WRONG_TYPE, Cause.UNDOCUMENTED_VALUE), what
    assert judged_somewhere > 500


@EACH_BASELINE
def test_an_absent_setting_is_unknown(name: str) -> None:
    for expectation, scope in checks_at_every_level(name):
        for body in absences(expectation.check.setting):
            outcomes: dict[View, Outcome] = {
                expectation.check.document: document(conditioned(expectation, body))
            }
            found = verdict(expectation, scope, outcomes)
            if found is not None:
                what = (expectation.name, scope.level, body, found)
                assert found.status is Status.UNKNOWN, what
                assert found.cause in (Cause.ABSENT, Cause.WRONG_TYPE), what
                if not holds_something(body):
                    assert found.cause is Cause.ABSENT, what
            else:
                assert expectation.check.legacy_of


@pytest.mark.parametrize("cause", Cause)
@EACH_BASELINE
def test_a_refused_document_is_unknown_unless_the_catalogue_takes_a_missing_licence(
    name: str, cause: Cause
) -> None:
    for expectation, scope in checks_at_every_level(name):
        found = verdict(expectation, scope, {expectation.check.document: read_failure(cause)})
        if found is None:
            assert expectation.check.legacy_of
            continue
        licence = cause is Cause.NOT_LICENSED
        when_absent = expectation.check.when_absent or expectation.assessed.control.when_absent
        excused = licence and when_absent == "not_applicable"
        expected = Status.NOT_APPLICABLE if excused else Status.UNKNOWN
        assert found.status is expected, (expectation.name, scope.level)
        assert found.cause is (None if excused else cause)


@EACH_BASELINE
def test_a_document_nobody_asked_for_is_unknown(name: str) -> None:
    for expectation, scope in checks_at_every_level(name):
        found = verdict(expectation, scope, {})
        if found is not None:
            assert (found.status, found.cause) == (Status.UNKNOWN, Cause.NOT_COLLECTED)


@EACH_BASELINE
def test_a_lock_that_was_not_seen_never_passes(name: str) -> None:
    flags: list[Any] = [None, 1, 0, 1.5, "true", "locked", "yes", [], [True], {}]
    flags += [{"locked": "true"}, {"locked": 1}, {"enable": None}, {"a": True, "b": "x"}]
    seen = 0
    for expectation in checks_of(name, BASELINES[name]):
        check = expectation.check
        if not (expectation.assessed.lock and check.lock and check.surface in LOCKED_SURFACES):
            continue
        bodies: list[Any] = list(absences(check.lock))
        for flag in flags:
            if not (check.lock in STRING_FLAGS and isinstance(flag, str)):
                body: dict[str, Any] = {}
                set_at(body, check.lock, flag)
                bodies.append(body)
        outcomes = [document(body) for body in bodies] + [read_failure(cause) for cause in Cause]
        for level in check.lock_levels:
            for outcome in [*outcomes, None]:
                own = {check.lock_document: outcome} if outcome else {}
                scope = Scope(level, "x")
                documents = LockDocuments(own, {"x": own})
                case = CheckContext(
                    expectation.assessed, scope, own, documents, Context(PARAMETERS)
                )
                found = judge.lock(case, check, None)
                if found is not None:
                    seen += 1
                    what = (expectation.name, level, outcome, found)
                    assert found.status is Status.UNKNOWN, what
                    assert found.cause is not None
                    assert found.locked is None
    assert seen > 100 or name == "cis-zoom-1.0"


# Whole documents

PATHS = sorted({check.setting for control in CATALOGUE for check in control.checks})
LOCK_PATHS = sorted({c.lock for control in CATALOGUE for c in control.checks if c.lock})
WRONG: list[Any] = [None, 2.5, "maybe", "off", "false", "no", {}, {"x": None}, [None], [2.5]]
WRONG_FLAGS: list[Any] = [None, 0, 1, 2.5, "maybe", [], [True], {}, {"locked": "maybe"}]
VIEWS = (SETTINGS, *(View("settings", name) for name in ("security", "meeting_security")))
LOCK_VIEWS = (LOCKS, View("lock_settings", "meeting_security"))
JUNK = st.recursive(
    st.sampled_from(WRONG),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(sorted({part for path in PATHS for part in path.split(".")})), inner
        )
        | st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def without_a_value(draw: st.DrawFn) -> dict[View, Any]:
    """Documents, or refusals, in which every known path that stands has a wrong value."""
    dice = random.Random(draw(st.integers(0, 2**32)))
    junk = draw(st.dictionaries(st.sampled_from(["x", "ai", "bot"]), JUNK, max_size=2))
    bodies: dict[View, Any] = {}
    for view in (*VIEWS, *LOCK_VIEWS):
        paths, wrong = (LOCK_PATHS, WRONG_FLAGS) if view in LOCK_VIEWS else (PATHS, WRONG)
        body = deepcopy(junk)
        for path in dice.sample(paths, dice.randrange(len(paths))):
            if not is_occupied(body, path):
                set_at(body, path, deepcopy(dice.choice(wrong)))
        instead = [*Cause, *EMPTY]
        bodies[view] = dice.choice(instead) if dice.random() < 0.1 else body
    return bodies


@STRICT_FIRST
@FIXED
@given(data=st.data())
def test_no_document_without_a_single_right_value_gives_a_pass(
    name: str, data: st.DataObject
) -> None:
    scopes = [(scope, data.draw(without_a_value())) for scope in (ACCOUNT, GROUP, USER)]
    evaluation = evaluated(snapshot_of(*scopes), BASELINES[name], PARAMETERS)
    passed = [(s.id, v) for s, v in scope_verdicts(evaluation) if v.status is Status.PASS]
    assert [each for each in passed if each[1].control != "CC-07"] == []
    assert not evaluation.complete or not any(
        v.cause is not None and v.cause.is_failed_read for _, v in scope_verdicts(evaluation)
    )


@pytest.mark.parametrize("depth", [Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING])
@EACH_BASELINE
def test_an_empty_snapshot_passes_nothing_and_hides_no_check(name: str, depth: Level) -> None:
    evaluation = evaluated(snapshot_of(listings=None), BASELINES[name], PARAMETERS, depth)
    found = scope_verdicts(evaluation)
    assert {v.status for _, v in found} <= {
        Status.UNKNOWN,
        Status.NEEDS_DECISION,
        Status.NOT_APPLICABLE,
    }
    assert {v.control for _, v in found if v.status is Status.NOT_APPLICABLE} <= {"CC-02"}
    spoken = {v.control for _, v in found} | set(evaluation.summary.not_reached)
    assert spoken == set(BASELINES[name].assessed)
    assert not evaluation.complete


@EACH_BASELINE
def test_listed_scopes_without_documents_pass_nothing(name: str) -> None:
    scopes: list[ScopeBodies] = [(ACCOUNT, {}), (GROUP, {}), (USER, {})]
    found = scope_verdicts(evaluated(snapshot_of(*scopes), BASELINES[name], PARAMETERS))
    assert [v for _, v in found if v.status is Status.PASS] == []
    assert {s.id for s, v in found if v.kind is FindingKind.VALUE} >= {"acc", "g1", "u1"}


# New settings: nobody can say there are none without having looked


NOTHING: Json = {}
NEW = baseline_of(expected_derived("CC-07"))
KNOWN = {"in_meeting": {"chat": True}}
LOOKED = [
    (ACCOUNT, dict.fromkeys(ACCOUNT_VIEWS, KNOWN)),
    (GROUP, {SETTINGS: KNOWN, LOCKS: KNOWN}),
    (USER, {SETTINGS: KNOWN}),
]
MISSING = [(scope, view) for scope, bodies in LOOKED for view in bodies]


def new_settings(
    scopes: Sequence[ScopeBodies],
    listings: Bodies,
) -> tuple[Status, Cause | None]:
    (found,) = scope_verdicts(evaluated(snapshot_of(*scopes, listings=listings), NEW))
    return found[1].status, found[1].cause


def test_after_looking_everywhere_there_are_no_new_settings() -> None:
    assert new_settings(LOOKED, LISTED) == (Status.PASS, None)


@pytest.mark.parametrize(("scope", "view"), MISSING, ids=same_everywhere)
@pytest.mark.parametrize("why", [None, Cause.DENIED, Cause.ERROR, Cause.NOT_LICENSED])
def test_a_document_that_was_not_seen_may_hold_new_settings(
    scope: Scope, view: View, why: Cause | None
) -> None:
    scopes = [
        (each, {v: why if (each, v) == (scope, view) else body for v, body in bodies.items()})
        for each, bodies in LOOKED
    ]
    if why is None:
        scopes = [
            (each, {v: body for v, body in bodies.items() if (each, v) != (scope, view)})
            for each, bodies in LOOKED
        ]
    assert new_settings(scopes, LISTED) == (Status.UNKNOWN, why or Cause.NOT_COLLECTED)


@pytest.mark.parametrize(
    "listing", [v for views in LISTINGS.values() for v in views], ids=same_everywhere
)
@pytest.mark.parametrize("why", [None, Cause.DENIED])
def test_a_level_that_could_not_be_listed_may_hold_new_settings(
    listing: View, why: Cause | None
) -> None:
    listings: Any = {**LISTED, listing: why}
    if why is None:
        del listings[listing]
    assert new_settings(LOOKED, listings) == (Status.UNKNOWN, why or Cause.NOT_COLLECTED)


def test_documents_without_any_setting_say_nothing_about_new_ones() -> None:
    scopes = [(scope, dict.fromkeys(bodies, NOTHING)) for scope, bodies in LOOKED]
    assert new_settings(scopes, LISTED) == (Status.UNKNOWN, Cause.ABSENT)

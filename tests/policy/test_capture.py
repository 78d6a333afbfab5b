"""Capturing a baseline: the current values of an account, without unseen ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import FindingKind, Status
from auditor.policy.baseline import baselines as baseline
from auditor.policy.catalogue import yaml_source
from auditor.policy.catalogue.controls import Catalogue, Check, Family
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.evaluation.capture import capture_baseline
from auditor.policy.evaluation.evaluate import evaluate
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    Bodies,
    Json,
    catalogue_of,
    check,
    control,
    nested,
    snapshot_of,
)
from tests.policy.samples import BASELINES, NoSample, failing, passing, place

A, B = check("in_meeting.a"), check("in_meeting.b")


def capturing(
    bodies: Bodies,
    *checks: Check,
    catalogue: Catalogue | None = None,
) -> Any:
    account = next(snapshot_of((ACCOUNT, bodies)).evidence(Level.ACCOUNT))
    known = catalogue or catalogue_of(control(*checks))
    return capture_baseline(account, known, "today", "As it was")


def body(**values: Json) -> Bodies:
    return {SETTINGS: {"in_meeting": values}}


def test_every_value_that_was_seen_is_to_stay() -> None:
    file, unseen = capturing(body(a=True, b=False), A, B)
    assert file["id"] == "today"
    assert file["title"] == "As it was"
    assert file["controls"]["AI-01"]["settings"] == {
        "in_meeting.a": {"op": "eq", "value": True},
        "in_meeting.b": {"op": "eq", "value": False},
    }
    assert unseen == []


@pytest.mark.parametrize("seen", [{}, {"b": "on"}], ids=["absent", "wrong type"])
def test_what_was_not_seen_is_left_out_and_counted(seen: dict[str, str]) -> None:
    file, unseen = capturing(body(a=True, **seen), A, B)
    assert list(file["controls"]["AI-01"]["settings"]) == ["in_meeting.a"]
    assert unseen == ["in_meeting.b"]


@pytest.mark.parametrize("cause", Cause)
def test_of_a_document_that_was_refused_nothing_is_captured(cause: Cause) -> None:
    file, unseen = capturing({SETTINGS: cause}, A, B)
    assert file["controls"] == {}
    assert unseen == ["in_meeting.a", "in_meeting.b"]


def test_an_older_name_that_is_gone_is_not_missed() -> None:
    old = check("in_meeting.old", legacy_of="in_meeting.a")
    assert capturing(body(a=True), A, old)[1] == []
    assert capturing(body(old=True), A, old)[1] == ["in_meeting.a"]


def test_only_settings_of_the_account_are_captured() -> None:
    others = (
        check("in_meeting.a", levels=[Level.USER]),
        check("thing", surface="token", levels=[Level.ACCOUNT]),
    )
    assert capturing({**body(a=True), View("token"): {"thing": True}}, *others)[0]["controls"] == {}


def test_keys_that_another_control_judges_are_not_captured() -> None:
    one = check("ai", type="object", leave_out=["model_type"])
    document: Bodies = {
        SETTINGS: {"ai": {"chat": {"enable": True, "model_type": "x"}, "model_type": "y"}}
    }
    file, _ = capturing(document, one)
    expected = {"op": "eq", "value": {"chat": {"enable": True}}}
    assert file["controls"]["AI-01"]["settings"] == {"ai": expected}


def test_benchmarks_look_at_the_same_settings_and_are_not_captured_twice() -> None:
    family = {"name": "x", "topic": "x"}
    catalogue = Catalogue(
        (
            Family(family="CIS", controls=(control(A, id="CIS-1"),), **family),
            Family(family="RC", controls=(control(A, id="RC-01"),), **family),
            Family(family="AI", controls=(control(A),), **family),
        )
    )
    file, _ = capturing(body(a=True), catalogue=catalogue)
    assert list(file["controls"]) == ["AI-01", "RC-01"]


@pytest.mark.parametrize(
    ("checks", "flags", "locked"),
    [
        ((A, B), {"a": True, "b": True}, True),
        ((A, B), {"a": True, "b": False}, False),
        ((A, B), {"a": True}, False),
        ((A, B), Cause.DENIED, False),
        ((A, check("in_meeting.b", lock=None)), {"a": True, "b": True}, False),
        ((A, check("in_meeting.b", lock_inferred=True)), {"a": True, "b": True}, False),
        ((A, check("in_meeting.b", lock_levels=[Level.GROUP])), {"a": True, "b": True}, False),
    ],
)
def test_a_lock_is_asked_for_where_every_lock_was_seen_on(
    checks: tuple[Check, Check], flags: Cause | dict[str, bool], locked: bool
) -> None:
    bodies = {
        **body(a=True, b=True),
        LOCKS: flags if flags is Cause.DENIED else {"in_meeting": flags},
    }
    file, _ = capturing(bodies, *checks)
    assert file["controls"]["AI-01"].get("lock", False) is locked


# The shipped catalogue


def whole_account(choose: Callable[[Check, Expectation], JsonValue]) -> Snapshot:
    """An account that returns a documented value for every check of the strict baseline."""
    bodies: dict[View, Any] = {LOCKS: {}}
    for each in BASELINES["strict"].assessed.values():
        for one in each.control.checks:
            wish = each.expectations.get(one.setting)
            if wish is None or one.surface != "settings" or Level.ACCOUNT not in one.levels:
                continue
            try:
                place(bodies, one, choose(one, wish))
            except NoSample:
                continue
            if one.lock is not None:
                place(bodies, one.model_copy(update=lock_of(one)), True)
    return snapshot_of((ACCOUNT, bodies))


def lock_of(one: Check) -> dict[str, str | None]:
    view = one.lock_document
    return {"setting": one.lock, "surface": view.surface, "view": view.option, "only_when": None}


@pytest.mark.parametrize("choose", [passing, failing])
def test_an_account_meets_the_baseline_that_was_captured_from_it(
    choose: Callable[[Check, Expectation], JsonValue], tmp_path: Path
) -> None:
    snapshot = whole_account(choose)
    account = next(snapshot.evidence(Level.ACCOUNT))
    file, _ = capture_baseline(account, CATALOGUE, "today", "As it was")
    path = tmp_path / "today.yaml"
    path.write_bytes(yaml_source.dumped(file, "Captured."))
    expectation = baseline.load(str(path), CATALOGUE)
    found = evaluate(snapshot, CATALOGUE, expectation, {}, Level.ACCOUNT, keep_passes=True)
    outcomes = [(v.setting, v.kind, v.status) for a in found.assessments for v in a.verdicts]
    values = [status for _, kind, status in outcomes if kind is FindingKind.VALUE]
    assert len(values) > 60
    assert [each for each in outcomes if each[2] is Status.FAIL] == []
    assert set(values) <= {Status.PASS, Status.NOT_APPLICABLE}
    assert sum(each.lock for each in expectation.assessed.values()) > 5


def test_drift_from_what_was_captured_is_found(tmp_path: Path) -> None:
    account = next(whole_account(passing).evidence(Level.ACCOUNT))
    file, _ = capture_baseline(account, CATALOGUE, "today", "As it was")
    path = tmp_path / "today.yaml"
    path.write_bytes(yaml_source.dumped(file))
    drifted = {SETTINGS: nested("recording.local_recording", True)}
    found = evaluate(
        snapshot_of((ACCOUNT, drifted)),
        CATALOGUE,
        baseline.load(str(path), CATALOGUE),
        {},
        Level.ACCOUNT,
    )
    failed = {v.setting for a in found.assessments for v in a.verdicts if v.status is Status.FAIL}
    assert failed == {"recording.local_recording"}

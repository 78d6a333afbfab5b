"""Removing evidence never improves a verdict: it can only make it unknown.

An object that is judged as a whole (`ai`, a lock that is an object) is one value: taking away part
of it is another value, not less evidence, so parts of values stay where they are. That an older
setting speaks where the newer one is absent is tested with the judgement.
"""

import random
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import SETTINGS, View
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.policy.catalogue.controls import LOCKED_SURFACES
from tests.builders import FIXED, LISTED, evaluated, scope_verdicts, set_at, snapshot_of
from tests.policy.samples import (
    BASELINES,
    PARAMETERS,
    SCOPES,
    STRICT_FIRST,
    NoSample,
    checks_of,
    failing,
    is_occupied,
    passing,
    place,
)

World = dict[Scope, dict[View, Any]]
Place = tuple[Scope, View, str]
"""A setting, a lock flag or a whole section; an empty path is the whole document."""


@cache
def world(name: str, seed: int | None) -> World:
    """A world in which everything passes or, with a seed, some of it deviates."""
    dice = random.Random(seed)
    found: World = {scope: {} for scope in SCOPES.values()}
    found[SCOPES[Level.ACCOUNT]] = dict(LISTED)
    for expected in checks_of(name, BASELINES[name]):
        if expected.check.legacy_of:
            continue
        for level in expected.read_levels:
            value = passing(expected.check, expected.expectation)
            if seed is not None and dice.random() < 0.3:
                with suppress(NoSample):
                    value = failing(expected.check, expected.expectation)
            place(found[SCOPES[level]], expected.check, value)
        lock = expected.check.lock
        if expected.assessed.lock and lock and expected.check.surface in LOCKED_SURFACES:
            for level in expected.check.lock_levels:
                if level in SCOPES and level is not Level.USER:
                    body = found[SCOPES[level]].setdefault(expected.check.lock_document, {})
                    if not is_occupied(body, lock):
                        set_at(body, lock, seed is None or dice.random() < 0.8)
    for level in (Level.ACCOUNT, Level.GROUP, Level.USER):
        found[SCOPES[level]].setdefault(SETTINGS, {})
    return found


def kind(verdict: Verdict) -> FindingKind:
    """A lock that has to be attested is one all the same."""
    attested = verdict.kind is FindingKind.ATTESTATION and verdict.setting != "attestation"
    return FindingKind.LOCK if attested else verdict.kind


def verdicts(name: str, scopes: World) -> dict[tuple[Any, ...], Status]:
    evaluation = evaluated(snapshot_of(*scopes.items(), listings=None), BASELINES[name], PARAMETERS)
    found = {
        (v.control, kind(v), v.setting, s.level, s.id): v.status
        for s, v in scope_verdicts(evaluation)
    }
    assert evaluation.complete == (not evaluation.errors and not evaluation.summary.unread)
    return found


@cache
def verdicts_before(name: str, seed: int | None) -> dict[tuple[Any, ...], Status]:
    return verdicts(name, world(name, seed))


@cache
def places(name: str, seed: int | None) -> list[Place]:
    """What can be taken away: whole documents, sections, settings, conditions and lock flags."""
    found: set[Place] = set()
    paths = {
        path
        for expected in checks_of(name, BASELINES[name])
        for path in (
            expected.check.setting,
            expected.check.lock,
            expected.check.only_when.setting if expected.check.only_when else None,
        )
        if path
    }
    for scope, bodies in world(name, seed).items():
        for view, body in bodies.items():
            found.add((scope, view, ""))
            for path in paths:
                parts = path.split(".")
                if view not in LISTED and is_occupied(body, path):
                    found |= {(scope, view, ".".join(parts[:n])) for n in range(1, len(parts) + 1)}
    return sorted(found, key=lambda each: (each[0].order, each[1], each[2]))


def without(scopes: World, without_paths: list[Place], how: Cause | None) -> World:
    left = deepcopy(scopes)
    for scope, view, path in without_paths:
        bodies = left[scope]
        if view not in bodies or isinstance(bodies[view], Cause):
            continue
        if not path:
            if how is None:
                del bodies[view]
            else:
                bodies[view] = how
            continue
        *parents, leaf = path.split(".")
        here = bodies[view]
        for part in parents:
            here = here.get(part, {}) if isinstance(here, dict) else {}
        if isinstance(here, dict):
            here.pop(leaf, None)
    return left


@pytest.mark.parametrize("name", BASELINES)
def test_the_world_to_start_from_passes(name: str) -> None:
    found = verdicts_before(name, None)
    wishes = Counter(expected.check.setting for expected in checks_of(name, BASELINES[name]))
    failed = {key[2] for key, status in found.items() if status is Status.FAIL}
    assert {setting for setting in failed if wishes[setting] < 2} == set()
    assert len(failed) < 3
    read = {
        (
            expected.assessed.control.id,
            FindingKind.VALUE,
            expected.check.setting,
            level,
            SCOPES[level].id,
        )
        for expected in checks_of(name, BASELINES[name])
        for level in expected.read_levels
        if expected.check.legacy_of is None
    }
    came_out = Counter(found[key] for key in read)
    assert set(came_out) <= {Status.PASS, Status.NOT_APPLICABLE, Status.FAIL}
    assert came_out[Status.NOT_APPLICABLE] < came_out[Status.PASS] / 10


@pytest.mark.parametrize("seed", [None, 1])
@STRICT_FIRST
@FIXED
@given(data=st.data())
def test_nothing_gets_better_by_taking_evidence_away(
    name: str, seed: int | None, data: st.DataObject
) -> None:
    before, scopes = verdicts_before(name, seed), world(name, seed)
    removed = data.draw(st.lists(st.sampled_from(places(name, seed)), min_size=1, max_size=6))
    how = data.draw(st.sampled_from([None, *Cause]))
    after = verdicts(name, without(scopes, removed, how))
    for key, status in before.items():
        now = after.get(key)
        assert now is not None, (key, removed)
        if status is Status.FAIL:
            assert now in (Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE), (key, removed, now)
            assert now is not Status.NOT_APPLICABLE or how is Cause.NOT_LICENSED, (key, removed)
        if now is Status.PASS:
            locks = key[1] is FindingKind.LOCK and status is Status.NOT_APPLICABLE
            assert status is Status.PASS or locks, (key, removed, status)
    new = {status for key, status in after.items() if key not in before}
    assert Status.PASS not in new


@pytest.mark.parametrize("name", BASELINES)
def test_without_its_document_no_verdict_of_a_scope_stays(name: str) -> None:
    scopes = world(name, None)
    for scope in (SCOPES[Level.ACCOUNT], SCOPES[Level.GROUP], SCOPES[Level.USER]):
        gone = [(scope, view, "") for view in scopes[scope] if view not in LISTED]
        after = verdicts(name, without(scopes, gone, Cause.DENIED))
        here = {s for key, s in after.items() if key[3:] == (scope.level, scope.id)}
        assert here <= {Status.UNKNOWN, Status.NEEDS_DECISION}, (scope, here)


@pytest.mark.parametrize("name", BASELINES)
def test_a_deviation_without_its_setting_is_unknown_and_not_fine(name: str) -> None:
    scopes = world(name, 1)
    for level in (Level.ACCOUNT, Level.GROUP, Level.USER):
        scope = SCOPES[level]
        gone = [each for each in places(name, 1) if each[0] == scope and each[2]]
        after = verdicts(name, without(scopes, gone, None))
        kinds = (FindingKind.VALUE, FindingKind.LOCK)
        failed = [
            key
            for key, status in verdicts_before(name, 1).items()
            if status is Status.FAIL and key[1] in kinds and key[3:] == (level, scope.id)
        ]
        assert failed
        assert {after[key] for key in failed} == {Status.UNKNOWN}

"""Every check of every shipped baseline: one sample passes, one fails, others are unchanged."""

from operator import attrgetter
from typing import Any

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.surfaces import SURFACES
from tests.policy.builders import Bodies, judged, rows, world
from tests.policy.samples import (
    BASELINES,
    PARAMETERS,
    SCOPES,
    NoSample,
    SampleCheck,
    documents,
    every_check,
    failing,
    observed,
    passing,
)

BESIDE = {"meeting", "phone_site", *(each.name for each in SURFACES.values() if each.read)}
"""Documents beside the settings, not sampled here. Without them a check is unknown."""

BELOW_PHONE_ACCOUNT = {
    ("phone_account_settings", Level.PHONE_GROUP),
    ("phone_account_settings", Level.PHONE_SITE),
    ("phone_account_settings", Level.PHONE_USER),
}
"""Reviewed: levels of Zoom Phone that are not sampled here. Without documents they are unknown."""

WAITING_ROOM = "meeting_security.waiting_room_settings.participants_to_place_in_waiting_room"
NO_FAILING_SAMPLE = {
    f"consent-first/IA-01/{WAITING_ROOM}",
    f"strict/IA-01/{WAITING_ROOM}",
    "education/RT-01/recording.auto_delete_cmr_days",
}
"""Reviewed: expectations that every documented value satisfies; only an unknown can be found.

IA-01 leaves open whom the waiting room holds (0, 1 or 2) as long as it is on; the longest time
that Zoom offers before recordings delete themselves is the 120 days that education accepts.
"""

CHECKS = [expected for expected in every_check() if expected.check.surface != "derived"]
NAME = attrgetter("name")
JUDGED = [expected for expected in CHECKS if expected.read_levels]


def evaluated(
    expected: SampleCheck, bodies: dict[Level, Any], depth: Level = Level.USER
) -> dict[tuple[Level, str, str], Verdict]:
    """Value verdicts of the control: (scope, setting) to status."""
    chosen = BASELINES[expected.baseline].only(frozenset({expected.assessed.control.id}))
    snapshot = world(*((SCOPES[level], each) for level, each in bodies.items()))
    found = rows(judged(snapshot, chosen, PARAMETERS, depth))
    kinds = (FindingKind.VALUE, FindingKind.USAGE)
    verdicts = {(s.level, s.id, v.setting): v for s, v in found if v.kind in kinds}
    assert len(verdicts) == sum(v.kind in kinds for _, v in found)
    return verdicts


@pytest.mark.parametrize("expected", JUDGED, ids=NAME)
def test_a_sample_as_expected_passes_at_every_level(expected: SampleCheck) -> None:
    good = passing(expected.check, expected.expectation)
    verdicts = evaluated(expected, documents(expected, dict.fromkeys(expected.read_levels, good)))
    here = {
        (level, scope_id): verdict
        for (level, scope_id, setting), verdict in verdicts.items()
        if setting == expected.check.setting and level in expected.read_levels
    }
    assert {(level, SCOPES[level].id) for level in expected.read_levels} == set(here)
    for verdict in here.values():
        assert (verdict.status, verdict.cause) == (Status.PASS, None)
        assert verdict.observed == observed(expected.check, good)
        assert verdict.source


@pytest.mark.parametrize("expected", JUDGED, ids=NAME)
def test_a_sample_that_deviates_fails_at_its_scope_and_setting_alone(expected: SampleCheck) -> None:
    if expected.name in NO_FAILING_SAMPLE:
        with pytest.raises(NoSample):
            failing(expected.check, expected.expectation)
        return
    good = passing(expected.check, expected.expectation)
    bad = failing(expected.check, expected.expectation)
    for at_level in expected.read_levels:
        values = {level: bad if level is at_level else good for level in expected.read_levels}
        verdicts = evaluated(expected, documents(expected, values))
        failed = {key for key, verdict in verdicts.items() if verdict.status is Status.FAIL}
        assert failed == {(at_level, SCOPES[at_level].id, expected.check.setting)}
        assert verdicts[failed.pop()].observed == observed(expected.check, bad)


@pytest.mark.parametrize("expected", CHECKS, ids=NAME)
def test_if_nothing_is_read_the_check_is_unknown(expected: SampleCheck) -> None:
    unread = [level for level in expected.check.levels if level not in expected.read_levels]
    for level in unread:
        assert (
            expected.check.surface in BESIDE
            or (expected.check.surface, level) in BELOW_PHONE_ACCOUNT
        )
    good = dict.fromkeys(expected.read_levels, None)
    bodies: dict[Level, Bodies] = {level: {View("settings"): {}} for level in good}
    verdicts = evaluated(expected, bodies, Level.MEETING)
    for level in unread:
        key = (level, expected.check.setting)
        if expected.check.optional:  # without the scope for it, the attestation alone speaks
            assert [v for (at, _, setting), v in verdicts.items() if (at, setting) == key] == []
            continue
        (verdict,) = [v for (at, _, setting), v in verdicts.items() if (at, setting) == key]
        assert (verdict.status, verdict.cause) == (Status.UNKNOWN, Cause.NOT_COLLECTED)


LOCKABLE = [
    (name, each.control.id, check.setting)
    for name, expected in BASELINES.items()
    for each in expected.assessed.values()
    for check in each.control.checks
    if each.lock and check.setting in each.expectations and check.lock and not check.legacy_of
    if check.surface not in BESIDE
]


@pytest.mark.parametrize(("name", "control_id", "setting"), LOCKABLE)
def test_a_lock_that_is_wanted_passes_on_and_fails_off(
    name: str, control_id: str, setting: str
) -> None:
    each = BASELINES[name].assessed[control_id]
    check = each.control.check(setting)
    level = min(check.lock_levels, key=lambda level: level.rank)
    expected = SampleCheck(name, each, check)
    good = passing(check, expected.expectation)
    for flag, status in ((True, Status.PASS), (False, Status.FAIL)):
        levels = {level, *expected.read_levels}
        bodies = documents(expected, dict.fromkeys(levels, good))
        place = bodies[level].setdefault(check.lock_document, {})
        for part in str(check.lock).split(".")[:-1]:
            place = place.setdefault(part, {})
        place[str(check.lock).rpartition(".")[2]] = flag
        snapshot = world(*((SCOPES[at], each_body) for at, each_body in bodies.items()))
        chosen = BASELINES[name].only(frozenset({control_id}))
        kinds = (FindingKind.LOCK, FindingKind.ATTESTATION)
        (verdict,) = [
            v
            for s, v in rows(judged(snapshot, chosen, PARAMETERS))
            if (s.level, v.setting) == (level, setting) and v.kind in kinds
        ]
        if check.lock_inferred:
            assert (verdict.kind, verdict.status) == (
                FindingKind.ATTESTATION,
                Status.NEEDS_DECISION,
            )
            assert "only inferred" in verdict.detail
        else:
            assert (verdict.kind, verdict.status) == (FindingKind.LOCK, status)
        assert verdict.observed is verdict.locked is flag

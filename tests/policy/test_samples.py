"""Every check of every shipped baseline: one sample passes, one fails, others are unchanged."""

from typing import Any

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.view import SETTINGS
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.policy.catalogue.controls import Check
from auditor.surfaces import SURFACES
from tests.builders import Bodies, evaluated, scope_verdicts, set_at, snapshot_of
from tests.policy.samples import (
    BASELINES,
    EACH_BASELINE,
    PARAMETERS,
    SCOPES,
    NoSample,
    SampleCheck,
    distinct_checks,
    documents,
    every_check,
    failing,
    observed,
    passing,
)

UNSAMPLED = {"meeting", "phone_site", *(each.name for each in SURFACES.values() if each.read)}
"""Documents other than settings, not sampled here. Without them a check is unknown."""

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

CHECKS = {
    name: [each for each in distinct_checks(name) if each.check.surface != "derived"]
    for name in BASELINES
}
"""Baseline to its checks, without those that an earlier baseline has with the same expectation."""


def verdicts_of(
    expected: SampleCheck, bodies: dict[Level, Any], depth: Level = Level.USER
) -> dict[tuple[Level, str, str], Verdict]:
    """Value verdicts of the control: (scope, setting) to verdict."""
    chosen = BASELINES[expected.baseline].only(frozenset({expected.assessed.control.id}))
    with snapshot_of(*((SCOPES[level], each) for level, each in bodies.items())) as snapshot:
        found = scope_verdicts(evaluated(snapshot, chosen, PARAMETERS, depth))
    kinds = (FindingKind.VALUE, FindingKind.USAGE)
    verdicts = {(s.level, s.id, v.setting): v for s, v in found if v.kind in kinds}
    assert len(verdicts) == sum(v.kind in kinds for _, v in found), expected.name
    return verdicts


@EACH_BASELINE
def test_a_sample_as_expected_passes_at_every_level(name: str) -> None:
    problems = []
    for expected in CHECKS[name]:
        setting, levels = expected.check.setting, expected.read_levels
        if not levels:
            continue
        good = passing(expected.check, expected.expectation)
        verdicts = verdicts_of(expected, documents(expected, dict.fromkeys(levels, good)))
        wanted = (Status.PASS, None, observed(expected.check, good))
        for level in levels:
            verdict = verdicts.get((level, SCOPES[level].id, setting))
            found = verdict and (verdict.status, verdict.cause, verdict.observed)
            if found != wanted or not verdict or not verdict.source:
                problems.append(f"{expected.name} at {level}: {verdict}")
    assert not problems, "\n".join(problems)


@EACH_BASELINE
def test_a_sample_that_deviates_fails_at_its_scope_and_setting_alone(name: str) -> None:
    problems = []
    for expected in CHECKS[name]:
        setting, levels = expected.check.setting, expected.read_levels
        if not levels or expected.name in NO_FAILING_SAMPLE:
            continue
        good = passing(expected.check, expected.expectation)
        try:
            bad = failing(expected.check, expected.expectation)
        except NoSample:
            problems.append(f"{expected.name}: every documented value satisfies it")
            continue
        for at_level in levels:
            values = {level: bad if level is at_level else good for level in levels}
            verdicts = verdicts_of(expected, documents(expected, values))
            failed = {key for key, verdict in verdicts.items() if verdict.status is Status.FAIL}
            key = (at_level, SCOPES[at_level].id, setting)
            if failed != {key}:
                problems.append(f"{expected.name} at {at_level}: {failed} deviate")
            elif verdicts[key].observed != observed(expected.check, bad):
                problems.append(f"{expected.name} at {at_level}: {verdicts[key].observed}")
    assert not problems, "\n".join(problems)


def test_the_expectations_without_a_deviating_sample_are_the_reviewed_ones() -> None:
    none = set()
    for expected in every_check():
        if expected.read_levels and expected.check.surface != "derived":
            try:
                failing(expected.check, expected.expectation)
            except NoSample:
                none.add(expected.name)
    assert none == NO_FAILING_SAMPLE


@EACH_BASELINE
def test_if_nothing_is_read_the_check_is_unknown(name: str) -> None:
    problems = []
    for expected in CHECKS[name]:
        check = expected.check
        bodies: dict[Level, Bodies] = {level: {SETTINGS: {}} for level in expected.read_levels}
        verdicts = verdicts_of(expected, bodies, Level.MEETING)
        for level in set(check.levels) - set(expected.read_levels):
            known = check.surface in UNSAMPLED or (check.surface, level) in BELOW_PHONE_ACCOUNT
            found = [
                (verdict.status, verdict.cause)
                for (at, _, setting), verdict in verdicts.items()
                if (at, setting) == (level, check.setting)
            ]
            # Without the scope for an optional document, the attestation alone is reported.
            wanted = [] if check.optional else [(Status.UNKNOWN, Cause.NOT_COLLECTED)]
            if not known or found != wanted:
                problems.append(f"{expected.name} at {level}: {found}")
    assert not problems, "\n".join(problems)


@EACH_BASELINE
def test_a_lock_that_is_expected_passes_on_and_fails_off(name: str) -> None:
    problems = []
    for expected in CHECKS[name]:
        check = expected.check
        if not expected.assessed.lock or not check.lock or check.legacy_of:
            continue
        if check.surface in UNSAMPLED:
            continue
        # Where a parameter lists groups that may differ, and groups can lock, the account's lock
        # may be off.
        listed = bool(PARAMETERS.get(expected.expectation.groups_param or ""))
        differs = listed and Level.GROUP in check.lock_levels and check.surface == SETTINGS.surface
        off = Status.NOT_APPLICABLE if differs else Status.FAIL
        for flag, status in ((True, Status.PASS), (False, off)):
            found = lock_result(expected, flag)
            if found != lock_expected(check, flag, status):
                problems.append(f"{expected.name}, lock {flag}: {found}")
    assert not problems, "\n".join(problems)


def lock_result(expected: SampleCheck, flag: bool) -> list[tuple[Any, ...]]:
    """Kind, status, observed and locked of the verdicts on a lock that is `flag`."""
    check = expected.check
    level = min(check.lock_levels, key=lambda level: level.rank)
    good = passing(check, expected.expectation)
    bodies = documents(expected, dict.fromkeys({level, *expected.read_levels}, good))
    set_at(bodies[level].setdefault(check.lock_document, {}), str(check.lock), flag)
    chosen = BASELINES[expected.baseline].only(frozenset({expected.assessed.control.id}))
    with snapshot_of(*((SCOPES[at], each) for at, each in bodies.items())) as snapshot:
        found = scope_verdicts(evaluated(snapshot, chosen, PARAMETERS))
    return [
        (v.kind, v.status, v.observed, v.locked)
        for s, v in found
        if (s.level, v.setting) == (level, check.setting)
        if v.kind in (FindingKind.LOCK, FindingKind.ATTESTATION)
    ]


def lock_expected(check: Check, flag: bool, status: Status) -> list[tuple[Any, ...]]:
    """A lock whose flag is only inferred is a question for a person."""
    if check.lock_inferred:
        return [(FindingKind.ATTESTATION, Status.NEEDS_DECISION, flag, flag)]
    return [(FindingKind.LOCK, status, flag, flag)]

"""Kinds of wrong verdicts reported from the field, each as a table of minimal cases."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evidence.operation_log import outside_names
from auditor.evidence.read_plan import LOGS, PHONE
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import Severity, Status
from auditor.policy.catalogue import documented
from auditor.report.group_wording import outcome
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    FIXED,
    LISTED,
    Json,
    evaluated,
    nested,
    scope_verdicts,
    set_at,
    snapshot_of,
)
from tests.policy.samples import BASELINES, PARAMETERS, failing, passing

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
PHONE_ACCOUNT = Scope(Level.PHONE_ACCOUNT, "acc", "Zoom Phone")


def verdicts(control: str, *scopes: Any, base: str = "strict", **options: Any) -> dict[str, Any]:
    """The verdicts on the values of one control, by setting."""
    expectation = BASELINES[base].only(frozenset({control}))
    listings = options.pop("listings", LISTED)
    found = evaluated(
        snapshot_of(*scopes, listings=listings), expectation, options.pop("parameters", None)
    )
    where = options.pop("at", "acc")
    return {
        v.setting: v
        for s, v in scope_verdicts(found)
        if s.id == where and v.kind in ("value", "usage")
    }


def of_account(control: str, body: Any, **options: Any) -> dict[str, Any]:
    return verdicts(control, (ACCOUNT, {SETTINGS: body}), **options)


def body_of(values: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for path, value in values.items():
        set_at(body, path, value)
    return body


# An older and a newer key

PAIRS = [
    (name, each, check)
    for name, base in BASELINES.items()
    for each in base.assessed.values()
    for check in each.control.checks
    if check.legacy_of in each.expectations and check.setting in each.expectations
]


def test_every_documented_pair_is_known() -> None:
    known = {check.setting for _, _, check in PAIRS}
    assert known >= {
        "feature.zoom_iq_for_sales",
        "in_meeting.closed_captioning.save_caption",
        "in_meeting.closed_captioning.third_party_captioning_service",
        "in_meeting.closed_captioning.view_full_transcript",
        "recording.ask_host_to_confirm_disclaimer",
        "recording.recording_disclaimer",
        "recording.recording_highlight",
    }


@pytest.mark.parametrize(("older_right", "newer_right"), [(a, b) for a in (0, 1) for b in (0, 1)])
def test_either_key_of_every_pair_deviates(older_right: int, newer_right: int) -> None:
    for name, each, older in PAIRS:
        assert older.legacy_of is not None
        newer = each.control.check(older.legacy_of)
        for level in set(older.levels) & set(newer.levels):
            values = {}
            for check, right in ((older, older_right), (newer, newer_right)):
                value = passing if right else failing
                values[check.setting] = value(check, each.expectations[check.setting])
            scope = ACCOUNT if level is Level.ACCOUNT else Scope(level, "x", status="active")
            found = verdicts(
                each.control.id,
                (ACCOUNT, {}),
                (scope, {SETTINGS: body_of(values)}),
                base=name,
                parameters=PARAMETERS,
                at=scope.id,
            )
            statuses = {found[s].status for s in (older.setting, newer.setting) if s in found}
            what = (name, each.control.id, older.setting, level)
            assert (FAIL in statuses) is not (older_right and newer_right), what
            if older_right != newer_right:
                outcomes = " ".join(found[s].detail for s in values if s in found)
                assert "disagrees" in outcomes or "says otherwise" in outcomes, what


def test_a_basic_user_whose_older_key_shows_the_licence_is_not_excused() -> None:
    basic = Scope(Level.USER, "u1", licence=1, status="active")
    found = verdicts(
        "AI-18", (basic, {SETTINGS: nested("feature.zoom_iq_for_sales", True)}), at="u1"
    )
    assert [(s, v.status) for s, v in found.items()] == [("feature.zoom_iq_for_sales", FAIL)]


# Keys whose parent is inferred

SOUGHT = [
    (each, check)
    for each in BASELINES["strict"].assessed.values()
    for check in each.control.checks
    if check.find_key is not None and check.setting in each.expectations
    if check.type == ("boolean",) and Level.ACCOUNT in check.levels
]


@FIXED
@given(data=st.data())
def test_the_worst_of_all_places_counts(data: st.DataObject) -> None:
    each, check = data.draw(st.sampled_from(SOUGHT))
    _, _, rest = f".{check.setting}.".partition(f".{check.find_key}.")
    below = ".".join(filter(None, (check.find_key, rest.strip("."))))
    wish = each.expectations[check.setting]
    right, wrong = passing(check, wish), failing(check, wish)
    sections = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True))
    places = {
        f"{section}.{below}": data.draw(st.sampled_from([right, wrong, "?"]))
        for section in sections
    }
    if check.parent or check.only_when:
        return
    found = of_account(each.control.id, body_of(places), parameters=PARAMETERS)[check.setting]
    expected = FAIL if wrong in places.values() else UNKNOWN if "?" in places.values() else PASS
    assert found.status is expected
    if len(places) > 1:
        assert all(path in found.detail for path in places)


# Latent children

CHILDREN = [
    (each, check)
    for each in BASELINES["strict"].assessed.values()
    for check in each.control.checks
    if check.parent is not None and check.setting in each.expectations
    if Level.ACCOUNT in check.levels and check.legacy_of is None
]


@pytest.mark.parametrize("parent", [True, False, "off", None])
def test_a_child_that_is_on_below_a_switch_that_is_off_is_one_severity_lower(
    parent: bool | str | None,
) -> None:
    assert len(CHILDREN) > 8
    for each, check in CHILDREN:
        values = {check.setting: failing(check, each.expectations[check.setting])}
        if parent is not None:
            values[str(check.parent)] = parent
        found = of_account(each.control.id, body_of(values), parameters=PARAMETERS)[check.setting]
        is_latent = parent is False
        assert (found.status, found.latent) == (FAIL, is_latent), check.setting
        severity = each.severity.lowered if is_latent else each.severity
        assert found.severity is severity, check.setting
        assert ("Latent: " in found.detail) is is_latent


def test_every_switch_beside_a_documented_enable_is_its_child_or_bound_to_it() -> None:
    known = set(documented.settings())
    free = [
        check.setting
        for control in CATALOGUE
        for check in control.checks
        for parent in (f"{check.setting.rpartition('.')[0]}.enable",)
        if parent in known and parent != check.setting and "boolean" in check.type
        if check.parent is None and check.only_when is None
    ]
    assert free == []


def test_low_stays_low() -> None:
    assert [each.lowered for each in Severity] == [*list(Severity)[1:], Severity.LOW]


# Locks


@pytest.mark.parametrize("flag", [{"unlocked": True}, {"enable": True}, {"a": True}, {}, [True]])
def test_a_lock_of_no_documented_shape_is_unknown(flag: dict[str, bool] | list[bool]) -> None:
    for control in ("RC-02", "AI-01", "TP-01"):
        expectation = BASELINES["strict"].only(frozenset({control}))
        for check in expectation.assessed[control].control.checks:
            if check.lock is None or check.lock_inferred:
                continue
            body = nested(check.lock, flag)
            found = evaluated(snapshot_of((ACCOUNT, {SETTINGS: {}, LOCKS: body})), expectation)
            (lock,) = [
                v
                for _, v in scope_verdicts(found)
                if v.kind == "lock" and v.setting == check.setting
            ]
            assert (lock.status, lock.cause) == (UNKNOWN, Cause.WRONG_TYPE)


# Change records


@pytest.mark.parametrize(
    ("detail", "matches"),
    [
        ("Security - Require a passcode: from On to Off (CHG-104)", True),
        ("Security - Require a passcode: from On to Off (CHG-1042)", False),
        ("chg-104 Summary: from On to Off", True),
        ("for CHG-104", True),
        ("for XCHG-104", False),
        ("for CHG-104-2", False),
        ("for CHG-104.2", False),
        ("see https://tickets.example/CHG-104", True),
        ("chg-104@example.com changed it", False),
        ("Edit Group CHG-104 - Meeting summary: from Off to On", False),
        ("Edit Group A - CHG-104 - Meeting summary: from Off to On", False),
        ("Add Group CHG-104", False),
        ("Change Role - CHG-104: from User to Co-Owner", False),
        ("delete user - CHG-104", False),
        ("Update User a@b.example - Job Title: set to CHG-104", False),
        ("Meeting topic: from A to CHG-104", False),
        ('Update Meeting "CHG-104" - Passcode: from On to Off', False),
        ("Edit Group Sales - Meeting summary: from Off to On (CHG-104)", True),
        ("Update user settings CHG-104", True),
    ],
)
def test_a_change_record_is_a_whole_word_outside_of_names(detail: str, matches: bool) -> None:
    entry = {"time": "2026-11-20", "operator": "CHG-104", "category": "CHG-104", "detail": detail}
    found = verdicts(
        "CC-04", (ACCOUNT, {LOGS: {"entries": [entry]}}), parameters={"change_records": ["CHG-104"]}
    )
    assert [v.status for v in found.values()] == [PASS if matches else FAIL]


def test_a_blank_record_matches_nothing() -> None:
    entry = {"detail": "Security - Require a passcode: from On to Off"}
    found = verdicts(
        "CC-04", (ACCOUNT, {LOGS: {"entries": [entry]}}), parameters={"change_records": ["", " "]}
    )
    assert [v.status for v in found.values()] == [FAIL]


@pytest.mark.parametrize("text", ["", "x" * 9000, "Edit " * 900, "Group", ":", " - ", "a: from to"])
def test_any_text_of_the_log_can_be_taken_apart(text: str) -> None:
    assert isinstance(outside_names(text), str)


# Periods


@pytest.mark.parametrize("value", ["forever", "-1", "never", ""])
@pytest.mark.parametrize("base", ["strict", "regulated"])
def test_a_text_in_place_of_a_period_is_unknown_whoever_set_the_period(
    base: str, value: str
) -> None:
    channels = "chat.set_retention_period_in_cloud.retention_period_of_channels"
    found = of_account(
        "RT-02", nested(channels, value), base=base, parameters={"chat_retention": "1y"}
    )[channels]
    assert (found.status, found.cause) == (UNKNOWN, Cause.UNDOCUMENTED_VALUE)


@pytest.mark.parametrize(
    ("items", "status"),
    [
        ([{"type": "callLog", "duration": -1}], FAIL),
        ([{"type": "voicemail", "duration": 9}, {"type": "callLog", "duration": -1}], FAIL),
        ([{"type": "voicemail", "duration": 9}], PASS),
        ([], UNKNOWN),
        ([{"type": "voicemail"}], UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_phone_data_that_is_kept_without_end_deviates_for_each_kind(
    items: Json, status: Status
) -> None:
    body: dict[str, Any] = {"enable": True, "locked": True}
    if items is not None:
        body["items"] = items
    scope = (PHONE_ACCOUNT, {PHONE: {"auto_delete_data_after_retention_duration": body}})
    found = verdicts("RT-05", scope)
    assert found["auto_delete_data_after_retention_duration.items"].status is status


# Nobody may


def test_an_empty_list_allows_nobody_whatever_the_groups() -> None:
    user = Scope(Level.USER, "u1", group_ids=("g1",), licence=2, status="active")
    body = {SETTINGS: nested("feature.zoom_revenue_accelerator", True)}
    listings = {**LISTED, View("groups"): Cause.DENIED}
    for listed, status in (([], FAIL), (["Sales"], UNKNOWN)):
        found = verdicts(
            "AI-18",
            (user, body),
            base="consent-first",
            parameters={"zra_allowed_groups": listed},
            listings=listings,
            at="u1",
        )
        assert found["feature.zoom_revenue_accelerator"].status is status


# On, and allowed


def test_what_is_on_because_a_parameter_allows_it_is_counted_apart() -> None:
    user = Scope(Level.USER, "u1", group_ids=("g1",), licence=2, status="active")
    key = "in_meeting.meeting_summary_with_ai_companion.enable"
    expectation = BASELINES["regulated"].only(frozenset({"AI-01"}))
    for value, allowed in ((True, 1), (False, 0)):
        found = evaluated(
            snapshot_of((user, {SETTINGS: nested(key, value)})),
            expectation,
            {"ai_allowed_groups": ["g1"]},
        )
        assert found.summary.allowed == allowed
        assert found.summary.by_status[Status.NOT_APPLICABLE] == 1
        outcomes = {
            outcome(v) for s, v in scope_verdicts(found) if s.id == "u1" and v.kind == "value"
        }
        (text,) = outcomes
        assert ("allowed by ai_allowed_groups" in text) == value

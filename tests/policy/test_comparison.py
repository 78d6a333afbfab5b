"""Comparing baselines: exactly the settings for which no value meets both."""

from itertools import combinations
from typing import Any

import pytest

from auditor.evidence.reading import JsonValue
from auditor.policy.catalogue.controls import Check
from auditor.policy.catalogue.values import values_around
from auditor.policy.evaluation.comparison import conflicts
from tests.builders import Parameters, baseline_of, check, expected_control
from tests.names import same_everywhere
from tests.policy.samples import BASELINES

SHARING = ["all", "host", "none"]
TEXT = check(type="string", values=SHARING)
NUMBER = check(type="integer")
DURATION = check(type="string")
LIST = check(type="array", values=["US", "CA"])
OBJECTS = check(type="object")
REGIONS = {"allowed_regions": ["US"]}


def clash(
    one_check: Check,
    one: Any,
    other: Any,
    first: Parameters | None = None,
    second: Parameters | None = None,
) -> list[tuple[str, str, str]]:
    found = list(
        conflicts(
            baseline_of(expected_control(one_check, op=one), parameters=first),
            baseline_of(expected_control(one_check, op=other), parameters=second),
        )
    )
    return [(each.setting, each.one.expectation.op, each.other.expectation.op) for each in found]


@pytest.mark.parametrize(
    ("expected", "candidates"),
    [
        (True, [True]),
        (30, [30, 29, 31]),
        ("all", ["all", "another value"]),
        ("90d", ["90d", "1d", "100y"]),
        ([1, "host"], [1, 0, 2, "host", "another value"]),
        ([], []),
    ],
)
def test_values_are_compared_at_and_around_what_is_expected(
    expected: JsonValue, candidates: list[JsonValue]
) -> None:
    assert values_around(expected) == candidates


def op(name: str, value: Any = None, **fields: Any) -> dict[str, Any]:
    return {"op": name, **({} if value is None else {"value": value}), **fields}


@pytest.mark.parametrize(
    ("one_check", "one", "other"),
    [
        (check(), True, False),
        (check(), True, op("off")),
        (check(), op("neq", True), True),
        (TEXT, "all", "none"),
        (TEXT, op("in", ["all", "host"]), "none"),
        (TEXT, op("in", ["all", "host"]), op("in", ["none"])),
        (TEXT, op("in_ci", ["ALL"]), op("neq", "all")),
        (TEXT, op("neq", "all"), "all"),
        (NUMBER, 30, 60),
        (NUMBER, op("lte", 30), op("gte", 31)),
        (NUMBER, op("between", [1, 5]), op("gte", 6)),
        (NUMBER, op("between", [1, 5]), op("between", [6, 9])),
        (NUMBER, op("lte", 30), 31),
        (NUMBER, op("in", [30, 60]), op("gte", 90)),
        (DURATION, "2y", op("duration_lte", "1y")),
        (DURATION, "30d", "60d"),
        (check(), op("off"), op("neq", False)),
        (LIST, ["US"], ["CA"]),
        (LIST, ["US"], op("disjoint_from", ["US"])),
        (LIST, op("disjoint_from", ["US"]), op("superset_of_param", param="allowed_regions")),
        (OBJECTS, op("eq", {"a": 1}), op("eq", {"a": 2})),
    ],
    ids=same_everywhere,
)
def test_opposite_wishes_are_a_conflict_whichever_comes_first(
    one_check: Check, one: Any, other: Any
) -> None:
    assert len(clash(one_check, one, other, REGIONS, REGIONS)) == 1
    assert len(clash(one_check, other, one, REGIONS, REGIONS)) == 1


@pytest.mark.parametrize(
    ("one_check", "one", "other"),
    [
        (check(), False, False),
        (check(), False, op("off")),
        (check(), op("neq", True), False),
        (TEXT, op("in", ["all", "host"]), op("in", ["host", "none"])),
        (TEXT, op("neq", "all"), "none"),
        (TEXT, op("neq", "all"), op("neq", "none")),
        (NUMBER, op("lte", 30), op("lte", 60)),
        (NUMBER, op("lte", 30), op("gte", 30)),
        (NUMBER, op("lte", 60), op("gte", 30)),
        (NUMBER, op("between", [1, 5]), op("between", [5, 9])),
        (NUMBER, op("in", [30, 60]), op("gte", 60)),
        (NUMBER, op("neq", 30), op("lte", 30)),
        (DURATION, op("duration_lte", "1y"), op("duration_lte", "30d")),
        (DURATION, "30d", op("duration_lte", "1y")),
        (LIST, op("disjoint_from", ["US"]), op("disjoint_from", ["CA"])),
        (LIST, op("disjoint_from", ["US"]), op("neq", [])),
        (LIST, op("disjoint_from", ["CA"]), op("superset_of_param", param="allowed_regions")),
        (LIST, op("subset_of_param", param="allowed_regions"), ["US"]),
        (LIST, op("subset_of_param", param="allowed_regions"), op("disjoint_from", ["US"])),
        (OBJECTS, op("eq", {"a": 1}), op("eq", {"a": 1})),
    ],
    ids=same_everywhere,
)
def test_wishes_that_one_value_meets_are_no_conflict(
    one_check: Check, one: Any, other: Any
) -> None:
    assert clash(one_check, one, other, REGIONS, REGIONS) == []
    assert clash(one_check, other, one, REGIONS, REGIONS) == []


def test_the_documented_values_decide_where_there_are_any() -> None:
    in_between = check(type="integer", values=[10, 90])
    assert clash(in_between, op("between", [20, 80]), op("lte", 50)) == []
    assert clash(in_between, op("lte", 50), op("gte", 50)) != []


PARAM = op("org_param", param="qos_level")


def test_what_depends_on_a_parameter_that_is_not_set_is_left_out() -> None:
    assert clash(NUMBER, PARAM, 3) == []
    assert clash(NUMBER, PARAM, 3, first={"qos_level": 1}) == [
        ("in_meeting.thing", "org_param", "eq")
    ]
    assert clash(NUMBER, PARAM, 3, first={"qos_level": 3}) == []


def test_each_side_is_judged_with_its_own_parameters() -> None:
    assert clash(NUMBER, PARAM, PARAM, {"qos_level": 1}, {"qos_level": 1}) == []
    assert clash(NUMBER, PARAM, PARAM, {"qos_level": 1}, {"qos_level": 2}) != []
    assert clash(NUMBER, PARAM, PARAM, {"qos_level": 1}) == []


def test_a_wish_that_nothing_meets_conflicts_with_nothing() -> None:
    assert clash(TEXT, "nobody", "all") == []


def test_controls_of_different_ids_are_compared_where_they_read_one_setting() -> None:
    one = baseline_of(
        expected_control(check("a.x"), op=True), expected_control(check("a.y"), op=True, id="AI-02")
    )
    other = baseline_of(
        expected_control(check("a.y"), op=False, id="CIS-1"),
        expected_control(check("a.x"), op=False, id="CIS-2"),
        expected_control(check("a.z"), op=False, id="CIS-3"),
    )
    found = [(each.setting, each.one.control, each.other.control) for each in conflicts(one, other)]
    assert found == [("a.x", "AI-01", "CIS-2"), ("a.y", "AI-02", "CIS-1")]


@pytest.mark.parametrize("name", BASELINES)
def test_no_shipped_baseline_contradicts_itself(name: str) -> None:
    assert list(conflicts(BASELINES[name], BASELINES[name])) == []


CIS = "cis-zoom-1.0"
EVERYWHERE = {
    "chat.set_retention_period_in_local.enable": {("CIS-2.1.4.2", "RT-03")},
    "in_meeting.auto_saving_chat": {("CIS-1.1.3.9", "CH-02")},
    "in_meeting.feedback": {("CIS-1.1.3.10", "TM-01")},
    "recording.local_recording": {("CIS-1.2.1.1", "RC-02")},
}
"""What CIS wants kept or shown and every baseline of ours wants off."""
AUTOMATIC = {"recording.auto_recording": {("CIS-1.2.4.1", "RC-03"), ("CIS-1.2.4.2", "RC-03")}}
CHAT = {
    "recording.save_chat_text": {("CIS-1.2.2.6", "CH-03")},
    "recording.save_panelist_chat": {("CIS-1.2.3.5", "CH-03")},
}
STRICTER = {
    "in_meeting.allow_participants_to_rename": {("CIS-1.1.3.20", "IA-04")},
    "other_options.allow_users_contact_support_via_chat": {("CIS-1.1.7.4", "TM-02")},
    "recording.cloud_recording_download": {("CIS-1.2.5.1", "RC-08")},
    "recording.record_files_separately.active_speaker": {("CIS-1.2.2.4", "RC-10")},
    "recording.record_files_separately.gallery_view": {("CIS-1.2.2.4", "RC-10")},
}
NO_CLOUD = {
    "recording.allow_recovery_deleted_cloud_recordings": {("CIS-1.2.12", "RT-01")},
    "recording.cloud_recording": {("CIS-1.2.2.1", "RC-01")},
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("consent-first", {**EVERYWHERE, **AUTOMATIC, **CHAT}),
        ("education", {**EVERYWHERE, **AUTOMATIC, **CHAT, **STRICTER}),
        ("regulated", {**EVERYWHERE, **STRICTER}),
        ("strict", {**EVERYWHERE, **AUTOMATIC, **CHAT, **STRICTER, **NO_CLOUD}),
    ],
)
def test_conflicts_of_the_benchmark_with_privacy_are_listed(
    name: str, expected: dict[str, set[tuple[str, str]]]
) -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for each in conflicts(BASELINES[CIS], BASELINES[name]):
        found.setdefault(each.setting, set()).add((each.one.control, each.other.control))
    assert found == expected


@pytest.mark.parametrize(
    ("one", "other"), list(combinations([name for name in BASELINES if name != CIS], 2))
)
def test_our_own_baselines_differ_only_in_how_strict_they_are(one: str, other: str) -> None:
    assert list(conflicts(BASELINES[one], BASELINES[other])) == []

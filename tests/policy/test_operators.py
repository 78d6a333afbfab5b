"""Operators: the values that each accepts, rejects and cannot compare."""

from typing import Any

import pytest
from pydantic import ValidationError

from auditor.evidence.reading import JsonValue
from auditor.policy.catalogue.operators import OPERATORS, Expectation, writes
from auditor.policy.catalogue.outcome import Context, Deviates, Meets, Unclear, Undecided
from auditor.policy.catalogue.permissiveness import (
    Deviations,
    IsMorePermissive,
    if_longer,
    if_more_beyond,
    if_shorter,
)
from auditor.policy.catalogue.values import iter_leaves, json_equal, json_type

PARAMETERS: dict[str, Any] = {
    "groups": ["Clinical Ops", "g7"],
    "regions": ["US", "ca"],
    "one": "US",
    "numbers": [30, 60],
    "days": 90,
    "keep": "1y",
    "yes": True,
    "no": False,
    "none": [],
    "text": "enhanced",
}
ANYTHING: list[Any] = [None, True, False, 0, 1, -1, 2.5, "", "false", "off", [], {}, [1], {"a": {}}]


def outcome(op: str, observed: Any, *, groups: tuple[str, ...] = (), **arguments: Any) -> Any:
    context = Context(PARAMETERS, setting="in_meeting.thing", groups=frozenset(groups))
    return Expectation(op=op, **arguments).judge(observed, context)


def kind(op: str, observed: Any, **arguments: Any) -> str:
    found = outcome(op, observed, **arguments)
    return f"unclear: {found.cause}" if isinstance(found, Unclear) else type(found).__name__


MEETS, DEVIATES, UNDECIDED = "Meets", "Deviates", "Undecided"
WRONG_TYPE, ABSENT = "unclear: wrong_type", "unclear: absent"
UNDOCUMENTED = "unclear: undocumented_value"


def value(expectation: Any) -> dict[str, Any]:
    return {"value": expectation}


def param(name: str) -> dict[str, Any]:
    return {"param": name}


def kept(duration: Any) -> dict[str, Any]:
    return {"type": "voicemail", "duration": duration, "time_unit": "day"}


CASES: list[tuple[str, dict[str, Any], Any, str]] = [
    ("off", {}, False, MEETS),
    ("off", {}, True, DEVIATES),
    ("off", {}, {"enable": False}, MEETS),
    ("off", {}, {"enabled": False, "more": 1}, MEETS),
    ("off", {}, {"enable": True}, DEVIATES),
    ("off", {}, {"enable": False, "enabled": True}, DEVIATES),
    ("off", {}, {"enable": "false"}, UNDOCUMENTED),
    ("off", {}, {"enable": False, "enabled": 0}, UNDOCUMENTED),
    ("off", {}, {"enable": None}, UNDOCUMENTED),
    ("off", {}, {}, UNDOCUMENTED),
    ("off", {}, {"other": False}, UNDOCUMENTED),
    ("off", {}, "off", WRONG_TYPE),
    ("off", {}, 0, WRONG_TYPE),
    ("off", {}, None, WRONG_TYPE),
    ("off", {}, [], WRONG_TYPE),
    ("eq", value(False), False, MEETS),
    ("eq", value(False), True, DEVIATES),
    ("eq", value(False), 0, DEVIATES),
    ("eq", value(False), None, DEVIATES),
    ("eq", value(False), "", DEVIATES),
    ("eq", value(False), "false", DEVIATES),
    ("eq", value(1), True, DEVIATES),
    ("eq", value(1), 1.0, MEETS),
    ("eq", value("none"), "none", MEETS),
    ("eq", value("none"), "None", DEVIATES),
    ("eq", value(None), None, MEETS),
    ("eq", value([True, 1]), [True, 1], MEETS),
    ("eq", value([True, 1]), [1, True], DEVIATES),
    ("eq", value([1]), [1, 1], DEVIATES),
    ("eq", value({"a": False}), {"a": False}, MEETS),
    ("eq", value({"a": False}), {"a": 0}, DEVIATES),
    ("eq", value({"a": False}), {"a": False, "b": 1}, DEVIATES),
    ("neq", value("none"), "cloud", MEETS),
    ("neq", value("none"), "none", DEVIATES),
    ("neq", value("none"), None, WRONG_TYPE),
    ("neq", value("none"), 0, WRONG_TYPE),
    ("neq", value(0), False, WRONG_TYPE),
    ("neq", value(True), 1, WRONG_TYPE),
    ("in", value([1, 2]), 2, MEETS),
    ("in", value([1, 2]), 3, DEVIATES),
    ("in", value([1, 2]), True, DEVIATES),
    ("in", value([1, 2]), "1", DEVIATES),
    ("in", value([]), 1, DEVIATES),
    ("in_ci", value(["All participants"]), " ALL participants ", MEETS),
    ("in_ci", value(["All participants"]), "guests", DEVIATES),
    ("in_ci", value(["All participants"]), "", DEVIATES),
    ("in_ci", value([1]), "1", DEVIATES),
    ("in_ci", value(["1"]), 1, WRONG_TYPE),
    ("in_ci", value(["true"]), True, WRONG_TYPE),
    ("lte", value(5), 5, MEETS),
    ("lte", value(5), 4.9, MEETS),
    ("lte", value(5), 6, DEVIATES),
    ("lte", value(5), True, WRONG_TYPE),
    ("lte", value(5), "4", WRONG_TYPE),
    ("lte", value(5), None, WRONG_TYPE),
    ("gte", value(5), 5, MEETS),
    ("gte", value(5), 4, DEVIATES),
    ("gte", value(0), False, WRONG_TYPE),
    ("gte", value(5), "6", WRONG_TYPE),
    ("between", value([8, 32]), 8, MEETS),
    ("between", value([8, 32]), 32, MEETS),
    ("between", value([8, 32]), 7, DEVIATES),
    ("between", value([8, 32]), 33, DEVIATES),
    ("between", value([0, 1]), True, WRONG_TYPE),
    ("between", value([8, 32]), "9", WRONG_TYPE),
    ("duration_lte", value("90d"), "90d", MEETS),
    ("duration_lte", value("1y"), "12m", MEETS),
    ("duration_lte", value("1y"), "365D", MEETS),
    ("duration_lte", value("90d"), "91d", DEVIATES),
    ("duration_lte", value("90d"), "1y", DEVIATES),
    ("duration_lte", value("90d"), "0d", UNDOCUMENTED),
    ("duration_lte", value("90d"), "", UNDOCUMENTED),
    ("duration_lte", value("90d"), "never", UNDOCUMENTED),
    ("duration_lte", value("90d"), "-5d", UNDOCUMENTED),
    ("duration_lte", value("90d"), 30, WRONG_TYPE),
    ("duration_lte", value("90d"), None, WRONG_TYPE),
    ("subset_of_param", param("regions"), ["us", "CA"], MEETS),
    ("subset_of_param", param("regions"), [], MEETS),
    ("subset_of_param", param("regions"), ["US", "DE"], DEVIATES),
    ("subset_of_param", param("one"), ["US"], MEETS),
    ("subset_of_param", param("none"), ["US"], DEVIATES),
    ("subset_of_param", param("regions"), "US", WRONG_TYPE),
    ("subset_of_param", param("regions"), ["US", 1], WRONG_TYPE),
    ("subset_of_param", param("regions"), None, WRONG_TYPE),
    ("subset_of_param", param("unset"), ["US"], UNDECIDED),
    ("superset_of_param", param("regions"), ["us", "ca", "de"], MEETS),
    ("superset_of_param", param("regions"), ["US"], DEVIATES),
    ("superset_of_param", param("regions"), [], DEVIATES),
    ("superset_of_param", param("none"), [], MEETS),
    ("superset_of_param", param("regions"), "US", WRONG_TYPE),
    ("superset_of_param", param("regions"), [True], WRONG_TYPE),
    ("superset_of_param", param("unset"), [], UNDECIDED),
    ("in_param", param("regions"), "Us", MEETS),
    ("in_param", param("one"), "us", MEETS),
    ("in_param", param("regions"), "DE", DEVIATES),
    ("in_param", param("none"), "", DEVIATES),
    ("in_param", param("regions"), ["US"], WRONG_TYPE),
    ("in_param", param("yes"), True, WRONG_TYPE),
    ("in_param", param("regions"), None, WRONG_TYPE),
    ("in_param", param("unset"), "US", UNDECIDED),
    ("none_unlimited", {}, [kept(1), kept(365)], MEETS),
    ("none_unlimited", {}, [kept(1), kept(-1)], DEVIATES),
    ("none_unlimited", {}, [kept(-1), kept("x")], DEVIATES),
    ("none_unlimited", {}, [], ABSENT),
    ("none_unlimited", {}, [kept(0)], UNDOCUMENTED),
    ("none_unlimited", {}, [kept(-2)], UNDOCUMENTED),
    ("none_unlimited", {}, [kept(True)], UNDOCUMENTED),
    ("none_unlimited", {}, [{}], UNDOCUMENTED),
    ("none_unlimited", {}, ["x"], UNDOCUMENTED),
    ("none_unlimited", {}, {"duration": 1}, WRONG_TYPE),
    ("org_param", param("yes"), True, MEETS),
    ("org_param", param("yes"), False, DEVIATES),
    ("org_param", param("no"), False, MEETS),
    ("org_param", param("no"), 0, WRONG_TYPE),
    ("org_param", param("yes"), "true", WRONG_TYPE),
    ("org_param", param("no"), None, WRONG_TYPE),
    ("org_param", param("days"), 90, MEETS),
    ("org_param", param("days"), 30, DEVIATES),
    ("org_param", param("days"), True, WRONG_TYPE),
    ("org_param", param("days"), "90", WRONG_TYPE),
    ("org_param", param("keep"), "12m", MEETS),
    ("org_param", param("keep"), "2y", DEVIATES),
    ("org_param", param("keep"), "forever", UNDOCUMENTED),
    ("org_param", param("keep"), "-1", UNDOCUMENTED),
    ("org_param", param("keep"), 365, WRONG_TYPE),
    ("org_param", param("text"), "enhanced", MEETS),
    ("org_param", param("text"), "Enhanced", DEVIATES),
    ("org_param", param("numbers"), 30, MEETS),
    ("org_param", param("numbers"), 90, DEVIATES),
    ("org_param", param("numbers"), None, DEVIATES),
    ("org_param", param("numbers"), [60, 30], MEETS),
    ("org_param", param("numbers"), [30], DEVIATES),
    ("org_param", param("numbers"), [30, 30], DEVIATES),
    ("org_param", param("numbers"), [30, 60, 90], DEVIATES),
    ("org_param", param("unset"), True, UNDECIDED),
    ("disjoint_from", value(["facebook"]), ["youtube"], MEETS),
    ("disjoint_from", value(["facebook"]), [], MEETS),
    ("disjoint_from", value(["facebook"]), ["youtube", "Facebook"], DEVIATES),
    ("disjoint_from", value(["facebook"]), "facebook", WRONG_TYPE),
    ("disjoint_from", value(["facebook"]), [None], WRONG_TYPE),
    ("none_equal", value("no"), ["yes", None], MEETS),
    ("none_equal", value("no"), ["yes", "no"], DEVIATES),
    ("none_equal", value(0), [False], MEETS),
    ("none_equal", value("no"), [], ABSENT),
    ("none_equal", value("no"), "yes", WRONG_TYPE),
    ("none_equal", value("no"), None, WRONG_TYPE),
    ("no_true_leaf_except_param", param("flags"), {"a": False, "b": {"c": False}}, MEETS),
    ("no_true_leaf_except_param", param("flags"), {"a": False, "b": {"c": True}}, DEVIATES),
    ("no_true_leaf_except_param", param("flags"), {"a": True, "b": "x"}, DEVIATES),
    ("no_true_leaf_except_param", param("flags"), {"a": "true"}, UNDOCUMENTED),
    ("no_true_leaf_except_param", param("flags"), {"a": False, "b": 1}, UNDOCUMENTED),
    ("no_true_leaf_except_param", param("flags"), {"a": None}, UNDOCUMENTED),
    ("no_true_leaf_except_param", param("flags"), {"a": [{"b": True}]}, DEVIATES),
    ("no_true_leaf_except_param", param("flags"), {"a": []}, UNDOCUMENTED),
    ("no_true_leaf_except_param", param("flags"), {}, ABSENT),
    ("no_true_leaf_except_param", param("flags"), {"a": {"b": {}}}, ABSENT),
    ("no_true_leaf_except_param", param("flags"), False, WRONG_TYPE),
    ("no_true_leaf_except_param", param("flags"), [], WRONG_TYPE),
    ("user_in_group_param", param("groups"), False, MEETS),
    ("user_in_group_param", param("unset"), False, MEETS),
    ("user_in_group_param", param("groups"), True, DEVIATES),
    ("user_in_group_param", param("unset"), True, UNDECIDED),
    ("user_in_group_param", param("groups"), 0, WRONG_TYPE),
    ("user_in_group_param", param("groups"), "false", WRONG_TYPE),
    ("user_in_group_param", param("groups"), None, WRONG_TYPE),
    ("on", {}, True, MEETS),
    ("on", {}, False, DEVIATES),
    ("on", {}, {"enable": True, "extra": False}, MEETS),
    ("on", {}, {"enable": True, "enabled": False}, DEVIATES),
    ("on", {}, {"mode": "strict"}, UNDOCUMENTED),
    ("on", {}, {"enable": "yes"}, UNDOCUMENTED),
    ("on", {}, "true", WRONG_TYPE),
    ("off_unless_param", param("unset"), False, MEETS),
    ("off_unless_param", param("unset"), {"enable": False}, MEETS),
    ("off_unless_param", param("unset"), True, UNDECIDED),
    ("off_unless_param", param("text"), True, UNDECIDED),
    ("off_unless_param", param("yes"), True, MEETS),
    ("off_unless_param", param("no"), {"enable": True}, DEVIATES),
    ("off_unless_param", param("yes"), {"mode": 1}, UNDOCUMENTED),
    ("off_unless_param", param("yes"), 1, WRONG_TYPE),
    ("no_item_except_param", param("groups"), ["clinical ops"], MEETS),
    ("no_item_except_param", param("groups"), ["clinical ops", "x"], DEVIATES),
    ("no_item_except_param", param("unset"), [], MEETS),
    ("no_item_except_param", param("unset"), ["x"], DEVIATES),
    ("no_item_except_param", param("unset"), "x", WRONG_TYPE),
    ("no_item_except_param", param("unset"), [1], WRONG_TYPE),
    ("agreed", param("unset"), {"agree": 3, "cancel": 1}, MEETS),
    ("agreed", param("unset"), {"decline attend": 1}, MEETS),
    ("agreed", param("unset"), {"agree": 3, "passive agree": 1}, UNDECIDED),
    ("agreed", param("no"), {"agree": 3, "passive agree": 1}, DEVIATES),
    ("agreed", param("yes"), {"passive agree": 1}, MEETS),
    ("agreed", param("text"), {"passive agree": 1}, UNDECIDED),
    ("agreed", param("yes"), {}, ABSENT),
    ("agreed", param("yes"), {"agree": 0}, ABSENT),
    ("agreed", param("yes"), {"agree": "many"}, WRONG_TYPE),
    ("agreed", param("yes"), {"agree": True}, WRONG_TYPE),
    ("agreed", param("yes"), ["agree"], WRONG_TYPE),
    ("notified", {}, {"passive agree": 1}, MEETS),
    ("notified", {}, {}, ABSENT),
    ("notified", {}, 1, WRONG_TYPE),
    ("unanswered", {}, {"agree": 1}, DEVIATES),
    ("unanswered", {}, {}, ABSENT),
    ("unanswered", {}, None, WRONG_TYPE),
    ("unanswered_unless_param", param("yes"), {"agree": 1}, MEETS),
    ("unanswered_unless_param", param("no"), {"agree": 1}, DEVIATES),
    ("unanswered_unless_param", param("unset"), {"agree": 1}, UNDECIDED),
    ("unanswered_unless_param", param("yes"), {"agree": 0}, ABSENT),
    ("count_members_lte_param", param("days"), 90, MEETS),
    ("count_members_lte_param", param("days"), 91, DEVIATES),
    ("count_members_lte_param", param("days"), 1.5, WRONG_TYPE),
    ("count_members_lte_param", param("days"), True, WRONG_TYPE),
    ("count_members_lte_param", param("days"), [], WRONG_TYPE),
    ("count_members_lte_param", param("yes"), 0, UNDECIDED),
    ("count_members_lte_param", param("unset"), 1, UNDECIDED),
    ("no_write_scopes", {}, ["user:read:admin", "account:read:settings:admin"], MEETS),
    ("no_write_scopes", {}, ["user:read:admin", "user:write:admin"], DEVIATES),
    ("no_write_scopes", {}, ["account:master"], DEVIATES),
    ("no_write_scopes", {}, [], ABSENT),
    ("no_write_scopes", {}, "user:read", WRONG_TYPE),
    ("no_write_scopes", {}, [1], WRONG_TYPE),
    ("no_looser", {}, [], MEETS),
    ("no_looser", {}, ["in_meeting.thing"], DEVIATES),
    ("no_looser", {}, {}, WRONG_TYPE),
    ("no_looser", {}, None, WRONG_TYPE),
    ("all_matched_to_change_record", param("groups"), [], MEETS),
    ("all_matched_to_change_record", param("groups"), ["done under G7 today"], MEETS),
    ("all_matched_to_change_record", param("groups"), ["G7", "who knows"], DEVIATES),
    ("all_matched_to_change_record", param("unset"), ["who knows"], UNDECIDED),
    ("all_matched_to_change_record", param("groups"), "G7", WRONG_TYPE),
    ("all_matched_to_change_record", param("groups"), [{"id": 1}], WRONG_TYPE),
    ("empty_or_triaged", param("groups"), [], MEETS),
    ("empty_or_triaged", param("groups"), ["G7"], MEETS),
    ("empty_or_triaged", param("groups"), ["g8"], DEVIATES),
    ("empty_or_triaged", param("unset"), ["g7"], DEVIATES),
    ("empty_or_triaged", param("unset"), [], MEETS),
    ("empty_or_triaged", param("groups"), None, WRONG_TYPE),
]


@pytest.mark.parametrize("op", sorted({op for op, *_ in CASES}))
def test_an_operator_compares_without_guessing(op: str) -> None:
    wrong = [
        f"{op} {arguments} of {observed!r}: {found}, expected {expected}"
        for each, arguments, observed, expected in CASES
        if each == op and (found := kind(op, observed, **arguments)) != expected
    ]
    assert not wrong, "\n".join(wrong)


def test_every_operator_has_a_case_for_each_outcome_it_can_come_to() -> None:
    covered: dict[str, set[str]] = {name: set() for name in OPERATORS}
    for op, _, _, expected in CASES:
        covered[op].add(expected)
    # Whether people were asked, one answer shows, and no answers do not show the contrary.
    one_sided = {"not_assessed", "notified", "unanswered"}
    assert {op for op, found in covered.items() if not {MEETS, DEVIATES} <= found} == one_sided


@pytest.mark.parametrize("op", sorted(set(OPERATORS) - {"not_assessed"}))
def test_no_operator_breaks_on_any_json_value(op: str) -> None:
    operator = OPERATORS[op]
    examples: list[JsonValue] = ["x", [1], [1, 2], 1, "1d"]
    arguments = {
        "param": param("unset"),
        "value": value(next(each for each in examples if operator.argument.accepts(each))),
        "nothing": {},
    }[operator.takes]
    for observed in ANYTHING:
        found = outcome(op, observed, **arguments)
        assert isinstance(found, Meets | Deviates | Unclear | Undecided), observed


def test_a_user_in_a_listed_group_may_have_it_on() -> None:
    for groups in (("name:clinical ops",), ("id:g7",), ("name:other", "id:g7")):
        found = outcome("user_in_group_param", True, groups=groups, **param("groups"))
        assert found == Meets("groups")
    found = outcome("user_in_group_param", True, groups=("name:other",), **param("groups"))
    assert found == Deviates("on, but not a member of groups")


def test_a_single_group_name_works_like_a_list_of_one() -> None:
    found = outcome("user_in_group_param", True, groups=("name:us",), **param("one"))
    assert found == Meets("one")


@pytest.mark.parametrize("expectation", [["thing"], ["other", "thing"]])
def test_a_switch_named_like_an_item_may_be_on_only_if_listed(expectation: JsonValue) -> None:
    context = Context({"drives": expectation}, setting="in_meeting.thing")
    wish = Expectation(op="org_param", param="drives")
    assert wish.judge(True, context) == Meets("drives")
    assert wish.judge(False, context) == Meets()
    elsewhere = Context({"drives": expectation}, setting="in_meeting.box")
    assert wish.judge(True, elsewhere) == Deviates()
    assert wish.judge(False, elsewhere) == Meets()


@pytest.mark.parametrize("listed", ["b.c", "B.C", "in_meeting.thing.b.c"])
def test_a_listed_leaf_may_be_on_or_be_no_switch(listed: str) -> None:
    context = Context({"flags": [listed]}, setting="in_meeting.thing")
    wish = Expectation(op="no_true_leaf_except_param", param="flags")
    for observed, allowed_by in ((True, "flags"), ("routing", "")):
        assert wish.judge({"a": False, "b": {"c": observed}}, context) == Meets(allowed_by)


NAMES: dict[str, Any] = {"names": ["a", "b"], "limit": 2, "word": "all", "several": "many"}


def detail_of(op: str, observed: Any, **arguments: Any) -> str:
    """What an operator says of a value that does not meet it."""
    found = Expectation(op=op, **arguments).judge(observed, Context(NAMES, "x.y"))
    assert isinstance(found, Deviates | Unclear)
    return found.detail


OTHER_TYPES: list[tuple[str, dict[str, Any], Any, str]] = [
    ("agreed", {"param": "names"}, ["agree"], "numbers of answers"),
    ("agreed", {"param": "names"}, {"agree": "many"}, "numbers of answers"),
    ("none_unlimited", {}, {}, "a list"),
    ("off", {}, 1, "a boolean or an object"),
    ("neq", {"value": "a"}, True, "a string"),
    ("in_ci", {"value": ["a"]}, 1, "a string"),
    ("lte", {"value": 1}, "1", "a number"),
    ("lte", {"value": 1}, True, "a number"),
    ("between", {"value": [1, 2]}, "1", "a number"),
    (
        "duration_lte",
        {"value": "90d"},
        90,
        "a duration such as 90d or 1y",
    ),
    (
        "subset_of_param",
        {"param": "names"},
        "a",
        "a list of strings",
    ),
    (
        "superset_of_param",
        {"param": "names"},
        [1],
        "a list of strings",
    ),
    ("in_param", {"param": "names"}, {}, "a string"),
    ("org_param", {"param": "word"}, 7, "a string"),
    ("org_param", {"param": "limit"}, "2", "a number"),
    (
        "disjoint_from",
        {"value": ["a"]},
        "a",
        "a list of strings",
    ),
    ("none_equal", {"value": 1}, "a", "a list"),
    (
        "no_true_leaf_except_param",
        {"param": "names"},
        [],
        "an object",
    ),
    (
        "user_in_group_param",
        {"param": "names"},
        "on",
        "a boolean",
    ),
    (
        "count_members_lte_param",
        {"param": "limit"},
        "2",
        "a number of people",
    ),
    ("no_write_scopes", {}, "read", "a list of scopes"),
    ("no_looser", {}, {}, "a list"),
    (
        "all_matched_to_change_record",
        {"param": "names"},
        1,
        "a list of log entries",
    ),
    (
        "empty_or_triaged",
        {"param": "names"},
        1,
        "a list of settings",
    ),
]


def test_a_value_of_another_type_is_told_with_the_expected_one() -> None:
    for op, arguments, observed, expected in OTHER_TYPES:
        detail = f"expected {expected}, Zoom returned {json_type(observed)}"
        assert detail_of(op, observed, **arguments) == detail, op


@pytest.mark.parametrize(
    ("op", "observed", "word"),
    [
        ("off", {"x": 1}, " off"),
        ("on", {"x": 1}, " on"),
        ("none_equal", [], "list"),
        ("no_true_leaf_except_param", {}, "object"),
        ("no_write_scopes", [], "scopes"),
        ("unanswered", {}, "answered"),
    ],
)
def test_a_value_that_shows_nothing_says_what_is_missing(
    op: str, observed: JsonValue, word: str
) -> None:
    arguments = {"value": {"value": 1}, "param": param("names"), "nothing": {}}[OPERATORS[op].takes]
    detail = detail_of(op, observed, **arguments)
    assert word in detail


def test_a_switch_that_a_parameter_allows_names_the_parameter() -> None:
    assert outcome("off_unless_param", True, **param("yes")) == Meets("yes")
    assert outcome("off_unless_param", True, **param("no")) == Deviates()
    assert outcome("off_unless_param", True, **param("unset")) == Undecided("unset")


DEVIATING_PARTS: list[tuple[str, dict[str, Any], Any, str]] = [
    ("subset_of_param", {"param": "names"}, ["z", "a", "c"], "c, z"),
    ("superset_of_param", {"param": "names"}, ["c"], "a, b"),
    ("disjoint_from", {"value": ["A", "b"]}, ["b", "a", "c"], "a, b"),
    ("none_equal", {"value": "x"}, ["x", "y", "x"], "2 of 3 are 'x'"),
    (
        "no_true_leaf_except_param",
        {"param": "names"},
        {"d": True, "c": True, "a": True},
        "names: c, d",
    ),
    ("user_in_group_param", {"param": "names"}, True, "names"),
    ("no_write_scopes", {}, ["b:write", "a:update", "a:read"], "a:update, b:write"),
    (
        "all_matched_to_change_record",
        {"param": "several"},
        ["Many things", "one", "two"],
        "2 of 3",
    ),
    (
        "empty_or_triaged",
        {"param": "names"},
        ["z.new", "A", "b.new"],
        "b.new, z.new",
    ),
]


def test_a_deviation_names_what_of_the_value_is_wrong() -> None:
    for op, arguments, observed, part in DEVIATING_PARTS:
        assert part in detail_of(op, observed, **arguments), op


def test_a_value_that_is_no_switch_is_named() -> None:
    body = {"c": 1, "d": {"e": "on"}}
    assert detail_of("no_true_leaf_except_param", body, param="names").endswith(": c, d.e")


def test_a_limit_that_is_no_number_is_a_decision_that_was_not_made() -> None:
    wish = Expectation(op="count_members_lte_param", param="word")
    assert wish.judge(3, Context(NAMES)) == Undecided("word")


@pytest.mark.parametrize(("setting", "meets"), [("one.two.a", True), ("a.two.c", False)])
def test_a_switch_is_looked_up_by_the_last_part_of_its_path(setting: str, meets: bool) -> None:
    wish = Expectation(op="org_param", param="names")
    found = wish.judge(True, Context(NAMES, setting))
    assert isinstance(found, Deviates) is not meets


def test_a_text_is_not_compared_with_a_duration_it_does_not_have() -> None:
    wish = Expectation(op="org_param", param="word")
    assert isinstance(wish.judge("90d", Context(NAMES)), Deviates)


def test_a_check_that_is_not_assessed_is_never_judged() -> None:
    with pytest.raises(AssertionError, match="never judged"):
        outcome("not_assessed", False)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("user:read:settings:admin", False),
        ("user:read:admin", False),
        ("user:read", False),
        ("USER:Read:Settings", False),
        ("user:write:admin", True),
        ("user:update:settings:admin", True),
        ("meeting:delete:meeting", True),
        ("account:master", True),
        ("user", True),
        ("", True),
        ("read:user", True),
    ],
)
def test_only_the_verb_read_does_not_write(scope: str, expected: bool) -> None:
    assert writes(scope) is expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"op": "equals"}, 'no operator is called "equals".'),
        ({"op": "subset_of_parm"}, 'Did you mean "subset_of_param"?'),
        ({"op": "eq"}, 'the operator "eq" needs "value".'),
        ({"op": "in_param"}, 'the operator "in_param" needs "param".'),
        ({"op": "off", "value": False}, 'the operator "off" takes no "value".'),
        ({"op": "in_param", "param": "x", "value": 1}, 'the operator "in_param" takes no "value".'),
        ({"op": "off", "param": "x"}, 'the operator "off" takes no "param".'),
        ({"op": "eq", "value": 1, "param": "x"}, 'the operator "eq" takes no "param".'),
        ({"op": "in", "value": 1}, 'the operator "in" needs a list as "value".'),
        ({"op": "in_ci", "value": "a"}, 'the operator "in_ci" needs a list as "value".'),
        ({"op": "disjoint_from", "value": {}}, 'needs a list as "value".'),
        ({"op": "lte", "value": "5"}, 'the operator "lte" needs a number as "value".'),
        ({"op": "gte", "value": True}, 'the operator "gte" needs a number as "value".'),
        ({"op": "between", "value": [1]}, 'needs two numbers, the lower one first, as "value".'),
        (
            {"op": "between", "value": [2, 1]},
            'needs two numbers, the lower one first, as "value".',
        ),
        (
            {"op": "between", "value": [1, "2"]},
            'needs two numbers, the lower one first, as "value".',
        ),
        ({"op": "duration_lte", "value": 90}, 'needs a duration such as 90d as "value".'),
        ({"op": "duration_lte", "value": "0d"}, 'needs a duration such as 90d as "value".'),
        ({"op": "eq", "value": 1, "vaule": 2}, "Extra inputs are not permitted"),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_refused(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Expectation(**fields)
    assert message in str(caught.value)


def test_null_is_a_value_like_any_other() -> None:
    assert outcome("eq", None, value=None) == Meets()


def test_reports_show_the_parameter_with_its_value() -> None:
    wish = Expectation(op="in_param", param="regions")
    arguments_given = {"op": "in_param", "param": "regions"}
    assert wish.shown({"regions": ["US"]}) == {**arguments_given, "value": ["US"]}
    assert wish.shown({}) == {**arguments_given, "value": None}
    assert Expectation(op="eq", value=False).shown({}) == {"op": "eq", "value": False}


def test_json_equality_knows_types_at_every_depth() -> None:
    assert json_equal({"a": [True, {"b": 1}]}, {"a": [True, {"b": 1.0}]})
    assert not json_equal({"a": [True, {"b": 1}]}, {"a": [1, {"b": 1}]})
    assert not json_equal({"a": {"b": True}}, {"a": {"b": 1}})
    assert not json_equal([True], [1])
    assert not json_equal({}, [])


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "a number"),
        (1.5, "a number"),
        ("", "a string"),
        ([], "a list"),
        ({}, "an object"),
    ],
)
def test_kinds_are_those_of_json(observed: JsonValue, expected: str) -> None:
    assert json_type(observed) == expected


def test_leaves_have_dotted_paths_and_lists_of_objects_share_one() -> None:
    body: JsonValue = {
        "a": {"b": 1, "c": []},
        "d": [{"e": 1}, {"e": 2}],
        "f": ["x"],
        "g": {},
        "h": [[1]],
    }
    found = [("a.b", 1), ("a.c", []), ("d[].e", 1), ("d[].e", 2), ("f", ["x"]), ("h[]", [1])]
    assert list(iter_leaves(body)) == found
    assert list(iter_leaves(5)) == [("", 5)]


@pytest.mark.parametrize(
    ("order", "below", "above", "more"),
    [
        (if_longer, 2, 1, True),
        (if_longer, "1d", "2d", False),
        (if_longer, "1y", "365d", False),
        (if_longer, "forever", 1, None),
        (if_longer, 1, "forever", None),
        (if_longer, [3], 1, None),
        (if_longer, True, 0, None),
        (if_shorter, 1, 2, True),
        (if_shorter, 2, 1, False),
        (if_more_beyond, ["US", "CA"], ["CA"], False),
        (if_more_beyond, ["CN"], ["CA"], True),
    ],
)
def test_of_two_deviations_the_order_says_which_is_more_permissive(
    order: IsMorePermissive, below: JsonValue, above: JsonValue, more: bool | None
) -> None:
    assert order(Deviations(below, above, ["US"], "in_meeting.thing")) is more


def test_what_is_kept_without_limit_is_named_by_its_type_in_order() -> None:
    items = [{"type": "logs", "duration": -1}, {"duration": -1}, {"type": "chat", "duration": -1}]
    assert "an item without a type, chat, logs" in outcome("none_unlimited", items).detail
    strange = ["x", {"type": "chat", "duration": 0}, {"type": "logs", "duration": 30}]
    assert outcome("none_unlimited", strange).detail.endswith(": a string, chat")


def test_a_range_may_be_a_single_number() -> None:
    assert Expectation(op="between", value=[5, 5]).value == [5, 5]

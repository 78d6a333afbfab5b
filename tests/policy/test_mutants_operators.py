"""The details of operators: expected value, observed value, and the wrong part."""

from typing import Any

import pytest

from auditor.policy.catalogue.operators import Expectation
from auditor.policy.catalogue.outcome import Context, Deviates, Unclear, Undecided

PARAMETERS: dict[str, Any] = {"names": ["a", "b"], "limit": 2, "word": "all", "several": "many"}


def detail_of(op: str, observed: Any, setting: str = "x.y", **arguments: Any) -> str:
    """The sentence of an operator about a value that does not meet it."""
    found = Expectation(op=op, **arguments).judge(observed, Context(PARAMETERS, setting))
    assert isinstance(found, Deviates | Unclear)
    return found.detail


@pytest.mark.parametrize(
    ("op", "arguments", "observed", "sentence"),
    [
        ("off", {}, 1, "expected a boolean or an object, Zoom returned a number"),
        ("neq", {"value": "a"}, True, "expected a string, Zoom returned a boolean"),
        ("in_ci", {"value": ["a"]}, 1, "expected a string, Zoom returned a number"),
        ("lte", {"value": 1}, "1", "expected a number, Zoom returned a string"),
        ("lte", {"value": 1}, True, "expected a number, Zoom returned a boolean"),
        ("between", {"value": [1, 2]}, "1", "expected a number, Zoom returned a string"),
        (
            "duration_lte",
            {"value": "90d"},
            90,
            "expected a duration such as 90d or 1y, Zoom returned a number",
        ),
        (
            "subset_of_param",
            {"param": "names"},
            "a",
            "expected a list of strings, Zoom returned a string",
        ),
        (
            "superset_of_param",
            {"param": "names"},
            [1],
            "expected a list of strings, Zoom returned a list",
        ),
        ("in_param", {"param": "names"}, {}, "expected a string, Zoom returned an object"),
        ("org_param", {"param": "word"}, 7, "expected a string, Zoom returned a number"),
        ("org_param", {"param": "limit"}, "2", "expected a number, Zoom returned a string"),
        (
            "disjoint_from",
            {"value": ["a"]},
            "a",
            "expected a list of strings, Zoom returned a string",
        ),
        ("none_equal", {"value": 1}, "a", "expected a list, Zoom returned a string"),
        (
            "no_true_leaf_except_param",
            {"param": "names"},
            [],
            "expected an object, Zoom returned a list",
        ),
        (
            "user_in_group_param",
            {"param": "names"},
            "on",
            "expected a boolean, Zoom returned a string",
        ),
        (
            "count_members_lte_param",
            {"param": "limit"},
            "2",
            "expected a number of people, Zoom returned a string",
        ),
        ("no_write_scopes", {}, "read", "expected a list of scopes, Zoom returned a string"),
        ("no_looser", {}, {}, "expected a list, Zoom returned an object"),
        (
            "all_matched_to_change_record",
            {"param": "names"},
            1,
            "expected a list of log entries, Zoom returned a number",
        ),
        (
            "empty_or_triaged",
            {"param": "names"},
            1,
            "expected a list of settings, Zoom returned a number",
        ),
    ],
)
def test_a_value_of_another_type_is_told_as_expected_and_as_it_came(
    op: str, arguments: dict[str, Any], observed: Any, sentence: str
) -> None:
    assert detail_of(op, observed, **arguments) == sentence


@pytest.mark.parametrize(
    ("op", "arguments", "observed", "sentence"),
    [
        ("off", {}, {"x": 1}, "the object has no boolean enable, so nothing says that it is off"),
        ("duration_lte", {"value": "90d"}, "soon", '"soon" is not a duration such as 90d'),
        ("none_equal", {"value": 1}, [], "the list is empty, so nothing was seen"),
        ("no_write_scopes", {}, [], "the token response named no scopes"),
        (
            "no_true_leaf_except_param",
            {"param": "names"},
            {},
            "the object is empty, so nothing was seen",
        ),
        (
            "no_true_leaf_except_param",
            {"param": "names"},
            {"c": 1, "d": {"e": "on"}},
            "not a switch, so nobody can say whether it is on: c, d.e",
        ),
    ],
)
def test_a_value_that_says_nothing_is_told_as_such(
    op: str, arguments: dict[str, Any], observed: Any, sentence: str
) -> None:
    assert detail_of(op, observed, **arguments) == sentence


@pytest.mark.parametrize(
    ("op", "arguments", "observed", "sentence"),
    [
        ("subset_of_param", {"param": "names"}, ["z", "a", "c"], "not on the list names: c, z"),
        ("superset_of_param", {"param": "names"}, ["c"], "missing from the list: a, b"),
        ("disjoint_from", {"value": ["A", "b"]}, ["b", "a", "c"], "on the list: a, b"),
        ("none_equal", {"value": "x"}, ["x", "y", "x"], "2 of 3 are 'x'"),
        (
            "no_true_leaf_except_param",
            {"param": "names"},
            {"d": True, "c": True, "a": True},
            "on and not on the list names: c, d",
        ),
        ("user_in_group_param", {"param": "names"}, True, "on, but not a member of names"),
        ("no_write_scopes", {}, ["b:write", "a:update", "a:read"], "may write: a:update, b:write"),
        (
            "all_matched_to_change_record",
            {"param": "several"},
            ["Many things", "one", "two"],
            "2 of 3 changes match no record",
        ),
        (
            "empty_or_triaged",
            {"param": "names"},
            ["z.new", "A", "b.new"],
            "nobody has decided about: b.new, z.new",
        ),
    ],
)
def test_a_deviation_names_what_of_the_value_is_wrong(
    op: str, arguments: dict[str, Any], observed: Any, sentence: str
) -> None:
    assert detail_of(op, observed, **arguments) == sentence


def test_a_limit_that_is_no_number_is_a_decision_that_was_not_made() -> None:
    wish = Expectation(op="count_members_lte_param", param="word")
    assert wish.judge(3, Context(PARAMETERS)) == Undecided("word")


@pytest.mark.parametrize(("setting", "meets"), [("one.two.a", True), ("a.two.c", False)])
def test_a_switch_is_looked_up_by_the_last_part_of_its_path(setting: str, meets: bool) -> None:
    wish = Expectation(op="org_param", param="names")
    found = wish.judge(True, Context(PARAMETERS, setting))
    assert isinstance(found, Deviates) is not meets


def test_a_text_is_not_compared_with_a_duration_it_does_not_have() -> None:
    wish = Expectation(op="org_param", param="word")
    assert isinstance(wish.judge("90d", Context(PARAMETERS)), Deviates)

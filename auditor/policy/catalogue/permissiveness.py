"""Compares two deviating values: is the one at the lower level more permissive?"""

from auditor.evidence.reading import JsonValue
from auditor.findings.model import Verdict
from auditor.policy.catalogue.duration import days
from auditor.policy.catalogue.values import casefold_set, iter_leaves, json_equal, strings


def is_more_permissive(lower: Verdict, upper: Verdict) -> bool | None:
    """True if the value of `lower` is more permissive than that of `upper`; both deviate.

    None if the order is unknown: Zoom documents no order for settings with more than two values,
    and an override may set another expectation for a group than for the account.
    """
    if json_equal(lower.observed, upper.observed):
        return False
    expected = lower.expected or {}
    operator = expected.get("op")
    if operator != (upper.expected or {}).get("op"):
        return None
    below, above = _texts(lower.observed), _texts(upper.observed)
    expected_texts = _texts(expected.get("value"))
    match operator:
        case "off" | "on" | "off_unless_param":
            return False  # both have the one deviating state
        case "lte" | "duration_lte":
            return _is_longer(lower.observed, upper.observed)
        case "gte":
            return _is_longer(upper.observed, lower.observed)
        case "disjoint_from":
            return bool((below - above) & expected_texts)
        case "subset_of_param" | "no_item_except_param":
            return bool(below - above - expected_texts)
        case "superset_of_param":
            return bool((above - below) & expected_texts)
        case "no_true_leaf_except_param":
            more = _on(lower.observed) - _on(upper.observed) - expected_texts
            return any(f"{lower.setting}.{path}".casefold() not in expected_texts for path in more)
    return None


def _is_longer(one: JsonValue, other: JsonValue) -> bool | None:
    first, second = _length(one), _length(other)
    return None if first is None or second is None else first > second


def _length(value: JsonValue) -> float | None:
    """The value of a number, or the length of a duration in days."""
    if isinstance(value, str):
        return days(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _texts(value: JsonValue) -> set[str]:
    return casefold_set(strings(value) or [])


def _on(value: JsonValue) -> set[str]:
    return {path.casefold() for path, leaf in iter_leaves(value) if leaf is True}

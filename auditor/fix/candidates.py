"""The values that would be right for a setting, the one that changes least first."""

import json
from collections.abc import Iterator, Mapping

from auditor.evidence.reading import JsonValue, is_number
from auditor.policy.catalogue.controls import Check
from auditor.policy.catalogue.operators import Expectation
from auditor.policy.catalogue.outcome import Context, Meets
from auditor.policy.catalogue.values import is_documented, is_of

MOST = 6
"""Values that are considered for one setting at one scope."""

_SWITCHES = ("enable", "enabled")


def right_values(
    check: Check,
    expectation: Expectation,
    observed: JsonValue,
    parameters: Mapping[str, JsonValue],
) -> list[JsonValue]:
    """The values that meet `expectation`, made from it, from the parameter and from `observed`.

    Each is judged by the operator itself. Empty if no value can be derived.
    """
    context = Context(parameters, setting=check.setting)
    found: dict[str, JsonValue] = {}
    for value in _possible(check, expectation, observed, parameters):
        shaped = _shaped(observed, value)
        if not _fits(check, shaped) or shaped == []:
            continue
        if isinstance(expectation.judge(shaped, context), Meets):
            found.setdefault(json.dumps(shaped, sort_keys=True), shaped)
        if len(found) == MOST:
            break
    return list(found.values())


def _possible(
    check: Check,
    expectation: Expectation,
    observed: JsonValue,
    parameters: Mapping[str, JsonValue],
) -> Iterator[JsonValue]:
    value = expectation.value
    listed = parameters.get(expectation.param) if expectation.param is not None else None
    for source in (value, listed):
        if isinstance(source, list):
            if isinstance(observed, list):
                yield from _lists(observed, source)
            else:
                yield from source
        elif source is not None:
            yield source
    if isinstance(observed, list):
        yield from _lists(observed, [])
    if isinstance(observed, dict):
        yield _all_off(observed, listed if isinstance(listed, list) else [], check.setting)
    if isinstance(observed, bool | dict):
        yield from (False, True)
    if check.values is not None and not isinstance(observed, list):
        yield from sorted(check.values, key=lambda each: _distance(each, observed))


def _lists(observed: list[JsonValue], named: list[JsonValue]) -> Iterator[JsonValue]:
    """The observed list without what is not named, without what is, and with all that is."""
    folded = {_folded(item) for item in named}
    yield [item for item in observed if _folded(item) in folded]
    yield [item for item in observed if _folded(item) not in folded]
    present = {_folded(item) for item in observed}
    yield [*observed, *(item for item in named if _folded(item) not in present)]
    yield named


def _folded(item: JsonValue) -> str:
    return str(item).casefold()


def _all_off(observed: dict[str, JsonValue], listed: list[JsonValue], setting: str) -> JsonValue:
    """The object with every switch off that the parameter does not list."""
    allowed = {_folded(item) for item in listed}

    def off(value: JsonValue, path: str) -> JsonValue:
        if isinstance(value, dict):
            return {
                key: off(inner, f"{path}.{key}" if path else key) for key, inner in value.items()
            }
        is_listed = path.casefold() in allowed or f"{setting}.{path}".casefold() in allowed
        return False if value is True and not is_listed else value

    return off(observed, "")


def _shaped(observed: JsonValue, value: JsonValue) -> JsonValue:
    """A switch in the shape that Zoom returned: a boolean, or an object with `enable`."""
    if isinstance(observed, dict) and isinstance(value, bool):
        return {**observed, **{key: value for key in _SWITCHES if key in observed}}
    return value


def _fits(check: Check, value: JsonValue) -> bool:
    if check.type and not any(is_of(type_, value) for type_ in check.type):
        return False
    if check.values is None:
        return True
    items = value if isinstance(value, list) else [value]
    ignores_case = check.values_ignore_case
    return all(is_documented(item, check.values, ignore_case=ignores_case) for item in items)


def _distance(value: JsonValue, observed: JsonValue) -> float:
    if is_number(value) and is_number(observed):
        return abs(value - observed)
    return 0

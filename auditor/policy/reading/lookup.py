"""Looks up a setting in the documents of a scope: its value and source, or why it is unseen.

Zoom returns some settings in more than one shape. All known shapes are tried, the most reliable
first; a setting without a match is `Unseen`. If the parent object of a setting is only inferred,
its key is accepted at any place.
"""

from collections.abc import Iterator, Mapping

from auditor.evidence.reading import (
    Cause,
    JsonValue,
    LookupResult,
    Place,
    Reading,
    Seen,
    Unseen,
    at_path,
)
from auditor.evidence.view import Document, Outcome, View
from auditor.policy.catalogue.controls import SETTINGS_SURFACE, Check
from auditor.policy.catalogue.values import days, is_documented, is_of, json_type

_CONTAINERS = (dict, list)
"""What can hold a key further down."""


def find(check: Check, outcomes: Mapping[View, Outcome]) -> LookupResult:
    """The reading of `check` in the documents of one scope.

    The declared view takes precedence. Another view of the same surface is used if it has the full
    path (the account's `security` section is in the default view and in the `security` view). If no
    view has the value, the cause is that of the declared view.
    """
    declared = outcomes.get(check.document)
    if declared is None:
        return LookupResult(Unseen(Cause.NOT_COLLECTED, "it was not requested"), "")
    if check.find_key is not None:
        return _everywhere(check, check.find_key, declared, outcomes)
    if isinstance(declared, Document):
        reading = read(check, declared.body)
        if isinstance(reading, Seen) or reading.cause is not Cause.ABSENT:
            return LookupResult(reading, declared.source)
    for view, outcome in outcomes.items():
        elsewhere = view.surface == check.surface and view != check.document
        if elsewhere and isinstance(outcome, Document) and check.surface == SETTINGS_SURFACE:
            value = at_path(outcome.body, check.setting)
            if not isinstance(value, Unseen):
                return LookupResult(_typed(check, value), outcome.source)
    if isinstance(declared, Document):
        return LookupResult(_no_object(check, declared.body) or _absent(check), declared.source)
    return LookupResult(declared.unseen, declared.source)


def read(check: Check, body: JsonValue) -> Reading:
    """The reading of `check` in the body of its declared document."""
    for path in paths(check):
        value = at_path(body, path)
        if not isinstance(value, Unseen):
            return _typed(check, value)
    return _absent(check)


def paths(check: Check) -> Iterator[str]:
    """The possible paths of the setting in its document, the most reliable first.

    Option views have several shapes: nested under their section or flattened (`security`,
    2024 specification), and the authentication view at the top level (recorded live) or under
    `authentication_options` (Users specification, 2025-03).
    """
    yield check.setting
    if check.view and check.setting.startswith(f"{check.view}."):
        yield check.setting.removeprefix(f"{check.view}.")
    if check.view in ("meeting_authentication", "recording_authentication"):
        yield f"authentication_options.{check.view}.{check.setting}"
        yield f"{check.view}.{check.setting}"


def _everywhere(
    check: Check, key: str, declared: Outcome, outcomes: Mapping[View, Outcome]
) -> LookupResult:
    """All places of a key with an inferred parent; the path in the catalogue comes first.

    Without the declared view some places may be missing: values in other views can then deviate,
    but not meet an expectation.
    """
    _, _, rest = f".{check.setting}.".partition(f".{key}.")
    others = [
        outcome
        for view, outcome in outcomes.items()
        if view.surface == check.surface and view != check.document
    ]
    by_place: dict[tuple[str, str], Place] = {}
    for outcome in (declared, *others):
        if isinstance(outcome, Document):
            for place in _places(check, key, rest.strip("."), outcome):
                by_place.setdefault((place.path, repr(place.reading)), place)
    places = sorted(by_place.values(), key=lambda place: (place.path != check.setting, place.path))
    incomplete = None if isinstance(declared, Document) else declared.unseen
    if places:
        first = places[0]
        return LookupResult(
            first.reading, first.source, incomplete=incomplete, places=tuple(places)
        )
    if isinstance(declared, Document):
        return LookupResult(_no_object(check, declared.body) or _absent(check), declared.source)
    return LookupResult(declared.unseen, declared.source)


def _places(check: Check, key: str, rest: str, outcome: Document) -> Iterator[Place]:
    """The places of `key` in a document, with the reading at `rest` below it."""
    for path, holder in _values_under_key(outcome.body, key):
        if not rest:
            yield Place(path, _typed(check, holder), outcome.source)
        elif isinstance(holder, dict):
            value = at_path(holder, rest)
            if not isinstance(value, Unseen):
                yield Place(f"{path}.{rest}", _typed(check, value), outcome.source)
        elif f"{path}.{rest}" == check.setting and holder not in (None, "") and holder != []:
            detail = f"{path} is documented as object, Zoom returned {json_type(holder)}"
            yield Place(f"{path}.{rest}", Unseen(Cause.WRONG_TYPE, detail), outcome.source)


def _values_under_key(body: JsonValue, key: str, path: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Every value under `key`, at any depth, with its path; not those below such a value.

    Most values of a document are neither objects nor lists, so only those two are entered.
    """
    if isinstance(body, dict):
        for name, child in body.items():
            if name == key:
                yield f"{path}{name}", child
            elif isinstance(child, _CONTAINERS):
                yield from _values_under_key(child, key, f"{path}{name}.")
    elif isinstance(body, list):
        for item in body:
            if isinstance(item, _CONTAINERS):
                yield from _values_under_key(item, key, f"{path.removesuffix('.')}[].")


def _no_object(check: Check, body: JsonValue) -> Unseen | None:
    """`Unseen` if a parent of the setting is not an object; None otherwise.

    Null, an empty string and an empty list count as an empty object: the setting is absent.
    """
    value, above = body, "the response"
    for part in check.setting.split("."):  # the alternative shapes of a view are not documented
        if value in (None, "") or value == []:
            return None
        if not isinstance(value, dict):
            detail = f"{above} is documented as object, Zoom returned {json_type(value)}"
            return Unseen(Cause.WRONG_TYPE, detail)
        if part not in value:
            return None
        value, above = value[part], part
    return None


def _absent(check: Check) -> Unseen:
    return Unseen(Cause.ABSENT, f"Zoom did not return {check.setting}")


def _typed(check: Check, value: JsonValue) -> Reading:
    """`Seen` if `value` has a documented type and meaning; otherwise `Unseen`."""
    if check.type and not any(is_of(type_, value) for type_ in check.type):
        expected = " or ".join(check.type)
        detail = f"documented as {expected}, Zoom returned {json_type(value)}"
        return Unseen(Cause.WRONG_TYPE, detail)
    if check.format == "duration" and isinstance(value, str) and days(value) is None:
        detail = f'"{value[:80]}" is not a duration such as 90d'
        return Unseen(Cause.UNDOCUMENTED_VALUE, detail)
    if value == [] and check.when_empty == "unknown":
        return Unseen(Cause.UNDOCUMENTED_VALUE, "the list is empty: what that means is not known")
    if check.values is not None:
        items = value if isinstance(value, list) else [value]
        for item in items:
            if not is_documented(item, check.values, ignore_case=check.values_ignore_case):
                shown = item if isinstance(item, str | int | float) else json_type(item)
                detail = f"{str(shown)[:80]!r} is not a value that Zoom documents"
                return Unseen(Cause.UNDOCUMENTED_VALUE, detail)
    if check.counted and isinstance(value, list):
        return Seen(len(value), check.setting)
    return Seen(value, check.setting)

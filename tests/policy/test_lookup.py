"""Looking up a setting in every shape that Zoom returns, without false matches."""

from typing import Any

import pytest

from auditor.evidence.reading import Cause, JsonValue, Seen, Unseen
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.policy.catalogue.controls import Check
from auditor.policy.reading import lookup
from tests.builders import CATALOGUE, Bodies, Json, check, document, outcomes, read_failure
from tests.names import same_everywhere

SECURITY = View("settings", "security")
TWO_FACTOR = check(
    "security.two_factor", view="security", type="string", values=["all", "none"], lock=None
)
BOT = check("recording.bot", find_key="bot")
VOICE = check("recording.notice.voice", find_key="notice", type="string")
EMPTY: list[Json] = [{}, None, [], ""]
STRANGE = [False, True, 0, "in_meeting", [{"in_meeting": {"thing": True}}]]


def found(one: Check, bodies: Bodies) -> Seen | Unseen:
    """What a check finds; the request is named, unless none was made."""
    result = lookup.find(one, outcomes(bodies))
    reading = result.reading
    assert result.source or getattr(reading, "cause", None) is Cause.NOT_COLLECTED
    return reading


def cause(one: Check, bodies: Bodies) -> Cause:
    """Why a check finds nothing; the detail is never empty."""
    reading = found(one, bodies)
    assert isinstance(reading, Unseen), reading
    assert reading.detail
    return reading.cause


# Shapes


def test_a_setting_stands_at_its_path() -> None:
    assert found(check(), {SETTINGS: {"in_meeting": {"thing": False}}}) == Seen(
        False, "in_meeting.thing"
    )


def test_a_view_may_be_nested_under_its_section_or_flattened() -> None:
    for body in ({"security": {"two_factor": "all"}}, {"two_factor": "all"}):
        assert found(TWO_FACTOR, {SECURITY: body}) == Seen("all", "security.two_factor")


def test_the_nested_value_is_trusted_before_the_flattened_one() -> None:
    body: Json = {"security": {"two_factor": "none"}, "two_factor": "all"}
    assert found(TWO_FACTOR, {SECURITY: body}) == Seen("none", "security.two_factor")


@pytest.mark.parametrize("view", ["meeting_authentication", "recording_authentication"])
def test_an_authentication_view_is_found_in_every_shape_zoom_gave_it(view: str) -> None:
    one = check("authentication", view=view)
    shapes = (
        {"authentication": True},
        {"authentication_options": {view: {"authentication": True}}},
        {view: {"authentication": True}},
    )
    for body in shapes:
        assert found(one, {View("settings", view): body}) == Seen(True, "authentication")


@pytest.mark.parametrize(
    "body",
    [
        {"authentication_options": [{"id": "sso"}]},
        {"meeting_authentication": True, "authentication_options": []},
    ],
    ids=["list", "switch"],
)
def test_another_shape_of_an_authentication_view_is_no_wrong_type(
    body: dict[str, bool | list[dict[str, str]]],
) -> None:
    one = check("authentication", view="meeting_authentication")
    assert cause(one, {View("settings", "meeting_authentication"): body}) is Cause.ABSENT


def test_another_view_is_not_read_as_an_authentication_view() -> None:
    body = {"authentication_options": {"security": {"two_factor": "all"}}}
    assert cause(TWO_FACTOR, {SECURITY: body}) is Cause.ABSENT


def test_the_security_section_counts_in_the_default_view_too() -> None:
    bodies = {SECURITY: {}, SETTINGS: {"security": {"two_factor": "all"}}}
    result = lookup.find(TWO_FACTOR, outcomes(bodies))
    assert result.reading == Seen("all", "security.two_factor")
    assert result.source.endswith("settings")


def test_the_default_view_counts_where_the_security_view_was_refused() -> None:
    bodies: Bodies = {SECURITY: Cause.DENIED, SETTINGS: {"security": {"two_factor": "all"}}}
    assert found(TWO_FACTOR, bodies) == Seen("all", "security.two_factor")


def test_the_declared_view_counts_before_any_other() -> None:
    bodies = {
        SECURITY: {"security": {"two_factor": "none"}},
        SETTINGS: {"security": {"two_factor": "all"}},
    }
    assert found(TWO_FACTOR, bodies) == Seen("none", "security.two_factor")


def test_a_flattened_path_counts_in_the_declared_view_alone() -> None:
    assert cause(TWO_FACTOR, {SECURITY: {}, SETTINGS: {"two_factor": "all"}}) is Cause.ABSENT


def test_a_wrong_type_in_the_declared_view_is_not_hidden_by_another_view() -> None:
    bodies: Bodies = {SECURITY: {"two_factor": True}, SETTINGS: {"security": {"two_factor": "all"}}}
    assert cause(TWO_FACTOR, bodies) is Cause.WRONG_TYPE


def test_a_wrong_type_elsewhere_is_one() -> None:
    bodies = {SECURITY: {}, SETTINGS: {"security": {"two_factor": 1}}}
    assert cause(TWO_FACTOR, bodies) is Cause.WRONG_TYPE


def test_a_document_of_another_surface_is_not_looked_at() -> None:
    one = check("a.b", surface="phone_account_settings")
    phone, site = View("phone_account_settings"), View("phone_account_settings", "other")
    assert cause(one, {phone: {}, site: {"a": {"b": True}}}) is Cause.ABSENT
    assert cause(check("a.b"), {SETTINGS: {}, phone: {"a": {"b": True}}}) is Cause.ABSENT


# Keys whose parent is inferred


@pytest.mark.parametrize(
    "body",
    [
        {"recording": {"bot": True}},
        {"bot": True},
        {"somewhere": {"else": {"bot": True}}},
        {"list": [{"x": 1}, {"bot": True}]},
        {"one": {"bot": True}, "two": {"bot": True}},
    ],
)
def test_a_key_with_an_inferred_parent_is_found_anywhere(
    body: Json,
) -> None:
    assert found(BOT, {SETTINGS: body}) == Seen(True, "recording.bot")


def test_what_stands_under_the_key_is_followed_to_the_setting() -> None:
    assert found(VOICE, {SETTINGS: {"x": {"notice": {"voice": "All"}}}}) == Seen(
        "All", "recording.notice.voice"
    )
    assert cause(VOICE, {SETTINGS: {"x": {"notice": {"other": "All"}}}}) is Cause.ABSENT
    assert cause(VOICE, {SETTINGS: {"x": {"notice": "All"}}}) is Cause.ABSENT


def places(
    one: Check,
    bodies: Bodies,
) -> dict[str, Any]:
    known = lookup.find(one, outcomes(bodies)).places
    assert all(place.source for place in known)
    assert all(place.reading.detail for place in known if isinstance(place.reading, Unseen))
    return {place.path: getattr(place.reading, "value", place.reading) for place in known}


def test_a_key_with_an_inferred_parent_is_read_at_every_place() -> None:
    body: Json = {"a": {"bot": True}, "recording": {"bot": False}, "list": [{"bot": True}]}
    known = places(BOT, {SETTINGS: body})
    assert known == {"recording.bot": False, "a.bot": True, "list[].bot": True}
    assert next(iter(known)) == "recording.bot"


NOTICE = check("recording.notice.who", type=("string",), find_key="notice")


def test_a_place_without_the_rest_of_the_path_hides_no_other_place() -> None:
    body: Json = {"a": {"notice": {"x": 1}}, "b": {"notice": {"who": "all"}}}
    assert found(NOTICE, {SETTINGS: body}) == Seen("all", "recording.notice.who")


def test_equal_items_of_a_list_are_one_place_with_its_path() -> None:
    body: Json = {"b": [{"notice": {"who": "all"}}] * 3}
    (place,) = lookup.find(NOTICE, outcomes({SETTINGS: body})).places
    assert place.path == "b[].notice.who"


def test_a_key_that_is_the_whole_setting_has_no_rest() -> None:
    whole = check("recording.notice", find_key="notice")
    assert found(whole, {SETTINGS: {"x": {"notice": True}}}) == Seen(True, "recording.notice")


def test_the_rest_begins_after_the_first_of_two_equal_keys() -> None:
    twice = check("notice.x.notice.who", type=("string",), find_key="notice")
    body: Json = {"deep": {"notice": {"x": {"notice": {"who": "all"}}}}}
    assert found(twice, {SETTINGS: body}) == Seen("all", "notice.x.notice.who")


def test_a_key_is_sought_in_every_view_of_the_settings() -> None:
    bodies = {SETTINGS: {"recording": {"bot": False}}, SECURITY: {"security": {"bot": True}}}
    assert places(BOT, bodies) == {"recording.bot": False, "security.bot": True}
    assert places(BOT, {**bodies, LOCKS: {"bot": True}}) == places(BOT, bodies)


def test_without_its_own_document_a_key_that_stands_elsewhere_leaves_a_doubt() -> None:
    bodies: Bodies = {SETTINGS: Cause.DENIED, SECURITY: {"bot": False}}
    result = lookup.find(BOT, outcomes(bodies))
    assert result.reading == Seen(False, "recording.bot")
    assert result.incomplete == Unseen(Cause.DENIED, "Zoom said so")


def test_objects_that_only_look_equal_are_two_places() -> None:
    one = check("ai", find_key="ai", type="object")
    body: Json = {"a": {"ai": {"x": False}}, "b": {"ai": {"x": 0}}}
    assert len(places(one, {SETTINGS: body})) == 2


def test_something_else_where_the_object_is_documented_is_a_place_of_the_wrong_type() -> None:
    body: Json = {"recording": {"notice": "All"}, "x": {"notice": {"voice": "All"}}}
    known = places(VOICE, {SETTINGS: body})
    assert known["x.notice.voice"] == "All"
    assert known["recording.notice.voice"].cause is Cause.WRONG_TYPE


def test_a_duration_that_is_none_is_undocumented_and_is_shown() -> None:
    kept = check("recording.kept", type="string", format="duration")
    assert found(kept, {SETTINGS: {"recording": {"kept": "90d"}}}) == Seen("90d", kept.setting)
    forever = found(kept, {SETTINGS: {"recording": {"kept": "forever"}}})
    assert isinstance(forever, Unseen)
    assert forever.cause is Cause.UNDOCUMENTED_VALUE
    assert '"forever"' in forever.detail


# Nothing there


@pytest.mark.parametrize("section", EMPTY, ids=same_everywhere)
def test_a_section_that_holds_nothing_leaves_its_settings_absent(section: Json) -> None:
    assert cause(check(), {SETTINGS: {"in_meeting": section}}) is Cause.ABSENT


@pytest.mark.parametrize("section", STRANGE, ids=same_everywhere)
def test_something_else_in_place_of_a_section_is_of_the_wrong_type(
    section: Json,
) -> None:
    reading = found(check(), {SETTINGS: {"in_meeting": section}})
    assert isinstance(reading, Unseen)
    assert reading.cause is Cause.WRONG_TYPE
    assert reading.detail.startswith("in_meeting is documented as object, Zoom returned ")
    assert cause(check(), {SETTINGS: section}) is Cause.WRONG_TYPE
    assert cause(VOICE, {SETTINGS: {"recording": {"notice": section}}}) is Cause.WRONG_TYPE


@pytest.mark.parametrize("body", EMPTY, ids=same_everywhere)
def test_a_document_that_holds_nothing_leaves_every_setting_absent(body: str | None) -> None:
    assert cause(check(), {SETTINGS: body}) is Cause.ABSENT
    assert cause(VOICE, {SETTINGS: body}) is Cause.ABSENT


def test_absence_names_the_setting() -> None:
    assert found(check(), {SETTINGS: {}}) == Unseen(
        Cause.ABSENT, "Zoom did not return in_meeting.thing"
    )


@pytest.mark.parametrize("why", list(Cause))
def test_a_refused_document_hands_its_cause_on(why: Cause) -> None:
    assert found(check(), {SETTINGS: why}) == Unseen(why, "Zoom said so")


def test_a_refusal_names_the_request() -> None:
    result = lookup.find(check(), {SETTINGS: read_failure(Cause.DENIED, "GET /x")})
    assert result.source == "GET /x"


def test_a_document_nobody_asked_for_is_not_collected() -> None:
    result = lookup.find(check(), {})
    assert result.reading == Unseen(Cause.NOT_COLLECTED, "it was not requested")
    assert result.source == ""


def test_a_value_elsewhere_does_not_replace_a_document_nobody_asked_for() -> None:
    bodies = {SETTINGS: {"security": {"two_factor": "all"}}}
    assert cause(TWO_FACTOR, bodies) is Cause.NOT_COLLECTED


def test_the_source_is_that_of_the_document_with_the_value() -> None:
    result = lookup.find(check(), {SETTINGS: document({"in_meeting": {"thing": True}}, "GET /y")})
    assert result.source == "GET /y"


# Types and documented values

VALUES: dict[str, JsonValue] = {
    "boolean": False,
    "integer": 1,
    "string": "text",
    "array": ["a"],
    "object": {"a": 1},
    "null": None,
    "number": 1.5,
}


@pytest.mark.parametrize("documented", ["boolean", "integer", "string", "array", "object"])
@pytest.mark.parametrize("returned", VALUES)
def test_a_value_of_another_type_is_not_seen(documented: str, returned: str) -> None:
    one = check(type=documented)
    body = {SETTINGS: {"in_meeting": {"thing": VALUES[returned]}}}
    if documented == returned:
        assert found(one, body) == Seen(VALUES[returned], "in_meeting.thing")
    else:
        assert cause(one, body) is Cause.WRONG_TYPE


def test_the_detail_says_what_was_documented_and_what_came() -> None:
    one = check(type=["boolean", "object"])
    assert found(one, {SETTINGS: {"in_meeting": {"thing": "off"}}}) == Unseen(
        Cause.WRONG_TYPE, "documented as boolean or object, Zoom returned a string"
    )
    for value in (True, {"enable": False}):
        assert isinstance(found(one, {SETTINGS: {"in_meeting": {"thing": value}}}), Seen)


def test_without_a_documented_type_any_value_is_seen() -> None:
    for value in VALUES.values():
        assert found(check(type=[]), {SETTINGS: {"in_meeting": {"thing": value}}}) == Seen(
            value, "in_meeting.thing"
        )


@pytest.mark.parametrize(
    ("fields", "value", "known"),
    [
        ({"type": "integer", "values": [1, 2]}, 2, True),
        ({"type": "integer", "values": [1, 2]}, 3, False),
        ({"type": "string", "values": ["All"]}, "All", True),
        ({"type": "string", "values": ["All"]}, "all", False),
        ({"type": "string", "values": ["All"], "values_ignore_case": True}, " aLL ", True),
        ({"type": "string", "values": ["All"], "values_ignore_case": True}, "none", False),
        ({"type": [], "values": ["1"], "values_ignore_case": True}, 1, False),
        ({"type": [], "values": [1], "values_ignore_case": True}, 1, True),
        ({"type": "string", "values": ["All"]}, "", False),
        ({"type": "array", "values": ["US", "CA"]}, ["CA", "US"], True),
        ({"type": "array", "values": ["US", "CA"]}, [], True),
        ({"type": "array", "values": ["US", "CA"]}, ["US", "XX"], False),
        ({"type": "array", "values": ["US", "CA"]}, [{"x": 1}], False),
        ({"type": "array", "values": [1]}, [True], False),
    ],
)
def test_a_value_zoom_does_not_document_has_no_known_meaning(
    fields: dict[str, Any],
    value: JsonValue,
    known: bool,
) -> None:
    reading = found(check(**fields), {SETTINGS: {"in_meeting": {"thing": value}}})
    if known:
        assert reading == Seen(value, "in_meeting.thing")
    else:
        assert isinstance(reading, Unseen)
        assert reading.cause is Cause.UNDOCUMENTED_VALUE


def test_a_very_long_undocumented_value_is_cut_off() -> None:
    one = check(type="string", values=["a"])
    reading = found(one, {SETTINGS: {"in_meeting": {"thing": "x" * 500}}})
    assert reading == Unseen(
        Cause.UNDOCUMENTED_VALUE, f"'{'x' * 80}' is not a value that Zoom documents"
    )


def test_an_absent_setting_names_the_request_that_did_not_return_it() -> None:
    result = lookup.find(check(), {SETTINGS: document({}, "GET /it")})
    assert isinstance(result.reading, Unseen)
    assert (result.reading.cause, result.source) == (Cause.ABSENT, "GET /it")


def test_an_undocumented_object_is_named_by_its_kind() -> None:
    one = check(type="array", values=["a"])
    reading = found(one, {SETTINGS: {"in_meeting": {"thing": [{"secret": 1}]}}})
    assert isinstance(reading, Unseen)
    assert "secret" not in reading.detail
    assert "an object" in reading.detail


def test_an_empty_list_is_unknown_where_nobody_knows_what_it_means() -> None:
    regions = CATALOGUE.controls["DR-01"].check("in_meeting.data_center_regions")
    reading = lookup.read(regions, {"in_meeting": {"data_center_regions": []}})
    assert isinstance(reading, Unseen)
    assert reading.cause is Cause.UNDOCUMENTED_VALUE

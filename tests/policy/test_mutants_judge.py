"""The fields of a verdict, and values that were only partly seen."""

from typing import Any

import pytest

from auditor.evidence.read_plan import PHONE
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.policy.catalogue.outcome import Context
from auditor.policy.judging import judge
from auditor.policy.judging.judge import CheckContext
from auditor.policy.reading.locks import LockDocuments
from tests.builders import ACCOUNT, USER, check, document, expected_control, nested, read_failure
from tests.policy.samples import BASELINES

SUMMARIES = View("meeting_summaries")


def judged(
    one: Any, body: Any, scope: Scope = ACCOUNT, /, parameters: Any = None, **fields: Any
) -> Verdict:
    """The verdict on the only check of a control whose document is `body`, or why there is none."""
    expected = expected_control(one, **fields)
    outcome = read_failure(body) if isinstance(body, Cause) else document(body)
    case = CheckContext(
        expected,
        scope,
        {one.document: outcome} if body is not None else {},
        LockDocuments({}, {}),
        Context(parameters or {}),
    )
    found = judge.value(case, one)
    assert found is not None
    return found


def summaries(rows: list[dict[str, Any]]) -> Verdict:
    """The verdict on a control that allows no summary, from the list of those that were made."""
    used = check(
        "summaries_listed",
        surface=SUMMARIES.surface,
        levels=(Level.ACCOUNT,),
        type=("integer",),
        lock=None,
        lock_levels=(),
    )
    return judged(used, {"hosts": rows}, op=0)


def test_a_count_that_may_be_too_low_is_no_pass() -> None:
    found = summaries([{"host": "a@example.com", "meetings": 0, "unclear": 2}])
    assert (found.status, found.cause) == (Status.UNKNOWN, Cause.ABSENT)
    assert found.observed == 0
    assert found.detail.startswith("2 meetings were listed that do not say")


def test_a_count_that_is_too_high_already_deviates_whatever_else_was_unclear() -> None:
    found = summaries([{"host": "a@example.com", "meetings": 1, "unclear": 2}])
    assert (found.status, found.kind) == (Status.FAIL, FindingKind.USAGE)


def test_a_count_that_is_certain_passes() -> None:
    assert summaries([]).status is Status.PASS


LIGHT = check("light.enable", surface=PHONE.surface, levels=(Level.PHONE_ACCOUNT,))
PHONE_SCOPE = Scope(Level.PHONE_ACCOUNT, "acc")


@pytest.mark.parametrize(
    ("one", "body", "scope", "sentence"),
    [
        (
            LIGHT,
            Cause.NOT_LICENSED,
            PHONE_SCOPE,
            "Zoom refused the document because the licence is missing.",
        ),
        (
            check(),
            {},
            Scope(Level.USER, "u1", licence=1),
            "The user has no licence that includes it.",
        ),
    ],
)
def test_what_does_not_apply_says_why(one: Any, body: Any, scope: Scope, sentence: str) -> None:
    found = judged(one, body, scope, when_absent="not_applicable")
    assert (found.status, found.detail) == (Status.NOT_APPLICABLE, sentence)


def test_a_document_nobody_asked_for_waits_for_the_parameter_by_its_name() -> None:
    wish = {"op": "in_param", "param": "places"}
    found = judged(check(type=("string",)), None, op=wish)
    assert found.status is Status.NEEDS_DECISION
    assert found.detail == "Set the parameter places in the organisation file."


SINCE = {Level.ACCOUNT: "2025-12-22"}
ABSENT = "Zoom did not return in_meeting.thing"


@pytest.mark.parametrize(
    ("body", "scope", "sentence"),
    [
        ({}, ACCOUNT, f"{ABSENT}, which it has published at account level since 2025-12-22"),
        ({}, USER, ABSENT),
        (Cause.DENIED, ACCOUNT, "Zoom said so"),
    ],
)
def test_an_absent_field_says_since_when_zoom_has_it(
    body: Any, scope: Scope, sentence: str
) -> None:
    assert judged(check(since=SINCE), body, scope).detail == sentence


def test_an_operator_knows_the_setting_it_judges() -> None:
    one = check("recording.places.US")
    wish = {"op": "org_param", "param": "places"}
    found = judged(one, nested("recording.places.US", True), op=wish, parameters={"places": ["US"]})
    assert found.status is Status.PASS
    found = judged(one, nested("recording.places.US", True), op=wish, parameters={"places": ["CA"]})
    assert found.status is Status.FAIL


def test_a_pass_has_nothing_to_add() -> None:
    found = judged(check(), {SETTINGS.surface: 1, **nested("in_meeting.thing", False)})
    assert (found.status, found.detail) == (Status.PASS, "")


def test_a_question_for_a_person_has_its_severity_and_no_layer() -> None:
    found = judge.attestation(BASELINES["strict"].assessed["TR-01"])
    assert (found.severity, found.decided_by) == (Severity.CRITICAL, None)


def lock_of(body: Any) -> Verdict:
    """The verdict on the account's lock of a setting, whose lock document is `body`."""
    outcome = (
        read_failure(body, "GET /locks")
        if isinstance(body, Cause)
        else document(body, "GET /locks")
    )
    case = CheckContext(
        expected_control(check(), lock=True),
        ACCOUNT,
        {},
        LockDocuments({LOCKS: outcome}, {}),
        Context({}),
    )
    found = judge.lock(case, check(), None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "status"),
    [(nested("in_meeting.thing", False), Status.FAIL), (Cause.DENIED, Status.UNKNOWN)],
)
def test_a_verdict_on_a_lock_names_its_request_its_layer_and_who_may_change_it(
    body: Any, status: Status
) -> None:
    found = lock_of(body)
    assert (found.status, found.source, found.decided_by) == (status, "GET /locks", "account")
    assert found.changeable_by == ("user", "group_admin", "account_admin")


def test_a_lock_that_was_refused_says_what_zoom_said() -> None:
    assert lock_of(Cause.DENIED).detail == "Zoom said so"


def test_a_value_that_cannot_be_compared_says_why() -> None:
    found = judged(check(type=()), nested("in_meeting.thing", "on"), op={"op": "off"})
    assert found.detail == "expected a boolean or an object, Zoom returned a string"


def test_the_lock_of_a_phone_setting_without_a_flag_is_asked_for_at_its_highest_level() -> None:
    one = check(
        "light.enable",
        surface=PHONE.surface,
        levels=(Level.PHONE_USER, Level.PHONE_ACCOUNT),
        lock=None,
        lock_levels=(),
    )
    for scope, is_due in ((PHONE_SCOPE, True), (Scope(Level.PHONE_USER, "u1"), False)):
        case = CheckContext(
            expected_control(one, lock=True), scope, {}, LockDocuments({}, {}), Context({})
        )
        assert (judge.lock(case, one, None) is not None) is is_due

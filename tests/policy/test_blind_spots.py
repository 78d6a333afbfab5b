"""Accepted blind spots: they stay unknown, and only stop failing the run."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from auditor.errors import ExitCode
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.exit_code import of_run
from auditor.findings.model import (
    BlindSpotResult,
    BlindSpotState,
    FindingKind,
    ReadError,
    Severity,
    Status,
)
from auditor.policy.baseline.blind_spots import BlindSpot
from auditor.policy.baseline.waivers import Waiver, WaiversAndAttestations
from auditor.policy.evaluation.evaluate import Evaluation
from tests.builders import (
    ACCOUNT,
    TODAY,
    attestation_entry,
    baseline_of,
    blind_spot_entry,
    check,
    control_statuses,
    control_verdicts,
    evaluated_with,
    expected_control,
    expected_derived,
    group,
    scope_verdicts,
    settings_body,
    snapshot_of,
    user,
    waiver_entry,
)

DENIED = {SETTINGS: Cause.DENIED}
BASELINE = baseline_of(expected_control(check(), op=False, severity=Severity.CRITICAL))
BLIND = [(ACCOUNT, DENIED)]
SEEN = [(ACCOUNT, settings_body(False))]
ACTIVE, EXPIRED, UNMATCHED, SEEN_AGAIN, UNKNOWN = (
    BlindSpotState.ACTIVE,
    BlindSpotState.EXPIRED,
    BlindSpotState.UNMATCHED,
    BlindSpotState.SEEN_AGAIN,
    BlindSpotState.UNKNOWN,
)


def judged(*blind_spots: dict[str, Any], scopes: Any = BLIND, **fields: Any) -> Evaluation:
    expected = fields.pop("expected", BASELINE)
    return evaluated_with(snapshot_of(*scopes), expected, blind_spots=blind_spots, **fields)


def states(evaluation: Evaluation) -> list[BlindSpotState]:
    return [each.state for each in evaluation.blind_spots]


def code(evaluation: Evaluation, fail_on: Severity | None = Severity.CRITICAL) -> ExitCode:
    return of_run(
        evaluation.summary,
        complete=evaluation.complete or evaluation.gaps_accepted,
        fail_on=fail_on,
        stale=evaluation.stale,
    )


def test_an_accepted_blind_spot_stays_unknown_and_does_not_fail_the_run() -> None:
    evaluation = judged(blind_spot_entry())
    assert control_statuses(evaluation) == {"acc": Status.UNKNOWN}
    terms = control_verdicts(evaluation)["acc"].blind_spot
    assert terms is not None
    assert terms.owner == "dpo@example.com"
    assert (evaluation.complete, evaluation.gaps_accepted) == (False, True)
    assert evaluation.summary.accepted_blind_spots == 1
    assert states(evaluation) == [ACTIVE]
    assert code(evaluation) is ExitCode.OK
    assert code(evaluation, None) is ExitCode.OK


def test_without_one_the_same_evidence_is_incomplete() -> None:
    assert code(judged()) is ExitCode.INCOMPLETE


@pytest.mark.parametrize(
    ("entry", "covers"),
    [
        ({"control": "AI-01"}, True),
        ({"setting": "in_meeting.thing"}, True),
        ({"request": "GET /accounts/me/settings"}, True),
        ({"control": "AI-01", "request": "GET /accounts/me/settings"}, True),
        ({"control": "AI-02"}, False),
        ({"setting": "in_meeting.other"}, False),
        ({"request": "GET /users/{userId}/settings"}, False),
        ({"control": "AI-01", "setting": "in_meeting.other"}, False),
        ({"control": "AI-01", "kind": "value"}, True),
        ({"control": "AI-01", "kind": "lock"}, False),
        ({"request": "GET /accounts/me/settings", "kind": "lock"}, False),
        ({"control": "AI-01", "cause": "absent"}, False),
        ({"control": "AI-01", "scope": {"level": "user"}}, False),
    ],
)
def test_it_covers_what_it_names_and_nothing_else(entry: dict[str, Any], covers: bool) -> None:
    evaluation = judged(blind_spot_entry(**entry))
    assert (control_verdicts(evaluation)["acc"].blind_spot is not None) is covers
    assert evaluation.gaps_accepted is covers


def test_the_last_day_counts_and_the_day_after_fails() -> None:
    entry = blind_spot_entry(expires="2026-11-30")
    last = judged(entry, today=date(2026, 11, 30))
    assert (states(last), code(last)) == ([BlindSpotState.EXPIRING], ExitCode.OK)
    after = judged(entry, today=date(2026, 12, 1))
    assert (states(after), code(after)) == ([EXPIRED], ExitCode.DEVIATIONS)
    assert not after.gaps_accepted
    assert control_verdicts(after)["acc"].blind_spot is None


def test_one_through_which_something_is_seen_again_fails_the_run() -> None:
    evaluation = judged(blind_spot_entry(), scopes=SEEN)
    assert (states(evaluation), code(evaluation)) == ([SEEN_AGAIN], ExitCode.DEVIATIONS)


def test_one_that_covers_nothing_fails_the_run() -> None:
    evaluation = judged(blind_spot_entry(setting="in_meeting.gone"), scopes=SEEN)
    assert (states(evaluation), code(evaluation)) == ([UNMATCHED], ExitCode.DEVIATIONS)


def test_one_for_a_setting_that_does_not_apply_is_not_seen_again() -> None:
    """Not applicable says nothing about the value."""
    one = check(only_when={"setting": "in_meeting.switch", "is": True})
    off = [(ACCOUNT, {SETTINGS: {"in_meeting": {"thing": True, "switch": False}}})]
    evaluation = judged(
        blind_spot_entry(cause="absent"), scopes=off, expected=baseline_of(expected_control(one))
    )
    assert states(evaluation) == [UNMATCHED]


def test_it_counts_every_place_beside_waivers_and_answers() -> None:
    """Its position in the organisation file is its own."""
    denied = [
        (ACCOUNT, settings_body(True)),
        *((group(n, f"Team {n}"), DENIED) for n in (1, 2, 3)),
        *((user(n), DENIED) for n in (1, 2)),
    ]
    evaluation = judged(
        blind_spot_entry(scope={"level": "group"}),
        blind_spot_entry(scope={"level": "user"}),
        scopes=denied,
        waivers=[waiver_entry(scope={"level": "account"})],
        attestations=[attestation_entry(setting="in_meeting.thing")],
    )
    assert [(each.state, each.matched) for each in evaluation.blind_spots] == [
        (ACTIVE, 3),
        (ACTIVE, 2),
    ]
    assert [each.matched for each in evaluation.waivers] == [1]


def test_its_result_has_all_of_its_entry() -> None:
    entry = blind_spot_entry(
        setting="in_meeting.thing", kind="value", approved_by="board@example.com"
    )
    (result,) = judged(entry).blind_spots
    assert result == BlindSpotResult(
        label="in_meeting.thing for level account",
        scope="level account",
        cause=Cause.DENIED,
        reason="The works agreement forbids it.",
        owner="dpo@example.com",
        ticket="DPO-7",
        expires=date(2027, 5, 31),
        state=ACTIVE,
        matched=1,
        setting="in_meeting.thing",
        approved_by="board@example.com",
        kind=FindingKind.VALUE,
    )
    (of_control,) = judged(blind_spot_entry()).blind_spots
    assert (of_control.control, of_control.approved_by) == ("AI-01", "")
    request = "GET /accounts/me/settings"
    (of_request,) = judged(blind_spot_entry(request=request)).blind_spots
    assert (of_request.request, of_request.control) == (request, None)


def failed_reads(*blind_spots: dict[str, Any]) -> tuple[WaiversAndAttestations, list[ReadError]]:
    """Two failed reads of a list that no verdict rests on, beside a waiver."""
    entries = WaiversAndAttestations(
        [Waiver.model_validate(waiver_entry())],
        [],
        TODAY,
        [BlindSpot.model_validate(each) for each in blind_spots],
    )
    errors = [ReadError("GET /users?status=inactive", Cause.DENIED, "no", ("AI-01",), scopes=3)] * 2
    return entries, [*entries.accept_errors(errors)]


@pytest.mark.parametrize(
    ("expires", "accepted", "state"),
    [
        (f"{TODAY}", True, BlindSpotState.EXPIRING),
        ("2027-05-31", True, ACTIVE),
        ("2026-11-20", False, EXPIRED),
    ],
)
def test_a_failed_read_is_accepted_by_its_request_until_the_last_day(
    expires: str, accepted: bool, state: BlindSpotState
) -> None:
    request = "GET /users?status=inactive"
    entries, errors = failed_reads(
        blind_spot_entry(request="GET /groups"), blind_spot_entry(request=request, expires=expires)
    )
    assert [error.is_accepted for error in errors] == [accepted, accepted]
    other, result = entries.blind_spot_results(["AI-01"])
    assert (other.state, other.matched) == (UNMATCHED, 0)
    assert (result.state, result.matched) == (state, 3)  # the read, however often it is told


@pytest.mark.parametrize(
    ("request_", "became"),
    [
        ("GET /accounts/me/settings?option=security", UNMATCHED),
        ("GET /accounts/me/settings", SEEN_AGAIN),
        ("GET /nothing/requested?this=time", UNKNOWN),
    ],
)
def test_one_for_a_request_is_stale_only_if_a_deeper_run_would_not_make_it(
    request_: str, became: BlindSpotState
) -> None:
    evaluation = judged(
        blind_spot_entry(request=request_, cause="not_licensed"),
        scopes=SEEN,
        depth=Level.ACCOUNT,
    )
    assert states(evaluation) == [became]


@pytest.mark.parametrize(
    ("expires", "state"),
    [("2026-12-05", BlindSpotState.EXPIRING), ("2026-12-06", BlindSpotState.ACTIVE)],
)
def test_its_last_14_days_are_warned_about(expires: str, state: BlindSpotState) -> None:
    assert states(judged(blind_spot_entry(expires=expires))) == [state]


def test_one_for_somebody_who_does_not_exist_is_unmatched_whatever_was_not_read() -> None:
    entries = WaiversAndAttestations(
        [Waiver.model_validate(waiver_entry())],
        [],
        TODAY,
        [BlindSpot.model_validate(blind_spot_entry(scope={"user": "nobody"}))],
    )
    unseen = frozenset({Level.USER})
    (unknown,) = entries.blind_spot_results(["AI-01"], unseen)
    (unmatched,) = entries.blind_spot_results(["AI-01"], unseen, {0: "no such person"})
    assert (unknown.state, unmatched.state) == (UNKNOWN, UNMATCHED)
    assert unmatched.detail == "no such person"


def test_an_outage_tonight_does_not_make_it_stale() -> None:
    evaluation = judged(blind_spot_entry(), scopes=[(ACCOUNT, {SETTINGS: Cause.ERROR})])
    assert (states(evaluation), code(evaluation)) == ([UNKNOWN], ExitCode.INCOMPLETE)


def test_it_hides_no_deviation_and_no_other_scope() -> None:
    open_group = (group(1, "Sales"), settings_body(True))
    evaluation = judged(blind_spot_entry(), scopes=[*BLIND, open_group])
    assert control_statuses(evaluation) == {"acc": Status.UNKNOWN, "g1": Status.FAIL}
    dark_user = (user(1), DENIED)
    evaluation = judged(blind_spot_entry(), scopes=[*BLIND, dark_user])
    assert not evaluation.gaps_accepted
    assert code(evaluation) is ExitCode.INCOMPLETE


def test_a_derived_control_is_accepted_with_all_that_makes_it_unknown() -> None:
    expected = baseline_of(
        expected_control(
            check(lock="in_meeting.thing", lock_levels=("account",)), op=False, lock=True
        ),
        expected_derived("CC-01"),
    )
    scopes = [(ACCOUNT, {**settings_body(False), LOCKS: Cause.DENIED})]
    covered = judged(
        blind_spot_entry(request="GET /accounts/me/lock_settings"), scopes=scopes, expected=expected
    )
    assert covered.gaps_accepted
    (derived,) = (v for _, v in scope_verdicts(covered) if v.control == "CC-01")
    assert (derived.status, derived.blind_spot is not None) == (Status.UNKNOWN, True)
    bare = judged(scopes=scopes, expected=expected)
    assert not bare.gaps_accepted


@pytest.mark.parametrize("cause", ["error", "unlucky"])
def test_a_read_that_failed_with_an_error_cannot_be_accepted(cause: str) -> None:
    with pytest.raises(ValidationError):
        BlindSpot.model_validate(blind_spot_entry(cause=cause))


def test_it_names_a_control_a_request_or_a_setting() -> None:
    with pytest.raises(ValidationError):
        BlindSpot.model_validate(blind_spot_entry(control=None))


@pytest.mark.parametrize(("depth", "became"), [(Level.GROUP, UNKNOWN), (Level.USER, UNMATCHED)])
def test_one_for_a_request_that_a_shallow_run_does_not_make_is_not_stale(
    depth: Level, became: BlindSpotState
) -> None:
    entry = blind_spot_entry(request="GET /users")
    assert states(judged(entry, scopes=SEEN, depth=depth)) == [became]

"""Since when the account has had a value, as far as the findings of a series show it."""

from collections.abc import Sequence

import pytest

from auditor.evidence.reading import JsonValue
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.model import Severity, Status
from auditor.store.history import StoredRun
from tests.report.worlds import deviation, judged
from tests.store.nights import ACCOUNT, Nights

SETTING = deviation("AI-01").setting


def night(nights: Nights, value: JsonValue, severity: Severity = Severity.CRITICAL) -> StoredRun:
    """A night in which the account has a value; None for a value that passes."""
    verdict = deviation("AI-01", observed=value, severity=severity, status=Status.FAIL)
    return nights.night(more=[judged(ACCOUNT, [] if value is None else [verdict])])


@pytest.mark.parametrize(
    ("values", "since"),
    [
        ([True], 1),
        ([True, True, True], 1),
        ([False, True, True], 2),
        ([True, None, True], 3),
        ([True, True, None], None),
        ([1, True], 2),
    ],
)
def test_the_first_night_of_an_uninterrupted_value_is_known(
    nights: Nights, values: Sequence[JsonValue], since: int | None
) -> None:
    entries = [night(nights, value) for value in values]
    known = nights.history.account_values_since(entries[-1])
    assert known == ({} if since is None else {(SETTING, "true"): format_rfc3339(nights.at(since))})


def test_another_severity_is_no_other_value(nights: Nights) -> None:
    night(nights, True)
    last = night(nights, True, Severity.LOW)
    assert nights.history.account_values_since(last) == {
        (SETTING, "true"): format_rfc3339(nights.at(1))
    }


def test_a_later_night_changes_nothing_about_an_earlier_one(nights: Nights) -> None:
    first = night(nights, True)
    night(nights, False)
    assert nights.history.account_values_since(first) == {
        (SETTING, "true"): format_rfc3339(nights.at(1))
    }

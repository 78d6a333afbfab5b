"""The count of deviations of a waiver that covers none."""

import pytest

from auditor.evidence.reading import JsonValue
from tests.builders import (
    ACCOUNT,
    baseline_of,
    check,
    evaluated_with,
    expected_control,
    settings_body,
    snapshot_of,
    waiver_entry,
)


@pytest.mark.parametrize("value", [False, "on"])
def test_a_waiver_that_covers_nothing_covers_none(value: JsonValue) -> None:
    snapshot = snapshot_of((ACCOUNT, settings_body(value)))
    wishes = [waiver_entry(scope={"level": "account"}), waiver_entry(scope={"level": "account"})]
    found = evaluated_with(
        snapshot, baseline_of(expected_control(check(), op=False)), waivers=wishes
    )
    assert [each.matched for each in found.waivers] == [0, 0]

"""The count of deviations of a waiver that covers none."""

import pytest

from auditor.evidence.reading import JsonValue
from tests.policy.builders import ACCOUNT, assessed, baseline, check, settings_of, world
from tests.policy.decisions import decided, waiver


@pytest.mark.parametrize("value", [False, "on"])
def test_a_waiver_that_covers_nothing_covers_none(value: JsonValue) -> None:
    snapshot = world((ACCOUNT, settings_of(value)))
    wishes = [waiver(scope={"level": "account"}), waiver(scope={"level": "account"})]
    found = decided(snapshot, baseline(assessed(check(), op=False)), waivers=wishes)
    assert [each.matched for each in found.waivers] == [0, 0]

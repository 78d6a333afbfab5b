"""The places of steps at groups and people."""

import pytest

from auditor.evidence.scope import Level
from auditor.fix.model import StepScope
from auditor.fix.steps import portal_path
from auditor.fix.titles import title_of
from auditor.policy.catalogue.portal import RulePlace, place_at

SALES = StepScope(level="group", id="g1", name="Sales")
AT_SALES = "User Management > Groups > Sales > Settings"
STREAMING = "in_meeting.allow_live_streaming"


@pytest.mark.parametrize(
    ("at_account", "at_group"),
    [
        ("Account Management > Account Settings > Recording", "Recording"),
        (
            "Account Management > Account Settings > Meeting > In Meeting (Advanced)",
            "Meeting > In Meeting (Advanced)",
        ),
        (
            "Admin Center > Settings > Zoom AI (classic portal: Account Management > "
            "Account Settings > AI Companion tab) > Meeting > Meeting summary",
            "AI Companion tab > Meeting > Meeting summary",
        ),
        (
            "Admin Center > AI (classic portal: Account Management > Account Settings > AI tab)",
            "AI tab",
        ),
    ],
)
def test_a_group_has_the_place_below_its_own_settings(at_account: str, at_group: str) -> None:
    assert place_at(at_account, Level.GROUP, "Sales") == f"{AT_SALES} > {at_group}"


def test_a_place_without_a_counterpart_is_the_settings_of_the_group() -> None:
    assert place_at("Advanced > Security", Level.GROUP, "Sales") == AT_SALES


@pytest.mark.parametrize(
    ("place", "way"),
    [
        (RulePlace("Account Management > Account Settings > Meeting", True), " > Meeting"),
        (
            RulePlace("Account Management > Account Settings > Meeting", False),
            " > Meeting, there the setting “Live streaming of meetings”",
        ),
        (
            RulePlace("Advanced > Streams", True),
            ", there the setting “Live streaming of meetings”",
        ),
    ],
    ids=["a rule of one setting", "a rule of several", "no counterpart"],
)
def test_a_way_ends_at_the_setting_and_that_of_a_lock_at_the_lock(
    place: RulePlace, way: str
) -> None:
    found = portal_path("value", SALES, STREAMING, ["TP-01"], {"TP-01": place})
    assert found == f"{AT_SALES}{way}"
    locked = portal_path("lock", SALES, STREAMING, ["TP-01"], {"TP-01": place})
    assert locked == f"{found}, and press the lock beside it"


def test_a_title_quotes_the_name_of_a_group() -> None:
    assert title_of("lock", STREAMING, False, True, SALES).endswith(" for group “Sales”")

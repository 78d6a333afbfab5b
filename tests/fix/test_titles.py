"""The places of steps at groups and people."""

import pytest

from auditor.fix.model import StepScope
from auditor.fix.titles import place_at

SALES = StepScope(level="group", id="g1", name="Sales")


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
    assert (
        place_at(at_account, SALES) == f"User Management > Groups > Sales > Settings > {at_group}"
    )


def test_a_place_without_a_counterpart_is_the_settings_of_the_group() -> None:
    assert place_at("Advanced > Security", SALES) == "User Management > Groups > Sales > Settings"

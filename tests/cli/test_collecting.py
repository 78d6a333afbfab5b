"""How fast an account is asked: the command line, then AUDITOR_PLAN, then what is careful."""

from pathlib import Path

import pytest

from auditor.cli.collection import RateOptions
from auditor.config import settings as config
from auditor.zoom.limits import RatePlan


@pytest.mark.parametrize(
    ("variable", "option", "expected"),
    [
        (None, None, RatePlan.AUTO),
        ("business", None, RatePlan.BUSINESS),
        ("business", RatePlan.FREE, RatePlan.FREE),
    ],
)
def test_the_plan_is_what_the_command_line_says_else_the_environment(
    monkeypatch: pytest.MonkeyPatch,
    variable: str | None,
    option: RatePlan | None,
    expected: RatePlan,
) -> None:
    if variable is not None:
        monkeypatch.setenv("AUDITOR_PLAN", variable)
    assert RateOptions.chosen(config.load(), option).plan is expected


@pytest.mark.parametrize("command", ["audit", "nightly", "gate", "capture"])
def test_no_command_that_asks_zoom_makes_up_a_pace_of_its_own(command: str) -> None:
    source = (Path(__file__).parents[2] / "auditor/cli" / f"{command}.py").read_text()
    assert "RateOptions.chosen(settings" in source
    assert "Pace(" not in source

"""Options with a form of their own: lengths of time, and which meetings to read."""

from datetime import timedelta

import pytest

from auditor.app.choices import Plan
from auditor.cli.options import meeting_selection, parse_duration
from auditor.config import ConfigError
from auditor.evidence.read_plan import MeetingSelection
from auditor.zoom.limits import RatePlan


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90m", timedelta(minutes=90)),
        ("90min", timedelta(minutes=90)),
        ("24h", timedelta(hours=24)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("0h", timedelta()),
        (" 24 H ", timedelta(hours=24)),
        ("99999w", timedelta(weeks=99_999)),
    ],
)
def test_a_length_of_time_is_a_number_with_a_unit(text: str, length: timedelta) -> None:
    assert parse_duration(text, "--x") == length


@pytest.mark.parametrize(
    "text", ["", "24", "h", "-1h", "1.5h", "24x", "1h30m", "24 hours", "100000h", "²h"]
)
def test_anything_else_is_refused_with_the_option_and_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--max-evidence-age .*such as 24h or 30d"):
        parse_duration(text, "--max-evidence-age")


def test_without_a_choice_every_meeting_is_read() -> None:
    assert meeting_selection(None, None, None) == MeetingSelection()
    assert not meeting_selection(None, None, [])


@pytest.mark.parametrize(
    ("within", "days"), [("30d", 30), ("24h", 1), ("25h", 2), ("90m", 1), ("0d", 0), ("1w", 7)]
)
def test_a_part_of_a_day_is_a_day(within: str, days: int) -> None:
    assert meeting_selection(None, within, None) == MeetingSelection(within_days=days)


def test_hosts_are_chosen_by_person_and_by_group() -> None:
    chosen = meeting_selection(3, None, ["user:ann@example.com", "Group: Legal* ", "user:a:b"])
    assert chosen == MeetingSelection(3, None, ("ann@example.com", "a:b"), ("Legal*",))


@pytest.mark.parametrize("of", ["ann@example.com", "user:", "user: ", "team:Legal", ":x", ""])
def test_a_host_that_is_neither_is_refused_with_an_example(of: str) -> None:
    with pytest.raises(ConfigError, match=r"--meetings-of .*user:NAME or group:NAME"):
        meeting_selection(None, None, [of])


def test_a_time_within_which_meetings_begin_is_refused_by_its_own_name() -> None:
    with pytest.raises(ConfigError, match="--meetings-within soon"):
        meeting_selection(None, "soon", None)


def test_the_plans_of_the_option_are_those_with_rate_limits() -> None:
    assert [*Plan] == [*map(str, RatePlan)]

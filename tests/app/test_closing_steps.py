"""The steps that close most, for reports."""

from dataclasses import replace

from auditor.app.closing_steps import MOST_PEOPLE, closing_steps_of
from auditor.evidence.scope import Level
from tests.app.stored import judgement
from tests.builders import snapshot_of
from tests.report import worlds


def test_reports_on_large_accounts_leave_the_steps_to_the_plan() -> None:
    small = worlds.everything()
    coverage = {Level.USER: MOST_PEOPLE + 1}
    run = replace(small, summary=replace(small.summary, coverage=coverage))
    with snapshot_of() as snapshot:
        found = closing_steps_of(snapshot, judgement(), run)
    assert not found.steps
    assert "20,000 people" in found.omitted

"""Memory: judging, sorting and grouping a large account needs no more than a small one."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from auditor.evidence.content_store import DOCUMENTS
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import SETTINGS
from auditor.policy.evaluation.evaluate import evaluate
from auditor.policy.judging.reads import NEW_SETTINGS_CONTROL
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    LISTED,
    baseline_of,
    check,
    document,
    expected_control,
    expected_derived,
    nested,
    outcome,
    settings_body,
    snapshot_of,
)

pytestmark = pytest.mark.slow

FEW, MANY = 500, 50_000
DISTINCT = 20
"""Documents that users share."""
ALLOWED = 40
"""Megabytes more for the many."""

JUDGE = """
import resource, sys
from pathlib import Path
from dataclasses import replace
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.findings.rollup import roll_up
from tests.builders import CATALOGUE, baseline_of, check, expected_control
from auditor.policy.evaluation.evaluate import evaluate
from tests.report.worlds import run_of

wanted = baseline_of(
    expected_control(check()), expected_control(check("in_meeting.other", find_key="n"), id="AI-02")
)
with Snapshot.open(Path(sys.argv[1])) as snapshot:
    found = evaluate(snapshot, CATALOGUE, wanted, {}, Level.USER)
    run = replace(run_of([]), assessments=found.assessments, summary=found.summary)
    findings = sum(1 for _ in run.findings())
    groups = sum(group.count for group in roll_up(run).groups)
print(findings, groups, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""

Measured = dict[int, tuple[int, int, int]]
"""Users to findings, findings in groups, and megabytes."""


def account(path: Path, users: int) -> None:
    """A snapshot of so many users, every second of whom deviates."""
    bodies = [
        {**nested("in_meeting.thing", bool(n % 2)), "n": list(range(200)), "which": n}
        for n in range(DISTINCT)
    ]
    with Snapshot.create(path) as snapshot, snapshot.transaction():
        snapshot.add_scope(ACCOUNT)
        for view, body in {**LISTED, **settings_body(False)}.items():
            snapshot.record(ACCOUNT, view, outcome(ACCOUNT, view, body))
        for number in range(users):
            user = Scope(
                Level.USER, f"u{number:06}", f"User {number}", f"u{number}@example.com",
                (f"g{number % 7}",), 2, "active",
            )  # fmt: skip
            snapshot.add_scope(user)
            snapshot.record(user, SETTINGS, document(bodies[number % DISTINCT]))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Each account is judged in a process of its own."""
    folder = tmp_path_factory.mktemp("accounts")
    results = {}
    for users in (FEW, MANY):
        path = folder / f"{users}.sqlite"
        account(path, users)
        command = [sys.executable, "-c", JUDGE, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        findings, groups, megabytes = map(int, done.stdout.split())
        results[users] = findings, groups, megabytes
    return results


def test_documents_are_let_go_once_they_were_looked_through_for_new_settings() -> None:
    """As many distinct documents as there are users: no more of them are held than fit a cache."""
    snapshot = snapshot_of((ACCOUNT, settings_body(False)))
    with snapshot.transaction():
        for number in range(4 * DOCUMENTS):
            user = Scope(Level.USER, f"u{number:04}", status="active")
            snapshot.add_scope(user)
            body = {f"setting_{at}": {"which": f"{number}-{at}"} for at in range(50)}
            snapshot.record(user, SETTINGS, document({**body}))
    expected = baseline_of(expected_control(check()), expected_derived(NEW_SETTINGS_CONTROL))
    tracemalloc.start()
    try:
        evaluate(snapshot, CATALOGUE, expected, {}, Level.USER)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 9_000_000


def test_every_deviation_of_a_large_account_is_found(
    measured: Measured,
) -> None:
    for users, (findings, groups, _) in measured.items():
        assert findings == groups >= users // 2


def test_a_hundred_times_the_users_take_hardly_more_memory(
    measured: Measured,
) -> None:
    assert measured[MANY][2] - measured[FEW][2] < ALLOWED

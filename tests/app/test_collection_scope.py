"""How much is read: written down with a run, and held to when it goes on."""

from collections.abc import Iterator
from typing import Any

import pytest

from auditor.app.audit import AccountConnection, CollectionScope, collect, judge, resume
from auditor.collect.collector import utc_now
from auditor.evidence.read_plan import MeetingSelection, lock_sample_view
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import SETTINGS, Document, View
from auditor.sandbox import Conduct, Sandbox, World, serve
from auditor.zoom.auth import Credentials
from auditor.zoom.client import connect
from auditor.zoom.hosts import Cloud
from auditor.zoom.limits import RateLimiter, RatePlan
from tests.app.stored import judgement

LONG_AGO = "2000-01-01T00:00:00.000Z"
USERS = 30


@pytest.mark.parametrize(
    "extent",
    [
        CollectionScope(),
        CollectionScope(0),
        CollectionScope(7, MeetingSelection(3, 30, ("ann@example.com", "b*"), ("Legal*",))),
        CollectionScope(meetings=MeetingSelection(within_days=0)),
    ],
)
def test_a_collection_scope_is_restored_as_it_was_stored(extent: CollectionScope) -> None:
    snapshot = Snapshot.create()
    snapshot.set_metadata("extent", extent.record())
    assert CollectionScope.from_snapshot(snapshot) == extent


def test_a_run_without_a_stored_scope_has_the_default_one() -> None:
    assert CollectionScope.from_snapshot(Snapshot.create()) == CollectionScope()


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with serve(World(users=USERS, scenario="clean"), conduct=Conduct(plan="none")) as sandbox:
        yield sandbox


def target(account: Sandbox, **fields: Any) -> AccountConnection:
    client = connect(
        Credentials(account.account_id, account.client_id, account.client_secret),
        RateLimiter(RatePlan.BUSINESS.limits, max_rate=5000),
        cloud=Cloud(account.api_url, account.oauth_url),
    )
    return AccountConnection(client, account.account_id, **fields)


def collected(account: Sandbox, extent: CollectionScope | None = None, *controls: str) -> Snapshot:
    snapshot, aim = Snapshot.create(), target(account)
    wanted = judgement(*controls or ("RC-02",), depth=Level.USER)
    with aim.client:
        collect(aim, snapshot, wanted, "20261121T220000Z-cccccc", extent)
    return snapshot


def read(snapshot: Snapshot) -> int:
    """How many users' own documents there are."""
    return sum(SETTINGS in each.outcomes for each in snapshot.evidence(Level.USER))


def test_for_a_locked_setting_only_the_sample_of_users_is_read(account: Sandbox) -> None:
    snapshot = collected(account, CollectionScope(verify_locks=5))
    assert read(snapshot) == 5
    outcome = snapshot.account().outcomes[lock_sample_view(SETTINGS)]
    assert isinstance(outcome, Document)
    body: Any = outcome.body
    assert body["sampled"] == body["confirmed"] == 5
    run = judge(snapshot, judgement("RC-02", depth=Level.USER))
    listed = run.summary.coverage[Level.USER]
    assert run.summary.proved_by_lock == listed - 5 > 0
    assert run.info.exit_code == 0


def test_with_no_sample_every_user_is_read(account: Sandbox) -> None:
    snapshot = collected(account, CollectionScope(verify_locks=0))
    assert (
        read(snapshot)
        == judge(snapshot, judgement("RC-02", depth=Level.USER)).summary.coverage[Level.USER]
    )
    assert lock_sample_view(SETTINGS) not in snapshot.account().outcomes


def test_proof_by_lock_and_reading_all_users_give_the_same_verdicts(account: Sandbox) -> None:
    wanted = judgement("RC-02", depth=Level.USER, keep_passes=True)
    few, all_ = (judge(collected(account, CollectionScope(n)), wanted) for n in (5, 0))
    assert few.summary.by_status == all_.summary.by_status
    told = [
        [
            (f.verdict.control, f.scope.id, f.verdict.setting, f.verdict.status)
            for f in run.findings()
        ]
        for run in (few, all_)
    ]
    assert told[0] == told[1]


def test_a_resumed_run_keeps_its_collection_scope(account: Sandbox) -> None:
    snapshot = collected(account, CollectionScope(verify_locks=5))
    before, requests = snapshot.digest(), judge_cost(snapshot)
    aim = target(account)
    with aim.client:
        resume(aim, snapshot, judgement("RC-02", depth=Level.USER), LONG_AGO)
    assert snapshot.digest() == before
    assert read(snapshot) == 5
    assert judge_cost(snapshot) == requests


def test_evidence_older_than_allowed_is_read_again_and_costs_are_added_up(account: Sandbox) -> None:
    snapshot = collected(account, CollectionScope(verify_locks=5))
    before, requests = snapshot.digest(), judge_cost(snapshot)
    aim = target(account)
    with aim.client:
        resume(aim, snapshot, judgement("RC-02", depth=Level.USER), utc_now())
    assert snapshot.digest() == before
    assert judge_cost(snapshot) == 2 * requests


def judge_cost(snapshot: Snapshot) -> int:
    return judge(snapshot, judgement("RC-02", depth=Level.USER)).api.requests


def test_a_resumed_run_that_is_interrupted_is_not_finished(account: Sandbox) -> None:
    class Impatient:
        def level_started(self, level: Level, scopes: int) -> None:
            raise KeyboardInterrupt

        def read(self, level: Level) -> None:
            pass

    snapshot = collected(account)
    assert snapshot.meta("finished_at")
    aim = target(account, listener=Impatient())
    with aim.client, pytest.raises(KeyboardInterrupt):
        resume(aim, snapshot, judgement("RC-02", depth=Level.USER), utc_now())
    assert not snapshot.meta("finished_at")


def test_only_the_meetings_within_the_budget_are_read(account: Sandbox) -> None:
    wanted = judgement("CC-06", depth=Level.MEETING)
    counts = []
    for budget in (MeetingSelection(), MeetingSelection(per_host=1)):
        snapshot, aim = Snapshot.create(), target(account)
        with aim.client:
            collect(aim, snapshot, wanted, "run", CollectionScope(meetings=budget))
        outcome = snapshot.account().outcomes[View("upcoming_meetings")]
        assert isinstance(outcome, Document)
        body: Any = outcome.body
        counts.append((body["listed"], body["read"]))
    (all_, all_read), (listed, some_read) = counts
    assert all_ == all_read == listed > some_read > 0

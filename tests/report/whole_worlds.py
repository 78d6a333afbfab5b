"""The four whole worlds and a drifted one as runs, served, collected and judged once each.

Every format must handle them like the synthetic runs.
"""

from functools import cache

from auditor.app.audit import AccountConnection, EvaluationConfig, collect, judge
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.findings.run import Run
from auditor.policy.baseline import baselines as baseline
from auditor.policy.catalogue import files
from auditor.zoom.auth import Credentials
from auditor.zoom.client import connect
from auditor.zoom.hosts import Cloud
from auditor.zoom.limits import RateLimiter, RatePlan
from tests.end_to_end.conftest import served
from tests.worlds.conftest import SMALL, WORLDS

NAMES = (*WORLDS, "drifted")

_OPEN_SNAPSHOTS: list[Snapshot] = []
"""A run reads from its snapshot while it is rendered."""


@cache
def whole_world(name: str) -> Run:
    """The run of a world, judged by `strict`, with passes."""
    catalogue = files.shipped_catalogue()
    evaluation = EvaluationConfig(
        catalogue, baseline.load("strict", catalogue), depth=Level.USER, keep_passes=True
    )
    snapshot = Snapshot.create()
    _OPEN_SNAPSHOTS.append(snapshot)
    with served(**{**SMALL, **WORLDS.get(name, {"scenario": name})}) as account:
        secret = Credentials(account.account_id, account.client_id, account.client_secret)
        limiter = RateLimiter(RatePlan.BUSINESS.limits, max_rate=5000)
        cloud = Cloud(account.api_url, account.oauth_url)
        with connect(secret, limiter, cloud=cloud) as client:
            target = AccountConnection(client, account.account_id)
            collect(target, snapshot, evaluation, "20261122T010000-000Z-aaaaaa")
    return judge(snapshot, evaluation)

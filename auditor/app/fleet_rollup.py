"""The roll-up of a fleet, from the newest stored run of each account."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from auditor.app.audit import EvaluationConfig
from auditor.app.fleet_members import FleetMember, FleetMembers, FleetPolicy
from auditor.app.runs import RunSource, stored_runs
from auditor.errors import AuditorError, nearest
from auditor.evidence.scope import Level
from auditor.findings.drift import FindingState
from auditor.findings.model import TrendPoint
from auditor.fleet.attempts import Attempt, Attempts
from auditor.fleet.loading import FleetError
from auditor.fleet.rollup import AccountSummary, FindingCounts, FleetSummary
from auditor.plain_text import printable
from auditor.policy.baseline import serialization
from auditor.store.errors import (
    HistoryDamaged,
    HistoryLocked,
    HistoryUnfit,
    HistoryUnreachable,
    RunNotFound,
)
from auditor.store.history import History, StoredRun, point
from auditor.store.runs import Runs
from auditor.store.series import RunFilter, Series, place


def attempts_of(members: FleetMembers) -> Attempts:
    """The record of how the last audits of a fleet ended."""
    return Attempts(members.base.data, members.fleet.path)


def roll_up(
    members: FleetMembers,
    policy: FleetPolicy,
    depth: Level,
    tags: Sequence[str] = (),
    now: datetime | None = None,
) -> FleetSummary:
    """The roll-up of the selected accounts.

    Only runs that were judged with the policy of the fleet file at this depth count. An account of
    which nothing can be said is listed with the reason.

    Raises:
        InsecureDirectory: others can change the data directory.
        StoreError: the history cannot be read.
    """
    at = now or datetime.now(UTC)
    attempts = attempts_of(members).read()
    stored = stored_runs(members.base)
    titles: dict[str, str] = {}
    accounts = [
        _summary(member, policy, depth, stored, attempts.get(member.name), titles)
        for member in members
    ]
    return FleetSummary.of(members.fleet.name, at, accounts, titles, tags)


def newest_run(
    members: FleetMembers,
    name: str,
    policy: FleetPolicy,
    depth: Level,
    say: Callable[[str], None],
) -> tuple[RunSource, str]:
    """The newest run of an account that was judged with the policy of the fleet file, by id, and
    the stored runs to open it from.

    Raises:
        FleetError: the fleet has no such account.
        RunNotFound: it has no such run.
    """
    member = next((each for each in members if each.name == name), None)
    if member is None:
        names = [each.name for each in members]
        raise FleetError(
            f'No account of {members.fleet.path} is called "{printable(name)}".'
            f"{nearest(name, names)}",
            "See them with: auditor fleet list",
        )
    settings = member.without_secret()
    stored = stored_runs(settings)
    entry = stored.history.last_of(series_of(member, policy, depth)[0])
    if entry is None:
        raise RunNotFound(
            f"Account {name} has no stored run with the policy of the fleet file at depth {depth}.",
            "Run: auditor fleet audit",
        )
    run_filter = RunFilter(settings.account_id, place(settings.api_url))
    return RunSource(stored, run_filter, settings, say), entry.facts.id


def series_of(
    member: FleetMember, policy: FleetPolicy, depth: Level
) -> tuple[Series, EvaluationConfig]:
    """The series of an account's runs, and the policy to judge it with.

    Raises:
        ConfigError: its account id is not known.
        PolicyError: a policy file is not valid.
    """
    settings = member.without_secret()
    config = member.selection(policy).judgement(depth, settings.baseline, settings.org)
    series = Series.for_selection(
        settings.account_id or "",
        settings.api_url,
        config.baseline.info.id,
        config.depth,
        config.selected_subset,
    )
    return series, config


def _summary(
    member: FleetMember,
    policy: FleetPolicy,
    depth: Level,
    stored: Runs,
    attempt: Attempt | None,
    titles: dict[str, str],
) -> AccountSummary:
    account_id = member.account.account_id or ""
    try:
        series, config = series_of(member, policy, depth)
        account_id = series.account_id
        titles |= {each.id: each.title for each in config.catalogue}
        entry = stored.history.last_of(series)
        if entry is None:
            tags = member.account.tags
            return AccountSummary(member.name, tags, account_id, None, attempt=attempt)
        return _of_run(member, stored.history, entry, attempt, digests(config))
    except (HistoryDamaged, HistoryLocked, HistoryUnfit, HistoryUnreachable):
        raise
    except AuditorError as error:
        problem = str(error)
    return AccountSummary(
        member.name, member.account.tags, account_id, None, attempt=attempt, problem=problem
    )


def _of_run(
    member: FleetMember,
    history: History,
    entry: StoredRun,
    attempt: Attempt | None,
    policy: tuple[str, str],
) -> AccountSummary:
    """`policy` has the digests of the baseline and the organisation files."""
    earlier = history.before(entry)
    with ExitStack() as stack:
        states = stack.enter_context(history.finding_states(entry))
        before: Iterator[FindingState] = iter(())
        if earlier is not None:
            before = stack.enter_context(history.finding_states(earlier))
        policy_changed = earlier is not None and _judged_with(earlier) != _judged_with(entry)
        counts = FindingCounts.of(states, before, policy_changed=policy_changed)
    trend: list[TrendPoint] = [*history.trend(entry), point(entry.facts)]
    return AccountSummary(
        member.name,
        member.account.tags,
        entry.facts.account_id,
        entry.facts,
        counts,
        earlier is not None,
        trend,
        attempt,
        is_current=_judged_with(entry) == policy,
    )


def digests(config: EvaluationConfig) -> tuple[str, str]:
    """The digests of the baseline and of the organisation files."""
    return config.baseline.info.digest, serialization.organisation_digest(config.organisation)


def _judged_with(entry: StoredRun) -> tuple[str, str]:
    return entry.facts.baseline.digest, entry.facts.organisation_digest or ""

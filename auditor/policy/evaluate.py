"""Evaluation: from the evidence of a run to its verdicts, its counts and its read errors.

Pure: it reads the snapshot it is given and nothing else, so the same evidence and the same
baseline always give the same result.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from auditor.evidence.read_plan import COUNTS, LEFT, LISTINGS
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Document, ReadFailure, View
from auditor.findings.model import (
    Left,
    ReadError,
    Reference,
    Severity,
    Status,
    Summary,
    WaiverResult,
)
from auditor.findings.verdict_store import Assessment, VerdictGroup, VerdictStore
from auditor.policy import derived, phone_and_meetings, references
from auditor.policy.assess import MANY, Assessor
from auditor.policy.baseline import Baseline
from auditor.policy.catalogue import SETTINGS_LEVELS, SETTINGS_SURFACE, Catalogue, Check
from auditor.policy.derived import DerivedInputs
from auditor.policy.overrides import Overrides
from auditor.policy.reads import DEPTHS, NEW_SETTINGS_CONTROL, checks, document_at, levels, reached
from auditor.policy.references import Bearings, Entries
from auditor.policy.uncovered import Coverage, NewSettings
from auditor.policy.waivers import WaiversAndAttestations


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of judging one snapshot with one baseline."""

    assessments: VerdictStore
    summary: Summary
    errors: tuple[ReadError, ...]
    waivers: tuple[WaiverResult, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def stale(self) -> bool:
        """True where a waiver, an override or a name has expired or matches nothing."""
        waivers = any(each.is_stale for each in self.waivers)
        return waivers or any(each.is_stale for each in self.references)

    @property
    def complete(self) -> bool:
        """False if something selected could not be read."""
        return not self.errors and not self.summary.unread


@dataclass
class _Counts:
    status: Counter[Status] = field(default_factory=Counter)
    severity: Counter[Severity] = field(default_factory=Counter)
    level: Counter[Level] = field(default_factory=Counter)
    unknown: Counter[Severity] = field(default_factory=Counter)
    undecided: int = 0
    not_compared: int = 0
    unread: int = 0
    allowed: int = 0
    overridden: int = 0

    def add(self, share: VerdictGroup) -> None:
        for verdict in share.verdicts:
            self.status[verdict.status] += share.count
            self.overridden += share.count * bool(verdict.override)
            if verdict.allowed_by and verdict.status is Status.NOT_APPLICABLE:
                self.allowed += share.count
            if verdict.is_undecided:
                self.undecided += share.count
                self.not_compared += share.count * (verdict.status is Status.ATTESTED)
            settled = verdict.status is Status.ATTESTATION_EXPIRED and verdict.cause is not None
            if verdict.status is Status.UNKNOWN or settled:  # it is as unknown as it was before
                self.unknown[verdict.severity] += share.count
                if verdict.cause is not None and verdict.cause.is_failed_read:
                    self.unread += share.count
            if verdict.status is Status.FAIL:
                self.severity[verdict.severity] += share.count
                self.level[share.level] += share.count


def evaluate(
    snapshot: Snapshot,
    catalogue: Catalogue,
    baseline: Baseline,
    parameters: Mapping[str, JsonValue],
    depth: Level,
    keep_passes: bool = False,
    overrides: Overrides | None = None,
    settlements: WaiversAndAttestations | None = None,
) -> Evaluation:
    """Judge every scope in `snapshot` down to `depth`.

    `parameters` are the organisation's; those of the baseline hold where it sets none. Passes are
    counted, and kept only with `keep_passes`. `settlements` count what they met, so each
    evaluation needs its own.
    """
    widest = overrides.widest() if overrides is not None else baseline
    parameters = {**baseline.parameters, **parameters}
    accepted = parameters.get("known_keys")
    patterns = [str(each) for each in accepted] if isinstance(accepted, list) else []
    new = NewSettings(Coverage(catalogue, widest, patterns))
    ledger = VerdictStore(snapshot.marks())
    assessor = Assessor(baseline, parameters, depth, overrides, settlements)
    for assessment in assessor.run(snapshot):
        if assessment.scope.level in MANY and not phone_and_meetings.is_placeholder(
            assessment.scope
        ):
            ledger.add_shared(assessment.scope, assessment.verdicts)
        else:
            ledger.add(assessment)
    ledger.flush()
    assessor.count_settled()
    tally, counts = DerivedInputs(), _Counts()
    for share in ledger.shares():
        tally.add(share.level, share.verdicts, share.count)
    account = snapshot.account().scope
    wish = assessor.wished(account, NEW_SETTINGS_CONTROL)
    if wish is not None:
        for evidence, scopes in _settings_evidence(snapshot, depth):
            new.add(evidence, scopes)
        for found in new.assessments(wish.assessed.severity):
            verdicts = [replace(verdict, override=wish.override) for verdict in found.verdicts]
            settled = assessor.settled(found.scope, verdicts)
            assessment = Assessment(found.scope, settled, found.observed_at)
            ledger.add(assessment)
            tally.add_new(settled)
        tally.unread = new.unread | _unlisted(snapshot, depth)
        if not new.returned:
            tally.unread.add(Cause.ABSENT)
    computed = assessor.settled(account, assessor.computed(account, tally))
    ledger.add(Assessment(account, computed))
    for share in ledger.shares():
        counts.add(share)
    if not keep_passes:
        ledger.retain(lambda verdict: verdict.status is not Status.PASS)
    blind = _blind(snapshot, depth)
    named, lost = references.check(
        snapshot,
        Entries(
            overrides.chosen if overrides else (),
            settlements,
            parameters,
            frozenset(widest.assessed),
        ),
        Bearings(assessor.overriding, blind),
    )
    return Evaluation(
        assessments=ledger,
        summary=_summary(snapshot, widest, counts, new, depth, assessor.proved_by_lock),
        errors=tuple(_errors(snapshot, widest, depth)),
        waivers=tuple(settlements.states(widest.assessed, blind, lost)) if settlements else (),
        references=tuple(named),
    )


def _settings_evidence(snapshot: Snapshot, depth: Level) -> Iterator[tuple[ScopeEvidence, int]]:
    """The evidence of account, groups and users; of users that are alike one, and their number."""
    for level in _reached(depth):
        if level is not Level.USER:
            yield from ((evidence, 1) for evidence in snapshot.evidence(level))
            continue
        alike: dict[int | None, tuple[ScopeEvidence, int]] = {}
        for evidence, count in snapshot.alike(level):
            if evidence.scope.status != "pending":
                first, scopes = alike.get(evidence.profile, (evidence, 0))
                alike[evidence.profile] = first, scopes + count
        for profile in [*alike]:
            yield alike.pop(profile)  # each holds on to its documents once they were looked at


def _unlisted(snapshot: Snapshot, depth: Level) -> set[Cause]:
    """Why some groups or users down to `depth` are not known at all."""
    account = snapshot.account()
    listings = [account.outcomes.get(v) for at in _reached(depth) for v in LISTINGS.get(at, ())]
    refused = {each.unseen.cause for each in listings if isinstance(each, ReadFailure)}
    return refused | ({Cause.NOT_COLLECTED} if None in listings else set())


def _blind(snapshot: Snapshot, depth: Level) -> frozenset[Level]:
    """The levels that lie below `depth`, or of which some groups or users are not known."""
    below = set(DEPTHS) - set(levels(depth))
    account = snapshot.account()
    unlisted = {
        level
        for level, views in LISTINGS.items()
        if not all(isinstance(account.outcomes.get(view), Document) for view in views)
    }
    return frozenset(below | unlisted)


def _reached(depth: Level) -> list[Level]:
    return [level for level in levels(depth) if level in SETTINGS_LEVELS]


def _summary(
    snapshot: Snapshot,
    baseline: Baseline,
    counts: _Counts,
    new: NewSettings,
    depth: Level,
    proved_by_lock: int,
) -> Summary:
    coverage: dict[Level, int] = {}
    pending = 0
    for level in _reached(depth):
        coverage[level] = 0
        for scope, count in snapshot.memberships(level):
            if scope.status == "pending":
                pending += count
            else:
                coverage[level] += count
    coverage |= phone_and_meetings.coverage(snapshot.account(), reached(depth))
    return Summary(
        by_status={status: counts.status[status] for status in Status},
        by_severity={severity: counts.severity[severity] for severity in Severity},
        by_level=dict(counts.level),
        unknown_by_severity={severity: counts.unknown[severity] for severity in Severity},
        undecided=counts.undecided,
        allowed=counts.allowed,
        overridden=counts.overridden,
        not_compared=counts.not_compared,
        unread=counts.unread,
        not_reached=not_reached(baseline, depth),
        coverage=coverage,
        proved_by_lock=proved_by_lock,
        pending_users=pending,
        left=tuple(_left(snapshot.account(), reached(depth))),
        settings_returned=len(new.returned),
        settings_judged=new.judged,
    )


def _left(account: ScopeEvidence, reached: Iterable[Level]) -> Iterator[Left]:
    """Who and what left during the run, of the levels that are judged."""
    outcome = account.outcomes.get(LEFT)
    body = outcome.body if isinstance(outcome, Document) else None
    rows = body.get("left") if isinstance(body, dict) else None
    levels = {str(level): level for level in reached}
    for row in rows if isinstance(rows, list) else ():
        level = levels.get(str(row.get("level"))) if isinstance(row, dict) else None
        if isinstance(row, dict) and level is not None:
            yield Left(level, str(row.get("id")))


def _errors(snapshot: Snapshot, baseline: Baseline, depth: Level) -> Iterator[ReadError]:
    """One row for equal refusals, with the controls that each of them blinds."""
    rows: Counter[tuple[str, Cause, str, tuple[str, ...]]] = Counter()
    within = reached(depth)
    for level in within:
        for view, source, unseen, count in snapshot.refusals(level):
            if unseen.cause.is_failed_read:
                blinded = _blinded(baseline, level, view, within)
                if blinded:
                    rows[source, unseen.cause, unseen.detail, blinded] += count
    for (source, cause, message, controls), count in sorted(rows.items()):
        yield ReadError(source, cause, message, controls, count)


def _blinded(
    baseline: Baseline, level: Level, view: View, within: Iterable[Level]
) -> tuple[str, ...]:
    """The controls of the baseline that read `view` at `level`, or scopes that it would name."""
    names = {below for below, views in LISTINGS.items() if view in views and below in within}
    counts = {at for at, counted in COUNTS.items() if counted == view and at[0] in within}

    def reads(check: Check) -> bool:
        locks = check.lock is not None and level in check.lock_levels
        return (
            (level in check.levels and document_at(check, level) == view)
            or (locks and check.lock_document == view)
            or (check.surface == SETTINGS_SURFACE and not names.isdisjoint(check.levels))
            or any((at, check.surface) in counts for at in check.levels)
        )

    return tuple(
        each.control.id
        for each in baseline.assessed.values()
        if any(reads(check) for check in checks(each))
    )


def not_reached(baseline: Baseline, depth: Level) -> tuple[str, ...]:
    """The controls of `baseline` all of whose checks lie below `depth`."""
    below = set(Level) - set(reached(depth))
    return tuple(
        each.control.id
        for each in baseline.assessed.values()
        if each.expectations
        and all(derived.levels(each.control, check) <= below for check in checks(each))
    )

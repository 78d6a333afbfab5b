"""Evaluation: turns the evidence of a run into verdicts, counts and read errors.

Pure: it reads only the given snapshot, so the same evidence and the same baseline always give the
same result.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from auditor.evidence.read_plan import COVERAGE_VIEWS, LEFT, LISTINGS
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import Document, ReadFailure, View
from auditor.findings.model import (
    BlindSpotResult,
    FindingKind,
    Left,
    ReadError,
    Reference,
    Severity,
    Status,
    Summary,
    WaiverResult,
)
from auditor.findings.verdict_store import Assessment, VerdictGroup, VerdictSet, VerdictStore
from auditor.policy.baseline import references
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.baseline.references import AppliedEntries, Entries
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.catalogue.controls import SETTINGS_LEVELS, SETTINGS_SURFACE, Catalogue, Check
from auditor.policy.evaluation.uncovered import Coverage, NewSettings
from auditor.policy.judging import derived, phone_and_meetings
from auditor.policy.judging.assess import BULK_LEVELS, Assessor
from auditor.policy.judging.derived import DerivedInputs
from auditor.policy.judging.reads import (
    COMPARED_CONTROL,
    NEW_SETTINGS_CONTROL,
    checks,
    document_at,
    levels,
    reached,
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of judging one snapshot with one baseline."""

    assessments: VerdictStore
    summary: Summary
    errors: tuple[ReadError, ...]
    waivers: tuple[WaiverResult, ...] = ()
    references: tuple[Reference, ...] = ()
    blind_spots: tuple[BlindSpotResult, ...] = ()
    passed: frozenset[tuple[str, str]] = frozenset()
    """Each control and setting that passed somewhere, also where passes are not stored."""

    @property
    def stale(self) -> bool:
        """True if a waiver, a blind spot, an override or a name has expired or matches nothing."""
        waivers = any(waiver.is_stale for waiver in self.waivers)
        blind_spots = any(blind_spot.is_stale for blind_spot in self.blind_spots)
        return waivers or blind_spots or any(each.is_stale for each in self.references)

    @property
    def complete(self) -> bool:
        """False if a selected document could not be read."""
        return not self.errors and not self.summary.unread

    @property
    def gaps_accepted(self) -> bool:
        """True if it is incomplete, and accepted blind spots cover everything unread."""
        is_covered = self.summary.unread == self.summary.accepted_unread
        return not self.complete and is_covered and all(error.is_accepted for error in self.errors)


@dataclass
class _Counts:
    status: Counter[Status] = field(default_factory=Counter)
    severity: Counter[Severity] = field(default_factory=Counter)
    level: Counter[Level] = field(default_factory=Counter)
    unknown: Counter[Severity] = field(default_factory=Counter)
    undecided: int = 0
    not_compared: int = 0
    unread: int = 0
    accepted: int = 0
    accepted_unread: int = 0
    allowed: int = 0
    overridden: int = 0
    sources: dict[str, bool] = field(default_factory=dict)
    """For each request that left a check unknown: whether blind spots cover all of these checks."""
    passed: set[tuple[str, str]] = field(default_factory=set)
    """The control and setting of each value that passed."""

    def add(self, group: VerdictGroup) -> None:
        for verdict in group.verdicts:
            if verdict.status is Status.PASS and verdict.kind is FindingKind.VALUE:
                self.passed.add((verdict.control, verdict.setting))
            self.status[verdict.status] += group.count
            self.overridden += group.count * bool(verdict.override)
            is_value = verdict.kind is not FindingKind.LOCK
            if verdict.allowed_by and verdict.status is Status.NOT_APPLICABLE and is_value:
                self.allowed += group.count
            if verdict.is_undecided:
                self.undecided += group.count
                self.not_compared += group.count * (verdict.status is Status.ATTESTED)
            expired_attestation = (
                verdict.status is Status.ATTESTATION_EXPIRED and verdict.cause is not None
            )
            if (
                verdict.status is Status.UNKNOWN or expired_attestation
            ):  # the value is unknown again
                is_accepted = verdict.blind_spot is not None
                if is_accepted:
                    self.accepted += group.count
                else:
                    self.unknown[verdict.severity] += group.count
                if verdict.cause is not None and verdict.cause.is_failed_read:
                    self.unread += group.count
                    self.accepted_unread += group.count * is_accepted
                    so_far = self.sources.get(verdict.source, True)
                    self.sources[verdict.source] = so_far and is_accepted
            if verdict.status is Status.FAIL:
                self.severity[verdict.severity] += group.count
                self.level[group.level] += group.count


def evaluate(
    snapshot: Snapshot,
    catalogue: Catalogue,
    baseline: Baseline,
    parameters: Mapping[str, JsonValue],
    depth: Level,
    keep_passes: bool = False,
    overrides: Overrides | None = None,
    exceptions: WaiversAndAttestations | None = None,
) -> Evaluation:
    """Judge every scope in `snapshot` down to `depth`.

    `parameters` are the organisation's and take precedence over those of the baseline. Passes are
    counted, but stored only with `keep_passes`. `exceptions` counts its matches, so each
    evaluation needs its own object.
    """
    union = overrides.union() if overrides is not None else baseline
    parameters = {**baseline.parameters, **parameters}
    accepted = parameters.get("known_keys")
    patterns = [str(pattern) for pattern in accepted] if isinstance(accepted, list) else []
    new = NewSettings(Coverage(catalogue, union, patterns))
    store = VerdictStore(snapshot.scope_index())
    assessor = Assessor(baseline, parameters, depth, overrides, exceptions)
    for assessment in assessor.run(snapshot):
        if assessment.scope.level in BULK_LEVELS and not assessment.scope.is_placeholder:
            store.add_shared(assessment.scope, assessment.verdict_set)
        else:
            store.add(assessment)
    store.flush()
    assessor.count_exceptions()
    inputs, counts = DerivedInputs(), _Counts()
    for group in store.shares():
        inputs.add(group.level, group.verdicts, group.count)
    account = snapshot.account().scope
    expected = assessor.expected_control(account, NEW_SETTINGS_CONTROL)
    if expected is not None:
        for evidence, scopes in _settings_evidence(snapshot, depth):
            new.add(evidence, scopes)
        for new_assessment in new.assessments(expected.assessed.severity):
            verdicts = [
                replace(verdict, override=expected.override) for verdict in new_assessment.verdicts
            ]
            applied = assessor.with_exceptions(new_assessment.scope, verdicts)
            store.add(replace(new_assessment, verdict_set=VerdictSet.of(applied)))
            inputs.add_new(applied)
        inputs.unread = new.unread | _unlisted(snapshot, depth)
        if not new.returned:
            inputs.unread.add(Cause.ABSENT)
    derived_verdicts = assessor.with_exceptions(account, assessor.derived_verdicts(account, inputs))
    store.add(Assessment(account, VerdictSet.of(derived_verdicts)))
    for group in store.shares():
        counts.add(group)
    if not keep_passes:
        store.retain(lambda verdict: verdict.status is not Status.PASS)
    errors = [
        replace(error, is_accepted=counts.sources.get(error.source, False))
        for error in _errors(snapshot, union, depth)
    ]
    if exceptions:
        errors = list(exceptions.accept_errors(errors))
    unseen_levels = _unseen_levels(snapshot, depth)
    unjudged: frozenset[str] = frozenset()
    if exceptions:
        unjudged = _unjudged(snapshot.account(), exceptions, unseen_levels)
    mismatches, unmatched = references.check(
        snapshot,
        Entries(
            overrides.chosen if overrides else (),
            exceptions,
            parameters,
            frozenset(union.assessed),
        ),
        AppliedEntries(assessor.overrides_in_force, unseen_levels),
    )
    return Evaluation(
        assessments=store,
        summary=_summary(snapshot, union, counts, new, depth, assessor.proved_by_lock),
        errors=tuple(errors),
        waivers=tuple(
            exceptions.waiver_results(
                union.assessed, unseen_levels, _of_kind(references.WAIVER, unmatched), unjudged
            )
        )
        if exceptions
        else (),
        references=tuple(mismatches),
        blind_spots=tuple(
            exceptions.blind_spot_results(
                union.assessed, unseen_levels, _of_kind(references.BLIND_SPOT, unmatched), unjudged
            )
        )
        if exceptions
        else (),
        passed=frozenset(counts.passed),
    )


def _of_kind(kind: str, unmatched: Mapping[references.Slot, str]) -> dict[int, str]:
    return {position: detail for (each, position), detail in unmatched.items() if each == kind}


def _settings_evidence(snapshot: Snapshot, depth: Level) -> Iterator[tuple[ScopeEvidence, int]]:
    """The evidence of account, groups and users with a count; equal users are yielded once."""
    for level in _settings_levels(depth):
        if level is not Level.USER:
            yield from ((evidence, 1) for evidence in snapshot.evidence(level))
            continue
        by_profile: dict[int | None, tuple[ScopeEvidence, int]] = {}
        for evidence, count in snapshot.grouped_by_profile(level):
            if not evidence.scope.is_invited:
                first, scopes = by_profile.get(evidence.profile, (evidence, 0))
                by_profile[evidence.profile] = first, scopes + count
        for profile in [*by_profile]:
            yield by_profile.pop(
                profile
            )  # evidence keeps its documents in memory after they were read


def _unlisted(snapshot: Snapshot, depth: Level) -> set[Cause]:
    """Why some groups or users down to `depth` were not listed."""
    account = snapshot.account()
    listings = [
        account.outcomes.get(v) for at in _settings_levels(depth) for v in LISTINGS.get(at, ())
    ]
    refused = {outcome.unseen.cause for outcome in listings if isinstance(outcome, ReadFailure)}
    return refused | ({Cause.NOT_COLLECTED} if None in listings else set())


def _unseen_levels(snapshot: Snapshot, depth: Level) -> frozenset[Level]:
    """The levels below `depth`, and those whose groups or users were not all listed."""
    below = set(Level) - set(reached(depth))
    account = snapshot.account()
    unlisted = {
        level
        for level, views in LISTINGS.items()
        if not all(isinstance(account.outcomes.get(view), Document) for view in views)
    }
    return frozenset(below | unlisted)


def _unjudged(
    account: ScopeEvidence, exceptions: WaiversAndAttestations, unseen_levels: frozenset[Level]
) -> frozenset[str]:
    """Controls and requests that are reported at the account and rest on people, too, if people
    were not judged: the comparison with the account, new settings, and requests not made."""
    if Level.USER not in unseen_levels:
        return frozenset()
    made = {outcome.source.partition("?")[0] for outcome in account.outcomes.values()}
    named = {
        (each.request or "").partition("?")[0]: each.request for each in exceptions.blind_spots
    }
    requests = {request for path, request in named.items() if request and path not in made}
    return frozenset({COMPARED_CONTROL, NEW_SETTINGS_CONTROL, *requests})


def _settings_levels(depth: Level) -> list[Level]:
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
    for level in _settings_levels(depth):
        coverage[level] = 0
        for scope, count in snapshot.memberships(level):
            if scope.is_invited:
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
        accepted_blind_spots=counts.accepted,
        accepted_unread=counts.accepted_unread,
        not_reached=not_reached(baseline, depth),
        coverage=coverage,
        proved_by_lock=proved_by_lock,
        pending_users=pending,
        left=tuple(_left(snapshot.account(), reached(depth))),
        settings_returned=len(new.returned),
        settings_judged=new.judged,
    )


def _left(account: ScopeEvidence, reached: Iterable[Level]) -> Iterator[Left]:
    """The scopes of the judged levels that disappeared during the run."""
    outcome = account.outcomes.get(LEFT)
    body = outcome.body if isinstance(outcome, Document) else None
    rows = body.get("left") if isinstance(body, dict) else None
    levels = {str(level): level for level in reached}
    for row in rows if isinstance(rows, list) else ():
        level = levels.get(str(row.get("level"))) if isinstance(row, dict) else None
        if isinstance(row, dict) and level is not None:
            yield Left(level, str(row.get("id")))


def _errors(snapshot: Snapshot, baseline: Baseline, depth: Level) -> Iterator[ReadError]:
    """The read failures, one row for equal ones, with the controls each of them affects."""
    rows: Counter[tuple[str, Cause, str, tuple[str, ...]]] = Counter()
    within = reached(depth)
    for level in within:
        for view, source, unseen, count in snapshot.refusals(level):
            if unseen.cause.is_failed_read:
                affected = _affected_controls(baseline, level, view, within)
                if affected:
                    rows[source, unseen.cause, unseen.detail, affected] += count
    for (source, cause, message, controls), count in sorted(rows.items()):
        yield ReadError(source, cause, message, controls, count)


def _affected_controls(
    baseline: Baseline, level: Level, view: View, within: Iterable[Level]
) -> tuple[str, ...]:
    """The controls that read `view` at `level`, or read scopes that `view` lists."""
    names = {below for below, views in LISTINGS.items() if view in views and below in within}
    counts = {at for at, counted in COVERAGE_VIEWS.items() if counted == view and at[0] in within}

    def reads(check: Check) -> bool:
        locks = check.lock is not None and level in check.lock_levels
        return (
            (level in check.levels and document_at(check, level) == view)
            or (locks and check.lock_document == view)
            or (check.surface == SETTINGS_SURFACE and not names.isdisjoint(check.levels))
            or any((at, check.surface) in counts for at in check.levels)
        )

    return tuple(
        assessed.control.id
        for assessed in baseline.assessed.values()
        if any(reads(check) for check in checks(assessed))
    )


def judged_levels(assessed: ControlExpectation) -> frozenset[Level]:
    """The levels at which the values of a control are judged; computed ones at the account."""
    found = {
        level
        for check in checks(assessed)
        for level in ((Level.ACCOUNT,) if check.surface == "derived" else check.levels)
    }
    return frozenset(found or {Level.ACCOUNT})


def not_reached(baseline: Baseline, depth: Level) -> tuple[str, ...]:
    """The controls of `baseline` all of whose checks lie below `depth`."""
    below = set(Level) - set(reached(depth))
    return tuple(
        assessed.control.id
        for assessed in baseline.assessed.values()
        if assessed.expectations
        and all(derived.levels(assessed.control, check) <= below for check in checks(assessed))
    )

"""Plans of a fix: from a stored run to the fewest changes, and what they would lead to."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from auditor import __version__
from auditor.app.audit import EvaluationConfig, judge
from auditor.app.runs import LATEST, RunSource
from auditor.app.selection import Selection
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.model import FindingKind, Severity, Status, Verdict
from auditor.findings.run import Run
from auditor.fix import what_if
from auditor.fix.changed_evidence import EvidenceChange, changed_evidence
from auditor.fix.model import (
    SCHEMA_ID,
    FixPlan,
    PlanBaseline,
    PlanInvalid,
    PlanSelection,
    PlanStep,
    PlanTool,
    Prediction,
    UnfixableRow,
    read_text,
)
from auditor.fix.planner import Planner
from auditor.fix.recorded import FixPolicy
from auditor.fix.search import PlanLimits
from auditor.plain_text import printable
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.catalogue import portal
from auditor.policy.catalogue.controls import SETTINGS_LEVELS
from auditor.policy.catalogue.portal import RulePlace
from auditor.report import waiver_wording

_PHONE = frozenset((Level.PHONE_ACCOUNT, Level.PHONE_GROUP, Level.PHONE_SITE, Level.PHONE_USER))
LOCK_WARNING = (
    "Zoom does not document whether people's own values return when a lock is lifted again."
)


@dataclass(frozen=True)
class PlanOptions:
    """What a plan is limited to."""

    only: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    level: Level | None = None
    """The lowest level whose settings may be changed; None for users."""
    locks: bool = True
    policy: Selection = field(default_factory=Selection)
    """Another baseline or organisation file than the run's."""

    def limits(self, config: EvaluationConfig) -> PlanLimits:
        """The limits of the search.

        Raises:
            PolicyError: a control or a topic does not exist.
        """
        selected = None
        if self.only or self.topics:
            selected = config.catalogue.select(self.only, self.topics)
        return PlanLimits(selected, self.level or Level.USER, self.locks)

    @property
    def recorded(self) -> PlanSelection:
        """The options as in the plan."""
        level = None if self.level is None else self.level.value
        return PlanSelection.model_validate(
            {"only": self.only, "topics": self.topics, "level": level, "locks": self.locks}
        )


def plan_fix(source: RunSource, run: str, options: PlanOptions) -> FixPlan:
    """The fewest changes that bring the account of a stored run to its baseline.

    Raises:
        PolicyError: a name does not exist, or another version recorded the policy of the run.
        RunNotFound: there is no such run.
        SnapshotError: the run did not finish.
    """
    _, evidence = source.opened_file(run)
    with evidence as snapshot:
        return plan_of(snapshot, options)


def plan_of(snapshot: Snapshot, options: PlanOptions) -> FixPlan:
    """As `plan_fix`, from the evidence of a run."""
    config = options.policy.rejudgement(snapshot)
    before = judge(snapshot, replace(config, keep_passes=False))
    return plan_of_judged(snapshot, config, before, options)


def plan_of_judged(
    snapshot: Snapshot, config: EvaluationConfig, run: Run, options: PlanOptions
) -> FixPlan:
    """As `plan_fix`, for a run that `snapshot` and `config` gave."""
    planner = planner_of(snapshot, config, options)
    steps = planner.plan(failing_settings(run))
    return _completed(_Planning(snapshot, config, planner, run), steps, options)


def failing_settings(run: Run) -> frozenset[str]:
    """The settings with a deviation."""
    return frozenset(
        verdict.setting
        for share in run.assessments.shares()
        for verdict in share.verdicts
        if verdict.status is Status.FAIL
    )


def planner_of(snapshot: Snapshot, config: EvaluationConfig, options: PlanOptions) -> Planner:
    """The planner for a run and its policy.

    Raises:
        PolicyError: a control or a topic does not exist.
    """
    policy = FixPolicy(
        config.baseline,
        {**config.baseline.parameters, **config.parameters},
        config.depth,
        config.overrides,
        WaiversAndAttestations(
            config.organisation.waivers,
            config.organisation.attestations,
            config.today,
            config.organisation.blind_spots,
        ),
    )
    places = {
        cid: RulePlace(
            assessed.control.fix.portal,
            len({each.setting for each in assessed.control.checks}) == 1,
        )
        for cid, assessed in config.overrides.union().assessed.items()
    }
    return Planner.of(snapshot, policy, places, options.limits(config))


def try_plan(source: RunSource, path: Path, run: str = LATEST) -> FixPlan:
    """The plan in a file that a person may have changed, with the verdicts that it leads to.

    `run` names the evidence, if that is not the run that the plan names.

    Raises:
        PlanInvalid: it is not a plan, a step is nonsense, or it is of another run or account.
        RunNotFound: there is no such run.
    """
    changed = what_if.parse(read_text(path), str(path))
    _, evidence = source.opened_file(changed.run if run == LATEST else run)
    with evidence as snapshot:
        return changed_plan(snapshot, changed, str(path))


def changed_plan(snapshot: Snapshot, changed: what_if.ChangedPlan, name: str) -> FixPlan:
    """As `try_plan`, from the evidence of the run.

    Raises:
        PlanInvalid: a step is nonsense, or the plan is of other evidence.
    """
    account = snapshot.account().scope.id
    if changed.account_id != account:
        other = printable(changed.account_id)
        raise PlanInvalid([f"{name}: it is for account {other}, and the run is of {account}."])
    if changed.evidence_digest != snapshot.digest():
        raise PlanInvalid([f"{name}: it was made from other evidence than that of this run."])
    selection = changed.selection
    options = PlanOptions(
        selection.only,
        selection.topics,
        None if selection.level is None else Level(selection.level),
        selection.locks,
    )
    config = options.policy.rejudgement(snapshot)
    planner = planner_of(snapshot, config, options)
    player = planner.player()
    steps = [player.play(step) for step in what_if.drafts(changed, snapshot, player, name)]
    before = judge(snapshot, replace(config, keep_passes=False))
    return _completed(_Planning(snapshot, config, planner, before), steps, options)


@dataclass(frozen=True)
class _Planning:
    """What a plan is made from."""

    snapshot: Snapshot
    config: EvaluationConfig
    planner: Planner
    before: Run

    def after(self, steps: Sequence[PlanStep]) -> Run:
        """The run that an audit after these steps would give."""
        if not steps:
            return self.before
        changes = [
            EvidenceChange(step.kind, step.level, step.scope.id, step.setting, step.to)
            for step in steps
        ]
        with changed_evidence(self.snapshot, changes, self.planner.components) as changed:
            return judge(changed, replace(self.config, keep_passes=False))


def carried_out(steps: Sequence[PlanStep]) -> list[PlanStep]:
    """The automatic steps that do not wait for a manual one."""
    done: dict[int, PlanStep] = {}
    for step in steps:
        if step.request is not None and all(number in done for number in step.after):
            done[step.id] = step
    return list(done.values())


def remaining_after(
    snapshot: Snapshot,
    config: EvaluationConfig,
    planner: Planner,
    run: Run,
    steps: Sequence[PlanStep],
) -> list[UnfixableRow]:
    """The deviations that stand after all steps, each with the reason."""
    planning = _Planning(snapshot, config, planner, run)
    rows = _unfixable(planning.after(steps), PlanOptions(), planning)
    return [row for row in rows if row.status == Status.FAIL]


def _completed(planning: _Planning, steps: Sequence[PlanStep], options: PlanOptions) -> FixPlan:
    before = planning.before
    automatic = carried_out(steps)
    predicted = planning.after(automatic)
    with_manual = predicted if len(automatic) == len(steps) else planning.after(steps)
    info = before.info
    now = max(datetime.now(UTC), info.finished_at)
    fails = before.summary.by_status[Status.FAIL]
    remains = predicted.summary.by_status[Status.FAIL]
    warnings = []
    if any(step.kind == "lock" for step in steps):
        warnings.append(LOCK_WARNING)
    known = set(waiver_wording.stale_lines(before))
    warnings += [
        f"Afterwards: {line}"
        for line in waiver_wording.stale_lines(with_manual)
        if line not in known
    ]
    return FixPlan(
        schema_=SCHEMA_ID,
        run=info.id,
        account_id=info.account_id,
        baseline=PlanBaseline(
            id=info.baseline.id, version=info.baseline.version, digest=info.baseline.digest
        ),
        evidence_digest=info.evidence_digest,
        created_at=format_rfc3339(now),
        steps=tuple(steps),
        resolves=max(0, fails - remains),
        remains=remains,
        manual=sum(step.request is None for step in steps),
        predicted=_prediction(predicted),
        current=_prediction(before),
        predicted_with_manual=_prediction(with_manual),
        unfixable=tuple(_unfixable(with_manual, options, planning)),
        warnings=tuple(warnings),
        selection=options.recorded,
        run_finished_at=format_rfc3339(info.finished_at),
        complete=info.complete or info.gaps_accepted,
        simulated=info.simulated,
        api_url=info.api_url,
        tool=PlanTool(name="auditor", version=__version__),
    )


def _prediction(run: Run) -> Prediction:
    return Prediction(
        by_status={str(status): run.summary.by_status[status] for status in Status},
        by_severity={str(each): run.summary.by_severity[each] for each in Severity},
    )


def _unfixable(run: Run, options: PlanOptions, planning: _Planning) -> Iterator[UnfixableRow]:
    counts: Counter[tuple[str, str, Level, Status, str, str]] = Counter()
    limits = options.limits(planning.config)
    names = frozenset(name for each in planning.planner.components for name in each.names)
    for share in run.assessments.shares():
        for verdict in share.verdicts:
            reason = _reason(verdict, share.level, limits, names)
            if reason is not None and reason[0] == "would_break" and share.level is Level.ACCOUNT:
                why = planning.planner.refused_locks.get(portal.lock_of(verdict.setting))
                reason = reason[0], why or reason[1]
            if reason is not None:
                key = verdict.control, verdict.setting, share.level, verdict.status, *reason
                counts[key] += share.count
    for (control, setting, level, status, reason_, detail), count in sorted(counts.items()):
        yield UnfixableRow.model_validate(
            {
                "control": control,
                "setting": setting,
                "level": str(level),
                "status": str(status),
                "count": count,
                "reason": reason_,
                "detail": detail[:2000],
            }
        )


def _reason(
    verdict: Verdict, level: Level, limits: PlanLimits, names: frozenset[str]
) -> tuple[str, str] | None:
    """Why no step closes it, and a sentence; None for what needs no fix."""
    if verdict.status is Status.UNKNOWN:
        if verdict.blind_spot is not None:
            return None
        cause = verdict.cause or Cause.ABSENT
        return "unread", f"Nothing was read ({cause.replace('_', ' ')}): there is no value to fix."
    is_question = verdict.kind is FindingKind.ATTESTATION
    if verdict.status in (Status.NEEDS_DECISION, Status.ATTESTATION_EXPIRED):
        if is_question:
            return "attestation", "A person has to look and attest it."
        return "undecided", "The organisation has to decide first: auditor decide"
    if verdict.status is not Status.FAIL:
        return None
    if is_question:
        return "attestation", "The attestation says that it is not as expected."
    if level in _PHONE:
        return "phone_portal", "Zoom Phone: only the web portal changes it."
    is_setting = verdict.kind in (FindingKind.VALUE, FindingKind.LOCK) and verdict.setting in names
    if not is_setting or level not in SETTINGS_LEVELS:
        return "not_settings", _not_settings(verdict, level)
    if not limits.is_selected(verdict.control):
        return "excluded", "The plan was limited to other controls."
    if verdict.kind is FindingKind.LOCK and not limits.locks:
        return "excluded", "The plan was made without locks."
    if not limits.allows(level):
        return "excluded", f"The plan does not change single {level.noun}s."
    if verdict.kind is FindingKind.LOCK:
        return "would_break", (
            "The lock would take a value away that a waiver, an override or a parameter allows, "
            "hold a wrong value in place, or switch another feature on for people who have it off."
        )
    return "no_value", (
        "No value can be derived that meets the expectation and breaks nothing else."
    )


def _not_settings(verdict: Verdict, level: Level) -> str:
    if level in (Level.MEETING, Level.WEBINAR):
        return f"A setting of the {level.noun} itself: its host changes it."
    if verdict.kind is FindingKind.DERIVED:
        return (
            "It follows from other results of the run, and stays broken as long as one of them is."
        )
    if verdict.kind is FindingKind.UNCOVERED:
        return "A new setting: decide what it should be, with a control of your own."
    return "No setting: it is what people or apps did or set up."

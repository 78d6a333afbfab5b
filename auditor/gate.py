"""The gate: may a pipeline go on, judged by a stored run or by what is read now.

Only evidence opens it. Where there is nothing to judge, or what there is does not fit, it stays
shut and says why.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor.errors import ExitCode
from auditor.evidence.scope import Level
from auditor.findings.model import Finding, Severity, Status
from auditor.findings.run import Run
from auditor.report import wording
from auditor.report.gate_report import Basis, Example, Signed
from auditor.store.history import Acceptance, History, StoredRun
from auditor.store.series import RunFilter, Series

MAX_EXAMPLES = 10
"""How many findings an answer names."""

_MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead a clock may be."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What a gate asks of a run."""

    fail_on: Severity | None = Severity.HIGH
    max_age: timedelta = timedelta(hours=26)
    allow_unknown: bool = False
    new_only: bool = False
    strict: bool = False
    """What is undecided counts as missing evidence."""
    min_checks: int = 0
    """How many checks have to have been judged."""
    baseline_digest: str = ""
    """The digest that the baseline has to have; empty for any."""
    organisation_digest: str | None = None
    """The digest that the organisation file has to have, empty for none; None for any."""
    require_signature: bool = False


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate says, and of what."""

    code: ExitCode
    reason: str
    """One sentence: why it is open or shut."""
    advice: str
    """One sentence: what to do next; empty where nothing is to do."""
    basis: Basis | None = None
    deviations: int = 0
    """At or above the threshold, of any severity where there is none; with `new_only`, those that
    the accepted run did not have."""
    unknown: int = 0
    stale_waivers: int = 0
    examples: tuple[Example, ...] = ()
    """Of those that count, one for each control, setting and level: deviations before unknowns,
    the worst first."""
    stale_names: int = 0
    """Overrides, and names in the organisation file, that match nothing."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a gate judges: of which account, by what, and how much of it."""

    series: Series
    baseline_digest: str
    organisation_digest: str
    """Empty where there is no organisation file."""
    controls: frozenset[str]
    """The controls that are assessed."""

    @property
    def runs(self) -> RunFilter:
        """The runs of the account, however they were judged."""
        return RunFilter(self.series.account_id, self.series.place)

    def unmeasurable(self, entry: StoredRun) -> list[str]:
        """Why what is new cannot be measured against a run of the account; empty where it can.

        What a run did not look at would all be new.
        """
        facts, series = entry.facts, self.series
        differences = []
        if facts.baseline_id != series.baseline_id:
            differences.append(f"baseline {facts.baseline_id}, not {series.baseline_id}")
        if Level(facts.depth).rank < Level(series.depth).rank:
            differences.append(f"depth {facts.depth}, which sees less than {series.depth}")
        if entry.selection not in ("", series.selection) and not facts.controls >= self.controls:
            differences.append("a selection of controls that leaves some out")
        return differences

    def differences(self, entry: StoredRun) -> list[str]:
        """In what a run of the account is not as the gate judges; empty where it can be accepted.

        Whoever accepts a run accepts what it came to, so it has to have been judged alike.
        """
        facts = entry.facts
        differences = self.unmeasurable(entry)
        is_baseline = facts.baseline_id == self.series.baseline_id
        if is_baseline and facts.baseline_digest != self.baseline_digest:
            differences.append(f"another state of baseline {facts.baseline_id}")
        if (facts.organisation_digest or "") != self.organisation_digest:
            differences.append(
                f"organisation file {facts.organisation_digest or 'none'}, not "
                f"{self.organisation_digest or 'none'}"
            )
        return differences


@dataclass(frozen=True, slots=True)
class Known:
    """The deviations and unknowns of the accepted run, which are no news."""

    entry: StoredRun
    statuses: Mapping[str, Status]
    """By fingerprint."""

    @classmethod
    def of(cls, history: History, entry: StoredRun) -> "Known":
        """As they were recorded when the run was stored."""
        with history.standings(entry) as states:
            return cls(
                entry,
                {
                    state.fingerprint: state.status
                    for state in states
                    if state.status in (Status.FAIL, Status.UNKNOWN)
                },
            )

    def confirmed(self, rejudged: Run) -> "Known":
        """Those that the evidence of the run shows when it is judged as the gate judges now.

        Else a run that was judged by a policy made for it could make anything known.
        """
        statuses = {
            fingerprint: verdict.status
            for _, verdict, fingerprint in rejudged.identified()
            if self.statuses.get(fingerprint) is verdict.status
        }
        return Known(self.entry, statuses)


def find_acceptance(history: History, terms: Terms) -> Acceptance | GateResult:
    """The last acceptance of a run that fits, or why there is none."""
    acceptances = history.accepted(terms.runs)
    for acceptance in acceptances:
        if not terms.unmeasurable(acceptance.entry):
            return acceptance
    if not acceptances:
        return closed(
            "--new-only measures against an accepted run, and none is.",
            "Accept one: auditor gate accept RUN",
        )
    last = acceptances[0].entry
    return closed(
        f"run {last.facts.id}, which was accepted last, has "
        f"{', '.join(terms.unmeasurable(last))}: what is new cannot be measured against it.",
        "Accept a run that is judged as this gate judges, with the same options: auditor gate "
        "accept latest",
    )


def rejection(
    entry: StoredRun, policy: GatePolicy, digest: str, now: datetime
) -> GateResult | None:
    """Why a stored run cannot be judged; None where it can.

    `digest` is that of the baseline the gate was asked for.
    """
    facts = entry.facts
    age = now - datetime.fromisoformat(facts.finished_at.replace("Z", "+00:00"))
    if facts.baseline_digest != digest:
        return closed(
            f"run {facts.id} was judged by another state of baseline {facts.baseline_id}.",
            "Run the audit again, or --live.",
        )
    if age < -_MAX_CLOCK_SKEW:
        return closed(
            f"run {facts.id} ended {_hours(-age)} from now: one of the clocks is wrong.",
            "Set the clock of this machine or of the one that audits.",
        )
    if not facts.complete and not policy.allow_unknown:
        why = f" ({entry.stopped.rstrip('.')})" if entry.stopped else ""
        return closed(
            f"run {facts.id} is incomplete: something could not be read{why}.",
            f"See what: auditor report {facts.id} --format text. Then audit again (auditor "
            "nightly, or auditor audit --resume), or ask: auditor doctor",
        )
    return None


def age_rejection(run_id: str, oldest: str, policy: GatePolicy, now: datetime) -> GateResult | None:
    """Why a run cannot be judged by the age of its oldest document; None where it can.

    A run that was resumed ended later than most of it was read.
    """
    age = now - datetime.fromisoformat(oldest.replace("Z", "+00:00"))
    if age <= policy.max_age:
        return None
    return closed(
        f"the oldest evidence of run {run_id} is {_hours(age)} old; at most "
        f"{_hours(policy.max_age)} are allowed.",
        "Run the audit again, or --live.",
    )


def pin_mismatch(run: Run, policy: GatePolicy) -> GateResult | None:
    """Why a run is not what the pipeline pinned; None where it is."""
    info = run.info
    judged_checks = sum(run.summary.by_status.values())
    if policy.baseline_digest and info.baseline.digest != policy.baseline_digest:
        return closed(
            f"baseline {info.baseline.id} has digest {info.baseline.digest}, not the expected "
            f"{policy.baseline_digest}.",
            "Review what changed in the baseline, then change --expect-baseline-digest.",
        )
    expected_digest = policy.organisation_digest
    if expected_digest is not None and info.organisation_digest != expected_digest:
        return closed(
            f"the organisation file has digest {info.organisation_digest or 'none'}, not the "
            f"expected {expected_digest or 'none'}.",
            "Review what changed in the organisation file, then change --expect-org-digest.",
        )
    if judged_checks < policy.min_checks:
        return closed(
            f"{judged_checks:,} checks were judged, of at least {policy.min_checks:,} expected.",
            f"See which: auditor report {info.id}.",
        )
    return None


def closed(reason: str, advice: str) -> GateResult:
    """The answer where there is nothing to judge."""
    return GateResult(ExitCode.NOTHING_EVALUATED, reason, advice)


def judged(
    run: Run, policy: GatePolicy, known: Known | None = None, signed: Signed | None = None
) -> GateResult:
    """What the gate says of a run, against the accepted one where only what is new counts.

    `signed` is by whom the run was signed; None where it was not.
    """
    mismatch = pin_mismatch(run, policy)
    if mismatch is not None:
        return mismatch
    before = known.statuses if known is not None and policy.new_only else {}
    deviations, unknown, new, examples = _count(run.findings(), policy, before)
    counts = deviations, unknown, run.stale
    code = _code(run, policy, counts)
    return GateResult(
        code,
        _reason(run, policy, known, counts),
        _advice(run, code),
        Basis(run, new if policy.new_only else None, signed),
        deviations,
        unknown,
        sum(entry.is_stale for entry in run.waivers),
        examples,
        sum(entry.is_stale for entry in run.references),
    )


def _code(run: Run, policy: GatePolicy, counts: tuple[int, int, int]) -> ExitCode:
    """As for an audit (contract 2.4): without a threshold only missing evidence shuts it."""
    deviations, unknown, stale = counts
    if policy.fail_on is not None and (deviations or stale):
        return ExitCode.DEVIATIONS
    is_incomplete = not run.info.complete or (policy.fail_on is not None and unknown)
    if is_incomplete and not policy.allow_unknown:
        return ExitCode.INCOMPLETE
    return ExitCode.INCOMPLETE if policy.strict and run.summary.undecided else ExitCode.OK


def _count(
    findings: Iterable[Finding], policy: GatePolicy, before: Mapping[str, Status]
) -> tuple[int, int, int, tuple[Example, ...]]:
    """Deviations and unknowns that count, all new deviations, and examples of those that count."""
    deviations = unknown = new = 0
    first_of_kind: dict[tuple[str, ...], Finding] = {}
    scope_counts: dict[tuple[str, ...], int] = {}
    last_scope: dict[tuple[str, ...], str] = {}
    for finding in findings:
        verdict = finding.verdict
        if verdict.status not in (Status.FAIL, Status.UNKNOWN):
            continue
        if before.get(finding.fingerprint) is verdict.status:
            continue
        new += verdict.status is Status.FAIL
        if policy.fail_on is not None and verdict.severity.rank > policy.fail_on.rank:
            continue
        deviations += verdict.status is Status.FAIL
        unknown += verdict.status is Status.UNKNOWN
        kind = verdict.status, verdict.control, verdict.setting, finding.scope.level
        first_of_kind.setdefault(kind, finding)
        if (
            last_scope.get(kind) != finding.scope.id
        ):  # they come by scope: value and lock of one are one
            last_scope[kind] = finding.scope.id
            scope_counts[kind] = scope_counts.get(kind, 0) + 1
    examples = [Example(finding, scope_counts[kind]) for kind, finding in first_of_kind.items()]
    examples.sort(key=lambda finding: finding.finding.verdict.status is Status.UNKNOWN)
    return deviations, unknown, new, tuple(examples[:MAX_EXAMPLES])


def _reason(run: Run, policy: GatePolicy, known: Known | None, counts: tuple[int, int, int]) -> str:
    deviations, unknown, stale = counts
    new = "new " if policy.new_only else ""
    plural = "" if deviations == 1 else "s"
    threshold = f" at {policy.fail_on} or above" if policy.fail_on else ""
    parts = [f"{deviations:,} {new}deviation{plural}{threshold}", f"{unknown:,} {new}unknown"]
    if stale:
        names = sum(entry.is_stale for entry in run.references)
        waivers = stale - names
        if waivers:
            parts.append(
                f"{waivers} waiver{'' if waivers == 1 else 's'} expired or covering nothing"
            )
        if names:
            parts.append(wording.stale_names(names))
    if policy.fail_on is None and any(counts):
        parts.append("none of which shuts the gate (--fail-on never)")
    if not run.info.complete:
        parts.append("the evidence is incomplete")
    if policy.allow_unknown and (unknown or not run.info.complete):
        parts.append("which --allow-unknown lets through")
    reference = f", against accepted run {known.entry.facts.id}" if known and new else ""
    return ", ".join(parts) + reference + "."


def _advice(run: Run, code: ExitCode) -> str:
    """What to do next. The run is named: another one may be the newest."""
    run_id = run.info.id
    if code is ExitCode.DEVIATIONS:
        return (
            f"See which, and how to fix them: auditor report {run_id}. What changed: auditor diff "
            f"{run_id}."
        )
    if code is ExitCode.INCOMPLETE:
        return (
            f"See what is unknown: auditor report {run_id}. What it takes to read it: auditor "
            "doctor."
        )
    return f"See which: auditor report {run_id}." if _has_open_items(run) else ""


def _has_open_items(run: Run) -> bool:
    """True where there is something to do, whether it shuts the gate or not."""
    summary = run.summary
    wrong = summary.by_status.get(Status.FAIL, 0) or summary.by_status.get(Status.UNKNOWN, 0)
    return bool(wrong or run.stale or summary.undecided or not run.info.complete)


def _hours(span: timedelta) -> str:
    """A length of time, rounded up: what is too old never looks just as old as is allowed."""
    hours = span / timedelta(hours=1)
    if hours >= 48:
        return f"{math.ceil(hours / 24)} days"
    if hours >= 2:
        return f"{math.ceil(hours)} hours"
    return f"{math.ceil(span / timedelta(minutes=1))} minutes"

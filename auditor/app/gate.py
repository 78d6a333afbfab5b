"""The gate: decides from a stored or live run whether a pipeline may continue.

Only evidence opens the gate. If there is no evidence, or it does not match what the gate was asked
to judge, the gate stays closed and gives the reason. `Gate` chooses and verifies the run, `judged`
decides, and `accept` records the run that new findings are measured against.
"""

import math
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from auditor.app.audit import EvaluationConfig, judge
from auditor.app.collection import Collection
from auditor.app.messages import Messages
from auditor.app.runs import LATEST, RunSource, configured_account
from auditor.app.signed_runs import Signatures
from auditor.app.storing import store_run
from auditor.config import ConfigError
from auditor.config.settings import Settings
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot, SnapshotError
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.drift import FindingState, RunFacts
from auditor.findings.model import Finding, FindingKind, Severity, Status, Verdict
from auditor.findings.rollup import FindingGroup
from auditor.findings.run import Run
from auditor.plain_text import pluralize, printable
from auditor.policy.baseline import serialization
from auditor.policy.catalogue.controls import Catalogue
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.operators import goes_further
from auditor.report import wording
from auditor.report.gate_output import Basis, Signed
from auditor.store.errors import RunNotFound, RunUnfit, StoreError
from auditor.store.history import Acceptance, History, StoredRun
from auditor.store.runs import Runs
from auditor.store.series import RunFilter, Series, place

MAX_EXAMPLES = 10
"""Maximum number of findings that a result names."""

_MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How far in the future a run may end before a clock is assumed to be wrong."""

_OPENINGS = frozenset({"A", "An", "The", "This", "These", "No", "Nothing", "There", "It"})
"""First words of messages that are not names."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """The requirements of a gate."""

    fail_on: Severity | None = Severity.HIGH
    max_age: timedelta = timedelta(hours=26)
    allow_unknown: bool = False
    new_only: bool = False
    strict: bool = False
    """Undecided controls count as missing evidence."""
    min_checks: int = 0
    """The minimum number of judged checks."""
    baseline_digest: str = ""
    """The required digest of the baseline; empty for any."""
    organisation_digest: str | None = None
    """The required digest of the organisation file: empty for no file, None for any."""
    require_signature: bool = False


@dataclass(frozen=True, slots=True)
class GateResult:
    """The decision of the gate, with its reason."""

    code: ExitCode
    reason: str
    """One sentence: why the gate is open or closed."""
    advice: str
    """One sentence: what to do next; empty if there is nothing to do."""
    basis: Basis | None = None
    deviations: int = 0
    """Deviations at or above the threshold, or of any severity without one; with `new_only`,
    only those that the accepted run does not have."""
    unknown: int = 0
    stale_waivers: int = 0
    examples: tuple[FindingGroup, ...] = ()
    """One counted finding per control, setting and level: deviations before unknowns, in order
    of severity."""
    stale_names: int = 0
    """Overrides, and names in the organisation file, that match nothing."""


class NoRun(RunNotFound):
    """There is no run to judge or to measure against, so the gate stays closed."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{reason[0].upper()}{reason[1:]}", advice)
        self.result = closed(reason, advice)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a gate judges: the account, the policy and the selected controls."""

    series: Series
    baseline_digest: str
    organisation_digest: str
    """Empty without an organisation file."""
    controls: frozenset[str]
    """The controls to assess."""

    @classmethod
    def of(cls, config: EvaluationConfig, account_id: str, api_url: str) -> "Terms":
        """The terms of a gate that judges an account with this config."""
        info = config.baseline.info
        return cls(
            Series.for_selection(
                account_id, api_url, info.id, config.depth, config.selected_subset
            ),
            info.digest,
            serialization.organisation_digest(config.organisation),
            frozenset(config.overrides.union().assessed),
        )

    @property
    def runs(self) -> RunFilter:
        """All runs of the account, whatever they were judged by."""
        return RunFilter(self.series.account_id, self.series.place)

    def unmeasurable(self, entry: StoredRun) -> list[str]:
        """Reasons why new findings cannot be measured against a run of the account; empty if they
        can.

        Everything that the run did not examine would count as new.
        """
        facts, series = entry.facts, self.series
        differences = []
        if facts.baseline.id != series.baseline_id:
            differences.append(f"baseline {facts.baseline.id}, not {series.baseline_id}")
        if Level(facts.depth).rank < Level(series.depth).rank:
            differences.append(f"depth {facts.depth}, which sees less than {series.depth}")
        if entry.selection not in ("", series.selection) and not facts.controls >= self.controls:
            differences.append("a selection of controls that leaves some out")
        return differences

    def differences(self, entry: StoredRun) -> list[str]:
        """Differences between a run of the account and the terms of the gate; empty if it can be
        accepted.

        To accept a run is to accept its findings, so the run must have been judged by the same
        policy.
        """
        facts = entry.facts
        differences = self.unmeasurable(entry)
        is_baseline = facts.baseline.id == self.series.baseline_id
        if is_baseline and facts.baseline.digest != self.baseline_digest:
            differences.append(f"another state of baseline {facts.baseline.id}")
        if (facts.organisation_digest or "") != self.organisation_digest:
            differences.append(
                f"organisation file {facts.organisation_digest or 'none'}, not "
                f"{self.organisation_digest or 'none'}"
            )
        return differences


@dataclass(frozen=True, slots=True)
class KnownFindings:
    """The deviations and unknowns of the accepted run, which do not count as new."""

    entry: StoredRun
    states: Mapping[str, FindingState | Verdict]
    """By fingerprint."""

    @classmethod
    def of(cls, history: History, entry: StoredRun) -> "KnownFindings":
        """The findings as recorded when the run was stored."""
        with history.finding_states(entry) as states:
            return cls(
                entry,
                {
                    state.fingerprint: state
                    for state in states
                    if state.status in (Status.FAIL, Status.UNKNOWN)
                },
            )

    def confirmed(self, rejudged: Run) -> "KnownFindings":
        """Keep only the findings that the evidence still shows when judged by the gate's own
        policy.

        Otherwise a run judged by a policy made for the purpose could make any finding known.
        """
        states = {
            finding.fingerprint: finding.verdict
            for finding in rejudged.without_history()
            if (stored := self.states.get(finding.fingerprint)) is not None
            and stored.status is finding.verdict.status
        }
        return KnownFindings(self.entry, states)

    def includes(self, finding: Finding) -> bool:
        """True if it stood so already, and goes no further today.

        What is unknown for another cause is new, and so is another value whose distance from the
        expected one is unknown. A computed finding is compared by what it is computed from.
        """
        verdict, before = finding.verdict, self.states.get(finding.fingerprint)
        if before is None or before.status is not verdict.status:
            return False
        if verdict.status is Status.UNKNOWN:
            return before.cause is verdict.cause
        is_computed = verdict.kind is FindingKind.DERIVED
        return is_computed or goes_further(verdict, before.observed) is False


@dataclass(frozen=True)
class Gate:
    """What a gate judges, by which policy, and from which stored runs."""

    stored: Runs
    settings: Settings
    config: EvaluationConfig
    policy: GatePolicy
    messages: Messages
    has_organisation: bool
    """False if no organisation file is named."""
    is_sandbox: bool = False
    """True for the stored runs of the simulated account."""

    @cached_property
    def _signatures(self) -> Signatures:
        return Signatures(self.settings)

    def judge_stored(self, account: str | None) -> GateResult:
        """The decision from the newest stored run of the requested or configured account.

        Raises:
            NoRun: there is no run to judge, or none to measure against.
            SnapshotError: the run or its signature is not as it was stored.
            StoreError: the history cannot be read.
        """
        history, config = self.stored.history, self.config
        source = RunSource.chosen(
            self.settings, self.messages.say, account=account, sandbox=self.is_sandbox
        )
        elsewhere = source.elsewhere()
        newest = history.newest(source.run_filter, datetime.now(UTC)) if self.is_sandbox else None
        if newest is not None:
            terms = Terms.of(config, newest.facts.account_id, newest.facts.api_url)
        else:
            owner = _account(history, self.settings, account, elsewhere)
            terms = Terms.of(config, owner, self.settings.api_url)
        entry = _newest(history, terms, elsewhere)
        unfit = rejection(entry, self.policy, config.baseline.info.digest, datetime.now(UTC))
        if unfit is not None:
            return unfit
        known = self._known(terms) if self.policy.new_only else None
        with history.verified(entry) as snapshot:
            now = datetime.now(UTC)
            signed = self._signed(entry, snapshot)
            oldest = snapshot.oldest() or entry.facts.finished_at
            refused = age_rejection(entry.facts.id, oldest, self.policy, now)
            if refused is None and not self.has_organisation:
                refused = _organisation_rejection(entry.facts.id, snapshot, config.catalogue)
            if refused is not None:
                return refused
            # The gate judges by its own policy, never by one that comes with the evidence.
            run = judge(snapshot, replace(config, today=now.date()))
            return judged(run, self.policy, known, signed)

    def judge_live(self, collection: Collection) -> GateResult:
        """The decision from evidence that is collected now, and stored.

        Raises:
            As `Collection.run`, and SnapshotError: a signature is not as it was made.
            NoRun: there is no run to measure against.
        """
        config, policy, signatures = self.config, self.policy, self._signatures
        snapshot = collection.run()
        with ExitStack() as stack, snapshot:
            run = judge(snapshot, config)
            is_stored = store_run(self.stored, snapshot, run, config, self.messages)
            if is_stored:  # however the gate decides, the evidence is in the history now
                stack.callback(self.stored.discard, run.info.id)
            entry = self.stored.history.find(run.info.id) if is_stored else None
            if entry is None and (policy.require_signature or signatures.are_required):
                return closed(
                    f"run {run.info.id} could not be stored, so it is not signed.",
                    "See why: auditor doctor",
                )
            signed = self._signed(entry, snapshot) if entry else None
            if policy.new_only and not is_stored:
                return closed(
                    f"run {run.info.id} could not be stored, so its new findings are unknown.",
                    "See why: auditor doctor",
                )
            known = None
            if policy.new_only:
                known = self._known(Terms.of(config, run.info.account_id, run.info.api_url))
            return judged(run, policy, known, signed)

    def _known(self, terms: Terms) -> KnownFindings:
        """The findings of the accepted run.

        Raises:
            NoRun: no run is accepted, or it cannot be compared.
            SignatureError: the signature of the run or of its acceptance is missing or invalid.
        """
        history = self.stored.history
        acceptance = _acceptance(history, terms)
        is_required = self.policy.require_signature
        self._signatures.verified_acceptance(acceptance, required=is_required)
        accepted = acceptance.entry
        with history.verified(accepted) as evidence:
            self._signatures.verified(accepted, evidence, required=is_required)
            again = judge(evidence, replace(self.config, today=datetime.now(UTC).date()))
            return KnownFindings.of(history, accepted).confirmed(again)

    def _signed(self, entry: StoredRun, evidence: Snapshot) -> Signed | None:
        """The key of a run's verified signature; None if the run is not signed and need not be.

        Raises:
            SignatureError: the signature is missing or invalid.
        """
        is_required = self.policy.require_signature
        key = self._signatures.verified(entry, evidence, required=is_required)
        trusted = self._signatures.trusted
        return None if key is None else Signed(key, trusted is not None and trusted.id == key)


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """The run that has been accepted."""

    facts: RunFacts
    is_selection: bool
    """True if only some controls were requested."""


def accept(
    source: RunSource, config: EvaluationConfig, run: str, account: str | None, note: str
) -> AcceptedRun:
    """Accept a run, by id or `latest`, that was judged as `config` says.

    Raises:
        ConfigError: a signature is required, and no key can sign here.
        RunNotFound: there is no such run.
        RunUnfit: the run cannot be accepted.
        SnapshotError: the run or its signature is not as it was stored.
        StoreError: the history cannot be used.
    """
    settings, history, now = source.settings, source.runs.history, datetime.now(UTC)
    if run == LATEST:
        for sentence in source.from_future():
            source.say(sentence)
        owner = _account(history, settings, account, source.elsewhere())
        terms = Terms.of(config, owner, settings.api_url)
        entry = _newest(history, terms, source.elsewhere())
    else:
        entry = history.get(source.own_run(run))
        terms = Terms.of(config, entry.facts.account_id, entry.facts.api_url)
    _refuse_unfit(entry, terms, now)
    signatures = Signatures(settings)
    if signatures.are_required and signatures.signer is None:
        raise ConfigError(
            "AUDITOR_VERIFY_KEY is set, so the gate requires a signed acceptance, but this machine "
            "has no signing key. Accept the run on the machine that signs."
        )
    with history.verified(entry) as evidence:
        signatures.verified(entry, evidence, required=False)
        if not entry.facts.complete:  # that blind spots cover its gaps is proved by its evidence
            again = judge(evidence, replace(config, today=now.date()))
            if again.info.has_open_gaps:
                raise _incomplete(entry)
    history.accept(entry, now.isoformat(timespec="seconds"), note)
    return AcceptedRun(entry.facts, bool(entry.selection))


def closing_reason(error: Exception) -> str | None:
    """Why an error keeps the gate closed; None if the gate was called incorrectly.

    Other commands treat an unusable baseline, stored run or history as a usage error. The gate
    stays closed instead, and gives the reason.
    """
    if isinstance(error, sqlite3.Error | zlib.error):
        return f"a database could not be used ({error})."
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'} could not be used: {error.strerror}."
    is_closing = (
        not isinstance(error, AuditorError)
        or error.exit_code is ExitCode.NOTHING_EVALUATED
        or isinstance(error, PolicyError | SnapshotError | StoreError)
    )
    if not is_closing:
        return None
    # The reason follows a colon; names such as Zoom keep their capital.
    message = str(error)
    opening = message.partition(" ")[0]
    return opening.lower() + message[len(opening) :] if opening in _OPENINGS else message


def _organisation_rejection(
    run_id: str, snapshot: Snapshot, catalogue: Catalogue
) -> GateResult | None:
    """The reason to refuse a run to a gate without an organisation file; None if it had none."""
    recorded = EvaluationConfig.from_snapshot(snapshot, catalogue).organisation
    digest = serialization.organisation_digest(recorded)
    if not digest:
        return None
    return closed(
        f"run {run_id} was judged with an organisation file ({digest}; "
        f"{len(recorded.overrides)} overrides, {len(recorded.waivers)} waivers, "
        f"{len(recorded.attestations)} attestations), but the gate has none.",
        "Name the organisation file: --org FILE, or AUDITOR_ORG.",
    )


def _account(history: History, settings: Settings, requested: str | None, elsewhere: str) -> str:
    """The requested or configured account, or the only stored one.

    Raises:
        NoRun: there is none, or more than one.
    """
    account = requested or configured_account(settings)
    if account is not None:
        return account
    known = history.accounts(place(settings.api_url))
    if not known:
        raise NoRun(f"no run is stored in {history}.{elsewhere}", "Run: auditor audit")
    if len(known) > 1:
        raise NoRun(
            f"{history} holds runs of {len(known)} accounts.",
            "Name one with --account or ZOOM_ACCOUNT_ID; see them with: auditor history",
        )
    return known[0]


def _newest(history: History, terms: Terms, elsewhere: str) -> StoredRun:
    """The newest run with the series of the terms.

    Raises:
        NoRun: there is none.
    """
    series = terms.series
    of_account = history.runs(terms.runs)
    entry = history.last_of(series)
    if entry is not None:
        return entry
    description = f"baseline {series.baseline_id}, depth {series.depth}"
    description += ", the same selection of controls" if series.selection else ""
    if not of_account:
        raise NoRun(
            f"no run of account {series.account_id} is stored in {history}.{elsewhere}",
            "Run: auditor audit",
        )
    newest = of_account[-1].facts
    narrowed = ", a selection of controls" if of_account[-1].selection else ""
    advice = (
        "Run an audit with these options, or match the stored run with --baseline, --depth, --only "
        "and --topic."
    )
    is_same = newest.baseline.id == series.baseline_id and not (series.selection or narrowed)
    if is_same and Level(newest.depth).rank < Level(series.depth).rank:
        advice = f"It saw less: run auditor audit --depth {series.depth}, then this gate again."
    raise NoRun(
        f"no stored run fits ({description}); the newest, {newest.id}, has baseline "
        f"{newest.baseline.id}, depth {newest.depth}{narrowed}.",
        advice,
    )


def _refuse_unfit(entry: StoredRun, terms: Terms, now: datetime) -> None:
    """Reject a run that a gate with these terms cannot measure against.

    Raises:
        RunUnfit: the run is unsuitable.
    """
    run = f"Run {entry.facts.id}"
    if entry.facts.has_open_gaps:
        raise _incomplete(entry)
    if entry.set_aside:
        raise RunUnfit(f"{run} is set aside ({printable(entry.set_aside)}): it cannot be accepted.")
    if entry.ends_in_future(now):
        raise RunUnfit(
            f"{run} ended later than now ({format_rfc3339(entry.facts.finished_at)}): a clock "
            "was wrong, so it cannot be accepted."
        )
    if differing := terms.differences(entry):
        raise RunUnfit(
            f"{run} does not match the gate: it has {', '.join(differing)}. Give the gate's "
            "options: --baseline, --org, --depth, --only, --topic. Or audit with them first."
        )


def _incomplete(entry: StoredRun) -> RunUnfit:
    return RunUnfit(
        f"Run {entry.facts.id} is incomplete: unread settings cannot be accepted, unless the "
        "organisation file accepts them as blind spots."
    )


def _acceptance(history: History, terms: Terms) -> Acceptance:
    """The latest acceptance of a comparable run.

    Raises:
        NoRun: there is none.
    """
    acceptances = history.accepted(terms.runs)
    for acceptance in acceptances:
        if not terms.unmeasurable(acceptance.entry):
            return acceptance
    if not acceptances:
        raise NoRun(
            "--new-only compares with an accepted run, but no run is accepted.",
            "Accept one with: auditor gate accept RUN",
        )
    last = acceptances[0].entry
    raise NoRun(
        f"run {last.facts.id}, which was accepted last, has {', '.join(terms.unmeasurable(last))}: "
        f"it is no reference for what is new.",
        "Accept a run with the options of this gate: auditor gate accept latest",
    )


def rejection(
    entry: StoredRun, policy: GatePolicy, digest: str, now: datetime
) -> GateResult | None:
    """The reason why a stored run cannot be judged; None if it can.

    `digest` is the digest of the baseline that the gate uses.
    """
    facts = entry.facts
    age = now - entry.facts.finished_at
    if facts.baseline.digest != digest:
        return closed(
            f"run {facts.id} was judged by another state of baseline {facts.baseline.id}.",
            "Run the audit again, or --live.",
        )
    if age < -_MAX_CLOCK_SKEW:
        return closed(
            f"run {facts.id} ended {_hours(-age)} from now: one of the clocks is wrong.",
            "Correct the clock of this machine or of the one that audits.",
        )
    if facts.has_open_gaps and not policy.allow_unknown:
        why = f" ({entry.stopped.rstrip('.')})" if entry.stopped else ""
        return closed(
            f"run {facts.id} is incomplete: something could not be read{why}.",
            f"See what: auditor report {facts.id} --format text. Then audit again (auditor "
            f"nightly, or auditor audit --resume). Find the reason with: auditor doctor",
        )
    return None


def age_rejection(
    run_id: str, oldest: datetime, policy: GatePolicy, now: datetime
) -> GateResult | None:
    """The reason why the oldest document of a run is too old to judge; None if it is not.

    A resumed run ends later than most of its documents were read, so the end of the run does not
    count.
    """
    age = now - oldest
    if age <= policy.max_age:
        return None
    return closed(
        f"the oldest evidence of run {run_id} is {_hours(age)} old; at most "
        f"{_hours(policy.max_age)} are allowed.",
        "Run the audit again, or --live.",
    )


def pin_mismatch(run: Run, policy: GatePolicy) -> GateResult | None:
    """The reason why a run differs from what the pipeline pinned; None if it does not."""
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
            f"{judged_checks:,} checks were judged; at least {policy.min_checks:,} are expected.",
            f"See which: auditor report {info.id}.",
        )
    return None


def closed(reason: str, advice: str) -> GateResult:
    """A closed gate: there is nothing to judge."""
    return GateResult(ExitCode.NOTHING_EVALUATED, reason, advice)


def judged(
    run: Run, policy: GatePolicy, known: KnownFindings | None = None, signed: Signed | None = None
) -> GateResult:
    """The result for a run, compared with the accepted run if only new findings count.

    `signed` names the key that signed the run; None if the run is not signed.
    """
    mismatch = pin_mismatch(run, policy)
    if mismatch is not None:
        return mismatch
    before = known if policy.new_only else None
    deviations, unknown, new, examples = _count(run.findings(), policy, before)
    counts = deviations, unknown, run.stale
    code = _code(run, policy, counts)
    limits = _limits(run) if code is ExitCode.OK else ""
    return GateResult(
        code,
        _reason(run, policy, known, counts) + limits,
        wording.with_sandbox(run, _advice(run, code)),
        Basis(run, new if policy.new_only else None, signed),
        deviations,
        unknown,
        sum(entry.is_stale for entry in run.waivers),
        examples,
        sum(entry.is_stale for entry in run.references),
    )


def _code(run: Run, policy: GatePolicy, counts: tuple[int, int, int]) -> ExitCode:
    """The exit code of an audit (contract 2.4): without a threshold only missing evidence closes
    the gate."""
    deviations, unknown, stale = counts
    if policy.fail_on is not None and (deviations or stale):
        return ExitCode.DEVIATIONS
    is_incomplete = run.info.has_open_gaps or (policy.fail_on is not None and unknown)
    if is_incomplete and not policy.allow_unknown:
        return ExitCode.INCOMPLETE
    return ExitCode.INCOMPLETE if policy.strict and run.summary.undecided else ExitCode.OK


def _count(
    findings: Iterable[Finding], policy: GatePolicy, before: KnownFindings | None
) -> tuple[int, int, int, tuple[FindingGroup, ...]]:
    """Counted deviations and unknowns, all new deviations, and examples of the counted findings.

    An example stands for all findings with the same control, setting, level and status.
    """
    deviations = unknown = new = 0
    first_of_kind: dict[tuple[str, ...], Finding] = {}
    scope_counts: Counter[tuple[str, ...]] = Counter()
    last_scope: dict[tuple[str, ...], str] = {}
    for finding in findings:
        verdict = finding.verdict
        if verdict.status not in (Status.FAIL, Status.UNKNOWN):
            continue
        if verdict.blind_spot is not None or (before is not None and before.includes(finding)):
            continue
        new += verdict.status is Status.FAIL
        if policy.fail_on is not None and verdict.severity.rank > policy.fail_on.rank:
            continue
        deviations += verdict.status is Status.FAIL
        unknown += verdict.status is Status.UNKNOWN
        kind = verdict.status, verdict.control, verdict.setting, finding.scope.level
        first_of_kind.setdefault(kind, finding)
        # Findings are ordered by scope: a value and its lock count as one scope.
        if last_scope.get(kind) != finding.scope.id:
            last_scope[kind] = finding.scope.id
            scope_counts[kind] += 1
    examples = [
        FindingGroup(
            ((finding.verdict, scope_counts[kind]),),
            ((finding.verdict, finding.scope),),
            {finding.scope.level: scope_counts[kind]},
        )
        for kind, finding in first_of_kind.items()
    ]
    examples.sort(key=lambda group: group.verdict.status is Status.UNKNOWN)
    return deviations, unknown, new, tuple(examples[:MAX_EXAMPLES])


def _reason(
    run: Run, policy: GatePolicy, known: KnownFindings | None, counts: tuple[int, int, int]
) -> str:
    deviations, unknown, stale = counts
    new = "new " if policy.new_only else ""
    threshold = f" at {policy.fail_on} or above" if policy.fail_on else ""
    parts = [pluralize(deviations, f"{new}deviation") + threshold, f"{unknown:,} {new}unknown"]
    if stale:
        names = sum(entry.is_stale for entry in run.references)
        waivers = sum(entry.is_stale for entry in run.waivers)
        blind_spots = sum(entry.is_stale for entry in run.blind_spots)
        if waivers:
            parts.append(f"{pluralize(waivers, 'waiver')} expired or covering nothing")
        if blind_spots:
            parts.append(
                f"{pluralize(blind_spots, 'blind spot')} expired, covering nothing or seen again"
            )
        if names:
            parts.append(wording.stale_names(names))
    if policy.fail_on is None and any(counts):
        parts.append("none of which fails the gate (--fail-on never)")
    if accepted := run.summary.accepted_blind_spots:
        parts.append(f"{pluralize(accepted, 'check')} in accepted blind spots")
    if run.info.has_open_gaps:
        parts.append("the evidence is incomplete")
    if policy.allow_unknown and (unknown or run.info.has_open_gaps):
        parts.append("which --allow-unknown accepts")
    reference = f", against accepted run {known.entry.facts.id}" if known and new else ""
    return ", ".join(parts) + reference + "."


def _limits(run: Run) -> str:
    """What a run that is no deeper than groups says nothing about; empty for a deeper one."""
    depth = Level(run.info.depth)
    if depth.rank >= Level.USER.rank:
        return ""
    judged_levels, others = "The account and its groups", "people were"
    if depth is Level.ACCOUNT:
        judged_levels, others = "The account alone", "groups and people were"
    return f" {judged_levels}; {others} not judged: auditor audit, then auditor gate."


def _advice(run: Run, code: ExitCode) -> str:
    """What to do next. Names the run, because a newer one may exist by then."""
    run_id = run.info.id
    if code is ExitCode.DEVIATIONS:
        return (
            f"See which: auditor report {run_id}. What changed: auditor diff {run_id}. Put right "
            "what can be: auditor fix plan; only then: auditor waive."
        )
    if code is ExitCode.INCOMPLETE:
        return f"See what is unknown: auditor report {run_id}. How to read it: auditor doctor."
    return f"See which: auditor report {run_id}." if _has_open_items(run) else ""


def _has_open_items(run: Run) -> bool:
    """True if anything needs attention, even if it does not close the gate."""
    summary = run.summary
    wrong = summary.by_status.get(Status.FAIL, 0) or summary.by_status.get(Status.UNKNOWN, 0)
    return bool(wrong or run.stale or summary.undecided or not run.info.complete)


def _hours(span: timedelta) -> str:
    """A duration, rounded up, so that a value above the limit never looks equal to it."""
    hours = span / timedelta(hours=1)
    if hours >= 48:
        return f"{math.ceil(hours / 24)} days"
    if hours >= 2:
        return f"{math.ceil(hours)} hours"
    return f"{math.ceil(span / timedelta(minutes=1))} minutes"

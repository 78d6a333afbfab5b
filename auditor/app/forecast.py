"""What a change of the organisation file does to the verdict of the newest run."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from auditor.app.audit import EvaluationConfig, NothingSelected, judge
from auditor.app.organisation_files import Edit, EditableFile
from auditor.app.runs import LATEST, RunSource
from auditor.app.selection import Selection, with_organisation
from auditor.config.settings import Settings
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.reading import Cause
from auditor.evidence.snapshot import Snapshot
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.policy.baseline.organisation import Organisation
from auditor.report import waiver_wording, wording
from auditor.store.errors import RunNotFound

_MOST_CONTROLS = 3
_BROKEN = "broken"
_UNANSWERED = "without an answer"
_UNDECIDED = "to decide or attest"
_ACCEPTED = "in a blind spot"
_UNREAD = "not read by this run"
_WORDS: Mapping[Status, str] = {
    Status.FAIL: _BROKEN,
    Status.UNKNOWN: _UNANSWERED,
    Status.NEEDS_DECISION: _UNDECIDED,
    Status.ATTESTATION_EXPIRED: _UNDECIDED,
    Status.WAIVED: "accepted",
    Status.ATTESTED: "attested",
    Status.NOT_APPLICABLE: "not applicable",
    Status.PASS: "as expected",
}

Counts = Mapping[tuple[str, str], int]
"""Control and result to the number of checks."""


class NoEvidence(AuditorError):
    """There is no stored run to judge. Callers that can do without one handle it."""

    exit_code = ExitCode.USAGE
    is_missing = False
    """True if no run is stored at all, so that reading the account would help."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The effect of a change on the newest run."""

    lines: tuple[str, ...]
    """At most eight."""
    problems: tuple[str, ...] = ()
    """Entries and names that match nothing, and did not stand in the file before."""
    changed: int = 0
    """Number of checks with another result; 0 without a run."""
    commands: tuple[str, ...] = ("audit",)
    """The names of the commands to run next, in order."""

    def next_command(self, skipped: str = "") -> str:
        """The name of the command to run next; not `skipped`."""
        return next(name for name in (*self.commands, "gate") if name != skipped)


class JudgedEvidence:
    """The newest run, judged with the organisation file as it is, and as it would be."""

    def __init__(self, snapshot: Snapshot, file: EditableFile) -> None:
        """Judge the run with the file as it is.

        Raises:
            PolicyError: another version recorded the policy of the run.
            SnapshotError: the collection did not finish.
        """
        recorded = Selection().rejudgement(snapshot)
        self.snapshot = snapshot
        self._recorded = replace(recorded, today=datetime.now(UTC).date())
        self._file = file
        self.config = self.config_of(file.organisation) if file.exists else self._recorded

    @cached_property
    def run(self) -> Run:
        """The run with the file as it is."""
        return judge(self.snapshot, self.config)

    @cached_property
    def _before(self) -> tuple[Counter[tuple[str, str]], frozenset[str]]:
        return _counts(self.run), frozenset(waiver_wording.stale_lines(self.run))

    def config_of(self, organisation: Organisation) -> EvaluationConfig:
        """The config of the run with other decisions of the organisation, as of today.

        Raises:
            PolicyError: the baseline that it names is not valid.
        """
        config = with_organisation(self._recorded, organisation, self._file.path)
        if config.selected is None:
            return config
        return replace(config, baseline=config.baseline.only(config.selected))

    def forecast(self, edit: Edit) -> Forecast:
        """What the next verdict would be with `edit`.

        Raises:
            PolicyError: the baseline that it names is not valid.
        """
        before, stale = self._before
        run = judge(self.snapshot, self.config_of(edit.organisation))
        after = _counts(run)
        results = [_BROKEN, _UNANSWERED, _UNDECIDED]
        if any(result == _ACCEPTED for _, result in (*before, *after)):
            results.insert(2, _ACCEPTED)
        totals = [_totals(each, before, after) for each in results]
        passes = [each.summary.by_status.get(Status.PASS, 0) for each in (self.run, run)]
        as_expected = f"as expected {passes[0]:,}"
        if passes[0] != passes[1]:
            as_expected += f" → {passes[1]:,}"
        return Forecast(
            lines=(
                *_by_control(before, after, passes[1] - passes[0]),
                *_turned_unknown(self.run, run),
                f"In all: {', '.join((*totals, as_expected))}.",
            ),
            problems=tuple(line for line in waiver_wording.stale_lines(run) if line not in stale),
            changed=max(_changed(before, after), abs(passes[1] - passes[0])),
            commands=next_commands(run),
        )


@contextmanager
def newest_evidence(
    settings: Settings,
    say: Callable[[str], None],
    file: EditableFile,
    *,
    account: str | None = None,
    sandbox: bool = False,
) -> Iterator[JudgedEvidence]:
    """The newest stored run of the account, for the duration of the block.

    Raises:
        NoEvidence: there is none, or it cannot be judged.
    """
    try:
        source = RunSource.chosen(settings, say, account=account, sandbox=sandbox)
        _, snapshot = source.opened(LATEST)
    except AuditorError as error:
        reason = NoEvidence(str(error))
        reason.is_missing = isinstance(error, RunNotFound)
        raise reason from error
    with snapshot:
        try:
            evidence = JudgedEvidence(snapshot, file)
            _ = evidence.run
        except NothingSelected as error:
            raise NoEvidence(str(error)) from error
        yield evidence


@contextmanager
def evidence_if_any(
    settings: Settings,
    say: Callable[[str], None],
    file: EditableFile,
    *,
    account: str | None = None,
    sandbox: bool = False,
) -> Iterator[JudgedEvidence | NoEvidence]:
    """As `newest_evidence`, or why there is none."""
    with ExitStack() as stack:
        result: JudgedEvidence | NoEvidence
        try:
            result = stack.enter_context(
                newest_evidence(settings, say, file, account=account, sandbox=sandbox)
            )
        except NoEvidence as error:
            result = error
        yield result


def effect(evidence: JudgedEvidence | NoEvidence, edit: Edit) -> Forecast:
    """What the next verdict would be with `edit`.

    Raises:
        PolicyError: the baseline that it names is not valid.
    """
    if isinstance(evidence, JudgedEvidence):
        return evidence.forecast(edit)
    return Forecast((f"What it changes shows in the next audit: {evidence}",))


def next_step(evidence: JudgedEvidence | NoEvidence, skipped: str = "") -> str:
    """The command that brings the newest run nearer to a gate that passes; not `skipped`."""
    if isinstance(evidence, NoEvidence):
        return "audit"
    return next(name for name in next_commands(evidence.run) if name != skipped)


def next_commands(run: Run) -> tuple[str, ...]:
    """The commands that bring a run to a gate that passes, by name, in the order of use."""
    verdicts = [verdict for share in run.assessments.shares() for verdict in share.verdicts]
    names = [
        name
        for name, concerns in _COMMANDS.items()
        if any(concerns(verdict) for verdict in verdicts)
    ]
    return (*names, "gate")


def waits_for_parameter(verdict: Verdict) -> bool:
    """True if a parameter of the organisation is not set."""
    return verdict.status is Status.NEEDS_DECISION and bool((verdict.expected or {}).get("param"))


def _is_question(verdict: Verdict) -> bool:
    is_derived = verdict.kind is FindingKind.DERIVED or verdict.source == "computed"
    return verdict.kind is FindingKind.ATTESTATION and verdict.is_undecided and not is_derived


def _is_open(verdict: Verdict) -> bool:
    """True if it is unknown, and another audit would not show it."""
    is_unseen = verdict.status is Status.UNKNOWN and verdict.cause is not Cause.NOT_COLLECTED
    return is_unseen and verdict.blind_spot is None


def _is_unread(verdict: Verdict) -> bool:
    """True if it was not read because its parameter was not set at that time."""
    is_unseen = verdict.status is Status.UNKNOWN and verdict.cause is Cause.NOT_COLLECTED
    return is_unseen and bool((verdict.expected or {}).get("param"))


def _deviates(verdict: Verdict) -> bool:
    return verdict.status is Status.FAIL


_COMMANDS: Mapping[str, Callable[[Verdict], bool]] = {
    "decide": waits_for_parameter,
    "audit": _is_unread,
    "attest": _is_question,
    "waive": _deviates,
    "blind-spot": _is_open,
}
"""The commands in the order of use, each with the verdicts that it is for."""


def _turned_unknown(before: Run, after: Run) -> Iterator[str]:
    """A line for each computed control that no longer deviates and is unknown instead: that it was
    unknown behind its deviations, too."""
    deviated = {key for key, verdict in _computed(before) if verdict.status is Status.FAIL}
    for key, verdict in _computed(after):
        if key in deviated and verdict.status is Status.UNKNOWN:
            yield (
                f"  {verdict.control} is computed from others. It is no longer broken, but "
                f"has no answer: {verdict.detail}"
            )


def _computed(run: Run) -> Iterator[tuple[tuple[str, str], Verdict]]:
    for share in run.assessments.shares():
        for verdict in share.verdicts:
            if verdict.kind is FindingKind.DERIVED:
                yield (verdict.control, verdict.setting), verdict


def _counts(run: Run) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for share in run.assessments.shares():
        for verdict in share.verdicts:
            counts[verdict.control, _word(verdict)] += share.count
    return counts


def _word(verdict: Verdict) -> str:
    """The result in a forecast: an unknown says whether it is accepted, or needs another run."""
    if verdict.status is Status.UNKNOWN and verdict.blind_spot is not None:
        return _ACCEPTED
    if verdict.status is Status.UNKNOWN and verdict.cause is Cause.NOT_COLLECTED:
        return _UNREAD
    return _WORDS[verdict.status]


def _changed(before: Counter[tuple[str, str]], after: Counter[tuple[str, str]]) -> int:
    return max((after - before).total(), (before - after).total())


def _by_control(
    before: Counter[tuple[str, str]], after: Counter[tuple[str, str]], more_passes: int
) -> Iterator[str]:
    """The controls with the most changes, one line each, or the number of further passes."""
    controls = dict.fromkeys(control for control, _ in (*before, *after))
    changes = {
        control: (
            Counter({key: n for key, n in before.items() if key[0] == control}),
            Counter({key: n for key, n in after.items() if key[0] == control}),
        )
        for control in controls
    }
    sizes = {control: _changed(*pair) for control, pair in changes.items()}
    ordered = sorted((c for c in controls if sizes[c]), key=lambda c: (-sizes[c], c))
    if not ordered:
        more = f"{more_passes:,} more results of the newest run are as expected."
        yield more if more_passes > 0 else "It changes no result of the newest run."
        return
    names = wording.listed(ordered, _MOST_CONTROLS)
    total = sum(sizes.values())
    verb = "changes" if total == 1 else "change"
    yield f"{pluralize(total, 'result')} of the newest run {verb}, in {names}:"
    for control in ordered[:_MOST_CONTROLS]:
        words = dict.fromkeys(word for _, word in (*changes[control][0], *changes[control][1]))
        parts = [
            f"{word} {before[control, word]:,} → {after[control, word]:,}"
            for word in words
            if before[control, word] != after[control, word]
        ]
        passes = changes[control][0].total() - changes[control][1].total()
        parts += [f"{passes:,} more as expected"] * (passes > 0)
        yield f"  {control}: {', '.join(parts)}"


def _totals(word: str, before: Counts, after: Counts) -> str:
    parts = (word, _UNREAD) if word == _WORDS[Status.UNKNOWN] else (word,)
    one, other = (
        sum(n for (_, each), n in counts.items() if each in parts) for counts in (before, after)
    )
    return f"{word} {one:,}" if one == other else f"{word} {one:,} → {other:,}"

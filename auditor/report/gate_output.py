"""Gate results for pipelines: lines, JSON, a job summary and annotations."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from auditor.evidence.scope import Level
from auditor.evidence.timestamps import format_or_none, format_rfc3339
from auditor.findings.model import Severity, Status
from auditor.findings.rollup import FindingGroup, is_attestation_due, roll_up
from auditor.findings.run import Run, fingerprint
from auditor.findings.whom import places
from auditor.plain_text import pluralize
from auditor.report import facts, waiver_wording, wording
from auditor.report.display import printable, shorten
from auditor.report.group_wording import outcome
from auditor.report.json_report import waiver_object
from auditor.report.markdown_text import prose, table_head, table_row

_RESULT: Mapping[int, str] = {0: "PASS", 1: "FAIL", 3: "UNKNOWN", 4: "NOT JUDGED"}
_WIDTH = 400
"""Columns of a line; pipeline logs do not wrap."""

Titles = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Signed:
    """The key that signed a run."""

    key_id: str
    is_trusted: bool
    """True if the key is the required one."""

    def __str__(self) -> str:
        return f"signed with {self.key_id}{'' if self.is_trusted else ', which is not trusted'}"


@dataclass(frozen=True, slots=True)
class Basis:
    """The basis of a gate result: a run, and facts that its verdicts do not contain."""

    run: Run
    new: int | None = None
    """Deviations of any severity that the accepted run did not have; None without such a run."""
    signed: Signed | None = None
    """The key that signed the run; None if the run is not signed."""

    @property
    def totals(self) -> Mapping[str, int | None]:
        """Counts of all results except passes, independent of the threshold."""
        summary = self.run.summary
        critical, due = 0, set()
        for share in self.run.assessments.shares():
            for verdict in share.verdicts:
                if verdict.is_undecided and verdict.severity is Severity.CRITICAL:
                    critical += share.count
                if is_attestation_due(verdict):
                    due.add((verdict.control, verdict.setting))
        return {
            "deviations": summary.by_status.get(Status.FAIL, 0),
            "new_deviations": self.new,
            "unknown": summary.by_status.get(Status.UNKNOWN, 0),
            "undecided": summary.undecided,
            "undecided_critical": critical,
            "attestations_due": len(due),
            "waived": summary.by_status.get(Status.WAIVED, 0),
            "overridden": summary.overridden,
            "attested": summary.by_status.get(Status.ATTESTED, 0),
            "stale": self.run.stale,
        }

    @property
    def words(self) -> str:
        """The totals for people: rules and places, the signature, and whether it is simulated."""
        rollup = roll_up(self.run, names=0, worst=0)
        open_rules = sum(bool(control.unknown) for control in rollup.controls)
        overrides = "overrides apply" if self.run.summary.overridden else "no overrides"
        broken, rules = rollup.deviating_controls, len(self.run.controls)
        where = places(rollup.deviating, self.run.summary.coverage)
        new = "" if self.new is None else f", {wording.number(self.new)} of these places new"
        return ", ".join(
            (
                f"{len(broken)} of {pluralize(rules, 'rule')} broken"
                + (f" at {where}{new}" if broken else ""),
                f"{open_rules} without an answer",
                f"{len(wording.rules(rollup.decisions))} to decide",
                f"{rollup.attestations_due} to look up by hand",
                f"{len(wording.rules(rollup.of_status(Status.WAIVED)))} accepted",
                overrides,
                f"{len(wording.rules(rollup.of_status(Status.ATTESTED)))} attested",
                f"{self.run.stale} stale",
                *self._trust,
            )
        )

    @property
    def _trust(self) -> tuple[str, str]:
        simulated = "SIMULATED, not from Zoom" if self.run.info.simulated else "not simulated"
        return str(self.signed or "not signed"), simulated

    @property
    def line(self) -> str:
        """The totals in one line for programs, in the words of their keys."""
        totals = {name: wording.number(count or 0) for name, count in self.totals.items()}
        new = "" if self.new is None else f" ({totals['new_deviations']} new)"
        return ", ".join(
            (
                f"{totals['deviations']} deviations{new}",
                f"{totals['unknown']} unknown",
                f"{totals['undecided']} undecided ({totals['undecided_critical']} critical)",
                f"{totals['attestations_due']} attestations due",
                f"{totals['waived']} waived",
                f"{totals['overridden']} overridden",
                f"{totals['attested']} attested",
                f"{totals['stale']} stale",
                *self._trust,
            )
        )


def as_lines(
    code: int, reason: str, advice: str, basis: Basis | None, descriptions: Sequence[str]
) -> list[str]:
    """The result, its basis and the next step, one line each.

    After the result comes a line for each problem in the organisation file.
    """
    problems = waiver_wording.problem_lines(basis.run) if basis is not None else []
    without_run = f"Exit code {int(code)}: a gate with nothing to judge stays closed."
    basis_line = f"Judged: {_basis_text(basis)}" if basis is not None else without_run
    # If the line is too long, the examples are cut, never the advice.
    reasons = shorten("; ".join(descriptions), max(40, _WIDTH - len("First: . ") - len(advice)))
    next_step = " ".join(part for part in (f"First: {reasons}." if reasons else "", advice) if part)
    return [
        shorten(f"auditor gate: {_RESULT[code]}: {reason}", _WIDTH),
        *(shorten(line, _WIDTH) for line in problems),
        shorten(basis_line, 2 * _WIDTH),
        shorten(next_step or "Nothing to do.", _WIDTH),
    ]


def describe_examples(examples: Sequence[FindingGroup], most: int = 3) -> list[str]:
    """The first findings in a few words each, without duplicates."""
    descriptions = (
        f"{_what(group)} for {_where(group)} ({printable(group.verdict.control)})"
        for group in examples
    )
    return list(dict.fromkeys(descriptions))[:most]


def as_json(
    code: int,
    reason: str,
    advice: str,
    basis: Basis | None,
    counts: Mapping[str, int],
    examples: Sequence[FindingGroup],
) -> str:
    """The result for programs: `auditor/gate/v1`.

    `findings_left_out` counts the findings that are not listed. Without a run the numbers are
    null.
    """
    info = basis.run.info if basis is not None else None
    document: dict[str, Any] = {
        "schema": "auditor/gate/v1",
        "result": _RESULT[code].lower().replace(" ", "_"),
        "exit_code": int(code),
        "reason": reason,
        "advice": advice,
        "run": None
        if basis is None or info is None
        else {
            "id": info.id,
            "account_id": info.account_id,
            "finished_at": format_rfc3339(info.finished_at),
            "baseline": info.baseline.id,
            "baseline_digest": info.baseline.digest,
            "depth": info.depth,
            "complete": info.complete,
            "accepted_blind_spots": basis.run.summary.accepted_blind_spots,
            "evidence_digest": info.evidence_digest,
            "organisation_digest": info.organisation_digest or None,
            "oldest_evidence_at": format_or_none(info.oldest_evidence_at),
            "simulated": info.simulated,
            "undecided": basis.run.summary.undecided if basis is not None else None,
            "signed_by": basis.signed.key_id if basis and basis.signed else None,
            "signature_trusted": bool(basis and basis.signed and basis.signed.is_trusted),
        },
        "totals": None if basis is None else basis.totals,
        "line": None if basis is None else basis.line,
        **(dict.fromkeys(counts) if basis is None else counts),
        "waivers": [waiver_object(item) for item in basis.run.waivers if item.is_stale]
        if basis
        else [],
        "names": [asdict(item) for item in basis.run.references if item.is_stale] if basis else [],
        "findings": [_finding_object(basis, group) for group in examples] if basis else [],
        "findings_left_out": None if basis is None else _count_left_out(counts, len(examples)),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is not valid UTF-8


def _finding_object(basis: Basis, group: FindingGroup) -> dict[str, Any]:
    """The first finding of a group, with the number of scopes it represents."""
    verdict, scope = group.members[0]
    return {
        "control": verdict.control,
        "status": verdict.status,
        "severity": verdict.severity,
        "scope": {"level": scope.level, "id": scope.id, "name": scope.label},
        "scopes": group.count,
        "setting": verdict.setting,
        "fingerprint": fingerprint(basis.run.info.account_id, verdict, scope),
    }


def _count_left_out(counts: Mapping[str, int], listed: int) -> int:
    return counts.get("deviations", 0) + counts.get("unknown", 0) - listed


def as_summary(
    code: int,
    reason: str,
    advice: str,
    basis: Basis | None,
    counts: Mapping[str, int],
    examples: Sequence[FindingGroup],
    titles: Titles,
) -> str:
    """The result as a job summary, in Markdown."""
    lines = [f"## Zoom privacy gate: {_RESULT[code]}", "", prose(reason), ""]
    if basis is not None:
        lines += [prose(_basis_text(basis)), ""]
        if problems := waiver_wording.problem_lines(basis.run):
            lines += [*(f"- {prose(line)}" for line in problems), ""]
    if examples:
        head = table_head(["severity", "what is the case", "where", "rule", "key"], 5)
        lines += head.splitlines()
        for group in examples:
            verdict = group.verdict
            cells = (
                verdict.severity,
                _what(group),
                _where(group) + _more_text(group),
                f"{titles.get(verdict.control, '')} ({verdict.control})".lstrip(),
                facts.key(verdict.setting),
            )
            lines.append(table_row(*map(prose, cells)).rstrip())
        lines.append("")
        omitted = _count_left_out(counts, len(examples))
        if omitted > 0:
            shown = pluralize(len(examples), "example")
            lines += [f"{shown}; {pluralize(omitted, 'more finding')} not listed here.", ""]
    return "\n".join([*lines, prose(advice), ""]) if advice else "\n".join(lines)


def annotations(
    code: int, reason: str, basis: Basis | None, examples: Sequence[FindingGroup], titles: Titles
) -> Iterator[str]:
    """The result as workflow commands of GitHub Actions, then one command per finding."""
    message = f"{reason} In all: {basis.words}." if basis is not None else reason
    kind = "notice" if code == 0 else "error"
    yield _command(kind, f"Zoom privacy gate: {_RESULT[code]}", message)
    if code == 0:
        return
    for line in waiver_wording.problem_lines(basis.run) if basis is not None else ():
        kind = "warning" if line.startswith(waiver_wording.WARNING) else "error"
        text = shorten(line.removeprefix(waiver_wording.WARNING), _WIDTH)
        yield _command(kind, "Organisation file", text)
    for group in examples:
        verdict = group.verdict
        kind = "error" if verdict.status is Status.FAIL else "warning"
        where = _where(group) + _more_text(group)
        rule = f"{titles.get(verdict.control, '')} ({verdict.control})".lstrip()
        text = f"{_what(group)} for {where}. Rule, {verdict.severity}: {rule}."
        key = printable(facts.key(verdict.setting))
        yield _command(kind, _what(group), f"{text} ({key})" if key else text)


def _command(kind: str, title: str, text: str) -> str:
    """A workflow command. Source: GitHub's documentation of workflow commands, read 2026-11."""
    name = _escaped(shorten(title, 200)).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={name}::{_escaped(text)}"


def _escaped(text: str) -> str:
    clean = printable(text).replace("%", "%25")
    return clean.encode("utf-8", "replace").decode("utf-8")


def _what(group: FindingGroup) -> str:
    """What is the case, or that there is no answer."""
    return outcome(group.verdict)


def _where(group: FindingGroup) -> str:
    scope = group.scopes[0]
    level = wording.level_name(scope.level)
    if scope.level is Level.ACCOUNT:
        return f"the {level}"
    return f"{level} {shorten(scope.label, 60)}"


def _more_text(group: FindingGroup) -> str:
    return f" and {wording.number(group.unnamed)} more" if group.unnamed else ""


def _basis_text(basis: Basis) -> str:
    info = basis.run.info
    return (
        f"run {info.id} of account {printable(info.account_id)}, ended "
        f"{wording.when(info.finished_at)}, baseline {info.baseline.id} "
        f"{info.baseline.version}".rstrip()
        + f", depth {info.depth}: {basis.words}; {info.baseline.digest}; organisation "
        f"{info.organisation_digest or 'none'}; oldest evidence "
        f"{wording.when(info.oldest_evidence_at) if info.oldest_evidence_at else 'none'}"
    )

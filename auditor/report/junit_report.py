"""The JUnit report: a pipeline shows deviations as failures and unknowns as errors.

A test case is a control at a level, not a scope. Its name is therefore stable between runs, and
100,000 deviating users are one failure with a count.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from auditor.evidence.scope import Level
from auditor.evidence.timestamps import format_or_none, format_rfc3339
from auditor.findings.model import ControlInfo, Severity, Status
from auditor.findings.rollup import ControlRollup, FindingGroup, Rollup, merge_values, roll_up
from auditor.findings.run import Run
from auditor.findings.whom import whom
from auditor.plain_text import pluralize
from auditor.report import facts, headline, waiver_wording, wording
from auditor.report.display import printable
from auditor.report.group_wording import explained, fixes, group_outcome, sentence, where
from auditor.report.interface import Format, Options

MOST_NAMES = 10
"""Named scopes per setting of a test case."""
MOST_LINES = 200
"""Settings listed in a test case; the others are counted."""

_ELEMENT: Mapping[Status, str] = {
    Status.FAIL: "failure",
    Status.UNKNOWN: "error",
    Status.ATTESTATION_EXPIRED: "skipped",
    Status.NEEDS_DECISION: "skipped",
    Status.WAIVED: "skipped",
    Status.ATTESTED: "skipped",
    Status.NOT_APPLICABLE: "skipped",
}
"""The result element of a test case by status; a pass has none."""
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot represent, not even as a reference."""


@dataclass(frozen=True, slots=True)
class _Case:
    control: str
    name: str
    element: str = ""
    """failure, error or skipped; empty for a pass."""
    kind: str = ""
    message: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Suite:
    name: str
    properties: Sequence[tuple[str, str]]
    cases: Sequence[_Case]

    def count(self, element: str) -> int:
        return sum(case.element == element for case in self.cases)


class JunitFormat(Format):
    """One suite for the run and one per family; one test case per control and level.

    Passes are test cases only if the run stored them: no pass without evidence.
    """

    name = "junit"
    suffix = ".xml"
    media_type = "application/xml"
    order = 9
    shows_passes = True

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` suite by suite."""
        del options  # stored passes are always shown
        rollup = roll_up(run, names=MOST_NAMES, worst=0)
        suites = [_run_suite(run, rollup), *_families(rollup)]
        for piece in _pieces(run, suites):
            out.write(_ILLEGAL.sub("�", piece).encode("utf-8"))


def _pieces(run: Run, suites: Sequence[_Suite]) -> Iterator[str]:
    def total(element: str) -> int:
        return sum(suite.count(element) for suite in suites)

    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    simulated = "SIMULATED " if run.info.simulated else ""
    yield _start(
        "testsuites",
        name=f"{simulated}auditor {printable(run.info.baseline.id)}",
        tests=sum(len(suite.cases) for suite in suites),
        failures=total("failure"),
        errors=total("error"),
    )
    for number, suite in enumerate(suites):
        yield _start(
            "testsuite",
            name=suite.name,
            tests=len(suite.cases),
            failures=suite.count("failure"),
            errors=suite.count("error"),
            skipped=suite.count("skipped"),
            time="0",
            timestamp=_timestamp(run.info.finished_at),
            id=number,
        )
        yield "<properties>\n"
        for key, value in suite.properties:
            yield f"<property name={quoteattr(key)} value={quoteattr(printable(value))}/>\n"
        yield "</properties>\n"
        for case in suite.cases:
            yield from _case(case)
        yield "</testsuite>\n"
    yield "</testsuites>\n"


def _case(case: _Case) -> Iterator[str]:
    yield _start("testcase", classname=case.control, name=case.name, time="0").rstrip("\n")
    if case.element:
        start = _start(case.element, type=case.kind, message=case.message).rstrip("\n")
        yield f"{start}{escape(case.text)}</{case.element}>"
    yield "</testcase>\n"


def _start(element: str, **attributes: str | int) -> str:
    text = "".join(f" {key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{element}{text}>\n"


def _run_suite(run: Run, rollup: Rollup) -> _Suite:
    info, summary = run.info, run.summary
    properties = {
        "run": info.id,
        "account": info.account_id,
        "baseline": f"{info.baseline.id} {info.baseline.version} {info.baseline.digest}",
        "evidence": info.evidence_digest,
        "auditor": run.tool_version,
        "started": format_rfc3339(info.started_at),
        "finished": format_rfc3339(info.finished_at),
        "oldest_evidence": format_or_none(info.oldest_evidence_at) or "not known",
        "people_carried_over": str(info.carried.carried if info.carried else 0),
        "depth": info.depth,
        "simulated": "yes" if info.simulated else "no",
        "fail_on": info.fail_on,
        "exit_code": str(info.exit_code),
        **{f"checks.{status}": str(summary.by_status.get(status, 0)) for status in Status},
        **{f"deviations.{key}": str(summary.by_severity.get(key, 0)) for key in Severity},
        **{
            f"deviations.{key}": str(summary.by_level[key])
            for key in Level
            if key in summary.by_level
        },
        **{f"scopes.{key}": str(summary.coverage[key]) for key in Level if key in summary.coverage},
    }
    return _Suite(
        "Run", list(properties.items()), [_evidence(run, rollup), *_entries(run), _names(run)]
    )


def _evidence(run: Run, rollup: Rollup) -> _Case:
    message = wording.incomplete(run, rollup)
    if not wording.judged(run):
        message = headline.worst_fact(run, rollup)
    case = _Case("run", "Everything that was selected could be read")
    if not message:
        return case
    errors = [
        f"{printable(error.source)}: {wording.CAUSE[error.cause]}, "
        f"{pluralize(error.scopes, 'scope')}. {sentence(error.message)}"
        for error in run.errors
    ]
    return _Case(case.control, case.name, "error", "incomplete", message, _lines(errors))


def _entries(run: Run) -> Iterator[_Case]:
    """A case for the waivers, and one for the blind spots if there are any."""
    waivers = sorted((w for w in run.waivers if w.is_stale), key=waiver_wording.waiver_order)
    yield _stale("waiver", [waiver_wording.waiver_text(waiver) for waiver in waivers])
    if run.blind_spots:
        stale = [each for each in run.blind_spots if each.is_stale]
        yield _stale("blind spot", [waiver_wording.blind_spot_text(each) for each in stale])


def _stale(what: str, lines: Sequence[str]) -> _Case:
    name = f"Every {what} is valid and covers something"
    if not lines:
        return _Case("run", name)
    count = pluralize(len(lines), f"stale {what}")
    return _Case("run", name, "failure", what.replace(" ", "_"), count, _lines(lines))


def _names(run: Run) -> _Case:
    name = "Every override and every name in the organisation file matches the account"
    stale = [reference for reference in run.references if reference.is_stale]
    lines = [waiver_wording.reference_line(reference) for reference in run.references]
    if stale:
        message = wording.stale_names(len(stale))
        return _Case("run", name, "failure", "name", message, _lines(lines))
    if not lines:
        return _Case("run", name)
    message = pluralize(len(lines), "name or entry to correct", "names or entries to correct")
    return _Case("run", name, "skipped", "name", message, _lines(lines))


def _families(rollup: Rollup) -> Iterator[_Suite]:
    groups = merge_values(rollup.groups, MOST_NAMES)
    groups.sort(key=lambda g: (g.verdict.control, g.level.rank, list(Status).index(_status(g))))
    per_control: dict[str, list[FindingGroup]] = {}
    for group in groups:
        per_control.setdefault(group.verdict.control, []).append(group)
    controls = [row for row in rollup.controls if row.info.id in per_control]
    has_passes = any(Status.PASS in row.by_status for row in controls)
    statuses = [status for status in Status if has_passes or status is not Status.PASS]
    families: dict[str, list[ControlRollup]] = {}
    for row in sorted(controls, key=lambda row: (row.info.family.casefold(), row.info.id)):
        families.setdefault(row.info.family, []).append(row)
    for family, rows in families.items():
        checks = {
            f"checks.{status}": str(sum(row.by_status.get(status, 0) for row in rows))
            for status in statuses
        }
        cases = [case for row in rows for case in _cases(row.info, per_control[row.info.id])]
        yield _Suite(printable(family) or "Other", list(checks.items()), cases)


def _cases(info: ControlInfo, groups: Iterable[FindingGroup]) -> Iterator[_Case]:
    """One case for the deviations, or for the passes if there are none; one per other status."""
    for level, at_level in groupby(groups, key=lambda group: group.level):
        by_status = {
            status: list(same_status) for status, same_status in groupby(at_level, key=_status)
        }
        for status, same_status_groups in by_status.items():
            if status is Status.PASS and Status.FAIL in by_status:
                continue
            yield _status_case(info, level, status, same_status_groups)


def _status(group: FindingGroup) -> Status:
    return group.verdict.status


def _status_case(
    info: ControlInfo, level: Level, status: Status, groups: Sequence[FindingGroup]
) -> _Case:
    name = f"{printable(info.title)} ({wording.level_name(level)})"
    if status is Status.PASS:
        return _Case(printable(info.id), name)
    if status is not Status.FAIL:
        name += f": {wording.status_name(status)}"
    worst = min((group.verdict.severity for group in groups), key=lambda severity: severity.rank)
    comma = "" if status is Status.FAIL else ","
    message = f"{group_outcome(groups[0])}{comma} for {whom(groups[0].by_level)}, {worst}"
    if len(groups) > 1:
        message += f"; and {pluralize(len(groups) - 1, 'more setting')}"
    return _Case(
        printable(info.id),
        name,
        _ELEMENT[status],
        worst if status is Status.FAIL else str(groups[0].verdict.cause or status),
        message,
        _lines([*_status_list(groups), *_advice(info)]),
    )


def _status_list(groups: Sequence[FindingGroup]) -> Iterator[str]:
    for group in groups[:MOST_LINES]:
        verdict = group.verdict
        yield f"{group_outcome(group)}, {verdict.severity}"
        yield f"  for {where(group)}"
        if verdict.detail:
            yield f"  {explained(verdict)}"
        if waived := waiver_wording.accepted_by(verdict):
            yield f"  {waived}"
        if facts.key(verdict.setting):
            yield f"  ({printable(facts.key(verdict.setting))})"
    if more := sum(group.count for group in groups[MOST_LINES:]):
        yield f"and {pluralize(more, 'more check')} on other settings"


def _advice(info: ControlInfo) -> Iterator[str]:
    if info.why:
        yield f"Why it matters: {printable(info.why)}"
    for heading, text in fixes(info.fix_portal, info.fix_api):
        yield f"{heading}: {text}"


def _lines(lines: Iterable[str]) -> str:
    return "\n" + "\n".join(lines) + "\n"


def _timestamp(time: datetime) -> str:
    """A time in the format of JUnit: UTC, without zone and fraction."""
    return time.strftime("%Y-%m-%dT%H:%M:%S")

"""What a gate says, as a pipeline shows it: three lines, JSON, a job summary, annotations."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auditor.evidence.scope import Level
from auditor.findings.model import Finding, Status
from auditor.findings.run import Run
from auditor.report import wording
from auditor.report.display import plain, shorten
from auditor.report.markdown_text import prose, table_head, table_row

_RESULT: Mapping[int, str] = {0: "PASS", 1: "FAIL", 3: "UNKNOWN", 4: "NOT JUDGED"}
_WIDTH = 400
"""Columns of a line in a pipeline's log, which does not wrap."""

Titles = Mapping[str, str]


def as_lines(code: int, reason: str, advice: str, run: Run | None, why: Sequence[str]) -> list[str]:
    """Three lines: the answer, what it rests on, and what to do."""
    rests = f"Judged: {_rests(run)}" if run is not None else "Judged: nothing"
    last = "; ".join(why)
    told = " ".join(part for part in (f"First: {last}." if last else "", advice) if part)
    return [
        shorten(f"auditor gate: {_RESULT[code]}: {reason}", _WIDTH),
        shorten(rests, _WIDTH),
        shorten(told or "Nothing to do.", _WIDTH),
    ]


def named(findings: Sequence[Finding], most: int = 3) -> list[str]:
    """The first findings in a few words each, those that read alike once."""
    told = (
        f"{plain(each.verdict.control)} {wording.status_name(each.verdict.status)} at "
        f"{_where(each)}"
        for each in findings
    )
    return list(dict.fromkeys(told))[:most]


def as_json(
    code: int,
    reason: str,
    advice: str,
    run: Run | None,
    counts: Mapping[str, int],
    findings: Sequence[Finding],
) -> str:
    """The answer for programs: `auditor/gate/v1`."""
    info = run.info if run is not None else None
    told: dict[str, Any] = {
        "schema": "auditor/gate/v1",
        "result": _RESULT[code].lower().replace(" ", "_"),
        "exit_code": int(code),
        "reason": reason,
        "advice": advice,
        "run": None
        if info is None
        else {
            "id": info.id,
            "account_id": info.account_id,
            "finished_at": info.finished_at,
            "baseline": info.baseline.id,
            "baseline_digest": info.baseline.digest,
            "depth": info.depth,
            "complete": info.complete,
            "evidence_digest": info.evidence_digest,
        },
        **counts,
        "findings": [
            {
                "control": each.verdict.control,
                "status": each.verdict.status,
                "severity": each.verdict.severity,
                "scope": {
                    "level": each.scope.level,
                    "id": each.scope.id,
                    "name": each.scope.label,
                },
                "setting": each.verdict.setting,
                "fingerprint": each.fingerprint,
            }
            for each in findings
        ],
    }
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")  # half a character cannot be written


def as_summary(
    code: int,
    reason: str,
    advice: str,
    run: Run | None,
    findings: Sequence[Finding],
    titles: Titles,
) -> str:
    """The answer as a job summary, in Markdown."""
    lines = [f"## Zoom privacy gate: {_RESULT[code]}", "", prose(reason), ""]
    if run is not None:
        lines += [prose(_rests(run)), ""]
    if findings:
        head = table_head(["status", "severity", "control", "setting", "where"], 5)
        lines += head.splitlines()
        for each in findings:
            verdict = each.verdict
            cells = (
                wording.status_name(verdict.status),
                verdict.severity,
                f"{verdict.control} {titles.get(verdict.control, '')}",
                verdict.setting,
                _where(each),
            )
            lines.append(table_row(*map(prose, cells)).rstrip())
        lines.append("")
    return "\n".join([*lines, prose(advice), ""]) if advice else "\n".join(lines)


def annotations(
    code: int, reason: str, findings: Sequence[Finding], titles: Titles
) -> Iterator[str]:
    """The answer as workflow commands of GitHub Actions: an error a line."""
    if code == 0:
        return
    yield _command("error", f"Zoom privacy gate: {_RESULT[code]}", reason)
    for each in findings:
        verdict = each.verdict
        kind = "error" if verdict.status is Status.FAIL else "warning"
        title = f"{verdict.control} {titles.get(verdict.control, '')}"
        text = f"{wording.status_name(verdict.status)}, {verdict.severity}: {_where(each)}"
        yield _command(kind, title, f"{text}: {plain(verdict.setting)}")


def _command(kind: str, title: str, text: str) -> str:
    """A workflow command. Source: GitHub's documentation of workflow commands, read 2026-11."""
    name = _escaped(shorten(title, 200)).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={name}::{_escaped(text)}"


def _escaped(text: str) -> str:
    clean = plain(text).replace("%", "%25")
    return clean.encode("utf-8", "replace").decode("utf-8")


def _where(finding: Finding) -> str:
    scope = finding.scope
    level = wording.level_name(scope.level)
    return level if scope.level is Level.ACCOUNT else f"{level} {shorten(scope.label, 60)}"


def _rests(run: Run) -> str:
    info = run.info
    return (
        f"run {info.id} of account {plain(info.account_id)}, ended "
        f"{wording.when(info.finished_at)}, baseline {info.baseline.id} "
        f"{info.baseline.version}".rstrip()
        + f", depth {info.depth}, {wording.number(wording.judged(run))} checks"
    )

"""The JSON report, `auditor/report/v1`: for programs, complete, and the same for the same run."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import resources
from typing import Any, BinaryIO, ClassVar

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.model import Finding, ReadError, Severity, Status
from auditor.findings.run import Run
from auditor.report.interface import Options

SCHEMA_ID = "auditor/report/v1"

_UNSAFE = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Legal in JSON, yet able to steer a terminal or hide text, or (surrogates) not UTF-8 at all."""

Object = dict[str, JsonValue]


class JsonFormat:
    """One object, one finding a line."""

    name: ClassVar[str] = "json"
    suffix: ClassVar[str] = ".json"
    media_type: ClassVar[str] = "application/json"

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` finding by finding; UTF-8, one newline at the end."""
        for piece in _pieces(run, options):
            out.write(piece.encode("utf-8"))


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the JSON report."""
    file = resources.files("auditor.report") / "schema" / "report-v1.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def _pieces(run: Run, options: Options) -> Iterator[str]:
    yield f'{{"schema": {_text(SCHEMA_ID)},\n "run": {_text(_run(run))},\n'
    yield f' "summary": {_text(_summary(run))},\n "findings": ['
    separator = "\n  "
    for finding in run.findings():
        if finding.verdict.status is not Status.PASS or options.include_passes:
            yield separator + _text(_finding(finding, _title(run, finding)))
            separator = ",\n  "
    yield '],\n "errors": ['
    separator = "\n  "
    for error in run.errors:
        yield separator + _text(_error(error))
        separator = ",\n  "
    yield '],\n "waivers": ['
    separator = "\n  "
    for waiver in run.waivers:
        yield separator + _text(dict(asdict(waiver)))
        separator = ",\n  "
    yield "]}\n"


def _run(run: Run) -> Object:
    info = run.info
    baseline = info.baseline
    return {
        "id": info.id,
        "account_id": info.account_id,
        "api_url": info.api_url,
        "started_at": info.started_at,
        "finished_at": info.finished_at,
        "depth": info.depth,
        "baseline": {"id": baseline.id, "version": baseline.version, "digest": baseline.digest},
        "evidence_digest": info.evidence_digest,
        "tool": {"name": "auditor", "version": run.tool_version},
        "complete": info.complete,
        "exit_code": info.exit_code,
        "fail_on": info.fail_on,
        "allow_unknown": info.allow_unknown,
    }


def _summary(run: Run) -> Object:
    s, api = run.summary, run.api
    return {
        "by_status": {status: s.by_status.get(status, 0) for status in Status},
        "by_severity": {severity: s.by_severity.get(severity, 0) for severity in Severity},
        "by_level": _by_level({**dict.fromkeys(s.coverage, 0), **s.by_level}),
        "coverage": _by_level(s.coverage),
        "api": {
            "requests": api.requests,
            "retries": api.retries,
            "rate_limited": api.rate_limited,
            "seconds": round(api.seconds, 3),
        },
        "proved_by_lock": s.proved_by_lock,
        "pending_users": s.pending_users,
        "settings": {"returned": s.settings_returned, "judged": s.settings_judged},
        "not_reached": list(s.not_reached),
    }


def _by_level(counts: Mapping[Level, int]) -> Object:
    return {level: counts[level] for level in Level if level in counts}


def _title(run: Run, finding: Finding) -> str:
    info = run.controls.get(finding.verdict.control)
    return finding.verdict.control if info is None else info.title


def _finding(finding: Finding, title: str) -> Object:
    v, scope = finding.verdict, finding.scope
    return {
        "control": v.control,
        "title": title,
        "kind": v.kind,
        "status": v.status,
        "severity": v.severity,
        "scope": {"level": scope.level, "id": scope.id, "name": scope.label},
        "setting": v.setting,
        "observed": _finite(v.observed),
        "expected": None if v.expected is None else _finite(dict(v.expected)),
        "cause": v.cause,
        "locked": v.locked,
        "proved_by": v.proved_by,
        "decided_by": v.decided_by,
        "changeable_by": list(v.changeable_by),
        "source": v.source,
        "observed_at": finding.observed_at,
        "first_seen": None,
        "changed_by": None,
        "waiver": None if v.waiver is None else dict(v.waiver),
        "fingerprint": finding.fingerprint,
        "detail": v.detail,
        "override": v.override,
        "changeable": v.changeable,
    }


def _error(error: ReadError) -> Object:
    return {
        "source": error.source,
        "cause": error.cause,
        "message": error.message,
        "controls": list(error.controls),
        "scopes": error.scopes,
    }


def _finite(value: JsonValue) -> JsonValue:
    """`value` with numbers that JSON cannot say (NaN, infinity) as strings."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case list():
            return [_finite(item) for item in value]
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case _:
            return value


def _text(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

"""The JSON report, `auditor/report/v1`: complete and deterministic, for programs."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib import resources
from typing import Any, BinaryIO

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import format_or_none, format_rfc3339
from auditor.findings.model import (
    BlindSpotResult,
    Carried,
    Finding,
    ReadError,
    Reference,
    Severity,
    Status,
    WaiverResult,
)
from auditor.findings.run import Run
from auditor.report.interface import Format, Options

SCHEMA_ID = "auditor/report/v1"

_UNSAFE = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Valid in JSON, but able to control a terminal or hide text; surrogates are not UTF-8."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)

Object = dict[str, JsonValue]


class JsonFormat(Format):
    """One object, one finding per line."""

    name = "json"
    suffix = ".json"
    media_type = "application/json"
    order = 1
    in_bundle = True

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
    yield f'{{"schema": {encode_json(SCHEMA_ID)},\n "run": {encode_json(run_object(run))},\n'
    yield f' "summary": {encode_json(summary_object(run))},\n "findings": ['
    separator = "\n  "
    for finding in reported_findings(run, options):
        yield separator + encode_json(finding_object(run, finding))
        separator = ",\n  "
    yield '],\n "errors": ['
    separator = "\n  "
    for error in run.errors:
        yield separator + encode_json(error_object(error))
        separator = ",\n  "
    yield '],\n "waivers": ['
    separator = "\n  "
    for waiver in run.waivers:
        yield separator + encode_json(waiver_object(waiver))
        separator = ",\n  "
    yield '],\n "blind_spots": ['
    separator = "\n  "
    for blind_spot in run.blind_spots:
        yield separator + encode_json(blind_spot_object(blind_spot))
        separator = ",\n  "
    yield '],\n "names": ['
    separator = "\n  "
    for reference in run.references:
        yield separator + encode_json(reference_object(reference))
        separator = ",\n  "
    yield "]}\n"


def reported_findings(run: Run, options: Options) -> Iterator[Finding]:
    """The findings in a report for programs; passes only if requested."""
    for finding in run.findings():
        if finding.verdict.status is not Status.PASS or options.include_passes:
            yield finding


def title(run: Run, control: str) -> str:
    """The control's title, or its id if the run has no facts about it."""
    info = run.controls.get(control)
    return control if info is None else info.title


def run_object(run: Run) -> Object:
    """The facts of the run, as `run` in the schema."""
    info = run.info
    baseline = info.baseline
    return {
        "id": info.id,
        "account_id": info.account_id,
        "api_url": info.api_url,
        "started_at": format_rfc3339(info.started_at),
        "finished_at": format_rfc3339(info.finished_at),
        "depth": info.depth,
        "baseline": {"id": baseline.id, "version": baseline.version, "digest": baseline.digest},
        "evidence_digest": info.evidence_digest,
        "tool": {"name": "auditor", "version": run.tool_version},
        "complete": info.complete,
        "exit_code": info.exit_code,
        "fail_on": info.fail_on,
        "allow_unknown": run.allow_unknown,
        "organisation": {"digest": info.organisation_digest} if info.organisation_digest else None,
        "oldest_evidence_at": format_or_none(info.oldest_evidence_at),
        "simulated": info.simulated,
        "accepted_blind_spots": run.summary.accepted_blind_spots,
        "carried": _carried(info.carried),
    }


def _carried(carried: Carried | None) -> Object | None:
    if carried is None:
        return None
    return {
        "read": carried.read,
        "carried": carried.carried,
        "oldest": format_or_none(carried.oldest),
        "sample": carried.sample,
        "differences": carried.differences,
        "run": carried.run,
        "reason": carried.reason,
    }


def summary_object(run: Run) -> Object:
    """The counts of the run, as `summary` in the schema."""
    summary, api = run.summary, run.api
    return {
        "by_status": {status: summary.by_status.get(status, 0) for status in Status},
        "by_severity": {severity: summary.by_severity.get(severity, 0) for severity in Severity},
        "by_level": _by_level({**dict.fromkeys(summary.coverage, 0), **summary.by_level}),
        "coverage": _by_level(summary.coverage),
        "api": {
            "requests": api.requests,
            "retries": api.retries,
            "rate_limited": api.rate_limited,
            "seconds": round(api.seconds, 3),
        },
        "proved_by_lock": summary.proved_by_lock,
        "pending_users": summary.pending_users,
        "left_during_run": [
            {"level": departure.level, "id": departure.id} for departure in summary.left
        ],
        "settings": {"returned": summary.settings_returned, "judged": summary.settings_judged},
        "not_reached": list(summary.not_reached),
        "undecided": summary.undecided,
        "allowed": summary.allowed,
        "not_compared": summary.not_compared,
        "stale": run.stale,
    }


def _by_level(counts: Mapping[Level, int]) -> Object:
    return {level: counts[level] for level in Level if level in counts}


def finding_object(run: Run, finding: Finding) -> Object:
    """One finding, as `finding` in the schema."""
    v, scope, history = finding.verdict, finding.scope, finding.history
    changed_by = history.changed_by if history else None
    return {
        "control": v.control,
        "title": title(run, v.control),
        "kind": v.kind,
        "status": v.status,
        "severity": v.severity,
        "scope": {"level": scope.level, "id": scope.id, "name": scope.label},
        "setting": v.setting,
        "observed": finite(v.observed),
        "expected": None if v.expected is None else finite(dict(v.expected)),
        "cause": v.cause,
        "locked": v.locked,
        "proved_by": v.proved_by,
        "decided_by": v.decided_by,
        "changeable_by": list(v.changeable_by),
        "source": v.source,
        "observed_at": finding.observed_at,
        "first_seen": format_rfc3339(history.first_seen) if history else None,
        "changed_by": changed_by.as_dict() if changed_by else None,
        "waiver": None if v.waiver is None else v.waiver.as_dict(),
        "fingerprint": finding.fingerprint,
        "detail": v.detail,
        "override": v.override,
        "changeable": v.changeable,
        "as_expected": v.as_expected,
        "latent": v.latent,
        "allowed_by": v.allowed_by or None,
        "blind_spot": None if v.blind_spot is None else v.blind_spot.as_dict(),
    }


def error_object(error: ReadError) -> Object:
    """Failed reads for the same reason, as `error` in the schema."""
    return {
        "source": error.source,
        "cause": error.cause,
        "message": error.message,
        "controls": list(error.controls),
        "scopes": error.scopes,
        "accepted": error.is_accepted,
    }


def waiver_object(waiver: WaiverResult) -> Object:
    """The result of a waiver, as `waiver_state` in the schema."""
    return asdict(waiver) | {"expires": str(waiver.expires)}


def blind_spot_object(blind_spot: BlindSpotResult) -> Object:
    """The result of a blind spot, as `blind_spot_state` in the schema."""
    return asdict(blind_spot) | {"expires": str(blind_spot.expires)}


def reference_object(reference: Reference) -> Object:
    """A name or entry that does not match the account, as `name` in the schema."""
    return dict(asdict(reference))


def finite(value: JsonValue) -> JsonValue:
    """`value` with NaN and infinity, which JSON lacks, as strings."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case list():
            return [finite(item) for item in value]
        case dict():
            return {key: finite(item) for key, item in value.items()}
        case _:
            return value


def encode_json(value: JsonValue) -> str:
    """`value` on one line, without characters that control a terminal or hide text."""
    text = _ENCODER.encode(value)
    if text.isprintable():  # fast path for nearly every value
        return text
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

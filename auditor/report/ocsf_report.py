"""OCSF Compliance Findings (class 2003, version 1.5.0), for security data lakes and SIEMs.

One event per line and finding, because such systems count and join events; then one for each entry
of the organisation file that fails the run. Source of the fields and numbers: the schema of OCSF
1.5.0.
"""

import hashlib
from collections.abc import Mapping
from typing import BinaryIO

from auditor.evidence.scope import Scope
from auditor.evidence.timestamps import format_rfc3339, milliseconds, to_milliseconds
from auditor.findings.model import ControlInfo, Finding, Severity, Status, Verdict
from auditor.findings.run import Run
from auditor.report import waiver_wording, wording
from auditor.report.display import Object, json_text
from auditor.report.group_wording import fixes, name, outcome, sentence
from auditor.report.interface import Format, Options

VERSION = "1.5.0"

_SEVERITY: Mapping[Severity, tuple[int, str]] = {
    Severity.CRITICAL: (5, "Critical"),
    Severity.HIGH: (4, "High"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.LOW: (2, "Low"),
}
_INFORMATIONAL = 1, "Informational"

_CLASS: Object = {
    "activity_id": 1,
    "activity_name": "Create",
    "category_uid": 2,
    "category_name": "Findings",
    "class_uid": 2003,
    "class_name": "Compliance Finding",
    "type_uid": 200301,
    "type_name": "Compliance Finding: Create",
}

_COMPLIANCE: Mapping[Status, tuple[int, str]] = {
    Status.FAIL: (3, "Fail"),
    Status.WAIVED: (3, "Fail"),
    Status.UNKNOWN: (2, "Warning"),
    Status.ATTESTATION_EXPIRED: (2, "Warning"),
    Status.NEEDS_DECISION: (2, "Warning"),
    Status.ATTESTED: (99, "Attested"),
    Status.NOT_APPLICABLE: (99, "Not applicable"),
    Status.PASS: (1, "Pass"),
}
"""The result of a check. `Warning` is OCSF's term for no result because data is missing."""

_NEW, _SUPPRESSED, _RESOLVED = (1, "New"), (3, "Suppressed"), (4, "Resolved")
_FINDING: Mapping[Status, tuple[int, str]] = {
    Status.FAIL: _NEW,
    Status.WAIVED: _SUPPRESSED,
    Status.UNKNOWN: _NEW,
    Status.ATTESTATION_EXPIRED: _NEW,
    Status.NEEDS_DECISION: _NEW,
    Status.ATTESTED: _RESOLVED,
    Status.NOT_APPLICABLE: _RESOLVED,
    Status.PASS: _RESOLVED,
}
"""The state of the finding in its workflow."""
_NOTHING_TO_DO = (Status.ATTESTED, Status.NOT_APPLICABLE, Status.PASS)


class OcsfFormat(Format):
    """JSON lines, in the order of the run."""

    name = "ocsf"
    suffix = ".ocsf.jsonl"
    media_type = "application/jsonl"
    order = 10

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` finding by finding."""
        controls = {control: _control(info) for control, info in run.controls.items()}
        metadata = _metadata(run)
        for finding in run.findings():
            v = finding.verdict
            if v.status is Status.PASS and not options.include_passes:
                continue
            control = controls.get(v.control)
            if control is None:
                info = ControlInfo(v.control, v.control, "", v.severity)
                control = controls[v.control] = _control(info)
            event = _event(run, finding, metadata, control)
            out.write(json_text(event).encode("utf-8") + b"\n")
        for line in waiver_wording.stale_lines(run):
            out.write(json_text(_stale_entry(run, line, metadata)).encode("utf-8") + b"\n")


def _event(run: Run, finding: Finding, metadata: Object, control: Object) -> Object:
    v, scope = finding.verdict, finding.scope
    time = _milliseconds(finding.observed_at) or to_milliseconds(run.info.finished_at)
    severity_id, severity = _INFORMATIONAL if v.status in _NOTHING_TO_DO else _SEVERITY[v.severity]
    status_id, status = _FINDING[v.status]
    subject = f"{wording.sentence_case(wording.level_name(scope.level))} {name(scope)}"
    event: Object = {
        **_CLASS,
        "time": time,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "status_code": v.status,
        "message": f"{subject}: {outcome(v)}.",
        "metadata": {**metadata, "uid": f"{run.info.id}/{finding.fingerprint}"},
        "finding_info": {
            "uid": finding.fingerprint,
            "title": control["title"],
            "desc": control["why"] or control["title"],
            "types": [control["family"], v.kind],
            "data_sources": [v.source] if v.source else [],
            "created_time": time,
        },
        "compliance": _compliance(run, v, control),
        "resources": [_resource(run, scope)],
        "evidences": [{"data": _evidence(finding)}],
        "unmapped": _unmapped(v),
    }
    if v.detail:
        event["status_detail"] = sentence(v.detail)
    if control["fix"]:
        event["remediation"] = {"desc": control["fix"]}
    return event


def _stale_entry(run: Run, line: str, metadata: Object) -> Object:
    """An event for an entry of the organisation file that matches nothing and fails the run."""
    account = run.info.account_id.encode("utf-8", "surrogatepass")
    line = sentence(line)
    identity = "sha256:" + hashlib.sha256(account + line.encode("utf-8", "replace")).hexdigest()
    moment = to_milliseconds(run.info.finished_at)
    severity_id, severity = _SEVERITY[Severity.HIGH]
    status_id, status = _NEW
    compliance_id, compliance = _COMPLIANCE[Status.FAIL]
    title = "Every entry of the organisation file matches the account"
    return {
        **_CLASS,
        "time": moment,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "status_code": "stale",
        "message": line,
        "metadata": {**metadata, "uid": f"{run.info.id}/{identity}"},
        "finding_info": {
            "uid": identity,
            "title": title,
            "desc": title,
            "types": ["Organisation file"],
            "created_time": moment,
        },
        "compliance": {
            "control": "organisation-file",
            "desc": title,
            "standards": [f"{run.info.baseline.id} {run.info.baseline.version}"],
            "status_id": compliance_id,
            "status": compliance,
            "status_code": "stale",
        },
    }


def _control(info: ControlInfo) -> Object:
    """The fields shared by the events of a control."""
    remedies = fixes(info.fix_portal, info.fix_api)
    standards = [wording.framework(key) for key, references in info.mappings.items() if references]
    return {
        "title": info.title,
        "why": info.why,
        "family": info.family or "Zoom",
        "fix": " ".join(f"{heading}: {text}" for heading, text in remedies),
        "standards": [*standards],
        "requirements": [
            f"{wording.framework(key)} {provision}"
            for key in info.mappings
            for provision in wording.provisions(info, key)
        ],
    }


def _metadata(run: Run) -> Object:
    product: Object = {"name": "auditor", "vendor_name": "zoom-privacy-auditor"}
    if run.tool_version:
        product["version"] = run.tool_version
    labels: Object = {"labels": ["simulated"]} if run.info.simulated else {}
    return {
        "version": VERSION,
        "product": product,
        **labels,
        "correlation_uid": run.info.id,
        "tenant_uid": run.info.account_id,
        "log_name": "auditor",
        "original_time": format_rfc3339(run.info.finished_at),
    }


def _compliance(run: Run, verdict: Verdict, control: Object) -> Object:
    baseline = run.info.baseline
    status_id, status = _COMPLIANCE[verdict.status]
    standards = control["standards"]
    assert isinstance(standards, list)
    compliance: Object = {
        "control": verdict.control,
        "desc": control["title"],
        "category": control["family"],
        "standards": [f"{baseline.id} {baseline.version}", *standards],
        "requirements": control["requirements"],
        "status_id": status_id,
        "status": status,
        "status_code": verdict.cause or verdict.status,
    }
    if expected := wording.expectation(verdict, 200):
        compliance["control_parameters"] = [{"name": "expected", "value": expected}]
    return compliance


def _resource(run: Run, scope: Scope) -> Object:
    facts: Object = {"level": scope.level}
    if scope.email:
        facts["email"] = scope.email
    if scope.licence is not None:
        facts["licence"] = scope.licence
    if scope.status:
        facts["status"] = scope.status
    return {
        "uid": scope.id,
        "name": scope.label,
        "type": f"Zoom {scope.level.replace('_', ' ')}",
        "namespace": run.info.account_id,
        "data": facts,
    }


def _evidence(finding: Finding) -> Object:
    v = finding.verdict
    return {
        "setting": v.setting,
        "observed": v.observed,
        "expected": None if v.expected is None else dict(v.expected),
        "locked": v.locked,
        "proved_by": v.proved_by,
        "decided_by": v.decided_by,
        "changeable_by": list(v.changeable_by),
        "source": v.source,
        "observed_at": finding.observed_at,
    }


def _unmapped(verdict: Verdict) -> Object:
    return {
        "status": verdict.status,
        "severity": verdict.severity,
        "kind": verdict.kind,
        "cause": verdict.cause,
        "override": verdict.override,
        "waiver": None if verdict.waiver is None else verdict.waiver.as_dict(),
        "blind_spot": None if verdict.blind_spot is None else verdict.blind_spot.as_dict(),
    }


def _milliseconds(time: str | None) -> int:
    """An RFC 3339 time in milliseconds since 1970; 0 for none."""
    return milliseconds(time) if time else 0

"""The doctor's report as JSON, `auditor/doctor/v1`. `schema.json` is its JSON Schema."""

import json
from pathlib import Path
from typing import Any, cast

from auditor import __version__
from auditor.doctor.model import DoctorCheck, DoctorReport
from auditor.doctor.scopes import ScopeComparison, ScopeRequirement
from auditor.evidence.reading import JsonValue

SCHEMA = "auditor/doctor/v1"
_FILE = Path(__file__).with_name("schema.json")


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return cast("dict[str, Any]", json.loads(_FILE.read_text(encoding="utf-8")))


def document(diagnosis: DoctorReport) -> dict[str, JsonValue]:
    """The report as a JSON document."""
    subject = diagnosis.subject
    return {
        "schema": SCHEMA,
        "tool": {"name": "auditor", "version": __version__},
        "api_url": subject.api_url,
        "oauth_url": subject.oauth_url,
        "baseline": subject.baseline or None,
        "depth": subject.depth or None,
        "exit_code": int(diagnosis.exit_code),
        "complete": diagnosis.exit_code == 0,
        "checks": [_check(check) for check in diagnosis.checks],
        "scopes": None if diagnosis.scopes is None else _scopes(diagnosis.scopes),
        "controls": [] if diagnosis.scopes is None else _controls(diagnosis.scopes),
        "for": subject.purpose,
    }


def _check(check: DoctorCheck) -> JsonValue:
    return {
        "name": check.name,
        "title": check.title,
        "state": check.state,
        "sentence": check.sentence,
        "next": check.advice or None,
        "facts": dict(check.facts),
    }


def _scopes(scopes: ScopeComparison) -> JsonValue:
    return {
        "kind": scopes.kind,
        "granted": None if scopes.granted is None else [*sorted(scopes.granted)],
        "required": [_requirement(requirement) for requirement in scopes.required],
        "optional": [_requirement(requirement) for requirement in scopes.optional],
        "to_add": [*scopes.to_add],
        "optional_to_add": [*scopes.optional_to_add],
        "writing": [*scopes.writing],
        "unused": [*scopes.unused],
    }


def _requirement(requirement: ScopeRequirement) -> JsonValue:
    return {
        "request": requirement.endpoint.request,
        "granular": [*requirement.endpoint.scopes],
        "classic": [*requirement.endpoint.classic_scopes],
        "granted": requirement.granted,
        "controls": [*requirement.controls],
        "adds": requirement.adds or None,
    }


def _controls(scopes: ScopeComparison) -> list[JsonValue]:
    return [
        {
            "control": cid,
            "title": scopes.needs.titles[cid],
            "would_be_unknown": None if scopes.granted is None else cid in scopes.unknown,
            "requests": [e.endpoint.request for e in scopes.required if cid in e.controls],
            "missing": [
                requirement.endpoint.request for requirement in scopes.unknown.get(cid, ())
            ],
        }
        for cid in scopes.needs.by_control
    ]

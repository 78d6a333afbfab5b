"""The roll-up of a fleet for programs: `auditor/fleet/v1`."""

import json
from importlib import resources
from typing import Any

from auditor import __version__
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.model import Severity
from auditor.fleet import wording
from auditor.fleet.rollup import AccountSummary, FleetSummary
from auditor.report.display import json_text

SCHEMA_ID = "auditor/fleet/v1"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the JSON roll-up."""
    file = resources.files("auditor.fleet") / "schema" / "fleet-v1.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def as_json(fleet: FleetSummary) -> str:
    """The roll-up: one account and one control a line."""
    accounts = ",\n  ".join(json_text(_account(each, fleet)) for each in fleet.accounts)
    controls = ",\n  ".join(
        json_text(
            {
                "control": each.control,
                "title": each.title,
                "severity": str(each.severity),
                "deviations": each.deviations,
                "accounts": [
                    {"name": name, "deviations": count} for name, count in each.accounts.items()
                ],
            }
        )
        for each in fleet.controls
    )
    nights = json_text(
        [
            {
                "day": f"{night.day}",
                "accounts": night.accounts,
                "audited": night.audited,
                "deviations": night.deviations,
                "unknown": night.unknown,
            }
            for night in fleet.nights
        ]
    )
    return (
        f'{{"schema": {json_text(SCHEMA_ID)},\n "fleet": {json_text(_fleet(fleet))},\n '
        f'"summary": {json_text(_summary(fleet))},\n "accounts": [\n  {accounts}\n ],\n '
        f'"controls": [\n  {controls}\n ],\n "nights": {nights}}}\n'
    )


def _fleet(fleet: FleetSummary) -> dict[str, Any]:
    return {
        "name": fleet.name,
        "at": format_rfc3339(fleet.at),
        "tags": list(fleet.tags),
        "tool": {"name": "auditor", "version": __version__},
    }


def _summary(fleet: FleetSummary) -> dict[str, Any]:
    changed = [each.counts for each in fleet.accounts if each.counts and each.has_earlier]
    return {
        "accounts": len(fleet.accounts),
        "by_verdict": {str(verdict): count for verdict, count in fleet.by_verdict.items()},
        "deviations": fleet.deviations,
        "by_severity": {
            str(severity): sum(each.deviations(severity) for each in fleet.accounts)
            for severity in Severity
        },
        "unknown": fleet.unknown,
        "new": sum(counts.new for counts in changed),
        "gone": sum(counts.gone for counts in changed),
        "newly_unknown": sum(counts.newly_unknown for counts in changed),
    }


def _account(account: AccountSummary, fleet: FleetSummary) -> dict[str, Any]:
    facts, counts, age = account.facts, account.counts, account.age(fleet.at)
    run = None
    if facts is not None:
        run = {
            "id": facts.id,
            "finished_at": format_rfc3339(facts.finished_at),
            "depth": facts.depth,
            "baseline": {
                "id": facts.baseline.id,
                "version": facts.baseline.version,
                "digest": facts.baseline.digest,
            },
            "organisation_digest": facts.organisation_digest or None,
            "complete": facts.complete,
            "exit_code": int(facts.exit_code),
            "simulated": facts.simulated,
        }
    changes = None
    if counts is not None and account.has_earlier:
        changes = {
            "new": counts.new,
            "gone": counts.gone,
            "newly_unknown": counts.newly_unknown,
            "policy_changed": counts.policy_changed,
        }
    return {
        "name": account.name,
        "account_id": account.account_id or None,
        "tags": list(account.tags),
        "verdict": str(account.verdict),
        "failure": account.failure or None,
        "run": run,
        "age_seconds": None if age is None else int(age.total_seconds()),
        "policy_is_current": account.is_current,
        "by_severity": {str(severity): account.deviations(severity) for severity in Severity},
        "unknown": facts.unknown if facts else 0,
        "changes": changes,
        "controls": [
            {
                "control": each.control,
                "severity": str(each.severity),
                "deviations": each.deviations,
            }
            for each in account.worst
        ],
        "trend": [
            {
                "run": point.run,
                "finished_at": format_rfc3339(point.finished_at),
                "deviations": point.deviations,
                "unknown": point.unknown,
                "complete": point.complete,
            }
            for point in account.trend
        ],
        "report": wording.command(account) if facts else None,
    }

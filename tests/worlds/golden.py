"""Expected reports: a report without its timing, folded so that a person can review it.

Folding loses nothing but timing, order and the fingerprint (each is computed from what stays, and
tested elsewhere): equal findings of several scopes become one line that names the scopes, findings
stand under their status, cause and sentence, titles stand once, and fields that are null or empty
are left out of a line.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"
TIMING = "(timing)"
UPDATE = "AUDITOR_UPDATE_GOLDEN"
"""The environment variable that has the expected reports written anew."""

_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")
_SAID_ELSEWHERE = (
    *("title", "scope", "fingerprint", "observed_at", "first_seen"),
    *("status", "cause", "detail"),
)
_ALWAYS = ("observed", "severity")

Report = dict[str, Any]


def folded(report: Mapping[str, Any]) -> Report:
    """The report as it is kept.

    Raises:
        AssertionError: two scopes have one name, so that folding would lose which is meant.
    """
    run, summary = dict(report["run"]), dict(report["summary"])
    run |= dict.fromkeys(("id", "started_at", "finished_at", "oldest_evidence_at"), TIMING)
    run["api_url"] = _PORT.sub("PORT", run["api_url"])
    summary["api"] = {**summary["api"], "seconds": TIMING}
    findings: dict[str, dict[str, dict[str, list[str]]]] = {}
    scopes: dict[str, str] = {}
    for finding in report["findings"]:
        scope = finding["scope"]
        name = f"{scope['level']} {scope['name']}"
        assert scopes.setdefault(name, scope["id"]) == scope["id"], name
        outcome = ", ".join(filter(None, (finding["status"], finding["cause"])))
        sentences = findings.setdefault(outcome, {})
        line = json.dumps(_line(finding), ensure_ascii=False)
        sentences.setdefault(finding["detail"], {}).setdefault(line, []).append(name)
    return {
        "schema": report["schema"],
        "run": run,
        "summary": summary,
        "scopes": dict(sorted(scopes.items())),
        "titles": {f["control"]: f["title"] for f in sorted(report["findings"], key=_control)},
        "findings": {
            outcome: {
                sentence: [{**json.loads(line), "at": at} for line, at in sorted(lines.items())]
                for sentence, lines in sorted(sentences.items())
            }
            for outcome, sentences in sorted(findings.items())
        },
        "errors": report["errors"],
        "waivers": report["waivers"],
    }


def _line(finding: Mapping[str, Any]) -> Report:
    """What is said of a finding beside where it stands, in the order of the report."""
    return {
        name: value
        for name, value in finding.items()
        if name not in _SAID_ELSEWHERE
        and (name in _ALWAYS or value not in (None, "", []))
        and (name, value) != ("latent", False)
    }


def _control(finding: Mapping[str, Any]) -> str:
    return str(finding["control"])


def text(folded_report: Mapping[str, Any]) -> str:
    """The file of an expected report: one finding a line."""
    return "".join(_written(folded_report, 0)) + "\n"


def _written(value: Any, depth: int) -> Iterator[str]:
    nested = isinstance(value, dict | list) and any(_holds_more(each) for each in _children(value))
    if not nested and depth > 1:
        yield json.dumps(value, ensure_ascii=False)
        return
    opening, closing = "[]" if isinstance(value, list) else "{}"
    pad = "\n" + " " * (depth + 1)
    yield opening
    for position, child in enumerate(_children(value)):
        yield ("," if position else "") + pad
        if isinstance(value, dict):
            yield json.dumps(list(value)[position], ensure_ascii=False) + ": "
        yield from (
            _written(child, depth + 1)
            if isinstance(child, dict | list) and not _is_line(child)
            else (json.dumps(child, ensure_ascii=False),)
        )
    yield ("\n" + " " * depth if value else "") + closing


def _is_line(value: Any) -> bool:
    return isinstance(value, dict) and ("control" in value or "controls" in value)


def _holds_more(value: Any) -> bool:
    return isinstance(value, dict | list)


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)


def rows(kept: Mapping[str, Any]) -> Iterator[Report]:
    """The findings of an expected report, one a scope, with `level`, `id`, `status` and `cause`."""
    for outcome, sentences in kept["findings"].items():
        status, _, cause = outcome.partition(", ")
        for lines in sentences.values():
            for line in lines:
                for at in line["at"]:
                    level = at.partition(" ")[0]
                    place = {"level": level, "id": kept["scopes"][at]}
                    yield {**line, **place, "status": status, "cause": cause or None}

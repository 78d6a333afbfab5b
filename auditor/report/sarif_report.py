"""The SARIF 2.1.0 report, for code scanning and for viewers of static analysis.

How GitHub reads it (its documentation of SARIF, and issue 955 of microsoft/PSRule, both read in
November 2026): every result becomes an alert, whatever its kind; a result needs a location in a
file; accepted suppressions close the alert; only `primaryLocationLineHash` distinguishes alerts; of
25,000 results it shows the 5,000 most severe; at most 20 tags per rule and 10 MB compressed.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO
from urllib.parse import quote

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import format_or_none, format_rfc3339
from auditor.findings.model import ControlInfo, ReadError, Severity, Status, Verdict, WaiverTerms
from auditor.findings.rollup import FindingGroup, merge_values, roll_up
from auditor.findings.run import Run, fingerprint
from auditor.plain_text import pluralize
from auditor.report import waiver_wording, wording
from auditor.report.display import Object, json_text, printable, shorten
from auditor.report.group_wording import (
    explained,
    fixes,
    name,
    observed_values,
    outcome,
    sentence,
    summary,
    where,
)
from auditor.report.interface import Format, Options

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MOST_RESULTS = 5_000
"""The number of results that GitHub shows."""
SEPARATE_RESULT_LIMITS = (100, 25, 5, 1)
"""A group with more findings is one result. The first limit that fits MOST_RESULTS applies."""
_MOST_TAGS = 20
_LONGEST_TEXT = 1000
"""GitHub accepts 1,024 characters in the texts of a rule."""

_LEVEL: Mapping[Severity, str] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_SCORE: Mapping[Severity, str] = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
}
"""Within the bands in which GitHub interprets `security-severity`."""
_KIND: Mapping[Status, str] = {
    Status.FAIL: "fail",
    Status.WAIVED: "fail",
    Status.UNKNOWN: "open",
    Status.ATTESTATION_EXPIRED: "review",
    Status.NEEDS_DECISION: "review",
    Status.ATTESTED: "informational",
    Status.NOT_APPLICABLE: "notApplicable",
    Status.PASS: "pass",
}
"""The standard requires level `none` for every kind except `fail` (section 3.27.10)."""
_NO_ALERT = (Status.ATTESTED, Status.NOT_APPLICABLE, Status.PASS)
"""Need no action, but GitHub would open alerts: written only together with passes."""

_WORD = re.compile(r"[A-Za-z0-9]+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~])")


class SarifFormat(Format):
    """One run; groups of equal findings beyond a threshold are one result with a count."""

    name = "sarif"
    suffix = ".sarif"
    media_type = "application/sarif+json"
    order = 8

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`, one result per line."""
        left_out = () if options.include_passes else _NO_ALERT
        names = SEPARATE_RESULT_LIMITS[0]
        groups = merge_values(roll_up(run, names=names, worst=0).groups, names, *left_out)
        for piece in _pieces(run, groups):
            out.write(piece.encode("utf-8"))


def _pieces(run: Run, groups: list[FindingGroup]) -> Iterator[str]:
    infos = _infos(run, groups)
    separate_limit = _separate_result_limit(groups)
    yield f'{{"$schema": "{SCHEMA}",\n "version": "2.1.0",\n "runs": [{{\n'
    yield from _member("tool", {"driver": _driver(run, infos)})
    yield from _member("automationDetails", _automation(run))
    yield from _member("invocations", [_invocation(run)])
    yield from _member("columnKind", "unicodeCodePoints")
    yield from _member("properties", _counts(run, separate_limit))
    yield '  "results": ['
    rules = {control: index for index, control in enumerate(infos)}
    times = _times(run, groups, separate_limit)
    separator = "\n   "
    for group in groups:
        for result in _results(run, group, rules[group.verdict.control], separate_limit, times):
            yield separator + json_text(result)
            separator = ",\n   "
    yield "]\n }]}\n"


def _member(key: str, value: JsonValue) -> Iterator[str]:
    yield f'  "{key}": {json_text(value)},\n'


def _separate_result_limit(groups: Iterable[FindingGroup]) -> int:
    counts = [group.count for group in groups]
    for limit in SEPARATE_RESULT_LIMITS:
        if sum(count if count <= limit else 1 for count in counts) <= MOST_RESULTS:
            return limit
    return SEPARATE_RESULT_LIMITS[-1]


def _infos(run: Run, groups: Iterable[FindingGroup]) -> Mapping[str, ControlInfo]:
    """The controls of the run by id, sorted; the id is the title of those without facts."""
    unknown = {
        v.control: ControlInfo(v.control, v.control, "", v.severity)
        for v in (group.verdict for group in groups)
    }
    return dict(sorted({**unknown, **run.controls}.items()))


def _driver(run: Run, infos: Mapping[str, ControlInfo]) -> Object:
    driver: Object = {
        "name": "auditor",
        "fullName": "Privacy settings auditor for Zoom",
        "rules": [_rule(info) for info in infos.values()],
    }
    if run.tool_version:
        driver["version"] = driver["semanticVersion"] = run.tool_version
    return driver


def _rule(info: ControlInfo) -> Object:
    remedies = fixes(info.fix_portal, info.fix_api)
    notes = [*remedies, ("Good to know", printable(info.know))] if info.know else list(remedies)
    notes += [
        (wording.framework(key), printable("; ".join(wording.provisions(info, key))))
        for key, titles in info.provision_titles.items()
        if titles
    ]
    return {
        "id": info.id,
        "name": _pascal(info.title)[:255] or info.id,
        "shortDescription": {"text": _escaped(shorten(info.title, _LONGEST_TEXT))},
        "fullDescription": {"text": _escaped(shorten(info.why or info.title, _LONGEST_TEXT))},
        "help": {
            "text": _escaped("\n".join(f"{head}: {text}" for head, text in notes) or info.title),
            "markdown": _escaped(
                "\n\n".join(f"**{head}:** {_unmarked(text)}" for head, text in notes)
                or _unmarked(printable(info.title))
            ),
        },
        "defaultConfiguration": {"level": _LEVEL[info.severity]},
        "properties": {
            "tags": [*_tags(info)],
            "precision": "very-high",
            "security-severity": _SCORE[info.severity],
            "severity": info.severity,
            "family": info.family,
            "mappings": {key: list(values) for key, values in info.mappings.items()},
        },
    }


def _pascal(title: str) -> str:
    words = _WORD.findall(title.replace("'", "").replace("’", ""))
    return "".join(word.capitalize() for word in words)


def _tags(info: ControlInfo) -> list[str]:
    """Tags of a rule. GitHub shows `security-severity` only with the tag `security`."""
    mapped = (
        f"{wording.framework(key)} {reference}"
        for key, references in info.mappings.items()
        for reference in references
    )
    return list(dict.fromkeys(["security", "privacy", info.family or "zoom", *mapped]))[:_MOST_TAGS]


def _automation(run: Run) -> Object:
    """GitHub's category is the id without its last part: one per account and baseline."""
    info = run.info
    parts = ("auditor", info.account_id, info.baseline.id, info.id)
    description = (
        f"Zoom account {printable(info.account_id)} against baseline {printable(info.baseline.id)}"
    )
    if simulated := wording.simulated(run):
        description = f"{simulated} {description}"
    return {
        "id": "/".join(_quoted(part) for part in parts),
        "description": {"text": _escaped(description)},
    }


def _invocation(run: Run) -> Object:
    info = run.info
    return {
        "executionSuccessful": info.complete,
        "startTimeUtc": format_rfc3339(info.started_at),
        "endTimeUtc": format_rfc3339(info.finished_at),
        "exitCode": info.exit_code,
        "exitCodeDescription": wording.exit_code(run),
        "toolExecutionNotifications": [_notification(error) for error in run.errors],
        "toolConfigurationNotifications": [
            *(_configuration("error", line) for line in waiver_wording.stale_lines(run)),
            *(_configuration("warning", line) for line in waiver_wording.lookalike_lines(run)),
        ],
    }


def _configuration(level: str, line: str) -> Object:
    """A notification of a problem in the organisation file."""
    return {"level": level, "message": {"text": _escaped(sentence(line))}}


def _notification(error: ReadError) -> Object:
    text = f"{sentence(error.message)} ({pluralize(error.scopes, 'scope')} not read)"
    return {
        "level": "error" if error.cause.is_failed_read else "warning",
        "message": {"text": _escaped(text)},
        "properties": {
            "source": error.source,
            "cause": error.cause,
            "controls": list(error.controls),
            "scopes": error.scopes,
        },
    }


def _counts(run: Run, separate_limit: int) -> Object:
    """The counts of the run, equal to those of the other formats, however results are grouped."""
    info, summary = run.info, run.summary
    return {
        "run": info.id,
        "baseline": {
            "id": info.baseline.id,
            "version": info.baseline.version,
            "digest": info.baseline.digest,
        },
        "evidence_digest": info.evidence_digest,
        "complete": info.complete,
        "simulated": info.simulated,
        "fail_on": info.fail_on,
        "by_status": {status: summary.by_status.get(status, 0) for status in Status},
        "by_severity": {severity: summary.by_severity.get(severity, 0) for severity in Severity},
        "by_level": {
            level: summary.by_level[level] for level in Level if level in summary.by_level
        },
        "coverage": {
            level: summary.coverage[level] for level in Level if level in summary.coverage
        },
        "oldest_evidence_at": format_or_none(info.oldest_evidence_at),
        "people_carried_over": info.carried.carried if info.carried else 0,
        "findings_alike_in_one_result_beyond": separate_limit,
    }


_Times = Mapping[tuple[Level, str], Mapping[str, str]]
"""Level and id of a scope to the sources of its documents and the times of their responses."""


def _times(run: Run, groups: Iterable[FindingGroup], separate_limit: int) -> _Times:
    """The times of the documents of each scope that has results of its own."""
    times: dict[tuple[Level, str], dict[str, str]] = {
        (scope.level, scope.id): {}
        for group in groups
        if _is_separate(group, separate_limit)
        for scope in group.scopes
    }
    for assessment in run.assessments.by_name() if times else ():
        scope = assessment.scope
        if (known := times.get((scope.level, scope.id))) is not None:
            known.update(assessment.observed_at)
    return times


def _is_separate(group: FindingGroup, separate_limit: int) -> bool:
    return group.count <= separate_limit and not group.unnamed


def _results(
    run: Run, group: FindingGroup, rule: int, separate_limit: int, times: _Times
) -> Iterator[Object]:
    if not _is_separate(group, separate_limit):
        yield _grouped(run, group, rule)
        return
    for verdict, scope in group.members:
        level = wording.level_name(scope.level)
        is_named = scope.label != level
        subject = wording.sentence_case(f"{level} {name(scope)}" if is_named else level)
        text = f"{subject}: {outcome(verdict)}. {explained(verdict)}"
        own = times[scope.level, scope.id].get(verdict.source)
        observed_at = own or run.account_times.get(verdict.source)
        yield {
            **_result(group, rule, text, fingerprint(run.info.account_id, verdict, scope)),
            "locations": [_location(f"{scope.level}/{_quoted(scope.id)}", [scope])],
            "properties": {
                **_properties(group, 1),
                **_facts(verdict),
                "observed_at": observed_at,
            },
        }


def _grouped(run: Run, group: FindingGroup, rule: int) -> Object:
    account = run.info.account_id.encode("utf-8", "surrogatepass")
    identity = hashlib.sha256(account + group.fingerprint.encode()).hexdigest()
    values, others = observed_values(group)
    return {
        **_result(group, rule, f"{where(group)}. {summary(group)}", f"sha256:{identity}"),
        "locations": [_location(group.level, group.scopes)],
        "properties": {
            **_properties(group, group.count),
            "observed_at": group.observed_from or run.account_times.get(group.verdict.source),
            "values": dict(values),
            "other_values": others,
        },
    }


def _result(group: FindingGroup, rule: int, message: str, identity: str) -> Object:
    verdict = group.verdict
    kind = _KIND[verdict.status]
    waived = verdict.status is Status.WAIVED
    terms = verdict.waiver if waived else verdict.blind_spot
    return {
        "ruleId": verdict.control,
        "ruleIndex": rule,
        "kind": kind,
        "level": _LEVEL[verdict.severity] if kind == "fail" else "none",
        "message": {"text": _escaped(message.strip())},
        "partialFingerprints": {
            "primaryLocationLineHash": f"{identity.removeprefix('sha256:')}:1",
            "auditorFinding/v1": identity,
        },
        "suppressions": [_suppression(terms)] if waived or terms else [],
    }


def _properties(group: FindingGroup, count: int) -> Object:
    """Properties of a result that represents `count` findings."""
    verdict = group.verdict
    return {
        "count": count,
        "status": verdict.status,
        "severity": verdict.severity,
        "security-severity": _SCORE[verdict.severity],
        "level": group.level,
        "kind": verdict.kind,
        "setting": verdict.setting,
        "cause": verdict.cause,
        "waiver": _terms(verdict.waiver),
        "blind_spot": _terms(verdict.blind_spot),
    }


def _facts(verdict: Verdict) -> Object:
    return {
        "observed": verdict.observed,
        "expected": None if verdict.expected is None else dict(verdict.expected),
        "locked": verdict.locked,
        "decided_by": verdict.decided_by,
        "changeable_by": list(verdict.changeable_by),
        "source": verdict.source,
    }


def _terms(terms: WaiverTerms | None) -> Object | None:
    return dict(sorted(terms.as_dict().items())) if terms else None


def _suppression(waiver: WaiverTerms | None) -> Object:
    approved = f", approved by {waiver.approved_by}," if waiver and waiver.approved_by else ""
    words = (
        waiver.reason if waiver else "Waived.",
        f"Accepted by {waiver.owner}{approved}" if waiver and waiver.owner else "",
        f"until {waiver.expires}" if waiver else "",
        f"({waiver.ticket})" if waiver and waiver.ticket else "",
    )
    return {
        "kind": "external",
        "status": "accepted",
        "justification": sentence(" ".join(word for word in words if word)),
    }


def _location(place: str, scopes: Iterable[Scope]) -> Object:
    """A fictitious file: GitHub opens no alert without a location, and shows its path."""
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": f"zoom/{place}"},
            "region": {"startLine": 1},
        },
        "logicalLocations": [
            {
                "name": name(scope),
                "fullyQualifiedName": f"{scope.level}/{printable(scope.id)}",
                "kind": scope.level,
            }
            for scope in scopes
        ],
    }


def _quoted(part: str) -> str:
    """`part` as one path segment, safe for programs that resolve dots."""
    quoted = quote(part.encode("utf-8", "replace"), safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E") or "-"


def _escaped(text: str) -> str:
    """`text` as a SARIF message without placeholders (section 3.11.5) and links (3.11.6)."""
    return text.replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _unmarked(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)

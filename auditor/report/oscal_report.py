"""OSCAL assessment results (NIST, version 1.1.3, JSON), for governance tools.

Observations are evidence, risks are deviations, and findings are controls. A group of equal
findings is one observation; its subjects are counted, and the first ones named.
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Scope
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.model import ControlInfo, Status
from auditor.findings.rollup import ControlRollup, FindingGroup, Rollup, merge_values, roll_up
from auditor.findings.run import Run
from auditor.report import waiver_wording, wording
from auditor.report.display import Object, json_text, printable, shorten
from auditor.report.group_wording import (
    fixes,
    group_outcome,
    name,
    sentence,
    summary,
    where,
)
from auditor.report.interface import Format, FormatError, Options

VERSION = "1.1.3"
NAMESPACE = "https://zoom-privacy-auditor.invalid/ns/oscal"
"""Namespace of properties that OSCAL does not define. An identifier, not a location."""
MOST_SUBJECTS = 100
"""Named scopes per observation; a property counts all."""

_IDS = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9_.-]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~$])")

_SATISFIED = frozenset({Status.PASS, Status.ATTESTED, Status.NOT_APPLICABLE})
_SEEN = frozenset({Status.PASS, Status.ATTESTED})


class OscalFormat(Format):
    """One result; a control is satisfied only if there is evidence and all of it is compliant.

    Controls without a stored verdict have no finding.
    """

    name = "oscal"
    suffix = ".oscal.json"
    media_type = "application/json"
    order = 11
    shows_passes = True

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`, one observation, risk or finding per line.

        Raises:
            FormatError: the run assessed no control, which OSCAL cannot represent.
        """
        if not run.controls:
            raise FormatError(
                "This run assessed no control, and OSCAL has no results without one. "
                "Choose another format."
            )
        left_out = () if options.include_passes else (Status.PASS,)
        rollup = roll_up(run, names=MOST_SUBJECTS, worst=0)
        groups = merge_values(rollup.groups, MOST_SUBJECTS, *left_out)
        for piece in _pieces(run, rollup, groups, _Ids(run.info.id)):
            out.write(piece.encode("utf-8"))


class _Ids:
    """Identifiers that are stable for a run and unique to it."""

    def __init__(self, run: str) -> None:
        self._run = run

    def __call__(self, *parts: str) -> str:
        text = "\x1f".join((self._run, *parts)).encode("utf-8", "replace").decode()
        return str(uuid.uuid5(_IDS, text))


def _pieces(run: Run, rollup: Rollup, groups: Sequence[FindingGroup], ids: _Ids) -> Iterator[str]:
    facts: Object = {
        "uuid": ids("document"),
        "metadata": _metadata(run, ids),
        "import-ap": {"href": f"#{ids('baseline')}"},
    }
    yield '{"assessment-results": {\n'
    for key, value in facts.items():
        yield f' "{key}": {json_text(value)},\n'
    yield f' "results": [{{{json_text(_result(run, ids))[1:-1]}'
    risks = [group for group in groups if _is_risk(group)]
    yield from _json_list("observations", (_observation(run, c, ids) for c in groups))
    yield from _json_list("risks", (_risk(run, c, ids) for c in risks))
    yield from _json_list("findings", _findings(rollup, groups, ids))
    yield f'}}],\n "back-matter": {json_text(_back_matter(run, ids))}\n}}}}\n'


def _json_list(key: str, items: Iterable[Object]) -> Iterator[str]:
    """A list, one item per line; OSCAL does not allow empty lists."""
    separator = f',\n  "{key}": [\n   '
    end = ""
    for item in items:
        yield separator + json_text(item)
        separator, end = ",\n   ", "]"
    yield end


def _metadata(run: Run, ids: _Ids) -> Object:
    return {
        "title": f"Privacy settings of Zoom account {printable(run.info.account_id)}",
        "last-modified": format_rfc3339(run.info.finished_at),
        "version": _value(run.info.id),
        "oscal-version": VERSION,
        "parties": [
            {"uuid": ids("tool"), "type": "organization", "name": "zoom-privacy-auditor"},
        ],
    }


def _simulated(run: Run) -> list[str]:
    warning = wording.simulated(run)
    return [warning] if warning else []


def _result(run: Run, ids: _Ids) -> Object:
    info, s = run.info, run.summary
    counts = {
        **{f"checks-{status}": s.by_status.get(status, 0) for status in Status},
        **{f"deviations-{severity}": count for severity, count in sorted(s.by_severity.items())},
        **{f"deviations-at-{level}": count for level, count in sorted(s.by_level.items())},
        **{f"scopes-{level}": count for level, count in sorted(s.coverage.items())},
    }
    facts = {
        "run": info.id,
        "account": info.account_id,
        "baseline": f"{info.baseline.id} {info.baseline.version}",
        "baseline-digest": info.baseline.digest,
        "evidence-digest": info.evidence_digest,
        "tool-version": run.tool_version,
        "depth": info.depth,
        "complete": "yes" if info.complete else "no",
        "simulated": "yes" if info.simulated else "no",
        "exit-code": str(info.exit_code),
        **{key: str(count) for key, count in counts.items()},
    }
    return {
        "uuid": ids("result"),
        "title": f"Run {printable(info.id)} against baseline {printable(info.baseline.id)}",
        "description": _markup(
            " ".join([*_simulated(run), wording.checked(run), *wording.not_covered(run)])
        ),
        "start": format_rfc3339(info.started_at),
        "end": format_rfc3339(info.finished_at),
        "props": _props(facts),
        "reviewed-controls": {"control-selections": [_reviewed(run)]},
        **_remarks(run),
    }


def _remarks(run: Run) -> Object:
    """Problems in the organisation file, as Markdown; OSCAL does not allow empty remarks."""
    lines = [*waiver_wording.stale_lines(run), *waiver_wording.lookalike_lines(run)]
    return {"remarks": "\n".join(f"- {_markup(line)}" for line in lines)} if lines else {}


def _reviewed(run: Run) -> Object:
    control_ids = sorted({_token(control) for control in run.controls})
    return {"include-controls": [{"control-id": control} for control in control_ids]}


def _observation(run: Run, group: FindingGroup, ids: _Ids) -> Object:
    verdict = group.verdict
    description = " ".join(
        filter(None, [f"{where(group)}.", summary(group), sentence(verdict.detail)])
    )
    facts = {
        "status": verdict.status,
        "severity": verdict.severity,
        "control": verdict.control,
        "kind": verdict.kind,
        "level": group.level,
        "count": str(group.count),
        "setting": verdict.setting,
        "cause": verdict.cause or "",
        "source": verdict.source,
        "locked": wording.lock_state(verdict),
        "changeable-by": wording.changeable(verdict, group.level),
        "waiver": waiver_wording.accepted_by(verdict) if verdict.waiver else "",
        "blind-spot": waiver_wording.accepted_by(verdict) if verdict.blind_spot else "",
        "fingerprint": group.fingerprint,
    }
    observation: Object = {
        "uuid": ids("observation", group.fingerprint),
        "title": _line(f"{verdict.control}: {wording.outcome(verdict.status, group.count)}"),
        "description": _markup(description),
        "props": _props(facts),
        "methods": ["EXAMINE"],
        "types": ["finding" if _is_risk(group) else "control-objective"],
        "origins": [_origin(ids)],
    }
    if group.members:
        observation["subjects"] = [_subject(scope, ids) for scope in group.scopes]
    observation["relevant-evidence"] = [
        {
            "href": f"#{ids('evidence')}",
            "description": _markup(f"{verdict.source or 'no request'}: {group_outcome(group)}"),
        }
    ]
    observation["collected"] = group.observed_to or format_rfc3339(run.info.finished_at)
    return observation


def _subject(scope: Scope, ids: _Ids) -> Object:
    """A scope as a subject. Nothing else refers to its UUID; Zoom's id is a property."""
    return {
        "subject-uuid": ids("subject", scope.level, scope.id),
        "type": f"zoom-{scope.level}",
        "title": _line(name(scope)),
        "props": _props({"level": scope.level, "id": scope.id}),
    }


def _is_risk(group: FindingGroup) -> bool:
    return group.verdict.status in (Status.FAIL, Status.WAIVED)


def _risk(run: Run, group: FindingGroup, ids: _Ids) -> Object:
    info = _info(run, group)
    verdict = group.verdict
    waived = verdict.status is Status.WAIVED
    facet = {"name": "severity", "system": NAMESPACE, "value": verdict.severity}
    risk: Object = {
        "uuid": ids("risk", group.fingerprint),
        "title": _line(info.title),
        "description": _markup(f"{where(group)}. {summary(group)}"),
        "statement": _markup(info.why or info.title),
        "props": _props({"control": verdict.control, "count": str(group.count)}),
        "status": "deviation-approved" if waived else "open",
        "characterizations": [{"origin": _origin(ids), "facets": [dict(facet)]}],
    }
    if waived:
        risk["mitigating-factors"] = [
            {
                "uuid": ids("waiver", group.fingerprint),
                "description": _markup(waiver_wording.accepted_by(verdict) or "Waived."),
            }
        ]
    remedies = fixes(info.fix_portal, info.fix_api)
    if remedies:
        risk["remediations"] = [
            {
                "uuid": ids("remediation", heading, group.fingerprint),
                "lifecycle": "recommendation",
                "title": heading,
                "description": _markup(text),
            }
            for heading, text in remedies
        ]
    risk["related-observations"] = [{"observation-uuid": ids("observation", group.fingerprint)}]
    return risk


def _info(run: Run, group: FindingGroup) -> ControlInfo:
    verdict = group.verdict
    return run.controls.get(verdict.control) or ControlInfo(
        verdict.control, verdict.control, "", verdict.severity
    )


def _findings(rollup: Rollup, groups: Iterable[FindingGroup], ids: _Ids) -> Iterator[Object]:
    per_control: dict[str, list[FindingGroup]] = {}
    for group in groups:
        per_control.setdefault(group.verdict.control, []).append(group)
    for row in rollup.controls:
        if set(row.by_status) - {Status.NOT_APPLICABLE}:
            yield _finding(row, per_control.get(row.info.id, []), ids)


def _finding(row: ControlRollup, related: Sequence[FindingGroup], ids: _Ids) -> Object:
    """The finding of a control. Controls that apply nowhere have none."""
    info = row.info
    outcomes = [wording.outcome(status, count) for status, count in _ordered(row)]
    finding: Object = {
        "uuid": ids("finding", info.id),
        "title": _line(f"{info.id}: {info.title}"),
        "description": _markup(info.why or info.title),
        "props": [
            *_props({"severity": row.severity, "family": info.family}),
            *_mapped(info),
        ],
        "origins": [_origin(ids)],
        "target": {
            "type": "objective-id",
            "target-id": _token(info.id),
            "title": _line(info.title),
            "status": {**_state(row), "remarks": f"{', '.join(outcomes)}."},
        },
    }
    observations: list[JsonValue] = [
        {"observation-uuid": ids("observation", group.fingerprint)} for group in related
    ]
    risks: list[JsonValue] = [
        {"risk-uuid": ids("risk", group.fingerprint)} for group in related if _is_risk(group)
    ]
    if observations:
        finding["related-observations"] = observations
    if risks:
        finding["related-risks"] = risks
    return finding


def _mapped(info: ControlInfo) -> Iterator[Object]:
    """A property for each framework, with the references; its remarks say what they are about."""
    for key, references in info.mappings.items():
        if references:
            yield {
                "name": _token(key),
                "ns": NAMESPACE,
                "value": _value(", ".join(references)),
                "remarks": _markup("; ".join(wording.provisions(info, key))),
            }


def _state(row: ControlRollup) -> Object:
    """Unknown is never satisfied. Its reason is `other`; the reason of a deviation is `fail`."""
    statuses = {status for status, count in row.by_status.items() if count}
    if statuses & _SEEN and statuses <= _SATISFIED:
        return {"state": "satisfied", "reason": "pass"}
    failed = statuses & {Status.FAIL, Status.WAIVED}
    return {"state": "not-satisfied", "reason": "fail" if failed else "other"}


def _ordered(row: ControlRollup) -> list[tuple[Status, int]]:
    return [(status, row.by_status[status]) for status in Status if row.by_status.get(status)]


def _origin(ids: _Ids) -> Object:
    return {"actors": [{"type": "tool", "actor-uuid": ids("tool")}]}


def _back_matter(run: Run, ids: _Ids) -> Object:
    """The baseline and the evidence that the results refer to; neither is included."""
    baseline = run.info.baseline
    return {
        "resources": [
            {
                "uuid": ids("baseline"),
                "title": _line(f"Baseline {baseline.title or baseline.id}"),
                "description": "What was assessed, and what each control asks for.",
                "props": _props(
                    {"id": baseline.id, "version": baseline.version, "digest": baseline.digest}
                ),
            },
            {
                "uuid": ids("evidence"),
                "title": "Evidence of the run",
                "description": "Zoom's responses that were judged, as the auditor stored them.",
                "props": _props({"digest": run.info.evidence_digest}),
            },
        ]
    }


def _props(facts: Mapping[str, str]) -> list[JsonValue]:
    """Properties with a value; OSCAL does not allow empty ones."""
    values = ((key, _value(value)) for key, value in facts.items())
    return [{"name": key, "ns": NAMESPACE, "value": value} for key, value in values if value]


def _value(text: str) -> str:
    """`text` as the value of a property: one line, without surrounding space."""
    return shorten(text, 600).strip()


def _line(text: str) -> str:
    """`text` as a title: one line of Markdown, never empty."""
    return _markup(shorten(text, 300)).strip() or "-"


def _markup(text: str) -> str:
    """`text` as escaped Markdown."""
    return _MARKDOWN.sub(r"\\\1", printable(text))


def _token(text: str) -> str:
    """`text` as an OSCAL token, which begins with a letter or underscore."""
    token = _NOT_TOKEN.sub("_", text)
    return token if token[:1].isalpha() or token[:1] == "_" else f"_{token}"

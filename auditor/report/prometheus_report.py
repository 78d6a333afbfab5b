"""Prometheus metrics of a run, for the textfile collector of the node exporter.

Every sample has account and baseline as labels, so that runs of several can be combined.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

from auditor.evidence.scope import Level
from auditor.findings.model import BlindSpotState, ReferenceState, Severity, Status, WaiverState
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report.display import printable
from auditor.report.interface import Format, Options

_Samples = Iterable[tuple[Mapping[str, str], float]]


class PrometheusFormat(Format):
    """Gauges only: no value of a finished run increases further."""

    name = "prometheus"
    suffix = ".prom"
    media_type = "text/plain; version=0.0.4; charset=utf-8"
    order = 12
    names_people = False

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out`; the size does not depend on the size of the account."""
        del options  # none of them applies to metrics
        common = {"account": run.info.account_id, "baseline": run.info.baseline.id}
        for name, meaning, samples in _metrics(run):
            out.write(f"# HELP {name} {meaning}\n# TYPE {name} gauge\n".encode())
            for labels, value in samples:
                out.write(f"{name}{{{_labels({**common, **labels})}}} {_number(value)}\n".encode())


def _metrics(run: Run) -> Iterator[tuple[str, str, _Samples]]:
    """Name, help text and samples of each metric, with zeros for labels without a count."""
    info, summary, api = run.info, run.summary, run.api
    deviating = roll_up(run, names=0, worst=0).deviating
    levels = [level for level in Level if level in summary.coverage or level in summary.by_level]
    yield (
        "auditor_simulated",
        "1 if the evidence does not come from Zoom, else 0.",
        [({}, float(info.simulated))],
    )
    yield (
        "auditor_checks",
        "Checks of the run by outcome.",
        _by("status", {status: summary.by_status.get(status, 0) for status in Status}),
    )
    yield (
        "auditor_deviations",
        "Deviations by severity.",
        _by("severity", {severity: summary.by_severity.get(severity, 0) for severity in Severity}),
    )
    yield (
        "auditor_level_deviations",
        "Deviations by level.",
        _by("level", {level: summary.by_level.get(level, 0) for level in levels}),
    )
    yield (
        "auditor_unknown",
        "Checks that could not be judged, by the severity of their control.",
        _by(
            "severity",
            {severity: summary.unknown_by_severity.get(severity, 0) for severity in Severity},
        ),
    )
    yield (
        "auditor_deviating_scopes",
        "Accounts, groups, users and so on with at least one deviation, by level.",
        _by("level", {level: deviating.get(level, 0) for level in levels}),
    )
    yield (
        "auditor_scopes",
        "Accounts, groups, users and so on whose settings were requested, by level.",
        _by(
            "level",
            {level: summary.coverage[level] for level in Level if level in summary.coverage},
        ),
    )
    waiver_states = Counter(waiver.state for waiver in run.waivers)
    yield (
        "auditor_waivers",
        "Waivers by state.",
        _by("state", {summary: waiver_states[summary] for summary in WaiverState}),
    )
    blind_spot_states = Counter(blind_spot.state for blind_spot in run.blind_spots)
    yield (
        "auditor_blind_spots",
        "Accepted blind spots by state.",
        _by("state", {state: blind_spot_states[state] for state in BlindSpotState}),
    )
    reference_states = Counter(reference.state for reference in run.references)
    meaning = "Names and entries of the organisation file that do not match the account, by state."
    yield (
        "auditor_names",
        meaning,
        _by("state", {state: reference_states[state] for state in ReferenceState}),
    )
    if info.oldest_evidence_at is not None:
        yield (
            "auditor_oldest_evidence_timestamp_seconds",
            "When the oldest document was read that a verdict may rest on, Unix time.",
            [({}, info.oldest_evidence_at.timestamp())],
        )
    if info.carried is not None:
        yield (
            "auditor_carried_users",
            "Users whose documents were carried over from an earlier run.",
            [({}, info.carried.carried)],
        )
        yield (
            "auditor_carried_sample_differences",
            "Users in the sample of the carried whose settings had changed unnoticed.",
            [({}, info.carried.differences)],
        )
    yield "auditor_controls", "Controls that the run assessed.", [({}, len(run.controls))]
    yield (
        "auditor_run_complete",
        "1 if everything that was selected was read, else 0.",
        [({}, info.complete)],
    )
    yield "auditor_exit_code", "The exit code of the run; 0 means success.", [({}, info.exit_code)]
    finished, started = info.finished_at.timestamp(), info.started_at.timestamp()
    yield "auditor_run_timestamp_seconds", "When the run ended, Unix time.", [({}, finished)]
    yield "auditor_run_duration_seconds", "How long the run took.", [({}, finished - started)]
    yield "auditor_api_requests", "Requests to Zoom.", [({}, api.requests)]
    yield "auditor_api_retries", "Requests to Zoom that were repeated.", [({}, api.retries)]
    yield (
        "auditor_api_rate_limited",
        "Requests that Zoom rejected because of a rate limit (429).",
        [({}, api.rate_limited)],
    )
    yield "auditor_read_errors", "Kinds of reads that failed.", [({}, len(run.errors))]
    facts = {
        "run": info.id,
        "version": run.tool_version,
        "baseline_version": info.baseline.version,
        "depth": info.depth,
        "fail_on": info.fail_on,
    }
    yield "auditor_run_info", "Facts of the run; always 1.", [(facts, 1)]


def _by(label: str, counts: Mapping[str, int]) -> _Samples:
    return [({label: str(key)}, count) for key, count in counts.items()]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{key}="{_escaped(printable(value))}"' for key, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')

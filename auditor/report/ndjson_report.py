"""The NDJSON report: the JSON report as lines, for programs that read streams."""

from collections.abc import Iterator
from typing import BinaryIO

from auditor.findings.run import Run
from auditor.report.interface import Format, Options
from auditor.report.json_report import (
    SCHEMA_ID,
    Object,
    blind_spot_object,
    encode_json,
    error_object,
    finding_object,
    reference_object,
    reported_findings,
    run_object,
    summary_object,
    waiver_object,
)


class NdjsonFormat(Format):
    """One object per line: the run, its findings, errors and waivers, and an end.

    `type` is the kind of line; the other keys are those of the JSON report. A file whose last line
    is not of type `end` is truncated.
    """

    name = "ndjson"
    suffix = ".ndjson"
    media_type = "application/x-ndjson"
    order = 3

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` line by line; UTF-8."""
        for line in _lines(run, options):
            out.write(encode_json(line).encode("utf-8") + b"\n")


def _lines(run: Run, options: Options) -> Iterator[Object]:
    yield {
        "type": "run",
        "schema": SCHEMA_ID,
        "run": run_object(run),
        "summary": summary_object(run),
    }
    findings = 0
    for finding in reported_findings(run, options):
        findings += 1
        yield {"type": "finding", **finding_object(run, finding)}
    for error in run.errors:
        yield {"type": "error", **error_object(error)}
    for waiver in run.waivers:
        yield {"type": "waiver", **waiver_object(waiver)}
    for blind_spot in run.blind_spots:
        yield {"type": "blind_spot", **blind_spot_object(blind_spot)}
    for reference in run.references:
        yield {"type": "name", **reference_object(reference)}
    yield {
        "type": "end",
        "findings": findings,
        "errors": len(run.errors),
        "waivers": len(run.waivers),
        "blind_spots": len(run.blind_spots),
        "names": len(run.references),
    }

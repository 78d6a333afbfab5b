"""The HTML report: one file for people, without network, readable without JavaScript."""

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from typing import BinaryIO, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined

from auditor.evidence.scope import Scope
from auditor.findings.answers import answers
from auditor.findings.model import Severity, Status, Verdict
from auditor.findings.rollup import ControlRollup, Group, Rollup, roll_up
from auditor.findings.run import Run
from auditor.report import accepted, wording
from auditor.report import answers as said
from auditor.report.display import shorten
from auditor.report.interface import Options

MOST_NAMES = 1000
"""How many scopes of one group are named; the JSON report has them all."""
LONGEST = 160
"""Columns of a name or value before it is cut; the JSON report has it whole."""
LONGEST_SENTENCE = 600
"""The same for details and messages."""
_BAR = 1000
"""Width of the bar of outcomes, in its own units."""


class HtmlFormat:
    """One self-contained file; equal findings are one row."""

    name: ClassVar[str] = "html"
    suffix: ClassVar[str] = ".html"
    media_type: ClassVar[str] = "text/html; charset=utf-8"

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` as UTF-8, piece by piece."""
        rollup = roll_up(run, names=MOST_NAMES)
        template = _environment().get_template("report.html.j2")
        stream = template.stream(
            run=run,
            rollup=rollup,
            bar=_outcomes(run),
            passes=rollup.of_status(Status.PASS) if options.include_passes else (),
            csp=_policy(),
            checks=_checks,
            controls_of=_controls_of,
            new_settings=_by_setting(rollup.uncovered),
            deviations=_by_control(rollup.deviations, rollup),
            locks=_by_control(rollup.locks, rollup),
            waivers=sorted(run.waivers, key=accepted.waiver_order),
            answered=answers(run, run.questions) if run.questions else (),
            said=said,
            valued={group.verdict.control for group in rollup.deviations},
        )
        stream.enable_buffering(200)
        stream.dump(out, encoding="utf-8", errors="replace")


def _by_control(groups: Iterable[Group], rollup: Rollup) -> list[tuple[ControlRollup, list[Group]]]:
    """`groups` under their controls, in the order of `rollup.controls`."""
    under: dict[str, list[Group]] = {}
    for group in groups:
        under.setdefault(group.verdict.control, []).append(group)
    return [(c, under[c.info.id]) for c in rollup.controls if c.info.id in under]


def _by_setting(groups: Iterable[Group]) -> list[tuple[str, list[Group]]]:
    """`groups` under their settings, the worst first."""
    under: dict[str, list[Group]] = {}
    for group in groups:
        under.setdefault(group.verdict.setting, []).append(group)
    return list(under.items())


def _controls_of(groups: Iterable[Group]) -> int:
    return len({group.verdict.control for group in groups})


def _checks(groups: Iterable[Group]) -> int:
    return sum(group.count for group in groups)


def _outcomes(run: Run) -> list[tuple[Status, int, float, float]]:
    """How the checks came out, for the bar: status, count, start and width of its part."""
    counts = run.summary.by_status
    total = wording.judged(run)
    parts, start = [], 0.0
    for status in Status:
        count = counts.get(status, 0)
        if count:
            width = _BAR * count / total
            parts.append((status, count, round(start, 2), round(width, 2)))
            start += width
    return parts


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("auditor.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(plain=_plain, sentence=_sentence, number=wording.number)
    environment.globals.update(
        w=wording,
        Severity=Severity,
        Status=Status,
        scope_name=_scope_name,
        expected=_expected,
        accepted_by=accepted.accepted_by,
        waiver_told=accepted.waiver_told,
        observed=_observed,
    )
    return environment


@cache
def _policy() -> str:
    """The content security policy: nothing but this file's own style and script."""
    style, script = (_digest(name) for name in ("report.css", "report.js"))
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(template: str) -> str:
    text = _environment().get_template(template).render()
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _plain(text: str) -> str:
    return shorten(text, LONGEST)


def _sentence(text: str) -> str:
    return shorten(" ".join(text.split()), LONGEST_SENTENCE)


def _expected(verdict: Verdict) -> str:
    return wording.expectation(verdict, LONGEST)


def _observed(verdict: Verdict) -> str:
    return wording.observation(verdict, LONGEST)


def _scope_name(scope: Scope) -> str:
    return shorten(scope.label, LONGEST)

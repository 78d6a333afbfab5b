"""The plan as Markdown (a change request ready to paste) and as a page of HTML."""

import base64
import hashlib
from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from auditor.fix import wording
from auditor.fix.model import FixPlan
from auditor.fix.wording import StepRow
from auditor.report.display import shorten
from auditor.report.markdown_text import code, prose, table_head, table_row

LONGEST = 200
"""Columns of a name in a page."""

_STATUSES = {
    "fail": "Deviations",
    "unknown": "Unknown",
    "needs_decision": "Undecided",
    "waived": "Waived",
    "pass": "As expected",
}
ROLLBACK = (
    "auditor fix rollback undoes the automatic steps in reverse order, as far as nobody changed "
    "them since. It undoes no step that a person made."
)
PROOF = "auditor fix verify PLAN reads every setting of the plan again, also for manual steps."


def as_markdown(plan: FixPlan) -> str:
    """A change request: what, why, whom it affects, how it is proved and undone."""
    return "".join(_markdown(plan))


def _markdown(plan: FixPlan) -> Iterator[str]:
    yield "# Change request: bring the Zoom account to its baseline\n\n"
    yield f"{prose(wording.origin(plan))}\n\n"
    yield f"**{prose(wording.headline(plan))}**\n"
    for sentence in wording.summary(plan):
        yield f"\n{prose(sentence)}\n"
    yield "\n## Result\n\n"
    yield table_head(("Checks", "Now", "After the automatic steps", "After all steps"), 1)
    for label, *numbers in results(plan):
        yield table_row(label, *(f"{number:,}" for number in numbers))
    rows = wording.rows(plan.steps)
    for heading, is_manual in (("Automatic steps", False), ("Steps in the web portal", True)):
        found = [row for row in rows if row.is_manual is is_manual]
        if found:
            yield f"\n## {heading}\n\n"
            for row in found:
                yield _item(row)
    sections = wording.unfixable(plan)
    if sections:
        yield "\n## What stays open\n\n"
        for section in sections:
            why = "".join(f" {prose(each)}" for each in section.why)
            yield (
                f"- {prose(section.heading)}: {section.count:,} ({prose(section.controls)}){why}\n"
            )
    yield f"\n## Proof and way back\n\n{prose(PROOF)} {prose(ROLLBACK)}\n"


def _item(row: StepRow) -> str:
    lines = [f"- **{row.numbers}** {prose(row.title)}: closes {row.resolves:,}"]
    if row.request:
        lines.append(f"  - Request: {code(row.request)}")
    if row.is_manual:
        lines.append(f"  - Where: {prose(row.place or 'not known')}. {prose(row.reason)}")
    lines += [f"  - {prose(detail)}" for detail in row.details]
    if row.controls:
        lines.append(f"  - Controls: {prose(', '.join(row.controls))}")
    return "\n".join(lines) + "\n"


def results(plan: FixPlan) -> Iterator[tuple[str, int, int, int]]:
    """Numbers of checks now, after the automatic steps, and after all."""
    moments = (plan.current, plan.predicted, plan.predicted_with_manual)
    for status, label in _STATUSES.items():
        now, then, all_done = (moment.by_status.get(status, 0) for moment in moments)
        yield label, now, then, all_done


def as_html(plan: FixPlan) -> str:
    """The plan as one file for people, without network and scripts."""
    environment = Environment(
        loader=PackageLoader("auditor.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda text: shorten(text, LONGEST)
    style = environment.get_template("report.css").render()
    style += environment.get_template("plan.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rows = wording.rows(plan.steps)
    return environment.get_template("plan.html.j2").render(
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=style,
        origin=wording.origin(plan),
        headline=wording.headline(plan),
        sentences=list(wording.summary(plan)),
        results=list(results(plan)),
        parts=[
            (heading, [row for row in rows if row.is_manual is is_manual])
            for heading, is_manual in (
                ("Automatic steps", False),
                ("Steps for a person, in Zoom's web portal", True),
            )
        ],
        sections=wording.unfixable(plan),
        proof=PROOF,
        rollback=ROLLBACK,
    )

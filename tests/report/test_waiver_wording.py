"""Waivers in the reports for people: what they cover, their owners, and which need attention."""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.findings.model import (
    GOES_BEYOND,
    BlindSpotResult,
    BlindSpotState,
    FindingKind,
    Status,
    Verdict,
    WaiverResult,
    WaiverState,
    WaiverTerms,
)
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import FORMATS, waiver_wording
from tests.report import worlds
from tests.report.conftest import Render, rendered
from tests.report.golden_run import golden

ACTIVE = WaiverResult(
    control="RC-02",
    scope="group Studio",
    reason="They edit films.",
    owner="ciso@example.com",
    ticket="SEC-12",
    expires=date(2027, 1, 31),
    state=WaiverState.ACTIVE,
    matched=2,
)
STATES = {
    WaiverState.ACTIVE: "2 deviations",
    WaiverState.EXPIRING: "soon",
    WaiverState.EXPIRED: "EXPIRED",
    WaiverState.UNMATCHED: "MATCHES NOTHING",
    WaiverState.UNKNOWN: "could be judged",
}
"""What tells the text of a waiver in a state from that in any other."""
TERMS = WaiverTerms("They edit films.", "ciso@example.com", "SEC-12", date(2027, 1, 31))


def waived(**changes: Any) -> Verdict:
    return worlds.deviation("RC-02", Level.GROUP, status=Status.WAIVED, waiver=TERMS, **changes)


def run(*waivers: WaiverResult, verdicts: Sequence[Verdict] = ()) -> Run:
    base_run = worlds.run_of([worlds.judged(worlds.group(1, "Studio"), verdicts)])
    return replace(base_run, waivers=waivers)


def accepted_section(html: str) -> str:
    return html.partition('<section id="settled"')[2].partition("</section>")[0]


@pytest.mark.parametrize(("state", "words"), STATES.items())
def test_every_state_of_a_waiver_has_its_text_and_all_have_its_terms(
    state: WaiverState, words: str
) -> None:
    text = waiver_wording.waiver_text(replace(ACTIVE, state=state))
    assert words in text
    for term in ("RC-02", "Studio", ACTIVE.owner, "2027-01-31", ACTIVE.ticket, ACTIVE.reason):
        assert term in text, term


def test_a_waiver_of_a_part_names_it_and_one_that_is_outgrown_is_not_called_misspelt() -> None:
    part = replace(ACTIVE, setting="recording.local_recording", kind=FindingKind.LOCK)
    assert "RC-02, lock of recording.local_recording for group" in waiver_wording.waiver_text(part)
    outgrown = replace(ACTIVE, state=WaiverState.UNMATCHED, detail=GOES_BEYOND)
    text = waiver_wording.waiver_text(outgrown)
    assert GOES_BEYOND in text
    assert "misspelt" not in text


def test_only_a_waived_deviation_was_accepted_by_anybody() -> None:
    assert ACTIVE.owner in waiver_wording.accepted_by(waived())
    assert waiver_wording.accepted_by(worlds.deviation()) == ""


def test_what_fails_the_gate_comes_first_then_what_ends_soon() -> None:
    listed = [replace(ACTIVE, state=state) for state in STATES]
    ordered = [waiver.state for waiver in sorted(listed, key=waiver_wording.waiver_order)]
    assert ordered[:3] == ["expired", "unmatched", "expiring"]


@pytest.mark.parametrize("state", STATES)
def test_the_terminal_marks_the_waivers_that_need_care(render: Render, state: WaiverState) -> None:
    text = render(run(replace(ACTIVE, state=state)), "text", width=300)
    (line,) = [line for line in text.splitlines() if "RC-02 for group Studio" in line]
    assert line[0] == ("!" if state in ("expired", "unmatched", "expiring") else "-")
    assert STATES[state] in line


def test_the_terminal_counts_what_is_waived_and_what_is_attested(render: Render) -> None:
    lines = render(worlds.everything(), "text", width=200).splitlines()
    assert any(line.startswith("Waived: 1 rule") and "RC-02" in line for line in lines)
    assert any(line.startswith("Attested: 1 rule") and "TP-01" in line for line in lines)


def test_without_waivers_the_terminal_has_no_section_for_them(render: Render) -> None:
    assert "Accepted" not in render(worlds.clean(), "text")


def test_the_page_shows_a_waived_deviation_with_its_waiver(render: Render) -> None:
    section = accepted_section(render(run(ACTIVE, verdicts=[waived()]), "html"))
    assert waiver_wording.waiver_text(ACTIVE).split(": ", 1)[1] in section
    assert "<strong>" not in section


@pytest.mark.parametrize("state", [WaiverState.EXPIRED, WaiverState.UNMATCHED])
def test_the_page_says_that_a_stale_waiver_fails_the_gate(
    render: Render, state: WaiverState
) -> None:
    section = accepted_section(render(run(replace(ACTIVE, state=state)), "html"))
    (strong,) = re.findall("<strong>(.*?)</strong>", section, re.DOTALL)
    assert STATES[state] in strong
    assert "fails the gate" in section


def test_without_waivers_the_page_has_no_list_of_them(render: Render) -> None:
    assert "Waivers" not in accepted_section(render(worlds.clean(), "html"))


NAMED = {
    "text": "! override for group Büro Kölm",
    "markdown": "- **Needs care:** override for group Büro Kölm",
    "html": "<strong>override for group Büro Kölm",
    "json": "override for group Büro Kölm",
    "ndjson": "override for group Büro Kölm",
    "junit": "override for group Büro Kölm",
    "sarif": "override for group Büro Kölm",
    "ocsf": "override for group Büro Kölm",
    "oscal": "override for group Büro Kölm",
    "prometheus": 'state="unmatched"} 1',
}


@pytest.mark.parametrize(("format_", "words"), NAMED.items())
def test_every_report_shows_a_name_that_matches_nothing(
    render: Render, format_: str, words: str
) -> None:
    named = render(golden(), format_, width=400)
    assert words in named
    assert words not in render(replace(golden(), references=[]), format_, width=400)
    if format_ != "prometheus":
        assert "Did you mean" in named


def test_every_report_for_people_shows_a_lookalike_of_a_name(render: Render) -> None:
    for format_ in ("text", "markdown", "html", "junit", "sarif", "oscal"):
        assert "U+0435 CYRILLIC SMALL LETTER IE" in render(golden(), format_, width=400), format_


def test_hostile_words_of_a_waiver_stay_text(render: Render) -> None:
    for words in worlds.HOSTILE.values():
        waiver = replace(
            ACTIVE, reason=words, owner=words, ticket=words, scope=words, state=WaiverState.EXPIRED
        )
        verdict = replace(waived(), waiver=WaiverTerms(words, words, words, date.min))
        html = render(run(waiver, verdicts=[verdict]), "html")
        assert "<script>alert(1)" not in html
        text = render(run(waiver, verdicts=[verdict]), "text", width=80)
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= 400


def test_deviations_under_different_waivers_are_separate_rows() -> None:
    other = replace(waived(), waiver=replace(TERMS, owner="b@example.com"))
    groups = [worlds.group(1), worlds.group(2), worlds.group(3)]
    verdicts = [waived(), other, waived()]
    base_run = worlds.run_of([worlds.judged(g, [v]) for g, v in zip(groups, verdicts, strict=True)])
    counts = {g.verdict.waiver: g.count for g in roll_up(base_run).of_status(Status.WAIVED)}
    assert counts == {TERMS: 2, other.waiver: 1}


def test_the_page_names_the_override_and_who_can_change_the_value(render: Render) -> None:
    verdict = worlds.deviation(
        "RC-02",
        Level.GROUP,
        override="override for group Stu*",
        changeable="Any of 12 people in Studio, because no lock is on.",
    )
    html = render(run(verdicts=[verdict]), "html")
    assert "the override for group Stu*" in html
    assert "Any of 12 people in Studio, because no lock is on." in html
    both = [worlds.judged(worlds.group(at), [verdict]) for at in (1, 2)]
    assert "Any of 12 people in Studio" not in render(worlds.run_of(both), "html")


def test_what_a_parameter_allows_is_listed_in_the_reports_for_people(render: Render) -> None:
    allowed: dict[str, Any] = {"status": Status.NOT_APPLICABLE, "allowed_by": "ai_allowed_groups"}
    off = {**allowed, "kind": FindingKind.LOCK}
    base_run = worlds.run_of(
        [
            worlds.judged(worlds.account(), [worlds.deviation("AI-01", Level.ACCOUNT, **off)]),
            worlds.judged(
                worlds.group(1, "Studio"), [worlds.deviation("AI-01", Level.GROUP, **allowed)]
            ),
        ]
    )
    for name in ("text", "markdown", "html"):
        text = " ".join(render(base_run, name).replace("`", "").split())
        assert "On, allowed by ai_allowed_groups: Meeting summary with AI Companion" in text
        assert "Not locked at the account, allowed by ai_allowed_groups: AI-01" in text


APPROVED = replace(TERMS, approved_by="dpo@example.com")
BLIND = BlindSpotResult(
    label="RT-01 for level group",
    scope="level group",
    cause=Cause.ABSENT,
    reason=TERMS.reason,
    owner=TERMS.owner,
    ticket=TERMS.ticket,
    expires=TERMS.expires,
    state=BlindSpotState.ACTIVE,
    matched=1,
    approved_by="dpo@example.com",
)
NO_ENTRIES = ("prometheus", "pdf")
"""Formats of numbers alone, and one that takes seconds; HTML is its source."""


def everything_written(run_: Run, name: str) -> str:
    content = rendered(run_, name)
    if name != "xlsx":
        return content.decode("utf-8")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return "".join(book.read(each).decode("utf-8") for each in book.namelist())


@pytest.mark.parametrize("name", [each for each in FORMATS if each not in NO_ENTRIES])
@pytest.mark.parametrize("kind", ["waiver", "blind spot"])
def test_every_format_names_the_owner_and_who_approved(name: str, kind: str) -> None:
    base_run = run()
    if kind == "waiver":
        accepted = replace(ACTIVE, approved_by="dpo@example.com")
        base_run = run(accepted, verdicts=[replace(waived(), waiver=APPROVED)])
    else:
        unknown = worlds.deviation(
            "RC-02", Level.GROUP, status=Status.UNKNOWN, cause=Cause.ABSENT, blind_spot=APPROVED
        )
        base_run = replace(run(verdicts=[unknown]), blind_spots=[BLIND])
    written = everything_written(base_run, name)
    for term in ("ciso@example.com", "dpo@example.com", "SEC-12", "2027-01-31", "edit films"):
        assert term in written, term

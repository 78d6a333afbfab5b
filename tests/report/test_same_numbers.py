"""The numbers of every format equal those of the run."""

import csv
import io
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import junitparser
import openpyxl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from auditor.evidence.scope import Level
from auditor.findings.model import Severity, Status
from auditor.findings.rollup import FindingGroup, merge_values, roll_up
from auditor.findings.run import Run
from auditor.report import FORMATS, FormatError, wording
from tests.every_case import every_case
from tests.report.conftest import every_run, rendered, whole_world
from tests.report.golden_run import golden
from tests.report.test_html_report import Page

Row = tuple[str, str, str, int]
"""Status, severity, level, and how many findings."""


class Counts(NamedTuple):
    """Checks by status, and deviations by severity and by level."""

    by_status: Counter[str]
    by_severity: Counter[str]
    by_level: Counter[str]


def of_run(run: Run) -> Counts:
    summary = run.summary
    return Counts(
        Counter(summary.by_status), Counter(summary.by_severity), Counter(summary.by_level)
    )


def added_up(rows: Iterable[Row]) -> Counts:
    counts = Counts(Counter(), Counter(), Counter())
    for status, severity, level, number in rows:
        counts.by_status[status] += number
        if status == "fail":
            counts.by_severity[severity] += number
            counts.by_level[level] += number
    return counts


def from_json(run: Run) -> Iterator[Row]:
    for f in json.loads(rendered(run, "json"))["findings"]:
        yield f["status"], f["severity"], f["scope"]["level"], 1


def from_ndjson(run: Run) -> Iterator[Row]:
    for line in rendered(run, "ndjson").decode().split("\n")[:-1]:
        f = json.loads(line)
        if f["type"] == "finding":
            yield f["status"], f["severity"], f["scope"]["level"], 1


def from_csv(run: Run) -> Iterator[Row]:
    text = io.StringIO(rendered(run, "csv").decode("utf-8-sig"), newline="")
    for row in csv.DictReader(text):
        yield row["status"], row["severity"], row["level"], 1


def from_xlsx(run: Run) -> Iterator[Row]:
    for sheet in openpyxl.load_workbook(io.BytesIO(rendered(run, "xlsx"))):
        head, *rows = sheet.values
        if "Fingerprint" in head:
            at = [head.index(name) for name in ("JSON: status", "Severity", "JSON: level")]
            for row in rows:
                status, severity, level = (str(row[column]) for column in at)
                yield status, severity, level, 1


def from_html(run: Run) -> Iterator[Row]:
    for _, row in Page(rendered(run, "html", include_passes=True).decode()).tags:
        if row.get("class") == "row":
            for level, number in (part.split(":") for part in row["data-level"].split()):
                yield row["data-status"], row["data-severity"], level, int(number)


def from_sarif(run: Run) -> Iterator[Row]:
    report = json.loads(rendered(run, "sarif", include_passes=True))["runs"][0]
    for facts in (result["properties"] for result in report["results"]):
        yield facts["status"], facts["severity"], facts["level"], facts["count"]


def oscal_facts(item: dict[str, Any]) -> dict[str, str]:
    return {prop["name"]: prop["value"] for prop in item["props"]}


def oscal_result(run: Run) -> dict[str, Any]:
    (result,) = json.loads(rendered(run, "oscal"))["assessment-results"]["results"]
    return dict(result)


def from_oscal(run: Run) -> Iterator[Row]:
    result = oscal_result(run)
    for facts in map(oscal_facts, result.get("observations", [])):
        yield facts["status"], facts["severity"], facts["level"], int(facts["count"])
    risks = [oscal_facts(r) for r in result.get("risks", []) if r["status"] == "open"]
    assert sum(int(risk["count"]) for risk in risks) == run.summary.by_status.get(Status.FAIL, 0)


def from_ocsf(run: Run) -> Iterator[Row]:
    for line in rendered(run, "ocsf").splitlines():
        event = json.loads(line)
        if event["status_code"] != "stale":
            level = event["resources"][0]["data"]["level"]
            yield event["status_code"], event["severity"].lower(), level, 1


def from_rollup(run: Run) -> Iterator[Row]:
    """What text and Markdown list."""
    for group in merge_values(roll_up(run, names=3).groups, 3, Status.PASS):
        for level, count in group.by_level.items():
            yield group.verdict.status, group.verdict.severity, level, count


LISTED: dict[str, Callable[[Run], Iterator[Row]]] = {
    "json": from_json,
    "ndjson": from_ndjson,
    "csv": from_csv,
    "xlsx": from_xlsx,
    "html": from_html,
    "sarif": from_sarif,
    "oscal": from_oscal,
    "ocsf": from_ocsf,
    "rollup": from_rollup,
}
NOT_LISTED = {"html": {Status.NOT_APPLICABLE}}
"""Statuses beside passes that a format only counts."""


def summary_of_json(run: Run) -> Counts:
    summary = json.loads(rendered(run, "json"))["summary"]
    return Counts(*(Counter(summary[key]) for key in ("by_status", "by_severity", "by_level")))


def summary_of_ndjson(run: Run) -> Counts:
    summary = json.loads(rendered(run, "ndjson").partition(b"\n")[0])["summary"]
    return Counts(*(Counter(summary[key]) for key in ("by_status", "by_severity", "by_level")))


def summary_of_sarif(run: Run) -> Counts:
    summary = json.loads(rendered(run, "sarif"))["runs"][0]["properties"]
    return Counts(*(Counter(summary[key]) for key in ("by_status", "by_severity", "by_level")))


def summary_of_oscal(run: Run) -> Counts:
    facts = oscal_facts(oscal_result(run))
    return Counts(
        Counter({s: int(facts[f"checks-{s}"]) for s in Status}),
        Counter({s: int(facts.get(f"deviations-{s}", 0)) for s in Severity}),
        Counter(run.summary.by_level),  # its facts have no levels
    )


def summary_of_junit(run: Run) -> Counts:
    first, *families = junitparser.JUnitXml.fromstring(rendered(run, "junit"))
    counts = {item.name: item.value for item in first.properties()}
    for status in set(Status) - {Status.PASS}:
        listed = sum(
            int(item.value)
            for suite in families
            for item in suite.properties()
            if item.name == f"checks.{status}"
        )
        assert counts[f"checks.{status}"] == str(listed)
    return Counts(
        Counter({s: int(counts[f"checks.{s}"]) for s in Status}),
        Counter({s: int(counts[f"deviations.{s}"]) for s in Severity}),
        Counter({at: int(counts[f"deviations.{at}"]) for at in run.summary.by_level}),
    )


def summary_of_prometheus(run: Run) -> Counts:
    text = rendered(run, "prometheus").decode()
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}

    def counted(name: str, label: str) -> Counter[str]:
        return Counter({s.labels[label]: int(s.value) for s in families.get(name, [])})

    return Counts(
        counted("auditor_checks", "status"),
        counted("auditor_deviations", "severity"),
        counted("auditor_level_deviations", "level"),
    )


def summary_of_xlsx(run: Run) -> Counts:
    sheet = openpyxl.load_workbook(io.BytesIO(rendered(run, "xlsx")))["Summary"]
    rows = {row[0]: row[1:] for row in sheet.values if row[0]}
    words = wording.sentence_case
    return Counts(
        Counter({s: int(rows[words(wording.status_name(s))][0]) for s in Status}),
        Counter({s: int(rows[s][0]) for s in Severity}),
        Counter({at: int(rows[words(wording.level_name(at))][1]) for at in run.summary.by_level}),
    )


SUMMARIES = {
    "json": summary_of_json,
    "ndjson": summary_of_ndjson,
    "sarif": summary_of_sarif,
    "oscal": summary_of_oscal,
    "junit": summary_of_junit,
    "prometheus": summary_of_prometheus,
    "xlsx": summary_of_xlsx,
}


def scopes_by_format(run: Run) -> dict[str, dict[str, int]]:
    """What each format that counts scopes says of them."""
    metrics = text_string_to_metric_families(rendered(run, "prometheus").decode())
    first, *_ = junitparser.JUnitXml.fromstring(rendered(run, "junit"))
    found = {
        "json": json.loads(rendered(run, "json"))["summary"]["coverage"],
        "junit": prefixed("scopes.", {item.name: item.value for item in first.properties()}),
        "prometheus": {
            sample.labels["level"]: int(sample.value)
            for family in metrics
            for sample in family.samples
            if family.name == "auditor_scopes"
        },
    }
    if not cannot_be_said(run, "oscal"):
        found["oscal"] = prefixed("scopes-", oscal_facts(oscal_result(run)))
    return found


def prefixed(start: str, facts: dict[str, str]) -> dict[str, int]:
    return {name.removeprefix(start): int(n) for name, n in facts.items() if name.startswith(start)}


def cannot_be_said(run: Run, format_: str) -> bool:
    """OSCAL cannot say that nothing was assessed."""
    if format_ != "oscal" or run.controls:
        return False
    try:
        rendered(run, format_)
    except FormatError:
        return True
    return False


@every_case(
    "run, format_",
    lambda: {f"{name} as {f}": (run, f) for name, run in every_run().items() for f in LISTED},
)
def test_what_a_format_lists_is_what_the_run_counts(run: Run, format_: str) -> None:
    if cannot_be_said(run, format_):
        return
    expected, listed = of_run(run), added_up(LISTED[format_](run))
    for status in {Status.PASS, *NOT_LISTED.get(format_, ())}:
        del expected.by_status[status], listed.by_status[status]
    assert listed == expected


@every_case(
    "run, format_",
    lambda: {f"{name} as {f}": (run, f) for name, run in every_run().items() for f in SUMMARIES},
)
def test_the_summary_of_a_format_is_that_of_the_run(run: Run, format_: str) -> None:
    if not cannot_be_said(run, format_):
        assert SUMMARIES[format_](run) == of_run(run)


def test_the_numbers_of_every_format_are_compared() -> None:
    """Text and Markdown list the same roll-up; the PDF is printed from the HTML report."""
    compared = {*LISTED, *SUMMARIES, "text", "markdown", "pdf"}
    assert set(FORMATS) - compared == set(), "add them to LISTED or SUMMARIES"


@every_case("run", every_run)
def test_the_scopes_of_a_format_are_those_of_the_run(run: Run) -> None:
    for format_, counts in scopes_by_format(run).items():
        assert counts == run.summary.coverage, format_


@every_case(
    "run, format_",
    lambda: {
        f"{name} as {format_}": (run, format_)
        for name, run in every_run().items()
        for format_ in ("text", "markdown", "html", "xlsx")
    },
)
def test_every_report_for_people_opens_with_the_same_numbers(run: Run, format_: str) -> None:
    data = rendered(run, format_, **({"width": 400} if format_ == "text" else {}))
    if format_ == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(data))["Summary"]
        opening = f"{sheet['A1'].value} {sheet['A2'].value}"
    else:
        opening = data.decode()
    if not wording.judged(run):
        assert "Nothing was judged" in opening
        return
    broken = roll_up(run).deviating_controls
    match = re.search(r"([\d,]+) of ([\d,]+) rules (?:is|are) broken \(([^)]*)\)", opening)
    if not broken:
        assert not match
        return
    assert match, opening[:500]
    counts = [number(text) for text in match.groups()[:2]]
    assert counts == [len(broken), len(run.controls)]
    by_severity = Counter(str(control.severity) for control in broken)
    assert match[3] == ", ".join(f"{by_severity[s]} {s}" for s in Severity if by_severity[s])


class Said(NamedTuple):
    """The quantities that a report for people says more than once, each as often as it says it."""

    rules: set[str]
    """Broken rules of each severity, at the top: `1 critical, 2 high`."""
    unanswered: set[str]
    """Rules without an answer."""
    to_decide: set[str]
    to_look_up: set[str]
    waived: set[str]
    attested: set[str]
    places: dict[str, list[str]]
    """Rule to the numbers of places that break it, by level, and then those without an answer.
    Numbers that are zero are left out, because the text report drops columns of zeros."""


def said_by_rollup(run: Run) -> Said:
    rollup = roll_up(run)

    def rules(groups: Iterable[FindingGroup]) -> set[str]:
        return one(len({group.verdict.control for group in groups}))

    def one(count: int) -> set[str]:
        return {f"{count:,}"} if count else set()

    broken = Counter(control.severity for control in rollup.deviating_controls)
    return Said(
        {wording.severities(broken)} if broken else set(),
        one(sum(bool(control.unknown) for control in rollup.controls)),
        rules(rollup.decisions),
        one(rollup.attestations_due),
        rules(rollup.of_status(Status.WAIVED)),
        rules(rollup.of_status(Status.ATTESTED)),
        {
            control.info.id: not_zero(
                [
                    *(wording.deviating(control, level) for level in OWN_COLUMNS),
                    wording.deviating(control, *OTHERS),
                    wording.number(control.unknown),
                ]
            )
            for control in rollup.deviating_controls
        },
    )


def not_zero(numbers: Iterable[str]) -> list[str]:
    return [number for number in numbers if number not in ("0", "–")]


OWN_COLUMNS = (Level.ACCOUNT, Level.GROUP, Level.USER)
OTHERS = [level for level in Level if level not in OWN_COLUMNS]
ROW = {
    "text": r"(?m)^  {rule} .*?((?:  +[\d,–]+)+)$",
    "markdown": r"(?m)^\| \w+ \|[^|]*\| `{rule}` [^|]*((?:\| [\d,–]+ )+)\|$",
    "html": r'(?s)<small class="rule"><span class="id">{rule}</span>.*?</th>(.*?)</tr>',
    # the numbers stand in the first line of a row, the rule below the fact
    "pdf": r"(?m)[◆▲■●] \w+((?: +[\d,–]+)+)$(?:(?!^.*[◆▲■●])[\s\S])*?^ *{rule} ",
}
"""The row of a rule, and in it its numbers."""


def said_in(run: Run, format_: str) -> Said:
    source, text = read_by_people(run, format_)

    def found(*patterns: str) -> set[str]:
        return {number for pattern in patterns for number in re.findall(pattern, text)} - {"0"}

    def places(rule: str) -> list[str]:
        (row,) = re.findall(ROW[format_].format(rule=rule), source)
        return not_zero(re.findall(r"(?:^|[| >])([\d,–]+)(?=[| <]|$)", row))

    count = r"([\d,]+)"
    return Said(
        found(r"rules? (?:is|are) broken \(([^)]*)\)"),
        found(
            rf"{count} rules? (?:has|have) no answer for",
            rf"No answer:? {count} rules?\b",
            rf"{count} \? no answer of",
        ),
        found(
            rf"{count} rules? waits? for a decision",
            rf"{count} rules? waits? for [\d,]+ answers?\.",
            rf"To decide or look up {count} rules? and",
        ),
        found(
            rf"{count} questions? of [\d,]+ rules? must be looked up",
            rf"To look up by hand:?(?:\*\*)? {count} questions? of",
            rf"To decide or look up [\d,]+ rules? and {count} questions?",
        ),
        found(rf"Waived: {count} rules?"),
        found(rf"Attested: {count} rules?"),
        {control.info.id: places(control.info.id) for control in roll_up(run).deviating_controls},
    )


def read_by_people(run: Run, format_: str) -> tuple[str, str]:
    """The source of a report with its lines, and its words alone."""
    data = rendered(run, format_, **({"width": 400} if format_ == "text" else {}))
    if format_ == "pdf":
        command = ["pdftotext", "-layout", "-", "-"]
        data = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    source = data.decode()
    words = {"html": lambda: Page(source).words, "pdf": lambda: " ".join(source.split())}
    return source, words.get(format_, lambda: source)()


def said_in_workbook(run: Run) -> Said:
    """The sentences of the first sheet; everything else is counted in the sheets of findings."""
    book = openpyxl.load_workbook(io.BytesIO(rendered(run, "xlsx")))
    opening = " ".join(str(row[0]) for row in book["Summary"].values if row[0])

    def found(pattern: str) -> set[str]:
        return set(re.findall(pattern, opening))

    rows = [
        dict(zip(head, row, strict=True))
        for sheet in book
        for head, *lines in [list(sheet.values)]
        if "Fingerprint" in head
        for row in lines
    ]
    severities = {str(row["Rule"]): str(row["Severity"]) for row in rows_of(rows, "fail")}

    def rules(status: str) -> set[str]:
        count = len({row["Rule"] for row in rows_of(rows, status)})
        return {f"{count:,}"} if count else set()

    def places(rule: str) -> list[str]:
        broken = scopes_of(rows, "fail", rule)
        own = [str(sum(level == own for level, _ in broken)) for own in OWN_COLUMNS]
        others = str(sum(level in OTHERS for level, _ in broken))
        return not_zero([*own, others, str(len(scopes_of(rows, "unknown", rule)))])

    assert set(severities) == {control.info.id for control in roll_up(run).deviating_controls}
    counted = set(re.findall(r"([\d,]+) of [\d,]+ rules? (?:is|are) broken", opening))
    assert counted == ({f"{len(severities):,}"} if severities else set())
    assert rules("unknown") == found(r"([\d,]+) rules? (?:has|have) no answer for")
    return Said(
        found(r"rules? (?:is|are) broken \(([^)]*)\)"),
        rules("unknown"),
        found(r"([\d,]+) rules? waits? for a decision"),
        found(r"([\d,]+) questions? of [\d,]+ rules? must be looked up"),
        rules("waived"),
        rules("attested"),
        {rule: places(rule) for rule in severities},
    )


def rows_of(rows: Iterable[dict[str, Any]], status: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["JSON: status"] == status]


def scopes_of(rows: Iterable[dict[str, Any]], status: str, rule: str) -> set[tuple[str, str]]:
    """The places at which a rule has a finding of `status`."""
    found = (row for row in rows_of(rows, status) if row["Rule"] == rule)
    return {(row["JSON: level"], row["JSON: id"]) for row in found}


def runs_for_people() -> dict[str, Run]:
    return {"golden": golden(), "drifted": whole_world("drifted")}


@every_case(
    "run, format_",
    lambda: {
        f"{name} as {format_}": (run, format_)
        for name, run in runs_for_people().items()
        for format_ in ("text", "markdown", "html")
    },
)
def test_the_same_quantity_is_the_same_number_wherever_a_report_says_it(
    run: Run, format_: str
) -> None:
    assert said_in(run, format_) == said_by_rollup(run)


@every_case("run", runs_for_people)
def test_the_rows_of_the_workbook_add_up_to_the_numbers_of_the_other_reports(run: Run) -> None:
    assert said_in_workbook(run) == said_by_rollup(run)


@pytest.mark.needs("pdftotext")
def test_the_pdf_says_the_numbers_of_the_other_reports() -> None:
    assert said_in(golden(), "pdf") == said_by_rollup(golden())


@pytest.mark.slow
@pytest.mark.needs("pdftotext")
def test_the_pdf_of_a_whole_account_says_the_numbers_of_the_other_reports() -> None:
    run = whole_world("drifted")
    assert said_in(run, "pdf") == said_by_rollup(run)


@every_case("run", runs_for_people)
def test_the_places_of_a_level_are_as_many_wherever_a_report_says_it(run: Run) -> None:
    """In the sentence on what was checked, and in the table of the levels."""
    places = wording.checked(run).partition(" on ")[2].partition(".")[0]
    said = [part.split(" ", 1) for part in places.split(", ")]
    sheet = openpyxl.load_workbook(io.BytesIO(rendered(run, "xlsx")))["Summary"]
    of_workbook = {str(row[0]): row[1] for row in sheet.values if row[0]}
    words = Page(rendered(run, "html").decode()).words
    for count, what in said:
        level = next(
            level
            for level in Level
            if what in (wording.level_name(level), wording.level_name(level, 2))
        )
        name = wording.sentence_case(wording.level_name(level))
        assert of_workbook[name] == int(count), level
        assert f"{wording.level_name(level, 2)} {count} " in words, level


@every_case("run", runs_for_people)
def test_the_chart_of_the_topics_adds_up_to_the_table_of_the_rules(run: Run) -> None:
    source = rendered(run, "html").decode()
    bars = re.findall(
        r'bar-counts"[^>]*>([\d,]+) rules?, broken (once|[\d,]+)[^:]*: ([^<]+)', source
    )
    broken = roll_up(run).deviating_controls
    assert sum(number(rules) for rules, _, _ in bars) == len(broken)
    times = sum(1 if many == "once" else number(many) for _, many, _ in bars)
    by_level = [number(level.split()[-1]) for *_, levels in bars for level in levels.split(", ")]
    assert times == sum(by_level) == sum(sum(control.deviating.values()) for control in broken)


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_people_have_no_number_where_zoom_has_no_setting_per_person() -> None:
    run = whole_world("drifted")
    (control,) = [each for each in roll_up(run).controls if each.info.id == "AI-08"]
    assert wording.deviating(control, Level.USER) == "–"
    note = (
        "Zoom has no setting per person: what the account or a group sets applies to everybody in "
        "it, and a person cannot switch it off."
    )
    for format_ in ("text", "markdown", "html", "csv"):
        assert note in " ".join(rendered(run, format_).decode().split())
    sheet = openpyxl.load_workbook(io.BytesIO(rendered(run, "xlsx")))["Coverage"]
    assert any(note in row for row in sheet.values)


def test_the_people_of_a_rule_with_two_settings_add_up() -> None:
    run = whole_world("drifted")
    people: dict[str, set[str]] = {}
    for finding in run.findings():
        verdict = finding.verdict
        is_personal = finding.scope.level is Level.USER
        if is_personal and verdict.control == "AI-02" and verdict.status is Status.FAIL:
            people.setdefault(verdict.setting, set()).add(finding.scope.id)
    one, other = people.values()
    both = len(one & other)
    assert both
    for format_ in ("markdown", "html"):
        text = " ".join(rendered(run, format_).decode().split())
        said = re.search(
            r"(\d+) people: (\d+) for “[^”]+” and (\d+) for “[^”]+”\. (\d+) of them have both", text
        )
        assert said is not None
        assert [*map(int, said.groups())] == [len(one | other), len(one), len(other), both]

"""The HTML report: one file for people, without network, readable without JavaScript."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import BinaryIO

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.environment import TemplateStream

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.answers import Answer, answers, with_features
from auditor.findings.at_risk import PeopleAtRisk, at_risk
from auditor.findings.exposure import Exposure, GroupExposure, exposure
from auditor.findings.feature_rules import state_of
from auditor.findings.history_summary import HistorySummary, history
from auditor.findings.inventory import FeatureUse, Inventory
from auditor.findings.model import Layer, Severity, Status, Verdict
from auditor.findings.rollup import ControlRollup, FindingGroup, Rollup, roll_up
from auditor.findings.run import Run, fingerprint
from auditor.report import answers as answer_wording
from auditor.report import (
    by_framework,
    changes,
    charts,
    closing_wording,
    diff_output,
    fix_wording,
    glossary,
    headline,
    history_wording,
    inventory_wording,
    open_decisions,
    open_questions,
    summary_outline,
    summary_wording,
    unknown_features,
    waiver_wording,
    wording,
)
from auditor.report.display import shorten, value_text
from auditor.report.facts import ControlFacts, detail, key, name, names_in, of_verdict
from auditor.report.interface import Format, Options
from auditor.report.inventory_wording import USE, TopicSection
from auditor.report.people_index import PeopleIndex
from auditor.report.truncation import FormatLimits, fit

MOST_NAMES = 1000
"""Named scopes per row; the JSON report lists all."""
LIMITS = FormatLimits(names=MOST_NAMES, all_names=40_000, rows=1000, all_rows=2500)
"""Limits that keep a file below 15 MB and quick to open."""
MOST_CHOICES = 100
"""Groups in the filter: those with the most deviating members."""
MOST_POINTS = 60
"""Earlier runs in the trend."""
LONGEST = 160
"""Columns of a name or value before it is cut; the JSON report does not cut."""
LONGEST_SENTENCE = 600
"""The same for details and messages."""


_LONGEST_OPTION = 60
"""Columns of an option of the filter."""


class HtmlFormat(Format):
    """One self-contained file; equal findings are one row."""

    name = "html"
    suffix = ".html"
    media_type = "text/html; charset=utf-8"
    order = 2
    shows_passes = True
    shows_changes = True
    in_bundle = True

    def render(self, run: Run, out: BinaryIO, options: Options) -> None:
        """Write `run` to `out` as UTF-8, piece by piece."""
        stream = render_page(run, options, LIMITS, paged=False)
        stream.enable_buffering(200)
        for piece in stream:
            out.write(wording.with_sandbox(run, piece).encode("utf-8", "replace"))


def render_page(run: Run, options: Options, limits: FormatLimits, *, paged: bool) -> TemplateStream:
    """The page, in pieces. A `paged` page is for print: with contents, without controls."""
    rollup = roll_up(run, names=limits.names)
    exposed = exposure(run)
    found = run.inventory() if run.inventory else None
    rules = inventory_wording.rules_of(run)
    inventory = inventory_wording.sections(found, rules) if found else []
    others = inventory_wording.others_of_run(run) if options.annex and not options.summary else []
    run_history = history(run)

    def history_of(group: FindingGroup) -> HistorySummary | None:
        return run_history.of(group.verdict) if run_history else None

    closing = closing_wording.outline(run)
    passes = rollup.of_status(Status.PASS) if options.include_passes else ()
    deviations = _by_control(rollup.deviations, rollup)
    locks = _by_control(rollup.locks, rollup)
    new_settings = _by_setting(rollup.uncovered)
    relaxing = summary_wording.relaxing(rollup)
    unknowns = [_with_cause(rollup.unknowns, cause.cause) for cause in rollup.causes]
    accepted = rollup.of_status(Status.WAIVED, Status.ATTESTED)
    tables: list[Sequence[FindingGroup]] = [
        groups for _, groups in (*deviations, *locks, *new_settings)
    ]
    tables += [*unknowns, rollup.decisions, rollup.attestations, accepted, relaxing, passes]
    bounds = fit(tables, limits)
    index = PeopleIndex(run, tables, bounds)
    omitted = () if passes else (Status.PASS,)
    filter_options = _filter_options(
        run, [g for g in rollup.groups if g.verdict.status not in omitted], exposed
    )
    return (
        _environment()
        .get_template("report.html.j2")
        .stream(
            run=run,
            rollup=rollup,
            facts=ControlFacts(run, rollup),
            paged=paged,
            bounds=bounds,
            of_values={control.info.id for control, _ in deviations},
            index=index,
            group_cause=lambda group: summary_wording.group_cause(group, exposed),
            in_groups=lambda group: summary_wording.in_groups(group, exposed),
            same_as=lambda group: (
                summary_wording.same_as_group(exposed.same_as(group.verdict), group.count)
                if list(group.by_level) == [Level.USER]
                else ""
            ),
            index_numbers=lambda groups: [
                index_number
                for group in groups
                if (index_number := index.row(group.verdict)) is not None
            ],
            bar=charts.outcomes(run),
            families=charts.by_family(rollup),
            exposed=charts.by_group(exposed),
            members_known=any(group.members is not None for group in exposed.groups),
            closing=closing if not options.summary else None,
            closing_wording=closing_wording,
            by_framework=by_framework.outline(run, rollup),
            framework_head=by_framework.HEAD,
            glossary=glossary,
            trend=charts.trend(replace(run, trend=run.trend[-MOST_POINTS:])),
            passes=passes,
            csp=_content_security_policy(),
            inventory=_parts(inventory, on=True) if paged else inventory,
            annex_inventory=_parts(inventory, on=False),
            other_inventory=others,
            others_heading=inventory_wording.others_heading,
            see_others=inventory_wording.see_others,
            annex=options.annex,
            inventory_legend=inventory_wording.LEGEND,
            brief=summary_outline.outline(run, rollup) if options.summary else None,
            columns=_columns(run, rollup),
            fix_of=lambda control: fix_wording.in_admin_centre(
                control, rollup, exposed, closing, first_are_above=True
            ),
            checks=_checks,
            levels_of=_levels_of,
            controls_of=_controls_of,
            decisions=open_decisions.of_run(run, rollup),
            decisions_summary=open_decisions.summary,
            open_questions=open_questions,
            seen_of=open_questions.seen(inventory),
            unknown_features=unknown_features.of_sections(run, inventory),
            counted_features=unknown_features.counted,
            new_settings=new_settings,
            state_of=state_of,
            deviations=_by_severity(deviations),
            locks=_by_severity(locks),
            unknowns=unknowns,
            at_risk=at_risk(run),
            layers_of=lambda verdict: _layers_of(run, verdict),
            accepted=accepted,
            relaxing=relaxing,
            allowed=waiver_wording.allowed_lines(run, rollup),
            entries=waiver_wording.entry_lines(run),
            has_stale_entries=bool(waiver_wording.stale_entry_lines(run)),
            references=run.references,
            answers=_answers(run, found),
            answer_wording=answer_wording,
            controls_with_deviations={group.verdict.control for group in rollup.deviations},
            filter_options=filter_options,
            family=lambda control: _family(run, control),
            filter_numbers=lambda verdict: filter_options.numbers(exposed.groups_of(verdict)),
            changes=changes.outline(run, rollup),
            history_wording=history_wording,
            has_history=run_history is not None,
            history_of=history_of,
            any_changed=lambda groups: any(
                summary.changed for group in groups if (summary := history_of(group))
            ),
            fingerprint_of=lambda group: _fingerprint(run, group),
        )
    )


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """The options of the filter: only values that occur in a row."""

    families: Sequence[str]
    levels: Sequence[Level]
    controls: Sequence[str]
    groups: Sequence[GroupExposure]
    owners: Sequence[str]

    def numbers(self, group_ids: frozenset[str]) -> list[int]:
        """The indexes of these groups in `groups`."""
        return [index for index, group in enumerate(self.groups) if group.id in group_ids]


def _answers(run: Run, inventory: Inventory | None) -> list[Answer]:
    """The answers with the features that are on, as `auditor ask` gives them."""
    features = inventory.features if inventory else ()
    return [
        with_features(each, [f for f in features if f.topic == each.question.inventory])
        for each in (answers(run, run.questions) if run.questions else ())
    ]


def _parts(sections: Iterable[TopicSection], *, on: bool) -> list[TopicSection]:
    """The features that are on, or all others."""
    chosen = [
        replace(
            section,
            parts=tuple(part for part in section.parts if (part[0] == USE[FeatureUse.ON]) is on),
        )
        for section in sections
    ]
    return [section for section in chosen if section.parts]


_MOST_COLUMNS = 5
_OWN_COLUMNS = (Level.ACCOUNT, Level.GROUP, Level.USER)
"""Levels that are never counted together with others."""


def _columns(run: Run, rollup: Rollup) -> list[tuple[str, Sequence[Level], int]]:
    """The columns of the overview: name, levels, and how many scopes the run has of them.

    Only levels at which something deviates; many of them share a column, so that it fits on paper.
    What those of several levels are parts of has no number.
    """
    levels = sorted(rollup.deviating, key=lambda level: level.rank)
    alone = levels if len(levels) <= _MOST_COLUMNS else [x for x in levels if x in _OWN_COLUMNS]
    coverage = run.summary.coverage
    columns: list[tuple[str, Sequence[Level], int]] = [
        (wording.level_name(level, 2), (level,), coverage.get(level, 0)) for level in alone
    ]
    others = [level for level in levels if level not in alone]
    if others:
        columns.append(("others", others, 0))
    return columns


def _filter_options(run: Run, listed: Sequence[FindingGroup], exposed: Exposure) -> FilterOptions:
    controls = sorted({group.verdict.control for group in listed})
    owners = {group.verdict.waiver.owner for group in listed if group.verdict.waiver}
    return FilterOptions(
        families=sorted({_family(run, control) for control in controls} - {""}, key=str.casefold),
        levels=sorted(
            {level for group in listed for level in group.by_level}, key=lambda level: level.rank
        ),
        controls=controls,
        groups=exposed.groups[:MOST_CHOICES],
        owners=sorted(owners),
    )


def _fingerprint(run: Run, group: FindingGroup) -> str:
    """The fingerprint of a row with a single finding; empty for other rows."""
    if group.count > 1 or not group.scopes:
        return ""
    return fingerprint(run.info.account_id, group.verdict, group.scopes[0])


def _family(run: Run, control: str) -> str:
    info = run.controls.get(control)
    return info.family if info else ""


def _with_cause(groups: Iterable[FindingGroup], cause: Cause | None) -> list[FindingGroup]:
    return [group for group in groups if group.verdict.cause is cause]


def _by_severity(
    controls: Iterable[tuple[ControlRollup, list[FindingGroup]]],
) -> list[tuple[Severity, list[tuple[ControlRollup, list[FindingGroup]]]]]:
    """Controls with their rows, grouped by the worst severity of each; the order stays."""
    return [
        (severity, list(of_severity))
        for severity, of_severity in groupby(controls, lambda control: control[0].severity)
    ]


def _by_control(
    groups: Iterable[FindingGroup], rollup: Rollup
) -> list[tuple[ControlRollup, list[FindingGroup]]]:
    """`groups` by control, in the order of `rollup.controls`."""
    by_id: dict[str, list[FindingGroup]] = {}
    for group in groups:
        by_id.setdefault(group.verdict.control, []).append(group)
    return [
        (control, by_id[control.info.id]) for control in rollup.controls if control.info.id in by_id
    ]


def _by_setting(groups: Iterable[FindingGroup]) -> list[tuple[str, list[FindingGroup]]]:
    """`groups` by setting, the most severe first."""
    by_setting: dict[str, list[FindingGroup]] = {}
    for group in groups:
        by_setting.setdefault(group.verdict.setting, []).append(group)
    return list(by_setting.items())


def _controls_of(groups: Iterable[FindingGroup]) -> int:
    return len({group.verdict.control for group in groups})


def _levels_of(groups: Iterable[FindingGroup]) -> Counter[Level]:
    return sum((Counter(group.by_level) for group in groups), Counter())


def _checks(groups: Iterable[FindingGroup]) -> int:
    return sum(group.count for group in groups)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("auditor.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        rfc3339=_rfc3339, plain=_plain, sentence=_sentence, number=wording.number
    )
    environment.globals.update(
        w=wording,
        Severity=Severity,
        Status=Status,
        summary_wording=summary_wording,
        headline=headline,
        setting_name=_setting_name,
        names_in=names_in,
        setting_key=key,
        row_fact=of_verdict,
        raw=_raw,
        detail=_detail,
        shade=charts.shade,
        layer_value=_layer_value,
        coverage_text=charts.coverage_text,
        state_text=diff_output.state_text,
        changed_setting=diff_output.setting_name,
        setting_line=diff_output.setting_line,
        trend_size=(charts.TREND_WIDTH, charts.TREND_HEIGHT),
        scope_name=_scope_name,
        group_name=_group_name,
        expected=_expected,
        accepted_by=waiver_wording.accepted_by,
        reference_line=waiver_wording.reference_line,
        observed=_observed,
    )
    return environment


@cache
def _content_security_policy() -> str:
    """The content security policy: only the style and script of this file."""
    style, script = (_digest(name) for name in ("report.css", "report.js"))
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(template: str) -> str:
    text = _environment().get_template(template).render()
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _rfc3339(time: datetime | str) -> str:
    return shorten(time if isinstance(time, str) else format_rfc3339(time), LONGEST)


def _plain(text: str) -> str:
    return shorten(text, LONGEST)


def _sentence(text: str) -> str:
    return shorten(" ".join(text.split()), LONGEST_SENTENCE)


def _detail(verdict: Verdict) -> str:
    return _sentence(detail(verdict))


def _setting_name(setting: str) -> str:
    return shorten(name(setting), LONGEST)


def _raw(value: JsonValue) -> str:
    return value_text(value, LONGEST)


def _expected(verdict: Verdict) -> str:
    return wording.should_be(verdict, LONGEST)


def _observed(verdict: Verdict) -> str:
    return wording.observation(verdict, LONGEST)


def _layer_value(verdict: Verdict, layer: Layer, at_risk: Sequence[PeopleAtRisk]) -> str:
    return summary_wording.layer_value(verdict, layer, LONGEST, at_risk)


def _layers_of(run: Run, verdict: Verdict) -> Sequence[Layer]:
    info = run.controls.get(verdict.control)
    return summary_wording.layers_of(verdict, info.levels if info else ())


def _scope_name(scope: Scope) -> str:
    return shorten(scope.label, LONGEST)


def _group_name(name: str) -> str:
    return shorten(name, _LONGEST_OPTION)

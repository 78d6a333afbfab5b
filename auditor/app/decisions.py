"""Parameters of the organisation: which wait for a decision, and what the account shows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from auditor.app import forecast
from auditor.app.forecast import JudgedEvidence, NoEvidence
from auditor.app.organisation_files import Edit, EditableFile
from auditor.config.settings import Settings
from auditor.errors import nearest
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.findings.model import Verdict
from auditor.findings.run import Run
from auditor.plain_text import clipped
from auditor.policy.baseline import baselines, organisation, yaml_edit
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.catalogue import files, operators, yaml_source
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.parameters import Parameter, known_parameters
from auditor.policy.catalogue.words import setting_fact
from auditor.report import wording

_MOST_VALUES = 5
_MOST_CONTROLS = 6
_LONGEST = 60
_LONGEST_FACT = 200
_BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "y", "on"), True),
    **dict.fromkeys(("false", "no", "n", "off"), False),
}
_NOTHING = frozenset({"nobody", "none", "nothing"})
"""Words for an empty list, which is a decision: nobody is allowed."""
_TYPES: Mapping[str, str] = {
    "list": 'a list, separated by commas, or "nobody" or "none" for an empty one',
    "boolean": "true or false",
    "string": "a text",
    "integer": "a whole number",
    "duration": "a duration, such as 90d, 6m or 7y",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """A parameter, and what is known about it."""

    name: str
    meaning: str
    type: str
    """In words."""
    example: str
    values: tuple[str, ...]
    """The documented ones; empty for any."""
    in_force: str
    """Its value in the file or the baseline, as YAML; empty if it is not set."""
    controls: tuple[str, ...]
    """The controls of the baseline that depend on it."""
    observed: tuple[tuple[str, str], ...] = ()
    """The most frequent values in the account, and where they are: `US: 1 account, 6 groups`."""
    more: int = 0
    """Number of further values."""

    @property
    def is_set(self) -> bool:
        """True if there is nothing to decide."""
        return bool(self.in_force)

    @property
    def facts(self) -> tuple[str, ...]:
        """Its facts as sentences and rows, for people."""
        rows = [self.meaning, f"Write {self.type}. Example: {self.example}"]
        if self.values:
            rows.append(f"Possible: {', '.join(self.values)}")
        rows.append(f"In force: {self.in_force or 'nothing, it is not decided'}")
        rows += [f"In the account: {value}  ({where})" for value, where in self.observed]
        if self.more:
            rows.append(f"And {wording.number(self.more)} more values.")
        return tuple(rows)


@dataclass
class _Usage:
    controls: set[str] = field(default_factory=set)
    observed: dict[str, dict[str, Counter[Level]]] = field(default_factory=dict)
    """Value in words, to rule, to places: two rules may read the same value of one place."""


def due(
    settings: Settings,
    file: EditableFile,
    evidence: JudgedEvidence | NoEvidence,
    name: str | None = None,
) -> list[Decision]:
    """What waits for a decision, in a run or by the baseline alone; or the parameter `name`.

    Raises:
        PolicyError: a name does not exist, or the baseline is not valid.
    """
    if isinstance(evidence, JudgedEvidence):
        config = evidence.config
        of_run = evidence.run, config.baseline, config.organisation.parameters
        return described((name,), *of_run[1:], evidence.run) if name else waiting(*of_run)
    decisions = file.organisation
    catalogue = files.shipped_catalogue()
    baseline = organisation.baseline_of(file.path, decisions, catalogue) or baselines.load(
        settings.baseline, catalogue
    )
    parameters = decisions.parameters
    return described((name,), baseline, parameters) if name else unset(baseline, parameters)


def waiting(run: Run, baseline: Baseline, parameters: Mapping[str, JsonValue]) -> list[Decision]:
    """The parameters that findings of a run wait for, with what these findings observed."""
    names: dict[str, None] = {}
    for share in run.assessments.shares():
        for verdict in share.verdicts:
            if forecast.waits_for_parameter(verdict):
                names.setdefault(str((verdict.expected or {})["param"]))
    return described(names, baseline, parameters, run)


def unset(baseline: Baseline, parameters: Mapping[str, JsonValue]) -> list[Decision]:
    """The parameters that a baseline needs and nothing sets; without a run to look at."""
    names = {
        expectation.param: None
        for assessed in baseline.assessed.values()
        for expectation in assessed.expectations.values()
        if expectation.param is not None
        and not expectation.is_decided({**baseline.parameters, **parameters})
        and not operators.OPERATORS[expectation.op].without_param
    }
    return described(names, baseline, parameters)


def described(
    names: Iterable[str],
    baseline: Baseline,
    parameters: Mapping[str, JsonValue],
    run: Run | None = None,
) -> list[Decision]:
    """What is known about parameters.

    Raises:
        PolicyError: a name does not exist.
    """
    in_force = {**baseline.parameters, **parameters}
    usage = _usage(baseline, run)
    return [_described(parameter(name), in_force, usage.get(name, _Usage())) for name in names]


def parameter(name: str) -> Parameter:
    """The parameter called `name`.

    Raises:
        PolicyError: there is none.
    """
    known = known_parameters()
    if name not in known:
        raise PolicyError([f'No parameter is called "{name}".{nearest(name, known)}'])
    return known[name]


def parsed(name: str, text: str) -> JsonValue:
    """The value of a parameter that a person wrote: `US, CA`, `true`, `30`.

    Raises:
        PolicyError: it is not of the parameter's type; with an example.
    """
    known = parameter(name)
    text = text.strip()
    value: JsonValue = text
    if known.type == "list":
        if text.casefold() in _NOTHING and text not in (known.values or ()):
            text = "[]"
        is_yaml = text.startswith("[")
        value = yaml_source.parse(text.encode(), name).data if is_yaml else _items(text)
    elif known.type == "boolean":
        value = _BOOLEANS.get(text.casefold(), text)
    elif known.type == "integer":
        value = int(text) if text.lstrip("+-").isdecimal() else text
    if not known.accepts(value):
        message = f'write {_TYPES[known.type]}, not "{clipped(text)}". Example: {_example(known)}'
        raise PolicyError([f"{name}: {message}"])
    return value


def edit(file: EditableFile, choices: Mapping[str, JsonValue]) -> Edit:
    """The file with decisions, by parameter.

    Raises:
        PolicyError: a value is not valid, or the file cannot be edited.
    """
    meanings = {name: _meaning(parameter(name)) for name in choices}
    return file.with_parameters(choices, meanings)


def _items(text: str) -> list[JsonValue]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _usage(baseline: Baseline, run: Run | None) -> dict[str, _Usage]:
    usage: dict[str, _Usage] = {}
    for assessed in baseline.assessed.values():
        for expectation in assessed.expectations.values():
            for name in (expectation.param, expectation.groups_param, expectation.exceptions_param):
                if name is not None:
                    usage.setdefault(name, _Usage()).controls.add(assessed.control.id)
    for share in run.assessments.shares() if run is not None else ():
        for verdict in share.verdicts:
            of_verdict = (verdict.expected or {}).get("param")
            if isinstance(of_verdict, str) and verdict.observed is not None:
                seen = usage.setdefault(of_verdict, _Usage()).observed
                by_control = seen.setdefault(_in_words(verdict), {})
                by_control.setdefault(verdict.control, Counter())[share.level] += share.count
    return usage


def _in_words(verdict: Verdict) -> str:
    """What was observed: in the words that the answer takes, or as a fact if it takes others."""
    observed = verdict.observed
    if isinstance(observed, dict):
        return clipped(setting_fact(verdict.setting, observed), _LONGEST_FACT)
    items = observed if isinstance(observed, list) else [observed]
    texts = [item if isinstance(item, str) else yaml_edit.flow(item) for item in items]
    return clipped(", ".join(texts) or "none", _LONGEST)


def _described(known: Parameter, in_force: Mapping[str, JsonValue], usage: _Usage) -> Decision:
    value = in_force.get(known.name)
    places = {value: reduce(or_, rules.values()) for value, rules in usage.observed.items()}
    by_count = sorted(places.items(), key=lambda row: (-row[1].total(), row[0]))
    return Decision(
        name=known.name,
        meaning=_meaning(known),
        type=_TYPES[known.type],
        example=_example(known),
        values=tuple(map(str, known.values or ())),
        in_force="" if value is None else yaml_edit.flow(value),
        controls=tuple(sorted(usage.controls)),
        observed=tuple((value, wording.levels(at)) for value, at in by_count[:_MOST_VALUES]),
        more=max(0, len(by_count) - _MOST_VALUES),
    )


def _meaning(known: Parameter) -> str:
    return " ".join(known.meaning.split())


def _example(known: Parameter) -> str:
    shown = known.example
    return ", ".join(map(str, shown)) if isinstance(shown, list) else yaml_edit.flow(shown)

"""The first organisation file: what the account shows, and a file with what is decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auditor.app import acceptances, decisions
from auditor.app.audit import judge
from auditor.app.decisions import Decision
from auditor.app.forecast import JudgedEvidence
from auditor.app.inventory import FeatureSelection, inventory_of
from auditor.app.organisation_files import SCHEMA_LINE, Edit, EditableFile
from auditor.config.settings import Settings
from auditor.errors import nearest
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.findings.inventory import Feature, FeatureUse, is_on
from auditor.plain_text import pluralize
from auditor.policy.baseline import baselines, yaml_edit
from auditor.policy.catalogue import files
from auditor.policy.catalogue.errors import PolicyError
from auditor.zoom.limits import RateLabel, RatePlan

MOST_QUESTIONS = 10
_ABOUT_REFUSALS = 4
"""Which are never granted, why, who is responsible, and until when."""
_FIRST = (
    "ai_allowed_groups",
    "allowed_regions",
    "allowed_storage_countries",
    "recording_retention_days",
    "passive_agreement_is_consent",
    "max_ai_admins",
)
_MOST_GROUPS = 12
_MOST_FEATURES = 12


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request that Zoom refuses the app, and the controls that need it."""

    request: str
    controls: tuple[str, ...]


def overview(evidence: JudgedEvidence, settings: Settings) -> list[str]:
    """What the account has, for the person who decides: groups, AI that is on, limits."""
    found = inventory_of(evidence.snapshot, FeatureSelection(topics=("ai",)))
    sizes = {
        state.group.id: state.members for feature in found.features for state in feature.groups
    }
    groups = [
        f"{scope.label} ({pluralize(size, 'person', 'people')})"
        if (size := sizes.get(scope.id)) is not None
        else scope.label
        for scope in evidence.snapshot.scopes(Level.GROUP)
        if not scope.is_placeholder
    ]
    on = [feature for feature in found.features if feature.use is FeatureUse.ON]
    lines = [f"Groups: {_listed(groups, _MOST_GROUPS)}."]
    names = [f"{each.title}{_where(each)}" for each in on]
    lines.append(f"AI that is on: {_listed(names, _MOST_FEATURES)}.")
    plan = RatePlan(settings.plan)
    name = "Pro" if plan is RatePlan.AUTO else plan.value.capitalize()
    rates = ", ".join(
        f"{plan.limits[label]:g} {label.value.replace('_', ' ')}" for label in list(RateLabel)[:3]
    )
    lines.append(
        f"Zoom does not say which plan an account has. Audits keep to the limits of {name} "
        f"({rates} requests a second); AUDITOR_PLAN or --plan names another one."
    )
    return lines


def baseline_names() -> list[str]:
    """The shipped baselines."""
    return baselines.names()


def check_baseline(name: str) -> None:
    """Check that there is such a baseline.

    Raises:
        BaselineNotFound: there is not, with the nearest name.
    """
    baselines.load(name, files.shipped_catalogue())


def to_decide(evidence: JudgedEvidence, file: EditableFile, baseline: str) -> list[Decision]:
    """What a baseline leaves to the organisation: the most important ones first.

    Raises:
        PolicyError: the baseline is not valid.
    """
    config = evidence.config_of(_with_baseline(file, baseline).organisation)
    run = judge(evidence.snapshot, config)
    rows = {row.name: row for row in decisions.waiting(run, config.baseline, {})}
    return sorted(rows.values(), key=lambda row: (row.name not in _FIRST, _rank(row.name)))


def most_decisions(evidence: JudgedEvidence) -> int:
    """The number of parameters that the conversation asks; `auditor decide` asks the others."""
    return MOST_QUESTIONS - 1 - (_ABOUT_REFUSALS if refused(evidence) else 0)


def refused(evidence: JudgedEvidence) -> list[RefusedRequest]:
    """The requests that Zoom refuses the app, because a scope or a privilege is missing."""
    rows, _ = acceptances.unknowns(evidence)
    return [
        RefusedRequest(row.request, tuple(sorted(row.controls)))
        for row in rows
        if row.request and row.cause is Cause.DENIED
    ]


def assignments(texts: Iterable[str]) -> dict[str, JsonValue]:
    """Decisions from `NAME=VALUE` texts.

    Raises:
        PolicyError: a parameter does not exist, or a value does not fit it.
    """
    found: dict[str, JsonValue] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise PolicyError([f"--set {text}: write NAME=VALUE, such as allowed_regions=US,CA."])
        found[name.strip()] = decisions.parsed(name.strip(), value)
    return found


def new_file(
    file: EditableFile,
    baseline: str,
    choices: Mapping[str, JsonValue],
    undecided: Sequence[Decision],
) -> Edit:
    """A first organisation file. What is not decided stands there as a comment.

    Raises:
        PolicyError: a value is not valid.
    """
    lines = [
        SCHEMA_LINE,
        "\n",
        *yaml_edit.commented("The baseline: a shipped one (auditor baseline list), or a path."),
        f"baseline: {yaml_edit.flow(baseline)}\n\n",
        *yaml_edit.commented(
            "What the baseline leaves to the organisation. Lines behind a # are not decided: "
            "auditor decide asks for them."
        ),
        "parameters:\n",
    ]
    for name, value in choices.items():
        meaning = " ".join(decisions.parameter(name).meaning.split())
        lines += [*yaml_edit.commented(meaning, 2), f"  {name}: {yaml_edit.flow(value)}\n"]
    for row in undecided:
        example = yaml_edit.flow(decisions.parsed(row.name, row.example))
        lines += [*yaml_edit.commented(row.meaning, 2), f"  # {row.name}: {example}\n"]
    return file.with_text("".join(lines))


def with_blind_spots(
    evidence: JudgedEvidence,
    file: EditableFile,
    first: Edit,
    requests: Sequence[str],
    terms: Mapping[str, str],
) -> Edit:
    """`first` with a blind spot for each request that is never going to be granted.

    Raises:
        PolicyError: Zoom does not refuse one of them.
    """
    rows, _ = acceptances.unknowns(evidence)
    by_request = {row.request: row for row in rows if row.request}
    for request in requests:
        if request not in by_request:
            hint = nearest(request, by_request)
            others = ", ".join(by_request) or "none"
            raise PolicyError([f"{request}: not refused.{hint} Refused requests: {others}."])
    chosen = [by_request[request] for request in requests]
    text = first.text
    for entry in acceptances.blind_spots(evidence, chosen, {}, acceptances.Part(), dict(terms)):
        text = yaml_edit.append_entry(text, "blind_spots", entry, str(file.path))
    return file.with_text(text)


def _with_baseline(file: EditableFile, baseline: str) -> Edit:
    return file.with_text(f"baseline: {yaml_edit.flow(baseline)}\n")


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST)), name


def _where(feature: Feature) -> str:
    groups = sum(is_on(each.state.value) for each in feature.groups)
    parts = [
        *["the account"] * is_on(feature.account.value),
        *[pluralize(groups, "group")] * (groups > 0),
        *[pluralize(feature.people.on, "person", "people")] * (feature.people.on > 0),
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _listed(items: Sequence[str], most: int) -> str:
    rest = len(items) - most
    shown = [*items[:most], *([f"and {rest} more"] if rest > 0 else [])]
    return ", ".join(shown) or "none"

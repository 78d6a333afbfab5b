"""Explains the settings of one person, group or account: who decided, and who can change them."""

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.app.audit import EvaluationConfig
from auditor.app.inventory import AI_FEATURES, evidence_info
from auditor.app.runs import RunSource
from auditor.errors import AuditorError, ExitCode, nearest
from auditor.evidence import names
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.findings.inventory import ScopeExplanation
from auditor.plain_text import printable
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.catalogue import files
from auditor.policy.evaluation import explanation
from auditor.policy.evaluation.inventory import FeatureSelection, chosen_features
from auditor.policy.evaluation.setting_states import AccountEvidence
from auditor.policy.judging.assess import Assessor

LEVELS = (Level.ACCOUNT, Level.GROUP, Level.USER)
MOST_LISTED = 20
"""Scopes listed if a name fits several."""
ACCOUNT = "account"


class ScopeNotFound(AuditorError):
    """No person, group or account has this name."""

    exit_code = ExitCode.USAGE


class AmbiguousName(AuditorError):
    """Several people or groups have this name."""

    exit_code = ExitCode.USAGE


def explain_scope(
    source: RunSource, run: str, name: str, selection: FeatureSelection
) -> ScopeExplanation:
    """The settings of the person, group or account with a name, an address or an id.

    The run is named by its id, `latest`, or the path of a snapshot. Without a selection, the AI
    features are explained.

    Raises:
        AmbiguousName: several have this name.
        PolicyError: a topic or a setting does not exist.
        RunNotFound: there is no such run.
        ScopeNotFound: nobody has this name.
        SnapshotError: the run did not finish, or its file is not a snapshot.
        StoreError: the history cannot be read.
    """
    _, opened = source.opened_file(run)
    with opened as snapshot:
        return explain(snapshot, name, selection)


def explain(snapshot: Snapshot, name: str, selection: FeatureSelection) -> ScopeExplanation:
    """As `explain_scope`, from the evidence of a finished run."""
    catalogue = files.shipped_catalogue()
    info = evidence_info(snapshot)
    scope = find_scope(snapshot, name)
    config = EvaluationConfig.from_snapshot(snapshot, catalogue)
    evidence = AccountEvidence.of(snapshot, config.reads)
    if not (selection.topics or selection.settings or selection.everything):
        selection = AI_FEATURES
    rows = chosen_features(evidence, catalogue, selection)
    assessor = Assessor(
        config.baseline,
        {**config.baseline.parameters, **config.parameters},
        config.depth,
        config.overrides,
        WaiversAndAttestations(
            config.organisation.waivers, config.organisation.attestations, config.today
        ),
    )
    own = evidence.account if scope.level is Level.ACCOUNT else snapshot.evidence_of(scope)
    verdicts = explanation.verdicts_of(evidence, assessor, scope)
    groups = (
        evidence.group_evidence[group_id].scope
        if group_id in evidence.group_evidence
        else Scope(Level.GROUP, group_id)
        for group_id in scope.group_ids
    )
    chains = explanation.Explainer(evidence, own, verdicts).chains(rows)
    return ScopeExplanation(info, scope, tuple(groups), tuple(chains))


def find_scope(snapshot: Snapshot, name: str) -> Scope:
    """The account, group or person with a name, an address or an id.

    An id comes before an address, an address before a name.

    Raises:
        AmbiguousName: several have this name.
        ScopeNotFound: nobody has.
    """
    requested, folded = name.strip(), names.normalised(name)
    if folded == ACCOUNT:
        return snapshot.account().scope
    if not folded:
        raise ScopeNotFound("The name is empty. Give a name, an address or an id.")
    candidates = _Candidates(requested, folded)
    for level in LEVELS:
        for scope in snapshot.scopes(level):
            if not (scope.is_placeholder or scope.is_invited):
                candidates.add(scope)
    found = candidates.best()
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousName(_several(name, found))
    raise ScopeNotFound(_nobody(snapshot, name, candidates.partial))


@dataclass
class _Candidates:
    """The scopes that a name may mean, by how exactly it names them."""

    requested: str
    folded: str

    def __post_init__(self) -> None:
        self.by_id: list[Scope] = []
        self.by_address: list[Scope] = []
        self.by_name: list[Scope] = []
        self.partial: list[Scope] = []
        """The first scopes whose name or address contains the text."""

    def add(self, scope: Scope) -> None:
        """Sort a scope in."""
        address, own_name = names.normalised(scope.email), names.normalised(scope.name)
        if scope.id == self.requested:
            self.by_id.append(scope)
        elif address and address == self.folded:
            self.by_address.append(scope)
        elif own_name and own_name == self.folded:
            self.by_name.append(scope)
        elif len(self.partial) <= MOST_LISTED and self.folded in f"{own_name}\n{address}":
            self.partial.append(scope)

    def best(self) -> list[Scope]:
        """The scopes that are named most exactly."""
        return self.by_id or self.by_address or self.by_name


def _several(name: str, found: list[Scope]) -> str:
    rows = "".join(f"\n  {line}" for line in _listed(found))
    return (
        f'{len(found)} people or groups are called "{printable(name)}". Name one by its address or '
        f"id:{rows}"
    )


def _nobody(snapshot: Snapshot, name: str, partial: list[Scope]) -> str:
    text = f'No person or group of this run is called "{printable(name)}".'
    if partial:
        return f"{text} These contain it:" + "".join(f"\n  {line}" for line in _listed(partial))
    known = (word for level in LEVELS[1:] for s in snapshot.scopes(level) for word in _words(s))
    return f"{text}{printable(nearest(name, known))}"


def _words(scope: Scope) -> Iterator[str]:
    yield from (word for word in (scope.name, scope.email) if word)


def _listed(scopes: list[Scope]) -> Iterator[str]:
    for scope in scopes[:MOST_LISTED]:
        address = f" <{scope.email}>" if scope.email else ""
        yield printable(f"{scope.level.noun} {scope.name or scope.id}{address}, id {scope.id}")
    if len(scopes) > MOST_LISTED:
        yield "and more"

"""The policy that evidence is judged with: requested, configured, or recorded in a run."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from auditor.app.audit import EvaluationConfig
from auditor.app.choices import FailOn
from auditor.config import ConfigError
from auditor.config.settings import DEFAULT_BASELINE
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.policy.baseline import baselines, organisation
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.catalogue import files
from auditor.policy.catalogue.controls import Catalogue


@dataclass(frozen=True)
class Selection:
    """The requested baseline, organisation file, controls and thresholds."""

    baseline: str | None = None
    org: Path | None = None
    fail_on: FailOn | None = None
    only: list[str] = field(default_factory=list)
    topic: list[str] = field(default_factory=list)
    include_passes: bool = False
    allow_unknown: bool = False
    strict: bool = False
    common_org: Path | None = None
    """The organisation file of all accounts of a fleet, which `org` is laid over."""
    common_baseline: str | None = None
    """The baseline of accounts of a fleet of which neither `baseline` nor `org` names one."""

    def __post_init__(self) -> None:
        if self.baseline is not None and not self.baseline.strip():
            raise ConfigError("--baseline is empty. Name a baseline, or leave the option out.")

    def judgement(
        self, depth: Level, default_baseline: str, default_org: Path | None = None
    ) -> EvaluationConfig:
        """The selected catalogue, baseline and organisation file, otherwise the configured ones.

        Raises:
            PolicyError: a name does not exist or a file is invalid.
        """
        catalogue = files.shipped_catalogue()
        org, common = self.org or default_org, Organisation()
        if self.common_org:
            common = organisation.load(self.common_org, catalogue)
        chosen = organisation.load(org, catalogue, lower=common) if org else common
        baseline = self._baseline(org, chosen, catalogue, default_baseline)
        judgement = EvaluationConfig(
            catalogue=chosen.extended(catalogue),
            baseline=chosen.assessed(baseline),
            organisation=chosen,
            depth=depth,
        )
        return self._with_selection(judgement)

    def _baseline(
        self,
        org: Path | None,
        chosen: Organisation,
        catalogue: Catalogue,
        default: str,
    ) -> Baseline:
        """The baseline that the nearest source names: the option, `org`, then the common ones."""
        if self.baseline:
            return baselines.load(self.baseline, catalogue)
        if org and organisation.contents(org).get("baseline"):
            own = organisation.baseline_of(org, chosen, catalogue)
        elif self.common_baseline:
            return baselines.load(self.common_baseline, catalogue)
        else:
            file = self.common_org or org
            own = organisation.baseline_of(file, chosen, catalogue) if file else None
        return own or baselines.load(default, catalogue)

    def rejudgement(self, snapshot: Snapshot, depth: Level | None = None) -> EvaluationConfig:
        """The config of a stored run, changed by what is requested.

        Raises:
            PolicyError: a name does not exist, a file is invalid, or the run was judged by a
                version that this one does not understand.
        """
        catalogue = files.shipped_catalogue()
        if self.baseline is not None and self.org is not None:
            recorded = Level(snapshot.meta("depth") or Level.USER)
            return self.judgement(depth or recorded, DEFAULT_BASELINE)
        stored = EvaluationConfig.from_snapshot(snapshot, catalogue)
        if self.baseline is not None:
            chosen_baseline = baselines.load(self.baseline, catalogue)
            with_own = stored.organisation.assessed(chosen_baseline)
            stored = replace(stored, baseline=with_own, selected=None)
        if self.org is not None:  # decisions made since the run apply as of today
            stored = with_organisation(stored, organisation.load(self.org, catalogue), self.org)
            stored = replace(stored, today=datetime.now(UTC).date())
        return self._with_selection(replace(stored, depth=depth or stored.depth))

    def _with_selection(self, judgement: EvaluationConfig) -> EvaluationConfig:
        selected = judgement.selected
        if self.only or self.topic or selected is None:
            selected = judgement.catalogue.select(self.only, self.topic)
        return replace(
            judgement,
            baseline=judgement.baseline.only(selected),
            selected=selected,
            fail_on=judgement.fail_on if self.fail_on is None else self.fail_on.severity,
            allow_unknown=self.allow_unknown or judgement.allow_unknown,
            strict=self.strict or judgement.strict,
            keep_passes=self.include_passes,
        )

    def recorded(self, snapshot: Snapshot, requested: EvaluationConfig) -> EvaluationConfig:
        """The config of a run that has just been read: a resumed run keeps its policy.

        Raises:
            PolicyError: another version started the run, in a form that is not understood.
        """
        recorded = EvaluationConfig.from_snapshot(snapshot, requested.catalogue)
        if recorded.record() == requested.record():
            return requested
        return replace(self, baseline=None, org=None).rejudgement(snapshot)


def with_organisation(
    recorded: EvaluationConfig, chosen: Organisation, path: Path
) -> EvaluationConfig:
    """The config of a stored run with the decisions of the organisation file at `path`.

    Raises:
        PolicyError: the baseline that they name is not valid.
    """
    catalogue = files.shipped_catalogue()
    file_baseline = organisation.baseline_of(path, chosen, catalogue)
    recorded_baseline = recorded.baseline.only(frozenset(catalogue.controls))
    return replace(
        recorded,
        catalogue=chosen.extended(catalogue),
        baseline=chosen.assessed(file_baseline or recorded_baseline),
        organisation=chosen,
        selected=recorded.selected_subset,
    )

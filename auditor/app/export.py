"""Export of a run: grouped by the references of a framework, under pseudonyms, or as a bundle."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.app.audit import EvaluationConfig, judge, metadata
from auditor.app.closing_steps import closing_steps_of
from auditor.app.inventory import AI_FEATURES, OTHER_FEATURES, inventory_of
from auditor.app.pseudonyms import NameIndex, Pseudonymizer, Pseudonyms, organisation
from auditor.app.signed_runs import bundle_signer
from auditor.config.settings import Settings
from auditor.evidence.export import copy_snapshot
from auditor.evidence.snapshot import Snapshot
from auditor.files.data_folder import TEMPORARY
from auditor.findings.frameworks import Framework
from auditor.findings.run import Run
from auditor.policy.baseline import serialization
from auditor.policy.catalogue import frameworks
from auditor.secrets import keys

if TYPE_CHECKING:  # cryptography is slow to load
    from auditor.bundle.writing import BundleContents


@dataclass(frozen=True)
class EvaluatedRun:
    """A run, with the evidence and the config it was judged with."""

    run: Run
    snapshot: Snapshot
    judgement: EvaluationConfig

    def bundle_contents(self) -> "BundleContents":
        """What a bundle of the run contains."""
        from auditor.bundle.writing import BundleContents

        return BundleContents(
            self.run,
            self.snapshot,
            serialization.dump(self.judgement.baseline, self.judgement.organisation),
            metadata(self.snapshot, self.judgement, pseudonymised=self.run.pseudonymised),
        )


@dataclass(frozen=True)
class ExportOptions:
    """How a run is exported."""

    framework: str | None = None
    """The id of a framework that reports group by."""
    key: bytes | None = None
    """The key of the pseudonyms; None keeps real names."""

    @classmethod
    def chosen(
        cls, framework: str | None, pseudonymise: bool, settings: Settings
    ) -> "ExportOptions":
        """The options of the command line.

        Raises:
            KeyUnavailable: there is no key for pseudonyms, or the signing key is invalid.
        """
        if settings.signing_key is not None:
            bundle_signer(settings)
        configured = settings.pseudonym_key
        return cls(
            framework,
            keys.pseudonym_key(configured.get_secret_value() if configured else None)
            if pseudonymise
            else None,
        )

    def framework_in(self, judgement: EvaluationConfig) -> Framework | None:
        """The framework that reports group by; None to group by control.

        Raises:
            PolicyError: neither the program nor the organisation's own controls know it.
        """
        named = self.framework
        return None if named is None else frameworks.named(named, judgement.catalogue)

    @contextmanager
    def evaluate(
        self, snapshot: Snapshot, judgement: EvaluationConfig, run: Run | None = None
    ) -> Iterator[EvaluatedRun]:
        """The run that `snapshot` and `judgement` give, or `run` if it is already judged.

        Under pseudonyms, a copy of the evidence is judged, which exists for the duration of the
        block.

        Raises:
            NothingSelected: the judgement assesses no control.
            PolicyError: there is no such framework.
            SnapshotError: the run did not finish, or the copy cannot be written.
        """
        framework = self.framework_in(judgement)
        with self.renamed(snapshot, judgement) as (shown, config):
            evaluated = judge(shown, config) if run is None or self.key is not None else run
            closing_steps = cache(partial(closing_steps_of, shown, config, evaluated))
            evaluated = replace(
                evaluated,
                framework=framework,
                inventory=cache(partial(inventory_of, shown, AI_FEATURES)),
                other_inventory=partial(inventory_of, shown, OTHER_FEATURES),
                closing_steps=closing_steps,
            )
            yield EvaluatedRun(evaluated, shown, config)

    @contextmanager
    def renamed(
        self, snapshot: Snapshot, judgement: EvaluationConfig
    ) -> Iterator[tuple[Snapshot, EvaluationConfig]]:
        """The evidence and its config as they are shown: unchanged, or a copy under pseudonyms.

        The copy exists for the duration of the block.

        Raises:
            SnapshotError: the copy cannot be written.
        """
        if self.key is None:
            yield snapshot, judgement
        else:
            with _under_pseudonyms(snapshot, judgement, self.key) as copy:
                yield copy


@contextmanager
def _under_pseudonyms(
    snapshot: Snapshot, judgement: EvaluationConfig, key: bytes
) -> Iterator[tuple[Snapshot, EvaluationConfig]]:
    """A copy of the evidence without real names, and the config to judge it with."""
    pseudonyms = Pseudonyms(key)
    with (
        tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder,
        Snapshot.create(Path(folder) / "snapshot.sqlite") as copy,
    ):
        with closing(NameIndex(snapshot, pseudonyms)) as people:
            names = Pseudonymizer(people, pseudonyms)
            pseudonymised = organisation(judgement.organisation, snapshot, names)
            renamed = replace(judgement, organisation=pseudonymised)
            facts = metadata(snapshot, renamed, pseudonymised=True)
            copy_snapshot(snapshot, copy, facts, names)
        yield copy, renamed

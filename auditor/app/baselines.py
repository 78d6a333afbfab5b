"""Baselines and organisation files: what they expect, where they conflict, and their faults."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from auditor.app import names
from auditor.app.runs import RunSource
from auditor.config import ConfigError
from auditor.config import settings as config
from auditor.config.sources import is_baseline_path
from auditor.errors import nearest
from auditor.evidence.scope import Level
from auditor.findings.model import ReferenceState
from auditor.plain_text import pluralize
from auditor.policy.baseline import baselines, organisation, schemas
from auditor.policy.baseline.baselines import Baseline, ControlExpectation
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.baseline.overrides import Overrides
from auditor.policy.baseline.references import Entries, LookedUp
from auditor.policy.catalogue import files, words, yaml_source
from auditor.policy.catalogue.controls import Catalogue, Check
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.operators import OPERATORS, Expectation
from auditor.policy.evaluation import comparison
from auditor.policy.evaluation.evaluate import not_reached
from auditor.report import waiver_wording, wording
from auditor.zoom.endpoints import ENDPOINTS


@dataclass(frozen=True, slots=True)
class BaselineSummary:
    """A shipped baseline in a list."""

    name: str
    version: str
    controls: int
    title: str


@dataclass(frozen=True, slots=True)
class ExpectationRow:
    """What a baseline or an override expects of a control."""

    id: str
    title: str
    origin: str
    severity: str
    lock: bool
    expected: tuple[tuple[str, str], ...]
    """What each setting should be, and its key; no key if a person attests."""


@dataclass(frozen=True, slots=True)
class BaselineContent:
    """A baseline in full, with the overrides of an organisation."""

    label: str
    title: str
    meaning: str
    who: str
    digest: str
    controls: tuple[ExpectationRow, ...]


@dataclass(frozen=True, slots=True)
class Conflicts:
    """Settings of which two baselines want opposite values."""

    ids: tuple[str, str]
    """Of the baselines."""
    rows: tuple[tuple[str, tuple[tuple[str, str], tuple[str, str]]], ...]
    """Each setting, with the control and its expectation in words in either baseline."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """The result of checking a file: sentences about it, or its problems."""

    sentences: tuple[str, ...] = ()
    problems: str = ""


@dataclass(frozen=True, slots=True)
class NameSource:
    """The stored run that names in checked files are looked up in."""

    say: Callable[[str], None]
    """Shows a sentence to the user."""
    run: str | None = None
    """By id, `latest` or file; None for the newest one, if any."""
    account: str | None = None
    is_sandbox: bool = False

    def look_up(self, entries: Entries) -> LookedUp:
        """Look up the names.

        Raises:
            AuditorError: the requested run cannot be opened.
        """
        account, sandbox = self.account, self.is_sandbox
        try:
            settings = config.load()
            if self.run is None:
                return names.in_newest_run(
                    settings, self.say, entries, account=account, sandbox=sandbox
                )
        except ConfigError as error:  # not a fault of the checked file
            if self.run is not None:
                raise
            return LookedUp(unchecked=str(error))
        source = RunSource.chosen(settings, self.say, account=account, sandbox=sandbox)
        _, snapshot = source.opened_file(self.run)
        with snapshot:
            return names.in_run(snapshot, entries)


def shipped() -> list[BaselineSummary]:
    """The baselines that come with the program."""
    catalogue = files.shipped_catalogue()
    loaded = [(name, baselines.load(name, catalogue)) for name in baselines.names()]
    return [
        BaselineSummary(name, each.info.version, len(each.assessed), each.info.title)
        for name, each in loaded
    ]


def content(name: str, org: Path | None) -> BaselineContent:
    """What a baseline expects of each control, and then what the overrides of `org` expect.

    Raises:
        PolicyError: a name does not exist or a file is not valid.
    """
    catalogue = files.shipped_catalogue()
    loaded = baselines.load(name, catalogue)
    org = org or config.load().org
    chosen = organisation.load(org, catalogue) if org is not None else Organisation()
    loaded, catalogue = chosen.assessed(loaded), chosen.extended(catalogue)
    expectations = (*loaded.assessed.values(), *_of_overrides(loaded, catalogue, chosen))
    return BaselineContent(
        f"{loaded.info.id} {loaded.info.version}",
        loaded.info.title,
        loaded.meaning,
        loaded.who,
        loaded.info.digest,
        tuple(_expected(expectation) for expectation in expectations),
    )


def conflicts(one: str, other: str) -> Conflicts:
    """Where two baselines want opposite values.

    Raises:
        PolicyError: a name does not exist or a file is not valid.
    """
    catalogue = files.shipped_catalogue()
    first, second = baselines.load(one, catalogue), baselines.load(other, catalogue)
    rows = []
    for conflict in comparison.conflicts(first, second):
        left, right = (
            (requirement.control, described(requirement.expectation))
            for requirement in (conflict.one, conflict.other)
        )
        rows.append((conflict.setting, (left, right)))
    return Conflicts((first.info.id, second.info.id), tuple(rows))


def schema(kind: Literal["baseline", "organisation"]) -> dict[str, Any]:
    """The JSON Schema of `baseline` or `organisation` files."""
    return schemas.schema(kind, files.shipped_catalogue())


SCHEMA_LINE = "yaml-language-server: $schema=baseline.schema.json"
"""A comment for editors; `auditor baseline schema` prints that schema."""


def extension(extends: str, path: Path) -> bytes:
    """The content of a new baseline for `path` that starts from another one.

    Raises:
        PolicyError: there is no such baseline.
    """
    loaded = baselines.load(extends, files.shipped_catalogue())
    first = next(iter(loaded.assessed))
    comment = (
        f"{SCHEMA_LINE}\n"
        f"A baseline of our own: {extends} with what we want otherwise.\n"
        "Name a control under `controls:` to change it; the rest stays as it is there.\n"
        f"For example:   {first}: {{expect: false, lock: true}}\n"
        f"Check it with: auditor baseline check {path}"
    )
    base = extends
    # The new file resolves `extends` relative to its own directory.
    if is_baseline_path(extends):
        base = os.path.relpath(Path(extends).resolve(), path.parent.resolve())
    file = {
        "id": path.stem,
        "version": "1.0",
        "title": f"Our own, from {extends}",
        "extends": base,
        "controls": {},
    }
    return yaml_source.dumped(file, comment)


def check(path: str, name_source: NameSource) -> CheckedFile:
    """Check a baseline or organisation file, and the names in it.

    Raises:
        AuditorError: the run to look names up in cannot be opened.
    """
    catalogue = files.shipped_catalogue()
    try:
        if Path(path).is_file() and organisation.is_one(Path(path)):
            sentences, entries = _check_organisation(path, catalogue)
        else:
            sentences, entries = _check_baseline(path, catalogue)
        return CheckedFile((*sentences, *_check_names(path, entries, name_source.look_up)))
    except PolicyError as error:
        return CheckedFile(problems=str(error))


def _check_names(
    path: str, entries: Entries, look_up: Callable[[Entries], LookedUp]
) -> Iterator[str]:
    """Sentences on the names in a file.

    Raises:
        PolicyError: some match nothing.
    """
    count = sum(1 for _ in entries.mentions())
    if not count:
        return
    looked_up = look_up(entries)
    if looked_up.unchecked:
        yield f"{path}: its names were not looked up. {looked_up.unchecked}"
        return
    of_run = f"run {looked_up.run}, which ended {wording.when(looked_up.finished_at)}"
    if looked_up.stale:
        lines = (
            f"{path}: {waiver_wording.reference_line(reference)}" for reference in looked_up.stale
        )
        raise PolicyError([*lines, f"{path}: looked up in {of_run}."])
    unknown = [
        reference for reference in looked_up.found if reference.state is ReferenceState.UNKNOWN
    ]
    yield f"{path}: {pluralize(count - len(unknown), 'name')} found in {of_run}."
    for reference in looked_up.found:
        warning = "" if reference in unknown else waiver_wording.WARNING
        yield f"{path}: {warning}{waiver_wording.reference_line(reference)}"


def _check_baseline(path: str, catalogue: Catalogue) -> tuple[list[str], Entries]:
    loaded = baselines.load(path, catalogue)
    entries = names.entries(Organisation(), loaded)
    checks = sum(len(each.expectations) for each in loaded.assessed.values())
    meeting_only = len(not_reached(loaded, Level.USER))
    sentence = f"{path}: valid. It assesses {len(loaded.assessed)} controls with {checks} settings"
    deeper = f"; {meeting_only} of them only at --depth meeting." if meeting_only else "."
    return [sentence + deeper], entries


def _check_organisation(path: str, catalogue: Catalogue) -> tuple[list[str], Entries]:
    organisation_file = organisation.load(Path(path), catalogue)
    entries = names.entries(
        organisation_file, organisation.baseline_of(Path(path), organisation_file, catalogue)
    )
    if misspelt := [f"{path}: {line}" for line in _misspelt_blind_spots(organisation_file)]:
        raise PolicyError(misspelt)
    parts = (
        (len(organisation_file.parameters), "parameter"),
        (len(organisation_file.overrides), "override"),
        (len(organisation_file.waivers), "waiver"),
        (len(organisation_file.attestations), "attestation"),
        (len(organisation_file.blind_spots), "blind spot"),
        (len(organisation_file.controls), "own control"),
    )
    counts = [pluralize(number, name) for number, name in parts if number]
    chosen = (
        f", for the baseline {organisation_file.baseline}" if organisation_file.baseline else ""
    )
    content = ", ".join(counts) or "nothing else"
    sentence = f"{path}: valid. An organisation file{chosen}: {content}."
    wide = [f"{path}: {waiver_wording.WARNING}{line}" for line in _wide_waivers(organisation_file)]
    return [sentence, *wide], entries


def _wide_waivers(organisation_file: Organisation) -> Iterator[str]:
    """Waivers that cover both the lock and the value of a setting: one of them may hide the
    other."""
    catalogue = organisation_file.extended(files.shipped_catalogue())
    groups_differ = bool(organisation_file.parameters.get("ai_allowed_groups"))
    for position, waiver in enumerate(organisation_file.waivers):
        if waiver.kind is None and any(
            not waiver.scope.levels.isdisjoint(_levels_with_lock(check, groups_differ))
            for check in catalogue.controls[waiver.control].checks
            if waiver.setting in (None, check.setting)
        ):
            yield (
                f"waivers.{position} ({waiver.label}) covers a lock and its value: a waiver of the "
                'lock hides a value that turns wrong. Add "kind: lock" or "kind: value", and '
                '"setting"; auditor waive writes both.'
            )


def _levels_with_lock(check: Check, groups_differ: bool) -> set[Level]:
    """The levels at which the value of a setting is judged, and may be its lock."""
    if check.lock is None:
        return set()
    lockable = set(check.lock_levels or check.levels)
    highest = min(lockable, key=lambda level: level.rank)
    judged = {highest} | ({Level.GROUP} & lockable if groups_differ else set())
    return judged.intersection(check.levels)


def _misspelt_blind_spots(organisation_file: Organisation) -> Iterator[str]:
    """Blind spots for a request that no audit makes, or a setting that no control reads."""
    requests = {endpoint.request for endpoint in ENDPOINTS.values()}
    catalogue = organisation_file.extended(files.shipped_catalogue())
    settings = {check.setting for control in catalogue for check in control.checks}
    for position, entry in enumerate(organisation_file.blind_spots):
        request = (entry.request or "").partition("?")[0]
        if request and request not in requests:
            hint = nearest(request, requests)
            yield f"blind_spots.{position}.request: no audit makes this request.{hint}"
        if entry.setting is not None and entry.setting not in settings:
            hint = nearest(entry.setting, settings)
            yield f"blind_spots.{position}.setting: no control reads this setting.{hint}"


def _of_overrides(
    loaded: Baseline, catalogue: Catalogue, chosen: Organisation
) -> Iterator[ControlExpectation]:
    """The expectations of an organisation's overrides, each control under the scopes it applies
    to."""
    overrides = Overrides(loaded, catalogue, chosen.overrides)
    for position, override in enumerate(chosen.overrides):
        wishes = overrides.expected_controls((position,))
        for control_id in override.controls:
            yield replace(wishes[control_id][0].assessed, origin=override.match.label)


def _expected(expectation: ControlExpectation) -> ExpectationRow:
    if expectation.attest is not None:
        expected: tuple[tuple[str, str], ...] = ((f"attested: {expectation.attest}", ""),)
    else:
        expected = tuple(
            (f"{words.setting_name(setting)}: {_in_words(setting, each)}", setting)
            for setting, each in expectation.expectations.items()
        )
    return ExpectationRow(
        expectation.control.id,
        expectation.control.title,
        expectation.origin,
        expectation.severity,
        expectation.lock,
        expected,
    )


def _in_words(setting: str, expectation: Expectation) -> str:
    """An expectation with the words for the values of its setting: `off`."""
    value = words.value_words(setting, expectation.value)
    return described(expectation, value)


def described(expectation: Expectation, value: str = "") -> str:
    """An expectation as text: `is one of the values: [1, 2]`; `value` are words for its value."""
    meaning = OPERATORS[expectation.op].meaning
    if expectation.param is not None:
        meaning += f" ({expectation.param})"
    elif not meaning:
        meaning = value or str(expectation.value).lower()
    elif expectation.value is not None:
        meaning += f": {value or expectation.value}"
    if expectation.group_exception_param is not None:
        meaning += f", except groups in {expectation.group_exception_param}"
    return meaning

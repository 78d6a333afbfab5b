"""The stored runs and their findings, listed; runs set aside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.app.runs import LATEST, RunSource
from auditor.errors import ExitCode, nearest
from auditor.findings.drift import FindingState, RunFacts
from auditor.findings.model import FindingHistory
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.files import shipped_catalogue
from auditor.store.errors import RunNotFound, StoreError
from auditor.store.history import StoredRun


class NothingStored(StoreError):
    """No run is stored yet."""

    exit_code = ExitCode.NOTHING_EVALUATED

    def __init__(self, source: RunSource) -> None:
        account = source.run_filter.account_id
        whose = f" of account {account}" if account else ""
        super().__init__(
            f"No run{whose} is stored in {source.runs}.{source.elsewhere()}",
            "Start with: auditor audit",
        )


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A stored run, in a list of them."""

    facts: RunFacts
    series: int
    """The number of its series: runs that can be compared have the same."""
    sequence: int
    """Position among all runs, in the order of storing."""
    selection: str
    """Digest of the requested controls; empty for all."""
    stopped: str
    """Why the run ended before everything was read; empty if it did not."""
    set_aside: str
    """Why the run is set aside; empty if it is not."""
    is_signed: bool
    is_accepted: bool
    is_from_future: bool
    """True if it ends later than now: a clock was wrong."""


def stored_runs_of(source: RunSource, account: str | None = None) -> list[ListedRun]:
    """The stored runs, in the order of storing; `account` is the one that was requested.

    Raises:
        RunNotFound: the requested account has none, but others have.
        StoreError: the history cannot be read.
    """
    history = source.runs.history
    entries = history.runs(source.run_filter)
    if account is not None and not entries:
        known = {entry.facts.account_id for entry in history.runs()}
        if known:
            raise RunNotFound(
                f"No run of account {account} is stored in {history}. There are runs of: "
                f"{', '.join(sorted(known))}."
            )
    accepted = history.acceptances()
    return [
        ListedRun(
            entry.facts,
            entry.series,
            entry.sequence,
            entry.selection,
            entry.stopped,
            entry.set_aside,
            is_signed=bool(entry.signature),
            is_accepted=entry.facts.id in accepted,
            is_from_future=entry.ends_in_future(source.now),
        )
        for entry in entries
    ]


def findings_of(
    source: RunSource, run: str, controls: Sequence[str], scope: str | None
) -> tuple[str, list[tuple[FindingState, FindingHistory]]]:
    """The id of a run and its findings with their histories: of these controls, and where the name
    or id of the scope contains a text.

    All controls if there are none, all scopes without a text. The most severe findings come first.

    Raises:
        NothingStored: no run counts as the newest.
        PolicyError: a control does not exist.
        RunNotFound: there is no such run.
        StoreError: the history cannot be read.
    """
    if run == LATEST and source.of_one_account().nothing_counts():
        raise NothingStored(source)
    stored, entry = source.entry(run)
    control_ids = {name.casefold() for name in controls}
    _refuse_controls(controls, entry)
    with stored.history.finding_states(entry) as states:
        chosen = [
            state
            for state in states
            if (not control_ids or state.control.casefold() in control_ids) and _is_in(state, scope)
        ]
    chosen.sort(
        key=lambda state: (state.severity.rank, state.control, state.scope.order, state.setting)
    )
    histories = stored.history.histories(entry, [state.fingerprint for state in chosen])
    return entry.facts.id, [(state, histories[state.fingerprint]) for state in chosen]


def _is_in(state: FindingState, text: str | None) -> bool:
    named = (state.scope.name, state.scope.id)
    return text is None or any(text.casefold() in name.casefold() for name in named)


def _refuse_controls(names: Iterable[str], entry: StoredRun) -> None:
    """Reject controls that do not exist and did not when the run was judged."""
    known = {*shipped_catalogue().controls, *entry.facts.controls}
    folded = {name.casefold() for name in known}
    problems = [
        f'--control: no control is called "{name}".{nearest(name, known)} List them with: auditor '
        "control list"
        for name in names
        if name.casefold() not in folded
    ]
    if problems:
        raise PolicyError(problems)


def set_aside(source: RunSource, run: str, reason: str) -> None:
    """Set a run aside; an empty reason takes it back.

    Raises:
        RunNotFound: there is no such run.
        StoreError: the history cannot be written.
    """
    if not source.runs.history.set_aside(source.own_run(run), " ".join(reason.split())):
        raise source.runs.not_found(run)

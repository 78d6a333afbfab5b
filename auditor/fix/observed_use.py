"""What the reports of a run say about the use of features that a step switches off.

Numbers are of the whole account: a plan does not tell who used what.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from auditor.evidence.read_plan import SUMMARIES, history
from auditor.evidence.reading import JsonValue
from auditor.evidence.view import Document, Outcome, View
from auditor.fix.titles import name_of
from auditor.plain_text import join_and, pluralize
from auditor.surfaces.model import DAYS, Rows, UnexpectedShape, number, rows_of
from auditor.surfaces.reports import REMOTE_SUPPORT


@dataclass(frozen=True)
class ReportedFeature:
    """A feature whose use reports tell."""

    name: str
    views: tuple[View, ...]
    """The reports, the best one first."""


FEATURES: Final[Mapping[str, ReportedFeature]] = {
    "in_meeting.meeting_summary_with_ai_companion": ReportedFeature(
        "AI meeting summaries", (history("meeting_summary"), SUMMARIES)
    ),
    "in_meeting.ai_companion_questions": ReportedFeature(
        "AI questions", (history("meeting_questions"),)
    ),
    "recording.smart_recording": ReportedFeature("smart recording", (history("smart_recording"),)),
    "recording.cloud_recording": ReportedFeature("cloud recording", (history("record_to_cloud"),)),
    "recording.local_recording": ReportedFeature(
        "local recording", (history("record_to_computer"),)
    ),
    "in_meeting.remote_support": ReportedFeature("remote support", (REMOTE_SUPPORT.view,)),
}
"""Setting, or the object with the settings of a feature, to the feature. Source:
`meeting_feature`, @zoom/rivet 0.4.0."""

_PERIOD: Final = f"In the {DAYS} days before the run"
_SHOWN: Final = 3
"""Settings that a sentence names."""


@dataclass(frozen=True)
class ObservedUse:
    """The reports of a run."""

    outcomes: Mapping[View, Outcome]
    """The documents of the account."""

    def sentences(self, settings: Iterable[str]) -> tuple[str, ...]:
        """The use of the features that these settings switch, or that it was not read."""
        found: dict[str, None] = {}
        unread: dict[str, None] = {}
        for setting in settings:
            feature = _feature(setting)
            sentence = "" if feature is None else self._reported_use(feature)
            if sentence:
                found[sentence] = None
            else:
                unread[name_of(setting) if feature is None else feature.name] = None
        if unread:
            names = [*unread][:_SHOWN]
            rest = len(unread) - len(names)
            names += [f"{rest} more"] if rest else []
            found[f"How much people use {join_and(names)} was not read."] = None
        return tuple(found)

    def _reported_use(self, feature: ReportedFeature) -> str:
        """What the first report that was read tells; empty if none was."""
        for view in feature.views:
            outcome = self.outcomes.get(view)
            if isinstance(outcome, Document) and isinstance(outcome.body, dict):
                sentence = _reported_use(feature.name, outcome.body)
                if sentence:
                    return sentence
        return ""


def _feature(setting: str) -> ReportedFeature | None:
    """The feature that a setting belongs to, if reports tell its use."""
    for path, feature in FEATURES.items():
        if setting == path or setting.startswith(f"{path}."):
            return feature
    return None


def _reported_use(name: str, body: Mapping[str, JsonValue]) -> str:
    """The use that a report tells; empty if it tells none, or is not as expected."""
    try:
        if "sessions" in body:
            return _of_sessions(name, rows_of(body, "sessions"))
        return "" if body.get("off") else _of_hosts(name, rows_of(body, "hosts"))
    except UnexpectedShape:
        return ""


def _of_sessions(name: str, rows: Rows) -> str:
    count = sum(number(row, "count") for row in rows)
    counted = pluralize(count, "session") if count else "no session"
    return f"{_PERIOD}, {counted} in the account used {name}."


def _of_hosts(name: str, rows: Rows) -> str:
    hosts = sum(1 for row in rows if number(row, "meetings"))
    meetings = sum(number(row, "meetings") for row in rows)
    unclear = sum(number(row, "unclear") for row in rows if "unclear" in row)
    if meetings:
        who = f"{pluralize(hosts, 'host')} in the account"
        sentence = f"{_PERIOD}, {who} used {name} in {pluralize(meetings, 'meeting')}."
    else:
        is_known = "is known to have used" if unclear else "used"
        sentence = f"{_PERIOD}, no meeting in the account {is_known} {name}."
    if unclear:
        sentence += f" Of {pluralize(unclear, 'further meeting')}, the report does not say."
    return sentence

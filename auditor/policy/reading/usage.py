"""Observed usage: reduces reports, lists and logs to one value for an expectation.

If a document does not show everything, the result is marked incomplete: the value can then deviate,
but never meet an expectation.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from auditor.evidence import operation_log, read_plan
from auditor.evidence.reading import Cause, JsonValue, Seen, Unseen
from auditor.evidence.view import SETTINGS, Document, Outcome, View
from auditor.policy.catalogue import name_patterns
from auditor.policy.catalogue.controls import Check
from auditor.policy.catalogue.names import of_group, plain_group
from auditor.policy.catalogue.operators import PASSIVE, Expectation
from auditor.policy.catalogue.values import casefold_set
from auditor.policy.reading.lookup import LookupResult, at_path

SHOWN = 10
"""The number of hosts, apps or log entries that a detail lists."""

ANSWERS = ("no disclaimer", "agree", "leave meeting")
"""The documented answers to the AI notice. Source: `aic_disclaimer`, @zoom/rivet 0.4.0."""

UNDOCUMENTED_ANSWER = "undocumented"
_ANSWER_WORDS = {
    "agree": "agreed",
    PASSIVE: "agreed passively",
    "decline attend": "declined to attend",
    "cancel": "cancelled",
    UNDOCUMENTED_ANSWER: "answered otherwise",
}
"""The documented answers to any notice. Source: `GET /report/disclaimer`, Meetings API, 2026-05."""
_OF_GUESTS = {"yes": " (guests)", "unknown": " (guest or not: unknown)"}

ADMIN_SCOPES = ".admin_scopes"
"""The suffix of settings on apps that can change settings."""

NO_GROUP = "(no group)"
"""Represents the groups of a host without groups."""

UNKNOWN_GROUP = "(group not known)"
"""Represents the groups of a host if they are unknown and no group is allowed."""

Body = Mapping[str, JsonValue]
Rows = list[Body]

_NOT_REQUESTED = Unseen(Cause.NOT_COLLECTED, "nobody asked Zoom for it")


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """A check with its expectation, and the documents it is judged by."""

    check: Check
    expectation: Expectation
    outcomes: Mapping[View, Outcome]
    parameters: Mapping[str, JsonValue]

    @property
    def allowed(self) -> set[str] | None:
        """The names that the organisation allows, as written; None if the check has no parameter.

        An unset parameter allows nothing here; the operator reports it.
        """
        if self.expectation.param is None:
            return None
        listed = self.parameters.get(self.expectation.param, [])
        return {str(item) for item in (listed if isinstance(listed, list) else [listed])}


def find(usage_check: UsageCheck) -> LookupResult:
    """The value in the document of the check, or why it is unknown."""
    outcome = usage_check.outcomes.get(usage_check.check.document)
    if outcome is None:
        return LookupResult(Unseen(Cause.NOT_COLLECTED, "nobody asked Zoom for it"), "")
    if not isinstance(outcome, Document):
        return LookupResult(outcome.unseen, outcome.source)
    reader = _READERS[usage_check.check.surface]
    body = outcome.body if isinstance(outcome.body, dict) else {}
    try:
        return reader.read(usage_check, _Evidence(_rows(body, reader.rows), body, outcome.source))
    except _UnexpectedShape as error:
        return LookupResult(error.unseen, outcome.source)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """A document, its rows, and the request that returned it."""

    rows: Rows
    body: Body
    source: str


class _UnexpectedShape(Exception):
    """The stored document has an unexpected shape and cannot be judged."""

    def __init__(self, cause: Cause, key: str) -> None:
        what = "has no" if cause is Cause.ABSENT else "has other than expected"
        self.unseen = Unseen(cause, f"the stored evidence {what} {key}")
        super().__init__(key)


def _hosted(usage_check: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The number of meetings that used a feature or were summarised, or their hosts' groups."""
    hosts = [host for host in evidence.rows if _number(host, "meetings")]
    unclear = sum(_number(host, "unclear") for host in evidence.rows if "unclear" in host)
    count = sum(_number(host, "meetings") for host in hosts)
    off = str(evidence.body.get("off") or "")
    if off and not hosts:
        idle = (
            f'Zoom lists none while the feature is off, and says: "{off}" What was made before, '
            "the reports of past meetings tell."
        )
        unseen = Unseen(Cause.ABSENT, "Zoom lists none while the feature is off")
        return LookupResult(unseen, evidence.source, not_applicable_reason=idle)
    incomplete = None
    if unclear:
        detail = f"{unclear} meetings were listed that do not say whether they used the feature"
        incomplete = Unseen(Cause.ABSENT, detail)
    if usage_check.allowed is None:
        note = _hosts_note("Hosts", hosts)
        return LookupResult(
            Seen(count, usage_check.check.setting),
            evidence.source,
            note=note,
            incomplete=incomplete,
        )
    groups = _HostGroups(usage_check.outcomes.get(read_plan.HOSTS), usage_check.allowed)
    for host in hosts:
        groups.add(host)
    note = _hosts_note("Hosts in no allowed group", groups.outside)
    reading = Seen([*sorted(groups.texts)], usage_check.check.setting)
    return LookupResult(
        reading, evidence.source, note=note, incomplete=incomplete or groups.incomplete
    )


class _HostGroups:
    """Sorts hosts by whether they belong to an allowed group."""

    def __init__(self, known: Outcome | None, allowed: set[str]) -> None:
        self.texts: set[str] = set()
        """Group names: only the allowed group of a host if it has one, otherwise all its groups."""
        self.outside: Rows = []
        self.incomplete: Unseen | None = None
        self._allowed = allowed
        self._people: dict[str, Rows] = {}
        self._ids: set[str] = set()
        self._why = Unseen(Cause.NOT_COLLECTED, "nobody asked Zoom who belongs to which group")
        self._names_why: Unseen | None = None
        if isinstance(known, Document) and isinstance(known.body, dict):
            gone = "hosts are no longer listed as users, so their groups cannot be told"
            self._why = _missing(known.body, "users") or Unseen(Cause.ABSENT, gone)
            self._names_why = _missing(known.body, "groups")
            for person in _rows(known.body, "hosts"):
                groups = _rows(person, "groups")
                self._ids.update(str(group.get("id") or "") for group in groups)
                for key in ("id", "email"):
                    self._people[str(person.get(key) or "").casefold()] = groups

    def add(self, host: Body) -> None:
        """Add the groups of one host."""
        keys = [str(host.get(key) or "").casefold() for key in ("id", "host")]
        known = next((self._people[key] for key in keys if key and key in self._people), None)
        reported = host.get("groups")
        if known is not None:
            names = [(str(g.get("id") or ""), str(g.get("name") or "")) for g in known]
        elif isinstance(reported, list) and reported:
            names = [("", str(name)) for name in reported]
        elif not self._allowed:  # no group is allowed
            self.outside.append(host)
            self.texts.add(UNKNOWN_GROUP)
            return
        else:
            self.incomplete = self.incomplete or self._why
            return
        known_by = frozenset().union(*(of_group(*pair, self._ids) for pair in names))
        matching = sorted(t for t in self._allowed if not known_by.isdisjoint(plain_group(t)))
        if matching:
            own = [name for _, name in names if name.casefold() == matching[0].casefold()]
            self.texts.add((own or matching)[0])
        elif self._allowed and self._names_why is not None and not all(n for _, n in names):
            self.incomplete = self.incomplete or self._names_why
        else:
            self.outside.append(host)
            texts = {name or group_id for group_id, name in names} or {NO_GROUP}
            allowed_folded = casefold_set(
                [*self._allowed]
            )  # for example a name that equals another group's id
            self.texts |= {f"group {t}" if t.casefold() in allowed_folded else t for t in texts}


def _missing(body: Body, what: str) -> Unseen | None:
    """Why the list of users or groups is incomplete; None if it is complete."""
    why = body.get(f"{what}_missing")
    if not isinstance(why, dict):
        return None
    return Unseen(Cause(str(why.get("cause"))), str(why.get("detail") or ""))


def _hosts_note(what: str, hosts: Iterable[Body]) -> str:
    items = [
        f"{host.get('host') or host.get('id') or 'unnamed'} ({_number(host, 'meetings')})"
        for host in hosts
    ]
    return f"{what}, with their meetings: {_some(items)}." if items else ""


def _apps(usage_check: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The apps with certain scopes: allowed ones by id, others by name and id."""
    known = name_patterns.shipped()
    is_admin = usage_check.check.setting.endswith(ADMIN_SCOPES)
    patterns = (known.admin_scopes if is_admin else known.app_scopes).patterns
    allowed = usage_check.allowed or set()
    texts, shown, notes, unread = [], [], [], 0
    for app in evidence.rows:
        listed = app.get("scopes")
        unread += not isinstance(listed, list)
        scopes = listed if isinstance(listed, list) else []
        touching = [str(scope) for scope in scopes if read_plan.is_any(str(scope), patterns)]
        by_name = is_admin and read_plan.is_any(
            str(app.get("name") or ""), known.admin_apps.patterns
        )
        if not touching and not by_name:
            continue
        app_id, name = str(app.get("id") or ""), str(app.get("name") or "")
        called = f"{name} ({app_id})" if name else app_id or "an app without a name"
        is_allowed = app_id in allowed  # the vendor chooses the name, so only the id counts
        shown.append(called)
        texts.append(app_id if is_allowed else called)
        if not is_allowed:
            notes.append(
                f"{called} holds {', '.join(touching[:SHOWN])}"
                if touching
                else f"{called} is known to change settings"
            )
    incomplete = Unseen(Cause.ABSENT, f"Zoom did not return the scopes of {unread} apps")
    return LookupResult(
        Seen([*texts], usage_check.check.setting),
        evidence.source,
        note="; ".join(notes[:SHOWN]) + ("." if notes else ""),
        shown=[*shown],
        incomplete=incomplete if unread else None,
    )


def _workflows(usage_check: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The workflows of Zoom's AI: allowed ones by id, which cannot be chosen, others by name."""
    allowed = usage_check.allowed or set()
    texts: list[JsonValue] = []
    for row in evidence.rows:
        flow_id, name = str(row.get("id") or ""), str(row.get("name") or "")
        called = f"{name} ({flow_id})" if name else flow_id or "a workflow without a name"
        texts.append(flow_id if flow_id in allowed else called)
    return LookupResult(Seen(texts, usage_check.check.setting), evidence.source)


def _notice_answers(usage_check: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The number of people per answer to one kind of notice, and whether notices are missing."""
    kind = usage_check.check.setting.removeprefix(read_plan.ANSWERS_PREFIX)
    totals, shown = Counter[str](), Counter[str]()
    for row in evidence.rows:
        if str(row.get("notice")) in read_plan.NOTICE_KINDS[kind].types:
            answer, count = str(row.get("answer")), _number(row, "count")
            totals[answer] += count
            shown[answer + _OF_GUESTS.get(str(row.get("guest")), "")] += count
    due = _due(kind, usage_check, evidence.body)
    if not totals:
        if isinstance(due, Unseen):
            return LookupResult(due, evidence.source)
        if due.not_applicable_reason:
            return LookupResult(
                Unseen(Cause.ABSENT, "nobody answered"),
                evidence.source,
                not_applicable_reason=due.not_applicable_reason,
            )
        detail = f"{due.what}, and Zoom lists no answer to a notice: look whether one was shown"
        return LookupResult(Unseen(Cause.ABSENT, detail), evidence.source)
    incomplete = due.incomplete if isinstance(due, _Due) else due if kind == "ai" else None
    if totals[UNDOCUMENTED_ANSWER]:
        detail = f"{totals[UNDOCUMENTED_ANSWER]} answers are not ones that Zoom documents"
        incomplete = Unseen(Cause.UNDOCUMENTED_VALUE, detail)
    parts = [
        f"{totals[answer]} {words}" for answer, words in _ANSWER_WORDS.items() if totals[answer]
    ]
    return LookupResult(
        Seen(dict(totals), usage_check.check.setting),
        evidence.source,
        note=f"In 30 days {', '.join(parts)}.",
        shown=dict(sorted(shown.items())),
        incomplete=incomplete,
    )


@dataclass(frozen=True, slots=True)
class _Due:
    """Whether notices were due: `not_applicable_reason` says why not, `what` why."""

    not_applicable_reason: str = ""
    what: str = ""
    incomplete: Unseen | None = None
    """Why some notices may not have been shown."""


def _due(kind: str, usage_check: UsageCheck, body: Body) -> _Due | Unseen:
    """Whether notices of a kind were due in the last 30 days, according to the evidence."""
    match kind:
        case "ai":
            return _missing(body, "ai_meetings") or _due_for_ai(body)
        case "recording":
            return _missing(body, "recordings") or _due_for_recordings(body)
        case "archive":
            return _due_for_archives(usage_check)
    return _Due(
        not_applicable_reason="Nobody answered a notice of live streaming in the last 30 days."
    )


def _due_for_ai(body: Body) -> _Due | Unseen:
    meetings = body.get("ai_meetings")
    if not isinstance(meetings, dict):
        return Unseen(Cause.ABSENT, "the stored evidence has no ai_meetings")
    meeting_count, unanswered = _number(meetings, "held"), _number(meetings, "unanswered")
    unclear = _number(meetings, "unclear")
    incomplete = None
    if unanswered:
        detail = (
            f"{unanswered} of {meeting_count} meetings with AI show no answer to an AI notice: "
            "look at one of them whether a notice was shown"
        )
        incomplete = Unseen(Cause.ABSENT, detail)
    elif unclear:
        detail = f"{unclear} meetings were listed that do not say whether they used AI"
        incomplete = Unseen(Cause.ABSENT, detail)
    if not meeting_count and incomplete is not None:
        return incomplete
    if not meeting_count:
        return _Due(
            not_applicable_reason="No meeting used AI in the last 30 days, "
            "and nobody answered a notice of it."
        )
    return _Due(what=f"{meeting_count} meetings used AI in the last 30 days", incomplete=incomplete)


def _due_for_recordings(body: Body) -> _Due:
    # If there are answers, the collector does not read whether meetings were recorded.
    recorded = _number(body, "recordings") if "recordings" in body else 0
    if recorded:
        return _Due(what=f"{recorded} meetings were recorded in the last 30 days")
    return _Due(
        not_applicable_reason="No meeting was recorded in the last 30 days, "
        "and nobody answered a notice of it."
    )


def _due_for_archives(usage_check: UsageCheck) -> _Due | Unseen:
    settings = usage_check.outcomes.get(SETTINGS)
    if not isinstance(settings, Document):
        return settings.unseen if settings is not None else _NOT_REQUESTED
    switch = at_path(settings.body, "recording.archive.enable")
    if switch is False:
        return _Due(
            not_applicable_reason="Archiving is off, "
            "and nobody answered a notice of it in the last 30 days."
        )
    if switch is True:
        return _Due(what="archiving is on")
    return Unseen(Cause.ABSENT, "Zoom did not return whether archiving is on")


def _admins(usage_check: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The number of people who may change AI, recording or app settings."""
    patterns = name_patterns.shipped().privileges.patterns
    people: set[str] = set()
    parts: list[str] = []
    incomplete: Unseen | None = None
    for role in evidence.rows:
        name, privileges, members = role.get("name"), role.get("privileges"), role.get("members")
        if not isinstance(privileges, list):
            incomplete = incomplete or Unseen(
                Cause.ABSENT, f"Zoom did not return what {name} may do"
            )
            continue
        if role.get("id") not in read_plan.BUILT_IN_ADMIN_ROLES and not any(
            read_plan.is_any(str(privilege), patterns) for privilege in privileges
        ):
            continue
        if not isinstance(members, list):
            detail = f"nobody asked Zoom for the members of {name}"
            incomplete = incomplete or Unseen(Cause.NOT_COLLECTED, detail)
            continue
        people.update(map(str, members))
        parts.append(f"{name or role.get('id')} {len(members)}")
    if not parts and incomplete is None:
        incomplete = Unseen(Cause.ABSENT, "Zoom listed no role that may change settings")
    note = f"By role: {', '.join(parts)}." if parts else ""
    return LookupResult(
        Seen(len(people), usage_check.check.setting),
        evidence.source,
        note=note,
        incomplete=incomplete,
    )


def _entries(usage_check: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The details of the operation log, which may name change records; shown as whole lines."""
    texts: list[JsonValue] = [
        operation_log.outside_names(str(row.get("detail") or "")) for row in evidence.rows
    ]
    lines: list[JsonValue] = [
        f"{row.get('time')} {row.get('operator')}: {row.get('category')}: {row.get('detail')}"
        for row in evidence.rows
    ]
    shown = lines if len(lines) <= SHOWN else [*lines[-SHOWN:], f"and {len(lines) - SHOWN} earlier"]
    return LookupResult(Seen(texts, usage_check.check.setting), evidence.source, shown=shown)


def _answers(usage_check: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The answers of the participants of a past meeting to the AI notice, one string each."""
    if "idle" in evidence.body:
        unseen = Unseen(Cause.ABSENT, "there was no meeting with AI")
        return LookupResult(
            unseen, evidence.source, not_applicable_reason="No meeting used AI in the last 30 days."
        )
    counted: dict[str, JsonValue] = {
        str(row.get("answer")): _number(row, "people") for row in evidence.rows
    }
    silent = _number(evidence.body, "silent")
    texts = [
        text for row in evidence.rows for text in [str(row.get("answer"))] * _number(row, "people")
    ]
    incomplete: Unseen | None = None
    strange = sorted(set(counted) - set(ANSWERS))
    if strange:
        detail = f"{strange[0][:80]!r} is not an answer that Zoom documents"
        incomplete = Unseen(Cause.UNDOCUMENTED_VALUE, detail)
    elif silent:
        detail = f"Zoom did not return the answer of {silent} of {silent + len(texts)} participants"
        incomplete = Unseen(Cause.ABSENT, detail)
    if not texts:
        return LookupResult(
            incomplete or Unseen(Cause.ABSENT, "Zoom lists no participants"), evidence.source
        )
    return LookupResult(
        Seen([*texts], usage_check.check.setting),
        evidence.source,
        shown=counted,
        incomplete=incomplete,
    )


@dataclass(frozen=True, slots=True)
class _RowReader:
    """The key of a document's rows, and the function that reads them."""

    rows: str
    read: Callable[[UsageCheck, _Evidence], LookupResult]


_READERS: Mapping[str, _RowReader] = {
    read_plan.history("").surface: _RowReader("hosts", _hosted),
    read_plan.SUMMARIES.surface: _RowReader("hosts", _hosted),
    read_plan.NOTICES.surface: _RowReader("answers", _answers),
    read_plan.DISCLAIMERS.surface: _RowReader("answers", _notice_answers),
    read_plan.WORKFLOWS.surface: _RowReader("workflows", _workflows),
    read_plan.apps("").surface: _RowReader("apps", _apps),
    read_plan.ROLES.surface: _RowReader("roles", _admins),
    read_plan.LOGS.surface: _RowReader("entries", _entries),
}

SURFACES = frozenset(_READERS)
"""The surfaces whose documents this module reads."""


def _rows(body: Body, key: str) -> Rows:
    """The objects listed under `key`.

    Raises:
        _UnexpectedShape: the key is missing or not a list of objects.
    """
    value = body.get(key)
    if value is None:
        raise _UnexpectedShape(Cause.ABSENT, key)
    rows: Rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or len(rows) != len(value):
        raise _UnexpectedShape(Cause.WRONG_TYPE, key)
    return rows


def _number(row: Body, key: str) -> int:
    """The number under `key`.

    Raises:
        _UnexpectedShape: the key is missing or not an integer.
    """
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _UnexpectedShape(Cause.ABSENT if value is None else Cause.WRONG_TYPE, key)
    return value


def _some(texts: list[str]) -> str:
    rest = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")

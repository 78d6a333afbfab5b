"""Observed use: from reports, lists and logs to the one value that an expectation is about.

What cannot be told from a document is a doubt: a value may then still deviate, but never meet.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from auditor.evidence import operation_log, read_plan
from auditor.evidence.reading import Cause, JsonValue, Seen, Unseen
from auditor.evidence.view import SETTINGS, Document, Outcome, View
from auditor.policy import name_patterns
from auditor.policy.catalogue import Check
from auditor.policy.lookup import LookupResult, at_path
from auditor.policy.names import of_group, plain_group
from auditor.policy.operators import PASSIVE, Expectation
from auditor.policy.values import casefold_set

SHOWN = 10
"""How many hosts, apps or log entries a detail names."""

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
"""How the settings end that are about apps which can change settings."""

NO_GROUP = "(no group)"
"""Stands for the groups of a host who is in none."""

UNKNOWN_GROUP = "(group not known)"
"""Stands for the groups of a host of whom nobody can tell them, where no group is allowed."""

Body = Mapping[str, JsonValue]
Rows = list[Body]

_NOT_ASKED = Unseen(Cause.NOT_COLLECTED, "nobody asked Zoom for it")


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """What is asked of the documents of a scope."""

    check: Check
    expectation: Expectation
    outcomes: Mapping[View, Outcome]
    parameters: Mapping[str, JsonValue]

    @property
    def allowed(self) -> set[str] | None:
        """The names the organisation allows, as it wrote them; None where any list would do.

        An unset parameter allows nothing here; the operator asks for it.
        """
        if self.expectation.param is None:
            return None
        listed = self.parameters.get(self.expectation.param, [])
        return {str(each) for each in (listed if isinstance(listed, list) else [listed])}


def find(question: UsageCheck) -> LookupResult:
    """What the document of the check shows, or why nobody can tell."""
    outcome = question.outcomes.get(question.check.document)
    if outcome is None:
        return LookupResult(Unseen(Cause.NOT_COLLECTED, "nobody asked Zoom for it"), "")
    if not isinstance(outcome, Document):
        return LookupResult(outcome.unseen, outcome.source)
    reader = _READERS[question.check.surface]
    body = outcome.body if isinstance(outcome.body, dict) else {}
    try:
        return reader.read(question, _Evidence(_rows(body, reader.rows), body, outcome.source))
    except _UnexpectedShape as error:
        return LookupResult(error.unseen, outcome.source)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """A document, its rows, and the request it is from."""

    rows: Rows
    body: Body
    source: str


class _UnexpectedShape(Exception):
    """The evidence is not as collection leaves it. Nothing follows from it."""

    def __init__(self, cause: Cause, key: str) -> None:
        what = "has no" if cause is Cause.ABSENT else "has other than expected"
        self.unseen = Unseen(cause, f"the stored evidence {what} {key}")
        super().__init__(key)


def _hosted(question: UsageCheck, evidence: _Evidence) -> LookupResult:
    """How many meetings used a feature or were summarised, or the groups of their hosts."""
    hosts = [each for each in evidence.rows if _number(each, "meetings")]
    unclear = sum(_number(each, "unclear") for each in evidence.rows if "unclear" in each)
    count = sum(_number(each, "meetings") for each in hosts)
    off = str(evidence.body.get("off") or "")
    if off and not hosts:
        idle = (
            f'Zoom lists none while the feature is off, and says: "{off}" What was made before, '
            "the reports of past meetings tell."
        )
        unseen = Unseen(Cause.ABSENT, "Zoom lists none while the feature is off")
        return LookupResult(unseen, evidence.source, idle=idle)
    doubt = None
    if unclear:
        detail = f"{unclear} meetings were listed that do not say whether they used the feature"
        doubt = Unseen(Cause.ABSENT, detail)
    if question.allowed is None:
        note = _hosts_note("Hosts", hosts)
        return LookupResult(
            Seen(count, question.check.setting), evidence.source, note=note, doubt=doubt
        )
    groups = _HostGroups(question.outcomes.get(read_plan.HOSTS), question.allowed)
    for host in hosts:
        groups.add(host)
    note = _hosts_note("Hosts in no allowed group", groups.outside)
    reading = Seen([*sorted(groups.texts)], question.check.setting)
    return LookupResult(reading, evidence.source, note=note, doubt=doubt or groups.doubt)


class _HostGroups:
    """Goes through hosts, and tells which of them belong to no allowed group."""

    def __init__(self, known: Outcome | None, allowed: set[str]) -> None:
        self.texts: set[str] = set()
        """The groups: of a host in an allowed one that group alone, of any other host all."""
        self.outside: Rows = []
        self.doubt: Unseen | None = None
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
        """Note the groups of one more host."""
        keys = [str(host.get(key) or "").casefold() for key in ("id", "host")]
        known = next((self._people[key] for key in keys if key and key in self._people), None)
        reported = host.get("groups")
        if known is not None:
            names = [(str(g.get("id") or ""), str(g.get("name") or "")) for g in known]
        elif isinstance(reported, list) and reported:
            names = [("", str(name)) for name in reported]
        elif not self._allowed:  # nobody may, whatever the groups
            self.outside.append(host)
            self.texts.add(UNKNOWN_GROUP)
            return
        else:
            self.doubt = self.doubt or self._why
            return
        known_by = frozenset().union(*(of_group(*pair, self._ids) for pair in names))
        fitting = sorted(t for t in self._allowed if not known_by.isdisjoint(plain_group(t)))
        if fitting:
            own = [name for _, name in names if name.casefold() == fitting[0].casefold()]
            self.texts.add((own or fitting)[0])
        elif self._allowed and self._names_why is not None and not all(n for _, n in names):
            self.doubt = self.doubt or self._names_why
        else:
            self.outside.append(host)
            texts = {name or group_id for group_id, name in names} or {NO_GROUP}
            alike = casefold_set([*self._allowed])  # a name that is another group's id, say
            self.texts |= {f"group {t}" if t.casefold() in alike else t for t in texts}


def _missing(body: Body, what: str) -> Unseen | None:
    """Why the list of users or groups is not whole; None where it is."""
    why = body.get(f"{what}_missing")
    if not isinstance(why, dict):
        return None
    return Unseen(Cause(str(why.get("cause"))), str(why.get("detail") or ""))


def _hosts_note(what: str, hosts: Iterable[Body]) -> str:
    each = [
        f"{host.get('host') or host.get('id') or 'unnamed'} ({_number(host, 'meetings')})"
        for host in hosts
    ]
    return f"{what}, with their meetings: {_some(each)}." if each else ""


def _apps(question: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The apps with certain scopes: those allowed by their id, others by name and id."""
    known = name_patterns.shipped()
    is_admin = question.check.setting.endswith(ADMIN_SCOPES)
    wanted = (known.admin_scopes if is_admin else known.app_scopes).patterns
    allowed = question.allowed or set()
    texts, shown, notes, unread = [], [], [], 0
    for app in evidence.rows:
        listed = app.get("scopes")
        unread += not isinstance(listed, list)
        scopes = listed if isinstance(listed, list) else []
        touching = [str(scope) for scope in scopes if read_plan.is_any(str(scope), wanted)]
        by_name = is_admin and read_plan.is_any(
            str(app.get("name") or ""), known.admin_apps.patterns
        )
        if not touching and not by_name:
            continue
        app_id, name = str(app.get("id") or ""), str(app.get("name") or "")
        called = f"{name} ({app_id})" if name else app_id or "an app without a name"
        is_allowed = app_id in allowed  # its name is the vendor's to choose
        shown.append(called)
        texts.append(app_id if is_allowed else called)
        if not is_allowed:
            notes.append(
                f"{called} holds {', '.join(touching[:SHOWN])}"
                if touching
                else f"{called} is known to change settings"
            )
    doubt = Unseen(Cause.ABSENT, f"Zoom did not return the scopes of {unread} apps")
    return LookupResult(
        Seen([*texts], question.check.setting),
        evidence.source,
        note="; ".join(notes[:SHOWN]) + ("." if notes else ""),
        shown=[*shown],
        doubt=doubt if unread else None,
    )


def _workflows(question: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The workflows of Zoom's AI: those allowed by their id, which nobody can choose."""
    allowed = question.allowed or set()
    texts: list[JsonValue] = []
    for row in evidence.rows:
        flow_id, name = str(row.get("id") or ""), str(row.get("name") or "")
        called = f"{name} ({flow_id})" if name else flow_id or "a workflow without a name"
        texts.append(flow_id if flow_id in allowed else called)
    return LookupResult(Seen(texts, question.check.setting), evidence.source)


def _notice_answers(question: UsageCheck, evidence: _Evidence) -> LookupResult:
    """How many people gave which answer to the notices of one kind, and whether all were asked."""
    kind = question.check.setting.removeprefix(read_plan.ANSWERS_PREFIX)
    totals, shown = Counter[str](), Counter[str]()
    for row in evidence.rows:
        if str(row.get("notice")) in read_plan.NOTICE_KINDS[kind].types:
            answer, count = str(row.get("answer")), _number(row, "count")
            totals[answer] += count
            shown[answer + _OF_GUESTS.get(str(row.get("guest")), "")] += count
    due = _due(kind, question, evidence.body)
    if not totals:
        if isinstance(due, Unseen):
            return LookupResult(due, evidence.source)
        if due.idle:
            return LookupResult(
                Unseen(Cause.ABSENT, "nobody answered"), evidence.source, idle=due.idle
            )
        detail = f"{due.what}, and Zoom lists no answer to a notice: look whether one was shown"
        return LookupResult(Unseen(Cause.ABSENT, detail), evidence.source)
    doubt = due.doubt if isinstance(due, _Due) else due if kind == "ai" else None
    if totals[UNDOCUMENTED_ANSWER]:
        detail = f"{totals[UNDOCUMENTED_ANSWER]} answers are not ones that Zoom documents"
        doubt = Unseen(Cause.UNDOCUMENTED_VALUE, detail)
    parts = [
        f"{totals[answer]} {words}" for answer, words in _ANSWER_WORDS.items() if totals[answer]
    ]
    return LookupResult(
        Seen(dict(totals), question.check.setting),
        evidence.source,
        note=f"In 30 days {', '.join(parts)}.",
        shown=dict(sorted(shown.items())),
        doubt=doubt,
    )


@dataclass(frozen=True, slots=True)
class _Due:
    """Whether notices were due. `idle` says why none was, `what` why some were."""

    idle: str = ""
    what: str = ""
    doubt: Unseen | None = None
    """Why some may not have been shown."""


def _due(kind: str, question: UsageCheck, body: Body) -> _Due | Unseen:
    """Whether notices of a kind were due in the last 30 days, as far as the evidence tells."""
    match kind:
        case "ai":
            return _missing(body, "ai_meetings") or _due_for_ai(body)
        case "recording":
            return _missing(body, "recordings") or _due_for_recordings(body)
        case "archive":
            return _due_for_archives(question)
    return _Due(idle="Nobody answered a notice of live streaming in the last 30 days.")


def _due_for_ai(body: Body) -> _Due | Unseen:
    meetings = body.get("ai_meetings")
    if not isinstance(meetings, dict):
        return Unseen(Cause.ABSENT, "the stored evidence has no ai_meetings")
    held, unanswered = _number(meetings, "held"), _number(meetings, "unanswered")
    unclear = _number(meetings, "unclear")
    doubt = None
    if unanswered:
        detail = (
            f"{unanswered} of {held} meetings with AI show no answer to an AI notice: look at one "
            "of them whether a notice was shown"
        )
        doubt = Unseen(Cause.ABSENT, detail)
    elif unclear:
        detail = f"{unclear} meetings were listed that do not say whether they used AI"
        doubt = Unseen(Cause.ABSENT, detail)
    if not held and doubt is not None:
        return doubt
    if not held:
        return _Due(
            idle="No meeting used AI in the last 30 days, and nobody answered a notice of it."
        )
    return _Due(what=f"{held} meetings used AI in the last 30 days", doubt=doubt)


def _due_for_recordings(body: Body) -> _Due:
    # Where somebody answered, it was not asked whether meetings were recorded.
    recorded = _number(body, "recordings") if "recordings" in body else 0
    if recorded:
        return _Due(what=f"{recorded} meetings were recorded in the last 30 days")
    return _Due(
        idle="No meeting was recorded in the last 30 days, and nobody answered a notice of it."
    )


def _due_for_archives(question: UsageCheck) -> _Due | Unseen:
    settings = question.outcomes.get(SETTINGS)
    if not isinstance(settings, Document):
        return settings.unseen if settings is not None else _NOT_ASKED
    switch = at_path(settings.body, "recording.archive.enable")
    if switch is False:
        return _Due(
            idle="Archiving is off, and nobody answered a notice of it in the last 30 days."
        )
    if switch is True:
        return _Due(what="archiving is on")
    return Unseen(Cause.ABSENT, "Zoom did not return whether archiving is on")


def _admins(question: UsageCheck, evidence: _Evidence) -> LookupResult:
    """How many people may change AI, recording or app settings."""
    wanted = name_patterns.shipped().privileges.patterns
    people: set[str] = set()
    parts: list[str] = []
    doubt: Unseen | None = None
    for role in evidence.rows:
        name, privileges, members = role.get("name"), role.get("privileges"), role.get("members")
        if not isinstance(privileges, list):
            doubt = doubt or Unseen(Cause.ABSENT, f"Zoom did not return what {name} may do")
            continue
        if role.get("id") not in read_plan.BUILT_IN_ADMIN_ROLES and not any(
            read_plan.is_any(str(each), wanted) for each in privileges
        ):
            continue
        if not isinstance(members, list):
            detail = f"nobody asked Zoom for the members of {name}"
            doubt = doubt or Unseen(Cause.NOT_COLLECTED, detail)
            continue
        people.update(map(str, members))
        parts.append(f"{name or role.get('id')} {len(members)}")
    if not parts and doubt is None:
        doubt = Unseen(Cause.ABSENT, "Zoom listed no role that may change settings")
    note = f"By role: {', '.join(parts)}." if parts else ""
    return LookupResult(
        Seen(len(people), question.check.setting), evidence.source, note=note, doubt=doubt
    )


def _entries(question: UsageCheck, evidence: _Evidence) -> LookupResult:
    """The entries of the operation log: what may name a change record, shown as whole lines."""
    texts: list[JsonValue] = [
        operation_log.outside_names(str(row.get("detail") or "")) for row in evidence.rows
    ]
    lines: list[JsonValue] = [
        f"{row.get('time')} {row.get('operator')}: {row.get('category')}: {row.get('detail')}"
        for row in evidence.rows
    ]
    shown = lines if len(lines) <= SHOWN else [*lines[-SHOWN:], f"and {len(lines) - SHOWN} earlier"]
    return LookupResult(Seen(texts, question.check.setting), evidence.source, shown=shown)


def _answers(question: UsageCheck, evidence: _Evidence) -> LookupResult:
    """How the participants of a past meeting answered the AI notice, one text each."""
    if "idle" in evidence.body:
        unseen = Unseen(Cause.ABSENT, "there was no meeting with AI")
        return LookupResult(unseen, evidence.source, idle="No meeting used AI in the last 30 days.")
    counted: dict[str, JsonValue] = {
        str(row.get("answer")): _number(row, "people") for row in evidence.rows
    }
    silent = _number(evidence.body, "silent")
    texts = [
        text for row in evidence.rows for text in [str(row.get("answer"))] * _number(row, "people")
    ]
    doubt: Unseen | None = None
    strange = sorted(set(counted) - set(ANSWERS))
    if strange:
        detail = f"{strange[0][:80]!r} is not an answer that Zoom documents"
        doubt = Unseen(Cause.UNDOCUMENTED_VALUE, detail)
    elif silent:
        detail = f"Zoom did not return the answer of {silent} of {silent + len(texts)} participants"
        doubt = Unseen(Cause.ABSENT, detail)
    if not texts:
        return LookupResult(
            doubt or Unseen(Cause.ABSENT, "Zoom lists no participants"), evidence.source
        )
    return LookupResult(
        Seen([*texts], question.check.setting), evidence.source, shown=counted, doubt=doubt
    )


@dataclass(frozen=True, slots=True)
class _RowReader:
    """Where the rows of a document are, and what reads them."""

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
        _Unusable: there are none, or they are something else.
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
        _Unusable: there is none.
    """
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _UnexpectedShape(Cause.ABSENT if value is None else Cause.WRONG_TYPE, key)
    return value


def _some(texts: list[str]) -> str:
    rest = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")

"""Makes changes one by one: read, compare, write down, send, read again.

Nothing that Zoom answers counts as proof. A request whose answer was lost is sent again only after
the value was read and is still the old one.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from auditor.evidence.json_values import equal
from auditor.evidence.reading import JsonValue, Unseen, at_path
from auditor.redaction.text import REDACTED
from auditor.writing.client import SettingsWriter, WriteAnswer
from auditor.writing.model import Change, Ledger, Rules, StepOutcome, StepResult, Watcher
from auditor.zoom.errors import (
    AuthenticationFailed,
    Denied,
    RateLimited,
    ScopeMissing,
    TokenRejected,
    Transient,
    Unreachable,
    ZoomError,
)

_log = logging.getLogger(__name__)

_SECTION: Final = 2
"""Parts of a path up to the object that is sent as a whole: `chat.ai_summary`."""
_MORE_IF_LIMITED: Final = 5
"""Further requests for a step, if Zoom only says that there are too many a second."""
_SHOWN: Final = 3
"""Side effects that a message names."""


class _SecretInObject(Exception):
    """The object that would have to be sent holds a secret, of which only the place is known."""


@dataclass
class Steps:
    """One run of changes, in order. `results` grows as steps end, also if the run is cut short."""

    writer: SettingsWriter
    ledger: Ledger
    watcher: Watcher
    rules: Rules
    results: list[StepResult] = field(default_factory=list)
    _halted: str = ""
    _right: set[int] = field(default_factory=set)

    def run(self, changes: Sequence[Change]) -> Sequence[StepResult]:
        """Make the changes; the results have the same order.

        Raises:
            DiskFull, StoreError: the journal could not be written. Nothing was sent that is not in
                it.
        """
        people = {change.scope_id for change in changes if change.level == "user"}
        stopped_at = 0
        for change in changes:
            self.watcher.began(change)
            if self._halted:
                result = _skipped(change, self._halted)
            elif stopped_at:
                result = _skipped(change, f"Not reached: the work stopped at step {stopped_at}.")
            elif change.level == "user" and len(people) > self.rules.most_users:
                result = _skipped(change, self._too_many(len(people)))
            else:
                result = self._step(change)
                try:
                    self.ledger.conclude(result)
                except BaseException:
                    self.results.append(result)  # the request was sent: the summary has to tell
                    raise
            self.results.append(result)
            if result.outcome.is_right:
                self._right.add(change.step)
            self.watcher.ended(result)
            if result.is_surprise and not self.rules.keep_going:
                stopped_at = stopped_at or change.step
        return self.results

    def _too_many(self, people: int) -> str:
        return (
            f"The plan changes the own settings of {people:,} people; --max-users allows "
            f"{self.rules.most_users:,}."
        )

    def _step(self, change: Change) -> StepResult:
        try:
            if (hindrance := self._hindrance(change)) is not None:
                return hindrance
            document = self.writer.read(change, change.read_option)
        except ZoomError as error:
            return self._unreadable(change, error)
        found = value_in(document, change.setting, change.read_option)
        if isinstance(found, Unseen):
            detail = "Zoom no longer returns this setting, so nothing was sent."
            return StepResult(change, StepOutcome.SKIPPED, detail, is_unread=True, is_surprise=True)
        if equal(found, change.target):
            was_sent = self.ledger.has_intention(change.step)
            outcome = StepOutcome.CHANGED if was_sent else StepOutcome.ALREADY_RIGHT
            return StepResult(change, outcome, "Sent earlier." if was_sent else "", found)
        if not equal(found, change.before):
            detail = "It is neither as the plan found it nor as it should be; nothing was sent."
            return StepResult(change, StepOutcome.STALE, detail, found, is_surprise=True)
        return self._write(change, document, found)

    def _hindrance(self, change: Change) -> StepResult | None:
        """Why a step has to wait; None if nothing is in its way."""
        if missing := [step for step in change.after if step not in self._right]:
            return _skipped(change, f"It waits for step {missing[0]}, which is not done.")
        if change.kind != "lock" or change.target is not True:
            return None
        documents: dict[str, JsonValue] = {}
        for needed in change.needs:
            if needed.read_option not in documents:
                values = self.writer.read_values(change, needed.read_option)
                documents[needed.read_option] = values
            document = documents[needed.read_option]
            found = value_in(document, needed.setting, needed.read_option)
            if isinstance(found, Unseen) or not equal(found, needed.value):
                return _skipped(
                    change, f"{needed.setting} is not right yet, and the lock would hold it."
                )
        return None

    def _write(
        self, change: Change, document: dict[str, JsonValue], found: JsonValue
    ) -> StepResult:
        try:
            body, siblings = self._body(change, document)
        except _SecretInObject:
            detail = (
                "Its object holds a secret, which cannot be sent back; change it in the portal."
            )
            return _skipped(change, detail)
        self.ledger.intend(change, found, siblings)
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self.writer.write(change, body)
            except ZoomError as error:
                answer = WriteAnswer(error)
                if not _may_help(error) or attempt >= self.rules.attempts:
                    return self._unsent(change, error, found)
            if isinstance(answer.error, RateLimited) and answer.error.daily:
                return self._unsent(change, answer.error, found)
            try:
                after, others = self._read_again(change, answer)
            except ZoomError as error:
                return self._unverified(change, error)
            if equal(after, change.target):
                return _changed(change, after, siblings, others)
            if not equal(after, change.before):
                detail = "After the request it is neither the old value nor the new one."
                return StepResult(change, StepOutcome.STALE, detail, after, is_surprise=True)
            is_limited = isinstance(answer.error, RateLimited)
            most = self.rules.attempts + (_MORE_IF_LIMITED if is_limited else 0)
            if not _may_help(answer.error) or attempt >= most:
                return _without_effect(change, answer, found)
            wait = _pause_of(answer.error) or 2.0 ** min(attempt, _MORE_IF_LIMITED) / 2
            _log.info("Step %d: %s Again in %.1f s.", change.step, answer.error, wait)
            self.rules.sleep(wait)

    def _read_again(
        self, change: Change, answer: WriteAnswer
    ) -> tuple[JsonValue, Mapping[str, JsonValue]]:
        """The value and the other leaves of its object, after a request.

        If Zoom accepted the request and the value is still the old one, it is read a few more
        times: a service that keeps copies may take a moment.

        Raises:
            ZoomError: it could not be read, or Zoom no longer returns it.
        """
        pauses = [] if answer.error is not None else [*self.rules.settling]
        while True:
            document = self.writer.read(change, change.read_option)
            after = value_in(document, change.setting, change.read_option)
            if isinstance(after, Unseen):
                raise ZoomError(change.setting, "the setting is gone")
            if not pauses or not equal(after, change.before):
                return after, _object_of(change, document)
            self.rules.sleep(pauses.pop(0))

    def _body(
        self, change: Change, document: dict[str, JsonValue]
    ) -> tuple[dict[str, JsonValue], Mapping[str, JsonValue]]:
        """The body of the request, and the other leaves of the object it sends.

        Raises:
            _SecretInObject: it would contain a secret that was removed when it was read.
        """
        siblings = _object_of(change, document)
        body: dict[str, JsonValue] = {}
        for path, value in siblings.items():
            if self.rules.is_read_only(change.kind, change.level, path):
                continue
            left, restored = change.siblings.get(path, (None, None))
            sent = restored if path in change.siblings and equal(value, left) else value
            if REDACTED in str(sent):
                raise _SecretInObject
            _put(body, path, sent)
        _put(body, change.setting, change.target)
        return body, siblings

    def _unreadable(self, change: Change, error: ZoomError) -> StepResult:
        if _ends_everything(error):
            self._halted = f"Not reached: {explain(error)}"
        return StepResult(
            change,
            StepOutcome.SKIPPED,
            f"It could not be read, so nothing was sent. {explain(error)}",
            is_unread=True,
            is_surprise=True,
        )

    def _unsent(self, change: Change, error: ZoomError, found: JsonValue) -> StepResult:
        if _ends_everything(error):
            self._halted = f"Not reached: {explain(error)}"
        detail = f"Nothing was sent. {explain(error)}"
        return StepResult(change, StepOutcome.SKIPPED, detail, found, is_surprise=True)

    def _unverified(self, change: Change, error: ZoomError) -> StepResult:
        if _ends_everything(error):
            self._halted = f"Not reached: {explain(error)}"
        detail = f"The request was sent, and the value could not be read again. {explain(error)}"
        return StepResult(change, StepOutcome.UNVERIFIED, detail, is_unread=True, is_surprise=True)


def explain(error: ZoomError) -> str:
    """The error for people who change settings: advice of an audit would mislead them."""
    facts = f" ({error.detail})" if error.detail else ""
    if isinstance(error, ScopeMissing):
        scopes = " or ".join(error.scopes) or "a scope it did not name"
        return (
            f"Zoom refused {error.request}: the writing app lacks {scopes}. Add it under Scopes in "
            "the app's page, then run this again."
        )
    if isinstance(error, Denied):
        return (
            f"Zoom refused {error.request}{facts}. The owner of the writing app needs a role that "
            "may edit this."
        )
    if isinstance(error, RateLimited) and error.daily:
        return (
            f"Zoom's limit for {error.request} is used up for today; run this again tomorrow, and "
            "it continues."
        )
    return str(error).replace("ZOOM_CLIENT_", "ZOOM_WRITE_CLIENT_")


def value_in(document: JsonValue, setting: str, option: str) -> JsonValue | Unseen:
    """The setting in a document, which Zoom may return without the section of its view."""
    found = at_path(document, setting)
    if isinstance(found, Unseen) and option and setting.startswith(f"{option}."):
        return at_path(document, setting.removeprefix(f"{option}."))
    return found


def _object_of(change: Change, document: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The other leaves of the object below a section that contains the setting, by path."""
    parts = change.setting.split(".")
    if len(parts) <= _SECTION:
        return {}
    root = ".".join(parts[:_SECTION])
    around = value_in(document, root, change.read_option)
    if isinstance(around, Unseen):
        return {}
    return {path: value for path, value in _leaves(around, root) if path != change.setting}


def _leaves(value: JsonValue, path: str) -> Iterator[tuple[str, JsonValue]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, f"{path}.{key}")


def _put(body: dict[str, JsonValue], path: str, value: JsonValue) -> None:
    *around, key = path.split(".")
    for part in around:
        body = cast("dict[str, JsonValue]", body.setdefault(part, {}))
    body[key] = value


def _changed(
    change: Change,
    after: JsonValue,
    before_others: Mapping[str, JsonValue],
    others: Mapping[str, JsonValue],
) -> StepResult:
    gone = object()
    effects = {
        path: others.get(path)
        for path, value in before_others.items()
        if not equal(value, cast("JsonValue", others.get(path, gone)))
        and path not in change.siblings
    }
    detail = ""
    if effects:
        named = ", ".join([*effects][:_SHOWN])
        detail = f"Other settings of the same object changed with it: {named}."
    return StepResult(
        change,
        StepOutcome.CHANGED,
        detail,
        after,
        is_surprise=bool(effects),
        side_effects=effects,
    )


def _without_effect(change: Change, answer: WriteAnswer, found: JsonValue) -> StepResult:
    error = answer.error
    if error is None:
        detail = "Zoom accepted the request and changed nothing."
        return StepResult(change, StepOutcome.NOT_CHANGED, detail, found, is_surprise=True)
    if answer.is_open:
        detail = f"Zoom did not confirm the request, and the value is as before. {explain(error)}"
        return StepResult(change, StepOutcome.NOT_CHANGED, detail, found, is_surprise=True)
    detail = explain(error) + (f" Fields: {answer.fields}" if answer.fields else "")
    return StepResult(change, StepOutcome.REFUSED, detail, found, is_surprise=True)


def _skipped(change: Change, detail: str) -> StepResult:
    return StepResult(change, StepOutcome.SKIPPED, detail)


def _may_help(error: ZoomError | None) -> bool:
    """True if the same request may succeed later."""
    if isinstance(error, Unreachable):
        return error.worth_retrying
    return isinstance(error, Transient | RateLimited | TokenRejected) and not (
        isinstance(error, RateLimited) and error.daily
    )


def _pause_of(error: ZoomError | None) -> float | None:
    """The pause in seconds that Zoom asks for; None if it names none."""
    return error.retry_after if isinstance(error, RateLimited) else None


def _ends_everything(error: ZoomError) -> bool:
    """True if no other request can succeed either."""
    return isinstance(error, AuthenticationFailed | TokenRejected | Unreachable) or (
        isinstance(error, RateLimited) and error.daily
    )

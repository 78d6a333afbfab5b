"""One step at a time against a Zoom that does not behave: what is sent, and what it is called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from auditor.redaction.text import REDACTED
from auditor.writing.client import SettingsWriter, WriteAnswer
from auditor.writing.model import Change, Needed, Rules, StepOutcome, StepResult
from auditor.writing.steps import Steps
from auditor.zoom.errors import (
    AuthenticationFailed,
    Malformed,
    NotFound,
    RateLimited,
    Rejected,
    TokenRejected,
    Transient,
    Unreachable,
    ZoomError,
)

REQUEST = "PATCH /accounts/{accountId}/settings"
BROKE = Transient(REQUEST, "the connection broke")
Effect = Callable[["StrangeZoom", Mapping[str, Any]], WriteAnswer]


@dataclass
class StrangeZoom:
    """A document, and what each PATCH and each read does to it."""

    document: dict[str, Any]
    effects: list[Effect | ZoomError] = field(default_factory=list)
    reads: list[ZoomError | None] = field(default_factory=list)
    sent: list[Mapping[str, Any]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def read(self, change: Change, _option: str) -> dict[str, Any]:
        self.log.append(f"read {change.step}")
        error = self.reads.pop(0) if self.reads else None
        if error is not None:
            raise error
        return self.document

    read_values = read

    def write(self, change: Change, body: Mapping[str, Any]) -> WriteAnswer:
        self.log.append(f"write {change.step}")
        self.sent.append(body)
        effect = self.effects.pop(0) if self.effects else made
        if isinstance(effect, ZoomError):
            raise effect
        return effect(self, body)


@dataclass
class Notes:
    """A journal in memory."""

    log: list[str]
    earlier: tuple[int, ...] = ()

    def has_intention(self, step: int) -> bool:
        return step in self.earlier

    def intend(self, change: Change, _before: Any, _siblings: Any) -> None:
        self.log.append(f"intend {change.step}")

    def conclude(self, result: StepResult) -> None:
        self.log.append(f"conclude {result.change.step}")


class Silent:
    def began(self, change: Change) -> None: ...

    def ended(self, result: StepResult) -> None: ...


def merge(into: dict[str, Any], body: Mapping[str, Any]) -> None:
    for key, value in body.items():
        if isinstance(value, dict):
            merge(into.setdefault(key, {}), value)
        else:
            into[key] = value


def made(zoom: StrangeZoom, body: Mapping[str, Any]) -> WriteAnswer:
    merge(zoom.document, body)
    return WriteAnswer(None)


def ignored(_zoom: StrangeZoom, _body: Mapping[str, Any]) -> WriteAnswer:
    return WriteAnswer(None)


def made_but_lost(zoom: StrangeZoom, body: Mapping[str, Any]) -> WriteAnswer:
    merge(zoom.document, body)
    return WriteAnswer(BROKE)


def third(zoom: StrangeZoom, _body: Mapping[str, Any]) -> WriteAnswer:
    zoom.document["chat"]["ai"]["enable"] = "third"
    return WriteAnswer(None)


def with_side_effect(zoom: StrangeZoom, body: Mapping[str, Any]) -> WriteAnswer:
    merge(zoom.document, body)
    zoom.document["chat"]["ai"]["shown"] = False
    return WriteAnswer(None)


def answered(error: ZoomError) -> Effect:
    return lambda _zoom, _body: WriteAnswer(error)


def change(step: int = 1, **more: Any) -> Change:
    facts = {
        "kind": "value",
        "level": "account",
        "scope_id": "acc",
        "scope_name": "",
        "setting": "chat.ai.enable",
        "before": True,
        "target": False,
        **more,
    }
    return Change(step=step, **facts)


def document(value: Any = True, **more: Any) -> dict[str, Any]:
    return {"chat": {"ai": {"enable": value, "shown": True, "fixed": 1, **more}, "other": 2}}


def run(
    zoom: StrangeZoom, changes: Sequence[Change] = (change(),), *, keep: bool = False, **how: Any
) -> list[StepResult]:
    rules = Rules(lambda _k, _l, path: path.endswith("fixed"), keep_going=keep, settling=(0, 0))
    notes = Notes(zoom.log, **how)
    steps = Steps(cast("SettingsWriter", zoom), notes, Silent(), rules)
    return list(steps.run(changes))


def test_the_intention_is_written_down_before_the_request_and_the_outcome_after_reading() -> None:
    zoom = StrangeZoom(document())
    assert run(zoom)[0].outcome is StepOutcome.CHANGED
    assert zoom.log == ["read 1", "intend 1", "write 1", "read 1", "conclude 1"]
    assert zoom.sent == [{"chat": {"ai": {"shown": True, "enable": False}}}]


@pytest.mark.parametrize(
    ("effects", "outcome", "sent"),
    [
        ([ignored], StepOutcome.NOT_CHANGED, 1),
        ([third], StepOutcome.STALE, 1),
        ([made_but_lost], StepOutcome.CHANGED, 1),
        ([answered(BROKE), made], StepOutcome.CHANGED, 2),
        ([answered(BROKE)] * 3, StepOutcome.NOT_CHANGED, 3),
        ([answered(Malformed(REQUEST, "it is a page"))], StepOutcome.NOT_CHANGED, 1),
        ([answered(Rejected(REQUEST, "no", code=300))], StepOutcome.REFUSED, 1),
        ([answered(TokenRejected(REQUEST)), made], StepOutcome.CHANGED, 2),
        ([answered(RateLimited(REQUEST, retry_after=0.0))] * 5 + [made], StepOutcome.CHANGED, 6),
        ([answered(RateLimited(REQUEST, daily=True))], StepOutcome.SKIPPED, 1),
        ([Unreachable(REQUEST, "no connection"), made], StepOutcome.CHANGED, 2),
        ([Unreachable(REQUEST, "no connection")] * 3, StepOutcome.SKIPPED, 3),
        ([AuthenticationFailed(REQUEST, "No.")], StepOutcome.SKIPPED, 1),
    ],
)
def test_what_a_step_is_called_depends_on_what_is_read_afterwards(
    effects: list[Effect | ZoomError], outcome: StepOutcome, sent: int
) -> None:
    zoom = StrangeZoom(document(), [*effects])
    assert run(zoom)[0].outcome is outcome
    assert len(zoom.sent) == sent


@pytest.mark.parametrize(
    ("reads", "outcome"),
    [
        ([NotFound("GET", "gone")], StepOutcome.SKIPPED),
        ([None, NotFound("GET", "gone")], StepOutcome.UNVERIFIED),
    ],
)
def test_what_cannot_be_read_is_never_called_changed(
    reads: list[ZoomError | None], outcome: StepOutcome
) -> None:
    (result,) = run(StrangeZoom(document(), reads=reads))
    assert (result.outcome, result.is_unread) == (outcome, True)


@pytest.mark.parametrize("value", [1, 0, "false", None, [], {"enable": False}])
def test_a_value_of_another_type_is_neither_the_old_nor_the_new_one(value: Any) -> None:
    zoom = StrangeZoom(document(value))
    assert run(zoom)[0].outcome is StepOutcome.STALE
    assert zoom.sent == []


def test_a_setting_that_zoom_no_longer_returns_is_not_written() -> None:
    zoom = StrangeZoom({"chat": {}})
    (result,) = run(zoom)
    assert (result.outcome, result.is_unread, zoom.sent) == (StepOutcome.SKIPPED, True, [])


def test_an_object_with_a_secret_is_not_sent_back_without_it() -> None:
    zoom = StrangeZoom(document(key=REDACTED))
    assert run(zoom)[0].outcome is StepOutcome.SKIPPED
    assert zoom.sent == []


def test_another_setting_that_changes_with_it_is_a_surprise() -> None:
    zoom = StrangeZoom(document(), [with_side_effect])
    first, second = run(zoom, [change(), change(2)])
    assert (first.outcome, dict(first.side_effects)) == (
        StepOutcome.CHANGED,
        {"chat.ai.shown": False},
    )
    assert second.outcome is StepOutcome.SKIPPED


def test_a_request_that_was_sent_before_the_work_broke_off_counts_as_changed() -> None:
    zoom = StrangeZoom(document(False))
    assert run(zoom, earlier=(1,))[0].outcome is StepOutcome.CHANGED
    assert zoom.sent == []


def test_nothing_follows_when_nothing_can_succeed_even_if_it_is_to_keep_going() -> None:
    zoom = StrangeZoom(document(), [AuthenticationFailed(REQUEST, "No.")])
    outcomes = [result.outcome for result in run(zoom, [change(), change(2)], keep=True)]
    assert outcomes == [StepOutcome.SKIPPED, StepOutcome.SKIPPED]
    assert zoom.log.count("read 2") == 0


@pytest.mark.parametrize(("value", "locked"), [(False, True), (True, False), ("gone", False)])
def test_a_lock_is_set_only_over_values_that_were_just_read_and_are_right(
    value: Any, locked: bool
) -> None:
    zoom = StrangeZoom({**document(value), "lock": {"ai": False}})
    needs = (Needed("chat.ai.enable", False, ""),)
    lock = change(kind="lock", setting="lock.ai", before=False, target=True, needs=needs)
    (result,) = run(zoom, [lock])
    assert (result.outcome is StepOutcome.CHANGED) is locked
    assert bool(zoom.sent) is locked


def test_the_settings_of_a_view_are_found_without_its_section() -> None:
    zoom = StrangeZoom({"waiting_room": True})
    setting = "meeting_security.waiting_room"
    (result,) = run(zoom, [change(setting=setting, read_option="meeting_security")])
    assert zoom.sent == [{"meeting_security": {"waiting_room": False}}]
    assert result.outcome is StepOutcome.CHANGED


def test_the_order_of_a_list_is_no_difference() -> None:
    zoom = StrangeZoom({"chat": {"list": ["b", "a"]}})
    listed = change(setting="chat.list", before=[], target=["a", "b"])
    assert run(zoom, [listed])[0].outcome is StepOutcome.ALREADY_RIGHT

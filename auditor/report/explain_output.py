"""An explained scope as text and JSON (`auditor/explanation/v1`)."""

import json
import textwrap
from collections.abc import Iterator
from importlib import resources
from typing import Any

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.inventory import ChainLink, ScopeExplanation, SettingChain
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.plain_text import join_and
from auditor.report import wording
from auditor.report.display import printable, shorten
from auditor.report.inventory_output import run_object, state_object
from auditor.report.inventory_wording import state_words
from auditor.report.json_report import encode_json, finite

SCHEMA_ID = "auditor/explanation/v1"
LONGEST_NAME = 60


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the JSON explanation."""
    file = resources.files("auditor.report") / "schema" / "explanation-v1.json"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def as_json(explanation: ScopeExplanation) -> Iterator[str]:
    """The explanation for programs, in pieces: one setting a line."""
    yield f'{{"schema": {encode_json(SCHEMA_ID)},\n'
    yield f' "run": {encode_json(run_object(explanation.info))},\n'
    yield f' "scope": {encode_json(_person_object(explanation))},\n "settings": ['
    separator = "\n  "
    for chain in explanation.chains:
        yield separator + encode_json(finite(_chain_object(chain)))
        separator = ",\n  "
    yield "\n ]}\n"


def _scope_object(scope: Scope) -> dict[str, JsonValue]:
    return {"level": scope.level, "id": scope.id, "name": scope.label}


def _person_object(explanation: ScopeExplanation) -> JsonValue:
    scope = explanation.scope
    groups: list[JsonValue] = [{"id": each.id, "name": each.label} for each in explanation.groups]
    return {**_scope_object(scope), "email": scope.email, "groups": groups}


def _chain_object(chain: SettingChain) -> dict[str, JsonValue]:
    value = state_object(chain.value, sourced=True)
    value["locked"] = chain.locked
    return {
        "setting": chain.setting,
        "title": chain.title,
        "topic": chain.topic,
        **value,
        "chain": [
            {
                **_scope_object(link.scope),
                **state_object(link.state, sourced=True),
                "decides": link.decides,
            }
            for link in chain.links
        ],
        "decided_by": chain.decided_by,
        "follows": None if chain.follows is None else _scope_object(chain.follows),
        "changeable_by": [*chain.changeable_by],
        "changeable": chain.changeable,
        "verdicts": [
            {
                "control": verdict.control,
                "setting": verdict.setting,
                "kind": verdict.kind,
                "status": verdict.status,
                "severity": verdict.severity,
                "expected": None if verdict.expected is None else dict(verdict.expected),
                "cause": verdict.cause,
                "detail": verdict.detail,
            }
            for verdict in chain.verdicts
        ],
    }


def as_text(explanation: ScopeExplanation, width: int) -> str:
    """The explanation for a terminal; no line is wider than `width`."""
    lines = _wrapped(_who(explanation), width, "")
    lines += _wrapped(_origin(explanation), width, "")
    for chain in sorted(explanation.chains, key=_order):
        lines += ["", *_wrapped(_headline(chain), width, "")]
        for line in _chain_lines(chain):
            lines += _wrapped(line, width, "  ")
    if not explanation.chains:
        lines += ["", "Zoom has none of these settings at this level."]
    return "\n".join(lines) + "\n"


def _who(explanation: ScopeExplanation) -> str:
    scope = explanation.scope
    name = shorten(scope.label, LONGEST_NAME)
    address = f" <{printable(scope.email)}>" if scope.email and scope.email != scope.label else ""
    if scope.level is Level.ACCOUNT:
        return f"The account {printable(scope.id)}"
    kind = wording.sentence_case(scope.level.noun)
    text = f"{kind} {name}{address}, id {printable(scope.id)}"
    if scope.level is Level.USER:
        names = [shorten(group.label, LONGEST_NAME) for group in explanation.groups]
        return f"{text}; {'in ' + join_and(names) if names else 'in no group'}"
    return text


def _origin(explanation: ScopeExplanation) -> str:
    info = explanation.info
    simulated = "Simulated: not from Zoom. " if info.simulated else ""
    return (
        f"{simulated}Run {printable(info.run_id)} of account {printable(info.account_id)}, "
        f"{wording.when(info.finished_at)}.{_age(explanation)}"
    )


def _age(explanation: ScopeExplanation) -> str:
    """A sentence if what the person's own settings are was carried over from an earlier run."""
    times = [
        link.state.observed_at
        for chain in explanation.chains
        for link in chain.links
        if link.scope.level in (Level.USER, Level.PHONE_USER) and link.state.observed_at
    ]
    started = explanation.info.started_at
    if not times or not started or parse_rfc3339(min(times)) >= parse_rfc3339(started):
        return ""
    return f" What is the person's own was read at {wording.when(min(times))}, by an earlier run."


def _order(chain: SettingChain) -> int:
    """What is on first, then other values, then what is off, then what is unknown."""
    value = chain.value.value
    if not chain.value.is_seen:
        return 3
    return 1 if not isinstance(value, bool) else 0 if value else 2


def _headline(chain: SettingChain) -> str:
    """`Meeting summary: on (in_meeting.…)`."""
    own = chain.links[-1] if chain.links else None
    has_own = chain.decided_by is not None or (own is not None and own.state == chain.value)
    value = (
        shorten(state_words(chain.value, chain.words), LONGEST_NAME)
        if has_own
        else "no value of its own here"
    )
    return f"{printable(chain.title)}: {value} ({printable(chain.setting)})"


def _chain_lines(chain: SettingChain) -> Iterator[str]:
    for link in chain.links:
        yield _link(link, chain)
    yield from _decision(chain)
    for verdict in chain.verdicts:
        yield _verdict(verdict)


def _link(link: ChainLink, chain: SettingChain) -> str:
    name = (
        ""
        if link.scope.level in (Level.ACCOUNT, Level.PHONE_ACCOUNT)
        else f" {shorten(link.scope.label, 40)}"
    )
    words = shorten(state_words(link.state, chain.words), LONGEST_NAME)
    locks = {True: ", locked", False: ", not locked", None: ", lock not known"}
    lock = locks[link.state.locked] if link.lockable else ""
    decides = "  <- decides" if link.decides and link.state.is_seen else ""
    return f"{link.scope.level.noun}{name}: {words}{lock}{decides}"


def _decision(chain: SettingChain) -> Iterator[str]:
    """Who decided, and who can change it."""
    if chain.follows is not None:
        scope = chain.follows
        is_top = scope.level in (Level.ACCOUNT, Level.PHONE_ACCOUNT)
        name = "" if is_top else f" {shorten(scope.label, 40)}"
        yield f"The same as in the {scope.level.noun}{name}; no lock holds it."
    if chain.changeable:
        yield f"Who can change it: {printable(chain.changeable)}"


def _verdict(verdict: Verdict) -> str:
    """`AI-01: broken (critical), should be false`."""
    what = "lock, " if verdict.kind is FindingKind.LOCK else ""
    text = f"{printable(verdict.control)}: {what}{wording.verdict_name(verdict)}"
    if verdict.status in (Status.FAIL, Status.WAIVED):
        expected = _expected(verdict)
        text += f" ({verdict.severity}), {expected}" if expected else ""
    elif verdict.cause is not None:
        text += f", {wording.cause_name(verdict.cause)}"
    return text


def _expected(verdict: Verdict) -> str:
    expected = verdict.expected or {}
    value = expected.get("value")
    is_switch = expected.get("op") == "eq" and isinstance(value, bool)
    if is_switch and verdict.kind is not FindingKind.LOCK:
        return "should be on" if value else "should be off"
    return wording.should_be(verdict, LONGEST_NAME)


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  " if indent else "",
        break_on_hyphens=False,
    )

"""What a report should say, worked out from the policy files and the served documents alone.

Nothing here comes from `auditor.policy`: the files are read with PyYAML, the documents over HTTP
with requests, and the comparisons are written a second time.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests
import yaml

from auditor.sandbox import Planted, Sandbox

POLICIES = Path(__file__).parents[2] / "policies"
SETTINGS_LEVELS = ("account", "group", "user")
FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
VIEWS = ("", "meeting_authentication", "recording_authentication", "meeting_security", "security")

Key = tuple[str, ...]
"""Level, scope id, control, setting, kind."""


@dataclass(frozen=True)
class Rule:
    """One check of a control with what a baseline expects of it."""

    control: str
    check: Mapping[str, Any]
    expect: Mapping[str, Any]
    lock: bool
    others: tuple[Mapping[str, Any], ...]
    """All checks of the control."""

    @property
    def setting(self) -> str:
        """The path of the setting."""
        return str(self.check["setting"])

    @property
    def surface(self) -> str:
        """Where it stands."""
        return str(self.check.get("surface", "settings"))

    def is_at(self, level: str) -> bool:
        """Whether its surface is one of the level's."""
        if level in SETTINGS_LEVELS:
            return self.surface == "settings"
        return self.surface.startswith("phone") and level.startswith("phone")

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels that have it."""
        return tuple(self.check["levels"])


@cache
def rules(baseline: str) -> tuple[Rule, ...]:
    """Every rule of a shipped baseline."""
    chosen = _choices(baseline)
    found = []
    for path in sorted((POLICIES / "controls").glob("*.yaml")):
        for control in _loaded(path)["controls"]:
            choice = chosen.get(control["id"], {})
            checks = tuple(control.get("checks", ()))
            for check in checks:
                expect = choice.get("expect", choice.get("settings", {}).get(check["setting"]))
                if expect is None or choice.get("assess") is False:
                    continue
                expect = expect if isinstance(expect, dict) else {"op": "eq", "value": expect}
                found.append(Rule(control["id"], check, expect, choice.get("lock", False), checks))
    return tuple(found)


@cache
def _loaded(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=FAST_LOADER)


def _choices(baseline: str) -> dict[str, Any]:
    path = POLICIES / "baselines" / f"{baseline}.yaml"
    file = _loaded(path)
    below = _choices(file["extends"]) if file.get("extends") else {}
    return {**below, **file["controls"]}


class Documents:
    """The documents of an account, asked for over HTTP."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._session = requests.Session()
        self._session.trust_env = False
        answer = self._session.post(
            sandbox.oauth_url,
            auth=(sandbox.client_id, sandbox.client_secret),
            data={"grant_type": "account_credentials", "account_id": sandbox.account_id},
            timeout=10,
        )
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self._known: dict[tuple[str, str], dict[str, Any]] = {}

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def of(self, level: str, scope_id: str, surface: str = "settings") -> dict[str, Any]:
        """The documents of a scope by option, those that can be had."""
        if level.startswith("phone"):
            return {"": self._phone(level, scope_id)}
        place = {
            "account": "accounts/me",
            "group": f"groups/{scope_id}",
            "user": f"users/{scope_id}",
        }[level]
        key = (place, surface)
        if key not in self._known:
            found = {}
            for option in VIEWS:
                answer = self._session.get(
                    f"{self._sandbox.api_url}/{place}/{surface}",
                    params={"option": option} if option else {},
                    timeout=10,
                )
                if answer.status_code == 200:
                    found[option] = answer.json()
            self._known[key] = found
        return self._known[key]

    def _phone(self, level: str, scope_id: str) -> Any:
        place = {
            "phone_account": "account_settings",
            "phone_group": f"groups/{scope_id}/settings",
            "phone_site": f"sites/{scope_id}",
            "phone_user": f"users/{scope_id}",
        }[level]
        body = self._session.get(f"{self._sandbox.api_url}/phone/{place}", timeout=10).json()
        return body.get("policy", body)

    def value(self, level: str, scope_id: str, check: Mapping[str, Any]) -> Any:
        """The value of a check's setting at a scope; `...` where Zoom does not return it."""
        views = self.of(level, scope_id)
        declared = check.get("view", "")
        for option in (declared, *(other for other in views if other != declared)):
            value = at(views.get(option, {}), check["setting"])
            if value is not ...:
                return value
        key = check.get("find_key")
        found = [value for body in views.values() for value in under(body, key)] if key else []
        return found[0] if found and key == check["setting"] else ...


def under(body: Any, key: str) -> Iterator[Any]:
    """Whatever stands under a key, however deep."""
    if isinstance(body, dict):
        for name, child in body.items():
            if name == key:
                yield child
            yield from under(child, key)


def at(body: Any, path: str) -> Any:
    """The value at a dotted path; `...` where there is none."""
    for part in path.split("."):
        if not isinstance(body, dict) or part not in body:
            return ...
        body = body[part]
    return body


def deviations(rules: Sequence[Rule], planted: Iterable[Planted], documents: Documents) -> set[Key]:
    """Where the planted departures are against the rules, with what is derived from them."""
    found: set[Key] = set()
    for row in planted:
        if row.kind in ("value", "added"):
            found |= set(_values(rules, row, documents))
        elif row.kind == "lock":
            found |= set(_locks(rules, row, documents))
    return found | set(_derived(rules, found))


def _values(rules: Sequence[Rule], row: Planted, documents: Documents) -> Iterator[Key]:
    covered = False
    for rule in rules:
        touched = _touches(rule.check, row.setting)
        covered |= touched
        condition = rule.check.get("only_when", {}).get("setting")
        if row.level not in rule.levels or not (touched or row.setting == condition):
            continue
        if not rule.is_at(row.level) or not _counts(rule, row.level, row.scope_id, documents):
            continue
        value = documents.value(row.level, row.scope_id, rule.check)
        if value is not ... and meets(rule, value) is False:
            yield row.level, row.scope_id, rule.control, rule.setting, "value"
    if row.kind == "added" and not covered:
        yield row.level, row.scope_id, "CC-07", row.setting, "uncovered"


def _counts(rule: Rule, level: str, scope_id: str, documents: Documents) -> bool:
    """Whether the rule says anything about this scope."""
    condition = rule.check.get("only_when")
    if condition is not None:
        switch = {"setting": condition["setting"], "view": rule.check.get("view", "")}
        if documents.value(level, scope_id, switch) != condition["is"]:
            return False
    newer = rule.check.get("legacy_of")
    for other in rule.others:
        if other["setting"] == newer and level in other["levels"]:
            return documents.value(level, scope_id, other) is ...
    return True


def _locks(rules: Sequence[Rule], row: Planted, documents: Documents) -> Iterator[Key]:
    for rule in rules:
        lock, levels = rule.check.get("lock"), tuple(rule.check.get("lock_levels", ()))
        due = rule.lock and lock is not None and rule.is_at(row.level)
        if not due or row.level != highest(levels):
            continue
        if rule.check.get("lock_inferred") or rule.check.get("legacy_of"):
            continue
        judged = row.level not in rule.levels or _counts(rule, row.level, row.scope_id, documents)
        if judged and _under(row.setting, str(lock)) and row.value is False:
            yield row.level, row.scope_id, rule.control, rule.setting, "lock"


def highest(levels: Sequence[str]) -> str:
    """The level at which a lock is due: the highest of those that have it."""
    order = ("account", "group", "phone_account", "phone_group", "phone_site", "phone_user")
    return min(levels, key=order.index, default="")


def _derived(rules: Sequence[Rule], found: set[Key]) -> Iterator[Key]:
    account = {(key[2], key[3]) for key in found if key[0] == "account" and key[4] == "value"}
    looser = {
        level
        for level, _, control, setting, kind in found
        if kind == "value"
        and (control, setting) not in account
        and any(
            r.control == control and r.setting == setting and "account" in r.levels for r in rules
        )
    }
    scope = next((key[1] for key in found if key[0] == "account"), "")
    for rule in rules:
        if rule.control == "CC-01":
            due = any(key[4] == "lock" for key in found)
        elif rule.control == "CC-02":
            due = ("group" if "compare(group" in rule.setting else "user") in looser
        elif rule.control == "CC-07":
            due = any(key[4] == "uncovered" for key in found)
        else:
            due = False
        if due:
            yield "account", scope, rule.control, rule.setting, "derived"


def _touches(check: Mapping[str, Any], path: str) -> bool:
    """Whether a path is the setting of a check: of one whose parent is not known, the end of it."""
    if check.get("find_key") == check["setting"]:
        return str(check["setting"]) in path.split(".")
    return _under(path, check["setting"])


def _under(path: str, section: str) -> bool:
    return path == section or path.startswith(f"{section}.")


def meets(rule: Rule, value: Any) -> bool | None:
    """Whether a value is as expected; None where that takes more than the value."""
    documented = rule.check.get("values")
    if documented is not None and not isinstance(value, list):
        fold = rule.check.get("values_ignore_case", False)
        if _folded(value, fold) not in [_folded(each, fold) for each in documented]:
            return None
    op: str = rule.expect["op"]
    wanted: Any = rule.expect.get("value")
    if op == "off":
        switches = [value] if isinstance(value, bool) else [value.get("enable", False)]
        return not any(switches)
    if op == "on":
        return all([value] if isinstance(value, bool) else [value.get("enable", False)])
    if op == "eq":
        return value is wanted if isinstance(wanted, bool) else value == wanted
    if op == "neq":
        return bool(value != wanted)
    if op == "in":
        return value in wanted
    if op == "in_ci":
        return value.lower() in [each.lower() for each in wanted]
    if op == "lte":
        return bool(value <= wanted)
    if op == "duration_lte":
        return _days(value) <= _days(wanted)
    if op == "disjoint_from":
        return not set(value) & set(wanted)
    if op == "no_true_leaf_except_param":
        return not any(_switches(value, rule.check.get("leave_out", ())))
    assert "param" in rule.expect, f"this oracle does not know {op}"
    return None


def _folded(value: Any, fold: bool) -> Any:
    return value.lower() if fold and isinstance(value, str) else value


def _switches(value: Any, leave_out: Iterable[str]) -> Iterator[bool]:
    if isinstance(value, dict):
        for key, child in value.items():
            if key not in leave_out:
                yield from _switches(child, leave_out)
    else:
        yield value is True


def _days(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)y)?(?:(\d+)m)?(?:(\d+)d)?", text)
    assert found, text
    years, months, days = (int(part or 0) for part in found.groups())
    return years * 365 + months * 365 / 12 + days

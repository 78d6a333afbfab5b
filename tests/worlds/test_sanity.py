"""No expected report holds a pass for something its world did not return.

The documents are asked for over HTTP a second time and read by code of our own: whoever writes an
expected report anew cannot make a wrong pass right by it.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from auditor.sandbox import Sandbox
from tests.end_to_end.expected import Documents, Rule, at, rules
from tests.worlds.conftest import CASES, Audited, Serve
from tests.worlds.golden import FOLDER, rows

SETTINGS_LEVELS = ("account", "group", "user")
LISTED = {("CC-03", "account"), ("AI-21", "account"), ("AI-22", "account")}
REPORTED = {("AI-23", "account"), ("TM-02", "account"), ("TR-07", "account")}
CERTAIN = {"denied": set(), "empty": {("CC-03", "app"), *REPORTED, *LISTED}}
"""What those worlds do show: which scopes the app has, reports that name no meeting with AI and no
remote support, and lists without apps or workflows."""
SWITCHED_OFF = 3000
"""Zoom's code for a list of summaries where the account makes none."""

Row = Mapping[str, Any]


def expected(world: str, baseline: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{world}.{baseline}.json").read_text("utf-8"))
    return found


class Served:
    """What a world returns, read without the program."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.documents = Documents(sandbox)
        self._sandbox = sandbox
        answer = requests.post(
            sandbox.oauth_url,
            auth=(sandbox.client_id, sandbox.client_secret),
            data={"grant_type": "account_credentials", "account_id": sandbox.account_id},
            timeout=10,
        ).json()
        self.scopes = sorted(answer["scope"].split())
        self._token = answer["access_token"]

    def ask(self, path: str, **query: str) -> requests.Response:
        """The answer to one request."""
        headers = {"Authorization": f"Bearer {self._token}"}
        address = self._sandbox.api_url + path
        return requests.get(address, params=query, headers=headers, timeout=10)

    def get(self, path: str) -> Any:
        """A document; an empty one where it is refused."""
        answer = self.ask(path)
        return answer.json() if answer.status_code == 200 else {}

    def used(self, row: Row) -> list[int]:
        """How often something was used, where Zoom tells."""
        what, _, feature = row["setting"].partition(":")
        if what == "summaries_listed":
            answer = self.ask("/meetings/meeting_summaries")
            off = answer.status_code == 400 and answer.json()["code"] == SWITCHED_OFF
            return [0] if off else [len(answer.json()["summaries"])]
        today = datetime.now(UTC).date()
        month = {"from": str(today - timedelta(days=29)), "to": str(today)}
        if what == "remote_support_sessions":
            return [len(self.ask("/report/remote_support", **month).json()["remote_support_logs"])]
        assert what == "meetings_with_feature", row
        answer = self.ask("/report/history_meetings", **month)
        return [sum(m["feature_used"][feature] for m in answer.json()["history_meetings"])]

    def writing_apps(self, kind: str) -> list[str]:
        """The names of the apps that can change anything."""
        listed = self.ask("/marketplace/apps", type=kind).json()["apps"]
        scopes = {app["app_name"]: [each["scope_name"] for each in app["scopes"]] for app in listed}
        return [name for name, held in scopes.items() if any(":read" not in s for s in held)]

    def values(self, row: Row, rule: Rule) -> list[Any]:
        """What stands at the setting of a row: in each view, or wherever its key stands."""
        if row["level"] == "app":
            return [self.scopes]
        if row["kind"] == "usage":
            return self.used(row)
        if row["setting"].endswith(".admin_scopes"):
            return [self.writing_apps(row["setting"].partition("type=")[2].partition("]")[0])]
        if row["setting"] == "workflows[]":
            return [
                [
                    f"{each['name']} ({each['id']})"
                    for each in self.get("/ai/workflows/flows")["flows"]
                ]
            ]
        if row["level"] in SETTINGS_LEVELS:
            views = list(self.documents.of(row["level"], row["id"]).values())
        else:
            views = list(self.phone(row["level"], row["id"]))
        view, key = rule.check.get("view", ""), rule.check.get("find_key")
        names = (row["setting"], row["setting"].removeprefix(f"{view}."))
        found = [at(body, name) for body in views for name in names]
        if key is not None:
            rest = row["setting"].partition(f"{key}.")[2]
            parents = [parent for body in views for parent in under(body, key)]
            found += [at(parent, rest) if rest else parent for parent in parents]
        if rule.check.get("counted"):
            found = [len(value) for value in found if isinstance(value, list)]
        return [value for value in found if value is not ...]

    def phone(self, level: str, scope_id: str) -> Iterator[Any]:
        """The policies of Zoom Phone at a level."""
        if level == "phone_account":
            yield self.get("/phone/account_settings")
        elif level == "phone_site":
            yield self.get(f"/phone/sites/{scope_id}").get("policy", {})
        elif level == "phone_group":
            yield self.get(f"/phone/groups/{scope_id}/settings")
        elif level == "phone_user":
            yield self.get(f"/phone/users/{scope_id}").get("policy", {})

    def locks(self, row: Row, rule: Rule) -> list[Any]:
        """What stands at the lock of a row."""
        if row["level"].startswith("phone"):
            return self.values({**row, "setting": rule.check["lock"]}, rule)
        views = self.documents.of(row["level"], row["id"], "lock_settings")
        option = rule.check.get("lock_view", rule.check.get("view", ""))
        names = (rule.check["lock"], rule.check["lock"].removeprefix(f"{option}."))
        found = [at(body, name) for body in views.values() for name in names]
        return [value for value in found if value is not ...]


def under(body: Any, key: str) -> Iterator[Any]:
    """Whatever stands under a key, however deep."""
    if isinstance(body, dict):
        for name, child in body.items():
            if name == key:
                yield child
            yield from under(child, key)


def is_on(flag: Any) -> bool:
    """True for a lock that says it is on: `true`, or an object of nothing else."""
    if isinstance(flag, dict):
        return bool(flag) and all(map(is_on, flag.values()))
    return flag is True


def without(value: Any, keys: list[str]) -> Any:
    """A value without what another check judges."""
    if isinstance(value, dict):
        return {name: without(each, keys) for name, each in value.items() if name not in keys}
    return value


@pytest.mark.parametrize(("world", "baseline"), CASES)
def test_every_pass_rests_on_what_the_world_returned(
    serve_world: Serve, world: str, baseline: str
) -> None:
    passes = [row for row in rows(expected(world, baseline)) if row["status"] == "pass"]
    served = Served(serve_world(world))
    checks = {(rule.control, rule.setting): rule for rule in rules(baseline)}
    for row in passes:
        rule = checks[row["control"], row["setting"]]
        if row["kind"] == "lock":
            flags = served.locks(row, rule)
            assert flags, row
            assert all(map(is_on, flags)), row
        elif row["kind"] in ("value", "usage"):
            leave_out = rule.check.get("leave_out", [])
            assert row["observed"] in [without(v, leave_out) for v in served.values(row, rule)], row
        else:
            assert (row["kind"], row["source"]) == ("derived", "computed"), row
    served.documents.close()


@pytest.mark.parametrize(("world", "baseline"), CASES)
def test_a_derived_pass_has_no_doubt_beneath_it(world: str, baseline: str) -> None:
    told = list(rows(expected(world, baseline)))
    passed = {row["setting"]: row for row in told if (row["kind"], row["status"]) == DERIVED}
    for setting, row in passed.items():
        if row["control"] == "CC-01":
            assert {r["status"] for r in told if r["kind"] == "lock"} <= {"pass", "not_applicable"}
        elif row["control"] == "CC-02":
            level = "user" if "user_settings" in setting else "group"
            assert not [r for r in told if r["level"] == level and r["status"] == "fail"]
        else:
            assert row["control"] == "CC-07"
            assert world == "conforming"


DERIVED = ("derived", "pass")


@pytest.mark.parametrize(("world", "baseline"), [case for case in CASES if case[0] in CERTAIN])
def test_a_world_that_shows_nothing_has_no_pass(world: str, baseline: str) -> None:
    told = list(rows(expected(world, baseline)))
    passed = {(row["control"], row["level"]) for row in told if row["status"] == "pass"}
    assert passed <= CERTAIN[world]
    assert "fail" not in {row["status"] for row in told}


@pytest.mark.parametrize(("world", "baseline"), CASES)
def test_every_control_is_spoken_of_and_every_count_adds_up(world: str, baseline: str) -> None:
    kept = expected(world, baseline)
    told = list(rows(kept))
    counted = dict.fromkeys(kept["summary"]["by_status"], 0)
    for row in told:
        counted[row["status"]] += 1
    assert kept["summary"]["by_status"] == counted
    spoken = {row["control"] for row in told} | set(kept["summary"]["not_reached"])
    assert spoken >= {rule.control for rule in rules(baseline)}


@pytest.mark.parametrize(("world", "baseline"), CASES)
def test_an_unknown_has_a_cause_and_nothing_else_has_one(world: str, baseline: str) -> None:
    for row in rows(expected(world, baseline)):
        assert (row["cause"] is not None) == (row["status"] == "unknown"), row


@pytest.mark.parametrize(
    ("world", "complete", "code"),
    [("denied", False, 3), ("empty", False, 3), ("conforming", True, 0), ("partial", False, 3)],
)
def test_what_could_not_be_read_shows_in_the_exit_code(
    world: str, complete: bool, code: int
) -> None:
    run = expected(world, "strict")["run"]
    assert (run["complete"], run["exit_code"]) == (complete, code)


def test_what_was_read_has_its_time_and_what_was_computed_has_none(audited: Audited) -> None:
    for finding in audited("conforming", "consent-first")["findings"]:
        if finding["source"].startswith(("GET ", "POST ")) and finding["observed_at"]:
            datetime.fromisoformat(finding["observed_at"])
        if finding["source"] in ("", "computed"):
            assert finding["observed_at"] is None, finding

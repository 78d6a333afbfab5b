"""The clean account against the control catalogue, if that is available."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.sandbox import World
from auditor.sandbox.documents import clean, leaves

SHARED = Path(os.environ.get("AUDITOR_REAL_INPUT", Path(__file__).parents[3].joinpath("shared")))
pytestmark = [
    pytest.mark.real_input,
    pytest.mark.skipif(
        not SHARED.joinpath("controls.json").is_file(),
        reason="the control catalogue (controls.json) is not here",
    ),
]
DOCUMENTS = {
    "account": ("account_settings", "account_lock_settings"),
    "group": ("group_settings", "group_lock_settings"),
    "user": ("user_settings", None),
}


UNDER = {
    "ai_model_type": "ai",
    "allow_participants_to_transcribe_meetings_with_my_notes": "in_meeting",
    "support_participants_receive_summary": "in_meeting",
    "meeting_waiting_room_branding": "in_meeting",
    "webinar_waiting_room_branding": "in_meeting",
    "enforce_fips_mode": "other_options",
}
"""Settings that Zoom's changelog names without their parent, and where the sandbox has them."""


def read(name: str) -> Any:
    return json.loads(SHARED.joinpath(name).read_text("utf-8"))


def checks() -> Iterator[tuple[str, dict[str, Any]]]:
    for control in read("controls.json")["controls"]:
        for check in control["checks"]:
            if check["surface"] in ("account_settings", "user_settings"):
                yield control["id"], check


def value_at(name: Any, path: str) -> Any:
    for body in clean(name).values():
        value: Any = body
        for key in path.split("."):
            value = value.get(key, KeyError) if isinstance(value, dict) else KeyError
        if value is not KeyError:
            return value
    return KeyError


def conforms(expected: dict[str, Any], value: Any) -> bool:
    match expected["op"]:
        case "eq":
            return bool(value == expected["value"])
        case "neq":
            return bool(value != expected["value"])
        case "in" | "in_ci":
            return value in expected["value"]
        case "lte":
            return bool(value <= expected["value"])
        case "off":
            return value is False or value["enable"] is False
        case "disjoint_from":
            return set(value).isdisjoint(expected["value"])
        case "no_true_leaf_except_param":
            return all(leaf is not True for _, leaf in leaves(value))
        case "duration_lte":
            return str(value) in ("6m", "90d")
        case _:
            return True


def path_at(check: dict[str, Any], level: str) -> str:
    """The path of a setting in the sandbox, even if Zoom does not name its parent."""
    path = str(check["path"])
    section = UNDER.get(path)
    return f"{section}.{path}" if section else path


@pytest.mark.parametrize("baseline", ["strict", "consent-first"])
def test_every_assessed_value_of_the_clean_account_conforms(baseline: str) -> None:
    wrong = []
    for control, check in checks():
        for level in check["levels"]:
            value = value_at(DOCUMENTS[level][0], path_at(check, level))
            expected = check["expected"][baseline]
            if value is KeyError or not conforms(expected, value):
                wrong.append((control, level, check["path"], value, expected))
    assert wrong == []


def test_every_lock_a_control_reads_is_on_in_the_clean_account() -> None:
    wrong = [
        (control, level, check["lock_path"])
        for control, check in checks()
        for level in check["lock_levels"]
        if value_at(DOCUMENTS[level][1], check["lock_path"]) is not True
    ]
    assert wrong == []


def test_every_documented_setting_stands_where_the_catalogue_says() -> None:
    missing = [
        (level, entry["path"])
        for entry in read("zoom-api/settings-catalog.json")
        if entry["api"] == "core" and "[]" not in entry["path"]
        for level in entry["levels"]
        if value_at(DOCUMENTS[level][0], path_at(entry, level)) is KeyError
    ]
    assert missing == [("user", "telephony.telephony_regions.selection_values")]


def test_nobody_deviates_where_a_lock_would_have_stopped_it() -> None:
    locks = {
        entry["path"]: (entry["lock_path"], entry["lock_levels"])
        for entry in read("zoom-api/settings-catalog.json")
        if entry["lock_path"] and "account" in entry["lock_levels"]
    }
    world = World(users=300, scenario="drifted")
    planted = list(world.planted())
    off = {row.setting for row in planted if (row.level, row.kind) == ("account", "lock")}
    held = {
        (row.setting, locks[row.setting][0])
        for row in planted
        if row.level in ("group", "user")
        and row.kind == "value"
        and row.setting in locks
        and locks[row.setting][0] not in off
    }
    assert held == set()

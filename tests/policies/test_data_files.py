"""The policy files as data: complete, sorted, and about settings that Zoom documents."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.policy.catalogue.operators import OPERATORS

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "policies"
CONTROL_FILES = sorted((POLICIES / "controls").glob("*.yaml"))
BASELINE_FILES = sorted((POLICIES / "baselines").glob("*.yaml"))
YAML_FILES = sorted(POLICIES.rglob("*.yaml"))
PRIVACY_BASELINES = ("strict", "consent-first", "regulated", "education")
CONTROLS_PER_FAMILY = {
    "AI": 23,
    "CN": 13,
    "TR": 7,
    "RC": 10,
    "RT": 6,
    "TP": 12,
    "DR": 3,
    "TM": 4,
    "EN": 6,
    "CH": 4,
    "IA": 5,
    "CC": 8,
    "CIS": 171,
}
CONTROLS_OBSERVED_BY = {"api": 72, "attestation": 24, "both": 5}
"""Without those of the CIS benchmark, which are in a family of their own."""
MAP_OF_SURFACE = {"phone_account_settings": "phone", "phone_site": "phone", "meeting": "meeting"}

Data = dict[str, Any]


FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def loaded(path: Path) -> Data:
    data: Data = yaml.load(path.read_text(encoding="utf-8"), FAST_LOADER)
    return data


FAMILIES = {path.stem: loaded(path) for path in CONTROL_FILES}
BASELINES = {path.stem: loaded(path) for path in BASELINE_FILES}
CONTROLS: dict[str, Data] = {
    control["id"]: control for family in FAMILIES.values() for control in family["controls"]
}
DOCUMENTED: Data = json.loads((POLICIES / "settings.json").read_text(encoding="utf-8"))
PARAMETERS: list[Data] = loaded(POLICIES / "parameters.yaml")["parameters"]
EXAMPLE = loaded(POLICIES / "examples" / "organisation.yaml")


def checks(surface: str | None = None) -> Iterator[tuple[str, Data]]:
    """Control id and check, of one surface or all."""
    for control in CONTROLS.values():
        for check in control.get("checks", []):
            if surface in (None, check.get("surface", "settings")):
                yield control["id"], check


def natural(control_id: str) -> tuple[str, list[int]]:
    prefix, number = control_id.rsplit("-", 1)
    return prefix, [int(part) for part in number.split(".")]


def expectations(control: Data, choice: Data) -> dict[str, Data]:
    """Setting to expectation of one control in one baseline."""
    if "expect" in choice:
        return {check["setting"]: choice["expect"] for check in control["checks"]}
    return dict(choice.get("settings", {}))


# The catalogue


def test_every_control_has_its_own_id() -> None:
    ids = [control["id"] for family in FAMILIES.values() for control in family["controls"]]
    assert [control_id for control_id, n in Counter(ids).items() if n > 1] == []


@pytest.mark.parametrize("stem", FAMILIES)
def test_a_family_file_is_named_after_its_topic_and_sorted_by_id(stem: str) -> None:
    family = FAMILIES[stem]
    ids = [control["id"] for control in family["controls"]]
    assert family["topic"] == stem
    assert {control_id.split("-")[0] for control_id in ids} == {family["family"]}
    assert ids == sorted(ids, key=natural)


def test_the_catalogue_is_complete() -> None:
    counts = {family["family"]: len(family["controls"]) for family in FAMILIES.values()}
    assert counts == CONTROLS_PER_FAMILY, "a control was added or removed: CONTROLS_PER_FAMILY"


def test_as_many_controls_are_read_and_attested_as_were_reviewed() -> None:
    own = [control for cid, control in CONTROLS.items() if not cid.startswith("CIS-")]
    assert Counter(c["observed_by"] for c in own) == CONTROLS_OBSERVED_BY


def test_every_cis_control_maps_to_its_recommendation() -> None:
    for control in FAMILIES["cis-zoom-1.0"]["controls"]:
        number = control["id"].removeprefix("CIS-")
        assert control["mappings"] == {"cis_zoom_v1_0_0": [number]}


def test_every_control_is_read_attested_or_both() -> None:
    for cid, control in CONTROLS.items():
        if control["observed_by"] != "attestation":
            assert control["checks"], cid
            assert control["when_absent"] in ("unknown", "not_applicable"), cid
        else:
            assert not {"checks", "when_absent"} & set(control), cid
        if control["observed_by"] != "api":
            assert {"question", "evidence", "renew_days"} <= set(control["attestation"]), cid
        else:
            assert "attestation" not in control, cid


def test_controls_hold_no_expected_values() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in CONTROL_FILES)
    assert not re.search(r"^ *(- )?(expect|expected|op|lock_required_for):", text, re.MULTILINE)


def test_a_setting_stands_once_in_a_control() -> None:
    for cid, control in CONTROLS.items():
        settings = [check["setting"] for check in control.get("checks", [])]
        assert len(settings) == len(set(settings)), cid


def test_a_legacy_setting_names_the_newer_one_of_the_same_control() -> None:
    for cid, check in checks():
        if "legacy_of" in check:
            newer = {other["setting"] for other in CONTROLS[cid]["checks"]} - {check["setting"]}
            assert check["legacy_of"] in newer, cid


def test_only_the_privacy_baselines_speak_of_directions_in_mappings() -> None:
    known = {control["id"].removeprefix("CIS-") for control in FAMILIES["cis-zoom-1.0"]["controls"]}
    for cid, control in CONTROLS.items():
        for mapped in control.get("mappings", {}).get("cis_zoom_v1_0_0", []):
            number, _, direction = mapped.partition(" ")
            assert number in known, cid
            assert direction in ("", "(opposite)", "(differs)"), cid


# What Zoom documents


def test_every_setting_is_documented_at_each_level_it_names() -> None:
    missing = [
        (cid, check["setting"], level)
        for cid, check in checks("settings")
        for level in check["levels"]
        if level not in DOCUMENTED["settings"].get(check["setting"], {}).get("levels", [])
    ]
    assert missing == []


@pytest.mark.parametrize("surface", MAP_OF_SURFACE)
def test_every_phone_and_meeting_setting_is_documented_at_each_level_it_names(surface: str) -> None:
    documented = DOCUMENTED[MAP_OF_SURFACE[surface]]
    found = list(checks(surface))
    missing = [
        (cid, check["setting"], level)
        for cid, check in found
        for level in check["levels"]
        if level not in documented.get(check["setting"], {}).get("levels", [])
    ]
    assert found
    assert missing == []


def test_a_setting_is_read_from_the_view_that_returns_it() -> None:
    wrong = [
        (cid, check["setting"])
        for cid, check in checks("settings")
        if check.get("view") != DOCUMENTED["settings"][check["setting"]].get("view")
    ]
    assert wrong == []


def test_a_condition_is_about_a_documented_setting() -> None:
    for cid, check in checks():
        if "only_when" in check:
            names = MAP_OF_SURFACE.get(check.get("surface", ""), "settings")
            assert check["only_when"]["setting"] in DOCUMENTED[names], cid


def test_every_lock_is_documented_at_each_level_it_names() -> None:
    missing = [
        (cid, check["lock"], level)
        for cid, check in checks("settings")
        for level in check.get("lock_levels", [])
        if check["lock"] not in DOCUMENTED["locks"][level]
    ]
    assert missing == []


def test_every_lock_of_a_setting_is_listed_among_the_locks() -> None:
    missing = [
        (entry["lock"], level)
        for entry in DOCUMENTED["settings"].values()
        for level in entry.get("lock_levels", [])
        if entry["lock"] not in DOCUMENTED["locks"][level]
    ]
    assert missing == [], "add them under `locks` of policies/settings.json"


def test_a_lock_path_never_stands_without_levels() -> None:
    assert [cid for cid, check in checks() if ("lock" in check) != ("lock_levels" in check)] == []


def test_a_pairing_of_setting_and_lock_that_nobody_documents_is_marked_inferred() -> None:
    unmarked = []
    for cid, check in checks("settings"):
        if "lock" in check and not check.get("lock_inferred"):
            entry = DOCUMENTED["settings"][check["setting"]]
            if entry.get("lock") != check["lock"] or entry.get("lock_inferred"):
                unmarked.append((cid, check["setting"]))
    assert unmarked == []


def test_documented_values_are_taken_over_in_full() -> None:
    for cid, check in checks("settings"):
        documented = DOCUMENTED["settings"][check["setting"]].get("values")
        if documented is not None:
            assert check.get("values") == documented, (cid, check["setting"])


def test_a_setting_that_is_known_by_its_key_is_called_by_it_alone() -> None:
    """Its parent object is not published, so any name before a dot would be invented."""
    by_key = {p: entry for p, entry in DOCUMENTED["settings"].items() if entry.get("by_key")}
    assert by_key
    assert [path for path in by_key if "." in path] == []


def test_settings_have_one_line_each_in_order() -> None:
    lines = (POLICIES / "settings.json").read_text(encoding="utf-8").splitlines()
    for name in ("settings", "phone", "meeting", "webinar", "rooms", "recording"):
        paths = list(DOCUMENTED[name])
        assert paths == sorted(paths)
        start = lines.index(f'  "{name}": {{')
        listed = [line.split('"')[1] for line in lines[start + 1 : start + 1 + len(paths)]]
        assert listed == paths


def test_every_source_of_a_setting_is_explained() -> None:
    used = {
        key
        for name in ("settings", "phone", "meeting", "webinar", "rooms", "recording")
        for entry in DOCUMENTED[name].values()
        for key in entry["source"]
    }
    assert used == set(DOCUMENTED["sources"])


def test_an_undocumented_level_is_one_of_the_levels() -> None:
    for path, entry in DOCUMENTED["settings"].items():
        assert set(entry.get("undocumented_levels", [])) <= set(entry["levels"]), path


def test_a_lock_that_can_be_written_says_so_once_and_at_levels_where_it_exists() -> None:
    by_lock: dict[str, list[str]] = {}
    for path, entry in DOCUMENTED["settings"].items():
        assert ("lock" in entry) == ("lock_writable_levels" in entry), path
        if "lock" in entry:
            levels = entry["lock_writable_levels"]
            assert set(levels) <= set(entry["lock_levels"]), path
            by_lock.setdefault(entry["lock"], levels)
            assert bool(levels) == bool(by_lock[entry["lock"]]), path
    read_only = {lock for lock, levels in by_lock.items() if not levels}
    assert read_only == {
        "in_meeting.ai_companion_questions",
        "in_meeting.manual_captions",
        "in_meeting.meeting_reactions",
        "in_meeting.meeting_summary_with_ai_companion",
    }


# The baselines


def test_the_five_baselines_are_there() -> None:
    assert set(BASELINES) == {*PRIVACY_BASELINES, "cis-zoom-1.0"}


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_named_after_its_file_and_sorted_by_id_in_each_family(name: str) -> None:
    baseline = BASELINES[name]
    ids = list(baseline["controls"])
    families = list(dict.fromkeys(control_id.split("-")[0] for control_id in ids))
    assert baseline["id"] == name
    assert isinstance(baseline["version"], str)
    assert ids == sorted(ids, key=lambda cid: (families.index(cid.split("-")[0]), natural(cid)))


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_speaks_of_existing_controls_and_settings(name: str) -> None:
    for cid, choice in BASELINES[name]["controls"].items():
        control = CONTROLS[cid]
        by = control["observed_by"]
        known = {check["setting"] for check in control.get("checks", [])}
        assert isinstance(choice.get("attest"), str) == (by != "api"), cid
        if by == "attestation":
            assert not {"expect", "settings"} & set(choice), cid
        else:
            assert {"expect", "settings"} & set(choice) or by == "both", cid
            assert not {"expect", "settings"} <= set(choice), cid
            assert expectations(control, choice) or by == "both", cid
            assert set(expectations(control, choice)) <= known, cid


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_uses_known_operators_and_parameters(name: str) -> None:
    parameters = {each["name"] for each in PARAMETERS}
    for cid, choice in BASELINES[name]["controls"].items():
        if CONTROLS[cid]["observed_by"] == "attestation":
            continue
        for expected in expectations(CONTROLS[cid], choice).values():
            assert expected["op"] in OPERATORS, cid
            named = {expected.get("param"), expected.get("group_exception_param")} - {None}
            assert named <= parameters, cid
    assert set(BASELINES[name].get("parameters", {})) <= parameters


@pytest.mark.parametrize("name", BASELINES)
def test_an_expected_value_is_one_that_zoom_documents(name: str) -> None:
    for cid, choice in BASELINES[name]["controls"].items():
        if CONTROLS[cid]["observed_by"] == "attestation":
            continue
        expected = expectations(CONTROLS[cid], choice)
        for check in CONTROLS[cid]["checks"]:
            wanted = expected.get(check["setting"], {})
            if "values" in check and wanted.get("op") in ("eq", "neq", "in", "in_ci"):
                value = wanted["value"]
                listed = value if isinstance(value, list) else [value]
                known = [str(each).casefold() for each in check["values"]]
                assert {str(each).casefold() for each in listed} <= set(known), cid


def test_the_benchmark_baseline_has_every_recommendation_and_nothing_else() -> None:
    ids = [cid for cid in CONTROLS if cid.startswith("CIS-")]
    assert list(BASELINES["cis-zoom-1.0"]["controls"]) == ids


def test_the_benchmark_wants_five_locks() -> None:
    controls = BASELINES["cis-zoom-1.0"]["controls"]
    locked = [cid for cid, choice in controls.items() if choice.get("lock")]
    assert locked == [f"CIS-1.1.2.{n}" for n in (3, 4, 8, 10, 12)]


@pytest.mark.parametrize(
    ("number", "setting", "expected"),
    [
        (
            "1.1.2.6",
            "schedule_meeting.use_pmi_for_scheduled_meetings",
            {"op": "eq", "value": False},
        ),
        ("1.1.2.7", "schedule_meeting.use_pmi_for_instant_meetings", {"op": "eq", "value": False}),
        (
            "1.1.4.1.1",
            "in_meeting.custom_data_center_regions",
            {"op": "eq", "value": True},
        ),
        (
            "1.1.4.1.2",
            "in_meeting.data_center_regions",
            {"op": "subset_of_param", "param": "allowed_regions"},
        ),
        (
            "3.1.1.1.3",
            "security.password_requirement.consecutive_characters_length",
            {"op": "gte", "value": 4},
        ),
    ],
)
def test_the_benchmark_reads_the_field_that_answers(
    number: str, setting: str, expected: Data
) -> None:
    cid = f"CIS-{number}"
    assert expectations(CONTROLS[cid], BASELINES["cis-zoom-1.0"]["controls"][cid])[setting] == (
        expected
    )


def test_camera_settings_are_read_under_the_name_of_each_level() -> None:
    levels = {c["setting"]: c["levels"] for c in CONTROLS["CIS-1.1.2.3"]["checks"]}
    assert levels == {
        "schedule_meeting.participant_video": ["account", "group"],
        "schedule_meeting.participants_video": ["user"],
    }


# Parameters and the example


def test_parameters_are_sorted_and_typed() -> None:
    names = [each["name"] for each in PARAMETERS]
    kinds = {"list": list, "boolean": bool, "string": str, "integer": int, "duration": str}
    assert names == sorted(set(names))
    for each in PARAMETERS:
        assert type(each["example"]) is kinds[each["type"]], each["name"]


def test_every_parameter_is_used_by_a_baseline() -> None:
    named = re.findall(
        r"\b(?:param|group_exception_param): (\w+)",
        "\n".join(path.read_text(encoding="utf-8") for path in BASELINE_FILES),
    )
    assert {each["name"] for each in PARAMETERS} == set(named)


def test_the_example_names_what_exists() -> None:
    assert EXAMPLE["baseline"] in BASELINES
    assert set(EXAMPLE["parameters"]) <= {each["name"] for each in PARAMETERS}
    named = [cid for override in EXAMPLE["overrides"] for cid in override["controls"]]
    named += [each["control"] for each in (*EXAMPLE["waivers"], *EXAMPLE["attestations"])]
    assert set(named) <= set(BASELINES[EXAMPLE["baseline"]]["controls"])


def test_the_example_attests_an_attestation_control_and_waives_a_read_one() -> None:
    observed = {cid: control["observed_by"] for cid, control in CONTROLS.items()}
    assert {observed[each["control"]] for each in EXAMPLE["attestations"]} == {"attestation"}
    assert {observed[each["control"]] for each in EXAMPLE["waivers"]} == {"api"}


# How the files are written


def problems(found: Callable[[Path], list[Any]]) -> str:
    """What was found in each policy file, one file a line; empty if nothing was."""
    each = {path.relative_to(POLICIES): found(path) for path in YAML_FILES}
    return "\n".join(f"{path}: {what}" for path, what in each.items() if what)


@cache
def tokens(path: Path) -> list[Any]:
    return list(yaml.scan(path.read_text(encoding="utf-8"), FAST_LOADER))


def test_every_file_reads_the_same_under_yaml_1_1_and_1_2() -> None:
    """Nothing plain that one of them takes for a boolean, a date or a number and the other not."""
    ambiguous = re.compile(r"(y|n|yes|no|on|off)\Z|\d{4}-\d\d?-\d\d?|0\d+\Z|[\d_]+:[\d:]+\Z", re.I)

    def plain(path: Path) -> list[Any]:
        return [
            (token.value, token.start_mark.line + 1)
            for token in tokens(path)
            if isinstance(token, yaml.ScalarToken) and token.plain and ambiguous.match(token.value)
        ]

    assert not problems(plain), problems(plain)


def test_no_file_has_tricks() -> None:
    def tricks(path: Path) -> list[Any]:
        kinds = (yaml.AnchorToken, yaml.AliasToken, yaml.TagToken)
        return [each.start_mark.line + 1 for each in tokens(path) if isinstance(each, kinds)]

    assert not problems(tricks), problems(tricks)


def test_no_line_is_longer_than_a_hundred_columns_unless_it_is_one_name() -> None:
    def long(path: Path) -> list[Any]:
        lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        return [number for number, line in lines if len(line) > 100 and len(line.split()) > 3]

    assert not problems(long), problems(long)


# Against the material they were made from


def shared() -> Path:
    """The folder with the reference material; skips the test where there is none."""
    folder = Path(os.environ.get("AUDITOR_REAL_INPUT") or ROOT.parent / "shared")
    if not (folder / "controls.json").is_file():
        pytest.skip("no reference material: set AUDITOR_REAL_INPUT to its folder")
    return folder


@pytest.fixture(scope="module")
def reference() -> Data:
    data: Data = json.loads((shared() / "controls.json").read_text(encoding="utf-8"))
    return {control["id"]: control for control in data["controls"]}


@pytest.mark.real_input
@pytest.mark.parametrize("name", PRIVACY_BASELINES)
def test_expectations_equal_the_reference_field_by_field(name: str, reference: Data) -> None:
    chosen = BASELINES[name]["controls"]
    for cid, control in reference.items():
        choice = chosen.get(cid, {})
        if control["observability"] == "manual":
            answer = control["attestation"]["expected"][name]
            assert choice.get("attest", "not_assessed") == answer, cid
            continue
        found = expectations(CONTROLS[cid], choice)
        for check in control["checks"]:
            expected = found.get(check["path"], {"op": "not_assessed"})
            assert expected == check["expected"][name], (cid, check["path"])


@pytest.mark.real_input
@pytest.mark.parametrize("name", PRIVACY_BASELINES)
def test_locks_are_wanted_where_the_reference_wants_them(name: str, reference: Data) -> None:
    chosen = BASELINES[name]["controls"]
    wanted = {cid for cid, control in reference.items() if name in control["lock_required_for"]}
    locked = {cid for cid, choice in chosen.items() if choice.get("lock")}
    assert locked - ADDED == wanted


CHANGED = {
    *("AI-02", "AI-06", "AI-10", "AI-14", "AI-16", "AI-18", "AI-21", "AI-22"),
    *("CN-02", "CN-03", "CN-04", "CN-05", "CN-08", "CN-10", "TP-01", "TP-06", "TP-11"),
    *("CC-03", "CC-05", "CC-06", "IA-05", "RC-05", "RC-06", "RT-04", "RT-05", "TM-02", "TR-07"),
}
"""Controls that later facts have added to: the reference is of 2026-11-21."""
REWORDED = {
    *("AI-11", "AI-14", "AI-18", "AI-22", "CC-01", "CC-02", "CC-07", "TP-04", "TP-05", "TP-06"),
}
"""Controls whose title or reason is in the words of the glossary, and not of the reference."""
ADDED = {"EN-06"}
"""Controls that are newer than the reference."""
WIDENED = {"ai_model_type", "call_summary.auto_call_summary", "call_summary.enable"}
"""Settings that are read at more levels than the reference says."""


@pytest.mark.real_input
def test_controls_equal_the_reference_field_by_field(reference: Data) -> None:
    own = {cid: control for cid, control in CONTROLS.items() if not cid.startswith("CIS-")}
    assert set(own) == set(reference) | ADDED, "a new control: add its id to ADDED"
    for cid, source in reference.items():
        control = own[cid]
        changed = cid in CHANGED
        for key in ("title", "why"):
            assert cid in REWORDED or control[key] == source[key], (cid, key)
        for key in ("severity", "prerequisites"):
            assert control.get(key, type(source[key])()) == source[key], (cid, key)
        for key in ("pitfalls", "sources"):
            assert changed or control.get(key, type(source[key])()) == source[key], (cid, key)
        assert control.get("when_absent", "unknown") == source.get("absent_policy", "unknown"), cid
        found = {check["setting"]: check for check in control.get("checks", [])}
        assert changed or len(found) == len(source["checks"]), f"{cid} has new checks: CHANGED"
        for original in source["checks"]:
            check = found[original["path"]]
            widened = check["setting"] in WIDENED
            assert widened or check["levels"] == original["levels"], cid
            assert set(check["levels"]) >= set(original["levels"]), cid
            assert check.get("lock") == original["lock_path"], cid
            assert check.get("lock_levels", []) == original["lock_levels"], cid
            assert check.get("find_key") == original.get("match_by_key"), cid
            assert check.get("confidence", "schema") == original["confidence"], cid
            assert ("legacy_of" in check) == bool(original.get("legacy_twin")), cid
            assert ("only_when" in check) == bool(original.get("evaluate_when")), cid


@pytest.mark.real_input
def test_every_documented_setting_of_the_reference_is_kept() -> None:
    catalogue = json.loads((shared() / "zoom-api" / "settings-catalog.json").read_text("utf-8"))
    names = {"core": "settings", "recording-settings": "recording"}
    for entry in catalogue:
        kept = DOCUMENTED[names.get(entry["api"], entry["api"])][entry["path"]]
        assert set(entry["levels"]) <= set(kept["levels"]), entry["path"]
        assert kept["type"] == entry["type"], entry["path"]
        assert kept.get("values") == entry["enum"], entry["path"]
        if entry["lock_path"]:
            assert kept["lock"] == entry["lock_path"], entry["path"]


@pytest.mark.real_input
def test_every_recommendation_of_the_benchmark_has_its_control() -> None:
    recommendations = json.loads((shared() / "cis_zoom_v100.json").read_text("utf-8"))
    severity = {1: "medium", 2: "low", None: "medium"}
    wanted = {f"CIS-{each['id']}": severity[each["profile_level"]] for each in recommendations}
    found = {cid: c["severity"] for cid, c in CONTROLS.items() if cid.startswith("CIS-")}
    assert found == wanted

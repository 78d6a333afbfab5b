"""`auditor fix plan`: formats, limits, and plans that a person changed."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Accounts, Auditor, served
from tests.every_case import every_case


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Auditor]:
    """The command, with one stored run of a drifted account."""
    with served("drifted", users=20) as sandbox:
        auditor = Auditor(tmp_path_factory.mktemp("planned"), sandbox)
        auditor.audit("--baseline", "strict")
        yield auditor


@pytest.fixture(scope="module")
def found(planned: Auditor) -> dict[str, Any]:
    """The plan of that run without limits."""
    return plan(planned)


def plan(auditor: Auditor, *options: object) -> dict[str, Any]:
    found: dict[str, Any] = auditor("fix", "plan", "--format", "json", *options).report
    return found


def test_a_plan_reads_as_text_within_80_columns_as_markdown_and_as_a_page(planned: Auditor) -> None:
    text = planned("fix", "plan").out
    assert max(map(len, text.splitlines())) <= 80
    assert "automatic steps close" in text
    assert "Where: " in text
    assert "hosts in the account used AI questions in" in " ".join(text.split())
    assert planned("fix", "plan", "-f", "markdown").out.startswith("# Change request")
    page = planned("fix", "plan", "-f", "html").out
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page


def test_a_value_comes_before_its_lock_and_the_summary_is_left_to_a_person(
    found: dict[str, Any],
) -> None:
    steps = found["steps"]
    by_id = {step["id"]: step for step in steps}
    for step in steps:
        assert all(number < step["id"] for number in step["after"])
        if step["kind"] == "lock":
            before = [by_id[number] for number in step["after"]]
            assert all(each["kind"] == "value" for each in before)
    summary = [step for step in steps if "meeting_summary_with_ai_companion" in step["setting"]]
    assert summary
    assert all(step["request"] is None and step["manual"]["place"] for step in summary)


def test_the_report_begins_with_the_steps_of_the_plan_that_close_most(
    planned: Auditor, found: dict[str, Any]
) -> None:
    steps = sorted(found["steps"], key=lambda step: -step["resolves"])
    counts = [step["resolves"] for step in steps[:3]]
    page = planned("report", "--format", "html").out
    (section,) = re.findall('<section id="closing".*?</section>', page, re.DOTALL)
    first = html.unescape(section).partition("<li>")[2]
    assert first.startswith(f"<strong>{steps[0]['title']}")
    assert [int(n) for n in re.findall(r"puts (\d+) broken values? right", section)][:3] == counts
    assert section.partition("</ol>")[0].count("<li>") == 5


def test_the_report_says_what_the_whole_plan_leaves(
    planned: Auditor, found: dict[str, Any]
) -> None:
    remaining = found["predicted_with_manual"]["by_status"]["fail"]
    lines = planned("report", "--format", "markdown").out.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("After the whole plan"))
    assert f" {remaining:,} broken values remain" in lines[start]
    reasons = lines[start + 2 : lines.index("", start + 2)]
    stated = re.findall(r"([A-Z]+-\d+)(?: \((\d+)\))?", ";".join(map(rules_of, reasons)))
    assert sum(int(count or 1) for _, count in stated) == remaining
    zoom_phone = {row["control"] for row in found["unfixable"] if row["reason"] == "phone_portal"}
    (row,) = [reason for reason in reasons if "Zoom Phone" in reason]
    assert zoom_phone == set(re.findall(r"[A-Z]+-\d+", rules_of(row)))


def rules_of(reason: str) -> str:
    """The rules that stand before a reason."""
    return reason.partition(":")[0]


def test_limits_leave_out_controls_locks_and_levels(
    planned: Auditor, found: dict[str, Any]
) -> None:
    only = plan(planned, "--only", "RC-02")
    assert {cid for step in only["steps"] for cid in step["controls"]} == {"RC-02"}
    assert not any(step["kind"] == "lock" for step in plan(planned, "--no-locks")["steps"])
    levels = {step["scope"]["level"] for step in plan(planned, "--level", "account")["steps"]}
    assert levels == {"account"}
    assert only["resolves"] < found["resolves"]
    reasons = {row["reason"] for row in found["unfixable"]}
    assert {"unread", "undecided", "attestation", "phone_portal", "not_settings"} <= reasons


def test_a_plan_without_a_step_predicts_less_and_an_added_one_counts(planned: Auditor) -> None:
    file = planned.folder / "plan.json"
    planned("fix", "plan", "--output", file)
    first: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    again = plan(planned, "--what-if", file)
    assert again | {"created_at": ""} == first | {"created_at": ""}
    automatic = [step for step in first["steps"] if step["request"] is not None]
    largest = max(automatic, key=lambda step: int(step["resolves"]))
    kept = [step for step in first["steps"] if step["id"] != largest["id"]]
    fewer = what_if(planned, first | {"steps": kept})
    assert fewer["resolves"] == first["resolves"] - largest["resolves"]
    bare = {key: largest[key] for key in ("kind", "scope", "setting", "to")}
    assert what_if(planned, first | {"steps": [*kept, bare]})["resolves"] == first["resolves"]


def what_if(auditor: Auditor, changed: dict[str, Any]) -> dict[str, Any]:
    file = auditor.folder / "changed.json"
    file.write_text(json.dumps(changed), encoding="utf-8")
    return plan(auditor, "--what-if", file)


@every_case(
    "change, problem",
    [
        ({"setting": "recording.cloud_recordin"}, 'no setting "recording.cloud_recordin". Did you'),
        ({"to": "off"}, '"to" must be a boolean'),
        ({"scope": {"level": "account", "id": "x"}}, "its scope is another account"),
        ({"scope": {"level": "group", "id": "x"}}, 'no group with the id "x"'),
        ({"scope": {"level": "user", "id": "x"}}, 'no user with the id "x"'),
        ({"kind": "unlock"}, "expected 'value' or 'lock'"),
        ({"too": 1}, 'unknown key "too"'),
    ],
)
def test_nonsense_in_a_changed_plan_names_its_step(
    planned: Auditor,
    found: dict[str, Any],
    tmp_path: Path,
    change: dict[str, Any],
    problem: str,
) -> None:
    account = {"level": "account", "id": found["account_id"], "name": ""}
    step = {"id": 7, "kind": "value", "scope": account, "setting": "recording.cloud_recording"}
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(found | {"steps": [step | {"to": True} | change]}), encoding="utf-8")
    ran = planned("fix", "plan", "--what-if", file)
    assert ran.code == 2
    assert "step 7: " in ran.err.replace("\n", " ")
    assert problem in " ".join(ran.err.split())


def test_a_plan_of_other_evidence_is_refused(
    planned: Auditor, found: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(found | {"evidence_digest": "sha256:0"}), encoding="utf-8")
    ran = planned("fix", "plan", "--what-if", file)
    assert (ran.code, "other evidence" in ran.err) == (2, True)


def test_a_plan_from_an_incomplete_run_is_made_says_so_and_gives_3(
    accounts: Accounts, tmp_path: Path
) -> None:
    auditor = Auditor(tmp_path, accounts("denied"))
    assert auditor.audit("--baseline", "strict").code == 3
    ran = auditor("fix", "plan", "--output", tmp_path / "plan.json")
    assert ran.code == 3
    assert "auditor fix apply --allow-incomplete" in " ".join(ran.err.split())
    found = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert found["complete"] is False

"""The catalogue: required fields of a control, and the selection of controls."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from auditor.evidence.scope import Level
from auditor.evidence.view import View
from auditor.policy.catalogue import controls as catalogue
from auditor.policy.catalogue import documented
from auditor.policy.catalogue.controls import AttestationQuestion, Condition
from auditor.policy.catalogue.errors import PolicyError
from tests.builders import CATALOGUE, check, control

FAMILY = """family: {family}
name: Something
topic: {family}
controls:
  - id: {id}
    title: T
    why: W
    severity: high
    observed_by: api
    checks:
      - {{setting: a.b, type: boolean, levels: [account]}}
    fix: {{portal: there}}
"""


def test_a_catalogue_is_read_file_by_file(tmp_path: Path) -> None:
    for family, id_ in (("bb", "BB-01"), ("aa", "AA-01")):
        text = FAMILY.format(family=family, id=id_)
        (tmp_path / f"{family}.yaml").write_text(text, encoding="utf-8")
    found = catalogue.load(tmp_path)
    assert [each.id for each in found] == ["AA-01", "BB-01"]
    assert found.topics == {"AA-01": "aa", "BB-01": "bb"}
    (only,) = found.controls["AA-01"].checks
    assert (only.type, only.document) == (("boolean",), View("settings"))


def test_an_empty_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no control files found"):
        catalogue.load(tmp_path)


def test_an_id_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(FAMILY.format(family="x", id="X-01"), "utf-8")
    with pytest.raises(PolicyError, match="control X-01 is defined in two files"):
        catalogue.load(tmp_path)


def test_a_misspelt_key_of_a_check_is_told_with_its_line(tmp_path: Path) -> None:
    text = FAMILY.format(family="x", id="X-01").replace("levels:", "levls:")
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        catalogue.load(tmp_path)
    assert [each.removeprefix(f"{tmp_path}/") for each in caught.value.problems] == [
        'x.yaml:11: controls.0.checks.0: "levels" is missing.',
        'x.yaml:11: controls.0.checks.0.levls: unknown key. Did you mean "levels"?',
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"observed_by": "api"}, "AI-01 is observed by API but names no checks."),
        ({"observed_by": "attestation"}, "AI-01 needs an attestation question."),
    ],
)
def test_a_control_has_what_it_is_observed_by(fields: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        control(**fields)


def test_an_attested_control_needs_no_checks() -> None:
    question = AttestationQuestion(question="Q?", evidence="E", renew_days=90)
    assert control(observed_by="attestation", attestation=question).checks == ()


def test_a_setting_is_checked_once() -> None:
    with pytest.raises(ValidationError, match=r"AI-01 checks a\.b twice"):
        control(check("a.b"), check("a.b"))


def test_a_legacy_setting_names_one_of_its_control() -> None:
    with pytest.raises(ValidationError, match=r"a\.old: a\.new is not a check of AI-01"):
        control(check("a.old", legacy_of="a.new"))


def test_a_check_that_is_not_there_is_a_key_error() -> None:
    found = control(check("a.b"))
    assert found.check("a.b").setting == "a.b"
    with pytest.raises(KeyError):
        found.check("a.c")


def test_locks_of_the_security_section_stand_in_a_view_of_their_own() -> None:
    assert check("meeting_security.x").lock_document == View("lock_settings", "meeting_security")
    assert check("in_meeting.x").lock_document == View("lock_settings")
    assert check("in_meeting.x", lock=None).lock_document == View("lock_settings")


def test_a_condition_is_written_with_is() -> None:
    assert Condition.model_validate({"setting": "a.b", "is": True}).is_ is True


def test_reports_get_what_a_control_says() -> None:
    info = CATALOGUE.controls["AI-01"].info
    assert (info.id, info.family) == ("AI-01", "AI")
    assert info.fix_portal
    assert info.mappings["gdpr"]
    assert CATALOGUE.controls["CIS-1.1.2.1.2"].info.family == "CIS"


def test_controls_are_chosen_by_id_in_any_case_and_by_topic() -> None:
    assert CATALOGUE.select(["ai-01"], []) == {"AI-01"}
    chosen = CATALOGUE.select(["AI-01"], ["chat"])
    chat = {cid for cid in CATALOGUE.controls if cid.startswith("CH-")}
    assert chosen == {"AI-01"} | chat
    assert len(chat) > 1
    assert CATALOGUE.select([], []) == frozenset(CATALOGUE.controls)


def test_unknown_names_are_all_told() -> None:
    with pytest.raises(PolicyError) as caught:
        CATALOGUE.select(["AI-001", "zzz"], ["chatt"])
    hint, unknown, topic = caught.value.problems
    assert hint == '--only: no control is called "AI-001". Did you mean "AI-01"?'
    assert unknown == '--only: no control is called "zzz".'
    assert topic.startswith('--topic: no topic is called "chatt". Topics: ai, ')


def test_documented_settings_say_where_they_stand() -> None:
    known = documented.settings()
    assert "in_meeting.chat" in known
    assert "in_meeting" not in documented.lockable()
    assert "in_meeting.chat" in documented.lockable()
    assert documented.containers() <= documented.lockable()


def test_levels_rank_from_the_account_down() -> None:
    ranks = [level.rank for level in (Level.ACCOUNT, Level.GROUP, Level.USER, Level.MEETING)]
    assert ranks == sorted(ranks)


def test_what_is_good_to_know_refers_to_no_rule_that_an_audit_leaves_out_by_default() -> None:
    """Rules on single meetings are in no report of an audit that reads down to people."""
    of_meetings = {
        each.id
        for each in CATALOGUE
        if each.checks
        and {level for row in each.checks for level in row.levels} <= {Level.MEETING, Level.WEBINAR}
    }
    assert "CC-06" in of_meetings
    for each in CATALOGUE:
        named = set(re.findall(r"[A-Z]{2}-\d\d", each.know))
        assert not of_meetings & named, each.id

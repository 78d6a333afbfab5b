"""The inventory in each of its formats: the same facts, and no value without evidence."""

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import jsonschema
import pytest

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.findings.inventory import (
    CauseCount,
    EvidenceInfo,
    Feature,
    GroupState,
    Inventory,
    PeopleStates,
    SettingState,
    ValueCount,
)
from auditor.findings.model import Role, Status
from auditor.findings.run import Run
from auditor.report import inventory_output, inventory_wording
from tests.builders import ACCOUNT, assessment, control_info, run_of, verdict
from tests.report import worlds

SALES = Scope(Level.GROUP, "g1", "Sales")
HOSTILE = Scope(Level.GROUP, "g2", "=cmd|'/c calc'!A1<script>\x1b[31m")
SEEN = "GET /accounts/me/settings"
SUMMARY = Feature(
    "in_meeting.meeting_summary_with_ai_companion.enable",
    "Meeting summary",
    "ai",
    (Level.ACCOUNT, Level.GROUP, Level.USER),
    SettingState(False, None, False, SEEN, "2026-11-21T20:00:00.000Z"),
    (
        GroupState(SALES, SettingState(True, None, True), 51, 42),
        GroupState(HOSTILE, SettingState(cause=Cause.DENIED), 0, 0),
    ),
    PeopleStates(
        (ValueCount(False, 240), ValueCount(True, 53)), (CauseCount(Cause.ABSENT, 3),), 7, 11
    ),
    (Role.USER, Role.GROUP_ADMIN, Role.ACCOUNT_ADMIN),
    "2026-11-01T20:00:00.000Z",
    ("AI-01",),
)
UNREAD = Feature(
    "ai.assistant",
    "AI: assistant",
    "ai",
    (Level.ACCOUNT, Level.GROUP, Level.USER),
    SettingState(cause=Cause.ABSENT, source=SEEN, observed_at="2026-11-21T20:00:00.000Z"),
    (),
    PeopleStates((), (CauseCount(Cause.NOT_COLLECTED, None),)),
)
INFO = EvidenceInfo(
    "20261121T220000Z-aaaaaa", "acc", "2026-11-21T22:04:00.000Z", "sha256:" + "0" * 64, "user"
)
INVENTORY = Inventory(INFO, (SUMMARY, UNREAD))


def test_the_json_is_the_contract() -> None:
    made = json.loads("".join(inventory_output.as_json(INVENTORY)))
    validator = jsonschema.Draft202012Validator(
        inventory_output.schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    validator.check_schema(inventory_output.schema())
    validator.validate(made)
    assert made["run"] == {
        "id": "20261121T220000Z-aaaaaa",
        "account_id": "acc",
        "finished_at": "2026-11-21T22:04:00.000Z",
        "evidence_digest": "sha256:" + "0" * 64,
        "carried": 0,
        "oldest_evidence_at": None,
    }
    first, second = made["features"]
    assert first["account"] == {
        "value": False,
        "locked": False,
        "source": SEEN,
        "observed_at": "2026-11-21T20:00:00.000Z",
    }
    assert first["groups"][0] == {"id": "g1", "name": "Sales", "value": True, "locked": True}
    assert first["users"] == {
        "values": [{"value": False, "count": 240}, {"value": True, "count": 53}],
        "unknown": [{"cause": "absent", "count": 3}],
        "proved_by_lock": 7,
    }
    assert first["changeable_by"] == ["user", "group_admin", "account_admin"]
    assert (second["account"]["value"], second["account"]["cause"]) == (None, "absent")
    assert second["since"] is None


def test_an_unknown_with_a_value_is_no_inventory() -> None:
    wrong = replace(UNREAD, account=replace(UNREAD.account, value=True))
    made = json.loads("".join(inventory_output.as_json(Inventory(INFO, (wrong,)))))
    assert not jsonschema.Draft202012Validator(inventory_output.schema()).is_valid(made)


def test_the_csv_has_a_row_for_each_state_and_no_formula() -> None:
    content = b"".join(inventory_output.as_csv(INVENTORY)).decode("utf-8-sig")
    table = list(csv.DictReader(io.StringIO(content)))
    assert [(row["level"], row["value"], row["cause"], row["people"]) for row in table[:6]] == [
        ("account", "false", "", ""),
        ("group", "true", "", "51"),
        ("group", "", "denied", "0"),
        ("user", "false", "", "240"),
        ("user", "true", "", "53"),
        ("user", "", "absent", "3"),
    ]
    assert table[2]["scope_name"].startswith("'=cmd")
    assert (table[-1]["cause"], table[-1]["people"]) == ("not_collected", "")


def test_the_text_fits_into_80_columns_and_names_groups_before_people() -> None:
    text = inventory_output.as_text(INVENTORY, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    words = " ".join(text.split())
    assert "AI (2 settings: 1 on for somebody (none at the account), 1 not known)" in words
    row = inventory_wording.sections(INVENTORY)[0].parts[0][1][0]
    assert (row.groups, row.people) == ("1 of 2 on, 1 not known", "53 of 296 on, 3 not known")
    assert (
        "On in group “Sales” (42 of its 51 members). Locked in group “Sales”: people there" in words
    )
    assert "3 people: not returned by Zoom." in words
    assert "AI: assistant not known – not known" in words


def test_the_members_who_do_not_follow_their_group_are_named_by_what_they_have() -> None:
    group = replace(
        SUMMARY.groups[0], members_differing=(ValueCount(False, 5),), members_not_known=4
    )
    row = replace(SUMMARY, groups=(group,))
    words = " ".join(inventory_output.as_text(Inventory(INFO, (row,)), 80).split())
    assert "On in group “Sales” (42 of its 51 members; off for 5, not known for 4)." in words
    assert inventory_wording.MEMBERS in words


def test_settings_that_may_contradict_each_other_say_that_no_order_is_documented() -> None:
    names = ("allow_users_to_chat_with_others.selected_option", "external_collab_restrict")
    chat = replace(SUMMARY, setting=f"chat.{names[0]}", topic="third-party-sharing")
    outsiders = replace(chat, setting=f"chat.{names[1]}.external_chat")
    caveat = "Zoom does not document which of them wins."
    both, one = Inventory(INFO, (chat, outsiders)), Inventory(INFO, (chat,))
    for found, said in ((both, True), (one, False)):
        text = " ".join(inventory_output.as_text(found, 80).split())
        pages = [text, inventory_output.as_markdown(found), inventory_output.as_html(found)]
        for format_ in ("html", "markdown"):
            run = replace(worlds.everything(), other_inventory=lambda: found)  # noqa: B023
            pages.append(worlds.report_of(run, format_).decode())
        assert [caveat in page for page in pages] == [said] * len(pages)


def test_off_is_said_of_all_only_if_all_are_known() -> None:
    people = PeopleStates((ValueCount(False, 2),), (CauseCount(Cause.ERROR, 1),))
    row = replace(SUMMARY, groups=(), people=people)
    text = inventory_output.as_text(Inventory(INFO, (row,)), 80)
    assert "all" not in text
    assert "2 of 3 off" in text


def test_phone_sites_are_no_groups() -> None:
    site = GroupState(Scope(Level.PHONE_SITE, "s1", "Berlin"), SettingState(value=True))
    row = replace(SUMMARY, groups=(*SUMMARY.groups[:1], site))
    words = " ".join(inventory_output.as_text(Inventory(INFO, (row,)), 80).split())
    assert "Meeting summary off 1 of 1 on" in words or "Meeting summary off all 1 on" in words
    assert "On in group “Sales” (42 of its 51 members) and phone site “Berlin”" in words


def test_a_row_without_notes_names_few_groups_and_those_that_lock() -> None:
    off = GroupState(Scope(Level.GROUP, "g3", "Legal"), SettingState(value=False))
    site = GroupState(Scope(Level.PHONE_SITE, "s1", "Berlin"), SettingState(value=True))
    many = [replace(off, state=SettingState(value=True))] * 4
    templates = (
        ((SUMMARY.groups[0], off), "1 of 2 on: “Sales”; locked in “Sales”"),
        ((off, site), "all 1 off; on at 1 phone site: “Berlin”"),
        ((off, *many), "4 of 5 on, off: “Legal”"),
    )
    for groups, words in templates:
        [section] = inventory_wording.sections(
            Inventory(INFO, (replace(SUMMARY, groups=tuple(groups)),))
        )
        assert section.parts[0][1][0].cells[1] == words


def test_what_is_set_to_a_value_counts_among_what_breaks_a_rule() -> None:
    chosen = replace(SUMMARY, account=SettingState(value=3), groups=(), people=PeopleStates())
    [judged] = inventory_wording.of_run(broken_summary(Inventory(INFO, (chosen, UNREAD))))
    assert "set to a value: 1 broken." in judged.judged


def test_a_page_is_one_file_in_which_names_are_text() -> None:
    page = inventory_output.as_html(INVENTORY)
    tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

    Reader().feed(page)
    assert "script" not in tags
    assert {"link", "img"}.isdisjoint(tags)
    assert "53 of 296 on, 3 not known" in page


def test_markdown_escapes_names_and_has_each_shown_feature() -> None:
    text = inventory_output.as_markdown(INVENTORY)
    assert "| Meeting summary `in_meeting.meeting_summary_with_ai_companion.enable` |" in text
    assert "<script>" not in text


def broken_summary(inventory: Inventory) -> Run:
    """A run in which the summary breaks a rule, with the features of an inventory."""
    broken = verdict(Status.FAIL, "AI-01", SUMMARY.setting, observed=True)
    return run_of(
        assessment(ACCOUNT, broken),
        controls={"AI-01": control_info("AI-01")},
        inventory=lambda: inventory,
    )


def test_only_a_judged_run_says_whether_what_is_on_is_as_the_baseline_asks() -> None:
    [judged] = inventory_wording.of_run(broken_summary(INVENTORY))
    rules = [row.rule for _, rows in judged.parts for row in rows]
    assert rules == ["broken (AI-01)", "not judged"]
    assert "of those that are on or set to a value: 1 broken." in judged.judged
    assert judged.judged.endswith("The organisation file records no approval for any of them.")
    assert inventory_wording.columns([judged])[-1] == "Rule"
    [plain] = inventory_wording.sections(INVENTORY)
    assert not any(row.rule for _, rows in plain.parts for row in rows)
    assert inventory_wording.columns([plain]) == ("Setting", "Account", "Groups", "People")
    for text in (inventory_output.as_text(INVENTORY, 80), inventory_output.as_html(INVENTORY)):
        assert "judged" not in text
        assert "Rule" not in text


def test_of_what_is_on_that_comes_first_which_breaks_a_rule() -> None:
    others = (replace(SUMMARY, setting=f"ai.{name}", title=name) for name in "ab")
    inventory = replace(INVENTORY, features=(*others, SUMMARY))
    [judged] = inventory_wording.of_run(broken_summary(inventory))
    [plain] = inventory_wording.sections(inventory)
    titles = [[row.feature.title for row in each.parts[0][1]] for each in (judged, plain)]
    assert titles == [[SUMMARY.title, "a", "b"], ["a", "b", SUMMARY.title]]


def test_what_the_organisation_allows_is_said() -> None:
    allowed = verdict(
        Status.NOT_APPLICABLE,
        "AI-01",
        SUMMARY.setting,
        observed=True,
        allowed_by="ai_allowed_groups",
    )
    run = run_of(
        assessment(ACCOUNT, allowed),
        controls={"AI-01": control_info("AI-01")},
        inventory=lambda: INVENTORY,
    )
    [section] = inventory_wording.of_run(run)
    assert section.judged.endswith(
        "Your organisation has allowed 1 of these 1, for the groups or people that it names."
    )


SHARING = replace(SUMMARY, setting="chat.share_files", title="File sharing", topic="recording")


@pytest.mark.parametrize("format_", ["html", "markdown"])
def test_the_annex_of_a_report_has_the_topics_besides_ai(format_: str) -> None:
    run = replace(
        worlds.everything(),
        inventory=lambda: INVENTORY,
        other_inventory=lambda: Inventory(INFO, (SHARING,)),
    )
    whole, short = (worlds.report_of(run, format_, annex=annex).decode() for annex in (True, False))
    assert "File sharing" in whole
    assert "File sharing" not in short
    assert whole.count("Recording: what is on, and for whom") >= 2  # where it is, and a pointer
    assert "Recording: what is on" not in short
    assert "File sharing" not in worlds.report_of(run, format_, summary=True).decode()


def test_a_list_of_features_that_are_off_says_for_whom_they_are_not_known() -> None:
    off = replace(
        SUMMARY,
        groups=(),
        people=PeopleStates((ValueCount(False, 231),), (CauseCount(Cause.ABSENT, 62),)),
    )
    known = replace(off, people=PeopleStates((ValueCount(False, 293),)))
    rows = [
        row
        for feature in (off, known)
        for row in inventory_wording.sections(Inventory(INFO, (feature,)))[0].parts[0][1]
    ]
    assert [*map(inventory_wording.off_where_known, rows)] == [
        "Meeting summary (not known for 62 people)",
        "Meeting summary",
    ]

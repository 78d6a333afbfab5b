import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level
from auditor.findings.model import (
    UNLESS_LOCKED,
    FindingKind,
    ReadError,
    Role,
    Severity,
    Status,
    Verdict,
)
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from auditor.report import headline, wording
from tests.report import worlds


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_name_and_a_remedy(cause: Cause) -> None:
    assert wording.cause_name(cause)
    assert wording.remedy(cause, []).endswith(".")


def test_an_unknown_without_a_cause_says_so() -> None:
    assert wording.cause_name(None) == "no cause recorded"
    assert "maintainers" in wording.remedy(None, [])


@pytest.mark.parametrize("level", Level)
def test_every_level_has_a_word_for_one_and_for_many(level: Level) -> None:
    assert wording.levels({level: 1}) != wording.levels({level: 2})


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_word(status: Status) -> None:
    counted = "without an answer" if status is Status.UNKNOWN else wording.status_name(status)
    assert wording.outcome(status, 1) == f"1 {counted}"


@pytest.mark.parametrize(
    ("licences", "words"),
    [
        ((1, 1, 2), "2 of these 3 people have a Basic licence; Zoom returns these settings for"),
        ((1, 4), "1 of these 2 people has a Basic licence and 1 no assigned licence; Zoom"),
        ((2, 2), ""),
    ],
)
def test_unknowns_of_people_without_a_licence_are_explained_by_it(
    licences: tuple[int, ...], words: str
) -> None:
    absent = worlds.deviation(status=Status.UNKNOWN, cause=Cause.ABSENT)
    people = [replace(worlds.user(at), licence=each) for at, each in enumerate(licences)]
    rollup = roll_up(worlds.run_of([worlds.judged(person, [absent]) for person in people]))
    remedy = wording.remedy_for(rollup.causes[0], [])
    assert words in remedy
    assert ("auditor attest --control ID --licence basic" in remedy) is bool(words)


def test_the_remedy_names_the_scopes_that_refused_reads_name() -> None:
    other = ReadError(
        "GET /groups",
        Cause.DENIED,
        "needs group:read:list_groups:admin or group:read:list_groups:master",
        (),
        1,
    )
    noise = ReadError("GET /x", Cause.ERROR, "not:a:scope", (), 1)
    remedy = wording.remedy(Cause.DENIED, [worlds.DENIED, other, noise])
    assert "group:read:list_groups:admin, user:read:settings:admin" in remedy
    assert "Add them" in remedy
    assert "not:a:scope" not in remedy
    assert "master" not in remedy


def numbers(text: str) -> list[str]:
    return re.findall(r"\d[\d,]*", text)


def test_the_answer_never_calls_an_unknown_fine() -> None:
    waits = worlds.deviation(status=Status.NEEDS_DECISION)
    answers = {
        name: headline.of_run(run)
        for name, run in {
            "everything": worlds.everything(),
            "clean": worlds.clean(),
            "unknown": worlds.all_unknown(),
            "empty": worlds.empty(),
            "one": worlds.run_of([worlds.judged(worlds.account(), [worlds.deviation()])]),
            "undecided": worlds.run_of([worlds.judged(worlds.account(), [waits])]),
        }.items()
    }
    starts = {name: text.split(",")[0] for name, text in answers.items()}
    assert starts["unknown"] == starts["undecided"] == "No broken rule was found"
    assert starts["clean"] == "No rule is broken"
    assert starts["empty"] == "Nothing was judged"
    for broken in ("one", "everything"):
        assert " is on for " in starts[broken]
    assert numbers(answers["one"]) == ["1", "9", "1"]
    assert " is broken (1 critical)" in answers["one"]


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        (None, ""),
        ({"op": "eq", "value": False}, "off"),
        ({"op": "off"}, "off"),
        ({"op": "lte", "value": 90}, "at most 90"),
        ({"op": "gte", "value": 8}, "at least 8"),
        ({"op": "between", "value": [8, 32]}, "between 8 and 32"),
        ({"op": "attest", "value": "no bots"}, "confirmed by a person: no bots"),
        ({"op": "in", "value": ["a", "b"]}, '"a" or "b"'),
        (
            {"op": "subset_of_param", "param": "regions", "value": ["US"]},
            'nothing but "US"',
        ),
        ({"op": "org_param", "param": "mode", "value": None}, "not decided yet"),
        (
            {"op": "no_true_leaf_except_param", "param": "ok", "value": None},
            "allowed: none yet",
        ),
        ({"op": "no_item_except_param", "param": "ok", "value": []}, "allowed: none"),
        (
            {"op": "no_true_leaf_except_param", "param": "ok", "value": ["a"]},
            'on only for "a"',
        ),
        ({"op": "no_looser", "exceptions": "waivers"}, "no looser than the account"),
        ({"op": "unanswered"}, "no call that needs this notice"),
        ({"op": "notified"}, "at least one answer"),
        ({"op": "none_equal", "value": "none"}, 'anything but "none"'),
        (
            {"op": "agreed", "param": "passive", "value": None},
            "no passive agreement; not decided yet",
        ),
        ({"op": "brand_new", "limit": 3}, "brand new limit 3"),
        ({"op": "brand_new"}, "brand new"),
    ],
)
def test_an_expectation_reads_like_words(
    expected: Mapping[str, JsonValue] | None, words: str
) -> None:
    assert wording.expectation(worlds.deviation(expected=expected), 40) == words


def test_a_lock_is_described_as_a_lock() -> None:
    lock = worlds.deviation(
        kind=FindingKind.LOCK, observed=False, expected={"op": "eq", "value": True}
    )
    assert wording.observation(lock, 40) == "not locked"
    assert wording.expectation(lock, 40) == "locked"
    assert wording.lock_state(worlds.deviation(locked=None)) == "lock not known"


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("2026-11-21T22:04:30.250Z", "2026-11-21 22:04 UTC"),
        ("2026-11-21T23:04:30+01:00", "2026-11-21 22:04 UTC"),
        ("2026-11-21T22:04:30", "2026-11-21T22:04:30"),
        ("last\nnight", "last\\nnight"),
        (None, "time not recorded"),
    ],
)
def test_times_are_utc_and_never_guessed(time: str | None, words: str) -> None:
    assert wording.when(time) == words


def test_a_range_of_one_minute_is_one_time() -> None:
    assert wording.observed_between(worlds.SEEN_AT, worlds.SEEN_AT) == "2026-11-21 21:58 UTC"
    assert " to " in wording.observed_between(worlds.SEEN_AT, "2026-11-21T22:58:03Z")


def test_what_was_not_read_depends_on_the_depth() -> None:
    group = worlds.run_of([worlds.judged(worlds.account(), [])], depth="group")
    meeting = worlds.run_of([worlds.judged(worlds.account(), [])], depth="meeting")
    assert any("--depth" in s for s in wording.not_covered(group))
    assert not any("--depth" in s for s in wording.not_covered(meeting))


def test_limits_without_numbers_are_left_out() -> None:
    run = worlds.clean()
    bare = replace(run, summary=replace(run.summary, pending_users=0, settings_returned=0))
    one = replace(run, summary=replace(run.summary, pending_users=1))
    assert len(wording.not_covered(bare)) == 2
    assert any("1 invited person " in s for s in wording.not_covered(one))


def test_severities_without_any_are_left_out() -> None:
    assert wording.severities({Severity.LOW: 3, Severity.HIGH: 0}) == "3 low"
    assert wording.listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert wording.framework("gdpr") == "GDPR"
    assert wording.framework("other") == "other"
    rest = "group admins, account admins"
    assert wording.changeable(worlds.deviation(), Level.USER) == f"the person, {rest}"
    assert wording.changeable(worlds.deviation(), Level.ACCOUNT) == (
        "people for themselves; group admins for their group; account admins for all"
    )
    assert wording.changeable(worlds.deviation(), Level.GROUP) == (
        "people in the group for themselves; group admins for the group; account admins"
    )
    open_lock = worlds.deviation(locked=None)
    assert wording.changeable(open_lock, Level.USER).endswith(", unless it is locked: look in Zoom")
    assert wording.sentence_case("") == ""


def test_an_incomplete_run_without_failed_checks_still_says_so() -> None:
    run = worlds.run_of([worlds.judged(worlds.account(), [])], complete=False)
    assert wording.incomplete(run, roll_up(run)).startswith("Incomplete")
    assert not numbers(wording.incomplete(run, roll_up(run)))


def test_without_a_gate_a_zero_does_not_sound_as_if_all_were_well() -> None:
    deviating = worlds.run_of([worlds.judged(worlds.account(), [worlds.deviation()])], exit_code=0)
    assert wording.exit_code(deviating) == (
        "No gate was set (--fail-on never), so the command ended with 0 although 1 rule is broken."
    )
    gated = replace(deviating, info=replace(deviating.info, fail_on="high"))
    assert wording.exit_code(gated).endswith("ended with 0, although 1 rule is broken.")
    assert wording.exit_code(worlds.clean()).endswith("proves nothing.")
    incomplete = replace(deviating, info=replace(deviating.info, complete=False))
    assert wording.reads(incomplete, roll_up(incomplete)).startswith("Not every read")
    whole = "Zoom responded to every read that was planned."
    assert wording.reads(deviating, roll_up(deviating)) == whole
    unread = worlds.run_of(
        [worlds.judged(worlds.account(), [worlds.unknown(Cause.ABSENT, "AI-06", Level.ACCOUNT)])]
    )
    missing = f"{whole} Even so, 1 check has no answer: see “No answer”."
    assert wording.reads(unread, roll_up(unread)) == missing


def test_a_new_setting_is_not_said_to_be_off() -> None:
    new = worlds.deviation(kind=FindingKind.UNCOVERED, observed=None, expected=None)
    assert wording.observation(new, 40) == ""


def test_no_alternative_of_a_choice_is_cut() -> None:
    choices: list[JsonValue] = ["the first of them", "the second of them", "the third of them"]
    verdict = worlds.deviation(expected={"op": "in", "value": choices})
    text = wording.expectation(verdict, 20)
    assert text == '"the first of them", "the second of them" or "the third of them"'
    many = worlds.deviation(expected={"op": "in", "value": [f"v{n}" for n in range(25)]})
    assert wording.expectation(many, 20).endswith('"v19" or 5 more')


@pytest.mark.parametrize(
    ("changeable", "words"),
    [
        (
            f"People for themselves, {UNLESS_LOCKED}; account admins for all.",
            f"people for themselves {UNLESS_LOCKED}; account admins for all",
        ),
        (
            "People for themselves; account admins for all.",
            "people for themselves; account admins for all",
        ),
    ],
)
def test_a_row_of_the_account_says_that_a_group_may_lock_it(changeable: str, words: str) -> None:
    roles = (Role.USER, Role.ACCOUNT_ADMIN)
    verdict = worlds.deviation(changeable_by=roles, changeable=changeable)
    assert wording.changeable(verdict, Level.ACCOUNT) == words


def test_who_can_change_a_sum_of_settings_is_for_each_setting_to_say() -> None:
    verdict = worlds.deviation(kind=FindingKind.DERIVED, changeable_by=(Role.USER,))
    assert wording.changeable(verdict, Level.ACCOUNT) == "see each setting"


def test_rules_read_only_in_part_are_named_with_the_reads() -> None:
    seen = worlds.judged(worlds.account(), [worlds.passed("AI-06", Level.ACCOUNT)])
    unread = worlds.judged(worlds.user(1), [worlds.unknown(Cause.ABSENT, "AI-06")])
    run = worlds.run_of([seen, unread])
    assert wording.reads(run, roll_up(run)).endswith("1 rule was read only in part: AI-06.")
    whole = worlds.run_of([seen])
    assert "in part" not in wording.reads(whole, roll_up(whole))


@pytest.mark.parametrize("run", [worlds.everything(), worlds.clean(), worlds.empty()])
def test_each_rule_is_counted_once_by_its_outcome(run: Run) -> None:
    line = wording.by_outcome(run, roll_up(run))
    line = line.partition(". ")[0]
    total, *parts = (int(text.rstrip(",")) for text in numbers(line))
    assert total == sum(parts) == len(run.controls)


def test_what_a_rule_has_besides_its_outcome_is_counted_too() -> None:
    """The numbers of the opening are those of all rules that wait, broken or not."""
    open_ = worlds.deviation("AI-06", status=Status.NEEDS_DECISION, level=Level.ACCOUNT)
    to_look_up = replace(open_, kind=FindingKind.ATTESTATION, setting="attestation")
    broken = worlds.deviation("AI-06", level=Level.ACCOUNT)

    def line(*verdicts: Verdict) -> str:
        run = worlds.run_of([worlds.judged(worlds.account(), verdicts)])
        return wording.by_outcome(run, roll_up(run))

    assert "to decide 1," in line(open_)
    assert "to look up 1," in line(to_look_up)
    assert "earlier word" not in line(open_) + line(to_look_up)
    assert "So 1 of 1 to look up stands under an earlier word." in line(open_, to_look_up)
    assert "So 1 of 1 to decide and 1 of 1 to look up stand under an earlier word." in (
        line(broken, open_, to_look_up)
    )


def test_a_rule_whose_passes_are_not_stored_is_kept() -> None:
    run = replace(worlds.run_of([]), passed=frozenset({("AI-06", "x")}))
    assert "kept 1," in wording.by_outcome(run, roll_up(run))

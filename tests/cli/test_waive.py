"""`auditor waive` and `auditor blind-spot`: what a run shows, accepted in the organisation file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.app import acceptances
from auditor.cli.terminal import Terminal
from auditor.cli.writing import Kind
from auditor.evidence.read_plan import MEETING, SITE
from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.model import FindingKind
from auditor.policy.baseline import organisation
from auditor.policy.baseline.organisation import Organisation
from tests.app.stored import judgement
from tests.builders import ACCOUNT, CATALOGUE, Bodies, group, user
from tests.cli.commands import answers, output_text, ran, store

FILE = Path("organisation.yaml")
LATER = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
TERMS = ("--reason", "Studio work.", "--owner", "dpo@example.com", "--expires", LATER, "--yes")
STUDIO, LEGAL = group(1, "Studio"), group(2, "Legal")
INSIDE = user(1, STUDIO.id)
OUTSIDE = user(2, LEGAL.id)


def recording(on: bool) -> Bodies:
    return {SETTINGS: {"recording": {"local_recording": on}}}


@pytest.fixture
def run(home: Path) -> str:
    """Local recording is on for a group, its member and one more person; off otherwise."""
    return store(
        home,
        judgement("RC-02", depth=Level.USER),
        (ACCOUNT, recording(False)),
        (STUDIO, recording(True)),
        (LEGAL, recording(False)),
        (INSIDE, recording(True)),
        (OUTSIDE, recording(True)),
    )


@pytest.fixture
def refused(home: Path) -> str:
    """Zoom refuses the settings of groups, and leaves the setting out for the account."""
    bodies: Bodies = {SETTINGS: {"recording": {}}}
    return store(
        home,
        judgement("RC-02", depth=Level.GROUP),
        (ACCOUNT, bodies),
        (STUDIO, {SETTINGS: Cause.DENIED}),
    )


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal and can be asked."""
    monkeypatch.setattr(Terminal, "is_interactive", property(lambda _: True))


def written() -> Organisation:
    return organisation.load(FILE, CATALOGUE)


def test_deviations_are_listed_by_control_with_those_concerned(run: str) -> None:
    output = output_text(ran("waive", "--list"))
    assert "RC-02 Local recording is off: 1 group, 2 people" in output
    assert "Next: auditor waive" in output


def test_a_waiver_is_for_the_scopes_that_deviate_groups_standing_for_their_members(
    run: str,
) -> None:
    result = ran("waive", "rc-02", *TERMS)
    assert result.exit_code == 0, result.output
    scopes = [waiver.scope.label for waiver in written().waivers]
    assert scopes == ["group Studio", f"user {OUTSIDE.email}"]
    parts = {(waiver.setting, waiver.kind) for waiver in written().waivers}
    assert parts == {("recording.local_recording", "value")}
    assert "RC-02: broken 3 → 0, accepted 0 → 3" in output_text(result)
    assert "Next: auditor" in result.output
    again = ran("waive", "RC-02", *TERMS)
    assert again.exit_code == 2
    assert "RC-02 does not deviate in the newest run." in output_text(again)


def test_a_waiver_names_the_value_that_it_accepts_and_the_lock_apart(home: Path) -> None:
    """A switch has one deviating value; anything else is named, and one entry made for each."""
    judged = judgement("RC-02", "RC-03", depth=Level.GROUP)
    account: Bodies = {
        SETTINGS: {"recording": {"local_recording": False, "auto_recording": "local"}},
        LOCKS: {"recording": {"local_recording": False, "auto_recording": True}},
    }
    store(home, judged, (ACCOUNT, account))
    assert ran("waive", "RC-02", "RC-03", *TERMS).exit_code == 0
    entries = [(each.setting, each.kind, each.observed) for each in written().waivers]
    assert entries == [
        ("recording.local_recording", "lock", None),
        ("recording.auto_recording", "value", "local"),
    ]


@pytest.mark.parametrize(("most", "accepted"), [(2, ["local", "cloud"]), (1, [None])])
def test_people_with_another_value_than_their_group_are_waived_for_theirs(
    home: Path, most: int, accepted: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With too many values none is named, and the command says what that means."""
    monkeypatch.setattr(acceptances, "MOST_VALUES", most)

    def recorded(value: str) -> Bodies:
        return {SETTINGS: {"recording": {"auto_recording": value}}}

    people = [
        (user(number, STUDIO.id), recorded(value))
        for number, value in enumerate(("local", "cloud"))
    ]
    judged = judgement("RC-03", depth=Level.USER)
    store(home, judged, (ACCOUNT, recorded("none")), (STUDIO, recorded("local")), *people)
    shown = output_text(ran("waive", "RC-03", *TERMS))
    assert [waiver.observed for waiver in written().waivers] == accepted
    assert ("RC-03: there are too many different values" in shown) is (accepted == [None])
    assert "0 controls deviate" in ran("waive", "--list").output


def test_meetings_are_named_and_where_nothing_can_be_named_the_command_says_so(home: Path) -> None:
    round_ = Scope(Level.MEETING, "81", "Round", "ada@example.com", (STUDIO.id,))
    site = Scope(Level.PHONE_SITE, "s1", "Main")
    store(
        home,
        judgement("CC-06", "AI-16", depth=Level.MEETING),
        (ACCOUNT, recording(False)),
        (round_, {MEETING: {"settings": {"auto_recording": "cloud"}}}),
        (site, {SITE: {"policy": {"call_summary": {"enable": True, "locked": True}}}}),
    )
    shown = output_text(ran("waive", "CC-06", "AI-16", *TERMS))
    assert {waiver.scope.label for waiver in written().waivers} == {
        "meeting 81",
        "level phone_site",
    }
    assert "AI-16: the waiver covers every phone site: none can be named." in shown


def test_a_computed_control_is_not_waived_and_what_it_turns_into_is_explained(home: Path) -> None:
    """CC-01 deviates by the lock of RC-02, and is unknown without it: that of RC-03 is not seen."""
    account: Bodies = {
        SETTINGS: {"recording": {"local_recording": False, "auto_recording": "none"}},
        LOCKS: {"recording": {"local_recording": False}},
    }
    store(home, judgement("RC-02", "RC-03", "CC-01", depth=Level.ACCOUNT), (ACCOUNT, account))
    assert "CC-01" not in ran("waive", "--list").output
    shown = output_text(ran("waive", "RC-02", *TERMS))
    assert (
        "CC-01 is computed from others. It is no longer broken, but has no answer: 1 lock" in shown
    )
    assert "In all: broken 2 → 0, without an answer 1 → 2" in shown


@pytest.mark.usefixtures("terminal")
def test_whoever_waives_all_agrees_again_to_what_is_severe(home: Path) -> None:
    store(
        home,
        judgement("RC-02", "AI-08", depth=Level.GROUP),
        (
            ACCOUNT,
            {SETTINGS: {"recording": {"local_recording": True}, "chat": {"ai_quick_reply": True}}},
        ),
    )
    declined = answers("all", "n", "Why.", "a@example.com", "", "y")
    result = ran("waive", stdin=declined)
    assert result.exit_code == 0, result.output
    assert "auditor fix plan" in result.output
    assert "Leave the deviations of 1 high control as they are?" in result.output
    assert {waiver.control for waiver in written().waivers} == {"AI-08"}


def test_a_waiver_for_one_group_leaves_the_others(run: str) -> None:
    result = ran("waive", "RC-02", "--group", "Studio", "--ticket", "SEC-1", *TERMS)
    assert result.exit_code == 0, result.output
    (waiver,) = written().waivers
    assert (waiver.scope.label, waiver.ticket) == ("group Studio", "SEC-1")
    assert "broken 3 → 1, accepted 0 → 2" in output_text(result)
    assert "Next: auditor waive" in output_text(result)


@pytest.mark.usefixtures("terminal")
def test_a_person_chooses_and_says_why_who_and_until_when(run: str) -> None:
    result = ran("waive", stdin=answers("7", "1", "Why.", "a@example.com", "soon", "", "y"))
    assert result.exit_code == 0, result.output
    assert "There is no 7: choose from 1 to" in result.output
    assert "Give a date such as 2027-01-31." in result.output
    assert written().waivers[0].owner == "a@example.com"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("RC-2",), 'No control is called "RC-2". Did you mean "RC-'),
        (("RC-01",), "RC-01 does not deviate in the newest run"),
        (("RC-02", "--group", "Stdio"), 'Did you mean "Studio"?'),
        (("RC-02", "--user", "nobody@example.com"), "MATCHES NOTHING"),
        (("RC-02", "--level", "account"), "It would cover no deviation"),
        (("RC-02", "--level", "galaxy"), "galaxy"),
        (("RC-02", "--setting", "recording.local_recordin"), "Did you mean"),
        (("RC-02", "--kind", "lock"), "MATCHES NOTHING"),
        (("RC-02", "--expires", "2020-01-01"), "Give a date after"),
        ((), "This is not a terminal"),
    ],
)
def test_a_waiver_that_would_not_hold_is_refused(
    run: str, words: tuple[str, ...], message: str
) -> None:
    result = ran("waive", *TERMS, *words)
    assert result.exit_code == 2
    assert message in output_text(result)
    assert not FILE.exists()


def test_without_yes_and_without_a_terminal_nothing_is_written(run: str) -> None:
    result = ran("waive", "RC-02", *TERMS[:-1])
    assert result.exit_code == 2
    assert "Add --yes" in output_text(result)
    assert not FILE.exists()


def test_where_the_file_asks_for_approval_so_does_the_command(run: str) -> None:
    FILE.write_text("require_approval: true\n")
    assert ran("waive", "RC-02", *TERMS).exit_code == 2
    mine = ran("waive", "RC-02", *TERMS, "--approved-by", "dpo@example.com")
    assert "may not approve their own entry" in output_text(mine)
    assert ran("waive", "RC-02", *TERMS, "--approved-by", "ciso@example.com").exit_code == 0
    assert written().waivers[0].approved_by == "ciso@example.com"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", ["waive", "blind-spot"])
def test_without_a_run_there_is_nothing_to_accept(command: str) -> None:
    result = ran(command, *TERMS)
    assert result.exit_code == 2
    assert "auditor audit" in output_text(result)


# Blind spots


def test_what_cannot_be_seen_is_listed_by_request_or_control(refused: str) -> None:
    output = output_text(ran("blind-spot", "--list"))
    assert "RC-02: not returned by Zoom, 1 account" in output
    assert "(RC-02): refused by Zoom, 1 group" in output


def test_a_blind_spot_takes_cause_and_request_from_the_run(refused: str) -> None:
    request = next(
        word
        for word in ran("blind-spot", "--list").output.split("  ")
        if word.startswith("GET /groups")
    ).split(" (")[0]
    result = ran("blind-spot", "--request", request, *TERMS)
    assert result.exit_code == 0, result.output
    (entry,) = written().blind_spots
    assert (entry.request, entry.cause, entry.scope.label) == (
        request,
        Cause.DENIED,
        "level group",
    )
    assert "RC-02: without an answer 2 → 1, in a blind spot 0 → 1" in output_text(result)


def test_a_blind_spot_of_a_control_has_one_entry_for_each_cause(refused: str) -> None:
    assert ran("blind-spot", "RC-02", *TERMS).exit_code == 0
    causes = {entry.cause for entry in written().blind_spots}
    assert causes >= {Cause.ABSENT, Cause.DENIED}
    done = ran("blind-spot", "RC-02", *TERMS)
    assert "nothing is unknown there" in output_text(done)
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("RC-2",), "Did you mean"),
        (("--request", "GET /groups/{groupId}/setting"), "Did you mean"),
        (("RC-02", "--request", "GET /users"), "exclude each other"),
        (("RC-02", "--group", "Stdio"), 'Did you mean "Studio"?'),
        ((), "This is not a terminal"),
    ],
)
def test_a_blind_spot_that_would_cover_nothing_is_refused(
    refused: str, words: tuple[str, ...], message: str
) -> None:
    result = ran("blind-spot", *TERMS, *words)
    assert result.exit_code == 2
    assert message in output_text(result)
    assert not FILE.exists()


def test_what_only_people_without_a_licence_lack_is_accepted_for_their_licence(home: Path) -> None:
    basic = [replace(user(number), licence=1) for number in (1, 2)]
    lacking: Bodies = {SETTINGS: {"recording": {}}}
    store(
        home,
        judgement("RC-02", depth=Level.USER),
        (ACCOUNT, recording(False)),
        *((person, lacking) for person in basic),
        (user(3), recording(False)),
    )
    listed = output_text(ran("blind-spot", "--list", "--licence", "Basic"))
    assert "1 RC-02: not returned by Zoom, 2 people (2 basic)" in listed
    assert "0 things" in output_text(ran("blind-spot", "--list", "--licence", "licensed"))
    assert 'Did you mean "basic"?' in output_text(ran("blind-spot", "--licence", "bsic"))
    assert ran("blind-spot", "RC-02", *TERMS).exit_code == 0
    (entry,) = written().blind_spots
    assert entry.label == "RC-02, recording.local_recording for licence basic"
    assert entry.kind == "value"


def test_a_refused_request_is_counted_at_the_level_that_it_is_about(home: Path) -> None:
    store(
        home,
        judgement("RC-02", depth=Level.GROUP),
        (ACCOUNT, recording(False)),
        (STUDIO, {LOCKS: Cause.DENIED, **recording(False)}),
        (LEGAL, {LOCKS: Cause.DENIED, **recording(False)}),
    )
    listed = output_text(ran("blind-spot", "--list"))
    assert "GET /groups/{groupId}/lock_settings (RC-02): refused by Zoom, 2 groups" in listed


def test_every_kind_of_finding_can_be_named() -> None:
    assert [str(each) for each in Kind] == [str(each) for each in FindingKind]

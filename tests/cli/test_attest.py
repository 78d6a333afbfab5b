"""`auditor attest`: what is due, the questions one by one, and a file that says who looked."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from auditor.evidence.reading import JsonValue
from auditor.evidence.view import LOCKS, View
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline import organisation
from auditor.policy.baseline.attestations import questions
from auditor.policy.baseline.waivers import WARN_DAYS, Attestation
from tests.app.stored import judgement
from tests.builders import ACCOUNT, CATALOGUE, Bodies, set_at
from tests.cli.commands import answers, output_text, ran, store

pytestmark = pytest.mark.usefixtures("home")
DUE = list(questions(baseline.load("strict", CATALOGUE).assessed.values()))
TRAINING = ("--baseline", "strict", "--only", "TR-01", "--only", "TR-02")
ME = ("--by", "dpo@example.com")


def today() -> date:
    return datetime.now(UTC).date()


def days(count: int) -> str:
    return (today() + timedelta(days=count)).isoformat()


def stored_attestations(path: str = "attestations.yaml") -> dict[str, Attestation]:
    return {each.control: each for each in organisation.load(Path(path), CATALOGUE).attestations}


def row(
    control: str = "TR-01", on: str = "2026-01-01", expires: str | None = None, more: str = ""
) -> str:
    return (
        f"  - {{control: {control}, as_expected: true, statement: old, evidence: e, "
        f"by: a@example.com, on: {on}, expires: {expires or days(100)}{more}}}\n"
    )


def write(*rows: str, name: str = "attestations.yaml", more: str = "") -> Path:
    path = Path(name)
    path.write_text(more + "attestations:\n" + "".join(rows), encoding="utf-8")
    return path


# What is due


def test_everything_nobody_has_answered_is_due() -> None:
    result = ran("attest", "--list", "--baseline", "strict")
    assert result.exit_code == 0
    assert output_text(result).endswith(f"{len(DUE)} attestations are due.")
    output = " ".join(output_text(result).split())
    assert all(f"{each.label}: missing. " in output for each in DUE)
    assert any(each.is_lock for each in DUE)
    assert not Path("attestations.yaml").exists()


@pytest.mark.parametrize(
    ("expires", "state"),
    [
        (-1, "TR-01: expired"),
        (0, "TR-01: expires"),
        (WARN_DAYS, "TR-01: expires"),
        (WARN_DAYS + 1, None),
    ],
)
def test_an_answer_that_ends_within_14_days_is_due_again(expires: int, state: str | None) -> None:
    write(row(expires=days(expires)), row("TR-02"))
    output = output_text(ran("attest", "--list", *TRAINING))
    assert (
        (f"{state} {days(expires)}" in output) if state else (output == "0 attestations are due.")
    )


def test_answers_in_the_organisation_file_count() -> None:
    write(row(), name="org.yaml")
    output = output_text(ran("attest", "--list", *TRAINING, "--org", "org.yaml"))
    assert "TR-01" not in output
    assert "TR-02: missing. " in output


def test_the_answer_that_lasts_longest_counts() -> None:
    write(row(), row(expires="2026-01-02"), row("TR-02"))
    assert output_text(ran("attest", "--list", *TRAINING)) == "0 attestations are due."


def test_an_answer_for_a_group_is_no_answer_for_the_account() -> None:
    write(row(more=", scope: {group: Legal}"), row("TR-02"))
    assert "TR-01: missing. " in output_text(ran("attest", "--list", *TRAINING))


def test_if_nothing_is_due_no_question_is_asked() -> None:
    write(row(), row("TR-02"))
    before = Path("attestations.yaml").read_text()
    result = ran("attest", *TRAINING)
    assert (result.exit_code, output_text(result)) == (0, "0 attestations are due.")
    assert Path("attestations.yaml").read_text() == before


# Answering


def test_a_question_is_answered_with_evidence_and_an_expiry_date() -> None:
    result = ran(
        "attest",
        *TRAINING,
        stdin=answers("dpo@example.com", "yes", "All three were read.", "DPO-31", "", ""),
    )
    assert result.exit_code == 0, result.output
    control = CATALOGUE.controls["TR-01"]
    output = output_text(result)
    assert "1 of 2: TR-01 (missing)" in output
    unwrapped = "".join(output.split())  # a line may break behind a hyphen
    assert control.attestation is not None
    assert "".join(control.attestation.question.split()) in unwrapped
    assert "".join(control.attestation.evidence.split()) in unwrapped
    assert "+ - control: TR-01 + as_expected: true" in output
    assert "1 of 2 answered." in output
    assert "include: [attestations.yaml]" in output
    (answer,) = stored_attestations().values()
    assert (answer.control, answer.as_expected, answer.evidence) == ("TR-01", True, "DPO-31")
    assert answer.statement == "All three were read."
    assert (answer.by, answer.on) == ("dpo@example.com", today())
    assert answer.expires == today() + timedelta(days=control.attestation.renew_days)


def test_an_empty_answer_skips_and_nothing_answered_writes_nothing() -> None:
    result = ran("attest", *TRAINING, *ME, stdin=answers("", " "))
    assert result.exit_code == 0
    assert "0 of 2 answered." in output_text(result)
    assert not Path("attestations.yaml").exists()


def test_a_date_that_is_none_or_not_in_the_future_is_asked_again() -> None:
    dates = ("soon", "2026-02-30", "2020-01-01", days(0), days(30))
    result = ran("attest", *TRAINING, *ME, stdin=answers("y", "seen", "DPO-31", *dates, ""))
    assert result.exit_code == 0, result.output
    output = output_text(result)
    assert output.count("Give a date such as 2027-01-31.") == 2
    assert output.count(f"Give a date after {today()}.") == 2
    assert stored_attestations()["TR-01"].expires.isoformat() == days(30)


def test_an_answer_without_evidence_is_asked_again() -> None:
    result = ran("attest", *TRAINING, *ME, stdin=answers("yes", "seen", " ", "DPO-31", "", ""))
    assert result.exit_code == 0, result.output
    assert "Say something" in output_text(result)
    assert stored_attestations()["TR-01"].evidence == "DPO-31"


def test_answers_are_added_behind_the_older_ones_and_the_newest_counts() -> None:
    write(row(expires="2026-02-01"), row("AI-12"), row("TR-01", more=", scope: {group: Legal}"))
    ran(
        "attest",
        *TRAINING,
        *ME,
        stdin=answers("yes", "seen", "DPO-31", "", "no", "bad", "DPO-32", ""),
    )
    found = organisation.load(Path("attestations.yaml"), CATALOGUE).attestations
    assert [(each.control, each.as_expected, each.scope.label) for each in found] == [
        ("TR-01", True, "level account"),
        ("AI-12", True, "level account"),
        ("TR-01", True, "group Legal"),
        ("TR-01", True, "level account"),
        ("TR-02", False, "level account"),
    ]
    assert "0 attestations" in output_text(ran("attest", "--list", *TRAINING))


def test_each_answer_is_safe_as_soon_as_it_is_given() -> None:
    result = ran(
        "attest",
        *TRAINING,
        *ME,
        stdin=answers("yes", "seen", "DPO-31", "", "yes", "half an answer"),
    )
    assert result.exit_code == 130
    assert list(stored_attestations()) == ["TR-01"]


def test_answers_in_any_script_are_kept() -> None:
    ran(
        "attest",
        *TRAINING,
        *ME,
        stdin=answers("yes", "Ja: geprüft & für gut befunden #1", "契約", "", ""),
    )
    assert stored_attestations()["TR-01"].statement == "Ja: geprüft & für gut befunden #1"
    assert stored_attestations()["TR-01"].evidence == "契約"


def test_an_answered_run_shows_it_as_attested_and_never_as_a_pass(home: Path) -> None:
    store(home, judgement("TR-01", "TR-02"), (ACCOUNT, {}))
    audit = ("audit", "--from", "latest", "--strict")
    assert ran(*audit).exit_code == 3
    ran("attest", *TRAINING, *ME, stdin=answers(*["yes", "seen", "DPO-31", ""] * 2))
    Path("org.yaml").write_text("include: [attestations.yaml]\n")
    result = ran(*audit, "--org", "org.yaml")
    assert result.exit_code == 0, result.output
    assert "Attested: 2 rules, TR-01, TR-02" in output_text(result)
    assert "as “strict” asks" not in output_text(result) or "attest" in output_text(result)


# Refusals


def test_a_file_that_cannot_be_edited_safely_stays_as_it_is() -> None:
    path = Path("org.yaml")
    path.write_text("{baseline: strict}\n")
    result = ran("attest", "org.yaml", *TRAINING, *ME, stdin=answers("yes", "seen", "e", "", ""))
    assert result.exit_code == 2
    assert "cannot be edited safely; edit it by hand" in output_text(result)
    assert path.read_text() == "{baseline: strict}\n"


def test_a_faulty_file_is_refused_with_its_line() -> None:
    write(row("TR-1"))
    result = ran("attest", *TRAINING)
    assert result.exit_code == 2
    assert (
        'attestations.yaml:2: attestations.0.control: no control is called "TR-1"'
        in output_text(result)
    )


@pytest.mark.parametrize("place", ["nowhere/a.yaml", f"{'x' * 300}.yaml", "."])
def test_a_place_that_cannot_be_written_is_found_out_before_anything_is_asked(place: str) -> None:
    result = ran(
        "attest", place, *TRAINING, stdin=answers("dpo@example.com", "yes", "seen", "e", "")
    )
    assert result.exit_code == 2
    assert "cannot be written" in output_text(result)
    assert "TR-01" not in result.output


def test_a_long_name_that_is_only_listed_is_refused_too() -> None:
    result = ran("attest", f"{'x' * 300}.yaml", "--list", *TRAINING)
    assert result.exit_code == 2
    assert "cannot be read" in output_text(result)


# Older entries, organisation files and scripts

OLD = (
    "# ours\nparameters: {qos_level: 1}  # low\nattestations:\n  # first\n"
    '  - {control: TR-01, statement: "yes", evidence: e, by: a@x, on: 2026-01-01, '
    "expires: EXPIRES}  # tail\n"
    "  - control: TR-02  # second\n    statement: >-\n      long\n      text\n    evidence: e\n"
    "    by: a@x\n    on: 2026-01-01\n    expires: EXPIRES\n# the end\n"
)


def old() -> str:
    text = OLD.replace("EXPIRES", days(200))
    Path("org.yaml").write_text(text)
    return text


def test_an_older_entry_that_does_not_say_whether_it_is_as_expected_is_due() -> None:
    old()
    output = output_text(ran("attest", "--list", *TRAINING, "--org", "org.yaml"))
    assert "TR-01: not compared. " in output
    assert output.endswith("2 attestations are due.")


def test_older_entries_are_given_their_answer_and_everything_else_stays() -> None:
    before = old()
    result = ran("attest", "org.yaml", "--migrate", stdin=answers("yes", "no", "y"))
    assert result.exit_code == 0, result.output
    assert "+    as_expected: false" in result.output
    after = Path("org.yaml").read_text()
    assert after == before.replace(
        "{control: TR-01,", "{control: TR-01, as_expected: true,"
    ).replace("TR-02  # second\n", "TR-02  # second\n    as_expected: false\n")


def test_a_migration_that_is_not_confirmed_or_skipped_changes_nothing() -> None:
    before = old()
    assert "Nothing written." in output_text(
        ran("attest", "org.yaml", "--migrate", stdin=answers("yes", "", "n"))
    )
    assert "nothing changed" in output_text(
        ran("attest", "org.yaml", "--migrate", stdin=answers("", ""))
    )
    assert Path("org.yaml").read_text() == before


def test_a_script_can_migrate_and_answer_without_being_asked() -> None:
    old()
    assert ran("attest", "org.yaml", "--migrate", "--as-expected", "--yes").exit_code == 0
    answer: tuple[str, ...] = (
        "--control",
        "TP-07",
        "--setting",
        "recording.allow_cmr_3rd_party_bot",
    )
    answer += ("--not-as-expected", "--statement", "It is open.", "--evidence", "DPO-7")
    result = ran("attest", "org.yaml", *answer, *ME, "--expires", days(90))
    assert result.exit_code == 0, result.output
    found = organisation.load(Path("org.yaml"), CATALOGUE).attestations
    assert [each.as_expected for each in found] == [True, True, False]
    assert Path("org.yaml").read_text().endswith("# the end\n")
    again = ran("attest", "org.yaml", *answer[:4], "--as-expected", *answer[5:], *ME, "--expires",
                days(90))  # fmt: skip
    assert again.exit_code == 0, again.output
    found = organisation.load(Path("org.yaml"), CATALOGUE).attestations
    assert [each.as_expected for each in found] == [True, True, True]


def test_an_answer_to_a_control_is_none_about_its_lock() -> None:
    """AI-14 asks two questions in this baseline: its own, and one about a lock."""
    answer = ("--as-expected", "--statement", "s", "--evidence", "e", *ME, "--expires", days(9))
    of_strict = ("--baseline", "strict", "--only", "AI-14")
    assert ran("attest", "org.yaml", "--control", "AI-14", *answer, *of_strict).exit_code == 0
    (answered,) = organisation.load(Path("org.yaml"), CATALOGUE).attestations
    assert answered.setting == "attestation"
    assert "AI-14, lock of" in output_text(ran("attest", "org.yaml", "--list", *of_strict))


def test_a_script_that_leaves_something_out_is_told_what() -> None:
    result = ran("attest", "--control", "TR-01", "--as-expected", *ME)
    assert result.exit_code == 2
    assert "give --statement, --evidence, --expires as well" in output_text(result)
    assert ran("attest", "--control", "TR-99").exit_code == 2


def test_a_script_cannot_write_a_file_that_is_not_valid() -> None:
    answer = ("--as-expected", "--statement", "s", "--evidence", "e", *ME, "--expires", days(9))
    result = ran("attest", "--control", "TR-01", "--setting", "no.such", *answer)
    assert result.exit_code == 2
    assert not Path("attestations.yaml").exists()


def test_an_answer_for_a_group_names_it() -> None:
    answer = ("--as-expected", "--statement", "s", "--evidence", "e", *ME, "--expires", days(9))
    assert ran("attest", "--control", "AI-01", "--group", "Legal", *answer).exit_code == 0
    (found,) = organisation.load(Path("attestations.yaml"), CATALOGUE).attestations
    assert found.scope.label == "group Legal"


@pytest.mark.parametrize("name", ["strict", "consent-first"])
def test_the_report_and_the_wizard_know_the_same_questions(home: Path, name: str) -> None:
    everything = [*baseline.load(name, CATALOGUE).assessed]
    inferred = {
        check.lock: True
        for each in baseline.load(name, CATALOGUE).assessed.values()
        for check in each.control.checks
        if check.lock_inferred and check.lock
    }
    locks: dict[str, JsonValue] = {}
    for path in inferred:
        set_at(locks, path.removeprefix("meeting_security."), True)
    security = View("lock_settings", "meeting_security")
    bodies: Bodies = {LOCKS: locks, security: {"meeting_security": locks}}
    store(home, judgement(*everything, name=name), (ACCOUNT, bodies))
    output = output_text(ran("report", "latest", "--format", "text"))
    waiting = len(list(questions(baseline.load(name, CATALOGUE).assessed.values())))
    assert f"To look up by hand: {waiting} questions of " in output


def test_answers_go_to_the_organisation_file_if_one_is_named_and_no_other_file() -> None:
    Path("org.yaml").write_text("# ours\nbaseline: strict\n")
    answer = ("--as-expected", "--statement", "s", "--evidence", "e", *ME, "--expires", days(9))
    assert ran("attest", "--org", "org.yaml", "--control", "TR-01", *answer).exit_code == 0
    assert stored_attestations("org.yaml").keys() == {"TR-01"}
    assert not Path("attestations.yaml").exists()


def test_an_answer_shows_what_it_changes_and_names_what_exists(home: Path) -> None:
    Path("org.yaml").write_text("baseline: strict\n")
    store(home, judgement("TR-01", "TR-02", name="strict"), (ACCOUNT, {}))
    answer = ("--as-expected", "--statement", "s", "--evidence", "e", *ME, "--expires", days(99))
    shown = output_text(ran("attest", "--org", "org.yaml", "--control", "TR-01", *answer))
    assert "TR-01: to decide or attest 1 → 0, attested 0 → 1" in shown
    nobody = ("--org", "org.yaml", "--control", "TR-02", "--group", "Nobody")
    refused = ran("attest", *nobody, *answer)
    assert refused.exit_code == 2
    assert 'No group of the account is called "Nobody"' in output_text(refused)
    assert stored_attestations("org.yaml").keys() == {"TR-01"}
    asked = ran(
        "attest", "--org", "org.yaml", *TRAINING, *ME, stdin=answers("y", "s", "e", days(99))
    )
    assert "TR-02: to decide or attest 1 → 0, attested 0 → 1" in output_text(asked)

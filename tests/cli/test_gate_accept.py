"""`auditor gate accept`: a run of what the gate judges, and nothing else, makes findings known."""

import pytest

from tests.cli.accounts import Account, lines

INVERTED = """id: strict
version: '1'
title: Everything that is right is wrong
extends: strict
controls: {AI-01: {expect: true}}
"""


def test_latest_is_the_newest_run_of_what_the_gate_judges(account: Account) -> None:
    night = account.first_night()
    account.gate("--live")
    account.night("--only", "RC-02")
    account.night("--baseline", "cis-zoom-1.0", code=0)
    accepted = account("gate", "accept", "latest")
    assert accepted.code == 0
    assert f"Accepted run {night} of account {account.sandbox.account_id}, " in accepted.out
    ran = account.gate("--new-only")
    assert f"against accepted run {night}." in lines(ran)[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--depth", "group"), "depth group"),
        (("--only", "RC-02"), "depth user, a selection of controls"),
        (("--baseline", "cis-zoom-1.0"), "baseline cis-zoom-1.0"),
    ],
)
def test_the_options_of_the_gate_choose_the_run(
    account: Account, options: tuple[str, str], message: str
) -> None:
    run = account.night(*options)
    account.night()
    accepted = account("gate", "accept", "latest", *options)
    assert (accepted.code, accepted.err) == (0, "")
    assert f"Accepted run {run}" in accepted.out
    assert message in accepted.out
    assert account.gate("--new-only", *options).code == 0
    refused = account.gate("--new-only")
    assert refused.code == 4
    assert f"run {run}, which was accepted last, has " in lines(refused)[0]
    assert "is no reference for what is new" in lines(refused)[0]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--depth", "group"), "depth group, which sees less than user"),
        (("--only", "RC-02"), "a selection of controls that leaves some out"),
        (("--baseline", "cis-zoom-1.0"), "baseline cis-zoom-1.0, not strict"),
    ],
)
def test_a_run_of_something_else_is_refused_and_what_differs_is_named(
    account: Account, options: tuple[str, str], named: str
) -> None:
    run = account.night(*options)
    refused = account("gate", "accept", run)
    assert refused.code == 2
    assert f"Run {run} does not match the gate: it has {named}" in refused.err
    newest = account("gate", "accept", "latest")
    assert newest.code == 2
    assert "No stored run fits" in newest.err
    assert run in newest.err


def test_a_run_of_another_policy_is_refused(account: Account) -> None:
    org = account.auditor.folder / "org.yaml"
    org.write_text("parameters: {recording_retention_days: 90}\n")
    mine = account.auditor.folder / "mine.yaml"
    mine.write_text(INVERTED)
    run = account.night("--org", org)
    refused = account("gate", "accept", "latest")
    assert refused.code == 2
    assert "organisation file sha256:" in refused.err
    assert ", not none" in refused.err
    assert account("gate", "accept", "latest", "--org", org).code == 0
    other = account("gate", "accept", run, "--org", org, "--baseline", mine)
    assert other.code == 2
    assert "another state of baseline strict" in other.err


def test_a_policy_made_for_it_makes_no_deviation_known(account: Account) -> None:
    inverted = account.auditor.folder / "inverted.yaml"
    inverted.write_text(INVERTED)
    account.night("--baseline", inverted)
    assert account("gate", "accept", "latest", "--baseline", inverted).code == 0
    account.summaries(True)
    account.night()
    ran = account.gate("--new-only")
    assert ran.code == 1
    assert "AI-01" in lines(ran)[2]


def test_a_run_that_is_set_aside_or_of_the_future_is_refused(account: Account) -> None:
    run = account.first_night()
    account("history", "set-aside", run, "--reason", "a trial")
    refused = account("gate", "accept", run)
    assert (refused.code, f"Run {run} is set aside (a trial)" in refused.err) == (2, True)
    account("history", "set-aside", run, "--undo")
    account.stored("UPDATE runs SET finished_at='2999-01-01T00:00:00.000Z'")
    future = account("gate", "accept", run)
    assert (future.code, "a clock was wrong" in future.err) == (2, True)
    assert account("gate", "accept", "latest").code == 2


def test_a_run_whose_evidence_was_altered_is_refused(account: Account) -> None:
    run = account.first_night()
    account.stored("UPDATE runs SET evidence_digest='sha256:0'")
    refused = account("gate", "accept", run)
    assert refused.code == 4
    assert "evidence digest" in refused.err


def test_an_option_before_the_subcommand_is_not_ignored(account: Account) -> None:
    account.first_night()
    refused = account("gate", "--depth", "group", "accept", "latest")
    assert refused.code == 2
    assert "--depth has no effect before accept" in refused.err

"""What an organisation decided, through the command: in every report, and in the exit code."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import Result

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.report import schema
from tests.app.stored import judgement
from tests.builders import ACCOUNT, Bodies, group, nested, user
from tests.cli.commands import output_text, ran, store

LEGAL, STUDIO = group(1, "Legal EU"), group(2, "Studio")
ADA, BOB = user(1, "g1"), user(2, "g2")
OFF, ON = ({SETTINGS: nested("recording.local_recording", value)} for value in (False, True))
EVERYBODY = [
    (ACCOUNT, {**ON, LOCKS: nested("recording.local_recording", True)}),
    *((scope, ON) for scope in (LEGAL, STUDIO, ADA, BOB)),
]


def days(count: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=count)).isoformat()


Audit = Callable[..., Result]


def waiver(scope: str = "{group: Studio}", expires: int = 100, **fields: str) -> str:
    more = "".join(f", {key}: {value}" for key, value in fields.items())
    return (
        f"waivers:\n  - {{control: RC-02, scope: {scope}, reason: They edit films., "
        f"owner: ciso@example.com, ticket: SEC-12, expires: {days(expires)}{more}}}\n"
    )


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """Judges the stored run with an organisation file: its exit code and its JSON report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "100")

    def judged(org: str, *more: str, scopes: Sequence[tuple[Scope, Bodies]] = EVERYBODY) -> Result:
        run = store(tmp_path / "data", judgement("RC-02", depth=Level.USER), *scopes)
        Path("org.yaml").write_text(org)
        command = ("audit", "--from", run, "--org", "org.yaml", "--only", "RC-02")
        return ran(*command, "-o", "run.json", "-o", "run.html", "-o", "-", *more)

    return judged


def report() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path("run.json").read_text())
    return document


def statuses() -> dict[str, str]:
    return {f["scope"]["id"]: f["status"] for f in report()["findings"] if f["kind"] == "value"}


def html() -> str:
    return Path("run.html").read_text()


def test_an_override_for_a_group_reaches_its_members_and_is_named(audit: Audit) -> None:
    org = "overrides:\n  - {match: {group: 'Legal*'}, controls: {RC-02: {expect: true}}}\n"
    audit(org, "--include-passes")
    assert statuses() == {"acc": "fail", "g1": "pass", "g2": "fail", "u1": "pass", "u2": "fail"}
    named = {f["scope"]["id"]: f["override"] for f in report()["findings"]}
    assert named["u1"] == "override for group Legal*"
    assert named["u2"] == ""


def test_a_report_for_people_names_the_override_too(audit: Audit) -> None:
    org = "overrides:\n  - {match: {group: 'Legal*'}, controls: {RC-02: {severity: critical}}}\n"
    audit(org)
    assert "the override for group Legal*" in html()


def test_a_conflict_of_overrides_is_a_decision_due(audit: Audit) -> None:
    org = (
        "overrides:\n"
        "  - {match: {user: 'u1*'}, controls: {RC-02: {expect: true}}}\n"
        "  - {match: {user: '*1@example.com'}, controls: {RC-02: {expect: false}}}\n"
    )
    result = audit(org)
    assert statuses()["u1"] == "needs_decision"
    assert "1 rule waits for 1 answer." in output_text(result)
    assert "Conflicting overrides of equal specificity: the override for user u1*" in html()


def test_waived_deviations_are_in_every_report_with_their_waiver(audit: Audit) -> None:
    result = audit(waiver(), "--fail-on", "high")
    assert result.exit_code == 1
    assert statuses() == {"acc": "fail", "g1": "fail", "g2": "waived", "u1": "fail", "u2": "waived"}
    (row,) = report()["waivers"]
    assert (row["state"], row["matched"], row["scope"]) == ("active", 2, "group Studio")
    carried = [f["waiver"] for f in report()["findings"] if f["status"] == "waived"]
    assert {each["ticket"] for each in carried} == {"SEC-12"}
    said = output_text(result)
    assert "Accepted Waived: 1 rule, RC-02" in said
    assert "- RC-02 for group Studio: covers 2 deviations. Accepted by ciso@example.com" in said
    assert f"until {days(100)}, SEC-12: They edit films." in said
    accepted = html().partition('<section id="settled"')[2].partition("</section>")[0]
    assert accepted.count("They edit films.") >= 2
    assert "covers 2 deviations" in accepted


def test_a_report_with_waivers_is_as_the_schema_says(audit: Audit) -> None:
    audit(waiver())
    jsonschema.Draft202012Validator(schema()).validate(report())


def test_if_everything_is_waived_the_gate_is_green(audit: Audit) -> None:
    everything = waiver("{group: '*'}") + waiver("{level: account}").partition("\n")[2]
    assert audit(everything, "--fail-on", "low").exit_code == 0
    assert set(statuses().values()) == {"waived"}


@pytest.mark.parametrize(
    ("org", "shouted"),
    [
        (waiver(expires=-1), f"EXPIRED on {days(-1)}"),
        (waiver("{group: Studdio}"), "MATCHES NOTHING"),
    ],
    ids=["expired", "unmatched"],
)
def test_a_stale_waiver_fails_at_any_threshold_and_is_shouted_about(
    audit: Audit, org: str, shouted: str
) -> None:
    result = audit(org, "--fail-on", "critical")
    assert result.exit_code == 1
    assert "! RC-02 for group Stud" in output_text(result)
    assert shouted in output_text(result)
    assert shouted in html()
    assert "fails the gate until it is renewed or removed" in html()
    assert audit(org).exit_code == 0


def test_an_expired_waiver_leaves_its_deviation_and_says_so(audit: Audit) -> None:
    audit(waiver(expires=-1))
    details = {f["scope"]["id"]: f["detail"] for f in report()["findings"]}
    assert f"The waiver of ciso@example.com expired on {days(-1)}." in details["g2"]
    assert statuses()["g2"] == "fail"


def test_a_waiver_that_ends_soon_is_warned_about_and_still_covers(audit: Audit) -> None:
    result = audit(waiver(expires=3))
    assert (
        f"! RC-02 for group Studio: covers 2 deviations, and ends soon, on {days(3)}"
        in output_text(result)
    )
    assert "<strong>RC-02 for group Studio" in html()
    assert "fails the gate" not in html()
    assert report()["waivers"][0]["state"] == "expiring"


def test_a_waiver_that_met_only_unknowns_covers_none_and_is_not_stale(audit: Audit) -> None:
    dark = [(ACCOUNT, OFF), (STUDIO, {SETTINGS: Cause.DENIED}), (BOB, {SETTINGS: Cause.DENIED})]
    result = audit(waiver(), "--fail-on", "critical", scopes=dark)
    assert result.exit_code == 3
    assert statuses() == {"g2": "unknown", "u2": "unknown"}
    assert report()["waivers"][0]["state"] == "unknown"
    assert "matched nothing that could be judged" in output_text(result)


def test_waivers_of_other_controls_are_not_held_against_a_selection(audit: Audit) -> None:
    org = waiver("{group: Nobody}").replace("RC-02", "RC-01")
    assert audit(org, "--fail-on", "critical").exit_code == 0
    assert report()["waivers"] == []


def test_an_attestation_settles_what_zoom_does_not_return_and_expires(audit: Audit) -> None:
    silent = [(ACCOUNT, {SETTINGS: {}, LOCKS: nested("recording.local_recording", True)})]
    attest = (
        "attestations:\n  - {control: RC-02, statement: It is off., evidence: DPO-31, "
        "by: dpo@example.com, on: 2026-01-01, expires: DATE}\n"
    )
    level = ("--depth", "account", "--fail-on", "low")
    assert audit("{}", *level, scopes=silent).exit_code == 3
    result = audit(attest.replace("DATE", days(1)), *level, scopes=silent)
    assert result.exit_code == 0
    assert statuses() == {"acc": "attested"}
    assert "Attested: 1 rule, RC-02" in output_text(result)
    assert "It is off. (dpo@example.com on 2026-01-01" in html()
    assert audit(attest.replace("DATE", days(-1)), *level, scopes=silent).exit_code == 3
    assert statuses() == {"acc": "attestation_expired"}


@pytest.mark.parametrize("part", ["reason: They edit films., ", "owner: ciso@example.com, "])
def test_a_waiver_without_reason_or_owner_is_refused_with_its_line(audit: Audit, part: str) -> None:
    result = audit(waiver().replace(part, ""))
    assert result.exit_code == 2
    assert f'org.yaml:2: waivers.0: "{part.partition(":")[0]}" is missing.' in output_text(result)
    assert not Path("run.json").exists()


def test_without_a_baseline_of_its_own_the_file_is_judged_by_the_runs(audit: Audit) -> None:
    audit(waiver())
    assert report()["run"]["baseline"]["id"] == "strict"
    audit("baseline: regulated\n" + waiver())
    assert report()["run"]["baseline"]["id"] == "regulated"
    audit(waiver(), "--baseline", "education")
    assert report()["run"]["baseline"]["id"] == "education"

"""Own controls of the organisation file: judged, waived and stored like shipped ones."""

from pathlib import Path

import pytest

from auditor.app.audit import EvaluationConfig
from auditor.app.selection import Selection
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import LOCKS, SETTINGS
from auditor.findings.model import FindingKind, Status, Verdict
from auditor.policy.baseline import serialization
from auditor.policy.baseline.waivers import WaiversAndAttestations
from auditor.policy.catalogue import files, frameworks
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.evaluation.evaluate import evaluate
from tests.builders import ACCOUNT, TODAY, nested, scope_verdicts, snapshot_of, user

SETTING = "in_meeting.file_transfer"
OWN = f"""\
controls:
  - id: ORG-01
    title: File transfer in meetings is off
    why: Files shared in meetings leave our retention rules.
    severity: medium
    topic: sharing
    setting: {SETTING}
    levels: [account, user]
    expect: false
    lock: true
    fix: Account Settings > Meeting > In Meeting (Basic)
    mappings: {{our_policy: ["4.2"], gdpr: ["Art 5(1)(f)"]}}
"""


def config(folder: Path, text: str, *only: str) -> EvaluationConfig:
    path = folder / "org.yaml"
    path.write_text(text, encoding="utf-8")
    return Selection(org=path, only=list(only)).judgement(Level.USER, "cis-zoom-1.0")


def account(value: bool, *, locked: bool = True) -> Snapshot:
    bodies = {SETTINGS: nested(SETTING, value), LOCKS: nested(SETTING, locked)}
    return snapshot_of((ACCOUNT, bodies), (user(1), {SETTINGS: nested(SETTING, value)}))


def verdicts(config: EvaluationConfig, snapshot: Snapshot) -> list[tuple[str, Verdict]]:
    """The verdicts on ORG-01, with the id of their scope."""
    organisation = config.organisation
    evaluation = evaluate(
        snapshot,
        config.catalogue,
        config.baseline,
        config.parameters,
        config.depth,
        True,
        config.overrides,
        WaiversAndAttestations(organisation.waivers, organisation.attestations, TODAY),
    )
    return [(scope.id, v) for scope, v in scope_verdicts(evaluation) if v.control == "ORG-01"]


def statuses(config: EvaluationConfig, snapshot: Snapshot) -> set[tuple[str, str, Status]]:
    return {(scope, v.kind, v.status) for scope, v in verdicts(config, snapshot)}


def test_it_is_judged_at_its_levels_with_its_lock(tmp_path: Path) -> None:
    own = config(tmp_path, OWN)
    assert statuses(own, account(False)) == {
        ("acc", FindingKind.VALUE, Status.PASS),
        ("acc", FindingKind.LOCK, Status.PASS),
        ("u1", FindingKind.VALUE, Status.PASS),
    }
    assert statuses(own, account(True, locked=False)) == {
        ("acc", FindingKind.VALUE, Status.FAIL),
        ("acc", FindingKind.LOCK, Status.FAIL),
        ("u1", FindingKind.VALUE, Status.FAIL),
    }


def test_a_setting_that_zoom_does_not_return_is_unknown(tmp_path: Path) -> None:
    empty = snapshot_of((ACCOUNT, {SETTINGS: {}, LOCKS: {}}))
    assert {v.status for _, v in verdicts(config(tmp_path, OWN), empty)} == {Status.UNKNOWN}


def test_a_list_is_read_as_the_shipped_controls_read_it(tmp_path: Path) -> None:
    """An empty list of regions has no documented meaning; people are counted, never named."""
    regions = "in_meeting.data_center_regions"
    text = OWN.replace(SETTING, regions).replace("    lock: true\n", "")
    text = text.replace("expect: false", "expect: {op: subset_of_param, param: allowed_regions}")
    own = config(tmp_path, text + "parameters: {allowed_regions: [US]}\n")
    empty = snapshot_of((ACCOUNT, {SETTINGS: nested(regions, [])}))
    assert ("acc", FindingKind.VALUE, Status.UNKNOWN) in statuses(own, empty)
    entry = own.organisation.controls[0]
    people = "security.signin_with_sso.sso_bypass_users"
    assert entry.model_copy(update={"setting": people}).control.checks[0].counted


def test_waivers_overrides_and_the_selection_take_it_like_a_shipped_one(tmp_path: Path) -> None:
    more = (
        "waivers:\n  - {control: ORG-01, scope: {level: account}, reason: Because., "
        "owner: a@example.com, expires: 2027-01-31}\n"
        "overrides:\n  - match: {level: user}\n    controls: {ORG-01: {expect: true}}\n"
    )
    own = config(tmp_path, OWN + more, "org-01")
    assert own.selected == frozenset({"ORG-01"})
    assert statuses(own, account(True)) == {
        ("acc", FindingKind.VALUE, Status.WAIVED),
        ("acc", FindingKind.LOCK, Status.PASS),
        ("u1", FindingKind.VALUE, Status.PASS),
    }


def test_it_is_stored_with_the_run_and_judged_again(tmp_path: Path) -> None:
    own = config(tmp_path, OWN)
    shipped = files.shipped_catalogue()
    baseline, organisation = serialization.load(
        serialization.dump(own.baseline, own.organisation), shipped
    )
    assert organisation == own.organisation
    assert baseline.assessed["ORG-01"] == own.baseline.assessed["ORG-01"]
    assert baseline.info.digest == config(tmp_path, "triage: []\n").baseline.info.digest
    other = config(tmp_path, OWN.replace("severity: medium", "severity: high"))
    digests = {serialization.organisation_digest(each.organisation) for each in (own, other)}
    assert len(digests) == 2


def test_its_frameworks_can_be_selected(tmp_path: Path) -> None:
    catalogue = config(tmp_path, OWN).catalogue
    assert frameworks.named("our_policy", catalogue).controls == {"4.2": ("ORG-01",)}
    assert "ORG-01" in frameworks.named("gdpr", catalogue).controls["Art 5(1)(f)"]
    with pytest.raises(PolicyError, match="our_policy"):
        frameworks.named("our_polcy", catalogue)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("ORG-01", "AI-77", "controls.0.id"),
        ("ORG-01", "ORG", "controls.0.id"),
        (SETTING, "in_meeting.file_transfr", "controls.0.setting"),
        ("levels: [account, user]", "levels: [account, webinar]", "controls.0.levels.1"),
        ("expect: false", "expect: 7", "controls.0.expect"),
        ("lock: true", "documented: false", "controls.0.documented"),
        ("severity: medium", "severity: hihg", "controls.0.severity"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(PolicyError) as raised:
        config(tmp_path, OWN.replace(old, new))
    assert f" {key}" in str(raised.value)
    assert "org.yaml:" in str(raised.value)


def test_an_undocumented_setting_has_to_say_so(tmp_path: Path) -> None:
    text = OWN.replace(SETTING, "in_meeting.brand_new").replace("    lock: true\n", "")
    with pytest.raises(PolicyError, match="documented: false"):
        config(tmp_path, text)
    own = config(tmp_path, text + "    documented: false\n")
    body = {SETTINGS: nested("in_meeting.brand_new", True)}
    assert statuses(own, snapshot_of((ACCOUNT, body))) == {("acc", FindingKind.VALUE, Status.FAIL)}


def test_an_id_cannot_be_defined_twice(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(OWN, encoding="utf-8")
    with pytest.raises(PolicyError, match="defined twice"):
        config(tmp_path, "include: [more.yaml]\n" + OWN)


ENTRIES = {
    "waivers": "{control: RC-02, scope: {level: account}, reason: r, owner: a@example.com",
    "blind_spots": "{control: RC-02, cause: denied, reason: r, owner: a@example.com",
    "attestations": "{control: TR-01, as_expected: true, statement: s, evidence: e, "
    "by: a@example.com, on: 2026-11-02",
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_approval_comes_from_somebody_else(tmp_path: Path, kind: str) -> None:
    def text(approval: str) -> str:
        entry = f"{ENTRIES[kind]}, expires: 2027-01-31{approval}}}"
        return f"require_approval: true\n{kind}:\n  - {entry}\n"

    for approval in ("", ", approved_by: A@example.com"):
        with pytest.raises(PolicyError, match=f"{kind}.0"):
            config(tmp_path, text(approval))
    assert config(tmp_path, text(", approved_by: b@example.com")).organisation.require_approval
    optional = text("").replace("require_approval: true\n", "")
    assert not config(tmp_path, optional).organisation.require_approval

"""The fleet file: what it may contain, who may have written it, and that no secret stands in it."""

from pathlib import Path

import jsonschema
import pytest

from auditor.fleet import loading
from auditor.fleet.loading import FleetError
from auditor.fleet.model import CredentialPlace
from auditor.policy.catalogue import yaml_source
from auditor.policy.catalogue.errors import PolicyError

WHOLE = """\
name: The group
org: common.yaml
plan: business
accounts:
  - name: emea
    credentials: {environment: EMEA}
    account_id: abc
    org: emea.yaml
    plan: pro
    tags: [clinical, eu]
  - {name: us-east, credentials: {profile: us}, baseline: strict}
  - {name: Apac.1, credentials: {systemd: apac}, baseline: ./own.yaml, tags: [eu]}
"""
TAKEN = """\
accounts: [{name: primary, credentials: {profile: a}}]
primary: {credentials: {profile: p}}
"""
HEAD = "accounts: [{name: a, credentials: {environment: A}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(WHOLE)
    return path


def test_paths_start_at_the_fleet_file_and_the_account_comes_before_the_fleet(file: Path) -> None:
    fleet = loading.load(file)
    emea, us, apac = fleet.accounts
    assert (fleet.name, fleet.common_org) == ("The group", file.parent / "common.yaml")
    assert fleet.org_of(emea) == file.parent / "emea.yaml"
    assert [fleet.plan_of(each) for each in (emea, us)] == ["pro", "business"]
    assert [fleet.baseline_of(each) for each in (emea, us, apac)] == [
        None,
        "strict",
        str(file.parent / "own.yaml"),
    ]


def test_a_tag_selects_and_an_unknown_one_is_refused_with_the_nearest(file: Path) -> None:
    fleet = loading.load(file)
    assert [each.name for each in fleet.tagged(["eu"]).accounts] == ["emea", "Apac.1"]
    with pytest.raises(FleetError, match='Did you mean "clinical"'):
        fleet.tagged(["clincal"])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", 'name the accounts under "accounts", or a "primary" account'),
        ("accounts: []", 'name the accounts under "accounts", or a "primary" account'),
        ("primary: {}", 'f.yaml:1: primary: "credentials" is missing.'),
        (TAKEN, "accounts.0.name: an account is called primary already"),
        (HEAD + ", tagz: [x]}]", 'f.yaml:1: accounts.0.tagz: unknown key. Did you mean "tags"?'),
        (HEAD + "}, {name: A, credentials: {profile: b}}]", "accounts.1.name: an account is"),
        ("accounts: [{name: a/b, credentials: {profile: b}}]", "accounts.0.name: write up to 64"),
        ("accounts: [{name: a, credentials: {}}]", "accounts.0.credentials: name their place"),
        (
            "accounts: [{name: a, credentials: {profile: a, systemd: b}}]",
            "accounts.0.credentials: name their place",
        ),
    ],
    ids=[
        *("empty", "no account", "no credentials", "reserved", "misspelt", "twice"),
        *("no file name", "no place", "two places"),
    ],
)
def test_a_faulty_file_is_refused_with_line_and_key(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError) as error:
        loading.load(path)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    "credentials",
    [
        "CANARY-secret",
        "{environment: CANARY-secret}",
        "{client_secret: CANARY-secret}",
        "{environment: A, client-secret: CANARY-secret}",
        "{profile: [CANARY-secret]}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(
    tmp_path: Path, credentials: str
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(f"accounts: [{{name: a, credentials: {credentials}}}]")
    with pytest.raises(PolicyError) as error:
        loading.load(path)
    assert "CANARY" not in str(error.value)
    assert ("must not be in this file" in str(error.value)) == ("client" in credentials)


def test_the_schema_accepts_what_the_program_accepts(file: Path) -> None:
    schema = loading.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(yaml_source.read(file).data)
    for text in (HEAD + ", tagz: [x]}]", "accounts: [{name: a, credentials: {}}]"):
        assert not validator.is_valid(yaml_source.parse(text.encode(), "f.yaml").data)


def test_the_file_of_a_working_folder_counts_only_if_nobody_else_can_write_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert len(loading.load(None).accounts) == 3
    with pytest.raises(FleetError, match="The variable CI is set"):
        loading.load(None, is_ci=True)
    file.chmod(0o666)
    with pytest.raises(FleetError, match="others may write to it"):
        loading.load(None)
    file.rename("real.yaml")
    file.symlink_to("real.yaml")
    with pytest.raises(FleetError, match="it is a symbolic link"):
        loading.load(None)
    file.unlink()
    with pytest.raises(FleetError, match=r"There is no fleet\.yaml here"):
        loading.load(None)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ({"environment": "EMEA"}, "wrong (EMEA_ZOOM_CLIENT_ID, EMEA_ZOOM_CLIENT_SECRET): copy"),
        ({"profile": "emea"}, "wrong (the credentials of profile emea): copy"),
        ({"systemd": "emea"}, "wrong (the credentials of systemd emea): copy"),
    ],
)
def test_an_error_of_signing_in_names_the_place_of_the_credentials(
    place: dict[str, str], sentence: str
) -> None:
    named = CredentialPlace(**place).named_in
    assert named("wrong (ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET): copy") == sentence
    assert named(sentence) == sentence
    assert named("check ZOOM_OAUTH_URL") == "check ZOOM_OAUTH_URL"

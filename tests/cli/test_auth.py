"""`auditor auth`: what it stores, what it shows, and what it never shows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import keyring
import pytest
from keyring.backends import fail, null
from keyrings.alt.file import PlaintextKeyring
from typer.testing import CliRunner, Result

from auditor.cli.main import app
from auditor.sandbox import Conduct, Sandbox, World, serve
from auditor.secrets.backends import SERVICE
from tests.cli.commands import output_text, ran
from tests.keyrings import InMemory, Locked, current

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Account:
    """A simulated account, and the input that `login --stdin` takes for it."""

    served: Sandbox

    @property
    def lines(self) -> str:
        return "\n".join(
            (self.served.account_id, self.served.client_id, self.served.client_secret, "")
        )


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with serve(World(users=1), conduct=Conduct(plan="none")) as sandbox:
        yield sandbox


@pytest.fixture
def account(served: Sandbox, home: Path, monkeypatch: Patch) -> Account:
    """The command is pointed at its addresses, and knows no credentials."""
    monkeypatch.setenv("ZOOM_API_URL", served.api_url)
    monkeypatch.setenv("ZOOM_OAUTH_URL", served.oauth_url)
    return Account(served)


@pytest.fixture
def ring() -> Iterator[InMemory]:
    before = current()
    made = InMemory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def entry(ring: InMemory, name: str, profile: str = "default") -> str | None:
    return ring.kept.get((SERVICE, f"{profile}:{name}"))


def refused(result: Result, code: int, *message: str) -> None:
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    for words in message:
        assert words in output_text(result)


def test_login_asks_zoom_and_stores_what_works(account: Account, ring: InMemory) -> None:
    result = ran("auth", "login", "--stdin", stdin=account.lines)
    assert result.exit_code == 0, result.output
    assert entry(ring, "account_id") == account.served.account_id
    assert entry(ring, "client_secret") == account.served.client_secret
    assert "Groups" in result.stdout
    assert "list groups" in result.stdout
    assert 'Stored as profile "default"' in result.stdout
    assert account.served.client_secret not in result.output


def test_login_stores_nothing_that_zoom_refuses(account: Account, ring: InMemory) -> None:
    wrong = account.lines.replace(account.served.client_secret, "hush-mistyped")
    result = ran("auth", "login", "--stdin", stdin=wrong)
    refused(result, 4, "client secret is wrong", "Nothing was stored", "--no-test")
    assert ring.kept == {}
    assert "hush-mistyped" not in result.output


@pytest.fixture
def typed(monkeypatch: Patch) -> None:
    """A person sits at a terminal."""
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("auditor.cli.auth.sys", SimpleNamespace(stdin=terminal))


TYPED = [
    pytest.param(["acc", "cid", "hush"], "Stored as profile", id="three values"),
    pytest.param(["'acc' ", "cid", "hush"], "Blanks or quotes around the account ID", id="quotes"),
    pytest.param(["ac c", "acc", "cid", "hush"], "space", id="a value that cannot be right"),
    pytest.param(
        ["acc", "acc", "acc", "cid", "hush"], "enter all three again", id="the same twice"
    ),
]


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(("lines", "says"), TYPED)
def test_login_asks_until_the_values_can_be_right(
    account: Account, ring: InMemory, lines: list[str], says: str
) -> None:
    result = ran("auth", "login", "--no-test", stdin="\n".join([*lines, ""]))
    assert result.exit_code == 0, result.output
    assert says in output_text(result)
    assert entry(ring, "account_id") == "acc"
    assert entry(ring, "client_secret") == "hush"


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize("lines", [["a b"] * 3, ["acc"] * 6], ids=["blanks", "the same twice"])
def test_login_gives_up_and_stores_nothing(
    account: Account, ring: InMemory, lines: list[str]
) -> None:
    result = ran("auth", "login", "--no-test", stdin="\n".join([*lines, ""]))
    refused(result, 2, "Nothing was stored")
    assert ring.kept == {}


def test_enter_keeps_what_is_stored(
    account: Account, ring: InMemory, request: pytest.FixtureRequest
) -> None:
    ran("auth", "login", "--stdin", "--no-test", stdin="acc-long-id\ncid-long-id\nhush-1")
    request.getfixturevalue("typed")
    result = ran("auth", "login", "--no-test", stdin="\n\nhush-2\n")
    assert "[Enter keeps acc" in result.stderr
    assert entry(ring, "client_id") == "cid-long-id"
    assert entry(ring, "client_secret") == "hush-2"


def test_login_without_a_test_asks_nobody(account: Account, ring: InMemory) -> None:
    requests_before = account.served.requests.total
    result = ran("auth", "login", "--stdin", "--no-test", stdin="acc\ncid\nhush")
    assert result.exit_code == 0
    assert "Not tested" in result.stderr
    assert entry(ring, "client_secret") == "hush"
    assert account.served.requests.total == requests_before


def test_login_again_replaces(account: Account, ring: InMemory) -> None:
    ran("auth", "login", "--stdin", "--no-test", stdin="acc\ncid\nhush-1")
    result = ran("auth", "login", "--stdin", "--no-test", stdin="acc\ncid\nhush-2")
    assert 'Replaced as profile "default"' in result.stdout
    assert entry(ring, "client_secret") == "hush-2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("hush\nhush-2", "2 lines, not three"),
        ("acc\nacc\nhush", "the same as the account ID"),
        ("acc\ncid\nhu sh", "space"),
    ],
)
def test_login_refuses_input_that_cannot_be_right(
    account: Account, ring: InMemory, text: str, message: str
) -> None:
    result = ran("auth", "login", "--stdin", stdin=text)
    refused(result, 2, message)
    assert "hush" not in result.output
    assert ring.kept == {}


def test_login_refuses_input_that_is_no_text(account: Account, ring: InMemory) -> None:
    result = CliRunner().invoke(app, ["auth", "login", "--stdin"], input=b"hush\xff\n")
    refused(result, 2, "not UTF-8")
    assert "hush" not in result.output


def test_login_says_what_will_go_before_the_keyring(
    account: Account, ring: InMemory, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "hush-env")
    result = ran("auth", "login", "--stdin", stdin=account.lines)
    assert "ZOOM_CLIENT_SECRET (environment) goes before the keyring" in output_text(result)
    assert "is not stored with them" in output_text(result)
    assert "hush-env" not in result.output


def test_login_without_a_terminal_names_stdin(account: Account, ring: InMemory) -> None:
    refused(ran("auth", "login"), 2, "--stdin")


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (fail.Keyring(), "no working keyring"),
        (null.Keyring(), "switched off"),
        (Locked(), "locked"),
        (PlaintextKeyring(), "unencrypted"),
    ],
)
def test_login_asks_for_no_secret_that_no_keyring_would_keep(
    account: Account, ring: InMemory, backend: InMemory, message: str
) -> None:
    keyring.set_keyring(backend)
    requests_before = account.served.requests.total
    result = ran("auth", "login", "--stdin", stdin=account.lines)
    refused(result, 2, message, "(1) the environment", "(2) systemd", "(3) an encrypted file")
    assert account.served.requests.total == requests_before
    assert account.served.client_secret not in result.output


def test_a_plain_text_keyring_has_to_be_asked_for(
    account: Account, ring: InMemory, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    keyring.set_keyring(PlaintextKeyring())
    words = ("auth", "login", "--stdin", "--allow-plaintext-keyring")
    assert ran(*words, stdin=account.lines).exit_code == 0
    result = ran("auth", "status")
    assert result.exit_code == 0
    assert "keyring, not encrypted" in result.stdout


def test_login_sends_no_secret_to_a_stranger(
    account: Account, ring: InMemory, monkeypatch: Patch
) -> None:
    monkeypatch.setenv("ZOOM_OAUTH_URL", "https://evil.example/token")
    refused(ran("auth", "login", "--stdin", stdin=account.lines), 2, "ZOOM_OAUTH_URL")


def test_status_says_where_each_value_comes_from(
    account: Account, ring: InMemory, monkeypatch: Patch
) -> None:
    ran("auth", "login", "--stdin", stdin=account.lines)
    monkeypatch.setenv("ZOOM_CLIENT_ID", account.served.client_id)
    Path("mine.toml").write_text(
        f'[profiles.default]\naccount_id = "{account.served.account_id}"\n'
    )
    monkeypatch.setenv("AUDITOR_CONFIG", "mine.toml")
    result = ran("auth", "status", "--format", "json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {each["name"]: each["source"] for each in found["values"]} == {
        "account_id": "config file",
        "client_id": "environment",
        "client_secret": "keyring",
    }
    assert found["token"]["works"] is True
    assert "group:read:list_groups:admin" in found["token"]["scopes"]
    assert found["profiles"] == [{"name": "default", "keyring": True, "config_file": True}]
    assert account.served.client_secret not in result.output


@pytest.mark.parametrize("form", ["text", "json"])
def test_status_shows_no_secret_even_where_it_stands_in_the_wrong_place(
    account: Account, ring: InMemory, monkeypatch: Patch, form: str
) -> None:
    monkeypatch.setenv("ZOOM_ACCOUNT_ID", account.served.account_id)
    monkeypatch.setenv("ZOOM_CLIENT_ID", account.served.client_secret)
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", account.served.client_id)
    result = ran("auth", "status", "-vv", "--format", form)
    assert result.exit_code == 4
    assert account.served.client_secret not in result.output
    assert account.served.client_id not in result.output


def test_status_offline_asks_nobody(account: Account, ring: InMemory) -> None:
    ran("auth", "login", "--stdin", "--no-test", stdin="acc\ncid\nhush")
    requests_before = account.served.requests.total
    result = ran("auth", "status", "--offline")
    assert result.exit_code == 0
    assert "set, not shown" in result.stdout
    assert account.served.requests.total == requests_before


def test_status_without_credentials_says_what_is_missing_and_how_to_store_it(
    account: Account, ring: InMemory
) -> None:
    ran("auth", "login", "--stdin", "--no-test", "--profile", "branch", stdin="acc\ncid\nhush")
    result = ran("auth", "status")
    refused(result, 2, "Other profiles: branch", "auditor auth login")
    assert "not set" in result.stdout


@pytest.mark.parametrize("form", ["text", "json"])
def test_status_where_the_keyring_is_locked_says_so(
    account: Account, ring: InMemory, form: str
) -> None:
    keyring.set_keyring(Locked())
    result = ran("auth", "status", "--format", form)
    refused(result, 2, "locked", "secret manager" if form == "text" else '"state": "locked"')


def test_status_names_a_refusal(account: Account, ring: InMemory) -> None:
    ran("auth", "login", "--stdin", "--no-test", stdin="acc\ncid\nhush")
    refused(ran("auth", "status"), 4, "client secret is wrong")


def test_scopes_that_change_something_are_pointed_out(
    account: Account, ring: InMemory, monkeypatch: Patch
) -> None:
    tokens = account.served.service.tokens
    monkeypatch.setattr(tokens, "scopes", (*tokens.scopes, "user:write:user:admin"))
    result = ran("auth", "login", "--stdin", stdin=account.lines)
    assert "user:write:user:admin" in output_text(result)
    monkeypatch.setattr(tokens, "scopes", ())
    assert "did not say what it opens" in output_text(ran("auth", "status"))


def test_profiles_are_apart_and_listed(account: Account, ring: InMemory) -> None:
    Path("mine.toml").write_text('[profiles.office]\ncloud = "gov"\n')
    environment = pytest.MonkeyPatch()
    environment.setenv("AUDITOR_CONFIG", "mine.toml")
    try:
        for name in ("default", "branch"):
            words = ("auth", "login", "--stdin", "--no-test", f"--profile={name}")
            ran(*words, stdin=f"acc-{name}\ncid\nhush")
        result = ran("auth", "list", "--profile", "branch")
    finally:
        environment.undo()
    assert result.stdout.splitlines() == [
        "* branch  (keyring)",
        "  default  (keyring)",
        "  office  (config file)",
    ]
    assert entry(ring, "account_id", "branch") == "acc-branch"


def test_without_profiles_the_list_says_how_to_get_one(account: Account, ring: InMemory) -> None:
    assert "auditor auth login" in ran("auth", "list").stdout
    keyring.set_keyring(fail.Keyring())
    assert "no working keyring" in output_text(ran("auth", "list"))
    keyring.set_keyring(null.Keyring())
    listed = ran("auth", "list")
    assert "The keyring is switched off on this machine" in listed.stderr
    assert listed.stdout == "No profiles.\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_status_shows_no_password_that_stands_in_an_address(
    account: Account, ring: InMemory, monkeypatch: Patch, form: str
) -> None:
    for url in ("https://user:S3cretUrl@api.zoom.us/v2", "https://user:S3cret/Url@api.zoom.us"):
        monkeypatch.setenv("ZOOM_API_URL", url)
        result = ran("auth", "status", "--offline", "--format", form)
        refused(result, 2, "must not contain a user name or password")
        assert "not shown" in result.stdout
        assert "S3cret" not in result.output


def test_logout_removes_one_profile(account: Account, ring: InMemory) -> None:
    for name in ("default", "branch"):
        ran("auth", "login", "--stdin", "--no-test", "--profile", name, stdin="acc\ncid\nhush")
    assert "Removed" in ran("auth", "logout").stdout
    assert entry(ring, "client_secret") is None
    assert entry(ring, "client_secret", "branch") == "hush"
    assert "holds nothing" in ran("auth", "logout").stdout


def test_a_profile_of_the_command_line_is_forgotten_with_its_command(
    account: Account, ring: InMemory
) -> None:
    ran("auth", "list", "--profile", "branch")
    result = ran("auth", "status", "--format", "json", "--offline")
    assert json.loads(result.stdout)["profile"] == "default"


def test_a_name_that_no_profile_can_have_is_refused(account: Account, ring: InMemory) -> None:
    refused(ran("auth", "login", "--stdin", "--profile", "a/b", stdin=account.lines), 2, "letters")


def test_there_is_no_option_for_the_secret(account: Account) -> None:
    result = ran("auth", "login", "--client-secret", "hush")
    assert result.exit_code == 2
    assert "No such option" in result.output


def test_an_internal_error_shows_no_secret(
    account: Account, ring: InMemory, monkeypatch: Patch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("auditor.cli.auth._report_precedence", broken)
    result = ran("auth", "login", "--stdin", stdin=account.lines)
    assert result.exit_code == 5
    assert account.served.client_secret not in result.output

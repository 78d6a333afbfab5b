"""No secret reaches anything the program writes, whatever goes wrong and however much it says."""

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.sandbox import Faults, Sandbox
from tests.end_to_end import unpacked
from tests.end_to_end.conftest import Auditor, Ran, served


def secrets(account: Sandbox) -> list[bytes]:
    """What must appear nowhere: the planted secrets, tokens (they all begin alike), credentials."""
    secret = account.client_secret
    basic = b64encode(f"{account.client_id}:{secret}".encode())
    return [b"CANARY", b"eyJhbGciOi", secret.encode(), basic, basic.rstrip(b"=")]


def artefacts(auditor: Auditor, ran: Ran) -> Iterator[tuple[str, bytes]]:
    """Everything written, and all that is packed in it: evidence in the history, documents."""
    yield "standard output", ran.out.encode()
    yield "standard error", ran.err.encode()
    yield from unpacked.files(auditor.folder)


def leaks(auditor: Auditor, ran: Ran, account: Sandbox) -> set[str]:
    return {
        f"{name} holds {secret[:24]!r}"
        for name, content in artefacts(auditor, ran)
        for secret in secrets(account)
        if secret in content
    }


def test_no_secret_is_kept_or_shown(tmp_path: Path, drifted: Sandbox) -> None:
    auditor = Auditor(tmp_path, drifted)
    files = [word for suffix in ("json", "html", "txt") for word in ("-o", f"night.{suffix}")]
    ran = auditor.audit("-vv", "--baseline", "strict", "--include-passes", *files)
    names = {name for name, _ in artefacts(auditor, ran)}
    assert {"night.json", "night.html", "night.txt", "data/history.sqlite"} <= names
    assert any(name.endswith(":documents unpacked") for name in names)
    assert ran.err
    assert leaks(auditor, ran, drifted) == set()


def test_everything_that_vv_shows_is_requests_and_decisions_and_nobodys_name(
    tmp_path: Path, drifted: Sandbox
) -> None:
    auditor = Auditor(tmp_path, drifted)
    ran = auditor.audit("-vv", "--only", "AI-02")
    for shown in (
        r"^POST /oauth/token, \d+ ms\. The new one lasts \d+ s\.$",
        r"^GET /accounts/me/settings: HTTP 200, \d+ ms, waited \d+ ms, ",
        r"^GET /users: HTTP 200, status=active, \d+ ms, ",
        r"^GET /users/\{userId\}/settings: HTTP 200, \d+ ms, ",
        r"^Listing groups\.$",
        r"^The account's locks prove no document of users: all are read\.$",
    ):
        assert re.search(shown, ran.err, re.MULTILINE), ran.err
    assert "@" not in ran.err
    assert leaks(auditor, ran, drifted) == set()


def test_v_shows_the_steps_and_no_request(tmp_path: Path, drifted: Sandbox) -> None:
    ran = Auditor(tmp_path, drifted).audit("-v", "--only", "AI-02")
    assert "Listing users?option=active." in ran.err
    assert "Reading settings at level user." in ran.err
    assert "GET /" not in ran.err


@pytest.mark.parametrize(
    ("depth", "faults"),
    [
        ("account", Faults(truncated_json=1.0)),
        ("user", Faults(truncated_json=0.2)),
        ("group", Faults(html_200=0.2, errors_5xx=0.2, reset=0.1)),
    ],
    ids=["all truncated", "some truncated", "mixed"],
)
def test_no_secret_is_shown_when_answers_are_broken(
    tmp_path: Path, depth: str, faults: Faults
) -> None:
    select = ("--depth", depth, "--only", "CH-02", "--only", "TP-10")
    with served("drifted", users=5, faults=faults) as account:
        auditor = Auditor(tmp_path, account)
        ran = auditor.audit("-vv", "--log-format", "json", "-o", "night.json", *select)
    assert ran.code in (0, 3, 4)
    assert account.requests.total > 5
    assert leaks(auditor, ran, account) == set()


@pytest.mark.parametrize("variable", ["ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET"])
def test_no_secret_is_shown_when_signing_in_fails(
    tmp_path: Path, drifted: Sandbox, variable: str
) -> None:
    auditor = Auditor(tmp_path, drifted)
    ran = auditor.audit("-vv", env={variable: "CANARY-mistyped"})
    assert ran.code == 4
    shown = {each for each in leaks(auditor, ran, drifted) if "CANARY" not in each}
    assert shown == set()
    assert drifted.client_secret not in ran.out + ran.err


def test_what_is_stored_is_for_its_owner_alone(auditor: Auditor) -> None:
    ran = auditor.audit("--depth", "account")
    assert ran.code in (0, 3), ran.err
    stored = [auditor.data, *auditor.data.rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in stored} == {0}
    assert any(path.suffix == ".sqlite" for path in stored)

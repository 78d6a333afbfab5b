"""Bad input: one sentence that says what to do next, the right exit code, no traceback."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.evidence.scope import Level, Scope
from auditor.sandbox import Sandbox
from auditor.store.runs import Runs
from tests.end_to_end.conftest import Auditor, Installed, Ran, served, variables

LOCKED = Path("/proc") if Path("/proc/self").is_dir() else Path("/dev")
"""A folder that nobody can write to, not even root."""


def refused(ran: Ran, code: int, *said: str) -> None:
    """The command ended with `code` and one sentence that holds each of `said`."""
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    for words in said:
        assert words in ran.err


def no_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--output", "nowhere/night.json"), ("nowhere/night.json", "Choose another place")),
        (("--output", f"{LOCKED}/night.json"), (f"{LOCKED}/night.json", "Choose another place")),
        (("--output", "/dev/null/night.json"), ("/dev/null/night.json", "Choose another place")),
        (("--output", "folder.json"), ("folder.json", "is a folder", "Choose another place")),
        (("--format", "xml"), ("xml", "json", "html")),
        (("--output", "night.docx"), ("night.docx", ".json", "--format")),
        (("--output", "night"), ("night", ".json", "--format")),
        (("--format", "json", "--format", "html"), ("--output",)),
        (("--format", "json", "-o", "a.json", "-o", "b.html"), ("--format",)),
        (("--baseline", "strickt"), ("strickt", "strict")),
        (("--baseline", "nowhere.yaml"), ("nowhere.yaml", "consent-first")),
        (("--baseline", "folder.json"), ("folder.json",)),
        (("--org", "nowhere.yaml"), ("nowhere.yaml",)),
        (("--org", "folder.json"), ("folder.json",)),
        (("--from", "20200101T000000Z-abcdef"), ("20200101T000000Z-abcdef", "auditor history")),
        (("--from", "latest"), ("auditor audit",)),
        (("--from", "noise.sqlite"), ("noise.sqlite",)),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_read(
    auditor: Auditor, drifted: Sandbox, arguments: tuple[str, ...], said: tuple[str, ...]
) -> None:
    (auditor.folder / "folder.json").mkdir()
    (auditor.folder / "noise.sqlite").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 8)
    asked = drifted.requests.total
    refused(auditor.audit(*arguments), 2, *said)
    assert drifted.requests.total == asked
    assert not auditor.data.exists()


@pytest.mark.parametrize(
    ("env", "code", "said"),
    [
        ({"ZOOM_CLIENT_SECRET": ""}, 2, ("ZOOM_CLIENT_SECRET is not set", ".env")),
        ({"ZOOM_CLIENT_ID": " "}, 2, ("ZOOM_CLIENT_ID is not set", "--sandbox")),
        (
            {"ZOOM_ACCOUNT_ID": "", "ZOOM_CLIENT_ID": "", "ZOOM_CLIENT_SECRET": ""},
            2,
            ("ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID and ZOOM_CLIENT_SECRET are not set",),
        ),
        ({"ZOOM_CLIENT_SECRET": "wrong"}, 4, ("ZOOM_CLIENT_SECRET",)),
        ({"ZOOM_CLIENT_ID": "wrong"}, 4, ("ZOOM_CLIENT_ID",)),
        ({"ZOOM_ACCOUNT_ID": "wrong"}, 4, ("ZOOM_ACCOUNT_ID",)),
        ({"ZOOM_API_URL": "http://zoom.example/v2"}, 2, ("ZOOM_API_URL", "https")),
        ({"ZOOM_OAUTH_URL": "http://zoom.example/oauth/token"}, 2, ("ZOOM_OAUTH_URL", "https")),
        ({"ZOOM_API_URL": "https://zoom.example/v2"}, 2, ("ZOOM_API_URL",)),
        ({"ZOOM_API_URL": "ftp://127.0.0.1/v2"}, 2, ("ZOOM_API_URL",)),
        ({"ZOOM_API_URL": "not an address"}, 2, ("ZOOM_API_URL",)),
        ({"AUDITOR_HOME": f"{LOCKED}/data"}, 2, (f"{LOCKED}/data", "AUDITOR_HOME")),
        ({"AUDITOR_BASELINE": "strickt"}, 2, ("strickt", "strict")),
        ({"AUDITOR_ORG": "gone.yaml"}, 2, ("gone.yaml",)),
        ({"AUDITOR_STORE": "history.sqlite"}, 2, ("AUDITOR_STORE", "not the address")),
        ({"AUDITOR_STORE": "postgresql://127.0.0.1:1/a"}, 4, ("cannot be reached",)),
        ({"AUDITOR_SIGNING_KEY": "no key"}, 2, ("signing key", "hexadecimal")),
    ],
)
def test_a_setting_that_cannot_work_is_named(
    auditor: Auditor, env: Mapping[str, str], code: int, said: tuple[str, ...]
) -> None:
    refused(auditor.audit(env=env), code, *said)
    assert not list(auditor.data.glob("runs/*"))


@pytest.mark.parametrize(
    ("arguments", "env", "code"),
    [
        (("audit", "--baseline", "strickt"), {}, 2),
        (("audit",), {"ZOOM_CLIENT_SECRET": "wrong"}, 4),
    ],
)
def test_the_installed_script_refuses_likewise(
    tmp_path: Path,
    drifted: Sandbox,
    arguments: tuple[str, ...],
    env: Mapping[str, str],
    code: int,
) -> None:
    ran = Installed(tmp_path, drifted)(*arguments, env=env)
    refused(ran, code)
    assert ran == Auditor(tmp_path, drifted)(*arguments, env=env)


@pytest.mark.parametrize("which", ["ZOOM_API_URL", "ZOOM_OAUTH_URL"])
def test_an_api_that_is_down_means_nothing_was_evaluated(auditor: Auditor, which: str) -> None:
    address = f"127.0.0.1:{no_port()}"
    env = {which: f"http://{address}/v2"}
    refused(auditor.audit("--only", "RC-02", env=env), 4, "could not be reached", which, address)


def test_an_app_that_was_switched_off_is_said_so(tmp_path: Path) -> None:
    with served("clean", users=1, deactivated=True) as account:
        refused(Auditor(tmp_path, account).audit(), 4, "deactivated")


def test_a_dotenv_that_is_not_text_is_refused(auditor: Auditor) -> None:
    (auditor.folder / ".env").write_bytes(b"ZOOM_ACCOUNT_ID=\xff\xfe\n")
    refused(auditor.audit(), 2, ".env", "UTF-8")


def test_a_dotenv_with_all_credentials_is_read_and_told_of(auditor: Auditor) -> None:
    names = ("ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET")
    given = variables(auditor.account)
    lines = [f"{name}={given[name]}" for name in names]
    (auditor.folder / ".env").write_text("\n".join([*lines, "AUDITOR_BASELINE=strict"]))
    arguments = ("--only", "RC-02", "--depth", "account", "--format", "json")
    addresses = {name: given[name] for name in given if name not in names}
    alone = Auditor(auditor.folder)
    ran = alone.audit(*arguments, env=addresses)
    assert ran.report["run"]["baseline"]["id"] == "strict"
    assert f"From .env: {', '.join(names)}, AUDITOR_BASELINE." in ran.err
    assert given["ZOOM_CLIENT_SECRET"] not in ran.err


def test_a_dotenv_without_credentials_does_not_choose_the_baseline(auditor: Auditor) -> None:
    (auditor.folder / ".env").write_text("ZOOM_CLIENT_SECRET=wrong\nAUDITOR_BASELINE=strict\n")
    ran = auditor.audit("--only", "RC-02", "--depth", "account", "--format", "json")
    assert ran.report["run"]["baseline"]["id"] == "consent-first"
    assert "not used: AUDITOR_BASELINE, because the credentials are not its own" in ran.err


STORING = (
    ("audit",),
    ("audit", "--from", "latest"),
    ("nightly",),
    ("gate",),
    ("gate", "--live"),
    ("gate", "accept", "latest"),
    ("report",),
    ("diff",),
    ("ask",),
    ("history",),
    ("history", "prune"),
    ("history", "findings"),
    ("baseline", "capture", "mine.yaml"),
    ("baseline", "accept-keys"),
    ("config", "show"),
)
"""Every command that reads or writes the history."""


def test_a_store_that_is_no_address_is_refused_by_every_command_before_anything_is_read(
    auditor: Auditor, drifted: Sandbox
) -> None:
    before = drifted.requests.total
    wrong = {}
    for arguments in STORING:
        ran = auditor(*arguments, env={"AUDITOR_STORE": "S3cretWord"})
        output = " ".join((ran.out + ran.err).split())
        named = "AUDITOR_STORE is not the address of a database" in output
        if ran.code != 2 or not named or "S3cretWord" in output:
            wrong[arguments] = (ran.code, output)
    assert wrong == {}
    assert drifted.requests.total == before


BROKEN = {
    "unknown control": ("controls: {AI-99: {expect: false}}", ("AI-99", "Did you mean")),
    "not YAML": ("controls: {RC-02: [", ()),
    "a key twice": ("controls: {RC-02: {expect: false}, RC-02: {expect: true}}", ("RC-02",)),
    "extends itself": ("extends: our.yaml", ("circle",)),
}
"""One of each kind: `tests/policy` has all of them."""


def test_a_faulty_baseline_is_refused_with_its_place(auditor: Auditor) -> None:
    for content, said in BROKEN.values():
        text = f'id: ours\nversion: "1"\ntitle: Ours\n{content}\n'
        (auditor.folder / "our.yaml").write_text(text)
        refused(auditor("baseline", "check", "our.yaml"), 2, "our.yaml", *said)


def test_a_baseline_that_extends_nothing_is_refused(auditor: Auditor) -> None:
    (auditor.folder / "our.yaml").write_text('id: o\nversion: "1"\ntitle: O\nextends: strickt\n')
    refused(auditor("baseline", "check", "our.yaml"), 2, "strickt", 'Did you mean "strict"?')


def test_an_audit_with_a_faulty_baseline_reads_nothing(auditor: Auditor, drifted: Sandbox) -> None:
    (auditor.folder / "our.yaml").write_text('id: o\nversion: "1"\ntitle: O\ncontrols: {X-1: {}}\n')
    asked = drifted.requests.total
    refused(auditor.audit("--baseline", "our.yaml"), 2, "our.yaml", "X-1")
    assert drifted.requests.total == asked


def test_a_report_without_a_run_says_how_to_get_one(auditor: Auditor) -> None:
    refused(auditor("report"), 2, "auditor audit")


@pytest.mark.parametrize("more", [(), ("--baseline", "strict")])
def test_a_run_that_broke_off_is_never_judged(auditor: Auditor, more: tuple[str, ...]) -> None:
    runs = Runs(auditor.data)
    snapshot = runs.create("20261121T000000Z-aaaaaa")
    snapshot.add_scope(Scope(Level.ACCOUNT, "a", "account"))
    snapshot.close()
    refused(auditor("report", "20261121T000000Z-aaaaaa", *more), 2, "run")


def test_an_unknown_control_is_refused_with_the_nearest(auditor: Auditor) -> None:
    refused(auditor("control", "show", "AI-101"), 2, "AI-101", "Did you mean")


@pytest.mark.parametrize(
    "arguments", [("audt",), ("audit", "--nonsense"), ("audit", "--users", "x"), ("baseline", "x")]
)
def test_a_word_that_is_no_command_or_option_is_a_usage_error(
    auditor: Auditor, arguments: tuple[str, ...]
) -> None:
    ran = auditor(*arguments)
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert "for help" in ran.err


@pytest.mark.parametrize(
    "command",
    [
        ("audit", "--org", "org.yaml"),
        ("gate", "--org", "org.yaml"),
        ("gate", "--live", "--org", "org.yaml"),
        ("nightly", "--org", "org.yaml"),
        ("baseline", "check", "org.yaml"),
        ("baseline", "show", "strict", "--org", "org.yaml"),
    ],
    ids=" ".join,
)
def test_an_expectation_no_setting_can_have_is_refused_by_every_command_alike(
    auditor: Auditor, command: tuple[str, ...]
) -> None:
    override = "{match: {group: Sales}, controls: {RC-03: {expect: {op: neq, value: Cloud}}}}"
    (auditor.folder / "org.yaml").write_text(f"overrides:\n  - {override}\n")
    ran = auditor(*command)
    refused(ran, 2, "org.yaml:2: overrides.0.controls.RC-03.expect.value: ", 'mean "cloud"?')

"""Credentials as people handle them: at a terminal, in a real Secret Service, without a keyring."""

import contextlib
import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditor.sandbox import Sandbox
from tests.end_to_end.conftest import COMMAND, Auditor, Ran, environment, served

PASSWORD = b"the password of the keyring"


@pytest.fixture
def account() -> Iterator[Sandbox]:
    with served("clean", users=1) as sandbox:
        yield sandbox


def credentials(account: Sandbox) -> list[str]:
    return [account.account_id, account.client_id, account.client_secret]


@dataclass(frozen=True)
class Desk:
    """The command in a folder, with the addresses of an account and without its credentials."""

    folder: Path
    account: Sandbox
    env: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        addresses = {
            "ZOOM_API_URL": self.account.api_url,
            "ZOOM_OAUTH_URL": self.account.oauth_url,
            "COLUMNS": "80",
        }
        return Auditor(self.folder).environment({**addresses, **self.env})

    def __call__(self, *arguments: object, stdin: str = "") -> Ran:
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(),
            input=stdin.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def typed(self, *arguments: str, answers: list[str]) -> Ran:
        """At a terminal of its own, each answer given to the next prompt; all that it shows."""
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            os.execve(COMMAND, [str(COMMAND), *arguments], self.environment())
        screen = b""
        for answer in answers:
            screen += _until(terminal, b": ")
            os.write(terminal, answer.encode() + b"\n")
        screen += _until(terminal, None)
        os.close(terminal)
        _, status = os.waitpid(process, 0)
        return Ran(os.waitstatus_to_exitcode(status), screen.decode(), "")


def _until(terminal: int, end: bytes | None) -> bytes:
    """What the terminal shows until a prompt ends so and waits, or (None) to its end."""
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                more = os.read(terminal, 4096)
            except OSError:
                return shown
            if not more:
                return shown
            shown += more
        elif end is not None and shown.endswith(end):
            return shown
    raise AssertionError(f"no {end!r} within half a minute: {shown!r}")


@dataclass
class Bus:
    """A D-Bus session with a Secret Service: GNOME Keyring, as on a desktop."""

    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        base = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        base |= {"XDG_RUNTIME_DIR": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address"],
            env=base,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.running.append(bus)
        assert bus.stdout is not None
        address = bus.stdout.readline().decode().strip()
        self.env = {"DBUS_SESSION_BUS_ADDRESS": address, "XDG_RUNTIME_DIR": str(self.folder)}
        self.base = base | self.env

    def keyring(self, *, unlocked: bool) -> None:
        daemon = subprocess.Popen(
            [
                "gnome-keyring-daemon",
                "--foreground",
                "--components=secrets",
                *(["--unlock"] if unlocked else []),
            ],
            env=self.base,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.running.append(daemon)
        assert daemon.stdin is not None
        daemon.stdin.write(PASSWORD if unlocked else b"")
        daemon.stdin.close()
        # The daemon takes its name before its login keyring is there. In one run under load a
        # client that asked in between made it fall over.
        is_ready = self._has_keyring if unlocked else self._answers
        deadline = time.monotonic() + 60
        while not is_ready() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _answers(self) -> bool:
        owner = "org.freedesktop.DBus.NameHasOwner"
        shown = self._asked("org.freedesktop.DBus", owner, "string:org.freedesktop.secrets")
        return b"boolean true" in shown

    def _has_keyring(self) -> bool:
        alias = "org.freedesktop.Secret.Service.ReadAlias"
        shown = (
            self._asked("org.freedesktop.secrets", alias, "string:login")
            if self._answers()
            else b""
        )
        return b"/collection/" in shown

    def _asked(self, destination: str, method: str, argument: str) -> bytes:
        command = ["dbus-send", "--session", "--print-reply", f"--dest={destination}"]
        command += [f"/{destination.replace('.', '/')}", method, argument]
        return subprocess.run(command, env=self.base, capture_output=True, check=False).stdout

    def stop(self) -> None:
        for process in reversed(self.running):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        self.running.clear()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    made = Bus(tmp_path / "session")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def desktop(tmp_path: Path, account: Sandbox, bus: Bus) -> Desk:
    """A desktop whose keyring is unlocked."""
    bus.keyring(unlocked=True)
    backend = {"PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring"}
    return Desk(tmp_path, account, {**bus.env, **backend})


@pytest.mark.slow
@pytest.mark.needs("dbus-daemon", "gnome-keyring-daemon")
def test_a_real_secret_service_keeps_several_profiles(desktop: Desk) -> None:
    secret = desktop.account.client_secret
    lines = "\n".join(credentials(desktop.account))
    for profile in ("default", "branch"):
        ran = desktop("auth", "login", "--stdin", "--profile", profile, stdin=lines)
        assert ran.code == 0, ran.err
        assert "Secret Service" in ran.out
        assert secret not in ran.out + ran.err
    listed = desktop("auth", "list").out
    assert listed.splitlines() == ["  branch  (keyring)", "* default  (keyring)"]

    status = desktop("auth", "status")
    assert status.code == 0, status.err
    assert status.out.count("keyring\n") == 3
    assert secret not in status.out + status.err

    audited = desktop("audit", "--depth", "account", "--only", "RC-02", "--profile", "branch")
    assert audited.code == 0, audited.err

    assert desktop("auth", "logout").code == 0
    assert desktop("auth", "status").code == 2
    assert desktop("auth", "status", "--offline", "--profile", "branch").code == 0
    for path in desktop.folder.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


@pytest.mark.slow
@pytest.mark.needs("dbus-daemon", "gnome-keyring-daemon")
def test_a_locked_collection_is_said_so_and_nothing_waits(
    tmp_path: Path, account: Sandbox, bus: Bus, desktop: Desk
) -> None:
    lines = "\n".join(credentials(account))
    assert desktop("auth", "login", "--stdin", stdin=lines).code == 0
    bus.stop()
    bus.start()
    bus.keyring(unlocked=False)
    locked = Desk(tmp_path, account, {**desktop.env, **bus.env})
    for command in (("auth", "login", "--stdin"), ("auth", "status"), ("auth", "logout")):
        ran = locked(*command, stdin=lines)
        assert ran.code == 2, ran.err
        assert "is locked" in ran.out + ran.err
    ran = locked("audit", "--depth", "account")
    assert ran.code == 2
    assert "ZOOM_CLIENT_SECRET are not set" in ran.err
    assert "is locked" in ran.err


def test_a_server_without_a_bus_names_the_other_places(tmp_path: Path, account: Sandbox) -> None:
    desk = Desk(tmp_path, account, {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    ran = desk("auth", "login", "--stdin", stdin="\n".join(credentials(account)))
    assert ran.code == 2
    assert "no working keyring" in ran.err
    assert "(1) the environment" in ran.err
    missing = {"PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring"}
    ran = Desk(tmp_path, account, missing)("auth", "status", "--offline")
    assert ran.code == 2
    assert "cannot be loaded" in ran.out
    assert account.client_secret not in ran.out + ran.err


def test_credentials_that_systemd_hands_over_are_used(tmp_path: Path, account: Sandbox) -> None:
    handed = tmp_path / "credentials"
    handed.mkdir()
    for name, value in zip(("account_id", "client_id", "client_secret"), credentials(account)):  # noqa: B905
        (handed / f"zoom_{name}").write_text(f"{value}\n")
    desk = Desk(tmp_path, account, {"CREDENTIALS_DIRECTORY": str(handed)})
    ran = desk("auth", "status")
    assert ran.code == 0, ran.err
    assert ran.out.count("systemd credentials\n") == 3


@pytest.mark.slow
@pytest.mark.needs("dbus-daemon", "gnome-keyring-daemon")
def test_what_is_typed_as_the_secret_is_not_shown(desktop: Desk) -> None:
    account_id, client_id, secret = credentials(desktop.account)
    ran = desktop.typed("auth", "login", answers=[account_id, f' "{client_id}" ', secret])
    assert ran.code == 0, ran.out
    assert client_id in ran.out
    assert "Blanks or quotes around the client ID were left out." in ran.out
    assert secret not in ran.out
    assert "Stored" in ran.out


@pytest.mark.slow
@pytest.mark.needs("dbus-daemon", "gnome-keyring-daemon")
def test_a_slip_at_the_terminal_is_pointed_out_and_asked_again(desktop: Desk) -> None:
    account_id, client_id, secret = credentials(desktop.account)
    first = ["1234567890", account_id, account_id]
    answers = [*first, account_id, client_id, "CANARY with blanks", secret]
    ran = desktop.typed("auth", "login", answers=answers)
    assert ran.code == 0, ran.out
    shown = " ".join(ran.out.split())
    assert "account number" in shown
    assert "the same as the account ID" in shown
    assert "contains a space" in shown
    assert "CANARY" not in ran.out


@pytest.mark.slow
@pytest.mark.needs("dbus-daemon", "gnome-keyring-daemon")
def test_a_secret_at_the_prompt_of_the_client_id_can_be_corrected(desktop: Desk) -> None:
    """The wrong one of the two came first: asking for the second again would never end."""
    account_id, client_id, secret = credentials(desktop.account)
    answers = [account_id, secret, secret, account_id, client_id, secret]
    ran = desktop.typed("auth", "login", answers=answers)
    assert ran.code == 0, ran.out
    assert "enter all three again" in " ".join(ran.out.split())
    assert "Stored" in ran.out


@pytest.mark.slow
@pytest.mark.needs("dbus-daemon", "gnome-keyring-daemon")
def test_after_three_slips_nothing_is_stored(desktop: Desk) -> None:
    ran = desktop.typed("auth", "login", answers=["..."] * 3)
    assert ran.code == 2
    assert "Nothing was stored." in ran.out


@pytest.mark.slow
@pytest.mark.needs("dbus-daemon", "gnome-keyring-daemon")
def test_a_new_secret_needs_only_the_secret(desktop: Desk) -> None:
    lines = "\n".join(credentials(desktop.account))
    desktop("auth", "login", "--stdin", "--no-test", stdin=lines.replace("CANARY", "old"))
    ran = desktop.typed("auth", "login", answers=["", "", desktop.account.client_secret])
    assert ran.code == 0, ran.out
    assert "Enter keeps" in ran.out
    assert "Replaced" in ran.out
    assert desktop("auth", "status").code == 0


@pytest.mark.slow
@pytest.mark.needs("dbus-daemon", "gnome-keyring-daemon")
def test_ctrl_c_at_a_prompt_stores_nothing(desktop: Desk) -> None:
    ran = desktop.typed("auth", "login", answers=[desktop.account.account_id, "\x03"])
    assert ran.code == 130
    assert "No profiles" in desktop("auth", "list").out


def test_a_dotenv_open_to_others_is_warned_of_once_by_every_command(
    tmp_path: Path, account: Sandbox
) -> None:
    (tmp_path / ".env").write_text(f"ZOOM_CLIENT_SECRET={account.client_secret}\n")
    (tmp_path / ".env").chmod(0o644)
    command = Auditor(tmp_path)
    for words in (
        ("auth", "status"),
        ("auth", "list"),
        ("audit", "--depth", "account"),
        ("report",),
        ("ask",),
    ):
        ran = command(*words, env=Desk(tmp_path, account).environment())
        assert ran.err.count("chmod 600 .env") == 1, (words, ran.err)
        assert account.client_secret not in ran.out + ran.err


def test_an_encrypted_file_that_nobody_can_open_is_told_before_zoom_is_asked(
    tmp_path: Path, account: Sandbox
) -> None:
    """Its password is asked for on a terminal. Python would take a credential for it."""
    lines = "\n".join(credentials(account))
    before = account.requests.total
    env = environment(
        tmp_path,
        PYTHON_KEYRING_BACKEND="keyrings.cryptfile.cryptfile.CryptFileKeyring",
        ZOOM_API_URL=account.api_url,
        ZOOM_OAUTH_URL=account.oauth_url,
    )
    done = subprocess.run(
        [COMMAND, "auth", "login", "--stdin"],
        input=lines,
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,  # no terminal to open
        check=False,
    )
    said = " ".join(done.stderr.split())
    assert done.returncode == 2, said
    assert "asks for a password, but there is no terminal" in said
    assert "GetPassWarning" not in said
    assert "(2) systemd" in said
    assert "(3)" not in said
    assert account.requests.total == before
    assert not any(word in done.stdout + done.stderr for word in lines.split())

"""Who controls what, against what the gate answers: `.env`, the environment, and the clock.

A shut gate stays shut whatever stands in a `.env` of the working folder, unless the credentials
come from there too; then the gate says so. The rest of the table is `tests/cli/test_gate_trust.py`.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from auditor.sandbox import Sandbox
from tests.end_to_end import test_two_weeks as weeks
from tests.end_to_end.broken_off import USER_SETTINGS, until
from tests.end_to_end.conftest import COMMAND_LINE, FAST, Ran, served, variables
from tests.end_to_end.test_two_weeks import FIRST, SUMMARY, Fortnight

fortnight = weeks.fortnight

STARTS = "in_meeting.meeting_summary_with_ai_companion.auto_enable"
LAX = "{id: consent-first, version: '1.0', title: Lax, controls: {AI-05: {expect: true}}}"
EXPECTS_NOTHING = (
    "overrides: [{match: {level: account}, reason: r, controls: {AI-02: {severity: low}}}]"
)


@dataclass
class Machine:
    """A user's home with a run of an account that deviates, and a folder with one that does not."""

    folder: Path
    sandbox: Sandbox
    clean_home: Path

    def run(self, *words: object, env: Mapping[str, str] | None = None, **home: str) -> Ran:
        """Run the command without any variable of the auditor but those of `env`."""
        ours = {name: None for name in os.environ if name.startswith(("ZOOM_", "AUDITOR_", "XDG_"))}
        base = {
            "CI": None,
            "HOME": str(self.folder / "home"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        hoisted = COMMAND_LINE.move_global_options_first([str(word) for word in words])
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(
                COMMAND_LINE.app,
                hoisted,
                prog_name="auditor",
                env={**ours, **base, **home, **(variables(self.sandbox) if env is None else env)},
            )
        assert "Traceback" not in result.stderr
        return Ran(result.exit_code, result.stdout, result.stderr)

    def values(self, name: str) -> str:
        """What whoever writes the `.env` would like `name` to be."""
        return {
            "AUDITOR_BASELINE": str(self.folder / "lax.yaml"),
            "AUDITOR_CONFIG": str(self.folder / "config.toml"),
            "AUDITOR_ORG": str(self.folder / "org.yaml"),
            "AUDITOR_HOME": str(self.clean_home),
            "AUDITOR_STORE": f"sqlite:///{self.clean_home}/history.sqlite",
            "ZOOM_ACCOUNT_ID": "another-account",
        }[name]


NAMES = (
    "AUDITOR_BASELINE",
    "AUDITOR_CONFIG",
    "AUDITOR_ORG",
    "AUDITOR_HOME",
    "AUDITOR_STORE",
    "ZOOM_ACCOUNT_ID",
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    with served("clean", users=2, groups=1) as sandbox:
        machine = Machine(folder, sandbox, folder / "clean-home")
        (folder / "home").mkdir()
        (folder / "lax.yaml").write_text(LAX)
        (folder / "org.yaml").write_text(EXPECTS_NOTHING)
        (folder / "config.toml").write_text(f'baseline = "{folder}/lax.yaml"\n')
        clean = {**variables(sandbox), "AUDITOR_HOME": str(machine.clean_home)}
        assert machine.run("nightly", *FAST, env=clean).code == 0
        assert machine.run("gate", env=clean).code == 0, "where it counts, it opens the gate"
        sandbox.change(level="account", setting=STARTS, value=True, operator="dana@example.com")
        assert machine.run("nightly", *FAST).code == 0
        assert machine.run("gate").code == 1
        yield machine


@pytest.fixture(autouse=True)
def _no_dotenv_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "machine" in request.fixturenames:
        (request.getfixturevalue("machine").folder / ".env").unlink(missing_ok=True)


def dotenv(machine: Machine, values: Mapping[str, str], mode: int = 0o600) -> None:
    path = machine.folder / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    path.chmod(mode)


@pytest.mark.parametrize("name", NAMES)
def test_a_dotenv_opens_no_gate_of_credentials_from_elsewhere(machine: Machine, name: str) -> None:
    dotenv(machine, {name: machine.values(name)})
    given = variables(machine.sandbox)
    for environment in (given, {**given, "CI": "true"}):
        assert machine.run("gate", env=environment).code == 1
        emptied = machine.run("gate", env={**environment, name: ""})
        assert emptied.code in ((1, 2, 4) if name == "ZOOM_ACCOUNT_ID" else (1,)), emptied


@pytest.mark.parametrize("name", NAMES)
def test_a_dotenv_that_others_may_write_to_opens_no_gate(machine: Machine, name: str) -> None:
    for mode in (0o620, 0o602):
        dotenv(machine, {**variables(machine.sandbox), name: machine.values(name)}, mode)
        ran = machine.run("gate", env={})
        assert ran.code in (1, 4), ran
        assert ".env" in ran.err


def test_no_address_of_a_dotenv_is_told_a_secret_from_elsewhere(machine: Machine) -> None:
    with served("clean", users=2, groups=1) as listener:
        dotenv(machine, {"ZOOM_OAUTH_URL": listener.oauth_url, "ZOOM_API_URL": listener.api_url})
        environment = {
            **variables(machine.sandbox),
            "ZOOM_OAUTH_URL": "http://127.0.0.1:9/oauth/token",
            "ZOOM_API_URL": "http://127.0.0.1:9/v2",
        }
        assert machine.run("gate", "--live", env=environment).code == 4
        assert listener.requests.total == 0


def test_a_gate_says_what_came_from_a_dotenv_that_counts(machine: Machine) -> None:
    dotenv(machine, variables(machine.sandbox))
    ran = machine.run("gate", env={})
    assert ran.code == 1
    assert ".env" in ran.err
    assert "ZOOM_CLIENT_SECRET" in ran.err
    assert machine.sandbox.client_secret not in ran.err


# The clock


@pytest.mark.slow
@pytest.mark.needs("faketime")
def test_evidence_read_before_a_resume_is_as_old_as_its_oldest_document(
    fortnight: Fortnight,
) -> None:
    account = fortnight.account
    running = fortnight.popen("audit", "--max-rate", "10", "--rate-share", "1")
    until(lambda: account.requests.template(USER_SETTINGS) >= 3)
    subprocess.run(["pkill", "-KILL", "-P", str(running.pid)], check=False)
    running.kill()
    running.communicate()

    fortnight.at(FIRST + timedelta(hours=20))
    resumed = fortnight.run("audit", "--resume", *FAST)
    assert resumed.code in (0, 1), resumed.err
    fresh = fortnight.run("gate", "--allow-unknown", "--max-age", "26h")
    assert fresh.code == 0, fresh.out
    young = fortnight.run("gate", "--allow-unknown", "--max-age", "1h")
    assert young.code == 4
    assert "hours old; at most 60 minutes" in young.out, young.out


@pytest.mark.slow
@pytest.mark.needs("faketime")
def test_a_night_with_the_clock_ahead_is_never_the_latest_and_can_be_set_aside(
    fortnight: Fortnight,
) -> None:
    assert fortnight.night().code == 0
    (first,) = (run["id"] for run in fortnight.runs())
    fortnight.at(FIRST + timedelta(days=400))
    fortnight.account.change(level="account", setting=SUMMARY, value=True, operator="d@example.com")
    assert fortnight.night().code == 0
    ahead = fortnight.runs()[-1]["id"]

    fortnight.at(FIRST + timedelta(hours=6))
    report = fortnight.run("report", "latest", "--format", "json")
    assert json.loads(report.out)["run"]["id"] == first
    gate = fortnight.run("gate", "--allow-unknown", "--format", "json")
    assert (gate.code, json.loads(gate.out)["run"]["id"]) == (0, first), gate.out
    assert fortnight.run("gate", "accept", ahead).code == 2
    assert "future" in fortnight.run("history").out

    aside = fortnight.run("history", "set-aside", ahead, "--reason", "the clock was ahead")
    assert aside.code == 0, aside.err
    assert "the clock was ahead" in fortnight.run("history").out
    fortnight.at(FIRST + timedelta(days=1))
    assert fortnight.night().code == 0
    after = fortnight.runs()[-1]["id"]
    assert after not in (first, ahead)
    assert fortnight.run("gate").code == 1, "the setting is still on"
